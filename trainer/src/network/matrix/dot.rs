//! Products with few columns: one dot product for each value of the result.

use super::tile::{Finish, Place};
use pulp::{Arch, Simd, WithSimd};

/// Partial sums of a dot product, whatever the length of a vector. They are added up by halves; in which order the last four
/// are is the instruction set's.
const LANES: usize = 16;

/// `destination [m, n] = finish(left · rightᵀ)` with `left [m, inner]` and `right [n, inner]`.
pub(super) struct DotProducts<'v, F> {
    pub(super) destination: &'v mut [f32],
    pub(super) left: &'v [f32],
    pub(super) right: &'v [f32],
    pub(super) inner: usize,
    pub(super) finish: F,
}

impl<F: Finish> DotProducts<'_, F> {
    /// With the widest vectors that the machine has.
    pub(super) fn compute(self) {
        Arch::new().dispatch(self);
    }
}

impl<F: Finish> WithSimd for DotProducts<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match LANES / S::F32_LANES {
            1 => self.products::<S, 1>(simd),
            2 => self.products::<S, 2>(simd),
            4 => self.products::<S, 4>(simd),
            _ => self.products::<S, LANES>(simd),
        }
    }
}

impl<F: Finish> DotProducts<'_, F> {
    /// With partial sums in `V` vectors.
    #[inline(always)]
    fn products<S: Simd, const V: usize>(self, simd: S) {
        let Self { destination, left, right, inner, finish } = self;
        let one = pulp::Scalar::new();
        let mut index = 0;
        for left in left.chunks_exact(inner) {
            for (column, right) in right.chunks_exact(inner).enumerate() {
                let stored = &mut destination[index];
                let place = Place { index, column, lanes: 1 };
                let sum = dot::<S, V>(simd, left, right);
                *stored = finish.finish(one, sum, std::slice::from_ref(stored), place);
                index += 1;
            }
        }
    }
}

#[inline(always)]
fn dot<S: Simd, const V: usize>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let (a, rest_of_a) = a.as_chunks::<LANES>();
    let (b, rest_of_b) = b.as_chunks::<LANES>();
    let mut sums = [simd.splat_f32s(0.0); V];
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (S::as_simd_f32s(a).0, S::as_simd_f32s(b).0);
        for (vector, sum) in sums.iter_mut().enumerate() {
            *sum = simd.mul_add_f32s(a[vector], b[vector], *sum);
        }
    }
    if !rest_of_a.is_empty() {
        for (vector, sum) in sums.iter_mut().enumerate() {
            let lanes = vector * S::F32_LANES..((vector + 1) * S::F32_LANES).min(rest_of_a.len());
            if !lanes.is_empty() {
                let (a, b) = (&rest_of_a[lanes.clone()], &rest_of_b[lanes]);
                *sum = simd.mul_add_f32s(simd.partial_load_f32s(a), simd.partial_load_f32s(b), *sum);
            }
        }
    }
    let mut used = V;
    while used > 1 {
        used /= 2;
        for vector in 0..used {
            sums[vector] = simd.add_f32s(sums[vector], sums[vector + used]);
        }
    }
    simd.reduce_sum_f32s(sums[0])
}

#[cfg(test)]
mod tests {
    use super::super::tile::Replace;
    use super::*;
    use crate::random::Stream;

    #[test]
    fn dot_products_agree_with_sums_in_double_precision() {
        let mut stream = Stream::new(4, "dot test");
        for inner in [1, 2, 15, 16, 17, 40, 64, 100] {
            let mut draw = |count: usize| (0..count).map(|_| stream.normal()).collect::<Vec<f32>>();
            let (left, right) = (draw(5 * inner), draw(2 * inner));
            let mut destination = [f32::NAN; 10];
            DotProducts { destination: &mut destination, left: &left, right: &right, inner, finish: Replace }
                .compute();
            for (index, found) in destination.iter().enumerate() {
                let (left, right) = (&left[index / 2 * inner..], &right[index % 2 * inner..]);
                let terms = left[..inner].iter().zip(&right[..inner]);
                let expected: f64 = terms.map(|(left, right)| f64::from(*left) * f64::from(*right)).sum();
                assert!((f64::from(*found) - expected).abs() < 1e-5, "{inner}: {found} {expected}");
            }
        }
    }
}
