//! Two critics that are read together, so that neither's optimism is believed.
//!
//! What a [`CriticPair`] holds to be a state's value is, in the target, the smaller of the two values; with quantiles it is
//! the mixture of both distributions without its largest quantiles (Kuznetsov et al. 2020, arXiv 2005.04269). An actor
//! climbs the smaller value, or the mean where that is the method's: with quantiles, and with dropout (Hiraoka et al. 2022,
//! arXiv 2110.02034). The two never read each other within a phase: they are the shards that run in parallel.

use super::critic::{Critic, CriticShape, CriticState, mean};
use crate::network::mlp::Workspace;
use crate::parallel::Workers;
use crate::training::{Network, StateError};

/// Two critics; see the [module](self).
pub struct CriticPair {
    members: [Member; 2],
    quantiles: usize,
    /// Whether an actor climbs the mean of both.
    climb_mean: bool,
    /// Values of the state that follows, `[batch, atoms]`.
    next_values: Vec<f32>,
    /// One row's quantiles of both.
    pooled: Vec<f32>,
    /// What an actor's loss reads, `[batch]`.
    values: Vec<f32>,
    /// Mean `|Q - y|` of the two, `[batch]`.
    errors: Vec<f32>,
}

struct Member {
    critic: Critic,
    /// Rows of the batch in which this critic is the lower one; the actor's gradient flows through those alone.
    lower_rows: Vec<usize>,
    /// Of those rows.
    lower: Workspace,
    /// `∂Q/∂a` of those rows, or of all.
    action_gradient: Vec<f32>,
}

impl CriticPair {
    /// Fresh critics, of which a mixture of quantiles drops `dropped_quantiles` each.
    pub fn new(shape: &CriticShape, dropped_quantiles: usize, seed: u64) -> Self {
        let member = |purpose| {
            let critic = Critic::new(shape, seed, purpose);
            Member {
                lower_rows: Vec::with_capacity(shape.batch_size),
                lower: critic.workspace(),
                action_gradient: vec![0.0; shape.batch_size * shape.sizes.action],
                critic,
            }
        };
        let atoms = if shape.quantiles == 1 { 1 } else { 2 * (shape.quantiles - dropped_quantiles) };
        Self {
            members: [member("critic 1"), member("critic 2")],
            quantiles: shape.quantiles,
            climb_mean: shape.quantiles > 1 || shape.regularization.dropout > 0.0,
            next_values: vec![0.0; shape.batch_size * atoms],
            pooled: vec![0.0; 2 * shape.quantiles],
            values: vec![0.0; shape.batch_size],
            errors: vec![0.0; shape.batch_size],
        }
    }

    /// Values of a target.
    pub fn atoms(&self) -> usize {
        self.next_values.len() / self.values.len()
    }

    /// What the slow copies hold `(s', a')` to be worth, `[batch, atoms]`.
    pub fn next_values(&mut self, input: &[f32], workers: &Workers) -> &[f32] {
        workers.for_each(&mut self.members, |member| {
            member.critic.evaluate_target(input);
        });
        let Self { members: [first, second], next_values, pooled, .. } = self;
        let q = [first.critic.output(), second.critic.output()];
        if self.quantiles == 1 {
            lower_values(next_values, q);
        } else {
            lower_mixture(next_values, q, pooled);
        }
        next_values
    }

    /// One step of regression of each on `targets [batch, atoms]`, after which the slow copies follow by `tau`; 0 leaves them.
    pub fn regress(
        &mut self,
        input: &[f32],
        [targets, weights]: [&[f32]; 2],
        learning_rate: f32,
        tau: f32,
        workers: &Workers,
    ) {
        workers.for_each(&mut self.members, |member| {
            member.critic.regress(input, targets, weights, learning_rate);
            if tau > 0.0 {
                member.critic.track(tau);
            }
        });
        let [first, second] = &self.members;
        let errors = first.critic.errors().iter().zip(second.critic.errors());
        for (mean, (first, second)) in self.errors.iter_mut().zip(errors) {
            *mean = 0.5 * (first.abs() + second.abs());
        }
    }

    /// What an actor climbs at `(s, a)`: gives its value, `[batch]`, and writes its derivative by the action, `[batch, action]`.
    pub fn climb(&mut self, input: &[f32], action_gradient: &mut [f32], workers: &Workers) -> &[f32] {
        workers.for_each(&mut self.members, |member| {
            member.critic.evaluate(input);
        });
        if self.climb_mean {
            self.climb_mean(action_gradient, workers);
        } else {
            self.climb_lower(action_gradient, workers);
        }
        &self.values
    }

    fn climb_mean(&mut self, action_gradient: &mut [f32], workers: &Workers) {
        let slope = 0.5 / self.quantiles as f32;
        workers.for_each(&mut self.members, |member| {
            member.critic.differentiate(slope, &mut member.action_gradient);
        });
        let [first, second] = &self.members;
        let parts = first.action_gradient.iter().zip(&second.action_gradient);
        for (gradient, (first, second)) in action_gradient.iter_mut().zip(parts) {
            *gradient = first + second;
        }
        let rows = first.critic.output().chunks_exact(self.quantiles);
        let rows = rows.zip(second.critic.output().chunks_exact(self.quantiles));
        for (value, (first, second)) in self.values.iter_mut().zip(rows) {
            *value = 0.5 * (mean(first) + mean(second));
        }
    }

