//! Operators that work value by value.

use super::super::attribute::Attributes;
use super::super::tensor::{Elements, Tensor};
use super::operand::{Flow, Operand, check_count, common_dims};
use super::view::View;
use super::{Lowering, expect_numbers};
use crate::image::Element;
use crate::image::program::Source;
use crate::kernel::{Activation, Binary, Function};
use crate::onnx::protobuf::NodeProto;

/// `alpha` of Selu and its `gamma`, as the specification gives them.
const SELU_ALPHA: f32 = 1.673_263_2;
const SELU_GAMMA: f32 = 1.050_701;

impl Lowering<'_> {
    /// Operators of one value.
    pub(super) fn function(&mut self, node: &NodeProto) -> Result<Flow, String> {
        let function = function_of(node)?;
        let flow = self.flow(node, 0)?;
        let is_truth = flow.element == Element::Truth;
        if is_truth != (function == Function::Not) {
            return Err(format!("input 0 is {:?}, which it does not take", flow.element));
        }
        Ok(Flow { value: self.program.function(flow.value, function), ..flow })
    }

    /// Operators of two values, broadcast against each other.
    pub(super) fn binary(&mut self, node: &NodeProto) -> Result<Flow, String> {
        let known: &[&str] = if node.op_type == "Mod" { &["fmod"] } else { &[] };
        let attributes = Attributes::new(node, known)?;
        let (first, second) = (self.operand(node, 0)?, self.operand(node, 1)?);
        let element = first.element();
        if element != second.element() {
            return Err(format!("combines {element:?} and {:?}", second.element()));
        }
        let (binary, result) = match node.op_type.as_str() {
            "Add" => (Binary::Add, element),
            "Sub" => (Binary::Subtract, element),
            "Mul" => (Binary::Multiply, element),
            "Div" => (Binary::Divide, element),
            "Pow" => return self.power(first, &second),
            "Mod" => return self.remainder(attributes.flag("fmod")?, &first, &second),
            "Less" => (Binary::Less, Element::Truth),
            "LessOrEqual" => (Binary::LessOrEqual, Element::Truth),
            "Greater" => (Binary::Greater, Element::Truth),
            "GreaterOrEqual" => (Binary::GreaterOrEqual, Element::Truth),
            "Equal" => (Binary::Equal, Element::Truth),
            "And" => (Binary::And, Element::Truth),
            "Or" => (Binary::Or, Element::Truth),
            "Xor" => (Binary::Xor, Element::Truth),
            _ => (Binary::LeakyRelu, element),
        };
        let flow = self.combined(binary, &first, &second)?;
        let whole = element == Element::Integer && binary == Binary::Divide;
        let value = if whole { self.program.function(flow.value, Function::Truncate) } else { flow.value };
        Ok(Flow { value, ..flow }.of(result))
    }

    /// `first ∘ second` under their common dimensions, with the type of the first.
    pub(super) fn combined(
        &mut self,
        binary: Binary,
        first: &Operand,
        second: &Operand,
    ) -> Result<Flow, String> {
        let dims = common_dims(first.dims(), second.dims())?;
        let size = check_count(dims.iter().copied())?;
        self.check_width(size)?;
        if let Operand::Constant(tensor) = second
            && binary == Binary::Divide
            && tensor.elements.to_floats()?.contains(&0.0)
        {
            return Err("divides by a constant that holds 0".to_owned());
        }
        let element = first.element();
        // The operand that fills the result comes first, best one in flow.
        let fills = |operand: &Operand| operand.dims().iter().product::<usize>() == size;
        let exchanges = match (first, second) {
            (Operand::Flow(_), Operand::Constant(_)) => false,
            (Operand::Constant(_), Operand::Flow(_)) => true,
            _ => !fills(first) && fills(second),
        };
        let (binary, first, second) =
            if exchanges { (binary.exchanged(), second, first) } else { (binary, first, second) };
        let first = self.flowing(first.clone())?;
        let first = if first.value.size == size {
            first
        } else {
            let view = View::whole(&first.dims).broadcast(&dims).ok_or("does not broadcast")?;
            self.flow_rearranged(&first, &view)?
        };
        let second = self.broadcast(second, &dims)?;
        if let Source::Constant(values) = &second {
            self.spend(values.len())?;
        }
        let value = self.program.binary(binary, first.value, second);
        Ok(Flow { value, dims, element })
    }

    /// Small constant powers are products and roots, which are exact to the last place.
    fn power(&mut self, base: Operand, exponent: &Operand) -> Result<Flow, String> {
        expect_numbers(&base, "the base")?;
        let constant = match exponent {
            Operand::Constant(tensor) if tensor.len() == 1 => tensor.elements.to_floats()?.first().copied(),
            _ => None,
        };
        let dims = common_dims(base.dims(), exponent.dims())?;
        if base.dims() != dims {
            return self.combined(Binary::Power, &base, exponent);
        }
        let flow = self.flowing(base)?;
        let source = Source::Value(flow.value);
        let value = match constant {
            Some(1.0) => flow.value,
            Some(2.0) => self.program.binary(Binary::Multiply, flow.value, source),
            Some(3.0) => {
                let square = self.program.binary(Binary::Multiply, flow.value, source.clone());
                self.program.binary(Binary::Multiply, square, source)
            }
            Some(0.5) => self.program.function(flow.value, Function::SquareRoot),
            Some(-1.0) => self.program.function(flow.value, Function::Reciprocal),
            _ => return self.combined(Binary::Power, &Operand::Flow(flow), exponent),
        };
        Ok(Flow { value, ..flow })
    }

    /// With the sign of the dividend (`fmod`), or of the divisor, which the specification has for whole numbers.
    fn remainder(
        &mut self,
        has_sign_of_dividend: bool,
        first: &Operand,
        second: &Operand,
    ) -> Result<Flow, String> {
        if has_sign_of_dividend {
            return self.combined(Binary::Remainder, first, second);
        }
        if first.element() != Element::Integer {
            return Err("takes FLOAT with fmod = 0; the specification asks for fmod = 1".to_owned());
        }
        let quotient = self.combined(Binary::Divide, first, second)?;
        let whole = self.program.function(quotient.value, Function::Floor);
        let multiple = Operand::Flow(Flow { value: whole, ..quotient });
        let multiple = Operand::Flow(self.combined(Binary::Multiply, &multiple, second)?);
        self.combined(Binary::Subtract, first, &multiple)
    }

    /// Min, Max, Sum and Mean of any number of inputs.
    pub(super) fn several(&mut self, node: &NodeProto) -> Result<Flow, String> {
        Attributes::new(node, &[])?;
        let binary = match node.op_type.as_str() {
            "Min" => Binary::Minimum,
            "Max" => Binary::Maximum,
            _ => Binary::Add,
        };
        let mut sum = self.operand(node, 0)?;
        for position in 1..node.input.len() {
            let next = self.operand(node, position)?;
            sum = Operand::Flow(self.combined(binary, &sum, &next)?);
        }
        if node.op_type == "Mean" {
            let count = Operand::constant(vec![], Elements::Float(vec![node.input.len() as f32]));
            return self.combined(Binary::Divide, &sum, &count);
        }
        self.flowing(sum)
    }

    /// Clip, with limits as attributes up to operator set 10 and as inputs since.
    pub(super) fn clip(&mut self, node: &NodeProto) -> Result<Flow, String> {
        let flow = self.flow(node, 0)?;
        let limits = if self.operator_set < 11 {
            let attributes = Attributes::new(node, &["min", "max"])?;
            Some((attributes.float("min", f32::MIN)?, attributes.float("max", f32::MAX)?))
        } else {
            Attributes::new(node, &[])?;
            self.limit(node, 1, f32::MIN)?.zip(self.limit(node, 2, f32::MAX)?)
        };
        let Some((minimum, maximum)) = limits else {
            return self.clip_to_values(node, flow);
        };
        let activation = Activation::Clip { minimum, maximum };
        if !activation.is_valid() {
            return Err(format!("its minimum {minimum} is not below its maximum {maximum}"));
        }
        Ok(Flow { value: self.program.function(flow.value, Function::Activation(activation)), ..flow })
    }

    /// A constant limit; `None` for one that depends on the inputs.
    fn limit(&self, node: &NodeProto, position: usize, default: f32) -> Result<Option<f32>, String> {
        match self.optional(node, position)? {
            None => Ok(Some(default)),
            Some(Operand::Flow(_)) => Ok(None),
            Some(Operand::Constant(tensor)) => match tensor.elements.to_floats()?[..] {
                [limit] => Ok(Some(limit)),
                ref limits => {
                    Err(format!("input {position} has {} values, expected one limit", limits.len()))
                }
            },
        }
    }

    fn clip_to_values(&mut self, node: &NodeProto, flow: Flow) -> Result<Flow, String> {
        let mut clipped = flow;
        for (position, binary) in [(1, Binary::Maximum), (2, Binary::Minimum)] {
            if let Some(limit) = self.optional(node, position)? {
                clipped = self.combined(binary, &Operand::Flow(clipped), &limit)?;
            }
        }
        Ok(clipped)
    }
}

