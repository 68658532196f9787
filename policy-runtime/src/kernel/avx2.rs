//! AVX2: vectors of eight values on x86-64.
//!
//! Fused multiplication and addition, which most such processors have too, is left alone: it would round once where the
//! definition rounds twice.

#![allow(unsafe_code, reason = "vector instructions, behind a token that only a processor with them gives")]

use super::dense::{self, Registers, Sums};
use super::instruction_set::{Vectors, Work};
use super::x86;
use core::arch::x86_64::{
    __m128, __m256, _mm_add_ps, _mm_loadu_ps, _mm_mul_ps, _mm_set1_ps, _mm_storeu_ps, _mm256_add_ps,
    _mm256_loadu_ps, _mm256_mul_ps, _mm256_set1_ps, _mm256_storeu_ps,
};

/// Proof that the processor has AVX2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn find() -> Option<Self> {
        x86::has_avx2().then_some(Self(()))
    }
}

#[inline(never)]
#[target_feature(enable = "avx2")]
fn enter<W: Work>(token: Avx2, work: W) -> W::Output {
    work.run(token)
}

impl Vectors for Avx2 {
    #[inline(always)]
    fn dense(self, input: &[f32], panels: &[f32], output: &mut [f32]) {
        // SAFETY: a token exists only where the processor has the instructions.
        unsafe { dense::dense::<Self>(input, panels, output) }
    }

    #[inline(always)]
    fn enter<W: Work>(self, work: W) -> W::Output {
        // SAFETY: a token exists only where the processor has the instructions.
        unsafe { enter(self, work) }
    }
}

impl Registers for Avx2 {
    type Sixteen = (__m256, __m256);
    type Eight = __m256;
    type Four = __m128;
    /// Eight of sixteen registers.
    const PANELS: usize = 4;

    #[inline(always)]
    unsafe fn add_lanes(sums: Self::Sixteen, x: &[f32; 16], weights: &[f32; 16]) -> Self::Sixteen {
        // SAFETY: the rows are sixteen values long, and the processor has the instructions, as the caller says.
        unsafe {
            let (x, weights) = (x.as_ptr(), weights.as_ptr());
            let low = _mm256_mul_ps(_mm256_loadu_ps(x), _mm256_loadu_ps(weights));
            let high = _mm256_mul_ps(_mm256_loadu_ps(x.add(8)), _mm256_loadu_ps(weights.add(8)));
            (_mm256_add_ps(sums.0, low), _mm256_add_ps(sums.1, high))
        }
    }
}

impl Sums for (__m256, __m256) {
    type Row = [f32; 16];

    #[inline(always)]
    unsafe fn load(row: &[f32; 16]) -> Self {
        // SAFETY: the row is sixteen values long, and the processor has the instructions, as the caller says.
        unsafe { (_mm256_loadu_ps(row.as_ptr()), _mm256_loadu_ps(row.as_ptr().add(8))) }
    }

    #[inline(always)]
    unsafe fn add_products(self, x: f32, weights: &[f32; 16]) -> Self {
        // SAFETY: the row is sixteen values long, and the processor has the instructions, as the caller says.
        unsafe {
            let x = _mm256_set1_ps(x);
            let low = _mm256_mul_ps(x, _mm256_loadu_ps(weights.as_ptr()));
            let high = _mm256_mul_ps(x, _mm256_loadu_ps(weights.as_ptr().add(8)));
            (_mm256_add_ps(self.0, low), _mm256_add_ps(self.1, high))
        }
    }

    #[inline(always)]
    unsafe fn store(self, row: &mut [f32; 16]) {
        // SAFETY: the row is sixteen values long, and the processor has the instructions, as the caller says.
        unsafe {
            _mm256_storeu_ps(row.as_mut_ptr(), self.0);
            _mm256_storeu_ps(row.as_mut_ptr().add(8), self.1);
        }
    }
}

impl Sums for __m256 {
    type Row = [f32; 8];

    #[inline(always)]
    unsafe fn load(row: &[f32; 8]) -> Self {
        // SAFETY: the row is eight values long, and the processor has the instructions, as the caller says.
        unsafe { _mm256_loadu_ps(row.as_ptr()) }
    }

    #[inline(always)]
    unsafe fn add_products(self, x: f32, weights: &[f32; 8]) -> Self {
        // SAFETY: the row is eight values long, and the processor has the instructions, as the caller says.
        unsafe {
            let products = _mm256_mul_ps(_mm256_set1_ps(x), _mm256_loadu_ps(weights.as_ptr()));
            _mm256_add_ps(self, products)
        }
    }

    #[inline(always)]
    unsafe fn store(self, row: &mut [f32; 8]) {
        // SAFETY: the row is eight values long, and the processor has the instructions, as the caller says.
        unsafe { _mm256_storeu_ps(row.as_mut_ptr(), self) }
    }
}

impl Sums for __m128 {
    type Row = [f32; 4];

    #[inline(always)]
    unsafe fn load(row: &[f32; 4]) -> Self {
        // SAFETY: the row is four values long.
        unsafe { _mm_loadu_ps(row.as_ptr()) }
    }

    #[inline(always)]
    unsafe fn add_products(self, x: f32, weights: &[f32; 4]) -> Self {
        // SAFETY: the row is four values long, and the processor has the instructions, as the caller says.
        unsafe { _mm_add_ps(self, _mm_mul_ps(_mm_set1_ps(x), _mm_loadu_ps(weights.as_ptr()))) }
    }

    #[inline(always)]
    unsafe fn store(self, row: &mut [f32; 4]) {
        // SAFETY: the row is four values long.
        unsafe { _mm_storeu_ps(row.as_mut_ptr(), self) }
    }
}
