//! The categorical distribution: one of some choices, each as likely as the softmax of the network's outputs says.
//!
//! A sample is the index of a choice, kept as a number. Everything goes through `log p_i = z_i - log Σ exp z`, whose largest
//! output is taken out before anything is exponentiated, so that no outputs overflow.

use crate::random::Stream;
use sinew_policy_runtime::math;

/// A batch of categorical distributions.
#[derive(Clone, Copy, Debug)]
pub struct Categorical<'p> {
    /// `[rows, choices]`.
    pub logits: &'p [f32],
    /// How many there are to choose from.
    pub choices: usize,
}

/// `log p` of a row's logits: `(z - max) - log Σ exp (z - max)`, which keeps its digits for outputs of any size.
fn log_softmax(logits: &[f32]) -> impl Fn(&f32) -> f32 {
    let largest = logits.iter().fold(f32::NEG_INFINITY, |largest, z| if *z > largest { *z } else { largest });
    let log_sum = math::ln(logits.iter().map(|z| math::exp(z - largest)).sum());
    move |z| (z - largest) - log_sum
}

/// `H = -Σ p log p` of a row whose `log p` these are.
fn entropy(log_probs: impl Iterator<Item = f32>) -> f32 {
    -log_probs.map(|log_prob| math::exp(log_prob) * log_prob).sum::<f32>()
}

