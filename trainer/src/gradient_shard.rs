//! Gradients of actor and critic over some rows, in shards that threads work on side by side.
//!
//! Every shard has buffers of its own; [`add_up`] adds their gradients in order, so that the sum is the same for any number
//! of threads.

use crate::actor_critic::{ActorCritic, Estimates};
use crate::minibatch::{Rows, shards};
use crate::rollout::Rollout;
use crate::stochastic_actor::{ActorPass, StochasticActor};
use crate::value_function::{ValueFunction, ValuePass};
use std::ops::Range;

/// A shard of a minibatch, with all that differentiating needs.
#[derive(Clone, Debug)]
pub struct Shard {
    /// Of the minibatch.
    span: Range<usize>,
    /// What is learned from.
    pub rows: Rows,
    /// The actor's pass and gradient.
    pub actor: ActorPass,
    /// The critic's.
    pub critic: ValuePass,
    /// Of these rows.
    pub losses: Losses,
}

/// Sums over some rows, scaled to be parts of means over a minibatch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses {
    /// The actor's.
    pub policy: f32,
    /// The critic's.
    pub value: f32,
    /// Divergence from the actor that made the rollout.
    pub kl: f32,
    /// Share of rows whose ratio earned nothing.
    pub clipped: f32,
}

/// The shards of a minibatch of so many sequences, which without memory are rows.
pub fn minibatch(networks: &ActorCritic, sequences: usize) -> Vec<Shard> {
    let steps = networks.shape.sequence_steps();
    let shard = |span: Range<usize>| Shard {
        rows: Rows::new(networks.shape, span.len()),
        actor: networks.actor.pass(steps, span.len()),
        critic: networks.critic.pass(steps, span.len()),
        losses: Losses::default(),
        span,
    };
    shards(sequences, steps).map(shard).collect()
}

/// Adds the shards' gradients to the first's, and their losses up, in order.
pub fn add_up(shards: &mut [Shard]) -> Losses {
    let Some((first, others)) = shards.split_first_mut() else { return Losses::default() };
    let mut losses = first.losses;
    for shard in others {
        add(&mut first.actor.gradient, &shard.actor.gradient);
        add(&mut first.critic.gradient, &shard.critic.gradient);
        losses.add(shard.losses);
    }
    losses
}

impl Shard {
    /// Gathers this shard's rows of the minibatch that begins at the order's sequence `first`.
    pub fn gather(&mut self, rollout: &Rollout, estimates: &Estimates, first: usize) {
        let span = first + self.span.start..first + self.span.end;
        let judged = [&estimates.advantages[..], &estimates.targets[..]];
        self.rows.gather(rollout, judged, &estimates.order, span);
    }

    /// The actor's gradient of a loss that `loss` writes the derivative of by each row's log-probability and returns, with a
    /// price of `by_entropy` for each row's entropy; and the divergence. `scale` is one over the minibatch's rows.
    pub fn differentiate_actor(
        &mut self,
        actor: &StochasticActor,
        behaviour: &[f32],
        [scale, by_divergence, by_entropy]: [f32; 3],
        loss: impl FnOnce(&mut [f32], &[f32], &Rows) -> f32,
    ) {
        let Self { rows, actor: pass, losses, .. } = self;
        actor.evaluate(rows, behaviour, pass);
        losses.kl = scale * pass.divergences.iter().sum::<f32>();
        losses.policy = loss(&mut pass.by_log_prob, &pass.log_probs, rows);
        actor.backward(rows, behaviour, pass, by_divergence, by_entropy);
    }

    /// The critic's gradient of a loss of outputs, old outputs and targets that `loss` writes the derivative of by the first
    /// and returns.
    pub fn differentiate_critic(
        &mut self,
        critic: &ValueFunction,
        loss: impl FnOnce(&mut [f32], &[f32], &Rows) -> f32,
    ) {
        let Self { rows, critic: pass, losses, .. } = self;
        critic.to_outputs(&mut rows.values);
        critic.to_outputs(&mut rows.targets);
        critic.evaluate(rows, pass);
        let (outputs, gradient) = pass.workspace.output_and_gradient_mut();
        rows.excuse(outputs);
        losses.value = loss(gradient, outputs, rows);
        critic.backward(rows, pass);
    }
}

