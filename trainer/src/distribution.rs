//! The squashed Gaussian: `a = tanh(u)`, `u = mean + deviation · noise`, with its density and its gradient.
//!
//! The network puts out `[mean, log_deviation]` for each action. The change of variables uses
//! `log(1 - tanh²(u)) = 2 (log 2 - u - softplus(-2 u))`, which stays exact where `1 - a²` underflows.

use crate::network::matrix::vectorized;
use sinew_policy_runtime::math;

/// Bounds of the logarithm of the deviation, as in Stable-Baselines3.
const LOG_DEVIATION: [f32; 2] = [-20.0, 2.0];
const HALF_LOG_TAU: f32 = 0.918_938_5;

/// A batch of squashed Gaussian actions drawn from an actor's output.
///
/// Means and deviations are split into matrices of their own first: the loops over them then run over whole batches,
/// and vectorize for a single action too.
#[derive(Clone, Debug)]
pub struct SquashedGaussian {
    action_size: usize,
    /// Standard normal draws, `[batch, action]`: filled by the caller before [`Self::sample`].
    pub noise: Vec<f32>,
    /// `tanh(u)`, `[batch, action]`.
    pub actions: Vec<f32>,
    /// `log_prob` of each row's action, `[batch]`.
    pub log_probs: Vec<f32>,
    /// Each value's part of the log-probability, `[batch, action]`.
    parts: Vec<f32>,
    /// `[batch, action]`.
    means: Vec<f32>,
    /// As the network put them out, `[batch, action]`.
    log_deviations: Vec<f32>,
    /// `deviation · noise`, `[batch, action]`.
    spreads: Vec<f32>,
}

impl SquashedGaussian {
    /// Buffers for `batch` rows of `action_size` actions.
    pub fn new(batch: usize, action_size: usize) -> Self {
        let matrix = || vec![0.0; batch * action_size];
        Self {
            action_size,
            noise: matrix(),
            actions: matrix(),
            log_probs: vec![0.0; batch],
            parts: matrix(),
            means: matrix(),
            log_deviations: matrix(),
            spreads: matrix(),
        }
    }

    /// Actions and their log-probabilities from `output [batch, 2 action]` of the actor and the noise.
    pub fn sample(&mut self, output: &[f32]) {
        let width = self.action_size;
        let split = self.means.chunks_exact_mut(width).zip(self.log_deviations.chunks_exact_mut(width));
        // Loops: a row of few actions is shorter than a call of `memcpy` is worth.
        for (output, (means, log_deviations)) in output.chunks_exact(2 * width).zip(split) {
            let (mean, log_deviation) = output.split_at(width);
            means.iter_mut().zip(mean).for_each(|(mean, value)| *mean = *value);
            log_deviations.iter_mut().zip(log_deviation).for_each(|(deviation, value)| *deviation = *value);
        }
        self.squash();
        for (log_prob, parts) in self.log_probs.iter_mut().zip(self.parts.chunks_exact(width)) {
            *log_prob = parts.iter().sum();
        }
    }

    fn squash(&mut self) {
        let count = self.actions.len();
        let (means, log_deviations, noise) =
            (&self.means[..count], &self.log_deviations[..count], &self.noise[..count]);
        let (actions, parts) = (&mut self.actions[..count], &mut self.parts[..count]);
        let spreads = &mut self.spreads[..count];
        vectorized(
            #[inline(always)]
            || {
                for index in 0..count {
                    let log_deviation = bounded(log_deviations[index]);
                    let spread = math::exp(log_deviation) * noise[index];
                    let u = means[index] + spread;
                    actions[index] = math::tanh(u);
                    parts[index] = gaussian_log_prob(noise[index], log_deviation) - log_squash(u);
                    spreads[index] = spread;
                }
            },
        );
    }

