//! How an operation is written as 16 words.
//!
//! | code | operation | variant | flags | words from 2 on |
//! |---|---|---|---|---|
//! | 1 | dense | function | | source, rows, inputs, outputs, weights, two parameters |
//! | 2 | function | function | | source, length, 0, 0, 0, two parameters |
//! | 3 | binary | operation | second operand | first, second, length |
//! | 4 | select | | first, second operand | condition, first, second, length |
//! | 5 | copy | | source | source, 4 dims, 4 source strides, 4 destination strides |
//! | 6 | gather | | | source, source length, length, table |
//! | 7 | reduce | reduction | | source, rows, size |
//! | 8 | softmax | 1: its logarithm | | source, rows, size |
//! | 9 | normalize | 1: centered, 2: with a bias | | source, rows, size, weights, epsilon |
//! | 10 | product | | | first, second, rows, inner, columns |
//!
//! An operand's flags are 1 for a place among the weights and 2 for a single value; those of a second operand are shifted
//! by 2 bits. Unused words are 0. Functions are 0 none, 1 relu, 2 tanh, 3 sigmoid, 4 elu, 5 leaky relu, 6 softplus, 7
//! clip, then those of [`FUNCTIONS`], then 64 hard sigmoid, 65 selu, 66 celu, 67 threshold.

use super::{FieldError, Normalization, Operand, Operation};
use crate::kernel::scalar::Layout;
use crate::kernel::{Activation, Binary, Function, Reduction};

/// Size of a record.
pub(crate) const RECORD_BYTES: usize = 64;
/// A record in place.
pub(crate) type Record = [u32; RECORD_BYTES / 4];

const DENSE: u8 = 1;
const BINARY: u8 = 3;

/// Functions without parameters, from code 8 on.
const FUNCTIONS: [Function; 21] = [
    Function::Exponential,
    Function::Logarithm,
    Function::SquareRoot,
    Function::Reciprocal,
    Function::Absolute,
    Function::Negative,
    Function::Sign,
    Function::Floor,
    Function::Ceil,
    Function::Round,
    Function::Truncate,
    Function::Sine,
    Function::Cosine,
    Function::Erf,
    Function::Not,
    Function::NonZero,
    Function::Gelu,
    Function::GeluTanh,
    Function::Silu,
    Function::Mish,
    Function::Softsign,
];
const HARD_SWISH: u8 = 63;
const FIRST_FUNCTION: u8 = 8;

const REDUCTIONS: [Reduction; 9] = [
    Reduction::Sum,
    Reduction::Mean,
    Reduction::Maximum,
    Reduction::Minimum,
    Reduction::Norm2,
    Reduction::SquareSum,
    Reduction::ArgMaximum,
    Reduction::ArgMinimum,
    Reduction::Product,
];

const IN_WEIGHTS: u8 = 1;
const SINGLE: u8 = 2;
const CENTERED: u8 = 1;
const WITH_BIAS: u8 = 2;

/// A dense layer as its record holds it: what an inference reads in place of an [`Operation`], whose decoding takes as long
/// as a small layer.
#[derive(Clone, Copy)]
pub(crate) struct DenseRecord {
    pub(crate) function: FunctionRecord,
    pub(crate) source: u32,
    pub(crate) destination: u32,
    pub(crate) rows: u32,
    pub(crate) inputs: u32,
    pub(crate) outputs: u32,
    pub(crate) weights: u32,
}

impl DenseRecord {
    /// `None` for another operation.
    #[inline(always)]
    pub(crate) fn read(record: &Record) -> Option<Self> {
        let [head, destination, source, rows, inputs, outputs, weights, first, second, ..] = *record;
        let [code, variant, ..] = head.to_le_bytes();
        let function = FunctionRecord { code: variant, first, second };
        (code == DENSE).then_some(Self { function, source, destination, rows, inputs, outputs, weights })
    }
}

/// An element-wise operation of two vectors as its record holds it, read as a [`DenseRecord`] is.
#[derive(Clone, Copy)]
pub(crate) struct BinaryRecord {
    pub(crate) binary: Binary,
    pub(crate) first: u32,
    pub(crate) second: Operand,
    pub(crate) destination: u32,
    pub(crate) length: u32,
}

