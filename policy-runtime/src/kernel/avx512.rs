//! AVX-512: vectors of sixteen values on x86-64, a whole panel in each.

#![allow(unsafe_code, reason = "vector instructions, behind a token that only a processor with them gives")]

use super::dense::{self, Registers, Sums};
use super::instruction_set::{Vectors, Work};
use super::x86;
use core::arch::x86_64::{
    __m128, __m256, __m512, _mm512_add_ps, _mm512_loadu_ps, _mm512_mul_ps, _mm512_set1_ps, _mm512_storeu_ps,
};

/// Proof that the processor has AVX-512 F, VL, BW and DQ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Avx512(());

impl Avx512 {
    pub(super) fn find() -> Option<Self> {
        x86::has_avx512().then_some(Self(()))
    }
}

#[inline(never)]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq")]
fn enter<W: Work>(token: Avx512, work: W) -> W::Output {
    work.run(token)
}

impl Vectors for Avx512 {
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

impl Registers for Avx512 {
    type Sixteen = __m512;
    /// As for AVX2, whose instructions are a part of these.
    type Eight = __m256;
    type Four = __m128;
    /// Two additions begin in a cycle at best and take four.
    const PANELS: usize = 8;

    #[inline(always)]
    unsafe fn add_lanes(sums: __m512, x: &[f32; 16], weights: &[f32; 16]) -> __m512 {
        // SAFETY: the rows are sixteen values long, and the processor has the instructions, as the caller says.
        unsafe {
            let products = _mm512_mul_ps(_mm512_loadu_ps(x.as_ptr()), _mm512_loadu_ps(weights.as_ptr()));
            _mm512_add_ps(sums, products)
        }
    }
}

impl Sums for __m512 {
    type Row = [f32; 16];

    #[inline(always)]
    unsafe fn load(row: &[f32; 16]) -> Self {
        // SAFETY: the row is sixteen values long, and the processor has the instructions, as the caller says.
        unsafe { _mm512_loadu_ps(row.as_ptr()) }
    }

    #[inline(always)]
    unsafe fn add_products(self, x: f32, weights: &[f32; 16]) -> Self {
        // SAFETY: the row is sixteen values long, and the processor has the instructions, as the caller says.
        unsafe {
            let products = _mm512_mul_ps(_mm512_set1_ps(x), _mm512_loadu_ps(weights.as_ptr()));
            _mm512_add_ps(self, products)
        }
    }

    #[inline(always)]
    unsafe fn store(self, row: &mut [f32; 16]) {
        // SAFETY: the row is sixteen values long, and the processor has the instructions, as the caller says.
        unsafe { _mm512_storeu_ps(row.as_mut_ptr(), self) }
    }
}
