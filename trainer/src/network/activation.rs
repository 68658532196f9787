//! The non-linearities between layers, and dense layers that end in one.

use super::matrix::tile::{Finish, InPlace, Place, load};
use super::matrix::{Shape, finished_product, finished_product_transposed_right, vectorized};
use pulp::Simd;
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
    /// `a [m, n] = activation(x [m, k] · weights [k, n] + bias)`.
    pub fn dense(self, a: &mut [f32], x: &[f32], weights: &[f32], bias: &[f32], shape: Shape) {
        match self {
            Self::Relu => finished_product(a, x, weights, shape, PlusBias { bias, relu: true }),
            Self::Tanh | Self::Elu => {
                finished_product(a, x, weights, shape, PlusBias { bias, relu: false });
                self.apply(a);
            }
        }
    }

    /// `gradient [m, n] = (delta [m, k] · weightsᵀ) activation'(z)` with `weights [n, k]`: the loss's derivative by what the layer
    /// below added up, from that by what this one did. The derivative is computed from that layer's output `a`.
    pub fn gradient(self, gradient: &mut [f32], delta: &[f32], weights: &[f32], a: &[f32], shape: Shape) {
        let finish = TimesDerivative { activation: self, a };
        finished_product_transposed_right(gradient, delta, weights, shape, finish);
    }

    /// `z = activation(z)`, in place.
    pub fn apply(self, z: &mut [f32]) {
        match self {
            Self::Relu => mapped(z, |z| if z > 0.0 { z } else { 0.0 }),
            Self::Tanh => mapped(z, math::tanh),
            Self::Elu => mapped(z, |z| if z > 0.0 { z } else { math::exp(z) - 1.0 }),
        }
    }

    /// `gradient *= activation'(z)`, with the derivative computed from the activation's output `a`.
    pub fn multiply_derivative(self, gradient: &mut [f32], a: &[f32]) {
        InPlace { values: gradient, finish: TimesDerivative { activation: self, a } }.compute();
    }
}

/// `z = x · weights + bias` for a layer without a non-linearity, all as in [`Activation::dense`].
pub fn linear(z: &mut [f32], x: &[f32], weights: &[f32], bias: &[f32], shape: Shape) {
    finished_product(z, x, weights, shape, PlusBias { bias, relu: false });
}

/// The sums plus the bias, or 0 instead of less.
#[derive(Clone, Copy)]
struct PlusBias<'b> {
    /// `[columns]`.
    bias: &'b [f32],
    relu: bool,
}

impl Finish for PlusBias<'_> {
    #[inline(always)]
    fn finish<S: Simd>(self, simd: S, sums: S::f32s, _: &[f32], place: Place) -> S::f32s {
        let z = simd.add_f32s(sums, load(simd, &self.bias[place.column..], place.lanes));
        if self.relu {
            let zero = simd.splat_f32s(0.0);
            simd.select_f32s(simd.greater_than_f32s(z, zero), z, zero)
        } else {
            z
        }
    }
}

/// The sums times the derivative at outputs of the same shape.
#[derive(Clone, Copy)]
struct TimesDerivative<'a> {
    activation: Activation,
    a: &'a [f32],
}

impl Finish for TimesDerivative<'_> {
    #[inline(always)]
    fn finish<S: Simd>(self, simd: S, sums: S::f32s, _: &[f32], place: Place) -> S::f32s {
        let a = load(simd, &self.a[place.index..], place.lanes);
        let (zero, one) = (simd.splat_f32s(0.0), simd.splat_f32s(1.0));
        let positive = simd.greater_than_f32s(a, zero);
        let derivative = match self.activation {
            Activation::Relu => simd.select_f32s(positive, one, zero),
            Activation::Tanh => simd.sub_f32s(one, simd.mul_f32s(a, a)),
            Activation::Elu => simd.select_f32s(positive, one, simd.add_f32s(a, one)),
        };
        simd.mul_f32s(sums, derivative)
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

#[inline(always)]
fn mapped(z: &mut [f32], activation: impl Fn(f32) -> f32) {
    vectorized(
        #[inline(always)]
        || z.iter_mut().for_each(|z| *z = activation(*z)),
    );
}
