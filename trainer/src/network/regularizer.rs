//! What a hidden layer may have between its matrix and its non-linearity: dropout, then layer normalization.
//!
//! `Regularizer` holds one layer's intermediate values. Dropout (Srivastava et al. 2014) multiplies each value by 0, or by
//! `1 / (1 - rate)`, so that its mean stays; masks are drawn by the caller, pass by pass. Layer normalization (Ba et al.
//! 2016) then gives each row mean 0 and variance 1, and a learned gain and shift.

use super::matrix::{sum_rows, vectorized};
use crate::random::Stream;

/// Keeps the variance of a constant row above 0, as in PyTorch.
const EPSILON: f32 = 1e-5;
/// Partial sums of a row: a single running sum would wait for each addition.
const LANES: usize = 16;

/// Which of them a network's hidden layers have.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Regularization {
    /// Whether rows are normalized.
    pub layer_norm: bool,
    /// Share of the values that are dropped; 0 for none.
    pub dropout: f32,
}

impl Regularization {
    /// Whether there is anything to do.
    pub(super) fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// One hidden layer's intermediate values.
#[derive(Clone, Debug)]
pub(super) struct Regularizer {
    dropout: f32,
    /// What each value is multiplied by, `[batch, width]`; empty without dropout.
    masks: Vec<f32>,
    /// Rows of mean 0 and variance 1, `[batch, width]`; empty without normalization.
    normalized: Vec<f32>,
    /// `1 / √(variance + epsilon)` of each row, `[batch]`.
    inverse_deviations: Vec<f32>,
    width: usize,
}

impl Regularizer {
    pub(super) fn new(regularization: Regularization, batch: usize, width: usize) -> Self {
        let Regularization { layer_norm, dropout } = regularization;
        Self {
            dropout,
            masks: vec![1.0; if dropout > 0.0 { batch * width } else { 0 }],
            normalized: vec![0.0; if layer_norm { batch * width } else { 0 }],
            inverse_deviations: vec![0.0; if layer_norm { batch } else { 0 }],
            width,
        }
    }

    /// Draws what the next passes drop.
    pub(super) fn draw_masks(&mut self, stream: &mut Stream) {
        stream.fill_mask(&mut self.masks, self.dropout);
    }

    /// `z [batch, width]` in place. `scales` are gain and shift, `[width]` each; empty without normalization.
    pub(super) fn forward(&mut self, z: &mut [f32], scales: &[f32]) {
        multiply(z, &self.masks);
        if self.normalized.is_empty() {
            return;
        }
        let rows = z.chunks_exact_mut(self.width).zip(self.normalized.chunks_exact_mut(self.width));
        for ((z, normalized), inverse) in rows.zip(&mut self.inverse_deviations) {
            *inverse = normalize(z, normalized, scales.split_at(self.width));
        }
    }

    /// Turns the loss's derivative by what [`Self::forward`] gave into that by what it took, `delta [batch, width]` in
    /// place, and writes that by gain and shift where it is asked for.
    pub(super) fn backward(&self, delta: &mut [f32], scales: &[f32], scales_gradient: Option<&mut [f32]>) {
        let width = self.width;
        if !self.normalized.is_empty() {
            let normalized = &self.normalized[..delta.len()];
            if let Some(gradient) = scales_gradient {
                let (gain, shift) = gradient.split_at_mut(width);
                sum_rows(&mut shift[..width], delta);
                sum_products(gain, delta, normalized);
            }
            let rows = delta.chunks_exact_mut(width).zip(normalized.chunks_exact(width));
            for ((delta, normalized), inverse) in rows.zip(&self.inverse_deviations) {
                normalize_gradient(delta, normalized, &scales[..width], *inverse);
            }
        }
        multiply(delta, &self.masks);
    }

