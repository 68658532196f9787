//! Runs a test with the vectors of every instruction set that the machine has.

use pulp::Simd;

/// What is to hold with any vectors; `name` says which, for messages.
pub(crate) trait Check {
    fn check<S: Simd>(&self, simd: S, name: &str);
}

/// From single values up to the widest vectors.
pub(crate) fn on_every_instruction_set(check: &impl Check) {
    check.check(pulp::Scalar::new(), "scalar");
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(simd) = pulp::x86::V3::try_new() {
            check.check(simd, "AVX2");
        }
        if let Some(simd) = pulp::x86::V4::try_new() {
            check.check(simd, "AVX-512");
        }
    }
    #[cfg(target_arch = "aarch64")]
    if let Some(simd) = pulp::aarch64::Neon::try_new() {
        check.check(simd, "NEON");
    }
}
