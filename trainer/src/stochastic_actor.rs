//! The actor of on-policy learning: a network of means, with one learned deviation for each action.
//!
//! [`StochasticActor`] draws actions, says how likely they are, and turns derivatives by log-probabilities and divergences,
//! which are all that an algorithm's loss has to give, into a gradient. All its parameters are one slice: the network's, and
//! after them the logarithms of the deviations.

use crate::actor::{ActorOrigin, TrainedActor};
use crate::diagonal_gaussian::DiagonalGaussian;
use crate::minibatch::Rows;
use crate::network::activation::Activation;
use crate::network::mlp::{Mlp, Workspace};
use crate::normalizer::{Normalizer, Rescaling};
use crate::random::Stream;
use sinew_policy_runtime::math;
use sinew_policy_runtime::onnx::write::Squash;

/// Gain of the last layer: the first actions are almost pure noise around 0.
const LAST_GAIN: f32 = 0.01;

/// The network and the deviations of an actor.
#[derive(Clone, Debug)]
pub struct ActorShape<'c> {
    /// Widths of the hidden layers.
    pub hidden: &'c [usize],
    /// Non-linearity between layers.
    pub activation: Activation,
    /// Of every action at the start.
    pub initial_deviation: f32,
    /// Smallest and largest deviation.
    pub deviation_bounds: [f32; 2],
}

/// An actor that explores by its own randomness.
#[derive(Clone, Debug)]
pub struct StochasticActor {
    network: Mlp,
    /// The network's, then the logarithms of the deviations.
    parameters: Vec<f32>,
    action_size: usize,
    log_deviation_bounds: [f32; 2],
}

/// Where the choices of one step go.
#[derive(Debug)]
pub struct Choice<'r> {
    /// What was drawn, `[environments, sample]`.
    pub samples: &'r mut [f32],
    /// The network's outputs, `[environments, output]`.
    pub outputs: &'r mut [f32],
    /// How likely the samples were, `[environments]`.
    pub log_probs: &'r mut [f32],
    /// What the environments take, `[environments, action]`; they clip it themselves.
    pub actions: &'r mut [f32],
}

/// The actor's pass over some rows of a rollout, and its gradient.
#[derive(Clone, Debug)]
pub struct ActorPass {
    workspace: Workspace,
    /// Of the rollout's samples under the present parameters, `[rows]`.
    pub log_probs: Vec<f32>,
    /// `KL(behaviour || present)`, `[rows]`.
    pub divergences: Vec<f32>,
    /// The loss's derivative by `log_probs`, to be filled before [`StochasticActor::backward`], `[rows]`.
    pub by_log_prob: Vec<f32>,
    /// The loss's derivative by the parameters.
    pub gradient: Vec<f32>,
}

impl StochasticActor {
    /// A fresh actor.
    pub fn new(
        shape: &ActorShape<'_>,
        observation_size: usize,
        action_size: usize,
        stream: &mut Stream,
    ) -> Self {
        let network = Mlp::new(observation_size, shape.hidden, action_size, shape.activation);
        let mut parameters = network.orthogonal_parameters(stream, LAST_GAIN);
        parameters.resize(parameters.len() + action_size, math::ln(shape.initial_deviation));
        let log_deviation_bounds = shape.deviation_bounds.map(math::ln);
        Self { network, parameters, action_size, log_deviation_bounds }
    }

    /// The network's, then the logarithms of the deviations.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// As [`Self::parameters`]; [`Self::bound`] follows a change.
    pub fn parameters_mut(&mut self) -> &mut [f32] {
        &mut self.parameters
    }

    /// Logarithms of the deviations, `[action]`.
    pub fn log_deviations(&self) -> &[f32] {
        &self.parameters[self.parameters.len() - self.action_size..]
    }

    /// Mean of the deviations.
    pub fn mean_deviation(&self) -> f32 {
        self.log_deviations().iter().map(|log| math::exp(*log)).sum::<f32>() / self.action_size as f32
    }

    /// Entropy of a choice, in nats: the same in every state.
    pub fn entropy(&self) -> f32 {
        DiagonalGaussian { means: &[], log_deviations: self.log_deviations() }.entropy()
    }

    /// Holds the deviations within their bounds.
    pub fn bound(&mut self) {
        let first = self.parameters.len() - self.action_size;
        let [lowest, highest] = self.log_deviation_bounds;
        for log_deviation in &mut self.parameters[first..] {
            let raised = if *log_deviation < lowest { lowest } else { *log_deviation };
            *log_deviation = if raised > highest { highest } else { raised };
        }
    }

    /// Keeps acting alike while the normalization of observations changes.
    pub fn absorb(&mut self, change: &Rescaling) {
        self.network.absorb(&mut self.parameters, 0, &change.scales, &change.shifts);
    }

