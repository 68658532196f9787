//! NEON: vectors of four values on AArch64, where every processor has them.
//!
//! Loops over values need nothing of their own: the target's baseline already turns them into these vectors.

#![allow(unsafe_code, reason = "loads and stores of vectors, by pointer")]

use super::dense::{self, Registers, Sums};
use super::instruction_set::{Vectors, Work};
use core::arch::aarch64::{float32x4_t, vaddq_f32, vdupq_n_f32, vld1q_f32, vmulq_f32, vst1q_f32};

/// Sums of four neurons.
#[derive(Clone, Copy)]
pub(super) struct Quads<const COUNT: usize>([float32x4_t; COUNT]);

/// On AArch64 NEON needs no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Neon;

impl Vectors for Neon {
    #[inline(always)]
    fn dense(self, input: &[f32], panels: &[f32], output: &mut [f32]) {
        // SAFETY: NEON is part of every AArch64 processor that this target is for.
        unsafe { dense::dense::<Self>(input, panels, output) }
    }

    #[inline(never)]
    fn enter<W: Work>(self, work: W) -> W::Output {
        work.run(self)
    }
}

impl Registers for Neon {
    type Sixteen = Quads<4>;
    type Eight = Quads<2>;
    type Four = Quads<1>;
    /// Sixteen of thirty-two registers.
    const PANELS: usize = 4;

    #[inline(always)]
    unsafe fn add_lanes(mut sums: Quads<4>, x: &[f32; 16], weights: &[f32; 16]) -> Quads<4> {
        for (sum, (x, weights)) in sums.0.iter_mut().zip(quads(x).iter().zip(quads(weights))) {
            // SAFETY: a quad is four values long.
            let (x, weights) = unsafe { (vld1q_f32(x.as_ptr()), vld1q_f32(weights.as_ptr())) };
            // SAFETY: every AArch64 processor has the instructions.
            *sum = unsafe { vaddq_f32(*sum, vmulq_f32(x, weights)) };
        }
        sums
    }
}

#[inline(always)]
fn quads(row: &[f32]) -> &[[f32; 4]] {
    row.as_chunks().0
}

/// The three widths, each with its number of quads.
macro_rules! sums {
    ($($width:literal: $count:literal),*) => {$(
        impl Sums for Quads<$count> {
            type Row = [f32; $width];

            #[inline(always)]
            unsafe fn load(row: &Self::Row) -> Self {
                // SAFETY: every AArch64 processor has the instruction.
                let mut sums = [unsafe { vdupq_n_f32(0.0) }; $count];
                for (sum, row) in sums.iter_mut().zip(quads(row)) {
                    // SAFETY: a quad is four values long.
                    *sum = unsafe { vld1q_f32(row.as_ptr()) };
                }
                Self(sums)
            }

            #[inline(always)]
            unsafe fn add_products(mut self, x: f32, weights: &Self::Row) -> Self {
                for (sum, weights) in self.0.iter_mut().zip(quads(weights)) {
                    // SAFETY: a quad is four values long, and every AArch64 processor has the instructions.
                    *sum = unsafe { vaddq_f32(*sum, vmulq_f32(vdupq_n_f32(x), vld1q_f32(weights.as_ptr()))) };
                }
                self
            }

            #[inline(always)]
            unsafe fn store(self, row: &mut Self::Row) {
                for (sum, row) in self.0.into_iter().zip(row.as_chunks_mut::<4>().0) {
                    // SAFETY: a quad is four values long.
                    unsafe { vst1q_f32(row.as_mut_ptr(), sum) };
                }
            }
        }
    )*};
}

sums!(16: 4, 8: 2, 4: 1);
