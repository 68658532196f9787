//! A multilayer perceptron: shape here, parameters in one flat slice, intermediate values in a [`Workspace`].

use super::activation::{Activation, linear};
use super::matrix::{product_transposed_left, product_transposed_right, sum_rows};
use super::orthogonal;
use super::regularizer::{Regularization, Regularizer};
use crate::random::Stream;

mod tangent;

/// One dense layer: `a = activation(x W + b)`.
#[derive(Clone, Debug)]
struct Layer {
    inputs: usize,
    outputs: usize,
    /// Where `W [inputs, outputs]` starts in the parameters; `b [outputs]` follows it, then gain and shift where the layer has
    /// them.
    offset: usize,
    /// How many values gain and shift have together.
    scales: usize,
}

impl Layer {
    fn weights<'p>(&self, parameters: &'p [f32]) -> &'p [f32] {
        &parameters[self.offset..self.offset + self.inputs * self.outputs]
    }

    fn bias<'p>(&self, parameters: &'p [f32]) -> &'p [f32] {
        let start = self.offset + self.inputs * self.outputs;
        &parameters[start..start + self.outputs]
    }

    /// Gain and shift.
    fn scales<'p>(&self, parameters: &'p [f32]) -> &'p [f32] {
        let start = self.offset + (self.inputs + 1) * self.outputs;
        &parameters[start..start + self.scales]
    }

    fn scales_mut<'p>(&self, parameters: &'p mut [f32]) -> &'p mut [f32] {
        let start = self.offset + (self.inputs + 1) * self.outputs;
        &mut parameters[start..start + self.scales]
    }

    fn parameter_count(&self) -> usize {
        (self.inputs + 1) * self.outputs + self.scales
    }
}

/// The shape of a multilayer perceptron with a linear last layer.
#[derive(Clone, Debug)]
pub struct Mlp {
    layers: Vec<Layer>,
    activation: Activation,
    regularization: Regularization,
}

/// A network's intermediate values for one batch size; nothing in a pass allocates.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// Rows of the present batch; the buffers hold as many or more.
    batch: usize,
    /// Each layer's output, `[batch, outputs]`.
    outputs: Vec<Vec<f32>>,
    /// The loss's derivative by each layer's pre-activation, `[batch, outputs]`.
    deltas: Vec<Vec<f32>>,
    /// Of each hidden layer; empty where nothing is regularized.
    regularizers: Vec<Regularizer>,
}

impl Workspace {
    /// Derivative of the loss by the network's output, `[batch, outputs]`: to be filled before a backward pass.
    pub fn output_gradient_mut(&mut self) -> &mut [f32] {
        self.deltas.last_mut().map_or(&mut [], Vec::as_mut_slice)
    }

    /// The last forward pass's output and, to be filled, the loss's derivative by it; both `[batch, outputs]`.
    pub fn output_and_gradient_mut(&mut self) -> (&[f32], &mut [f32]) {
        let output = self.outputs.last().map_or(&[][..], Vec::as_slice);
        (output, self.deltas.last_mut().map_or(&mut [], Vec::as_mut_slice))
    }

    /// The network's output of the last forward pass, `[batch, outputs]`.
    pub fn output(&self) -> &[f32] {
        self.outputs.last().map_or(&[], Vec::as_slice)
    }

    /// Takes `rows` of another workspace's forward pass, for a backward pass through those rows alone.
    pub fn select(&mut self, forward: &Self, rows: &[usize]) {
        self.batch = rows.len();
        // A backward pass starts from the derivative by the last layer's output and never reads that output.
        let hidden = self.outputs.len() - 1;
        for (selected, all) in self.outputs[..hidden].iter_mut().zip(&forward.outputs) {
            let width = all.len() / forward.batch;
            for (selected, row) in selected.chunks_exact_mut(width).zip(rows) {
                selected.copy_from_slice(&all[row * width..(row + 1) * width]);
            }
        }
        for (selected, all) in self.regularizers.iter_mut().zip(&forward.regularizers) {
            selected.select(all, rows);
        }
    }

    /// Draws what the next forward pass drops; does nothing without dropout.
    pub fn draw_masks(&mut self, stream: &mut Stream) {
        self.regularizers.iter_mut().for_each(|regularizer| regularizer.draw_masks(stream));
    }
}