    /// Buffers for acting on `rows` observations.
    pub fn workspace(&self, rows: usize) -> Workspace {
        self.network.workspace(rows)
    }

    /// Buffers for learning from `rows` rows.
    pub fn pass(&self, rows: usize) -> ActorPass {
        ActorPass {
            workspace: self.network.workspace(rows),
            log_probs: vec![0.0; rows],
            divergences: vec![0.0; rows],
            by_log_prob: vec![0.0; rows],
            gradient: vec![0.0; self.parameters.len()],
        }
    }

    /// Draws a choice for each of `observations [environments, observation]`.
    pub fn act(
        &self,
        observations: &[f32],
        workspace: &mut Workspace,
        noise: &mut Stream,
        choice: &mut Choice<'_>,
    ) {
        let means = self.network.forward(&self.parameters, observations, workspace);
        choice.outputs.copy_from_slice(means);
        noise.fill_normal(choice.samples);
        let gaussian = DiagonalGaussian { means, log_deviations: self.log_deviations() };
        gaussian.sample(choice.samples, choice.log_probs);
        choice.actions.copy_from_slice(choice.samples);
    }

    /// Log-probabilities of `rows`' samples, and divergences from the actor that drew them, whose deviations were
    /// `behaviour`.
    pub fn evaluate(&self, rows: &Rows, behaviour: &[f32], pass: &mut ActorPass) {
        let means = self.network.forward(&self.parameters, &rows.observations, &mut pass.workspace);
        let gaussian = DiagonalGaussian { means, log_deviations: self.log_deviations() };
        gaussian.log_probs(&rows.samples, &mut pass.log_probs);
        let old = DiagonalGaussian { means: &rows.outputs, log_deviations: behaviour };
        gaussian.divergences_from(old, &mut pass.divergences);
    }

    /// Gradient of a loss with derivatives `pass.by_log_prob` by the log-probabilities, `by_divergence` by each row's
    /// divergence, and `by_entropy` by each row's entropy. Follows [`Self::evaluate`].
    pub fn backward(
        &self,
        rows: &Rows,
        behaviour: &[f32],
        pass: &mut ActorPass,
        by_divergence: f32,
        by_entropy: f32,
    ) {
        let ActorPass { workspace, by_log_prob, gradient, .. } = pass;
        let (network_gradient, by_log_deviations) =
            gradient.split_at_mut(self.parameters.len() - self.action_size);
        let (means, by_means) = workspace.output_and_gradient_mut();
        let gaussian = DiagonalGaussian { means, log_deviations: self.log_deviations() };
        gaussian.log_prob_gradient(&rows.samples, by_log_prob, by_means, by_log_deviations);
        if by_divergence != 0.0 {
            let old = DiagonalGaussian { means: &rows.outputs, log_deviations: behaviour };
            gaussian.add_divergence_gradient(old, by_divergence, by_means, by_log_deviations);
        }
        // The entropy is the sum of the logarithms, and a constant.
        let by_log_deviation = by_entropy * rows.count() as f32;
        for gradient in by_log_deviations {
            *gradient += by_log_deviation;
        }
        let parameters = &self.parameters;
        self.network.backward(parameters, &rows.observations, workspace, Some(network_gradient), None);
    }

    /// `scale · rows · F v` into `pass.gradient`: the Fisher information times `direction`, as the Hessian of `KL(self || ·)`.
    ///
    /// `F = 1/N Σ Jᵀ M J`: `M` is `1/σ²` for a mean and 2 for the logarithm of a deviation. Follows [`Self::evaluate`].
    pub fn fisher_product(&self, rows: &Rows, direction: &[f32], scale: f32, pass: &mut ActorPass) {
        let ActorPass { workspace, gradient, .. } = pass;
        let first = self.parameters.len() - self.action_size;
        let (along, along_deviations) = direction.split_at(first);
        let moved = self.network.tangent(&self.parameters, along, &rows.observations, workspace);
        for (column, log_deviation) in self.log_deviations().iter().enumerate() {
            let precision = scale * math::exp(-2.0 * log_deviation);
            let values = moved[column..].iter_mut().step_by(self.action_size);
            values.for_each(|value| *value *= precision);
        }
        let (network_gradient, by_log_deviations) = gradient.split_at_mut(first);
        for (gradient, along) in by_log_deviations.iter_mut().zip(along_deviations) {
            *gradient = 2.0 * scale * rows.count() as f32 * along;
        }
        let parameters = &self.parameters;
        self.network.backward(parameters, &rows.observations, workspace, Some(network_gradient), None);
    }

    /// The part that ships: the means, clipped to what the actuators can do.
    pub fn trained(&self, normalizer: Option<&Normalizer>, origin: ActorOrigin) -> TrainedActor {
        let layers = self.network.layer_parameters(&self.parameters);
        TrainedActor::new(&layers, normalizer, self.action_size, Squash::Clip, origin)
    }
}
