//! The non-linearities between layers, applied in place together with the bias.

use super::matrix::vectorized;
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::{kernel, math};

/// A hidden layer's non-linearity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `max(0, z)`.
    Relu,
    /// `tanh(z)`.
    Tanh,
    /// `z` where positive, else `exp(z) - 1`.
    Elu,
}

impl Activation {
    /// `z [batch, outputs] = activation(z + bias)`, in place.
    pub fn apply(self, z: &mut [f32], bias: &[f32]) {
        match self {
            Self::Relu => biased(z, bias, |z| if z > 0.0 { z } else { 0.0 }),
            Self::Tanh => biased(z, bias, math::tanh),
            Self::Elu => biased(z, bias, |z| if z > 0.0 { z } else { math::exp(z) - 1.0 }),
        }
    }

    /// `gradient *= activation'(z)`, with the derivative computed from the activation's output `a`.
    pub fn multiply_derivative(self, gradient: &mut [f32], a: &[f32]) {
        match self {
            // A product: written as a select of `g` it becomes a masked store, several times slower.
            Self::Relu => zipped(gradient, a, |g, a| g * if a > 0.0 { 1.0 } else { 0.0 }),
            Self::Tanh => zipped(gradient, a, |g, a| g * (1.0 - a * a)),
            Self::Elu => zipped(gradient, a, |g, a| if a > 0.0 { g } else { g * (a + 1.0) }),
        }
    }
}

impl From<Activation> for kernel::Activation {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::Relu => Self::Relu,
            Activation::Tanh => Self::Tanh,
            Activation::Elu => Self::Elu { alpha: 1.0 },
        }
    }
}

/// `z [batch, outputs] += bias`, for a layer without a non-linearity.
pub fn add_bias(z: &mut [f32], bias: &[f32]) {
    biased(z, bias, |z| z);
}

#[inline(always)]
fn biased(z: &mut [f32], bias: &[f32], activation: impl Fn(f32) -> f32) {
    vectorized(
        #[inline(always)]
        || {
            for row in z.chunks_exact_mut(bias.len()) {
                for (z, bias) in row.iter_mut().zip(bias) {
                    *z = activation(*z + *bias);
                }
            }
        },
    );
}

#[inline(always)]
fn zipped(gradient: &mut [f32], a: &[f32], derivative: impl Fn(f32, f32) -> f32) {
    vectorized(
        #[inline(always)]
        || {
            for (gradient, a) in gradient.iter_mut().zip(a) {
                *gradient = derivative(*gradient, *a);
            }
        },
    );
}
