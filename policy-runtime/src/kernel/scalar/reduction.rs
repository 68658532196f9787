//! Reductions of a row to one value: 16 strided partials, joined by a fixed tree.
#![allow(
    clippy::inline_always,
    reason = "a kernel is compiled into its caller, for the caller's instruction set"
)]

use crate::kernel::Reduction;
use crate::math;

/// Joins the partials: lane and lane + 8, + 4, + 2, + 1.
#[inline(always)]
pub(in crate::kernel) fn tree(partials: [f32; 16]) -> f32 {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = partials;
    let [a, b, c, d, e, f, g, h] = [a + i, b + j, c + k, d + l, e + m, f + n, g + o, h + p];
    let [a, b, c, d] = [a + e, b + f, c + g, d + h];
    (a + c) + (b + d)
}

/// `Σ term(x)`.
#[inline(always)]
pub fn sum_of(values: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut partials = [0.0_f32; 16];
    let (whole, rest) = values.as_chunks::<16>();
    for chunk in whole {
        for (partial, value) in partials.iter_mut().zip(chunk) {
            *partial += term(*value);
        }
    }
    for (partial, value) in partials.iter_mut().zip(rest) {
        *partial += term(*value);
    }
    tree(partials)
}

/// Reduces each row of `values`, which has as many as `output` has values.
#[inline(always)]
pub fn reduce(reduction: Reduction, values: &[f32], output: &mut [f32], size: usize) {
    for (result, row) in output.iter_mut().zip(values.chunks_exact(size.max(1))) {
        *result = match reduction {
            Reduction::Sum => sum_of(row, |x| x),
            Reduction::Mean => sum_of(row, |x| x) / row.len() as f32,
            Reduction::Norm2 => math::sqrt(sum_of(row, |x| x * x)),
            Reduction::SquareSum => sum_of(row, |x| x * x),
            Reduction::Maximum => row.iter().copied().fold(first(row), larger),
            Reduction::Minimum => -row.iter().fold(-first(row), |found, x| larger(found, -x)),
            Reduction::ArgMaximum => position(row, |x, best| x > best),
            Reduction::ArgMinimum => position(row, |x, best| x < best),
            Reduction::Product => row.iter().fold(1.0, |product, x| product * x),
        };
    }
}

#[inline(always)]
fn first(row: &[f32]) -> f32 {
    row.first().copied().unwrap_or(0.0)
}

/// The earlier of equals; NaN once one is.
#[inline(always)]
pub(super) fn larger(found: f32, x: f32) -> f32 {
    if x > found || x.is_nan() { x } else { found }
}

#[inline(always)]
fn position(row: &[f32], better: impl Fn(f32, f32) -> bool) -> f32 {
    let start = (0_u32, first(row));
    let (index, _) = row
        .iter()
        .zip(0_u32..)
        .fold(start, |best, (x, index)| if better(*x, best.1) { (index, *x) } else { best });
    index as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_reduced_by_itself() {
        let rows = [1.0, -2.0, 4.0, 2.0, 2.0, -1.0];
        let cases = [
            (Reduction::Sum, [3.0, 3.0]),
            (Reduction::Mean, [1.0, 1.0]),
            (Reduction::Maximum, [4.0, 2.0]),
            (Reduction::Minimum, [-2.0, -1.0]),
            (Reduction::Norm2, [21.0_f32.sqrt(), 3.0]),
            (Reduction::SquareSum, [21.0, 9.0]),
            (Reduction::ArgMaximum, [2.0, 0.0]),
            (Reduction::ArgMinimum, [1.0, 2.0]),
            (Reduction::Product, [-8.0, -4.0]),
        ];
        for (reduction, expected) in cases {
            let mut output = [0.0; 2];
            reduce(reduction, &rows, &mut output, 3);
            assert_eq!(output, expected, "{reduction:?}");
        }
    }

    #[test]
    fn sixteen_partials_are_joined_in_a_fixed_order() {
        // Chosen so that every other order gives other bits.
        let values: [f32; 20] = core::array::from_fn(|index| 1.0 / (index as f32 + 3.0));
        let mut partials: [f32; 16] = core::array::from_fn(|lane| values[lane]);
        (16..20).for_each(|index| partials[index - 16] += values[index]);
        let eight: [f32; 8] = core::array::from_fn(|lane| partials[lane] + partials[lane + 8]);
        let four: [f32; 4] = core::array::from_fn(|lane| eight[lane] + eight[lane + 4]);
        let expected = (four[0] + four[2]) + (four[1] + four[3]);
        assert_eq!(sum_of(&values, |x| x).to_bits(), expected.to_bits());
    }
}
