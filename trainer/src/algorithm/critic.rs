//! A critic: one Q function with its slow copy, its optimizer and its buffers.
//!
//! It sees `(s, a)`, or `(s, privileged, a)` where the task reveals something to critics alone; the action comes last, since
//! an actor learns from the derivative by it. It puts out one value, or the quantiles of the return's distribution, whose
//! mean is the value.

use super::learned::Learned;
use crate::network::activation::Activation;
use crate::network::matrix::vectorized;
use crate::network::mlp::{Mlp, Workspace};
use crate::network::regularizer::Regularization;
use crate::optimizer::Adam;
use crate::random::Stream;
use crate::replay::{Batch, TransitionSizes};
use crate::training::{Network, StateError};
use serde::{Deserialize, Serialize};

/// What a critic is made of.
#[derive(Clone, Copy, Debug)]
pub struct CriticShape<'c> {
    /// What it sees.
    pub sizes: TransitionSizes,
    /// Widths of the hidden layers.
    pub hidden: &'c [usize],
    /// Non-linearity between layers.
    pub activation: Activation,
    /// Of the hidden layers.
    pub regularization: Regularization,
    /// Quantiles that it puts out; 1 for the value alone.
    pub quantiles: usize,
    /// Rows of every batch.
    pub batch_size: usize,
}

/// What learning changes of a critic beside its networks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CriticState {
    optimizer: Adam,
    masks: Stream,
}

/// One Q function; see the [module](self).
pub struct Critic {
    network: Mlp,
    learned: Learned,
    gradient: Vec<f32>,
    workspace: Workspace,
    quantiles: usize,
    /// What dropout drops.
    masks: Stream,
    errors: Vec<f32>,
    loss: f32,
}

/// `1/2 mean w (Q - y)²`; writes its derivative by Q, `w (Q - y) / batch`, and the errors `Q - y`. All `[batch]`.
pub fn squared_loss(
    gradient: &mut [f32],
    errors: &mut [f32],
    q: &[f32],
    targets: &[f32],
    weights: &[f32],
) -> f32 {
    let scale = 1.0 / q.len() as f32;
    let mut loss = 0.0;
    for (row, (q, target)) in q.iter().zip(targets).enumerate() {
        let error = q - target;
        loss += 0.5 * error * error * weights[row];
        gradient[row] = scale * error * weights[row];
        errors[row] = error;
    }
    scale * loss
}

/// `y = r + gamma^n V(s')`, `[batch, atoms]`, where the discount is 0 if the task ended; `next_values` are `V`'s atoms.
pub fn td_target(targets: &mut [f32], batch: &Batch, next_values: &[f32]) {
    let atoms = targets.len() / batch.rewards.len();
    for (index, (target, value)) in targets.iter_mut().zip(next_values).enumerate() {
        let row = index / atoms;
        *target = batch.rewards[row] + batch.discounts[row] * value;
    }
}

/// Quantile Huber loss (Dabney et al. 2018), mean over the batch, the quantiles `[batch, M]` and the targets `[batch, K]`:
/// `w |tau_m - 1[u < 0]| H(u)` with `u = y_k - theta_m`, `tau_m = (m + 1/2) / M` and Huber's `H` that turns linear at 1.
///
/// Writes its derivative by the quantiles, and the errors `mean theta - mean y`, `[batch]`.
pub fn quantile_huber_loss(
    gradient: &mut [f32],
    errors: &mut [f32],
    quantiles: &[f32],
    targets: &[f32],
    weights: &[f32],
) -> f32 {
    let batch = weights.len();
    let (width, atoms) = (quantiles.len() / batch, targets.len() / batch);
    let scale = 1.0 / (batch * width * atoms) as f32;
    let rows = quantiles.chunks_exact(width).zip(targets.chunks_exact(atoms));
    let mut loss = 0.0;
    for (row, (quantiles, targets)) in rows.enumerate() {
        errors[row] = mean(quantiles) - mean(targets);
        for (index, quantile) in quantiles.iter().enumerate() {
            let tau = (index as f32 + 0.5) / width as f32;
            let (part, slope) = pinball(*quantile, targets, tau);
            loss += weights[row] * part;
            gradient[row * width + index] = scale * weights[row] * slope;
        }
    }
    scale * loss
}

