//! Functions of one value.
#![allow(
    clippy::inline_always,
    reason = "a kernel is compiled into its caller, for the caller's instruction set"
)]

use super::Activation;
use super::activation::map;
use crate::math;

/// A function of every value of a vector.
///
/// NaN passes through all of them but the tests ([`Self::Not`], [`Self::NonZero`]), whose inputs the executor has found
/// finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Function {
    /// One of those that networks are trained with most.
    Activation(Activation),
    /// `e^x`.
    Exponential,
    /// `ln x`.
    Logarithm,
    /// `√x`.
    SquareRoot,
    /// `1 / x`.
    Reciprocal,
    /// `|x|`.
    Absolute,
    /// `-x`.
    Negative,
    /// -1, 0 or 1.
    Sign,
    /// Towards minus infinity.
    Floor,
    /// Towards infinity.
    Ceil,
    /// To the nearest whole number, ties to even.
    Round,
    /// Towards zero.
    Truncate,
    /// Of an angle in rad.
    Sine,
    /// Of an angle in rad.
    Cosine,
    /// The error function.
    Erf,
    /// 1 where `x` is 0, else 0.
    Not,
    /// 0 where `x` is 0, else 1.
    NonZero,
    /// `x Φ(x)` with the normal distribution's Φ.
    Gelu,
    /// The same with Φ approximated by a tanh.
    GeluTanh,
    /// `x sigmoid(x)`.
    Silu,
    /// `x tanh(softplus(x))`.
    Mish,
    /// `x / (1 + |x|)`.
    Softsign,
    /// `x sigmoid3(x)` with the piecewise linear `clip(x/6 + 1/2, 0, 1)`.
    HardSwish,
    /// `clip(slope · x + offset, 0, 1)`.
    HardSigmoid {
        /// Finite.
        slope: f32,
        /// Finite.
        offset: f32,
    },
    /// `gamma x` where positive, else `gamma alpha (e^x - 1)`.
    Selu {
        /// Finite.
        alpha: f32,
        /// Finite.
        gamma: f32,
    },
    /// `x` where not negative, else `alpha (e^(x/alpha) - 1)`.
    Celu {
        /// Finite and positive.
        alpha: f32,
    },
    /// `x` where above the threshold, else 0.
    Threshold {
        /// Finite.
        threshold: f32,
    },
}

impl Function {
    /// Nothing.
    pub const IDENTITY: Self = Self::Activation(Activation::Identity);

    /// Whether the parameters are finite and in range.
    pub fn is_valid(self) -> bool {
        match self {
            Self::Activation(activation) => activation.is_valid(),
            Self::HardSigmoid { slope, offset } => slope.is_finite() && offset.is_finite(),
            Self::Selu { alpha, gamma } => alpha.is_finite() && gamma.is_finite(),
            Self::Celu { alpha } => alpha.is_finite() && alpha > 0.0,
            Self::Threshold { threshold } => threshold.is_finite(),
            _ => true,
        }
    }

    /// Whether every finite value becomes a finite one, so that nothing needs to look at the result.
    pub fn keeps_finite(self) -> bool {
        match self {
            Self::Activation(Activation::Elu { alpha }) => alpha.abs() <= 1e30,
            Self::Activation(_)
            | Self::Absolute
            | Self::Negative
            | Self::Gelu
            | Self::GeluTanh
            | Self::Silu
            | Self::Mish
            | Self::Softsign
            | Self::HardSwish
            | Self::HardSigmoid { .. } => true,
            _ => false,
        }
    }

