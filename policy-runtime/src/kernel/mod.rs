//! The arithmetic of inference: dense layers over packed weights and element-wise operations.
//!
//! Every variant must give the same bits, so the order of every sum is part of the format: [`panel`] fixes how weights
//! are packed and [`scalar`] is the definition that variants for an instruction set are compared with. Neurons lie
//! side by side in a panel and are computed in lockstep, each accumulator starting at its bias and adding products in
//! the input's order; so vector units work across neurons and no sum is ever reassociated.

mod activation;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod binary;
#[cfg(all(test, feature = "std"))]
mod conformance;
#[cfg(cortex_m4f)]
mod cortex_m;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod dense;
mod function;
mod instruction_set;
#[cfg(target_arch = "aarch64")]
mod neon;
pub mod panel;
pub mod scalar;
#[cfg(all(test, feature = "std"))]
mod soundness;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use activation::Activation;
pub use binary::Binary;
pub use function::Function;
pub use instruction_set::InstructionSet;
pub(crate) use instruction_set::{Vectors, Work};

/// What a row of values is reduced to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// `Σ x`.
    Sum,
    /// `Σ x / n`.
    Mean,
    /// The largest; NaN if any is.
    Maximum,
    /// The smallest; NaN if any is.
    Minimum,
    /// `√(Σ x²)`.
    Norm2,
    /// `Σ x²`.
    SquareSum,
    /// The position of the first largest.
    ArgMaximum,
    /// The position of the first smallest.
    ArgMinimum,
    /// `Π x`.
    Product,
}
