//! Values of discrete actions, `Q(s, ·)`: a network with its slow copy, optimizer and buffers.
//!
//! Dueling (Wang et al. 2016, arXiv 1511.06581) splits the last layer into a state's value and the actions' advantages,
//! `Q_k = V + A_k - mean A`. That is linear in the last layer's output, so what ships is one ordinary dense layer.

use super::learned::Learned;
use crate::network::activation::Activation;
use crate::network::mlp::{LayerParameters, Mlp, Workspace};
use crate::optimizer::Adam;
use crate::random::Stream;
use crate::training::{Network, StateError};

/// What a network of values is made of.
#[derive(Clone, Copy, Debug)]
pub struct QShape<'q> {
    /// What it sees.
    pub observation: usize,
    /// How many actions there are.
    pub actions: usize,
    /// Widths of the hidden layers.
    pub hidden: &'q [usize],
    /// Non-linearity between layers.
    pub activation: Activation,
    /// Whether value and advantages are apart.
    pub dueling: bool,
    /// Rows of every batch.
    pub batch_size: usize,
}

/// A network of values; see the [module](self).
pub struct QNetwork {
    network: Mlp,
    learned: Learned,
    gradient: Vec<f32>,
    workspace: Workspace,
    dueling: bool,
    actions: usize,
    /// Of the last pass, `[batch, actions]`.
    values: Vec<f32>,
}

/// `Q_k = V + A_k - mean A`: `values [batch, actions]` of `output [batch, 1 + actions]`.
pub fn duel(values: &mut [f32], output: &[f32], actions: usize) {
    for (values, output) in values.chunks_exact_mut(actions).zip(output.chunks_exact(1 + actions)) {
        let (value, advantages) = (output[0], &output[1..]);
        let mean = advantages.iter().sum::<f32>() / actions as f32;
        for (q, advantage) in values.iter_mut().zip(advantages) {
            *q = value + (advantage - mean);
        }
    }
}

/// A loss's derivative by [`duel`]'s output, where it depends on one action's value in each row: `slopes [batch]` by the
/// value of `taken [batch]`.
fn duel_gradient(gradient: &mut [f32], slopes: &[f32], taken: &[f32], actions: usize) {
    let share = 1.0 / actions as f32;
    for (row, gradient) in gradient.chunks_exact_mut(1 + actions).enumerate() {
        let slope = slopes[row];
        gradient[0] = slope;
        gradient[1..].fill(-share * slope);
        gradient[1 + taken[row] as usize] += slope;
    }
}

/// The same without dueling.
fn gradient_of_taken(gradient: &mut [f32], slopes: &[f32], taken: &[f32], actions: usize) {
    gradient.fill(0.0);
    for (row, gradient) in gradient.chunks_exact_mut(actions).enumerate() {
        gradient[taken[row] as usize] = slopes[row];
    }
}

impl QNetwork {
    /// A fresh network.
    pub fn new(shape: &QShape, seed: u64) -> Self {
        let outputs = shape.actions + usize::from(shape.dueling);
        let network = Mlp::new(shape.observation, shape.hidden, outputs, shape.activation);
        let learned = Learned::new(network.initial_parameters(&mut Stream::new(seed, "q network")));
        Self {
            gradient: vec![0.0; network.parameter_count()],
            workspace: network.workspace(shape.batch_size),
            dueling: shape.dueling,
            actions: shape.actions,
            values: vec![0.0; shape.batch_size * shape.actions],
            network,
            learned,
        }
    }

    /// How many actions there are.
    pub fn actions(&self) -> usize {
        self.actions
    }

    /// Whether value and advantages are apart.
    pub fn is_dueling(&self) -> bool {
        self.dueling
    }

    /// The network whose output [`spread`] turns into values.
    pub fn network(&self) -> &Mlp {
        &self.network
    }

    /// The network's parameters.
    pub fn parameters(&self) -> &[f32] {
        &self.learned.parameters
    }

    /// `Q(s, ·)`, `[batch, actions]`.
    pub fn values(&mut self, observations: &[f32]) -> &[f32] {
        let Self { network, learned, workspace, values, .. } = self;
        let output = network.forward(&learned.parameters, observations, workspace);
        spread(values, output, self.dueling, self.actions);
        &self.values
    }

    /// The slow copy's `Q'(s, ·)`, `[batch, actions]`.
    pub fn target_values(&mut self, observations: &[f32]) -> &[f32] {
        let Self { network, learned, workspace, values, .. } = self;
        let output = network.forward(&learned.target, observations, workspace);
        spread(values, output, self.dueling, self.actions);
        &self.values
    }