impl BinaryRecord {
    /// `None` for another operation, or an unknown one.
    #[inline(always)]
    pub(crate) fn read(record: &Record) -> Option<Self> {
        let [head, destination, first, second, length, ..] = *record;
        let [code, variant, flags, _] = head.to_le_bytes();
        let second = operand(second, flags >> 2).ok()?;
        let binary = *Binary::ALL.get(usize::from(variant))?;
        (code == BINARY).then_some(Self { binary, first, second, destination, length })
    }
}

/// A function as a record holds it.
#[derive(Clone, Copy)]
pub(crate) struct FunctionRecord {
    code: u8,
    first: u32,
    second: u32,
}

impl FunctionRecord {
    /// `None` for an unknown code. What the parameters are, the check of the image has seen.
    #[inline(always)]
    pub(crate) fn function(self) -> Option<Function> {
        let (first, second) = (f32::from_bits(self.first), f32::from_bits(self.second));
        Some(match self.code {
            0 => Function::IDENTITY,
            1 => Function::Activation(Activation::Relu),
            2 => Function::Activation(Activation::Tanh),
            3 => Function::Activation(Activation::Sigmoid),
            4 => Function::Activation(Activation::Elu { alpha: first }),
            5 => Function::Activation(Activation::LeakyRelu { slope: first }),
            6 => Function::Activation(Activation::Softplus),
            7 => Function::Activation(Activation::Clip { minimum: first, maximum: second }),
            HARD_SWISH => Function::HardSwish,
            64 => Function::HardSigmoid { slope: first, offset: second },
            65 => Function::Selu { alpha: first, gamma: second },
            66 => Function::Celu { alpha: first },
            67 => Function::Threshold { threshold: first },
            other => *FUNCTIONS.get(usize::from(other.wrapping_sub(FIRST_FUNCTION)))?,
        })
    }

    fn check(self) -> Result<Function, FieldError> {
        let function = self.function().ok_or(("function", self.code.into()))?;
        if function.is_valid() { Ok(function) } else { Err(("function parameter", self.first)) }
    }
}

impl Operation {
    pub(crate) fn decode(record: &Record) -> Result<Self, FieldError> {
        if let Some(layer) = DenseRecord::read(record) {
            let DenseRecord { function, source, destination, rows, inputs, outputs, weights } = layer;
            let function = function.check()?;
            return Ok(Self::Dense { function, source, destination, rows, inputs, outputs, weights });
        }
        let [head, destination, a, b, c, d, e, f, g, ..] = *record;
        let [code, variant, flags, _] = head.to_le_bytes();
        let function = FunctionRecord { code: variant, first: f, second: g };
        let operation = match code {
            2 => Self::Function { function: function.check()?, source: a, destination, length: b },
            BINARY => {
                let binary = *Binary::ALL.get(usize::from(variant)).ok_or(("binary", variant.into()))?;
                Self::Binary { binary, first: a, second: operand(b, flags >> 2)?, destination, length: c }
            }
            4 => Self::Select {
                condition: a,
                first: operand(b, flags & 3)?,
                second: operand(c, flags >> 2)?,
                destination,
                length: d,
            },
            5 => Self::Copy { source: operand(a, flags)?, destination, layout: layout(record) },
            6 => Self::Gather { source: a, source_length: b, destination, length: c, table: d },
            7 => {
                let reduction = *REDUCTIONS.get(usize::from(variant)).ok_or(("reduction", variant.into()))?;
                Self::Reduce { reduction, source: a, destination, rows: b, size: c }
            }
            8 => Self::Softmax { logarithm: variant == 1, source: a, destination, rows: b, size: c },
            9 => Self::Normalize {
                shape: normalization(variant, e)?,
                source: a,
                destination,
                rows: b,
                size: c,
                weights: d,
            },
            10 => Self::Product { first: a, second: b, destination, rows: c, inner: d, columns: e },
            unknown => return Err(("code", unknown.into())),
        };
        Ok(operation)
    }
}