    /// Takes `rows` of another's pass.
    pub(super) fn select(&mut self, all: &Self, rows: &[usize]) {
        let width = self.width;
        for (selected, all) in [(&mut self.masks, &all.masks), (&mut self.normalized, &all.normalized)] {
            for (selected, row) in selected.chunks_exact_mut(width).zip(rows) {
                selected.copy_from_slice(&all[row * width..(row + 1) * width]);
            }
        }
        for (selected, row) in self.inverse_deviations.iter_mut().zip(rows) {
            *selected = all.inverse_deviations[*row];
        }
    }
}

/// `values *= factors`, as far as there are factors.
fn multiply(values: &mut [f32], factors: &[f32]) {
    vectorized(
        #[inline(always)]
        || values.iter_mut().zip(factors).for_each(|(value, factor)| *value *= *factor),
    );
}

/// `normalized = (z - mean) / √(variance + epsilon)` and `z = normalized · gain + shift`, for one row; gives the inverse
/// deviation.
fn normalize(z: &mut [f32], normalized: &mut [f32], (gain, shift): (&[f32], &[f32])) -> f32 {
    vectorized(
        #[inline(always)]
        || {
            let scale = 1.0 / z.len() as f32;
            let mean = scale * sum(z.len(), |index| z[index]);
            let variance = scale * sum(z.len(), |index| (z[index] - mean) * (z[index] - mean));
            let inverse = 1.0 / (variance + EPSILON).sqrt();
            for ((z, normalized), (gain, shift)) in z.iter_mut().zip(normalized).zip(gain.iter().zip(shift)) {
                *normalized = (*z - mean) * inverse;
                *z = *normalized * *gain + *shift;
            }
            inverse
        },
    )
}

/// With `g = delta · gain`: `delta = inverse (g - mean g - normalized · mean (g · normalized))`, for one row.
fn normalize_gradient(delta: &mut [f32], normalized: &[f32], gain: &[f32], inverse: f32) {
    vectorized(
        #[inline(always)]
        || {
            let count = delta.len();
            let scale = 1.0 / count as f32;
            let mean = scale * sum(count, |index| delta[index] * gain[index]);
            let slope = scale * sum(count, |index| delta[index] * gain[index] * normalized[index]);
            for ((delta, normalized), gain) in delta.iter_mut().zip(normalized).zip(gain) {
                *delta = inverse * (*delta * *gain - mean - *normalized * slope);
            }
        },
    );
}

/// `sums [width] = Σ rows of first · second`, element by element.
fn sum_products(sums: &mut [f32], first: &[f32], second: &[f32]) {
    let width = sums.len();
    sums.fill(0.0);
    vectorized(
        #[inline(always)]
        || {
            for (first, second) in first.chunks_exact(width).zip(second.chunks_exact(width)) {
                for ((sum, first), second) in sums.iter_mut().zip(first).zip(second) {
                    *sum += *first * *second;
                }
            }
        },
    );
}

/// `Σ value(index)` in [`LANES`] partial sums, added up in order.
#[inline(always)]
fn sum(count: usize, value: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let mut start = 0;
    while start + LANES <= count {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += value(start + lane);
        }
        start += LANES;
    }
    for (lane, index) in (start..count).enumerate() {
        lanes[lane] += value(index);
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_gets_mean_0_and_variance_1_then_gain_and_shift() {
        let mut regularizer = Regularizer::new(Regularization { layer_norm: true, dropout: 0.0 }, 1, 4);
        let mut z = [1.0, 3.0, 5.0, 7.0];
        // Mean 4, variance 5.
        regularizer.forward(&mut z, &[1.0, 2.0, 1.0, 1.0, 0.5, 0.0, 0.0, 0.0]);
        let unit = 1.0 / 5.0_f32.sqrt();
        for (found, expected) in z.iter().zip([0.5 - 3.0 * unit, -2.0 * unit, unit, 3.0 * unit]) {
            assert!((found - expected).abs() < 1e-5, "{found}");
        }
    }

    #[test]
    fn dropout_keeps_the_mean_and_drops_its_share() {
        let mut regularizer = Regularizer::new(Regularization { layer_norm: false, dropout: 0.25 }, 100, 101);
        regularizer.draw_masks(&mut Stream::new(5, "masks"));
        let mut z = vec![1.0; 10_100];
        regularizer.forward(&mut z, &[]);
        let kept = z.iter().filter(|value| **value != 0.0).count();
        assert!((7_400..7_750).contains(&kept), "{kept}");
        assert!(z.iter().all(|value| *value == 0.0 || (*value - 4.0 / 3.0).abs() < 1e-6));
    }
}
