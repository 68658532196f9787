//! The actor of on-policy learning: a network whose outputs say how choices are distributed.
//!
//! [`StochasticActor`] draws choices, says how likely they are, and turns derivatives by log-probabilities and divergences,
//! which are all that an algorithm's loss has to give, into a gradient. All its parameters are one slice: the network's, and
//! after them the distribution's own, which in a continuous space are the logarithms of one deviation for each action.

use crate::action_space::ActionSpace;
use crate::actor::{ActorOrigin, TrainedActor};
use crate::choice_distribution::ChoiceDistribution;
use crate::minibatch::{Rows, Whose};
use crate::network::activation::Activation;
use crate::network::gru::Past;
use crate::network::sequence::{SequenceNetwork, SequenceWorkspace};
use crate::normalizer::{Normalizer, Rescaling};
use crate::random::Stream;
use crate::rollout::RolloutShape;
use sinew_policy_runtime::math;
use sinew_policy_runtime::onnx::write::Squash;

/// Gain of the last layer: the first choices are almost pure noise.
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
    network: SequenceNetwork,
    /// The network's, then the distribution's own.
    parameters: Vec<f32>,
    space: ActionSpace,
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
    workspace: SequenceWorkspace,
    /// Of the rollout's samples under the present parameters, `[rows]`.
    pub log_probs: Vec<f32>,
    /// `KL(behaviour || present)`, `[rows]`.
    pub divergences: Vec<f32>,
    /// The loss's derivative by `log_probs`, to be filled before [`StochasticActor::backward`], `[rows]`.
    pub by_log_prob: Vec<f32>,
    /// The loss's derivative by the parameters.
    pub gradient: Vec<f32>,
}

impl ActorPass {
    /// The network's, of the last evaluation, `[rows, output]`.
    pub fn outputs(&self) -> &[f32] {
        self.workspace.output()
    }
}

impl StochasticActor {
    /// A fresh actor.
    pub fn new(
        shape: &ActorShape<'_>,
        rollouts: RolloutShape,
        space: &ActionSpace,
        stream: &mut Stream,
    ) -> Self {
        let (inputs, memory) = (rollouts.observation_size, rollouts.memory_size());
        let outputs = space.output_size();
        let network = SequenceNetwork::new(inputs, memory, shape.hidden, outputs, shape.activation);
        let mut parameters = network.initial_parameters(stream, LAST_GAIN);
        if let ActionSpace::Continuous(size) = space {
            parameters.resize(parameters.len() + size, math::ln(shape.initial_deviation));
        }
        let log_deviation_bounds = shape.deviation_bounds.map(math::ln);
        Self { network, parameters, space: space.clone(), log_deviation_bounds }
    }

    /// The network's, then the distribution's own.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// As [`Self::parameters`]; [`Self::bound`] follows a change.
    pub fn parameters_mut(&mut self) -> &mut [f32] {
        &mut self.parameters
    }

    /// Where the distribution's own parameters begin.
    fn first_own(&self) -> usize {
        self.network.parameter_count()
    }

    /// The distribution's own parameters: logarithms of the deviations, or none.
    pub fn own(&self) -> &[f32] {
        &self.parameters[self.first_own()..]
    }

    /// How choices are distributed for some `outputs [rows, output]`.
    fn distribution<'p>(&'p self, outputs: &'p [f32]) -> ChoiceDistribution<'p> {
        ChoiceDistribution::new(&self.space, outputs, self.own())
    }

    /// Mean of the deviations, where there are any.
    pub fn mean_deviation(&self) -> Option<f32> {
        let sum: f32 = self.own().iter().map(|log| math::exp(*log)).sum();
        (!self.own().is_empty()).then(|| sum / self.own().len() as f32)
    }

    /// Mean entropy of choices from `outputs [rows, output]`, in nats; the same for any outputs in a continuous space.
    pub fn entropy(&self, outputs: &[f32]) -> f32 {
        self.distribution(outputs).mean_entropy()
    }

