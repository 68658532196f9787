//! An actor that gives one action for each observation, `a = tanh(network(s))`, with its slow copy, optimizer and buffers.

use super::learned::Learned;
use crate::actor::{ActorOrigin, TrainedActor};
use crate::network::activation::Activation;
use crate::network::matrix::vectorized;
use crate::network::mlp::{Mlp, Workspace};
use crate::normalizer::Normalizer;
use crate::optimizer::Adam;
use crate::random::Stream;
use crate::training::{Network, StateError};
use sinew_policy_runtime::math;
use sinew_policy_runtime::onnx::write::Squash;

/// What an actor is made of.
#[derive(Clone, Copy, Debug)]
pub struct ActorShape<'a> {
    /// What it sees.
    pub observation: usize,
    /// What it does.
    pub action: usize,
    /// Widths of the hidden layers.
    pub hidden: &'a [usize],
    /// Non-linearity between layers.
    pub activation: Activation,
    /// Rows of every batch.
    pub batch_size: usize,
}

/// A deterministic actor; see the [module](self).
pub struct DeterministicActor {
    network: Mlp,
    learned: Learned,
    gradient: Vec<f32>,
    workspace: Workspace,
    /// Of the last pass over a batch, `[batch, action]`.
    actions: Vec<f32>,
    action_size: usize,
}

/// `actions = tanh(output)`.
pub fn squash(actions: &mut [f32], output: &[f32]) {
    vectorized(
        #[inline(always)]
        || actions.iter_mut().zip(output).for_each(|(action, u)| *action = math::tanh(*u)),
    );
}

/// Derivative of `-mean Q(s, tanh(u))` by `u`: `-∂Q/∂a (1 - a²) / batch`, all `[batch, action]`.
pub fn policy_gradient(gradient: &mut [f32], actions: &[f32], q_gradient: &[f32], batch: usize) {
    let scale = 1.0 / batch as f32;
    for ((gradient, a), q_gradient) in gradient.iter_mut().zip(actions).zip(q_gradient) {
        *gradient = -scale * q_gradient * (1.0 - a * a);
    }
}

impl DeterministicActor {
    /// A fresh actor.
    pub fn new(shape: &ActorShape, seed: u64) -> Self {
        let network = Mlp::new(shape.observation, shape.hidden, shape.action, shape.activation);
        let learned = Learned::new(network.initial_parameters(&mut Stream::new(seed, "actor")));
        Self {
            gradient: vec![0.0; network.parameter_count()],
            workspace: network.workspace(shape.batch_size),
            actions: vec![0.0; shape.batch_size * shape.action],
            action_size: shape.action,
            network,
            learned,
        }
    }

    /// The network without its squash.
    pub fn network(&self) -> &Mlp {
        &self.network
    }

    /// The network's parameters.
    pub fn parameters(&self) -> &[f32] {
        &self.learned.parameters
    }

    /// The slow copy's actions, `[batch, action]`.
    pub fn target_actions(&mut self, observations: &[f32]) -> &mut [f32] {
        let output = self.network.forward(&self.learned.target, observations, &mut self.workspace);
        squash(&mut self.actions, output);
        &mut self.actions
    }

    /// The actions, `[batch, action]`, of which [`Self::step`] remembers how they came about.
    pub fn actions(&mut self, observations: &[f32]) -> &[f32] {
        let output = self.network.forward(&self.learned.parameters, observations, &mut self.workspace);
        squash(&mut self.actions, output);
        &self.actions
    }

    /// Climbs `Q` along its derivative by the last [`Self::actions`].
    pub fn step(&mut self, observations: &[f32], q_gradient: &[f32], learning_rate: f32) {
        let batch = self.actions.len() / self.action_size;
        policy_gradient(self.workspace.output_gradient_mut(), &self.actions, q_gradient, batch);
        let (parameters, gradient) = (&self.learned.parameters, Some(&mut self.gradient[..]));
        self.network.backward(parameters, observations, &mut self.workspace, gradient, None);
        self.learned.step(&self.gradient, learning_rate);
    }

    /// Moves the target towards the parameters by the share `tau`.
    pub fn track(&mut self, tau: f32) {
        self.learned.track(tau);
    }

    /// The part that ships.
    pub fn trained(&self, normalizer: Option<&Normalizer>, origin: ActorOrigin) -> TrainedActor {
        let layers = self.network.layer_parameters(&self.learned.parameters);
        TrainedActor::new(&layers, normalizer, self.action_size, Squash::Tanh, origin)
    }

    /// The network `actor`, and its slow copy.
    pub(crate) fn networks(&mut self) -> [Network<'_>; 2] {
        self.learned.networks("actor")
    }

    /// What learning has changed beside the networks.
    pub fn state(&self) -> Adam {
        self.learned.optimizer()
    }

    /// Goes on from another's state.
    ///
    /// # Errors
    /// It is that of a network of another size.
    pub fn restore(&mut self, optimizer: Adam) -> Result<(), StateError> {
        self.learned.restore("the actor's optimizer", optimizer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_gradient_agrees_with_finite_differences() {
        // Q(a) = 1.5 a0 - 0.8 a1², mean over two rows.
        let loss = |output: &[f32]| {
            let mut actions = [0.0; 4];
            squash(&mut actions, output);
            let q = |row: &[f32]| 1.5 * f64::from(row[0]) - 0.8 * f64::from(row[1]) * f64::from(row[1]);
            -actions.chunks(2).map(q).sum::<f64>() / 2.0
        };
        let output = [0.3, -0.8, 1.2, 0.4];
        let mut actions = [0.0; 4];
        squash(&mut actions, &output);
        let by_action = [1.5, -1.6 * actions[1], 1.5, -1.6 * actions[3]];
        let mut gradient = [0.0; 4];
        policy_gradient(&mut gradient, &actions, &by_action, 2);
        for index in 0..4 {
            let (mut above, mut below) = (output, output);
            above[index] += 1e-2;
            below[index] -= 1e-2;
            let numeric = (loss(&above) - loss(&below)) / 2e-2;
            assert!((numeric - f64::from(gradient[index])).abs() < 1e-3, "{index}: {numeric}");
        }
    }
}
