//! What every on-policy learner is made of: an actor, a critic, and the buffers with which they act on a step of all
//! environments and judge a whole rollout.

use crate::action_space::ActionSpace;
use crate::advantage::{explained_variance, generalized_advantage, normalize, value_targets};
use crate::minibatch::{Order, join};
use crate::network::sequence::SequenceWorkspace;
use crate::normalizer::Rescaling;
use crate::random::Stream;
use crate::rollout::{Rollout, RolloutShape};
use crate::stochastic_actor::{ActorShape, Choice, StochasticActor};
use crate::training::StateError;
use crate::value_function::ValueFunction;

/// An actor and a critic that share nothing but the layout of their hidden layers.
#[derive(Clone, Debug)]
pub struct ActorCritic {
    /// How large rollouts are.
    pub shape: RolloutShape,
    /// Chooses.
    pub actor: StochasticActor,
    /// Judges.
    pub critic: ValueFunction,
    acting: SequenceWorkspace,
    valuing: SequenceWorkspace,
    /// What actor and critic remember, `[environments, memory]`.
    states: [Vec<f32>; 2],
    /// Observations and privileged values side by side, `[environments, observation + privileged]`.
    joined: Vec<f32>,
}

/// How much better than expected each row turned out, and what the critic should have said; both `[rows]`.
#[derive(Clone, Debug)]
pub struct Estimates {
    /// Which rows are experience.
    pub order: Order,
    /// `[rows]`.
    pub advantages: Vec<f32>,
    /// `[rows]`.
    pub targets: Vec<f32>,
    /// Share of the targets' variance that the critic explained.
    pub explained_variance: f32,
}

/// How advantages are made.
#[derive(Clone, Copy, Debug)]
pub struct Estimation {
    /// Discount per step.
    pub gamma: f32,
    /// How far advantages look before they trust the critic.
    pub lambda: f32,
    /// Whether advantages are shifted and scaled to mean 0 and deviation 1.
    pub normalize_advantages: bool,
    /// Whether the critic learns values with mean 0 and deviation 1.
    pub normalize_values: bool,
}

impl ActorCritic {
    /// Fresh networks; the same seed gives the same ones.
    pub fn new(actor: &ActorShape<'_>, shape: RolloutShape, space: &ActionSpace, seed: u64) -> Self {
        let (hidden, activation) = (actor.hidden, actor.activation);
        let mut stream = Stream::new(seed, "actor");
        let actor = StochasticActor::new(actor, shape, space, &mut stream);
        let mut stream = Stream::new(seed, "critic");
        let critic =
            ValueFunction::new([shape.critic_size(), shape.memory_size()], hidden, activation, &mut stream);
        Self {
            shape,
            acting: actor.workspace(shape.environments),
            valuing: critic.workspace(shape.environments),
            states: [0, 1].map(|_| vec![0.0; shape.environments * shape.memory_size()]),
            joined: vec![0.0; shape.environments * shape.critic_size()],
            actor,
            critic,
        }
    }

    /// What actor and critic remember, `[environments, memory]`.
    pub fn states(&self) -> [&[f32]; 2] {
        self.states.each_ref().map(Vec::as_slice)
    }

    /// Makes what the last [`Self::act`] and [`Self::values`] left in memory what is remembered. Values of states that are only
    /// looked at, such as an episode's last, are not followed by it.
    pub fn remember(&mut self) {
        for (states, workspace) in self.states.iter_mut().zip([&self.acting, &self.valuing]) {
            states.copy_from_slice(workspace.last_states());
        }
    }

    /// An environment's episode is over: nothing of it is remembered.
    pub fn forget(&mut self, environment: usize) {
        let size = self.shape.memory_size();
        for states in &mut self.states {
            states[environment * size..(environment + 1) * size].fill(0.0);
        }
    }