    /// Applies the function to every value, in place, and says whether all were finite before.
    #[inline(always)]
    pub(super) fn apply(self, values: &mut [f32]) -> bool {
        if !self.is_built() {
            return false;
        }
        match self {
            Self::Activation(activation) => activation.apply(values),
            Self::Exponential => map(values, math::exp),
            Self::Logarithm => map(values, math::ln),
            Self::SquareRoot => map(values, math::sqrt),
            Self::Reciprocal => map(values, |x| 1.0 / x),
            Self::Absolute => map(values, f32::abs),
            Self::Negative => map(values, |x| -x),
            Self::Sign => map(values, sign),
            Self::Floor => map(values, math::floor),
            Self::Ceil => map(values, math::ceil),
            Self::Round => map(values, math::round),
            Self::Truncate => map(values, math::truncate),
            Self::Sine => map(values, math::sin),
            Self::Cosine => map(values, math::cos),
            Self::Erf => map(values, math::erf),
            Self::Not => map(values, |x| if x == 0.0 { 1.0 } else { 0.0 }),
            Self::NonZero => map(values, |x| if x == 0.0 { 0.0 } else { 1.0 }),
            Self::Gelu => map(values, gelu),
            Self::GeluTanh => map(values, gelu_tanh),
            Self::Silu => map(values, |x| x * math::sigmoid(x)),
            Self::Mish => map(values, |x| x * math::tanh(math::softplus(x))),
            Self::Softsign => map(values, |x| x / (1.0 + x.abs())),
            Self::HardSwish => map(values, |x| x * ramp(x * (1.0 / 6.0) + 0.5)),
            Self::HardSigmoid { slope, offset } => map(values, |x| ramp(slope * x + offset)),
            Self::Selu { alpha, gamma } => {
                map(values, |x| gamma * if x < 0.0 { alpha * (math::exp_normal(x) - 1.0) } else { x })
            }
            Self::Celu { alpha } => {
                map(values, |x| if x < 0.0 { alpha * (math::exp_normal(x / alpha) - 1.0) } else { x })
            }
            Self::Threshold { threshold } => map(values, |x| if x <= threshold { 0.0 } else { x }),
        }
    }
}

#[inline(always)]
fn sign(x: f32) -> f32 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        // Zero keeps its sign, NaN stays.
        x
    }
}

/// Between 0 and 1.
#[inline(always)]
fn ramp(x: f32) -> f32 {
    let raised = if x < 0.0 { 0.0 } else { x };
    if raised > 1.0 { 1.0 } else { raised }
}

#[inline(always)]
fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + math::erf(x * core::f32::consts::FRAC_1_SQRT_2))
}

/// `√(2/π)`.
const SQRT_2_OVER_PI: f32 = 0.797_884_6;

#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    0.5 * x * (1.0 + math::tanh(SQRT_2_OVER_PI * (x + 0.044_715 * (x * x * x))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(function: Function, x: f32) -> f32 {
        let mut values = [x];
        function.apply(&mut values);
        values[0]
    }

    #[test]
    fn functions_give_their_known_values() {
        let known = [
            (Function::Gelu, 1.0, 0.841_344_7),
            (Function::GeluTanh, 1.0, 0.841_192),
            (Function::Silu, 1.0, 0.731_058_6),
            (Function::Mish, 1.0, 0.865_098_4),
            (Function::Softsign, -3.0, -0.75),
            (Function::HardSwish, 1.0, 0.666_666_7),
            (Function::HardSigmoid { slope: 0.2, offset: 0.5 }, 1.0, 0.7),
            (Function::Selu { alpha: 1.673_263_2, gamma: 1.050_701 }, -1.0, -1.111_330_7),
            (Function::Celu { alpha: 2.0 }, -1.0, -0.786_938_7),
            (Function::Threshold { threshold: 1.0 }, 1.0, 0.0),
            (Function::Sign, -7.0, -1.0),
            (Function::Not, 0.0, 1.0),
            (Function::NonZero, 3.0, 1.0),
        ];
        for (function, x, expected) in known {
            let found = one(function, x);
            assert!((found - expected).abs() < 2e-6, "{function:?}: {found}, expected {expected}");
        }
    }

    #[test]
    fn what_is_said_to_keep_finite_values_finite_does() {
        let functions = [
            Function::Activation(Activation::Tanh),
            Function::Activation(Activation::Elu { alpha: 1.0 }),
            Function::Activation(Activation::Softplus),
            Function::Gelu,
            Function::GeluTanh,
            Function::Silu,
            Function::Mish,
            Function::Softsign,
            Function::HardSwish,
            Function::HardSigmoid { slope: 10.0, offset: -3.0 },
        ];
        for function in functions {
            assert!(function.keeps_finite());
            for x in [f32::MAX, f32::MIN, 1e20, -1e20, 90.0, -90.0, f32::MIN_POSITIVE, 0.0] {
                assert!(one(function, x).is_finite(), "{function:?} of {x}");
            }
            assert!(one(function, f32::NAN).is_nan(), "{function:?}");
        }
    }
}