    fn climb_lower(&mut self, action_gradient: &mut [f32], workers: &Workers) {
        let Self { members: [first, second], values, .. } = self;
        let q = [first.critic.output(), second.critic.output()];
        lower_values(values, q);
        first.lower_rows.clear();
        second.lower_rows.clear();
        for (row, (first_q, second_q)) in q[0].iter().zip(q[1]).enumerate() {
            let lower = if second_q < first_q { &mut second.lower_rows } else { &mut first.lower_rows };
            lower.push(row);
        }
        let action_size = action_gradient.len() / values.len();
        workers.for_each(&mut self.members, |member| {
            let Member { critic, lower_rows, lower, action_gradient } = member;
            let gradient = &mut action_gradient[..lower_rows.len() * action_size];
            critic.differentiate_rows(lower_rows, lower, gradient);
        });
        for member in &self.members {
            let gradients = member.action_gradient.chunks_exact(action_size);
            for (row, gradient) in member.lower_rows.iter().zip(gradients) {
                action_gradient[row * action_size..(row + 1) * action_size].copy_from_slice(gradient);
            }
        }
    }

    /// The first critic: what an actor climbs that needs no caution.
    pub fn first(&mut self) -> &mut Critic {
        &mut self.members[0].critic
    }

    /// Mean loss of the last regression.
    pub fn loss(&self) -> f32 {
        0.5 * (self.members[0].critic.loss() + self.members[1].critic.loss())
    }

    /// Mean of the first critic's last pass.
    pub fn mean_value(&self) -> f32 {
        mean(self.members[0].critic.output())
    }

    /// Mean `|Q - y|` of the last regression, `[batch]`.
    pub fn errors(&self) -> &[f32] {
        &self.errors
    }

    /// The networks `critic 1` and `critic 2`, and their slow copies.
    pub(crate) fn networks(&mut self) -> impl Iterator<Item = Network<'_>> {
        let [first, second] = &mut self.members;
        first.critic.networks("critic 1").into_iter().chain(second.critic.networks("critic 2"))
    }

    /// What learning has changed beside the networks.
    pub fn state(&self) -> [CriticState; 2] {
        [self.members[0].critic.state(), self.members[1].critic.state()]
    }

    /// Goes on from another's state.
    ///
    /// # Errors
    /// It is that of critics of another size.
    pub fn restore(&mut self, state: [CriticState; 2]) -> Result<(), StateError> {
        self.members.iter_mut().zip(state).try_for_each(|(member, state)| member.critic.restore(state))
    }
}

/// `min(Q_1, Q_2)`, all `[batch]`.
fn lower_values(values: &mut [f32], q: [&[f32]; 2]) {
    for (value, (first, second)) in values.iter_mut().zip(q[0].iter().zip(q[1])) {
        *value = if second < first { *second } else { *first };
    }
}

/// The smallest `atoms` of each row's `2 M` quantiles, in order: `values [batch, atoms]` of `quantiles [batch, M]`, twice.
fn lower_mixture(values: &mut [f32], quantiles: [&[f32]; 2], pooled: &mut [f32]) {
    let width = pooled.len() / 2;
    let rows = quantiles[0].chunks_exact(width).zip(quantiles[1].chunks_exact(width));
    let atoms = values.len() / rows.len();
    for (values, (first, second)) in values.chunks_exact_mut(atoms).zip(rows) {
        pooled[..width].copy_from_slice(first);
        pooled[width..].copy_from_slice(second);
        pooled.sort_unstable_by(f32::total_cmp);
        values.copy_from_slice(&pooled[..atoms]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::activation::Activation;
    use crate::network::regularizer::Regularization;
    use crate::random::Stream;
    use crate::replay::TransitionSizes;

    #[test]
    fn the_mixture_leaves_out_the_largest_quantiles_of_both() {
        let mut values = [0.0; 4];
        // One row each: 3 quantiles of each critic, of which 1 is dropped each.
        lower_mixture(&mut values, [&[1.0, 5.0, 9.0], &[2.0, 3.0, 4.0]], &mut [0.0; 6]);
        assert_eq!(values, [1.0, 2.0, 3.0, 4.0]);
        let mut values = [0.0; 2];
        lower_values(&mut values, [&[4.0, 1.0], &[3.0, 2.0]]);
        assert_eq!(values, [3.0, 1.0]);
    }

    #[test]
    fn the_climbed_values_derivative_agrees_with_finite_differences() {
        let plain = Regularization::default();
        let normed = Regularization { layer_norm: true, dropout: 0.0 };
        for (regularization, quantiles) in [(plain, 1), (normed, 1), (normed, 5)] {
            let shape = CriticShape {
                sizes: TransitionSizes { observation: 2, privileged: 1, action: 2 },
                hidden: &[16, 16],
                activation: Activation::Tanh,
                regularization,
                quantiles,
                batch_size: 4,
            };
            let mut pair = CriticPair::new(&shape, 0, 3);
            let workers = Workers::new(1);
            let mut stream = Stream::new(1, "climb test");
            let mut input: Vec<f32> = (0..20).map(|_| stream.normal()).collect();
            let (mut gradient, mut ignored) = ([0.0; 8], [0.0; 8]);
            pair.climb(&input, &mut gradient, &workers);
            for (index, expected) in gradient.into_iter().enumerate() {
                let (row, place) = (index / 2, index / 2 * 5 + 3 + index % 2);
                let original = input[place];
                input[place] = original + 1e-2;
                let above = pair.climb(&input, &mut ignored, &workers)[row];
                input[place] = original - 1e-2;
                let below = pair.climb(&input, &mut ignored, &workers)[row];
                input[place] = original;
                let numeric = (above - below) / 2e-2;
                assert!((numeric - expected).abs() < 1e-3, "{quantiles} {index}: {numeric} {expected}");
            }
        }
    }
}
