//! A multilayer perceptron that may remember: a [`Gru`] in front of its first layer, or nothing.
//!
//! Without memory every row stands for itself, and this is the perceptron alone. With one, rows are sequences, ordered step by
//! step, and every pass is told what came before them ([`Past`]). The memory reads the inputs and the perceptron reads the
//! memory alone, as in `rsl_rl`. All parameters are one slice: the memory's, then the perceptron's.

use super::activation::Activation;
use super::gru::{Gru, GruParameters, GruWorkspace, Past};
use super::mlp::{LayerParameters, Mlp, Workspace};
use crate::random::Stream;

/// The shape of a network that may remember.
#[derive(Clone, Debug)]
pub struct SequenceNetwork {
    memory: Option<Gru>,
    head: Mlp,
}

/// Its intermediate values for some sequences of one length; nothing in a pass allocates.
#[derive(Clone, Debug)]
pub struct SequenceWorkspace {
    memory: Option<GruWorkspace>,
    head: Workspace,
}

impl SequenceWorkspace {
    /// Of the last forward pass, `[rows, outputs]`.
    pub fn output(&self) -> &[f32] {
        self.head.output()
    }

    /// The same and, to be filled before a backward pass, the loss's derivative by it.
    pub fn output_and_gradient_mut(&mut self) -> (&[f32], &mut [f32]) {
        self.head.output_and_gradient_mut()
    }

    /// What the last forward pass left in memory, `[sequences, memory]`; empty without one.
    pub fn last_states(&self) -> &[f32] {
        self.memory.as_ref().map_or(&[], GruWorkspace::last_states)
    }
}

impl SequenceNetwork {
    /// `inputs`, a memory of `memory` values unless that is 0, `hidden` layers with `activation`, a linear layer of `outputs`.
    pub fn new(
        inputs: usize,
        memory: usize,
        hidden: &[usize],
        outputs: usize,
        activation: Activation,
    ) -> Self {
        let read = if memory > 0 { memory } else { inputs };
        let memory = (memory > 0).then(|| Gru::new(inputs, memory));
        Self { memory, head: Mlp::new(read, hidden, outputs, activation) }
    }

    fn memory_parameters(&self) -> usize {
        self.memory.map_or(0, |memory| memory.parameter_count())
    }

    /// How many parameters there are.
    pub fn parameter_count(&self) -> usize {
        self.memory_parameters() + self.head.parameter_count()
    }

    /// Values that the last layer reads.
    pub fn last_inputs(&self) -> usize {
        self.head.last_inputs()
    }

    /// The memory's as [`Gru::initial_parameters`], the perceptron's as [`Mlp::orthogonal_parameters`].
    pub fn initial_parameters(&self, stream: &mut Stream, last_gain: f32) -> Vec<f32> {
        let mut parameters = self.memory.map_or_else(Vec::new, |memory| memory.initial_parameters(stream));
        parameters.extend(self.head.orthogonal_parameters(stream, last_gain));
        parameters
    }

    /// Buffers for `sequences` sequences of `steps` steps.
    pub fn workspace(&self, steps: usize, sequences: usize) -> SequenceWorkspace {
        SequenceWorkspace {
            memory: self.memory.map(|memory| memory.workspace(steps, sequences)),
            head: self.head.workspace(steps * sequences),
        }
    }