/// One layer's parameters, as the exporter takes them.
#[derive(Clone, Copy, Debug)]
pub struct LayerParameters<'p> {
    /// `[inputs, outputs]`, row-major.
    pub weights: &'p [f32],
    /// `[outputs]`.
    pub bias: &'p [f32],
    /// The non-linearity behind it; none after the last layer.
    pub activation: Option<Activation>,
}

impl Mlp {
    /// `inputs`, then `hidden` layers with `activation`, then a linear layer of `outputs`.
    pub fn new(inputs: usize, hidden: &[usize], outputs: usize, activation: Activation) -> Self {
        let mut layers = Vec::with_capacity(hidden.len() + 1);
        let (mut width, mut offset) = (inputs, 0);
        for next in hidden.iter().chain([&outputs]) {
            layers.push(Layer { inputs: width, outputs: *next, offset, scales: 0 });
            offset += (width + 1) * next;
            width = *next;
        }
        Self { layers, activation, regularization: Regularization::default() }
    }

    /// The same with regularized hidden layers. Only what is not exported may have them.
    #[must_use]
    pub fn regularized(mut self, regularization: Regularization) -> Self {
        let last = self.layers.len() - 1;
        let mut offset = 0;
        for (index, layer) in self.layers.iter_mut().enumerate() {
            layer.offset = offset;
            layer.scales = if regularization.layer_norm && index < last { 2 * layer.outputs } else { 0 };
            offset += layer.parameter_count();
        }
        Self { regularization, ..self }
    }

