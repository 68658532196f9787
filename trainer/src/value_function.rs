//! The critic of on-policy learning: a network that says what a state is worth.
//!
//! Where targets are normalized, the network's outputs have mean 0 and deviation 1 over all targets seen, and when those
//! statistics move, the last layer is rescaled so that no value changes (van Hasselt et al. 2016, arXiv 1602.07714).

use crate::minibatch::{Rows, Whose};
use crate::network::activation::Activation;
use crate::network::gru::Past;
use crate::network::sequence::{SequenceNetwork, SequenceWorkspace};
use crate::normalizer::Rescaling;
use crate::optimizer::{Adam, clip_norm};
use crate::random::Stream;
use crate::training::StateError;
use serde::{Deserialize, Serialize};

/// Deviation of the targets below which they are not magnified further.
const SMALLEST_DEVIATION: f64 = 1e-2;

/// A value function and its optimizer.
#[derive(Clone, Debug)]
pub struct ValueFunction {
    network: SequenceNetwork,
    parameters: Vec<f32>,
    adam: Adam,
    scale: ValueScale,
}

/// What learning has changed of a [`ValueFunction`] beside its parameters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ValueState {
    adam: Adam,
    scale: ValueScale,
}

/// Values are `mean + deviation · output`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct ValueScale {
    count: f64,
    mean: f64,
    squares: f64,
    deviation: f64,
}

/// The critic's pass over some rows, and its gradient.
#[derive(Clone, Debug)]
pub struct ValuePass {
    /// Its output is not rescaled.
    pub workspace: SequenceWorkspace,
    /// The loss's derivative by the parameters.
    pub gradient: Vec<f32>,
}

impl ValueFunction {
    /// A fresh value function of `inputs` values, with a memory of so many unless that is 0.
    pub fn new(
        [inputs, memory]: [usize; 2],
        hidden: &[usize],
        activation: Activation,
        stream: &mut Stream,
    ) -> Self {
        let network = SequenceNetwork::new(inputs, memory, hidden, 1, activation);
        let parameters = network.initial_parameters(stream, 1.0);
        let scale = ValueScale { count: 0.0, mean: 0.0, squares: 0.0, deviation: 1.0 };
        Self { adam: Adam::new(parameters.len()), parameters, network, scale }
    }

    /// Buffers for learning from `sequences` sequences of `steps` steps.
    pub fn pass(&self, steps: usize, sequences: usize) -> ValuePass {
        ValuePass {
            workspace: self.network.workspace(steps, sequences),
            gradient: vec![0.0; self.parameters.len()],
        }
    }

    /// Buffers for valuing `rows` rows.
    pub fn workspace(&self, rows: usize) -> SequenceWorkspace {
        self.network.workspace(1, rows)
    }

    /// Values of `inputs [rows, inputs]`, with `states [rows, memory]` in memory.
    pub fn values(
        &self,
        inputs: &[f32],
        states: &[f32],
        workspace: &mut SequenceWorkspace,
        values: &mut [f32],
    ) {
        let (mean, deviation) = (self.scale.mean as f32, self.scale.deviation as f32);
        let past = Past { states, begins: &[] };
        let outputs = self.network.forward(&self.parameters, inputs, past, workspace);
        for (value, output) in values.iter_mut().zip(outputs) {
            *value = mean + deviation * output;
        }
    }

    /// Outputs of the rows in the pass's workspace.
    pub fn evaluate(&self, rows: &Rows, pass: &mut ValuePass) {
        let past = rows.past(Whose::Critic);
        self.network.forward(&self.parameters, rows.critic_inputs(), past, &mut pass.workspace);
    }

    /// The gradient of a loss whose derivative by the outputs is in the pass's workspace. Follows [`Self::evaluate`].
    pub fn backward(&self, rows: &Rows, pass: &mut ValuePass) {
        let (ValuePass { workspace, gradient }, past) = (pass, rows.past(Whose::Critic));
        self.network.backward(&self.parameters, rows.critic_inputs(), past, workspace, gradient);
    }