    /// The perceptron's layers.
    pub fn layer_parameters<'p>(&self, parameters: &'p [f32]) -> Vec<LayerParameters<'p>> {
        self.head.layer_parameters(&parameters[self.memory_parameters()..])
    }

    /// The memory's parts, where there is one.
    pub fn memory<'p>(&self, parameters: &'p [f32]) -> Option<GruParameters<'p>> {
        self.memory.map(|memory| memory.parts(parameters))
    }

    /// Keeps all outputs while inputs from `first` on change to `x'` with `x = scale · x' + shift`.
    pub fn absorb(&self, parameters: &mut [f32], first: usize, scales: &[f32], shifts: &[f32]) {
        match self.memory {
            Some(memory) => memory.absorb(parameters, first, scales, shifts),
            None => self.head.absorb(parameters, first, scales, shifts),
        }
    }

    /// `inputs [rows, inputs]` to `[rows, outputs]`.
    pub fn forward<'w>(
        &self,
        parameters: &[f32],
        inputs: &[f32],
        past: Past<'_>,
        workspace: &'w mut SequenceWorkspace,
    ) -> &'w [f32] {
        let (own, head) = parameters.split_at(self.memory_parameters());
        let SequenceWorkspace { memory: remembered, head: buffers } = workspace;
        match (&self.memory, remembered) {
            (Some(memory), Some(remembered)) => {
                memory.forward(own, inputs, past, remembered);
                self.head.forward(head, remembered.states(), buffers)
            }
            _ => self.head.forward(head, inputs, buffers),
        }
    }

    /// Derivatives of a loss whose derivative by the output is in the workspace, into `gradient`, laid out as the parameters.
    /// Follows a [`Self::forward`] with the same parameters, inputs and past.
    pub fn backward(
        &self,
        parameters: &[f32],
        inputs: &[f32],
        past: Past<'_>,
        workspace: &mut SequenceWorkspace,
        gradient: &mut [f32],
    ) {
        let (own, head) = parameters.split_at(self.memory_parameters());
        let (own_gradient, head_gradient) = gradient.split_at_mut(self.memory_parameters());
        let SequenceWorkspace { memory: remembered, head: buffers } = workspace;
        match (&self.memory, remembered) {
            (Some(memory), Some(remembered)) => {
                let (states, by_states) = remembered.states_and_gradient_mut();
                self.head.backward(head, states, buffers, Some(head_gradient), Some(by_states));
                memory.backward(own, inputs, past, remembered, own_gradient);
            }
            _ => self.head.backward(head, inputs, buffers, Some(head_gradient), None),
        }
    }

    /// The output's derivative along `direction`, laid out as the parameters; it lies where a backward pass expects the
    /// derivative by the output. Follows a [`Self::forward`] with the same parameters, inputs and past.
    pub fn tangent(
        &self,
        parameters: &[f32],
        direction: &[f32],
        inputs: &[f32],
        past: Past<'_>,
        workspace: &mut SequenceWorkspace,
    ) {
        let (own, head) = parameters.split_at(self.memory_parameters());
        let (along_own, along_head) = direction.split_at(self.memory_parameters());
        let SequenceWorkspace { memory: remembered, head: buffers } = workspace;
        match (&self.memory, remembered) {
            (Some(memory), Some(remembered)) => {
                memory.tangent(own, along_own, inputs, past, remembered);
                let (states, moved) = (remembered.states(), remembered.moved_states());
                self.head.tangent(head, along_head, states, Some(moved), buffers);
            }
            _ => {
                self.head.tangent(head, along_head, inputs, None, buffers);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: usize = 4;
    const SEQUENCES: usize = 2;

    #[test]
    fn gradients_and_tangents_of_a_remembering_network_agree_with_finite_differences() {
        let network = SequenceNetwork::new(3, 4, &[5], 2, Activation::Tanh);
        let mut stream = Stream::new(3, "sequence test");
        let parameters = network.initial_parameters(&mut stream, 1.0);
        assert_eq!(parameters.len(), network.parameter_count());
        let mut normal = |count: usize| (0..count).map(|_| stream.normal()).collect::<Vec<f32>>();
        let (inputs, states) = (normal(STEPS * SEQUENCES * 3), normal(SEQUENCES * 4));
        let (weights, direction) = (normal(STEPS * SEQUENCES * 2), normal(parameters.len()));
        let begins: Vec<bool> = (0..STEPS * SEQUENCES).map(|row| row == 5).collect();
        let past = Past { states: &states, begins: &begins };
        let mut workspace = network.workspace(STEPS, SEQUENCES);
        let mut outputs =
            |parameters: &[f32]| network.forward(parameters, &inputs, past, &mut workspace).to_vec();
        let step = 5e-3;
        let along = |step: f32| {
            let moved = parameters.iter().zip(&direction).map(|(value, along)| value + step * along);
            moved.collect::<Vec<f32>>()
        };
        let (above, below) = (outputs(&along(1e-3)), outputs(&along(-1e-3)));
        let mut numeric = vec![0.0; parameters.len()];
        let mut moved = parameters.clone();
        let loss = |outputs: &[f32]| -> f64 {
            outputs.iter().zip(&weights).map(|(output, weight)| f64::from(*output) * f64::from(*weight)).sum()
        };
        for (index, numeric) in numeric.iter_mut().enumerate() {
            moved[index] = parameters[index] + step;
            let above = loss(&outputs(&moved));
            moved[index] = parameters[index] - step;
            let below = loss(&outputs(&moved));
            moved[index] = parameters[index];
            *numeric = (above - below) / (2.0 * f64::from(step));
        }
        outputs(&parameters);
        network.tangent(&parameters, &direction, &inputs, past, &mut workspace);
        for ((above, below), found) in above.iter().zip(&below).zip(workspace.output_and_gradient_mut().1) {
            let numeric = (above - below) / 2e-3;
            assert!((numeric - *found).abs() < 5e-3, "along: {numeric} {found}");
        }
        workspace.output_and_gradient_mut().1.copy_from_slice(&weights);
        let mut gradient = vec![f32::NAN; parameters.len()];
        network.backward(&parameters, &inputs, past, &mut workspace, &mut gradient);
        for (index, (numeric, found)) in numeric.iter().zip(&gradient).enumerate() {
            assert!((numeric - f64::from(*found)).abs() < 5e-3, "{index}: {numeric} {found}");
        }
    }
}