#[inline(always)]
fn operand(place: u32, flags: u8) -> Result<Operand, FieldError> {
    if flags > (IN_WEIGHTS | SINGLE) {
        return Err(("operand flags", flags.into()));
    }
    Ok(Operand { place, in_weights: flags & IN_WEIGHTS != 0, is_single: flags & SINGLE != 0 })
}

fn layout(record: &Record) -> Layout {
    let [_, _, _, d0, d1, d2, d3, s0, s1, s2, s3, t0, t1, t2, t3, _] = *record;
    Layout {
        dims: [d0, d1, d2, d3],
        source_strides: [s0, s1, s2, s3].map(u32::cast_signed),
        destination_strides: [t0, t1, t2, t3],
    }
}

fn normalization(variant: u8, epsilon: u32) -> Result<Normalization, FieldError> {
    let value = f32::from_bits(epsilon);
    if !(value.is_finite() && value >= 0.0) {
        return Err(("epsilon", epsilon));
    }
    let (centered, has_bias) = (variant & CENTERED != 0, variant & WITH_BIAS != 0);
    Ok(Normalization { epsilon: value, centered, has_bias })
}

#[cfg(feature = "onnx")]
impl Operation {
    pub(crate) fn encode(&self) -> Record {
        let mut words = Record::default();
        let (code, variant, flags) = self.fill(&mut words[1..]);
        words[0] = u32::from_le_bytes([code, variant, flags, 0]);
        words
    }

    /// Fills the words after the first; gives code, variant and flags.
    fn fill(&self, words: &mut [u32]) -> (u8, u8, u8) {
        let mut write = |values: &[u32]| words[..values.len()].copy_from_slice(values);
        match *self {
            Self::Dense { function, source, destination, rows, inputs, outputs, weights } => {
                let (variant, first, second) = function_code(function);
                write(&[destination, source, rows, inputs, outputs, weights, first, second]);
                (DENSE, variant, 0)
            }
            Self::Function { function, source, destination, length } => {
                let (variant, first, second) = function_code(function);
                write(&[destination, source, length, 0, 0, 0, first, second]);
                (2, variant, 0)
            }
            Self::Binary { binary, first, second, destination, length } => {
                write(&[destination, first, second.place, length]);
                (BINARY, position(&Binary::ALL, &binary), operand_flags(second) << 2)
            }
            Self::Select { condition, first, second, destination, length } => {
                write(&[destination, condition, first.place, second.place, length]);
                (4, 0, operand_flags(first) | (operand_flags(second) << 2))
            }
            Self::Copy { source, destination, layout } => {
                let [s0, s1, s2, s3] = layout.source_strides.map(i32::cast_unsigned);
                let ([d0, d1, d2, d3], [t0, t1, t2, t3]) = (layout.dims, layout.destination_strides);
                write(&[destination, source.place, d0, d1, d2, d3, s0, s1, s2, s3, t0, t1, t2, t3]);
                (5, 0, operand_flags(source))
            }
            Self::Gather { source, source_length, destination, length, table } => {
                write(&[destination, source, source_length, length, table]);
                (6, 0, 0)
            }
            Self::Reduce { reduction, source, destination, rows, size } => {
                write(&[destination, source, rows, size]);
                (7, position(&REDUCTIONS, &reduction), 0)
            }
            Self::Softmax { logarithm, source, destination, rows, size } => {
                write(&[destination, source, rows, size]);
                (8, u8::from(logarithm), 0)
            }
            Self::Normalize { shape, source, destination, rows, size, weights } => {
                write(&[destination, source, rows, size, weights, shape.epsilon.to_bits()]);
                let centered = if shape.centered { CENTERED } else { 0 };
                (9, centered | if shape.has_bias { WITH_BIAS } else { 0 }, 0)
            }
            Self::Product { first, second, destination, rows, inner, columns } => {
                write(&[destination, first, second, rows, inner, columns]);
                (10, 0, 0)
            }
        }
    }
}