impl Losses {
    /// Of two.
    pub fn add(&mut self, other: Self) {
        self.policy += other.policy;
        self.value += other.value;
        self.kl += other.kl;
        self.clipped += other.clipped;
    }
}

/// `sum += values`.
pub fn add(sum: &mut [f32], values: &[f32]) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += *value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor_critic::Estimation;
    use crate::actor_critic::example::{SHAPE, all_networks, disturb, rollout};
    use crate::algorithm::reinforce::policy_gradient_loss;
    use crate::natural_gradient::surrogate_gain;
    use crate::value_regression::value_loss;

    type PolicyLoss = fn(&mut [f32], &[f32], &Rows, f32) -> f32;

    /// Minus the entropy's price.
    const ENTROPY_PRICE: f32 = 0.3;

    fn both(
        networks: &ActorCritic,
        rollout: &Rollout,
        estimates: &Estimates,
        shards: &mut [Shard],
        loss: PolicyLoss,
    ) -> [f64; 2] {
        let scale = 1.0 / SHAPE.rows() as f32;
        for shard in &mut *shards {
            shard.gather(rollout, estimates, 0);
            let prices = [scale, 0.0, -scale * ENTROPY_PRICE];
            shard.differentiate_actor(
                &networks.actor,
                &rollout.behaviour,
                prices,
                |by_log_prob, log_probs, rows| loss(by_log_prob, log_probs, rows, scale),
            );
            shard.differentiate_critic(&networks.critic, |gradient, values, rows| {
                value_loss(gradient, values, &rows.targets, scale)
            });
        }
        let losses = add_up(shards);
        let rows: f32 = SHAPE.rows() as f32;
        let entropy =
            |shard: &Shard| networks.actor.entropy(shard.actor.outputs()) * shard.rows.count() as f32 / rows;
        let policy = losses.policy - ENTROPY_PRICE * shards.iter().map(entropy).sum::<f32>();
        [f64::from(policy), f64::from(losses.value)]
    }

    #[test]
    fn gradients_of_every_loss_agree_with_finite_differences() {
        let plain: PolicyLoss = |by_log_prob, log_probs, rows, scale| {
            policy_gradient_loss(by_log_prob, log_probs, &rows.advantages, scale)
        };
        let ratio: PolicyLoss = |by_log_prob, log_probs, rows, scale| {
            -surrogate_gain(by_log_prob, [log_probs, &rows.log_probs], &rows.advantages, scale)
        };
        let losses = [plain, ratio, ratio, plain, plain, ratio, ratio, plain];
        for (loss, mut networks) in losses.into_iter().zip(all_networks().into_iter().chain(all_networks())) {
            let rollout = rollout(&mut networks);
            let mut estimates = Estimates::new(networks.shape);
            let estimation =
                Estimation { gamma: 0.9, lambda: 0.9, normalize_advantages: true, normalize_values: true };
            networks.estimate(&rollout, estimation, &mut estimates);
            disturb(&mut networks);
            let mut shards = minibatch(&networks, networks.shape.sequences());
            both(&networks, &rollout, &estimates, &mut shards, loss);
            let gradients = [shards[0].actor.gradient.clone(), shards[0].critic.gradient.clone()];
            let step = 2e-3;
            for (which, gradient) in gradients.iter().enumerate() {
                for index in (0..gradient.len()).step_by(7).chain(gradient.len() - 2..gradient.len()) {
                    let mut at = |offset: f32| {
                        let parameters = match which {
                            0 => networks.actor.parameters_mut(),
                            _ => networks.critic.parameters_mut(),
                        };
                        parameters[index] += offset;
                        both(&networks, &rollout, &estimates, &mut shards, loss)[which]
                    };
                    let (above, below) = (at(step), at(-2.0 * step));
                    at(step);
                    let numeric = (above - below) / (2.0 * f64::from(step));
                    let found = f64::from(gradient[index]);
                    assert!((numeric - found).abs() < 2e-3, "{which} {index}: {numeric} {found}");
                }
            }
        }
    }
}
