//! One step of a policy, a record of 64 bytes that is read in place.
//!
//! A record is 16 little-endian words: word 0 holds the code, a variant and flags as bytes, word 1 the destination. The
//! other words depend on the code, as [`record`] says. Every source and destination is a place in scratch, in values; an
//! [`Operand`] may be a place among the weights instead. [`Operation::footprint`] says what an operation touches, from
//! which follow both the check of an image and its cost.

mod built;
mod footprint;
mod record;

pub(crate) use record::{BinaryRecord, DenseRecord, FunctionRecord, RECORD_BYTES, Record};

use crate::kernel::scalar::Layout;
use crate::kernel::{Binary, Function, Reduction};

/// Where an operand lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operand {
    /// First value.
    pub(crate) place: u32,
    /// Among the weights rather than in scratch.
    pub(crate) in_weights: bool,
    /// One value for all elements.
    pub(crate) is_single: bool,
}

/// What a step computes, and where. All places are checked when an image is parsed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Operation {
    /// A dense layer over each of `rows` rows, and the function of its outputs.
    Dense {
        function: Function,
        source: u32,
        destination: u32,
        rows: u32,
        inputs: u32,
        outputs: u32,
        weights: u32,
    },
    /// A function of every value; in place or apart.
    Function { function: Function, source: u32, destination: u32, length: u32 },
    /// `first ∘ second`; one of the two may be in place. `first` is in scratch and not a single value.
    Binary { binary: Binary, first: u32, second: Operand, destination: u32, length: u32 },
    /// `first` where the condition is not 0, else `second`; apart from all of them.
    Select { condition: u32, first: Operand, second: Operand, destination: u32, length: u32 },
    /// Elements to other places.
    Copy { source: Operand, destination: u32, layout: Layout },
    /// `length` elements by a table among the weights.
    Gather { source: u32, source_length: u32, destination: u32, length: u32, table: u32 },
    /// Each of `rows` rows of `size` values to one.
    Reduce { reduction: Reduction, source: u32, destination: u32, rows: u32, size: u32 },
    /// Softmax of each row, or its logarithm; in place or apart.
    Softmax { logarithm: bool, source: u32, destination: u32, rows: u32, size: u32 },
    /// Normalization of each row; in place or apart. Scale, then the bias if there is one, lie at `weights`.
    Normalize { shape: Normalization, source: u32, destination: u32, rows: u32, size: u32, weights: u32 },
    /// `[rows, inner] · [inner, columns]`, both in scratch.
    Product { first: u32, second: u32, destination: u32, rows: u32, inner: u32, columns: u32 },
}

/// How rows are normalized.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Normalization {
    pub(crate) epsilon: f32,
    /// Subtracts the mean.
    pub(crate) centered: bool,
    pub(crate) has_bias: bool,
}

/// A field that no executor can use, and its value.
pub(super) type FieldError = (&'static str, u32);