    /// Keeps all values while the normalization of the inputs from `first` on changes.
    pub fn absorb(&mut self, first: usize, change: &Rescaling) {
        self.network.absorb(&mut self.parameters, first, &change.scales, &change.shifts);
    }

    /// Values as the network's outputs should be.
    pub fn to_outputs(&self, values: &mut [f32]) {
        let (mean, scale) = (self.scale.mean as f32, (1.0 / self.scale.deviation) as f32);
        for value in values {
            *value = (*value - mean) * scale;
        }
    }

    /// Values as another of the same shape does; the optimizer stays.
    pub fn follow(&mut self, other: &Self) {
        self.parameters.copy_from_slice(&other.parameters);
        self.scale = other.scale.clone();
    }

    /// Takes the targets of `rows` into the statistics, and from the second time on rescales the last layer so that all values
    /// stay.
    pub fn rescale(&mut self, targets: &[f32], rows: &[usize]) {
        if rows.is_empty() {
            return;
        }
        let before = self.scale.clone();
        let scale = &mut self.scale;
        for row in rows {
            scale.count += 1.0;
            let difference = f64::from(targets[*row]) - scale.mean;
            scale.mean += difference / scale.count;
            scale.squares += difference * (f64::from(targets[*row]) - scale.mean);
        }
        scale.deviation = (scale.squares / scale.count).sqrt().max(SMALLEST_DEVIATION);
        if before.count == 0.0 {
            // A fresh network's outputs are right in scale already; its values before this meant nothing.
            return;
        }
        let ratio = before.deviation / scale.deviation;
        let shift = (before.mean - scale.mean) / scale.deviation;
        // The last layer has one output: its weights and its bias are the last parameters.
        let first = self.parameters.len() - 1 - self.network.last_inputs();
        for parameter in &mut self.parameters[first..] {
            *parameter = (f64::from(*parameter) * ratio) as f32;
        }
        if let Some(bias) = self.parameters.last_mut() {
            *bias += shift as f32;
        }
    }

    /// One step of Adam against `gradient`, shortened to `largest_norm`.
    pub fn step(&mut self, gradient: &mut [f32], largest_norm: f32, learning_rate: f32) {
        clip_norm(gradient, largest_norm);
        self.adam.step(&mut self.parameters, gradient, learning_rate);
    }

    /// The network's.
    pub fn parameters_mut(&mut self) -> &mut [f32] {
        &mut self.parameters
    }

    /// What learning has changed beside the parameters.
    pub fn state(&self) -> ValueState {
        ValueState { adam: self.adam.clone(), scale: self.scale.clone() }
    }

    /// Goes on from a state.
    ///
    /// # Errors
    /// Moments of another number of parameters.
    pub fn restore(&mut self, state: ValueState) -> Result<(), StateError> {
        self.adam.restore("the critic's optimizer", state.adam)?;
        self.scale = state.scale;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rescaling_changes_no_value_and_gives_targets_mean_0_and_deviation_1() {
        let mut stream = Stream::new(5, "value test");
        let mut function = ValueFunction::new([2, 0], &[8], Activation::Tanh, &mut stream);
        let inputs = [0.3, -0.4, 1.0, 0.2];
        let mut workspace = function.workspace(2);
        let (mut before, mut after) = ([0.0; 2], [0.0; 2]);
        let mut targets = [-300.0, -100.0, 1e9, 5.0, 7.0];
        function.rescale(&targets, &[3, 4]);
        function.values(&inputs, &[], &mut workspace, &mut before);
        function.rescale(&targets, &[0, 1]);
        function.values(&inputs, &[], &mut workspace, &mut after);
        for (before, after) in before.iter().zip(&after) {
            assert!((before - after).abs() < 1e-4, "{before} {after}");
        }
        function.to_outputs(&mut targets);
        let seen = [targets[0], targets[1], targets[3], targets[4]].map(f64::from);
        assert!(seen.iter().sum::<f64>().abs() < 1e-5, "{seen:?}");
        assert!((seen.iter().map(|value| value * value).sum::<f64>() - 4.0).abs() < 1e-5, "{seen:?}");
    }
}
