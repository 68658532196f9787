//! Normalization of rows, and of channels by constants.

use super::super::attribute::Attributes;
use super::super::tensor::{Elements, Tensor};
use super::Lowering;
use super::element_wise::floats;
use super::operand::{Flow, Operand, axis_of};
use super::view::View;
use crate::image::operation::Normalization;
use crate::kernel::Binary;
use crate::onnx::protobuf::NodeProto;

impl Lowering<'_> {
    /// `LayerNormalization` and `RMSNormalization` over the axes from one on.
    pub(super) fn row_normalization(&mut self, node: &NodeProto) -> Result<Flow, String> {
        let attributes = Attributes::new(node, &["axis", "epsilon", "stash_type"])?;
        attributes.expect("stash_type", 1, 1)?;
        let centered = node.op_type == "LayerNormalization";
        if node.output.iter().skip(1).any(|output| !output.is_empty()) {
            return Err("gives its statistics too, which only training needs".to_owned());
        }
        let flow = self.flow(node, 0)?;
        let axis = axis_of(attributes.integer("axis", -1)?, flow.dims.len())?;
        let epsilon = attributes.float("epsilon", 1e-5)?;
        if epsilon < 0.0 {
            return Err(format!("epsilon is {epsilon}, expected at least 0"));
        }
        let dims = flow.dims[axis..].to_vec();
        let scale = self.weights(node, 1)?.ok_or("input 1 is missing")?;
        let mut weights = spread(&scale, &dims)?;
        let bias = if centered { self.weights(node, 2)? } else { None };
        let has_bias = bias.is_some();
        if let Some(bias) = bias {
            weights.extend(spread(&bias, &dims)?);
        }
        self.spend(weights.len())?;
        let rows = flow.dims[..axis].iter().product();
        let shape = Normalization { epsilon, centered, has_bias };
        Ok(Flow { value: self.program.normalize(shape, flow.value, rows, weights), ..flow })
    }

    /// `(x - mean) / √(variance + epsilon) · scale + bias` of each channel: one factor and one addend, computed in f64.
    pub(super) fn batch_normalization(&mut self, node: &NodeProto) -> Result<Flow, String> {
        let attributes = Attributes::new(node, &["epsilon", "momentum", "training_mode", "spatial"])?;
        attributes.expect("training_mode", 0, 0)?;
        let epsilon = f64::from(attributes.float("epsilon", 1e-5)?);
        let flow = self.flow(node, 0)?;
        let Some(&channels) = flow.dims.get(1) else {
            return Err(format!("input 0 has shape {:?}, expected [batch, channels, ...]", flow.dims));
        };
        let mut parameters: Vec<Vec<f64>> = Vec::with_capacity(4);
        for position in 1..5 {
            let tensor =
                self.weights(node, position)?.ok_or_else(|| format!("input {position} is missing"))?;
            if tensor.dims != [channels] {
                return Err(format!("input {position} has shape {:?}, expected [{channels}]", tensor.dims));
            }
            parameters.push(floats(&tensor)?.iter().map(|value| f64::from(*value)).collect());
        }
        let [scale, bias, mean, variance] = &parameters[..] else {
            return Err("has no parameters".to_owned());
        };
        let factor: Vec<f64> = scale
            .iter()
            .zip(variance)
            .map(|(scale, variance)| scale / libm::sqrt(variance + epsilon))
            .collect();
        let addend = bias.iter().zip(mean).zip(&factor).map(|((bias, mean), factor)| bias - mean * factor);
        let along_channels = [vec![channels], vec![1; flow.dims.len() - 2]].concat();
        let constant = |values: Vec<f32>| {
            if values.iter().all(|value| value.is_finite()) {
                Ok(Operand::constant(along_channels.clone(), Elements::Float(values)))
            } else {
                Err("its variance and epsilon give a factor that is not finite".to_owned())
            }
        };
        let addend = constant(addend.map(|value| value as f32).collect())?;
        let factor = constant(factor.iter().map(|value| *value as f32).collect())?;
        let scaled = self.combined(Binary::Multiply, &Operand::Flow(flow), &factor)?;
        self.combined(Binary::Add, &Operand::Flow(scaled), &addend)
    }
}

/// A constant laid out over all of `dims`.
fn spread(tensor: &Tensor, dims: &[usize]) -> Result<Vec<f32>, String> {
    let values = floats(tensor)?;
    let view = View::whole(&tensor.dims).broadcast(dims);
    let view =
        view.ok_or_else(|| format!("a constant of shape {:?} does not broadcast to {dims:?}", tensor.dims))?;
    Ok(view.positions().into_iter().map(|position| values[position]).collect())
}