    /// Holds the deviations within their bounds.
    pub fn bound(&mut self) {
        let first = self.first_own();
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
    pub fn workspace(&self, rows: usize) -> SequenceWorkspace {
        self.network.workspace(1, rows)
    }

    /// Buffers for learning from `sequences` sequences of `steps` steps.
    pub fn pass(&self, steps: usize, sequences: usize) -> ActorPass {
        let rows = steps * sequences;
        ActorPass {
            workspace: self.network.workspace(steps, sequences),
            log_probs: vec![0.0; rows],
            divergences: vec![0.0; rows],
            by_log_prob: vec![0.0; rows],
            gradient: vec![0.0; self.parameters.len()],
        }
    }

    /// Draws a choice for each of `observations [environments, observation]`, with `states [environments, memory]` in memory.
    pub fn act(
        &self,
        observations: &[f32],
        states: &[f32],
        workspace: &mut SequenceWorkspace,
        noise: &mut Stream,
        choice: &mut Choice<'_>,
    ) {
        let past = Past { states, begins: &[] };
        let outputs = self.network.forward(&self.parameters, observations, past, workspace);
        choice.outputs.copy_from_slice(outputs);
        self.distribution(outputs).sample(noise, choice.samples, choice.log_probs);
        self.space.actions(choice.samples, choice.actions);
    }

    /// Log-probabilities of `rows`' samples, and divergences from the actor that drew them, whose own parameters were
    /// `behaviour`.
    pub fn evaluate(&self, rows: &Rows, behaviour: &[f32], pass: &mut ActorPass) {
        let past = rows.past(Whose::Actor);
        let outputs = self.network.forward(&self.parameters, &rows.observations, past, &mut pass.workspace);
        let distribution = self.distribution(outputs);
        distribution.log_probs(&rows.samples, &mut pass.log_probs);
        distribution.divergences_from([&rows.outputs, behaviour], &mut pass.divergences);
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
        let (network_gradient, by_own) = gradient.split_at_mut(self.first_own());
        let (outputs, by_outputs) = workspace.output_and_gradient_mut();
        let distribution = self.distribution(outputs);
        distribution.log_prob_gradient(&rows.samples, by_log_prob, [by_outputs, by_own]);
        if by_divergence != 0.0 {
            let old = [&rows.outputs[..], behaviour];
            distribution.add_divergence_gradient(old, by_divergence, [by_outputs, by_own]);
        }
        distribution.add_entropy_gradient(by_entropy, rows.count(), [by_outputs, by_own]);
        let past = rows.past(Whose::Actor);
        let parameters = &self.parameters;
        self.network.backward(parameters, &rows.observations, past, workspace, network_gradient);
    }

    /// `scale · rows · F v` into `pass.gradient`: the Fisher information times `direction`, as the Hessian of `KL(self || ·)`.
    ///
    /// `F = 1/N Σ Jᵀ M J`, where `M` is that of the distribution by the network's outputs. Follows [`Self::evaluate`].
    pub fn fisher_product(&self, rows: &Rows, direction: &[f32], scale: f32, pass: &mut ActorPass) {
        let ActorPass { workspace, gradient, .. } = pass;
        let (along, along_own) = direction.split_at(self.first_own());
        let (network_gradient, by_own) = gradient.split_at_mut(self.first_own());
        let past = rows.past(Whose::Actor);
        self.network.tangent(&self.parameters, along, &rows.observations, past, workspace);
        let (outputs, moved) = workspace.output_and_gradient_mut();
        self.distribution(outputs).multiply_fisher(scale, moved, along_own, by_own);
        let parameters = &self.parameters;
        self.network.backward(parameters, &rows.observations, past, workspace, network_gradient);
    }

    /// The part that ships: the means, clipped to what the actuators can do, or the likeliest row of the table.
    pub fn trained(&self, normalizer: Option<&Normalizer>, origin: ActorOrigin) -> TrainedActor {
        let layers = self.network.layer_parameters(&self.parameters);
        let actor = match &self.space {
            ActionSpace::Continuous(size) => {
                TrainedActor::new(&layers, normalizer, *size, Squash::Clip, origin)
            }
            ActionSpace::Discrete(rows) => TrainedActor::choosing(&layers, normalizer, rows, origin),
        };
        match self.network.memory(&self.parameters) {
            Some(memory) => actor.with_memory(memory),
            None => actor,
        }
    }
}
