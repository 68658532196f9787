//! The Gaussian with one deviation for each action, the same in every state: `a = mean + deviation · noise`.
//!
//! On-policy actors put out the means; the logarithms of the deviations are parameters of their own. Nothing is squashed:
//! densities are those of the sample itself, and clipping it to what the actuator can do is the environment's part.

use sinew_policy_runtime::math;

const HALF_LOG_TAU: f32 = 0.918_938_5;

/// A batch of Gaussians that share their deviations.
#[derive(Clone, Copy, Debug)]
pub struct DiagonalGaussian<'p> {
    /// `[rows, action]`.
    pub means: &'p [f32],
    /// `[action]`.
    pub log_deviations: &'p [f32],
}

impl DiagonalGaussian<'_> {
    /// `mean + deviation · noise` into `samples`, which hold the noise, `[rows, action]`; the log-probability of each row
    /// into `log_probs`.
    pub fn sample(&self, samples: &mut [f32], log_probs: &mut [f32]) {
        let width = self.log_deviations.len();
        log_probs.fill(self.log_peak());
        for (column, log_deviation) in self.log_deviations.iter().enumerate() {
            let deviation = math::exp(*log_deviation);
            let rows = samples.chunks_exact_mut(width).zip(self.means.chunks_exact(width));
            for ((samples, means), log_prob) in rows.zip(log_probs.iter_mut()) {
                let noise = samples[column];
                *log_prob -= 0.5 * noise * noise;
                samples[column] = means[column] + deviation * noise;
            }
        }
    }

    /// `log N(a; mean, deviation)` of each row of `samples [rows, action]`.
    pub fn log_probs(&self, samples: &[f32], log_probs: &mut [f32]) {
        let width = self.log_deviations.len();
        log_probs.fill(self.log_peak());
        for (column, log_deviation) in self.log_deviations.iter().enumerate() {
            let precision = math::exp(-*log_deviation);
            let rows = samples.chunks_exact(width).zip(self.means.chunks_exact(width));
            for ((samples, means), log_prob) in rows.zip(log_probs.iter_mut()) {
                let noise = (samples[column] - means[column]) * precision;
                *log_prob -= 0.5 * noise * noise;
            }
        }
    }

    /// The log-probability of the means themselves.
    fn log_peak(&self) -> f32 {
        self.log_deviations.iter().map(|log_deviation| -log_deviation - HALF_LOG_TAU).sum()
    }

    /// `1/2 + log √tau + log deviation` summed over the actions: the same in every row.
    pub fn entropy(&self) -> f32 {
        self.log_deviations.iter().map(|log_deviation| 0.5 + HALF_LOG_TAU + log_deviation).sum()
    }

    /// `KL(old || self)` of each row:
    /// `Σ log (σ / σ_old) + (σ_old² + (μ_old - μ)²) / (2 σ²) - 1/2`.
    pub fn divergences_from(&self, old: DiagonalGaussian<'_>, divergences: &mut [f32]) {
        let width = self.log_deviations.len();
        divergences.fill(0.0);
        for (column, [new_log, old_log]) in self.both_deviations(old).enumerate() {
            let half_precision = 0.5 * math::exp(-2.0 * new_log);
            let spread = new_log - old_log + half_precision * math::exp(2.0 * old_log) - 0.5;
            let rows = self.means.chunks_exact(width).zip(old.means.chunks_exact(width));
            for ((new, old), divergence) in rows.zip(divergences.iter_mut()) {
                let shift = old[column] - new[column];
                *divergence += spread + half_precision * shift * shift;
            }
        }
    }

    /// Derivatives of `Σ by_log_prob[row] · log_prob[row]` by the means and the log-deviations.
    ///
    /// `∂/∂μ = w (a - μ) / σ²`, `∂/∂log σ = Σ w ((a - μ)² / σ² - 1)`; the first overwrites `by_means [rows, action]`, the second
    /// `by_log_deviations [action]`.
    pub fn log_prob_gradient(
        &self,
        samples: &[f32],
        by_log_prob: &[f32],
        by_means: &mut [f32],
        by_log_deviations: &mut [f32],
    ) {
        let width = self.log_deviations.len();
        for (column, log_deviation) in self.log_deviations.iter().enumerate() {
            let precision = math::exp(-*log_deviation);
            let mut by_log_deviation = 0.0;
            let rows = samples.chunks_exact(width).zip(self.means.chunks_exact(width));
            let rows = rows.zip(by_means.chunks_exact_mut(width)).zip(by_log_prob);
            for (((samples, means), by_means), weight) in rows {
                let noise = (samples[column] - means[column]) * precision;
                by_means[column] = weight * noise * precision;
                by_log_deviation += weight * (noise * noise - 1.0);
            }
            by_log_deviations[column] = by_log_deviation;
        }
    }

    /// Adds derivatives of `weight · Σ KL(old || self)` by the means and the log-deviations.
    ///
    /// `∂/∂μ = (μ - μ_old) / σ²`, `∂/∂log σ = Σ 1 - (σ_old² + (μ_old - μ)²) / σ²`.
    pub fn add_divergence_gradient(
        &self,
        old: DiagonalGaussian<'_>,
        weight: f32,
        by_means: &mut [f32],
        by_log_deviations: &mut [f32],
    ) {
        let width = self.log_deviations.len();
        for (column, [new_log, old_log]) in self.both_deviations(old).enumerate() {
            let precision = math::exp(-2.0 * new_log);
            let old_variance = math::exp(2.0 * old_log);
            let rows = self.means.chunks_exact(width).zip(old.means.chunks_exact(width));
            for ((new, old), by_means) in rows.zip(by_means.chunks_exact_mut(width)) {
                let shift = new[column] - old[column];
                by_means[column] += weight * shift * precision;
                by_log_deviations[column] += weight * (1.0 - (old_variance + shift * shift) * precision);
            }
        }
    }

    /// `scale ·` the Fisher information: `1/σ²` for each mean, in place of `moved [rows, action]`, and 2 a row for the logarithm of
    /// each deviation, times `along [action]`, into `by_log_deviations`.
    pub fn multiply_fisher(
        &self,
        scale: f32,
        moved: &mut [f32],
        along: &[f32],
        by_log_deviations: &mut [f32],
    ) {
        let width = self.log_deviations.len();
        for (column, log_deviation) in self.log_deviations.iter().enumerate() {
            let precision = scale * math::exp(-2.0 * log_deviation);
            moved[column..].iter_mut().step_by(width).for_each(|value| *value *= precision);
        }
        let rows = (moved.len() / width) as f32;
        for (gradient, along) in by_log_deviations.iter_mut().zip(along) {
            *gradient = 2.0 * scale * rows * along;
        }
    }

    fn both_deviations(&self, old: DiagonalGaussian<'_>) -> impl Iterator<Item = [f32; 2]> {
        self.log_deviations.iter().zip(old.log_deviations).map(|(new, old)| [*new, *old])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD_MEANS: [f32; 4] = [0.5, -1.0, 0.0, 2.0];
    const MEANS: [f32; 4] = [0.3, -0.7, 0.4, 1.5];
    const SAMPLES: [f32; 4] = [1.0, 0.0, -0.5, 2.5];
    const WEIGHTS: [f32; 2] = [0.7, -1.3];

    fn old() -> DiagonalGaussian<'static> {
        DiagonalGaussian { means: &OLD_MEANS, log_deviations: &[-0.2, 0.1] }
    }

    #[test]
    fn a_sample_and_its_log_prob_agree_with_a_hand_computed_case() {
        let gaussian =
            DiagonalGaussian { means: &[1.0, 2.0], log_deviations: &[0.0, core::f32::consts::LN_2] };
        let (mut samples, mut log_probs) = ([1.0, -0.5], [0.0]);
        gaussian.sample(&mut samples, &mut log_probs);
        assert_eq!(samples, [2.0, 1.0]);
        // -(1 + 0.25) / 2 - log 2 - 2 · 0.918939.
        let expected = -0.625 - core::f32::consts::LN_2 - 2.0 * 0.918_938_5;
        assert!((log_probs[0] - expected).abs() < 1e-6);
        let drawn = log_probs[0];
        gaussian.log_probs(&samples, &mut log_probs);
        assert!((log_probs[0] - drawn).abs() < 1e-6);
        // Two of 1.418939, and log 2 for the wider.
        assert!((gaussian.entropy() - 2.0 * 1.418_938_5 - core::f32::consts::LN_2).abs() < 1e-6);
    }

    #[test]
    fn the_divergence_agrees_with_a_hand_computed_case_and_is_0_from_itself() {
        let old = DiagonalGaussian { means: &[1.0], log_deviations: &[0.0] };
        let new = DiagonalGaussian { means: &[3.0], log_deviations: &[core::f32::consts::LN_2] };
        let mut divergence = [0.0];
        new.divergences_from(old, &mut divergence);
        // log 2 + (1 + 4) / 8 - 1/2.
        assert!((divergence[0] - core::f32::consts::LN_2 - 0.125).abs() < 1e-6);
        new.divergences_from(new, &mut divergence);
        assert!(divergence[0].abs() < 1e-6);
    }

    /// `Σ weight · log_prob + 0.6 · Σ KL(old || new)`.
    fn loss(means: &[f32], log_deviations: &[f32]) -> f64 {
        let gaussian = DiagonalGaussian { means, log_deviations };
        let (mut log_probs, mut divergences) = ([0.0; 2], [0.0; 2]);
        gaussian.log_probs(&SAMPLES, &mut log_probs);
        gaussian.divergences_from(old(), &mut divergences);
        let weighted = |(weight, value): (&f32, &f32)| f64::from(*weight) * f64::from(*value);
        let divergence: f32 = divergences.iter().sum();
        WEIGHTS.iter().zip(&log_probs).map(weighted).sum::<f64>() + 0.6 * f64::from(divergence)
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let (mut means, mut log_deviations) = (MEANS, [-0.4, 0.2]);
        let (mut by_means, mut by_log_deviations) = ([0.0; 4], [0.0; 2]);
        let gaussian = DiagonalGaussian { means: &means, log_deviations: &log_deviations };
        gaussian.log_prob_gradient(&SAMPLES, &WEIGHTS, &mut by_means, &mut by_log_deviations);
        gaussian.add_divergence_gradient(old(), 0.6, &mut by_means, &mut by_log_deviations);
        for index in 0..4 {
            let numeric = {
                means[index] = MEANS[index] + 1e-2;
                let above = loss(&means, &log_deviations);
                means[index] = MEANS[index] - 1e-2;
                let below = loss(&means, &log_deviations);
                means[index] = MEANS[index];
                (above - below) / 2e-2
            };
            assert!((numeric - f64::from(by_means[index])).abs() < 2e-3, "mean {index}: {numeric}");
        }
        for index in 0..2 {
            let original = log_deviations[index];
            log_deviations[index] = original + 1e-2;
            let above = loss(&means, &log_deviations);
            log_deviations[index] = original - 1e-2;
            let below = loss(&means, &log_deviations);
            log_deviations[index] = original;
            let numeric = (above - below) / 2e-2;
            assert!((numeric - f64::from(by_log_deviations[index])).abs() < 5e-3, "deviation {index}");
        }
    }
}
