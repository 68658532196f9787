//! Operators that work value by value.

use super::super::attribute::Attributes;
use super::{CHOICE, Lowering, Operand, Vector, broadcast, floats};
use crate::kernel::{Activation, Binary};
use tract_onnx::pb::NodeProto;

impl Lowering<'_> {
    /// Add, Sub, Mul and Div with a constant on either side.
    pub(super) fn with_constant(&mut self, node: &NodeProto) -> Result<Vector, String> {
        Attributes::new(node, &[])?;
        let side = |position: usize| {
            self.operand(node, position)?.ok_or_else(|| format!("input {position} is missing"))
        };
        let (source, tensor, constant_first) = match (side(0)?, side(1)?) {
            (Operand::Vector(source), Operand::Constant(tensor)) => (source, tensor, false),
            (Operand::Constant(tensor), Operand::Vector(source)) => (source, tensor, true),
            (Operand::Choice(_), _) | (_, Operand::Choice(_)) => {
                return Err(format!("an input is the place of a largest value, {CHOICE}"));
            }
            (Operand::Vector(_), Operand::Vector(_)) => {
                return Err("both inputs depend on the observation; expected one constant".to_owned());
            }
            (Operand::Constant(_), Operand::Constant(_)) => {
                return Err("both inputs are constants; fold constants before export".to_owned());
            }
        };
        let binary = match (node.op_type.as_str(), constant_first) {
            ("Add", _) => Binary::Add,
            ("Sub", false) => Binary::Subtract,
            ("Sub", true) => Binary::SubtractFrom,
            ("Mul", _) => Binary::Multiply,
            ("Div", false) => Binary::Divide,
            _ => Binary::DivideInto,
        };
        let constant = broadcast(&tensor, source.value.size)?;
        if binary == Binary::Divide && constant.contains(&0.0) {
            return Err("divides by a constant that holds 0".to_owned());
        }
        self.spend(constant.len())?;
        // A constant of rank 2 makes a vector of rank 2 of a lone one.
        let rank = source.rank.max(tensor.dims.len());
        Ok(Vector { value: self.program.constant(source.value, binary, constant), rank })
    }

    /// Functions of one value.
    pub(super) fn function(&mut self, node: &NodeProto) -> Result<Vector, String> {
        let known: &[&str] = if matches!(&node.op_type[..], "Elu" | "LeakyRelu") { &["alpha"] } else { &[] };
        let attributes = Attributes::new(node, known)?;
        let activation = match node.op_type.as_str() {
            "Relu" => Activation::Relu,
            "Tanh" => Activation::Tanh,
            "Sigmoid" => Activation::Sigmoid,
            "Elu" => Activation::Elu { alpha: attributes.float("alpha", 1.0)? },
            "LeakyRelu" => Activation::LeakyRelu { slope: attributes.float("alpha", 0.01)? },
            _ => Activation::Softplus,
        };
        if !activation.is_valid() {
            return Err(format!("{activation:?} is out of range; a slope lies within [-1, 1]"));
        }
        let source = self.vector(node, 0)?;
        Ok(Vector { value: self.program.function(source.value, activation), rank: source.rank })
    }

    /// Clip, with limits as attributes up to operator set 10 and as inputs since.
    pub(super) fn clip(&mut self, node: &NodeProto) -> Result<Vector, String> {
        let source = self.vector(node, 0)?;
        let (minimum, maximum) = if self.operator_set < 11 {
            let attributes = Attributes::new(node, &["min", "max"])?;
            (attributes.float("min", f32::MIN)?, attributes.float("max", f32::MAX)?)
        } else {
            Attributes::new(node, &[])?;
            (self.limit(node, 1, f32::MIN)?, self.limit(node, 2, f32::MAX)?)
        };
        let activation = Activation::Clip { minimum, maximum };
        if !activation.is_valid() {
            return Err(format!("its minimum {minimum} is not below its maximum {maximum}"));
        }
        Ok(Vector { value: self.program.function(source.value, activation), rank: source.rank })
    }

    fn limit(&self, node: &NodeProto, position: usize, default: f32) -> Result<f32, String> {
        let Some(tensor) = self.constant(node, position)? else {
            return Ok(default);
        };
        match floats(&tensor)? {
            [limit] => Ok(*limit),
            limits => Err(format!("input {position} has {} values, expected one limit", limits.len())),
        }
    }
}