    /// Goes on with what was remembered.
    ///
    /// # Errors
    /// Memories of another size.
    pub fn restore_states(&mut self, saved: [Vec<f32>; 2]) -> Result<(), StateError> {
        for (states, saved) in self.states.iter_mut().zip(saved) {
            StateError::check_length("what actor and critic remember", states.len(), saved.len())?;
            *states = saved;
        }
        Ok(())
    }

    /// Draws choices for `observations [environments, observation]`, normalized.
    pub fn act(&mut self, observations: &[f32], noise: &mut Stream, choice: &mut Choice<'_>) {
        self.actor.act(observations, &self.states[0], &mut self.acting, noise, choice);
    }

    /// What `observations [environments, observation]` with `privileged [environments, privileged]` are worth, `[environments]`.
    pub fn values(&mut self, observations: &[f32], privileged: &[f32], values: &mut [f32]) {
        if self.shape.privileged_size == 0 {
            self.critic.values(observations, &self.states[1], &mut self.valuing, values);
            return;
        }
        let observations = observations.chunks_exact(self.shape.observation_size);
        let rows = observations.zip(privileged.chunks_exact(self.shape.privileged_size));
        let joined = self.joined.chunks_exact_mut(self.shape.critic_size());
        for (joined, (observation, privileged)) in joined.zip(rows) {
            join(joined, observation, privileged);
        }
        self.critic.values(&self.joined, &self.states[1], &mut self.valuing, values);
    }

    /// Acts and values as others of the same shape do, with a memory of its own.
    pub fn follow(&mut self, others: &Self) {
        self.actor.parameters_mut().copy_from_slice(others.actor.parameters());
        self.critic.follow(&others.critic);
    }

    /// Keeps acting and valuing alike while the normalization of what actor and critic see changes.
    pub fn absorb(&mut self, observations: &Rescaling, privileged: &Rescaling) {
        self.actor.absorb(observations);
        self.critic.absorb(0, observations);
        self.critic.absorb(self.shape.observation_size, privileged);
    }

    /// Judges a rollout.
    pub fn estimate(&mut self, rollout: &Rollout, estimation: Estimation, estimates: &mut Estimates) {
        let Estimation { gamma, lambda, normalize_advantages, normalize_values } = estimation;
        let Estimates { order, advantages, targets, .. } = estimates;
        order.take(rollout);
        generalized_advantage(advantages, rollout, gamma, lambda);
        value_targets(targets, advantages, &rollout.values);
        estimates.explained_variance = explained_variance(&rollout.values, targets, order.rows());
        if normalize_values {
            self.critic.rescale(targets, order.rows());
        }
        if normalize_advantages {
            normalize(advantages, order.rows());
        }
    }
}

impl Estimates {
    /// Room for a rollout's.
    pub fn new(shape: RolloutShape) -> Self {
        Self {
            order: Order::new(shape),
            advantages: vec![0.0; shape.rows()],
            targets: vec![0.0; shape.rows()],
            explained_variance: 0.0,
        }
    }
}

/// A small rollout for tests of what learns from one.
#[cfg(test)]
pub(crate) mod example {
    use super::*;
    use crate::end::End;
    use crate::rollout::MemoryShape;

    pub(crate) const SHAPE: RolloutShape = RolloutShape {
        steps: 150,
        environments: 4,
        observation_size: 3,
        privileged_size: 2,
        sample_size: 2,
        output_size: 2,
        memory: None,
    };

    pub(crate) const MEMORY: MemoryShape = MemoryShape { size: 5, sequence_steps: 6 };

    /// Fresh networks for both action spaces, without memory and with: for tests that hold for all.
    pub(crate) fn all_networks() -> Vec<ActorCritic> {
        let table = vec![vec![-1.0, 0.5], vec![0.0, 0.0], vec![1.0, -0.5]];
        let spaces = [ActionSpace::Continuous(2), ActionSpace::Discrete(table)];
        let both = |space| [None, Some(MEMORY)].map(|memory| networks(&space, memory));
        spaces.into_iter().flat_map(both).collect()
    }

