//! Probes that this thread computes with IEEE 754's default rules.
//!
//! Same bits on every target hold only with rounding to nearest and gradual underflow. A library in the same process, or
//! a start-up file, may have set the thread's flush-to-zero, denormals-are-zero or rounding mode; the probe computes with
//! values that such a mode changes, so it needs no instruction of any one architecture.

use core::hint::black_box;

/// How the thread's arithmetic differs from IEEE 754's default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FloatEnvironmentError {
    /// Results below the smallest normal number become zero (FTZ, FZ).
    #[error("subnormal results are flushed to zero on this thread; gradual underflow is required")]
    FlushToZero,
    /// Operands below the smallest normal number are read as zero (DAZ, FZ).
    #[error("subnormal operands are read as zero on this thread; gradual underflow is required")]
    DenormalsAreZero,
    /// NaN results lose their payload (DN), which goes together with other departures on Arm.
    #[error("NaN results are replaced by a default NaN on this thread")]
    DefaultNan,
    /// Another rounding than to nearest, ties to even.
    #[error("arithmetic on this thread does not round to nearest, ties to even")]
    Rounding,
}

/// Checks the calling thread's arithmetic.
///
/// # Errors
/// The first rule that does not hold.
pub fn check() -> Result<(), FloatEnvironmentError> {
    let half_of_smallest = black_box(f32::MIN_POSITIVE) * black_box(0.5);
    if half_of_smallest.to_bits() != 0x0040_0000 {
        return Err(FloatEnvironmentError::FlushToZero);
    }
    if (black_box(f32::from_bits(1)) * black_box(16_777_216.0)).to_bits() == 0 {
        return Err(FloatEnvironmentError::DenormalsAreZero);
    }
    let payload = f32::from_bits(0x7fc0_1234);
    if cfg!(any(target_arch = "arm", target_arch = "aarch64"))
        && (black_box(payload) + black_box(1.0)).to_bits() != payload.to_bits()
    {
        return Err(FloatEnvironmentError::DefaultNan);
    }
    // A quarter and three quarters of the last place of 1, of both signs, tell the four modes apart.
    let (quarter, three_quarters) = (black_box(2.980_232_2e-8_f32), black_box(8.940_697e-8_f32));
    let one = black_box(1.0_f32);
    let above = f32::from_bits(0x3f80_0001);
    let nearest = one + quarter == 1.0
        && one + three_quarters == above
        && -one - quarter == -1.0
        && -one - three_quarters == -above
        && one + black_box(5.960_464_5e-8_f32) == 1.0;
    if nearest { Ok(()) } else { Err(FloatEnvironmentError::Rounding) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_thread_computes_by_the_default_rules() {
        assert_eq!(check(), Ok(()));
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    #[allow(unsafe_code, deprecated, reason = "sets the modes that the probe must find")]
    fn flushing_and_other_roundings_are_found() {
        use core::arch::x86_64::{_mm_getcsr, _mm_setcsr};
        // Bits of MXCSR: FTZ, DAZ, rounding down.
        for (bits, expected) in [
            (0x8000, FloatEnvironmentError::FlushToZero),
            (0x0040, FloatEnvironmentError::DenormalsAreZero),
            (0x2000, FloatEnvironmentError::Rounding),
        ] {
            // SAFETY: the register is restored before any other arithmetic of this thread.
            let found = unsafe {
                let before = _mm_getcsr();
                _mm_setcsr(before | bits);
                let found = check();
                _mm_setcsr(before);
                found
            };
            assert_eq!(found, Err(expected));
        }
    }
}
