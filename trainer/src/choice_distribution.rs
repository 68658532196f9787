//! How an actor's choices are distributed: what its network puts out, as one of the distributions that there are.
//!
//! [`ChoiceDistribution`] is the one place that tells them apart. A continuous space has a [`DiagonalGaussian`], whose deviations
//! are parameters of the actor's `own`, behind its network's; a table of actions has a [`Categorical`], which needs none.

use crate::action_space::ActionSpace;
use crate::categorical::Categorical;
use crate::diagonal_gaussian::DiagonalGaussian;
use crate::random::Stream;

/// A batch of distributions.
#[derive(Clone, Copy, Debug)]
pub enum ChoiceDistribution<'p> {
    /// Over a continuous space.
    Gaussian(DiagonalGaussian<'p>),
    /// Over the rows of a table.
    Categorical(Categorical<'p>),
}

impl<'p> ChoiceDistribution<'p> {
    /// From the network's `outputs [rows, output]` and the actor's `own` parameters.
    pub fn new(space: &ActionSpace, outputs: &'p [f32], own: &'p [f32]) -> Self {
        match space {
            ActionSpace::Continuous(_) => {
                Self::Gaussian(DiagonalGaussian { means: outputs, log_deviations: own })
            }
            ActionSpace::Discrete(rows) => {
                Self::Categorical(Categorical { logits: outputs, choices: rows.len() })
            }
        }
    }

    /// Draws `samples [rows, sample]`, and how likely they were, `[rows]`.
    pub fn sample(&self, noise: &mut Stream, samples: &mut [f32], log_probs: &mut [f32]) {
        match self {
            Self::Gaussian(gaussian) => {
                noise.fill_normal(samples);
                gaussian.sample(samples, log_probs);
            }
            Self::Categorical(categorical) => categorical.sample(noise, samples, log_probs),
        }
    }

    /// How likely each row of `samples [rows, sample]` is, `[rows]`.
    pub fn log_probs(&self, samples: &[f32], log_probs: &mut [f32]) {
        match self {
            Self::Gaussian(gaussian) => gaussian.log_probs(samples, log_probs),
            Self::Categorical(categorical) => categorical.log_probs(samples, log_probs),
        }
    }

    /// Mean entropy of a choice, in nats.
    pub fn mean_entropy(&self) -> f32 {
        match self {
            Self::Gaussian(gaussian) => gaussian.entropy(),
            Self::Categorical(categorical) => categorical.mean_entropy(),
        }
    }

    /// `KL(old || self)` of each row, `[rows]`; `old` has other outputs and parameters of its own.
    pub fn divergences_from(&self, [outputs, own]: [&[f32]; 2], divergences: &mut [f32]) {
        match self {
            Self::Gaussian(gaussian) => {
                let old = DiagonalGaussian { means: outputs, log_deviations: own };
                gaussian.divergences_from(old, divergences);
            }
            Self::Categorical(categorical) => {
                categorical.divergences_from(Categorical { logits: outputs, ..*categorical }, divergences);
            }
        }
    }

    /// Derivatives of `Σ by_log_prob[row] · log_prob[row]` by the outputs and the own parameters, overwriting both.
    pub fn log_prob_gradient(
        &self,
        samples: &[f32],
        by_log_prob: &[f32],
        [by_outputs, by_own]: [&mut [f32]; 2],
    ) {
        match self {
            Self::Gaussian(gaussian) => gaussian.log_prob_gradient(samples, by_log_prob, by_outputs, by_own),
            Self::Categorical(categorical) => categorical.log_prob_gradient(samples, by_log_prob, by_outputs),
        }
    }

    /// Adds derivatives of `weight · Σ KL(old || self)`.
    pub fn add_divergence_gradient(
        &self,
        [outputs, own]: [&[f32]; 2],
        weight: f32,
        [by_outputs, by_own]: [&mut [f32]; 2],
    ) {
        match self {
            Self::Gaussian(gaussian) => {
                let old = DiagonalGaussian { means: outputs, log_deviations: own };
                gaussian.add_divergence_gradient(old, weight, by_outputs, by_own);
            }
            Self::Categorical(categorical) => {
                let old = Categorical { logits: outputs, ..*categorical };
                categorical.add_divergence_gradient(old, weight, by_outputs);
            }
        }
    }

    /// Adds derivatives of `weight · Σ H` over `rows` rows.
    pub fn add_entropy_gradient(&self, weight: f32, rows: usize, [by_outputs, by_own]: [&mut [f32]; 2]) {
        match self {
            // The entropy is the sum of the logarithms, and a constant.
            Self::Gaussian(_) => {
                let by_log_deviation = weight * rows as f32;
                for gradient in by_own {
                    *gradient += by_log_deviation;
                }
            }
            Self::Categorical(categorical) => {
                if weight != 0.0 {
                    categorical.add_entropy_gradient(weight, by_outputs);
                }
            }
        }
    }

    /// `scale ·` the Fisher information by the outputs, in place of `moved [rows, output]`, and by the own parameters times
    /// `along`, summed over the rows, into `by_own`.
    pub fn multiply_fisher(&self, scale: f32, moved: &mut [f32], along: &[f32], by_own: &mut [f32]) {
        match self {
            Self::Gaussian(gaussian) => gaussian.multiply_fisher(scale, moved, along, by_own),
            Self::Categorical(categorical) => categorical.multiply_fisher(scale, moved),
        }
    }
}
