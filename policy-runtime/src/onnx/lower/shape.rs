//! Operators that compute nothing: constants, names, and shapes that stay what they are.

use super::super::attribute::Attributes;
use super::super::tensor::{Elements, Tensor};
use super::{Lowering, Operand, Vector};
use tract_onnx::pb::NodeProto;
use tract_onnx::pb::attribute_proto::AttributeType;

/// The value of a Constant node.
pub(super) fn constant(node: &NodeProto) -> Result<Tensor, String> {
    let known = ["value", "value_float", "value_floats", "value_int", "value_ints"];
    let attributes = Attributes::new(node, &known)?;
    let [attribute] = &node.attribute[..] else {
        return Err(format!("has {} attributes, expected one value", node.attribute.len()));
    };
    let flat = |elements: Elements, dims| Ok(Tensor { dims, elements });
    let name = attribute.name.as_str();
    let kind = match name {
        "value" => AttributeType::Tensor,
        "value_float" => AttributeType::Float,
        "value_floats" => AttributeType::Floats,
        "value_int" => AttributeType::Int,
        _ => AttributeType::Ints,
    };
    attributes.get(name, kind)?;
    let finite = |values: &[f32]| match values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(format!("holds {value}, expected finite numbers")),
        None => Ok(Elements::Float(values.to_vec())),
    };
    match kind {
        AttributeType::Tensor => {
            let tensor = attribute.t.as_ref().ok_or("has no tensor")?;
            Tensor::read(tensor).map_err(|error| error.to_string())
        }
        AttributeType::Float => flat(finite(&[attribute.f])?, vec![]),
        AttributeType::Floats => flat(finite(&attribute.floats)?, vec![attribute.floats.len()]),
        AttributeType::Int => flat(Elements::Integer(vec![attribute.i]), vec![]),
        _ => flat(Elements::Integer(attribute.ints.clone()), vec![attribute.ints.len()]),
    }
}

impl Lowering<'_> {
    /// Another name for the same.
    pub(super) fn identity(&self, node: &NodeProto) -> Result<Operand, String> {
        Attributes::new(node, &[])?;
        self.operand(node, 0)?.ok_or_else(|| "input 0 is missing".to_owned())
    }

    /// `[batch, n]` stays as it is.
    pub(super) fn flatten(&self, node: &NodeProto) -> Result<Vector, String> {
        let axis = Attributes::new(node, &["axis"])?.integer("axis", 1)?;
        let source = self.vector(node, 0)?;
        match (source.rank, axis) {
            (2, 1 | -1) => Ok(source),
            // `[n]` becomes `[1, n]`.
            (1, 0 | -1) => Ok(Vector { rank: 2, ..source }),
            (rank, axis) => Err(format!("axis {axis} of rank {rank} mixes the batch with the values")),
        }
    }

    /// To `[batch, n]` or `[n]`, with the same n.
    pub(super) fn reshape(&self, node: &NodeProto) -> Result<Vector, String> {
        Attributes::new(node, &["allowzero"])?;
        let source = self.vector(node, 0)?;
        let tensor = self.constant(node, 1)?.ok_or("input 1 is missing")?;
        let Elements::Integer(shape) = &tensor.elements else {
            return Err("its shape is not INT64".to_owned());
        };
        let size = source.value.size as i64;
        let keeps_batch = |batch: i64| matches!(batch, -1 | 1) || (batch == 0 && source.rank == 2);
        match shape[..] {
            [batch, values] if keeps_batch(batch) && (values == size || (values == -1 && batch != -1)) => {
                Ok(Vector { rank: 2, ..source })
            }
            [batch, 0] if keeps_batch(batch) && source.rank == 2 => Ok(source),
            [values] if values == size || values == -1 => Ok(Vector { rank: 1, ..source }),
            _ => Err(format!("shape {shape:?} is not [batch, {size}] or [{size}]")),
        }
    }

    /// Drops the batch of one, or nothing.
    pub(super) fn squeeze(&self, node: &NodeProto) -> Result<Vector, String> {
        let source = self.vector(node, 0)?;
        let axes = if self.operator_set < 13 {
            Attributes::new(node, &["axes"])?.get("axes", AttributeType::Ints)?.map(|axes| axes.ints.clone())
        } else {
            Attributes::new(node, &[])?;
            match self.constant(node, 1)?.map(|tensor| tensor.elements.clone()) {
                None => None,
                Some(Elements::Integer(axes)) => Some(axes),
                Some(Elements::Float(_)) => return Err("its axes are not INT64".to_owned()),
            }
        };
        match (axes.as_deref(), source.rank) {
            (Some([]), rank) => Ok(Vector { rank, ..source }),
            (None | Some([0 | -2]), 2) if source.value.size > 1 => Ok(Vector { rank: 1, ..source }),
            (Some([0 | -2]), 2) => Ok(Vector { rank: 1, ..source }),
            (None, 1) if source.value.size > 1 => Ok(source),
            _ => Err(format!("axes {axes:?} drop the values; only a batch of one can be dropped")),
        }
    }
}
