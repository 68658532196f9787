//! Operators that compute nothing: constants, names, and other dimensions for the same elements.

use super::super::attribute::Attributes;
use super::super::tensor::{Elements, Tensor};
use super::operand::{Operand, axis_of, check_count};
use super::view::View;
use super::{Lowering, MAX_RANK};
use crate::image::Element;
use crate::kernel::Function;
use crate::onnx::protobuf::NodeProto;
use crate::onnx::protobuf::attribute_proto::AttributeType;
use crate::onnx::protobuf::tensor_proto::DataType;
use std::rc::Rc;

/// The value of a Constant node.
pub(super) fn constant(node: &NodeProto) -> Result<Operand, String> {
    let known = ["value", "value_float", "value_floats", "value_int", "value_ints"];
    let attributes = Attributes::new(node, &known)?;
    let [attribute] = &node.attribute[..] else {
        return Err(format!("has {} attributes, expected one value", node.attribute.len()));
    };
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
    Ok(match kind {
        AttributeType::Tensor => {
            let tensor = attribute.t.as_ref().ok_or("has no tensor")?;
            Operand::Constant(Rc::new(Tensor::read(tensor).map_err(|error| error.to_string())?))
        }
        AttributeType::Float => Operand::constant(vec![], finite(&[attribute.f])?),
        AttributeType::Floats => Operand::constant(vec![attribute.floats.len()], finite(&attribute.floats)?),
        AttributeType::Int => Operand::constant(vec![], Elements::Integer(vec![attribute.i])),
        _ => Operand::constant(vec![attribute.ints.len()], Elements::Integer(attribute.ints.clone())),
    })
}