impl<'p> Categorical<'p> {
    fn rows(&self) -> impl Iterator<Item = &'p [f32]> {
        self.logits.chunks_exact(self.choices)
    }

    /// Draws a choice in each row, `[rows]`, and writes how likely it was, `[rows]`.
    pub fn sample(&self, noise: &mut Stream, samples: &mut [f32], log_probs: &mut [f32]) {
        for ((logits, sample), log_prob) in self.rows().zip(samples).zip(log_probs) {
            let log_softmax = log_softmax(logits);
            let mut left = noise.unit();
            // Rounding may leave something over behind the last choice.
            let mut choice = self.choices - 1;
            for (index, z) in logits.iter().enumerate() {
                left -= math::exp(log_softmax(z));
                if left < 0.0 {
                    choice = index;
                    break;
                }
            }
            *sample = choice as f32;
            *log_prob = log_softmax(&logits[choice]);
        }
    }

    /// `log p` of each row's sample, `[rows]`.
    pub fn log_probs(&self, samples: &[f32], log_probs: &mut [f32]) {
        for ((logits, sample), log_prob) in self.rows().zip(samples).zip(log_probs) {
            *log_prob = log_softmax(logits)(&logits[*sample as usize]);
        }
    }

    /// Mean entropy of the rows.
    pub fn mean_entropy(&self) -> f32 {
        let of_row = |logits: &[f32]| f64::from(entropy(logits.iter().map(log_softmax(logits))));
        let sum: f64 = self.rows().map(of_row).sum();
        (sum / (self.logits.len() / self.choices).max(1) as f64) as f32
    }

    /// `KL(old || self) = Σ p_old (log p_old - log p)` of each row.
    pub fn divergences_from(&self, old: Categorical<'_>, divergences: &mut [f32]) {
        for ((new, old), divergence) in self.rows().zip(old.rows()).zip(divergences) {
            let log_probs = new.iter().map(log_softmax(new)).zip(old.iter().map(log_softmax(old)));
            *divergence = log_probs.map(|(new, old)| math::exp(old) * (old - new)).sum();
        }
    }

    /// Derivatives of `Σ by_log_prob[row] · log p(sample)` by the logits: `w (1[i = sample] - p_i)`, overwriting `by_logits
    /// [rows, choices]`.
    pub fn log_prob_gradient(&self, samples: &[f32], by_log_prob: &[f32], by_logits: &mut [f32]) {
        let rows = self.rows().zip(by_logits.chunks_exact_mut(self.choices));
        for ((logits, by_logits), (sample, weight)) in rows.zip(samples.iter().zip(by_log_prob)) {
            for (by_logit, log_prob) in by_logits.iter_mut().zip(logits.iter().map(log_softmax(logits))) {
                *by_logit = -weight * math::exp(log_prob);
            }
            by_logits[*sample as usize] += weight;
        }
    }

    /// Adds derivatives of `weight · Σ KL(old || self)` by the logits: `weight (p - p_old)`.
    pub fn add_divergence_gradient(&self, old: Categorical<'_>, weight: f32, by_logits: &mut [f32]) {
        let rows = self.rows().zip(old.rows()).zip(by_logits.chunks_exact_mut(self.choices));
        for ((new, old), by_logits) in rows {
            let log_probs = new.iter().map(log_softmax(new)).zip(old.iter().map(log_softmax(old)));
            for ((new, old), by_logit) in log_probs.zip(by_logits) {
                *by_logit += weight * (math::exp(new) - math::exp(old));
            }
        }
    }

    /// Adds derivatives of `weight · Σ H` by the logits: `-weight p_i (log p_i + H)`.
    pub fn add_entropy_gradient(&self, weight: f32, by_logits: &mut [f32]) {
        for (logits, by_logits) in self.rows().zip(by_logits.chunks_exact_mut(self.choices)) {
            let log_softmax = log_softmax(logits);
            let entropy = entropy(logits.iter().map(&log_softmax));
            for (log_prob, by_logit) in logits.iter().map(&log_softmax).zip(by_logits) {
                *by_logit -= weight * math::exp(log_prob) * (log_prob + entropy);
            }
        }
    }

    /// `scale · M v` in place of `v [rows, choices]`: the Fisher information by the logits, `M = diag(p) - p pᵀ`.
    pub fn multiply_fisher(&self, scale: f32, vectors: &mut [f32]) {
        for (logits, vector) in self.rows().zip(vectors.chunks_exact_mut(self.choices)) {
            let log_softmax = log_softmax(logits);
            let along = logits.iter().zip(&*vector).map(|(z, value)| math::exp(log_softmax(z)) * value);
            let mean: f32 = along.sum();
            for (z, value) in logits.iter().zip(vector) {
                *value = scale * math::exp(log_softmax(z)) * (*value - mean);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::f32::consts::LN_2;

    /// Chances of 1/2, 1/4, 1/4, and 1/3 each.
    const LOGITS: [f32; 6] = [100.0 + LN_2, 100.0, 100.0, -7.0, -7.0, -7.0];
    const OLD: [f32; 6] = [0.1, -0.4, 0.8, 1.0, 0.0, -1.0];
    const SAMPLES: [f32; 2] = [0.0, 2.0];
    const WEIGHTS: [f32; 2] = [0.7, -1.3];

    fn of(logits: &[f32]) -> Categorical<'_> {
        Categorical { logits, choices: 3 }
    }

    #[test]
    fn log_probs_entropies_and_divergences_agree_with_hand_computed_cases() {
        let mut log_probs = [0.0; 2];
        of(&LOGITS).log_probs(&SAMPLES, &mut log_probs);
        assert!((log_probs[0] + LN_2).abs() < 1e-5 && (log_probs[1] + math::ln(3.0)).abs() < 1e-5);
        // 1/2 log 2 + 2 · 1/4 · 2 log 2, and log 3.
        let expected = 0.5 * (1.5 * LN_2 + math::ln(3.0));
        assert!((of(&LOGITS).mean_entropy() - expected).abs() < 1e-5);
        let mut divergences = [9.0; 2];
        of(&LOGITS).divergences_from(of(&LOGITS[3..].repeat(2)), &mut divergences);
        // Σ 1/3 (log 1/3 - log p) = -log 3 + (log 2 + 4 log 2) / 3.
        assert!((divergences[0] - (5.0 / 3.0 * LN_2 - math::ln(3.0))).abs() < 1e-5, "{divergences:?}");
        assert!(divergences[1].abs() < 1e-6);
    }

    #[test]
    fn outputs_of_any_size_give_finite_numbers() {
        let logits = [1e38, -1e38, 0.0, -1e38, -1e38, -1e38];
        let (mut log_probs, mut samples) = ([0.0; 2], [9.0; 2]);
        of(&logits).sample(&mut Stream::new(1, "categorical test"), &mut samples, &mut log_probs);
        assert_eq!((samples[0], log_probs[0]), (0.0, 0.0));
        assert!((log_probs[1] + math::ln(3.0)).abs() < 1e-5);
        assert!(of(&logits[..3]).mean_entropy().abs() < 1e-5);
    }

    #[test]
    fn choices_are_drawn_as_often_as_they_are_likely() {
        let (mut noise, mut counts) = (Stream::new(2, "categorical test"), [0; 3]);
        let (mut sample, mut log_prob) = ([0.0], [0.0]);
        for _ in 0..40_000 {
            of(&LOGITS[..3]).sample(&mut noise, &mut sample, &mut log_prob);
            counts[sample[0] as usize] += 1;
            let likely = if sample[0] == 0.0 { -LN_2 } else { -2.0 * LN_2 };
            assert!((log_prob[0] - likely).abs() < 1e-5);
        }
        // Deviations of 100 and 87.
        for (count, expected) in counts.into_iter().zip([20_000_i32, 10_000, 10_000]) {
            assert!((count - expected).abs() < 400, "{counts:?}");
        }
    }

    /// `Σ weight · log p + 0.6 Σ KL(old || new) + 0.3 Σ H`.
    fn loss(logits: &[f32]) -> f64 {
        let (mut log_probs, mut divergences) = ([0.0; 2], [0.0; 2]);
        of(logits).log_probs(&SAMPLES, &mut log_probs);
        of(logits).divergences_from(of(&OLD), &mut divergences);
        let weighted: f64 =
            WEIGHTS.iter().zip(log_probs).map(|(weight, value)| f64::from(weight * value)).sum();
        let divergence: f64 = divergences.iter().copied().map(f64::from).sum();
        weighted + 0.6 * divergence + 0.3 * 2.0 * f64::from(of(logits).mean_entropy())
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let mut logits = [0.5, -0.3, 0.2, -1.0, 0.4, 0.9];
        let mut by_logits = [9.0; 6];
        of(&logits).log_prob_gradient(&SAMPLES, &WEIGHTS, &mut by_logits);
        of(&logits).add_divergence_gradient(of(&OLD), 0.6, &mut by_logits);
        of(&logits).add_entropy_gradient(0.3, &mut by_logits);
        for index in 0..6 {
            let original = logits[index];
            logits[index] = original + 1e-2;
            let above = loss(&logits);
            logits[index] = original - 1e-2;
            let below = loss(&logits);
            logits[index] = original;
            let numeric = (above - below) / 2e-2;
            assert!((numeric - f64::from(by_logits[index])).abs() < 1e-3, "{index}: {numeric}");
        }
    }

    #[test]
    fn the_fisher_information_is_the_divergences_second_derivative() {
        let logits = [0.5, -0.3, 0.2];
        let along = [0.4, -1.0, 0.3];
        let mut product = along;
        of(&logits).multiply_fisher(2.0, &mut product);
        let gradient = |step: f32| {
            let moved: Vec<f32> = logits.iter().zip(along).map(|(z, along)| z + step * along).collect();
            let mut by_logits = [0.0; 3];
            of(&moved).add_divergence_gradient(of(&logits), 2.0, &mut by_logits);
            by_logits
        };
        let (above, below) = (gradient(1e-2), gradient(-1e-2));
        for index in 0..3 {
            let numeric = (above[index] - below[index]) / 2e-2;
            assert!((numeric - product[index]).abs() < 1e-3, "{index}: {numeric} {product:?}");
        }
    }
}
