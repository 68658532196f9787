//! Adam (Kingma and Ba 2015) over a flat slice of parameters.

use crate::network::matrix::vectorized;
use crate::training::StateError;
use serde::{Deserialize, Serialize};

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// Adam's moments for one set of parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adam {
    first_moment: Vec<f32>,
    second_moment: Vec<f32>,
    /// `beta_1` and `beta_2` to the power of the number of steps.
    beta_powers: [f64; 2],
}

impl Adam {
    /// Zero moments for `parameter_count` parameters.
    pub fn new(parameter_count: usize) -> Self {
        Self {
            first_moment: vec![0.0; parameter_count],
            second_moment: vec![0.0; parameter_count],
            beta_powers: [1.0; 2],
        }
    }

    /// Goes on from another optimizer's moments; `whose` stands in errors.
    ///
    /// # Errors
    /// They belong to another number of parameters.
    pub fn restore(&mut self, whose: &str, saved: Self) -> Result<(), StateError> {
        for (moment, expected, found) in [
            ("first", &self.first_moment, &saved.first_moment),
            ("second", &self.second_moment, &saved.second_moment),
        ] {
            StateError::check_length(format!("{whose}: {moment} moment"), expected.len(), found.len())?;
        }
        *self = saved;
        Ok(())
    }

    /// One step of size `learning_rate` against `gradient`.
    ///
    /// `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g²`,
    /// `p -= lr / (1 - b1^t) m / (√(v / (1 - b2^t)) + eps)`.
    pub fn step(&mut self, parameters: &mut [f32], gradient: &[f32], learning_rate: f32) {
        self.beta_powers[0] *= f64::from(BETA_1);
        self.beta_powers[1] *= f64::from(BETA_2);
        let rate = (f64::from(learning_rate) / (1.0 - self.beta_powers[0])) as f32;
        let correction = (1.0 / (1.0 - self.beta_powers[1])) as f32;
        let count = parameters.len();
        let (m, v) = (&mut self.first_moment[..count], &mut self.second_moment[..count]);
        let gradient = &gradient[..count];
        // Indexed slices of one known length: LLVM leaves a zip of four iterators scalar.
        vectorized(
            #[inline(always)]
            || {
                for index in 0..count {
                    let g = gradient[index];
                    m[index] = BETA_1 * m[index] + (1.0 - BETA_1) * g;
                    v[index] = BETA_2 * v[index] + (1.0 - BETA_2) * (g * g);
                    parameters[index] -= rate * m[index] / ((v[index] * correction).sqrt() + EPSILON);
                }
            },
        );
    }
}

/// Scales a gradient down to the length `largest` where it is longer, and returns the length that it had.
pub fn clip_norm(gradient: &mut [f32], largest: f32) -> f32 {
    let norm = norm(gradient);
    if norm > largest {
        let scale = largest / norm;
        for value in gradient {
            *value *= scale;
        }
    }
    norm
}

/// `√(Σ g²)`, summed in sixteen lanes.
fn norm(gradient: &[f32]) -> f32 {
    let (lanes, rest) = gradient.as_chunks::<16>();
    let mut sums = [0.0_f32; 16];
    vectorized(
        #[inline(always)]
        || {
            for lane in lanes {
                for (sum, value) in sums.iter_mut().zip(lane) {
                    *sum += value * value;
                }
            }
        },
    );
    let rest: f32 = rest.iter().map(|value| value * value).sum();
    (sums.iter().sum::<f32>() + rest).sqrt()
}

/// `target = (1 - tau) target + tau online`, the slow copy that bootstrapping reads.
pub fn polyak(target: &mut [f32], online: &[f32], tau: f32) {
    vectorized(
        #[inline(always)]
        || {
            for (target, online) in target.iter_mut().zip(online) {
                *target += tau * (*online - *target);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_two_steps_agree_with_the_paper() {
        let mut adam = Adam::new(1);
        let mut parameters = [1.0];
        // First step: both corrected moments equal g and g², so the step is lr · sign(g).
        adam.step(&mut parameters, &[4.0], 0.1);
        assert!((parameters[0] - 0.9).abs() < 1e-6);
        // Second: m = 0.9·0.4 + 0.1·(-2) = 0.16, /0.19; v = 0.999·0.016 + 0.001·4 = 0.019984, /0.001999.
        adam.step(&mut parameters, &[-2.0], 0.1);
        let expected = 0.9 - 0.1 * (0.16 / 0.19) / (0.019_984_f64 / 0.001_999).sqrt();
        assert!((f64::from(parameters[0]) - expected).abs() < 1e-6);
    }

    #[test]
    fn a_long_gradient_is_shortened_and_a_short_one_kept() {
        let mut gradient = [0.0; 18];
        (gradient[1], gradient[17]) = (3.0, 4.0);
        assert_eq!(clip_norm(&mut gradient, 10.0), 5.0);
        assert_eq!((gradient[1], gradient[17]), (3.0, 4.0));
        assert_eq!(clip_norm(&mut gradient, 1.0), 5.0);
        assert!((gradient[1] - 0.6).abs() < 1e-6 && (gradient[17] - 0.8).abs() < 1e-6);
    }

    #[test]
    fn polyak_moves_the_target_by_tau() {
        let mut target = [1.0, 2.0];
        polyak(&mut target, &[3.0, 2.0], 0.25);
        assert_eq!(target, [1.5, 2.0]);
    }
}