#[cfg(feature = "onnx")]
fn function_code(function: Function) -> (u8, u32, u32) {
    let (code, first, second) = match function {
        Function::Activation(activation) => match activation {
            Activation::Identity => (0, 0.0, 0.0),
            Activation::Relu => (1, 0.0, 0.0),
            Activation::Tanh => (2, 0.0, 0.0),
            Activation::Sigmoid => (3, 0.0, 0.0),
            Activation::Elu { alpha } => (4, alpha, 0.0),
            Activation::LeakyRelu { slope } => (5, slope, 0.0),
            Activation::Softplus => (6, 0.0, 0.0),
            Activation::Clip { minimum, maximum } => (7, minimum, maximum),
        },
        Function::HardSwish => (HARD_SWISH, 0.0, 0.0),
        Function::HardSigmoid { slope, offset } => (64, slope, offset),
        Function::Selu { alpha, gamma } => (65, alpha, gamma),
        Function::Celu { alpha } => (66, alpha, 0.0),
        Function::Threshold { threshold } => (67, threshold, 0.0),
        other => (FIRST_FUNCTION + position(&FUNCTIONS, &other), 0.0, 0.0),
    };
    (code, f32::to_bits(first), f32::to_bits(second))
}

/// The position in a table that holds every variant.
#[cfg(feature = "onnx")]
fn position<T: PartialEq>(table: &[T], wanted: &T) -> u8 {
    table.iter().position(|entry| entry == wanted).map_or(u8::MAX, |index| index as u8)
}

#[cfg(feature = "onnx")]
fn operand_flags(operand: Operand) -> u8 {
    let place = if operand.in_weights { IN_WEIGHTS } else { 0 };
    place | if operand.is_single { SINGLE } else { 0 }
}

#[cfg(all(test, feature = "onnx"))]
mod tests {
    use super::*;

    #[test]
    fn every_function_and_operation_survives_its_record() {
        let mut operations: Vec<Operation> = Vec::new();
        let parametric = [
            Function::IDENTITY,
            Function::Activation(Activation::Clip { minimum: -1.0, maximum: 2.0 }),
            Function::HardSwish,
            Function::HardSigmoid { slope: 0.2, offset: 0.5 },
            Function::Selu { alpha: 1.6, gamma: 1.0 },
            Function::Celu { alpha: 2.0 },
            Function::Threshold { threshold: 0.5 },
        ];
        for function in FUNCTIONS.into_iter().chain(parametric) {
            operations.push(Operation::Function { function, source: 1, destination: 2, length: 3 });
            let dense = Operation::Dense {
                function,
                source: 1,
                destination: 2,
                rows: 3,
                inputs: 4,
                outputs: 5,
                weights: 6,
            };
            operations.push(dense);
        }
        let single = Operand { place: 7, in_weights: true, is_single: true };
        let scratch = Operand { place: 9, in_weights: false, is_single: false };
        for binary in Binary::ALL {
            for second in [single, scratch] {
                operations.push(Operation::Binary { binary, first: 1, second, destination: 2, length: 3 });
            }
        }
        for reduction in REDUCTIONS {
            operations.push(Operation::Reduce { reduction, source: 1, destination: 2, rows: 3, size: 4 });
        }
        let layout =
            Layout { dims: [1, 2, 3, 4], source_strides: [0, -5, 6, 7], destination_strides: [8, 9, 10, 11] };
        let shape = Normalization { epsilon: 1e-5, centered: true, has_bias: false };
        operations.extend([
            Operation::Select { condition: 1, first: single, second: scratch, destination: 2, length: 3 },
            Operation::Copy { source: single, destination: 2, layout },
            Operation::Gather { source: 1, source_length: 2, destination: 3, length: 4, table: 5 },
            Operation::Softmax { logarithm: true, source: 1, destination: 2, rows: 3, size: 4 },
            Operation::Normalize { shape, source: 1, destination: 2, rows: 3, size: 4, weights: 5 },
            Operation::Product { first: 1, second: 2, destination: 3, rows: 4, inner: 5, columns: 6 },
        ]);
        for operation in operations {
            assert_eq!(Operation::decode(&operation.encode()), Ok(operation));
        }
    }
}
