//! The non-linearities between layers, and dense layers that end in one.

use super::elementary::{exp_minus_one, relu, tanh};
use super::matrix::tile::{Finish, InPlace, Place, load};
use super::matrix::{Shape, finished_product, finished_product_transposed_right};
use pulp::Simd;
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::kernel;

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
        finished_product(a, x, weights, shape, PlusBias { bias, activation: Some(self) });
    }

    /// `gradient [m, n] = (delta [m, k] · weightsᵀ) activation'(z)` with `weights [n, k]`: the loss's derivative by what the layer
    /// below added up, from that by what this one did. The derivative is computed from that layer's output `a`.
    pub fn gradient(self, gradient: &mut [f32], delta: &[f32], weights: &[f32], a: &[f32], shape: Shape) {
        let finish = TimesDerivative { activation: self, a };
        finished_product_transposed_right(gradient, delta, weights, shape, finish);
    }

    /// `z = activation(z)`, in place.
    pub fn apply(self, z: &mut [f32]) {
        InPlace { values: z, finish: self }.compute();
    }

    /// `gradient *= activation'(z)`, with the derivative computed from the activation's output `a`.
    pub fn multiply_derivative(self, gradient: &mut [f32], a: &[f32]) {
        InPlace { values: gradient, finish: TimesDerivative { activation: self, a } }.compute();
    }
}

/// `z = x · weights + bias` for a layer without a non-linearity, all as in [`Activation::dense`].
pub fn linear(z: &mut [f32], x: &[f32], weights: &[f32], bias: &[f32], shape: Shape) {
    finished_product(z, x, weights, shape, PlusBias { bias, activation: None });
}

/// The activation of each sum.
impl Finish for Activation {
    #[inline(always)]
    fn finish<S: Simd>(self, simd: S, sums: S::f32s, _: &[f32], _: Place) -> S::f32s {
        match self {
            Self::Relu => relu(simd, sums),
            Self::Tanh => tanh(simd, sums),
            Self::Elu => {
                let positive = simd.greater_than_f32s(sums, simd.splat_f32s(0.0));
                simd.select_f32s(positive, sums, exp_minus_one(simd, sums))
            }
        }
    }
}

/// The sums plus the bias, and what the layer makes of that.
#[derive(Clone, Copy)]
struct PlusBias<'b> {
    /// `[columns]`.
    bias: &'b [f32],
    activation: Option<Activation>,
}

impl Finish for PlusBias<'_> {
    #[inline(always)]
    fn finish<S: Simd>(self, simd: S, sums: S::f32s, stored: &[f32], place: Place) -> S::f32s {
        let z = simd.add_f32s(sums, load(simd, &self.bias[place.column..], place.lanes));
        match self.activation {
            Some(activation) => activation.finish(simd, z, stored, place),
            None => z,
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
