//! Fits the critic to a rollout's targets on its own: for algorithms whose actor takes one large step for each rollout.

use crate::actor_critic::{ActorCritic, Estimates};
use crate::gradient_shard::{Shard, add_up, minibatch};
use crate::parallel::Workers;
use crate::random::Stream;
use crate::rollout::Rollout;

/// Gradients of the critic longer than this are shortened to it.
const LARGEST_GRADIENT_NORM: f32 = 1.0;

/// How the critic is fitted.
#[derive(Clone, Copy, Debug)]
pub struct Regression {
    /// Passes over the rollout.
    pub epochs: usize,
    /// Steps in one pass.
    pub minibatches: usize,
    /// Adam's step size.
    pub learning_rate: f32,
}

/// The critic's own minibatches.
#[derive(Clone, Debug)]
pub struct ValueRegression {
    regression: Regression,
    /// Sequences of a minibatch, which without memory are rows.
    sequences: usize,
    /// Their rows.
    rows: usize,
    shards: Vec<Shard>,
    shuffling: Stream,
}

/// `1/2 Σ scale (V - R)²`; writes its derivative by V, `scale (V - R)`. All `[rows]`.
pub fn value_loss(gradient: &mut [f32], values: &[f32], targets: &[f32], scale: f32) -> f32 {
    let mut loss = 0.0;
    for ((gradient, value), target) in gradient.iter_mut().zip(values).zip(targets) {
        let error = value - target;
        loss += 0.5 * scale * error * error;
        *gradient = scale * error;
    }
    loss
}

impl ValueRegression {
    /// Buffers for fitting.
    pub fn new(regression: Regression, networks: &ActorCritic, seed: u64) -> Self {
        let sequences = (networks.shape.sequences() / regression.minibatches).max(1);
        let shuffling = Stream::new(seed, "critic's minibatches");
        let rows = sequences * networks.shape.sequence_steps();
        Self { regression, sequences, rows, shards: minibatch(networks, sequences), shuffling }
    }

    /// The order in which rows were shuffled so far, for a checkpoint.
    pub fn shuffling(&self) -> &Stream {
        &self.shuffling
    }

    /// Goes on shuffling from a checkpoint.
    pub fn restore_shuffling(&mut self, shuffling: Stream) {
        self.shuffling = shuffling;
    }

    /// Fits the critic to the targets, shuffling the order of rows, and returns the mean loss of the last epoch.
    pub fn fit(
        &mut self,
        networks: &mut ActorCritic,
        rollout: &Rollout,
        estimates: &mut Estimates,
        rate_scale: f32,
        workers: &Workers,
    ) -> f32 {
        let Regression { epochs, minibatches, learning_rate } = self.regression;
        let scale = 1.0 / self.rows as f32;
        let mut loss = 0.0;
        for _ in 0..epochs {
            estimates.order.shuffle(&mut self.shuffling);
            loss = 0.0;
            for minibatch in 0..minibatches {
                let (critic, first) = (&networks.critic, minibatch * self.sequences);
                workers.for_each(&mut self.shards, |shard| {
                    shard.gather(rollout, estimates, first);
                    shard.differentiate_critic(critic, |gradient, values, rows| {
                        value_loss(gradient, values, &rows.targets, scale)
                    });
                });
                loss += add_up(&mut self.shards).value / minibatches as f32;
                let Some(shard) = self.shards.first_mut() else { break };
                let gradient = &mut shard.critic.gradient;
                networks.critic.step(gradient, LARGEST_GRADIENT_NORM, rate_scale * learning_rate);
            }
        }
        loss
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_loss_agrees_with_a_hand_computed_case() {
        let mut gradient = [0.0; 2];
        assert_eq!(value_loss(&mut gradient, &[1.0, 4.0], &[3.0, 3.0], 0.5), 1.25);
        assert_eq!(gradient, [-1.0, 0.5]);
    }
}