    /// Gradient of `mean over the batch of (alpha log_prob(a) - Q(a))` by the actor's output, `[batch, 2 action]`.
    ///
    /// Follows [`Self::sample`]; `q_gradient [batch, action]` is `∂Q/∂a`. With `u = mean + deviation · noise`:
    /// `∂/∂u = 2 alpha a - ∂Q/∂a (1 - a²)`, `∂/∂mean = ∂/∂u`, `∂/∂log_deviation = ∂/∂u · deviation · noise - alpha`, the last 0 where
    /// the logarithm is at its bound.
    pub fn policy_gradient(&self, q_gradient: &[f32], alpha: f32, gradient: &mut [f32]) {
        let width = self.action_size;
        let scale = 1.0 / self.log_probs.len() as f32;
        for (row, gradient) in gradient.chunks_exact_mut(2 * width).enumerate() {
            for column in 0..width {
                let index = row * width + column;
                let a = self.actions[index];
                let by_u = 2.0 * alpha * a - q_gradient[index] * (1.0 - a * a);
                gradient[column] = scale * by_u;
                let inside = bounded(self.log_deviations[index]) == self.log_deviations[index];
                gradient[width + column] =
                    if inside { scale * (by_u * self.spreads[index] - alpha) } else { 0.0 };
            }
        }
    }
}

#[inline(always)]
fn bounded(log_deviation: f32) -> f32 {
    let raised = if log_deviation < LOG_DEVIATION[0] { LOG_DEVIATION[0] } else { log_deviation };
    if raised > LOG_DEVIATION[1] { LOG_DEVIATION[1] } else { raised }
}

/// `log N(u; mean, deviation)` with `u = mean + deviation · noise`.
#[inline(always)]
fn gaussian_log_prob(noise: f32, log_deviation: f32) -> f32 {
    -0.5 * noise * noise - log_deviation - HALF_LOG_TAU
}

/// `log(1 - tanh²(u))`.
#[inline(always)]
fn log_squash(u: f32) -> f32 {
    2.0 * (core::f32::consts::LN_2 - u - math::softplus(-2.0 * u))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_prob_agrees_with_a_hand_computed_case() {
        let mut gaussian = SquashedGaussian::new(1, 1);
        gaussian.noise[0] = 1.0;
        // u = 0.5 + e^-1 · 1 = 0.867879, a = tanh(u) = 0.700341.
        gaussian.sample(&[0.5, -1.0]);
        let u = 0.5 + libm::exp(-1.0);
        let a = libm::tanh(u);
        let expected = -0.5 + 1.0 - 0.918_938_533 - libm::log(1.0 - a * a);
        assert!((f64::from(gaussian.actions[0]) - a).abs() < 1e-6);
        assert!((f64::from(gaussian.log_probs[0]) - expected).abs() < 1e-5);
    }

    #[test]
    fn log_prob_stays_finite_where_the_squash_saturates() {
        let mut gaussian = SquashedGaussian::new(1, 1);
        gaussian.sample(&[30.0, -1.0]);
        // log(1 - tanh²(30)) = 2 (log 2 - 30).
        let expected = 1.0 - 0.918_938_533 - 2.0 * (core::f64::consts::LN_2 - 30.0);
        assert!((f64::from(gaussian.log_probs[0]) - expected).abs() < 1e-4);
    }

    #[test]
    fn the_policy_gradient_agrees_with_finite_differences() {
        let (alpha, noise, output) = (0.3, [0.7, -1.2], [0.2_f32, -0.4, -0.5, 0.3]);
        // Q(a) = 1.5 a0 - 0.8 a1².
        let loss = |output: &[f32]| {
            let mut gaussian = SquashedGaussian::new(1, 2);
            gaussian.noise.copy_from_slice(&noise);
            gaussian.sample(output);
            let (a0, a1) = (f64::from(gaussian.actions[0]), f64::from(gaussian.actions[1]));
            f64::from(alpha) * f64::from(gaussian.log_probs[0]) - (1.5 * a0 - 0.8 * a1 * a1)
        };
        let mut gaussian = SquashedGaussian::new(1, 2);
        gaussian.noise.copy_from_slice(&noise);
        gaussian.sample(&output);
        let by_action = [1.5, -1.6 * gaussian.actions[1]];
        let mut gradient = [0.0; 4];
        gaussian.policy_gradient(&by_action, alpha, &mut gradient);
        for index in 0..4 {
            let (mut above, mut below) = (output, output);
            above[index] += 1e-2;
            below[index] -= 1e-2;
            let numeric = (loss(&above) - loss(&below)) / 2e-2;
            assert!((numeric - f64::from(gradient[index])).abs() < 1e-3, "{index}: {numeric}");
        }
    }
}
