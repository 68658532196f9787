//! Functions of a whole row: softmax and normalization.
#![allow(
    clippy::inline_always,
    reason = "a kernel is compiled into its caller, for the caller's instruction set"
)]

use super::reduction::{larger, sum_of};
use crate::math;

/// `e^(x - max) / Σ e^(x - max)` of each row of `size` values, or its logarithm.
#[inline(always)]
pub fn softmax(values: &mut [f32], size: usize, logarithm: bool) {
    for row in values.chunks_exact_mut(size.max(1)) {
        let largest = row.iter().copied().fold(f32::MIN, larger);
        if logarithm {
            let total = math::ln(sum_of(row, |x| math::exp(x - largest)));
            for x in row.iter_mut() {
                *x = (*x - largest) - total;
            }
        } else {
            for x in row.iter_mut() {
                *x = math::exp(*x - largest);
            }
            let total = sum_of(row, |x| x);
            for x in row.iter_mut() {
                *x /= total;
            }
        }
    }
}

/// `(x - mean) / √(variance + epsilon) · scale + bias` of each row, which is as long as `scale`; without `centered` the mean
/// is taken as 0, as root-mean-square normalization does.
#[inline(always)]
pub fn normalize(values: &mut [f32], scale: &[f32], bias: Option<&[f32]>, epsilon: f32, centered: bool) {
    let size = scale.len().max(1);
    let count = size as f32;
    for row in values.chunks_exact_mut(size) {
        if centered {
            let mean = sum_of(row, |x| x) / count;
            for x in row.iter_mut() {
                *x -= mean;
            }
        }
        let deviation = math::sqrt(sum_of(row, |x| x * x) / count + epsilon);
        row.iter_mut().zip(scale).for_each(|(x, scale)| *x = *x / deviation * scale);
        if let Some(bias) = bias {
            row.iter_mut().zip(bias).for_each(|(x, bias)| *x += bias);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_softmax_sums_to_one_however_large_its_inputs() {
        let mut values = [1000.0, 1001.0, -3e38, 0.0, 0.0, 0.0];
        softmax(&mut values, 3, false);
        assert!(
            (values[0] - 0.268_941_4).abs() < 1e-6 && (values[1] - 0.731_058_6).abs() < 1e-6,
            "{values:?}"
        );
        assert_eq!(values[2], 0.0);
        assert!(values[3..].iter().all(|value| (value - 1.0 / 3.0).abs() < 1e-7), "{values:?}");
        let mut logarithms = [1000.0, 1001.0];
        softmax(&mut logarithms, 2, true);
        assert!((logarithms[0] + 1.313_261_7).abs() < 1e-6, "{logarithms:?}");
    }

    #[test]
    fn a_normalized_row_has_mean_and_deviation_as_asked() {
        let mut values = [1.0, 2.0, 3.0, 6.0];
        normalize(&mut values, &[1.0; 4], None, 0.0, true);
        assert!(sum_of(&values, |x| x).abs() < 1e-6 && (sum_of(&values, |x| x * x) - 4.0).abs() < 1e-5);
        let mut values = [3.0, -3.0];
        normalize(&mut values, &[2.0, 1.0], Some(&[1.0, 0.0]), 0.0, false);
        assert_eq!(values, [3.0, -1.0]);
    }
}