    /// One step against a loss whose derivative by the value of `taken [batch]` is `slopes [batch]`; follows [`Self::values`].
    pub fn step(&mut self, observations: &[f32], taken: &[f32], slopes: &[f32], learning_rate: f32) {
        let gradient = self.workspace.output_gradient_mut();
        let scatter = if self.dueling { duel_gradient } else { gradient_of_taken };
        scatter(gradient, slopes, taken, self.actions);
        let (parameters, gradient) = (&self.learned.parameters, Some(&mut self.gradient[..]));
        self.network.backward(parameters, observations, &mut self.workspace, gradient, None);
        self.learned.step(&self.gradient, learning_rate);
    }

    /// Moves the target towards the parameters by the share `tau`; 1 copies them.
    pub fn track(&mut self, tau: f32) {
        self.learned.track(tau);
    }

    /// The layers that ship, through `export`: with the last one's duel worked into its weights.
    pub fn with_layers<R>(&self, export: impl FnOnce(&[LayerParameters]) -> R) -> R {
        let mut layers = self.network.layer_parameters(&self.learned.parameters);
        if !self.dueling {
            return export(&layers);
        }
        let last = layers.len() - 1;
        let duel_rows = |rows: &[f32]| {
            let mut values = vec![0.0; rows.len() / (1 + self.actions) * self.actions];
            duel(&mut values, rows, self.actions);
            values
        };
        // Linear in each of its rows: those of the weights, and the bias.
        let (weights, bias) = (duel_rows(layers[last].weights), duel_rows(layers[last].bias));
        layers[last] = LayerParameters { weights: &weights, bias: &bias, activation: None };
        export(&layers)
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
        self.learned.restore("the network's optimizer", optimizer)
    }
}

/// The values of a network's `output`: `[batch, actions]`, by [`duel`] where value and advantages are apart.
pub fn spread(values: &mut [f32], output: &[f32], dueling: bool, actions: usize) {
    if dueling {
        duel(values, output, actions);
    } else {
        values.copy_from_slice(output);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(dueling: bool) -> QNetwork {
        let shape = QShape {
            observation: 2,
            actions: 3,
            hidden: &[8],
            activation: Activation::Tanh,
            dueling,
            batch_size: 2,
        };
        QNetwork::new(&shape, 5)
    }

    #[test]
    fn a_duel_agrees_with_a_hand_computed_case() {
        let mut values = [0.0; 3];
        duel(&mut values, &[10.0, 1.0, 2.0, 6.0], 3);
        assert_eq!(values, [8.0, 9.0, 13.0]);
    }

    #[test]
    fn the_gradient_of_the_taken_actions_agrees_with_finite_differences() {
        let (slopes, taken, input) = ([0.5, -1.5], [2.0, 0.0], [0.3, -0.7, 1.1, 0.2]);
        for dueling in [false, true] {
            let mut q = network(dueling);
            let loss = |q: &mut QNetwork| {
                let values = q.values(&input);
                f64::from(0.5 * values[2]) - f64::from(1.5 * values[3])
            };
            q.values(&input);
            // A rate of 0 leaves the parameters and the gradient.
            q.step(&input, &taken, &slopes, 0.0);
            for index in 0..q.gradient.len() {
                let original = q.learned.parameters[index];
                q.learned.parameters[index] = original + 1e-2;
                let above = loss(&mut q);
                q.learned.parameters[index] = original - 1e-2;
                let below = loss(&mut q);
                q.learned.parameters[index] = original;
                let numeric = (above - below) / 2e-2;
                assert!(
                    (numeric - f64::from(q.gradient[index])).abs() < 1e-3,
                    "{dueling} {index}: {numeric}"
                );
            }
        }
    }

    #[test]
    fn the_layers_that_ship_give_the_values_that_were_learned() {
        for dueling in [false, true] {
            let mut q = network(dueling);
            let observation = [0.4, -0.9];
            let expected = q.values(&observation.repeat(2))[..3].to_vec();
            let found = q.with_layers(|layers| {
                let hidden: Vec<f32> = (0..8)
                    .map(|unit| {
                        let weights = layers[0].weights;
                        let sum = observation[0] * weights[unit] + observation[1] * weights[8 + unit];
                        libm::tanhf(sum + layers[0].bias[unit])
                    })
                    .collect();
                let value = |action: usize| {
                    let products =
                        hidden.iter().enumerate().map(|(unit, h)| h * layers[1].weights[3 * unit + action]);
                    products.sum::<f32>() + layers[1].bias[action]
                };
                (0..3).map(value).collect::<Vec<f32>>()
            });
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-5, "{found} {expected}");
            }
        }
    }
}
