//! Random numbers with the same bits on every platform: one stream for each purpose.

use crate::network::matrix::vectorized;
use rand::Rng;
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::math;

/// A stream of random numbers that depends on the run's seed and on its purpose alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stream {
    generator: Pcg64Mcg,
    /// The second normal of the last pair drawn.
    spare: Option<f32>,
}

impl Stream {
    /// The stream of `purpose` in the run `seed`; streams of different purposes are unrelated.
    pub fn new(seed: u64, purpose: &str) -> Self {
        // FNV-1a spreads the purpose over 64 bits; SplitMix64 mixes both, since the generator drops the lowest bit.
        let hash = purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let low = split_mix(seed ^ split_mix(hash));
        let high = split_mix(low ^ hash);
        let state = u128::from(high) << 64 | u128::from(low);
        Self { generator: Pcg64Mcg::new(state), spare: None }
    }

    /// Uniform on `[0, 1)` with 24 bits.
    pub fn unit(&mut self) -> f32 {
        unit_from(self.generator.next_u64() >> 40)
    }

    /// Uniform on `[low, high)`.
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Uniform on `0..bound`, by the high bits of a product: biased by less than `bound / 2^64`.
    pub fn index(&mut self, bound: usize) -> usize {
        ((u128::from(self.generator.next_u64()) * bound as u128) >> 64) as usize
    }

    /// Standard normal, by Box and Muller's transform.
    pub fn normal(&mut self) -> f32 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let (first, second) = box_muller(self.unit(), self.unit());
        self.spare = Some(second);
        first
    }

    /// Fills `values` with standard normals, in a loop that vectorizes.
    pub fn fill_normal(&mut self, values: &mut [f32]) {
        let (pairs, rest) = values.as_chunks_mut::<2>();
        for pair in pairs.iter_mut() {
            let bits = self.generator.next_u64();
            *pair = [unit_from(bits >> 40), unit_from((bits >> 16) & 0xff_ffff)];
        }
        vectorized(
            #[inline(always)]
            || {
                for [first, second] in pairs {
                    (*first, *second) = box_muller(*first, *second);
                }
            },
        );
        for value in rest {
            *value = self.normal();
        }
    }

    /// Fills `values` with 0, in a share of `rate`, and else with `1 / (1 - rate)`; the rate counts to 1/65536.
    pub fn fill_mask(&mut self, values: &mut [f32], rate: f32) {
        let (dropped, kept) = ((rate * 65_536.0) as u64, 1.0 / (1.0 - rate));
        for four in values.chunks_mut(4) {
            let mut bits = self.generator.next_u64();
            for value in four {
                *value = if bits & 0xffff < dropped { 0.0 } else { kept };
                bits >>= 16;
            }
        }
    }
}

/// `SplitMix64`'s finalizer (Steele, Lea and Flood 2014), a bijection.
fn split_mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// 24 bits as a number on `[0, 1)`.
fn unit_from(bits: u64) -> f32 {
    bits as f32 * (1.0 / (1u32 << 24) as f32)
}

/// Two independent standard normals from two uniforms on `[0, 1)` (Box and Muller 1958).
#[inline(always)]
fn box_muller(first: f32, second: f32) -> (f32, f32) {
    let radius = (-2.0 * math::ln(1.0 - first)).sqrt();
    let angle = core::f32::consts::TAU * second;
    (radius * math::cos(angle), radius * math::sin(angle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normals_have_mean_zero_and_deviation_one() {
        let mut stream = Stream::new(1, "normal test");
        let mut samples = vec![0.0; 100_001];
        stream.fill_normal(&mut samples);
        let samples: Vec<f64> = samples.into_iter().map(f64::from).collect();
        let mean = samples.iter().sum::<f64>() / 1e5;
        let variance = samples.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 1e5;
        let fourth = samples.iter().map(|x| (x - mean).powi(4)).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.015 && (variance - 1.0).abs() < 0.02 && (fourth - 3.0).abs() < 0.12);
    }

    #[test]
    fn streams_of_other_seeds_and_purposes_differ() {
        let first = |seed, purpose| Stream::new(seed, purpose).index(usize::MAX);
        assert_ne!(first(0, "replay"), first(1, "replay"));
        assert_ne!(first(1, "replay"), first(2, "replay"));
        assert_ne!(first(1, "replay"), first(1, "exploration"));
        assert_eq!(first(1, "replay"), first(1, "replay"));
    }
}
