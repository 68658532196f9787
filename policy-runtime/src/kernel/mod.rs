//! The arithmetic of inference: dense layers over packed weights and element-wise operations.
//!
//! Every variant must give the same bits, so the order of every sum is part of the format: [`panel`] fixes how weights
//! are packed and [`scalar`] is the definition that variants for an instruction set are compared with. Neurons lie
//! side by side in a panel and are computed in lockstep, each accumulator starting at its bias and adding products in
//! the input's order; so vector units work across neurons and no sum is ever reassociated.

mod activation;
pub mod panel;
pub mod scalar;

pub use activation::Activation;

/// An element-wise operation with a constant `c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// `x + c`.
    Add,
    /// `x - c`.
    Subtract,
    /// `c - x`.
    SubtractFrom,
    /// `x · c`.
    Multiply,
    /// `x / c`.
    Divide,
    /// `c / x`.
    DivideInto,
}
