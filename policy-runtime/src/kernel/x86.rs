//! Which vector instructions an x86-64 processor and its operating system offer.
//!
//! Asked of the processor itself, because the standard library's detection needs the standard library. The answer is kept:
//! under a hypervisor the question takes tens of microseconds.

#![allow(unsafe_code, reason = "reads the extended control register")]

use core::arch::x86_64::{__cpuid, __cpuid_count, __get_cpuid_max, _xgetbv};
use core::sync::atomic::{AtomicU8, Ordering};

const ASKED: u8 = 1;
const AVX2: u8 = 2;
const AVX512: u8 = 4;

static FOUND: AtomicU8 = AtomicU8::new(0);

/// Whether AVX2 can be used.
pub(super) fn has_avx2() -> bool {
    found() & AVX2 != 0
}

/// Whether AVX-512 F, VL, BW and DQ can be used.
pub(super) fn has_avx512() -> bool {
    found() & AVX512 != 0
}

fn found() -> u8 {
    let known = FOUND.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    let found = ASKED | if cfg!(miri) { compiled_for() } else { ask() };
    // Every thread that asks at the same time stores the same.
    FOUND.store(found, Ordering::Relaxed);
    found
}

fn ask() -> u8 {
    const OSXSAVE_AND_AVX: u32 = 1 << 27 | 1 << 28;
    const LEAF_7_AVX2: u32 = 1 << 5;
    const LEAF_7_AVX512: u32 = 1 << 16 | 1 << 17 | 1 << 30 | 1 << 31;
    // Registers that the operating system saves: SSE and AVX; with masks and both halves of the upper sixteen.
    const SAVED_256: u64 = 0x06;
    const SAVED_512: u64 = 0xe6;
    if __get_cpuid_max(0).0 < 7 || __cpuid(1).ecx & OSXSAVE_AND_AVX != OSXSAVE_AND_AVX {
        return 0;
    }
    // SAFETY: the operating system has switched the instruction on, as OSXSAVE says.
    let saved = unsafe { extended_control_register() };
    let features = __cpuid_count(7, 0).ebx;
    let offers = |bits, registers| features & bits == bits && saved & registers == registers;
    let avx2 = if offers(LEAF_7_AVX2, SAVED_256) { AVX2 } else { 0 };
    let avx512 = if avx2 != 0 && offers(LEAF_7_AVX512, SAVED_512) { AVX512 } else { 0 };
    avx2 | avx512
}

/// What the crate was compiled for: an interpreter has no processor to ask.
fn compiled_for() -> u8 {
    let avx2 = if cfg!(target_feature = "avx2") { AVX2 } else { 0 };
    avx2 | if cfg!(target_feature = "avx512f") { AVX512 } else { 0 }
}

#[target_feature(enable = "xsave")]
fn extended_control_register() -> u64 {
    // SAFETY: register 0 exists wherever the instruction does.
    unsafe { _xgetbv(0) }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    #[test]
    fn the_processor_answers_as_the_standard_library_says() {
        assert_eq!(super::has_avx2(), std::arch::is_x86_feature_detected!("avx2"));
        let avx512 = std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512dq");
        assert_eq!(super::has_avx512(), avx512);
    }
}
