//! Forward-mode derivatives: how the output moves when the parameters move.

use super::{Mlp, Workspace};
use crate::network::activation::linear;
use crate::network::matrix::add_product;

impl Mlp {
    /// `J · direction [batch, outputs]`: the output's derivative along `direction`, laid out as the parameters.
    ///
    /// `moved_input` is the input's own derivative along it, where the input moves too. Follows a [`Self::forward`] with the same
    /// parameters and input. The result, with every layer's own, lies where a
    /// backward pass keeps its derivatives: in [`Workspace::output_gradient_mut`].
    pub fn tangent<'w>(
        &self,
        parameters: &[f32],
        direction: &[f32],
        input: &[f32],
        moved_input: Option<&[f32]>,
        workspace: &'w mut Workspace,
    ) -> &'w mut [f32] {
        let last = self.layers.len() - 1;
        for (index, layer) in self.layers.iter().enumerate() {
            let x = if index == 0 { input } else { &workspace.outputs[index - 1] };
            let (before, rest) = workspace.deltas.split_at_mut(index);
            let moved = &mut rest[0];
            let shape = [workspace.batch, layer.inputs, layer.outputs];
            linear(moved, x, layer.weights(direction), layer.bias(direction), shape);
            let moved_input = if index == 0 { moved_input } else { before.last().map(Vec::as_slice) };
            if let Some(moved_input) = moved_input {
                add_product(moved, moved_input, layer.weights(parameters), shape);
            }
            if index < last {
                self.activation.multiply_derivative(moved, &workspace.outputs[index]);
            }
        }
        workspace.output_gradient_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::activation::Activation;
    use crate::random::Stream;

    #[test]
    fn tangents_agree_with_finite_differences() {
        for activation in [Activation::Tanh, Activation::Elu] {
            let network = Mlp::new(3, &[6, 5], 2, activation);
            let mut stream = Stream::new(6, "tangent test");
            let parameters = network.orthogonal_parameters(&mut stream, 1.0);
            let direction: Vec<f32> = parameters.iter().map(|_| stream.normal()).collect();
            let input: Vec<f32> = (0..12).map(|_| stream.normal()).collect();
            let mut workspace = network.workspace(4);
            let step = 1e-3;
            let mut at = |step: f32| {
                let moved: Vec<f32> =
                    parameters.iter().zip(&direction).map(|(value, along)| value + step * along).collect();
                network.forward(&moved, &input, &mut workspace).to_vec()
            };
            let (above, below) = (at(step), at(-step));
            network.forward(&parameters, &input, &mut workspace);
            let tangent = network.tangent(&parameters, &direction, &input, None, &mut workspace);
            for ((above, below), found) in above.iter().zip(&below).zip(tangent) {
                let numeric = (above - below) / (2.0 * step);
                assert!((numeric - *found).abs() < 5e-3, "{activation:?}: {numeric} {found}");
            }
        }
    }
}
