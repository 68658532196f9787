//! Single-threaded products of row-major matrices held in slices.
//!
//! Every product runs on one thread: parallelism lives above, in fixed shards, so results do not depend on the number of
//! threads. `tile` computes them with the vectors that [`instruction_set`] names; a result with few columns, which would fill
//! no vector, is made of dot products or weighted sums of rows instead.

use self::dot::DotProducts;
use self::tile::{Add, Columns, Finish, Product, Replace, Rows};
use self::transpose::with_transpose;

mod dot;
pub(crate) mod tile;
mod transpose;

/// `destination [m, n] = left [m, k] · right [k, n]`.
pub fn product(destination: &mut [f32], left: &[f32], right: &[f32], shape: Shape) {
    finished_product(destination, left, right, shape, Replace);
}

/// `destination [m, n] += left [m, k] · right [k, n]`.
pub fn add_product(destination: &mut [f32], left: &[f32], right: &[f32], shape: Shape) {
    finished_product(destination, left, right, shape, Add);
}

/// `destination [m, n] = finish(left [m, k] · right [k, n])`.
pub(crate) fn finished_product(
    destination: &mut [f32],
    left: &[f32],
    right: &[f32],
    [m, k, n]: Shape,
    finish: impl Finish,
) {
    check([destination.len(), left.len(), right.len()], [m * n, m * k, k * n]);
    if n <= FEW_COLUMNS {
        with_transpose(right, [k, n], |right| {
            DotProducts { destination, left, right, inner: k, finish }.compute();
        });
    } else {
        let left = Rows { values: left, inner: k };
        Product { destination, left, right, columns: n, finish }.compute();
    }
}

/// `destination [m, n] = leftᵀ · right`, with `left [k, m]` and `right [k, n]`: a weight's gradient.
pub fn product_transposed_left(destination: &mut [f32], left: &[f32], right: &[f32], [m, k, n]: Shape) {
    check([destination.len(), left.len(), right.len()], [m * n, m * k, k * n]);
    if n <= FEW_COLUMNS {
        for column in 0..n {
            let weights = right[column..].iter().step_by(n);
            weighted_sum_of_rows(left, m, &weights, |index, sum| destination[index * n + column] = sum);
        }
    } else {
        let left = Columns { values: left, count: m };
        Product { destination, left, right, columns: n, finish: Replace }.compute();
    }
}

/// `destination [m, n] = left · rightᵀ`, with `left [m, k]` and `right [n, k]`: an input's gradient.
pub fn product_transposed_right(destination: &mut [f32], left: &[f32], right: &[f32], shape: Shape) {
    finished_product_transposed_right(destination, left, right, shape, Replace);
}

/// `destination [m, n] = finish(left · rightᵀ)`, with `left [m, k]` and `right [n, k]`.
pub(crate) fn finished_product_transposed_right(
    destination: &mut [f32],
    left: &[f32],
    right: &[f32],
    [m, k, n]: Shape,
    finish: impl Finish,
) {
    check([destination.len(), left.len(), right.len()], [m * n, m * k, k * n]);
    if n <= FEW_COLUMNS {
        DotProducts { destination, left, right, inner: k, finish }.compute();
    } else {
        with_transpose(right, [n, k], |right| {
            let left = Rows { values: left, inner: k };
            Product { destination, left, right, columns: n, finish }.compute();
        });
    }
}

/// `[m, k, n]`: the result is `[m, n]`, and each of its sums has `k` terms.
pub type Shape = [usize; 3];

#[track_caller]
fn check(lengths: [usize; 3], expected: [usize; 3]) {
    assert_eq!(lengths, expected, "lengths of a product's result and operands");
}

/// `sums [columns] = Σ rows of matrix [rows, columns]`, in row order: a bias's gradient.
pub fn sum_rows(sums: &mut [f32], matrix: &[f32]) {
    weighted_sum_of_rows(matrix, sums.len(), &std::iter::repeat(&1.0), |column, sum| sums[column] = sum);
}

/// Results with up to so many columns fill too little of a vector. A critic's last layer has one, a single action's actor two.
const FEW_COLUMNS: usize = 2;
/// Columns that are summed at a time: their sums stay in registers.
const BLOCK: usize = 32;

/// `write(column, Σ weight · row[column])` for `matrix [weights, columns]`, in row order.
#[inline(always)]
fn weighted_sum_of_rows<'w>(
    matrix: &[f32],
    columns: usize,
    weights: &(impl Iterator<Item = &'w f32> + Clone),
    mut write: impl FnMut(usize, f32),
) {
    vectorized(
        #[inline(always)]
        || {
            let mut start = 0;
            while start + BLOCK <= columns {
                let mut sums = [0.0; BLOCK];
                for (row, weight) in matrix.chunks_exact(columns).zip(weights.clone()) {
                    for (sum, value) in sums.iter_mut().zip(&row[start..start + BLOCK]) {
                        *sum += *weight * *value;
                    }
                }
                sums.into_iter().enumerate().for_each(|(index, sum)| write(start + index, sum));
                start += BLOCK;
            }
            for column in start..columns {
                let rows = matrix.chunks_exact(columns).zip(weights.clone());
                write(column, rows.map(|(row, weight)| *weight * row[column]).sum());
            }
        },
    );
}

/// Runs an element-wise loop with the widest instructions that the machine has.
///
/// Multiplication and addition stay separate in every variant, so the bits are the same.
#[inline(always)]
pub fn vectorized<R>(body: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(body)
}

/// The instruction set that products use: part of what makes a run reproducible.
pub fn instruction_set() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            return "x86-64 avx512f";
        }
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            return "x86-64 avx2 fma";
        }
    }
    std::env::consts::ARCH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_agree_with_hand_computed_ones() {
        let left = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]; // [2, 3]
        let right = [1.0, 0.0, 2.0, 1.0, 0.0, 3.0]; // [3, 2]
        let mut destination = [0.0; 4];
        product(&mut destination, &left, &right, [2, 3, 2]);
        assert_eq!(destination, [5.0, 11.0, 14.0, 23.0]);
        add_product(&mut destination, &left, &right, [2, 3, 2]);
        assert_eq!(destination, [10.0, 22.0, 28.0, 46.0]);
        let mut gradient = [0.0; 6];
        product_transposed_left(&mut gradient, &left, &[1.0, 2.0, 3.0, 4.0], [3, 2, 2]);
        assert_eq!(gradient, [13.0, 18.0, 17.0, 24.0, 21.0, 30.0]);
        let mut input = [0.0; 6];
        product_transposed_right(&mut input, &[1.0, 2.0, 3.0, 4.0], &right, [2, 2, 3]);
        assert_eq!(input, [1.0, 4.0, 6.0, 3.0, 10.0, 12.0]);
    }
}
