//! One step of a policy, a record of 32 bytes that is read in place.
//!
//! | byte | field |
//! |---|---|
//! | 0 | code: 1 dense, 2 element-wise function, 3 `x + c`, 4 `x - c`, 5 `c - x`, 6 `x · c`, 7 `x / c`, 8 `c / x`, 9 the row of `c` at the largest `x` |
//! | 1 | function (of a dense layer's outputs too): 0 none, 1 relu, 2 tanh, 3 sigmoid, 4 elu, 5 leaky relu, 6 softplus, 7 clip |
//! | 2 | two zero bytes |
//! | 4 | u32 first value of the source in scratch |
//! | 8 | u32 first value of the destination in scratch |
//! | 12 | u32 number of source values |
//! | 16 | u32 number of destination values |
//! | 20 | u32 first value of the weights or the constant `c`; 0 where there is none |
//! | 24 | f32 alpha, slope or minimum |
//! | 28 | f32 maximum |

use crate::kernel::{Activation, Binary, panel};
use core::ops::Range;

/// Size of a record.
pub(crate) const RECORD_BYTES: usize = 32;

/// What an operation computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// A dense layer and the function of its outputs.
    Dense(Activation),
    /// A function of every value.
    Function(Activation),
    /// An operation with a constant.
    Constant(Binary),
    /// The row of a constant table `[inputs, outputs]` at the place of the largest source value, the first among equals.
    Choose,
}

/// One decoded record. All ranges are checked when an image is parsed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Operation {
    pub(crate) kind: Kind,
    pub(crate) source: u32,
    pub(crate) destination: u32,
    pub(crate) inputs: u32,
    pub(crate) outputs: u32,
    pub(crate) weights: u32,
}

/// A field that no executor can use, and its value.
pub(super) type FieldError = (&'static str, u32);

impl Operation {
    #[cfg(feature = "onnx")]
    pub(super) fn encode(&self) -> [u8; RECORD_BYTES] {
        let (code, activation) = match self.kind {
            Kind::Dense(activation) => (1, activation),
            Kind::Function(activation) => (2, activation),
            Kind::Constant(Binary::Add) => (3, Activation::Identity),
            Kind::Constant(Binary::Subtract) => (4, Activation::Identity),
            Kind::Constant(Binary::SubtractFrom) => (5, Activation::Identity),
            Kind::Constant(Binary::Multiply) => (6, Activation::Identity),
            Kind::Constant(Binary::Divide) => (7, Activation::Identity),
            Kind::Constant(Binary::DivideInto) => (8, Activation::Identity),
            Kind::Choose => (9, Activation::Identity),
        };
        let (function, first, second) = match activation {
            Activation::Identity => (0, 0.0, 0.0),
            Activation::Relu => (1, 0.0, 0.0),
            Activation::Tanh => (2, 0.0, 0.0),
            Activation::Sigmoid => (3, 0.0, 0.0),
            Activation::Elu { alpha } => (4, alpha, 0.0),
            Activation::LeakyRelu { slope } => (5, slope, 0.0),
            Activation::Softplus => (6, 0.0, 0.0),
            Activation::Clip { minimum, maximum } => (7, minimum, maximum),
        };
        let mut bytes = [0; RECORD_BYTES];
        (bytes[0], bytes[1]) = (code, function);
        let words = [
            self.source,
            self.destination,
            self.inputs,
            self.outputs,
            self.weights,
            f32::to_bits(first),
            f32::to_bits(second),
        ];
        for (slot, word) in bytes[4..].chunks_exact_mut(4).zip(words) {
            slot.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    #[inline]
    pub(crate) fn decode(bytes: &[u8; RECORD_BYTES]) -> Result<Self, FieldError> {
        let (words, _) = bytes.as_chunks::<4>();
        let word = |index: usize| u32::from_le_bytes(words[index]);
        let (first, second) = (f32::from_bits(word(6)), f32::from_bits(word(7)));
        let activation = match bytes[1] {
            0 => Activation::Identity,
            1 => Activation::Relu,
            2 => Activation::Tanh,
            3 => Activation::Sigmoid,
            4 => Activation::Elu { alpha: first },
            5 => Activation::LeakyRelu { slope: first },
            6 => Activation::Softplus,
            7 => Activation::Clip { minimum: first, maximum: second },
            unknown => return Err(("function", unknown.into())),
        };
        if !activation.is_valid() {
            return Err(("function parameter", word(6)));
        }
        let kind = match bytes[0] {
            1 => Kind::Dense(activation),
            2 => Kind::Function(activation),
            3 => Kind::Constant(Binary::Add),
            4 => Kind::Constant(Binary::Subtract),
            5 => Kind::Constant(Binary::SubtractFrom),
            6 => Kind::Constant(Binary::Multiply),
            7 => Kind::Constant(Binary::Divide),
            8 => Kind::Constant(Binary::DivideInto),
            9 => Kind::Choose,
            unknown => return Err(("code", unknown.into())),
        };
        Ok(Self {
            kind,
            source: word(1),
            destination: word(2),
            inputs: word(3),
            outputs: word(4),
            weights: word(5),
        })
    }

    /// The source's place in scratch.
    #[inline]
    pub(crate) fn source(&self) -> Range<usize> {
        range(self.source, self.inputs as usize)
    }

    /// The destination's place in scratch.
    #[inline]
    pub(crate) fn destination(&self) -> Range<usize> {
        range(self.destination, self.outputs as usize)
    }

    /// The place of the packed layer or the constant among the weights.
    #[inline]
    pub(crate) fn weights(&self) -> Range<usize> {
        let length = match self.kind {
            Kind::Dense(_) => {
                panel::packed_len(self.inputs as usize, self.outputs as usize).unwrap_or(usize::MAX)
            }
            Kind::Function(_) => 0,
            Kind::Constant(_) => self.outputs as usize,
            Kind::Choose => (self.inputs as usize).saturating_mul(self.outputs as usize),
        };
        range(self.weights, length)
    }

    /// Checks that every range lies within scratch and weights and that none overlaps another in a way that the executor
    /// cannot serve: a dense layer's and a choice's must be apart, an element-wise operation's apart or the same.
    pub(super) fn check(&self, scratch_len: usize, weights_len: usize) -> Result<(), FieldError> {
        let (source, destination) = (self.source(), self.destination());
        let apart = source.end <= destination.start || destination.end <= source.start;
        let resizes = matches!(self.kind, Kind::Dense(_) | Kind::Choose);
        let faults = [
            ("source", self.source, source.end > scratch_len),
            ("destination", self.destination, destination.end > scratch_len),
            ("destination", self.destination, !apart && (resizes || source != destination)),
            ("inputs", self.inputs, self.inputs == 0),
            ("outputs", self.outputs, self.outputs == 0 || (!resizes && self.outputs != self.inputs)),
            ("weights", self.weights, self.weights().end > weights_len),
        ];
        match faults.into_iter().find(|(_, _, wrong)| *wrong) {
            Some((field, value, _)) => Err((field, value)),
            None => Ok(()),
        }
    }
}

/// Saturates, so that a range beyond the address space is longer than any slice.
fn range(start: u32, length: usize) -> Range<usize> {
    start as usize..(start as usize).saturating_add(length)
}