impl Lowering<'_> {
    /// Another name for the same.
    pub(super) fn identity(&self, node: &NodeProto) -> Result<Operand, String> {
        Attributes::new(node, &["ratio", "seed"])?;
        let is_training = match self.constant(node, 2)?.as_deref() {
            Some(Tensor { elements: Elements::Truth(values), .. }) => values.contains(&true),
            _ => false,
        };
        if is_training {
            return Err("drops values at random, as in training; export the model for inference".to_owned());
        }
        self.operand(node, 0)
    }

    /// Numbers, whole numbers and truth values into each other.
    pub(super) fn cast(&mut self, node: &NodeProto) -> Result<Operand, String> {
        let wanted = if node.op_type == "CastLike" {
            Attributes::new(node, &["saturate", "round_mode"])?;
            self.operand(node, 1)?.element()
        } else {
            let kind = Attributes::new(node, &["to", "saturate", "round_mode"])?.integer("to", 0)?;
            let kind = i32::try_from(kind).ok().and_then(|kind| DataType::try_from(kind).ok());
            match kind {
                Some(DataType::Float) => Element::Number,
                Some(DataType::Int64 | DataType::Int32) => Element::Integer,
                Some(DataType::Bool) => Element::Truth,
                // What a constant becomes and is cast back from.
                Some(DataType::Double) if self.reads_constants_only(node) => Element::Number,
                other => {
                    let name = other.map_or("an unknown type".to_owned(), |kind| kind.to_string());
                    return Err(format!("casts to {name}; values are FLOAT, INT64, INT32 or BOOL"));
                }
            }
        };
        let operand = self.operand(node, 0)?;
        let function = match (operand.element(), wanted) {
            (from, to) if from == to => return Ok(operand),
            (Element::Number, Element::Integer) => Some(Function::Truncate),
            (_, Element::Truth) => Some(Function::NonZero),
            _ => None,
        };
        let flow = self.flowing(operand)?;
        let value = function.map_or(flow.value, |function| self.program.function(flow.value, function));
        Ok(Operand::Flow(super::Flow { value, ..flow }.of(wanted)))
    }

    fn reads_constants_only(&self, node: &NodeProto) -> bool {
        matches!(self.operand(node, 0), Ok(Operand::Constant(_)))
    }

    /// Dimensions as constants.
    pub(super) fn shape(&mut self, node: &NodeProto) -> Result<Operand, String> {
        let attributes = Attributes::new(node, &["start", "end"])?;
        let dims: Vec<i64> = self.operand(node, 0)?.dims().iter().map(|dim| *dim as i64).collect();
        if node.op_type == "Size" {
            return Ok(Operand::constant(vec![], Elements::Integer(vec![dims.iter().product()])));
        }
        let rank = dims.len() as i64;
        let bound =
            |position: i64| if position < 0 { position + rank } else { position }.clamp(0, rank) as usize;
        let (start, end) = (bound(attributes.integer("start", 0)?), bound(attributes.integer("end", rank)?));
        let part = dims.get(start..end).unwrap_or_default().to_vec();
        Ok(Operand::constant(vec![part.len()], Elements::Integer(part)))
    }

    pub(super) fn constant_of_shape(&mut self, node: &NodeProto) -> Result<Operand, String> {
        let value = Attributes::new(node, &["value"])?.get("value", AttributeType::Tensor)?;
        let value = match value.and_then(|attribute| attribute.t.as_ref()) {
            None => Elements::Float(vec![0.0]),
            Some(tensor) => Tensor::read(tensor).map_err(|error| error.to_string())?.elements,
        };
        if value.len() != 1 {
            return Err(format!("its value has {} elements, expected 1", value.len()));
        }
        let dims = dims_of(&self.integers(node, 0)?.ok_or("input 0 is missing")?)?;
        let count = check_count(dims.iter().copied())?;
        self.spend(count)?;
        Ok(Operand::constant(dims, value.pick(&vec![0; count])))
    }

    /// Whole numbers from a start to a limit.
    pub(super) fn range(&mut self, node: &NodeProto) -> Result<Operand, String> {
        let bound = |position: usize| match self.integers(node, position)?.as_deref() {
            Some([value]) => Ok(*value),
            _ => Err(format!("input {position} is not one whole number")),
        };
        let (start, limit, step) = (bound(0)?, bound(1)?, bound(2)?);
        if step == 0 {
            return Err("its step is 0".to_owned());
        }
        let count = i128::from(limit) - i128::from(start);
        let count = (count + i128::from(step) - i128::from(step.signum())).div_euclid(i128::from(step));
        let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
        let count = check_count([count])?;
        self.spend(count)?;
        let values = (0..count as i64).map(|index| start.wrapping_add(index.wrapping_mul(step)));
        Ok(Operand::constant(vec![count], Elements::Integer(values.collect())))
    }

    pub(super) fn flatten(&mut self, node: &NodeProto) -> Result<Operand, String> {
        let axis = Attributes::new(node, &["axis"])?.integer("axis", 1)?;
        let operand = self.operand(node, 0)?;
        let rank = operand.dims().len();
        let axis = if axis == rank as i64 { rank } else { axis_of(axis, rank)? };
        let (outer, inner) = operand.dims().split_at(axis);
        let dims = vec![outer.iter().product(), inner.iter().product()];
        Ok(operand.with_dims(dims))
    }

    pub(super) fn reshape(&mut self, node: &NodeProto) -> Result<Operand, String> {
        let keeps_zero = Attributes::new(node, &["allowzero"])?.flag("allowzero")?;
        let operand = self.operand(node, 0)?;
        let shape = self.integers(node, 1)?.ok_or("input 1 is missing")?;
        if shape.len() > MAX_RANK {
            return Err(format!("shape {shape:?} has more than {MAX_RANK} dimensions"));
        }
        let count: usize = operand.dims().iter().product();
        let mut dims = Vec::with_capacity(shape.len());
        let mut free = None;
        for (axis, size) in shape.iter().enumerate() {
            dims.push(match *size {
                -1 if free.is_none() => {
                    free = Some(axis);
                    1
                }
                0 if !keeps_zero => *operand
                    .dims()
                    .get(axis)
                    .ok_or_else(|| format!("shape {shape:?} keeps axis {axis} of {:?}", operand.dims()))?,
                size => usize::try_from(size).map_err(|_| format!("shape {shape:?} is not possible"))?,
            });
        }
        let known = check_count(dims.iter().copied())?;
        if let Some(axis) = free {
            dims[axis] = count.checked_div(known).unwrap_or(0);
        }
        if check_count(dims.iter().copied())? != count {
            return Err(format!("shape {shape:?} does not hold the {count} values of {:?}", operand.dims()));
        }
        Ok(operand.with_dims(dims))
    }

    /// The axes of an operator that has them as an attribute up to operator set 12 and as an input since.
    fn axes(&mut self, node: &NodeProto) -> Result<Option<Vec<i64>>, String> {
        if self.operator_set < 13 {
            return Attributes::new(node, &["axes"])?.integers("axes");
        }
        Attributes::new(node, &[])?;
        self.integers(node, 1)
    }

    /// Drops axes of one element: those named, or all.
    pub(super) fn squeeze(&mut self, node: &NodeProto) -> Result<Operand, String> {
        let operand = self.operand(node, 0)?;
        let dims = operand.dims().to_vec();
        let dropped = match self.axes(node)? {
            None => (0..dims.len()).filter(|axis| dims[*axis] == 1).collect(),
            Some(axes) => {
                axes.iter().map(|axis| axis_of(*axis, dims.len())).collect::<Result<Vec<_>, _>>()?
            }
        };
        if let Some(axis) = dropped.iter().find(|axis| dims[**axis] != 1) {
            return Err(format!("drops axis {axis} of {dims:?}, which has more than one element"));
        }
        let kept = (0..dims.len()).filter(|axis| !dropped.contains(axis)).map(|axis| dims[axis]).collect();
        Ok(operand.with_dims(kept))
    }

    pub(super) fn unsqueeze(&mut self, node: &NodeProto) -> Result<Operand, String> {
        let operand = self.operand(node, 0)?;
        let axes = self.axes(node)?.ok_or("its axes are missing")?;
        if axes.len() > MAX_RANK {
            return Err(format!("adds {} axes", axes.len()));
        }
        let rank = operand.dims().len() + axes.len();
        let added = axes.iter().map(|axis| axis_of(*axis, rank)).collect::<Result<Vec<_>, _>>()?;
        let mut own = operand.dims().iter().copied();
        let dims: Vec<usize> =
            (0..rank).map(|axis| if added.contains(&axis) { 1 } else { own.next().unwrap_or(1) }).collect();
        if own.next().is_some() {
            return Err(format!("axes {axes:?} name one axis twice"));
        }
        Ok(operand.with_dims(dims))
    }

    pub(super) fn transpose(&mut self, node: &NodeProto) -> Result<Operand, String> {
        let order = Attributes::new(node, &["perm"])?.integers("perm")?;
        let operand = self.operand(node, 0)?;
        let rank = operand.dims().len();
        let order = match order {
            None => (0..rank).rev().collect::<Vec<_>>(),
            Some(order) => order.iter().map(|axis| axis_of(*axis, rank)).collect::<Result<_, _>>()?,
        };
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..rank) {
            return Err(format!("perm {order:?} is no order of {rank} axes"));
        }
        let view = View::whole(operand.dims()).permuted(&order);
        self.rearranged(&operand, &view)
    }

    pub(super) fn expand(&mut self, node: &NodeProto) -> Result<Operand, String> {
        Attributes::new(node, &[])?;
        let operand = self.operand(node, 0)?;
        let wanted = dims_of(&self.integers(node, 1)?.ok_or("input 1 is missing")?)?;
        let dims = super::operand::common_dims(operand.dims(), &wanted)?;
        check_count(dims.iter().copied())?;
        let view = View::whole(operand.dims()).broadcast(&dims);
        let view = view.ok_or_else(|| format!("shape {:?} does not expand to {wanted:?}", operand.dims()))?;
        self.rearranged(&operand, &view)
    }

    /// Repeats the whole along each axis.
    pub(super) fn tile(&mut self, node: &NodeProto) -> Result<Operand, String> {
        Attributes::new(node, &[])?;
        let operand = self.operand(node, 0)?;
        let repeats = dims_of(&self.integers(node, 1)?.ok_or("input 1 is missing")?)?;
        if repeats.len() != operand.dims().len() {
            return Err(format!("repeats {repeats:?} do not fit shape {:?}", operand.dims()));
        }
        let pairs = repeats.iter().zip(operand.dims());
        let spread: Vec<usize> = pairs.clone().flat_map(|(repeat, dim)| [*repeat, *dim]).collect();
        let dims = pairs.map(|(repeat, dim)| repeat.saturating_mul(*dim)).collect();
        check_count(spread.iter().copied())?;
        let split: Vec<usize> = operand.dims().iter().flat_map(|dim| [1, *dim]).collect();
        let view = View::whole(&split).broadcast(&spread).ok_or("does not repeat")?;
        Ok(self.rearranged(&operand, &view)?.with_dims(dims))
    }
}

/// Dimensions that are not negative.
pub(super) fn dims_of(shape: &[i64]) -> Result<Vec<usize>, String> {
    if shape.len() > MAX_RANK {
        return Err(format!("shape {shape:?} has more than {MAX_RANK} dimensions"));
    }
    let dims = shape.iter().map(|dim| usize::try_from(*dim).ok()).collect::<Option<_>>();
    dims.ok_or_else(|| format!("shape {shape:?} has a negative dimension"))
}

/// Sizes that are not negative, however many.
pub(super) fn dims_of_any(sizes: &[i64]) -> Result<Vec<usize>, String> {
    let sizes_of = sizes.iter().map(|size| usize::try_from(*size).ok()).collect::<Option<_>>();
    sizes_of.ok_or_else(|| format!("sizes {sizes:?} are not all positive"))
}