    /// Values that the last layer reads.
    pub fn last_inputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.inputs)
    }

    /// How many parameters the network has.
    pub fn parameter_count(&self) -> usize {
        self.layers.iter().map(Layer::parameter_count).sum()
    }

    /// Weights and biases from `U(-1/√inputs, 1/√inputs)`, PyTorch's default for linear layers; gains 1 and shifts 0.
    pub fn initial_parameters(&self, stream: &mut Stream) -> Vec<f32> {
        let mut parameters = Vec::with_capacity(self.parameter_count());
        for layer in &self.layers {
            let bound = 1.0 / (layer.inputs as f32).sqrt();
            let count = (layer.inputs + 1) * layer.outputs;
            parameters.extend((0..count).map(|_| stream.uniform(-bound, bound)));
            parameters.extend((0..layer.scales).map(|index| f32::from(index < layer.outputs)));
        }
        parameters
    }

    /// Orthogonal weights with gain √2, and `last_gain` in the last layer; biases 0. The usual start of on-policy learning: a
    /// small last gain makes an actor begin near 0 in every state.
    pub fn orthogonal_parameters(&self, stream: &mut Stream, last_gain: f32) -> Vec<f32> {
        let mut parameters = vec![0.0; self.parameter_count()];
        for (index, layer) in self.layers.iter().enumerate() {
            let last = index + 1 == self.layers.len();
            let gain = if last { last_gain } else { core::f32::consts::SQRT_2 };
            let weights = &mut parameters[layer.offset..layer.offset + layer.inputs * layer.outputs];
            orthogonal::fill(weights, [layer.inputs, layer.outputs], gain, stream);
        }
        parameters
    }

    /// Keeps the network's function while its inputs from `first` on change: each is from now on the `x'` of
    /// `x = scale · x' + shift`.
    pub fn absorb(&self, parameters: &mut [f32], first: usize, scales: &[f32], shifts: &[f32]) {
        let Some(layer) = self.layers.first() else { return };
        let (weights, rest) = parameters[layer.offset..].split_at_mut(layer.inputs * layer.outputs);
        let rows = weights.chunks_exact_mut(layer.outputs).skip(first);
        for ((row, scale), shift) in rows.zip(scales).zip(shifts) {
            for (weight, bias) in row.iter_mut().zip(&mut rest[..layer.outputs]) {
                *bias += *shift * *weight;
                *weight *= *scale;
            }
        }
    }

    /// Buffers for passes over `batch` rows.
    pub fn workspace(&self, batch: usize) -> Workspace {
        let buffers = || self.layers.iter().map(|layer| vec![0.0; batch * layer.outputs]).collect();
        let hidden = &self.layers[..self.layers.len() - 1];
        let regularizers = hidden.iter().filter(|_| !self.regularization.is_none());
        let regularizers =
            regularizers.map(|layer| Regularizer::new(self.regularization, batch, layer.outputs)).collect();
        Workspace { batch, outputs: buffers(), deltas: buffers(), regularizers }
    }

    /// The parameters layer by layer.
    pub fn layer_parameters<'p>(&self, parameters: &'p [f32]) -> Vec<LayerParameters<'p>> {
        let last = self.layers.len() - 1;
        let view = |(index, layer): (usize, &Layer)| LayerParameters {
            weights: layer.weights(parameters),
            bias: layer.bias(parameters),
            activation: (index < last).then_some(self.activation),
        };
        self.layers.iter().enumerate().map(view).collect()
    }

    /// `input [batch, inputs]` to `[batch, outputs]`.
    pub fn forward<'w>(&self, parameters: &[f32], input: &[f32], workspace: &'w mut Workspace) -> &'w [f32] {
        let last = self.layers.len() - 1;
        for (index, layer) in self.layers.iter().enumerate() {
            let (before, rest) = workspace.outputs.split_at_mut(index);
            let x = before.last().map_or(input, Vec::as_slice);
            let z = &mut rest[0];
            let shape = [workspace.batch, layer.inputs, layer.outputs];
            let (weights, bias) = (layer.weights(parameters), layer.bias(parameters));
            if index == last {
                linear(z, x, weights, bias, shape);
            } else if let Some(regularizer) = workspace.regularizers.get_mut(index) {
                linear(z, x, weights, bias, shape);
                regularizer.forward(z, layer.scales(parameters));
                self.activation.apply(z);
            } else {
                self.activation.dense(z, x, weights, bias, shape);
            }
        }
        workspace.output()
    }

    /// Derivatives of a loss whose derivative by the output is in [`Workspace::output_gradient_mut`].
    ///
    /// Follows a [`Self::forward`] with the same parameters and input, or a [`Workspace::select`] from one, after which
    /// there is no input and only the input's gradient can be asked for. Writes the derivative by the parameters into
    /// `parameter_gradient`, laid out as the parameters, and by the last inputs into `input_gradient [batch, last inputs]`, each
    /// where it is asked for.
    pub fn backward(
        &self,
        parameters: &[f32],
        input: &[f32],
        workspace: &mut Workspace,
        mut parameter_gradient: Option<&mut [f32]>,
        mut input_gradient: Option<&mut [f32]>,
    ) {
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let batch = workspace.batch;
            let x = if index == 0 { input } else { &workspace.outputs[index - 1][..batch * layer.inputs] };
            let (before, rest) = workspace.deltas.split_at_mut(index);
            let delta = &rest[0][..batch * layer.outputs];
            if let Some(gradient) = parameter_gradient.as_deref_mut() {
                let weight_count = layer.inputs * layer.outputs;
                let (weights, bias) = gradient[layer.offset..].split_at_mut(weight_count);
                product_transposed_left(weights, x, delta, [layer.inputs, batch, layer.outputs]);
                sum_rows(&mut bias[..layer.outputs], delta);
            }
            if let Some(previous) = before.last_mut() {
                let previous = &mut previous[..batch * layer.inputs];
                let shape = [batch, layer.outputs, layer.inputs];
                self.activation.gradient(previous, delta, layer.weights(parameters), x, shape);
                if let Some(regularizer) = workspace.regularizers.get(index - 1) {
                    let below = &self.layers[index - 1];
                    let gradient =
                        parameter_gradient.as_deref_mut().map(|gradient| below.scales_mut(gradient));
                    regularizer.backward(previous, below.scales(parameters), gradient);
                }
            } else if let Some(gradient) = input_gradient.as_deref_mut() {
                let wanted = gradient.len() / batch;
                let weights = &layer.weights(parameters)[(layer.inputs - wanted) * layer.outputs..];
                product_transposed_right(gradient, delta, weights, [batch, layer.outputs, wanted]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Σ weights · output`, whose derivative by the output is `weights`; drops what the workspace's masks drop.
    fn loss(network: &Mlp, parameters: &[f32], input: &[f32], weights: &[f32], workspace: &Workspace) -> f64 {
        let mut workspace = workspace.clone();
        let output = network.forward(parameters, input, &mut workspace);
        output.iter().zip(weights).map(|(o, w)| f64::from(*o) * f64::from(*w)).sum()
    }

    /// Holds `gradient` against finite differences of `loss` by `values`.
    fn agrees(gradient: &[f32], values: &[f32], loss: impl Fn(&[f32]) -> f64, case: &str) {
        let (mut moved, step) = (values.to_vec(), 1e-3);
        for (index, expected) in gradient.iter().enumerate() {
            moved[index] = values[index] + step;
            let above = loss(&moved);
            moved[index] = values[index] - step;
            let below = loss(&moved);
            moved[index] = values[index];
            let numeric = (above - below) / (2.0 * f64::from(step));
            assert!((numeric - f64::from(*expected)).abs() < 2e-3, "{case} {index}: {numeric} {expected}");
        }
    }

    fn gradients_agree(activation: Activation, regularization: Regularization) {
        let case = format!("{activation:?} {regularization:?}");
        let network = Mlp::new(4, &[7, 5], 2, activation).regularized(regularization);
        let mut stream = Stream::new(7, "gradient test");
        let parameters = network.initial_parameters(&mut stream);
        let input: Vec<f32> = (0..12).map(|_| stream.normal()).collect();
        let weights: Vec<f32> = (0..6).map(|_| stream.normal()).collect();
        let mut workspace = network.workspace(3);
        workspace.draw_masks(&mut stream);
        network.forward(&parameters, &input, &mut workspace);
        workspace.output_gradient_mut().copy_from_slice(&weights);
        let mut by_parameters = vec![0.0; network.parameter_count()];
        let mut by_input = vec![0.0; 12];
        let asked = (Some(&mut by_parameters[..]), Some(&mut by_input[..]));
        network.backward(&parameters, &input, &mut workspace, asked.0, asked.1);
        agrees(&by_parameters, &parameters, |p| loss(&network, p, &input, &weights, &workspace), &case);
        agrees(&by_input, &input, |x| loss(&network, &parameters, x, &weights, &workspace), &case);

        let mut by_last_input = vec![0.0; 3];
        network.backward(&parameters, &input, &mut workspace, None, Some(&mut by_last_input));
        for (row, last) in by_last_input.iter().enumerate() {
            // The shapes differ, so sums may be taken in another order.
            assert!((last - by_input[4 * row + 3]).abs() < 1e-6);
        }
        let mut selected = network.workspace(3);
        selected.select(&workspace, &[2, 0]);
        let slopes = [weights[4], weights[5], weights[0], weights[1]];
        selected.output_gradient_mut()[..4].copy_from_slice(&slopes);
        let mut by_selected_input = [0.0; 8];
        network.backward(&parameters, &[], &mut selected, None, Some(&mut by_selected_input));
        for (found, expected) in by_selected_input.iter().zip(by_input[8..].iter().chain(&by_input[..4])) {
            assert!((found - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn a_change_of_inputs_that_is_absorbed_changes_no_output() {
        let network = Mlp::new(3, &[5], 2, Activation::Tanh);
        let mut parameters = network.orthogonal_parameters(&mut Stream::new(2, "absorb test"), 1.0);
        let mut workspace = network.workspace(1);
        let before = network.forward(&parameters, &[0.3, -0.5, 0.8], &mut workspace).to_vec();
        network.absorb(&mut parameters, 1, &[2.0, 0.5], &[0.1, -0.2]);
        // -0.5 = 2 x' + 0.1 and 0.8 = x' / 2 - 0.2.
        let after = network.forward(&parameters, &[0.3, -0.3, 2.0], &mut workspace);
        for (before, after) in before.iter().zip(after) {
            assert!((before - after).abs() < 1e-6, "{before} {after}");
        }
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        for activation in [Activation::Relu, Activation::Tanh, Activation::Elu] {
            gradients_agree(activation, Regularization::default());
        }
        for (layer_norm, dropout) in [(true, 0.0), (false, 0.3), (true, 0.3)] {
            // Smooth: a kink within the step would be no fault of the gradient.
            gradients_agree(Activation::Tanh, Regularization { layer_norm, dropout });
        }
    }
}