/// One quantile's loss over all targets, and its derivative by the quantile.
fn pinball(quantile: f32, targets: &[f32], tau: f32) -> (f32, f32) {
    vectorized(
        #[inline(always)]
        || {
            let (mut loss, mut slope) = (0.0, 0.0);
            for target in targets {
                let u = target - quantile;
                let weight = if u < 0.0 { 1.0 - tau } else { tau };
                let bounded = if u > 1.0 { 1.0 } else { u };
                let bounded = if bounded < -1.0 { -1.0 } else { bounded };
                // 1/2 u² within 1, |u| - 1/2 beyond.
                loss += weight * bounded * (u - 0.5 * bounded);
                slope -= weight * bounded;
            }
            (loss, slope)
        },
    )
}

/// The mean of some values.
pub fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len() as f32
}

impl Critic {
    /// A fresh critic; the purpose tells its random streams from another's.
    pub fn new(shape: &CriticShape, seed: u64, purpose: &str) -> Self {
        let TransitionSizes { observation, privileged, action } = shape.sizes;
        let inputs = observation + privileged + action;
        let network = Mlp::new(inputs, shape.hidden, shape.quantiles, shape.activation)
            .regularized(shape.regularization);
        let learned = Learned::new(network.initial_parameters(&mut Stream::new(seed, purpose)));
        Self {
            gradient: vec![0.0; network.parameter_count()],
            workspace: network.workspace(shape.batch_size),
            quantiles: shape.quantiles,
            masks: Stream::new(seed, &format!("{purpose} dropout")),
            errors: vec![0.0; shape.batch_size],
            loss: 0.0,
            network,
            learned,
        }
    }

    /// `Q'(s', a')`, `[batch, quantiles]`, of `input [batch, s a]`.
    pub fn evaluate_target(&mut self, input: &[f32]) -> &[f32] {
        self.workspace.draw_masks(&mut self.masks);
        self.network.forward(&self.learned.target, input, &mut self.workspace)
    }

    /// `Q(s, a)`, `[batch, quantiles]`.
    pub fn evaluate(&mut self, input: &[f32]) -> &[f32] {
        self.workspace.draw_masks(&mut self.masks);
        self.network.forward(&self.learned.parameters, input, &mut self.workspace)
    }

    /// The last pass's output.
    pub fn output(&self) -> &[f32] {
        self.workspace.output()
    }

    /// One step of regression on `targets [batch, atoms]`, weighted row by row.
    pub fn regress(&mut self, input: &[f32], targets: &[f32], weights: &[f32], learning_rate: f32) {
        self.evaluate(input);
        let (q, gradient) = self.workspace.output_and_gradient_mut();
        let loss = if self.quantiles == 1 { squared_loss } else { quantile_huber_loss };
        self.loss = loss(gradient, &mut self.errors, q, targets, weights);
        let parameters = &self.learned.parameters;
        self.network.backward(parameters, input, &mut self.workspace, Some(&mut self.gradient), None);
        self.learned.step(&self.gradient, learning_rate);
    }

    /// `slope · ∂(Σ outputs)/∂a` after [`Self::evaluate`], `[batch, action]`.
    pub fn differentiate(&mut self, slope: f32, action_gradient: &mut [f32]) {
        self.workspace.output_gradient_mut().fill(slope);
        let parameters = &self.learned.parameters;
        self.network.backward(parameters, &[], &mut self.workspace, None, Some(action_gradient));
    }

    /// `∂Q/∂a` of some rows after [`Self::evaluate`], `[rows, action]`, in a workspace of their own.
    pub fn differentiate_rows(&self, rows: &[usize], workspace: &mut Workspace, action_gradient: &mut [f32]) {
        if rows.is_empty() {
            return;
        }
        workspace.select(&self.workspace, rows);
        workspace.output_gradient_mut()[..rows.len()].fill(1.0);
        self.network.backward(&self.learned.parameters, &[], workspace, None, Some(action_gradient));
    }

    /// Buffers for [`Self::differentiate_rows`].
    pub fn workspace(&self) -> Workspace {
        self.workspace.clone()
    }

    /// Moves the target towards the parameters by the share `tau`.
    pub fn track(&mut self, tau: f32) {
        self.learned.track(tau);
    }

    /// The last regression's loss.
    pub fn loss(&self) -> f32 {
        self.loss
    }

    /// `Q - y` of the last regression, `[batch]`.
    pub fn errors(&self) -> &[f32] {
        &self.errors
    }

    /// The network under its name, and its slow copy.
    pub(crate) fn networks(&mut self, name: &str) -> [Network<'_>; 2] {
        self.learned.networks(name)
    }

    /// What learning has changed beside the networks: the optimizer, and the stream that dropout draws from.
    pub fn state(&self) -> CriticState {
        CriticState { optimizer: self.learned.optimizer(), masks: self.masks.clone() }
    }