/// The function that an operator of one value stands for.
fn function_of(node: &NodeProto) -> Result<Function, String> {
    let known: &[&str] = match node.op_type.as_str() {
        "Elu" | "LeakyRelu" | "Celu" | "ThresholdedRelu" | "Swish" => &["alpha"],
        "Selu" => &["alpha", "gamma"],
        "HardSigmoid" => &["alpha", "beta"],
        "Gelu" => &["approximate"],
        operator if !super::OPERATORS.split(", ").any(|known| known == operator) => {
            return Err(format!("is not lowered; these operators are: {}", super::OPERATORS));
        }
        _ => &[],
    };
    let attributes = Attributes::new(node, known)?;
    let activation = |activation| Ok(Function::Activation(activation));
    let function = match node.op_type.as_str() {
        "Relu" => return activation(Activation::Relu),
        "Tanh" => return activation(Activation::Tanh),
        "Sigmoid" => return activation(Activation::Sigmoid),
        "Softplus" => return activation(Activation::Softplus),
        "Elu" => return activation(Activation::Elu { alpha: attributes.float("alpha", 1.0)? }),
        "LeakyRelu" => {
            Function::Activation(Activation::LeakyRelu { slope: attributes.float("alpha", 0.01)? })
        }
        "Exp" => Function::Exponential,
        "Log" => Function::Logarithm,
        "Sqrt" => Function::SquareRoot,
        "Reciprocal" => Function::Reciprocal,
        "Abs" => Function::Absolute,
        "Neg" => Function::Negative,
        "Sign" => Function::Sign,
        "Floor" => Function::Floor,
        "Ceil" => Function::Ceil,
        "Round" => Function::Round,
        "Sin" => Function::Sine,
        "Cos" => Function::Cosine,
        "Erf" => Function::Erf,
        "Not" => Function::Not,
        "Mish" => Function::Mish,
        "Softsign" => Function::Softsign,
        "HardSwish" => Function::HardSwish,
        "Gelu" => match attributes.text("approximate", "none")? {
            "none" => Function::Gelu,
            "tanh" => Function::GeluTanh,
            other => return Err(format!("approximate is {other:?}, expected \"none\" or \"tanh\"")),
        },
        "Swish" if attributes.float("alpha", 1.0)? == 1.0 => Function::Silu,
        "Celu" => Function::Celu { alpha: attributes.float("alpha", 1.0)? },
        "ThresholdedRelu" => Function::Threshold { threshold: attributes.float("alpha", 1.0)? },
        "HardSigmoid" => Function::HardSigmoid {
            slope: attributes.float("alpha", 0.2)?,
            offset: attributes.float("beta", 0.5)?,
        },
        "Selu" => Function::Selu {
            alpha: attributes.float("alpha", SELU_ALPHA)?,
            gamma: attributes.float("gamma", SELU_GAMMA)?,
        },
        "Swish" => return Err("has an alpha other than 1, which is not run".to_owned()),
        other => return Err(format!("{other} is no function of one value")),
    };
    if function.is_valid() { Ok(function) } else { Err(format!("{function:?} is out of range")) }
}

/// A constant's numbers.
pub(super) fn floats(tensor: &Tensor) -> Result<&[f32], String> {
    match &tensor.elements {
        Elements::Float(values) => Ok(values),
        _ => Err("has an INT64 constant where numbers are needed".to_owned()),
    }
}
