//! Random numbers with the same bits on every platform: [`Stream`], one for each (seed, environment, episode).
//!
//! A stream depends on nothing else, so neither the number of threads nor the number of environments beside it can
//! change an episode. Uniform and normal values are computed here from the generator's bits, because the usual
//! distributions promise no portable results.

use rand::Rng;
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

/// A stream of random numbers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stream {
    generator: Pcg64Mcg,
    /// The second value of the last Box-Muller pair.
    spare: Option<f64>,
}

impl Stream {
    /// The stream of one episode of one environment.
    ///
    /// The generator's 128-bit state is two consecutive outputs of splitmix64 (Steele et al., 2014), started from
    /// `mix(mix(mix(seed) ^ environment) ^ episode)`.
    pub fn new(seed: u64, environment: u64, episode: u64) -> Self {
        let key = mix(mix(mix(seed) ^ environment) ^ episode);
        let (high, low) = (mix(key), mix(key.wrapping_add(GOLDEN_GAMMA)));
        Self { generator: Pcg64Mcg::new((u128::from(high) << 64) | u128::from(low)), spare: None }
    }

    /// Uniform in `[low, high)`; `low` where both are equal.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Normal with mean 0 and standard deviation 1, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        // 1 - unit lies in (0, 1], where the logarithm is finite.
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        let (sine, cosine) = libm::sincos(core::f64::consts::TAU * self.unit());
        self.spare = Some(radius * sine);
        radius * cosine
    }

    /// Uniform on the unit sphere.
    pub fn direction(&mut self) -> [f64; 3] {
        let z = self.uniform(-1.0, 1.0);
        let radius = libm::sqrt(1.0 - z * z);
        let (sine, cosine) = libm::sincos(core::f64::consts::TAU * self.unit());
        [radius * cosine, radius * sine, z]
    }

    /// Uniform in `[0, 1)`, a multiple of 2^-53.
    fn unit(&mut self) -> f64 {
        const SCALE: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.generator.next_u64() >> 11) as f64 * SCALE
    }
}

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// One step of splitmix64.
fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(GOLDEN_GAMMA);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_matches_its_published_first_output() {
        // splitmix64 seeded with 1234567, first value of the reference implementation.
        assert_eq!(mix(1_234_567), 6_457_827_717_110_365_317);
    }

    #[test]
    fn neighbouring_streams_differ_and_equal_ones_do_not() {
        let first = |seed, environment, episode| Stream::new(seed, environment, episode).uniform(0.0, 1.0);
        assert_eq!(first(1, 2, 3), first(1, 2, 3));
        let values = [first(1, 2, 3), first(2, 2, 3), first(1, 3, 3), first(1, 2, 4), first(1, 3, 2)];
        for (index, value) in values.iter().enumerate() {
            assert!(values[..index].iter().all(|other| other != value));
        }
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut stream = Stream::new(7, 0, 0);
        let count = 200_000;
        let (mut mean, mut variance, mut uniform) = (0.0, 0.0, 0.0);
        for _ in 0..count {
            let value = stream.normal();
            mean += value / f64::from(count);
            variance += value * value / f64::from(count);
            uniform += stream.uniform(-1.0, 3.0) / f64::from(count);
        }
        // Five standard errors.
        assert!(mean.abs() < 0.0112, "{mean}");
        assert!((variance - 1.0).abs() < 0.0158, "{variance}");
        assert!((uniform - 1.0).abs() < 0.013, "{uniform}");
    }

    #[test]
    fn directions_have_unit_length_and_no_preference() {
        let mut stream = Stream::new(8, 0, 0);
        let mut sum = [0.0; 3];
        for _ in 0..40_000 {
            let direction = stream.direction();
            let length: f64 = direction.iter().map(|value| value * value).sum();
            assert!((length - 1.0).abs() < 1e-12);
            sum.iter_mut().zip(direction).for_each(|(total, value)| *total += value / 40_000.0);
        }
        assert!(sum.iter().all(|mean| mean.abs() < 0.0145), "{sum:?}");
    }
}