    /// Goes on from another's state.
    ///
    /// # Errors
    /// It is that of a critic of another size.
    pub fn restore(&mut self, state: CriticState) -> Result<(), StateError> {
        self.masks = state.masks;
        self.learned.restore("a critic's optimizer", state.optimizer)
    }
}

/// `rows of (observation, privileged, action)` side by side, in loops: rows are shorter than a call of `memcpy` is worth.
pub fn concatenate(
    input: &mut [f32],
    [observations, privileged, actions]: [&[f32]; 3],
    sizes: TransitionSizes,
) {
    let TransitionSizes { observation, privileged: hidden, action } = sizes;
    for (row, input) in input.chunks_exact_mut(observation + hidden + action).enumerate() {
        let observation = &observations[row * observation..][..observation];
        let hidden = &privileged[row * hidden..][..hidden];
        let action = &actions[row * action..][..action];
        for (input, value) in input.iter_mut().zip(observation.iter().chain(hidden).chain(action)) {
            *input = *value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_bootstraps_unless_the_task_ended() {
        let sizes = TransitionSizes { observation: 1, privileged: 0, action: 1 };
        let mut batch = Batch::new(2, sizes);
        batch.rewards = vec![1.0, 1.0];
        batch.discounts = vec![0.5, 0.0];
        let mut targets = [0.0; 2];
        td_target(&mut targets, &batch, &[4.0, 4.0]);
        assert_eq!(targets, [3.0, 1.0]);
        let mut targets = [0.0; 4];
        td_target(&mut targets, &batch, &[4.0, 6.0, 4.0, 6.0]);
        assert_eq!(targets, [3.0, 4.0, 1.0, 1.0]);
    }

    #[test]
    fn the_squared_loss_agrees_with_a_hand_computed_case() {
        let (mut gradient, mut errors) = ([0.0; 2], [0.0; 2]);
        let loss = squared_loss(&mut gradient, &mut errors, &[1.0, 4.0], &[3.0, 3.0], &[1.0, 0.5]);
        // (1/2 · 4 + 1/2 · 1 · 1/2) / 2.
        assert_eq!(loss, 1.125);
        assert_eq!(gradient, [-1.0, 0.25]);
        assert_eq!(errors, [-2.0, 1.0]);
    }

    #[test]
    fn the_quantile_loss_agrees_with_a_hand_computed_case() {
        let (mut gradient, mut errors) = ([0.0; 2], [0.0; 1]);
        let loss = quantile_huber_loss(&mut gradient, &mut errors, &[0.0, 1.0], &[0.5, 3.0], &[1.0]);
        // tau 1/4: u = 0.5 and 3: 1/4 (0.125 + 2.5); tau 3/4: u = -0.5 and 2: 1/4 · 0.125 + 3/4 · 1.5. Over 2 · 2.
        assert!((loss - (0.656_25 + 0.031_25 + 1.125) / 4.0).abs() < 1e-6);
        // -1/4 (0.5 + 1) / 4, and (1/4 · 0.5 - 3/4) / 4.
        assert_eq!(gradient, [-0.093_75, -0.156_25]);
        assert_eq!(errors, [0.5 - 1.75]);
    }

    #[test]
    fn losses_agree_with_finite_differences() {
        let mut stream = Stream::new(2, "loss test");
        let mut draw = |count: usize| -> Vec<f32> { (0..count).map(|_| 1.5 * stream.normal()).collect() };
        let weights = [1.0, 0.5, 0.25];
        for (width, atoms) in [(1, 1), (4, 5)] {
            let loss_of = |gradient: &mut [f32], q: &[f32], targets: &[f32]| {
                let mut errors = [0.0; 3];
                let loss = if width == 1 { squared_loss } else { quantile_huber_loss };
                f64::from(loss(gradient, &mut errors, q, targets, &weights))
            };
            let (mut q, targets) = (draw(3 * width), draw(3 * atoms));
            let mut gradient = vec![0.0; q.len()];
            loss_of(&mut gradient, &q, &targets);
            let mut ignored = gradient.clone();
            for index in 0..q.len() {
                let original = q[index];
                q[index] = original + 1e-2;
                let above = loss_of(&mut ignored, &q, &targets);
                q[index] = original - 1e-2;
                let below = loss_of(&mut ignored, &q, &targets);
                q[index] = original;
                let numeric = (above - below) / 2e-2;
                assert!((numeric - f64::from(gradient[index])).abs() < 2e-3, "{width} {index}: {numeric}");
            }
        }
    }
}