    /// Fresh networks for a rollout of choices in a space.
    fn networks(space: &ActionSpace, memory: Option<MemoryShape>) -> ActorCritic {
        let (sample_size, output_size) = (space.choice_size(), space.output_size());
        let rollouts = RolloutShape { sample_size, output_size, memory, ..SHAPE };
        let shape = ActorShape {
            hidden: &[8, 8],
            activation: crate::network::activation::Activation::Tanh,
            initial_deviation: 0.8,
            deviation_bounds: [0.01, 2.0],
        };
        ActorCritic::new(&shape, rollouts, space, 9)
    }

    /// Through random observations, with every kind of end.
    pub(crate) fn rollout(networks: &mut ActorCritic) -> Rollout {
        let mut stream = Stream::new(4, "rollout test");
        let mut rollout = Rollout::new(networks.shape);
        rollout.begin(networks.actor.own());
        let RolloutShape { sample_size, output_size, .. } = networks.shape;
        stream.fill_normal(&mut rollout.observations);
        stream.fill_normal(&mut rollout.privileged);
        stream.fill_normal(&mut rollout.rewards);
        stream.fill_normal(&mut rollout.final_values);
        let mut actions = [0.0; 8];
        for step in 0..SHAPE.steps {
            let rows = 4 * step..4 * (step + 1);
            rollout.keep_states(step, networks.states());
            let observations = &rollout.observations[3 * rows.start..3 * rows.end];
            let mut choice = Choice {
                samples: &mut rollout.samples[sample_size * rows.start..sample_size * rows.end],
                outputs: &mut rollout.outputs[output_size * rows.start..output_size * rows.end],
                log_probs: &mut rollout.log_probs[rows.clone()],
                actions: &mut actions,
            };
            networks.act(observations, &mut stream, &mut choice);
            let privileged = &rollout.privileged[2 * rows.start..2 * rows.end];
            networks.values(observations, privileged, &mut rollout.values[rows.clone()]);
            networks.remember();
            for row in rows.filter(|row| row % 37 == 5) {
                rollout.ends[row] = [End::Terminated, End::Truncated, End::Faulted][row % 3];
                networks.forget(row % 4);
            }
        }
        rollout
    }

    /// Moves the actor away from where the rollout was made, so that ratios and divergences count.
    pub(crate) fn disturb(networks: &mut ActorCritic) {
        let mut stream = Stream::new(8, "disturbance");
        for value in networks.actor.parameters_mut() {
            *value += 0.1 * stream.normal();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::example::{all_networks, rollout};
    use crate::actor_critic::{Estimates, Estimation};
    use crate::gradient_shard::minibatch;

    #[test]
    fn what_is_learned_from_gives_the_outputs_that_were_acted_on() {
        for mut networks in all_networks() {
            let rollout = rollout(&mut networks);
            let mut estimates = Estimates::new(networks.shape);
            let estimation =
                Estimation { gamma: 0.9, lambda: 0.9, normalize_advantages: true, normalize_values: false };
            networks.estimate(&rollout, estimation, &mut estimates);
            let mut shards = minibatch(&networks, networks.shape.sequences());
            assert!(shards.len() > 1);
            for shard in &mut shards {
                shard.gather(&rollout, &estimates, 0);
                networks.actor.evaluate(&shard.rows, &rollout.behaviour, &mut shard.actor);
                networks.critic.evaluate(&shard.rows, &mut shard.critic);
                let pairs = [
                    (shard.actor.outputs(), &shard.rows.outputs),
                    (&shard.actor.log_probs, &shard.rows.log_probs),
                    (shard.critic.workspace.output(), &shard.rows.values),
                ];
                for (found, expected) in
                    pairs.iter().flat_map(|(found, expected)| found.iter().zip(*expected))
                {
                    assert!((found - expected).abs() < 1e-5, "{:?}: {found} {expected}", networks.shape);
                }
            }
        }
    }
}
