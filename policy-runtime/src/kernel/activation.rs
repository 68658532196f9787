//! Element-wise functions of one value.
#![allow(
    clippy::inline_always,
    reason = "a kernel is compiled into its caller, for the caller's instruction set"
)]

use crate::math;

/// An element-wise function, fused into a dense layer or standing alone.
///
/// All are compare-selects and [`math`] functions. Of a signed zero, [`Self::Relu`], [`Self::LeakyRelu`] and
/// [`Self::Clip`] with zero as a limit keep the sign; NaN passes through all of them, so that none can hide a fault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// `x`.
    Identity,
    /// `max(x, 0)`.
    Relu,
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// `x` where not negative, else `alpha (e^x - 1)`.
    Elu {
        /// Minus the limit for large negative inputs.
        alpha: f32,
    },
    /// `x` where not negative, else `slope · x`.
    LeakyRelu {
        /// Between -1 and 1, so that finite stays finite.
        slope: f32,
    },
    /// `ln(1 + e^x)`.
    Softplus,
    /// `min(max(x, minimum), maximum)`.
    Clip {
        /// Finite.
        minimum: f32,
        /// Finite and not below `minimum`.
        maximum: f32,
    },
}

impl Activation {
    /// Whether the parameters are finite and in range.
    pub fn is_valid(self) -> bool {
        match self {
            Self::Elu { alpha } => alpha.is_finite(),
            Self::LeakyRelu { slope } => (-1.0..=1.0).contains(&slope),
            Self::Clip { minimum, maximum } => {
                minimum.is_finite() && maximum.is_finite() && minimum <= maximum
            }
            Self::Identity | Self::Relu | Self::Tanh | Self::Sigmoid | Self::Softplus => true,
        }
    }

    /// Applies the function to every value, in place, and says whether all were finite before.
    #[inline(always)]
    pub(super) fn apply(self, values: &mut [f32]) -> bool {
        match self {
            Self::Identity => values.iter().fold(true, |finite, value| finite & is_finite(*value)),
            Self::Relu => map(values, |x| if x < 0.0 { 0.0 } else { x }),
            Self::Tanh => map(values, math::tanh),
            Self::Sigmoid => map(values, math::sigmoid),
            Self::Elu { alpha } => {
                map(values, |x| if x < 0.0 { alpha * (math::exp_normal(x) - 1.0) } else { x })
            }
            Self::LeakyRelu { slope } => map(values, |x| if x < 0.0 { slope * x } else { x }),
            Self::Softplus => map(values, math::softplus),
            Self::Clip { minimum, maximum } => map(values, |x| {
                let raised = if x < minimum { minimum } else { x };
                if raised > maximum { maximum } else { raised }
            }),
        }
    }
}

/// Applies a function to every value and says whether all were finite before; both in one pass.
///
/// The last ones, fewer than a vector, are filled up to one, because single values take as long as a vector each; a processor
/// without vectors has no use for that.
#[inline(always)]
pub(super) fn map(values: &mut [f32], function: impl Fn(f32) -> f32) -> bool {
    const LANES: usize = if cfg!(target_arch = "arm") { 1 } else { 16 };
    let (whole, rest) = values.split_at_mut(values.len() - values.len() % LANES);
    let mut last = [0.0; LANES];
    let filled = if rest.is_empty() { &mut [][..] } else { &mut last };
    filled.iter_mut().zip(&*rest).for_each(|(value, rest)| *value = *rest);
    let mut finite = true;
    for values in [whole, &mut *filled] {
        for value in values {
            finite &= is_finite(*value);
            *value = function(*value);
        }
    }
    rest.iter_mut().zip(filled).for_each(|(rest, value)| *rest = *value);
    finite
}

/// As a signed comparison, which vector units have.
#[inline(always)]
pub(super) fn is_finite(value: f32) -> bool {
    (value.to_bits() & 0x7fff_ffff).cast_signed() <= 0x7f7f_ffff
}
