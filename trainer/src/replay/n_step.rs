//! N-step returns: joins the steps of an episode into transitions that span up to `n` of them.
//!
//! [`NStep`] keeps each environment's last steps until `n` have followed or the episode is over; the transition of step `t` is
//!
//! ```text
//! reward   = r_t + gamma r_{t+1} + … + gamma^{k-1} r_{t+k-1}
//! next     = s_{t+k}
//! discount = gamma^k, or 0 where the task ended at t+k
//! ```
//!
//! with `k = n`, or fewer where the episode ends sooner. Time running out bootstraps from the final observation. A step in
//! which the simulation broke down is no experience: the steps before it bootstrap from the state in which it began.
//! Rewards after the first were earned by the policies of their time and are not corrected for that, as in Rainbow.

use super::{Replay, Transition, TransitionSizes};
use crate::end::End;
use crate::training::StateError;
use serde::{Deserialize, Serialize};

/// One step of one environment.
#[derive(Clone, Copy, Debug)]
pub struct Step<'s> {
    /// What the action was chosen for.
    pub observation: &'s [f32],
    /// What only critics see beside it.
    pub privileged: &'s [f32],
    /// What was done.
    pub action: &'s [f32],
    /// What it earned.
    pub reward: f32,
    /// What it led to, before any reset.
    pub next_observation: &'s [f32],
    /// What only critics see beside that.
    pub next_privileged: &'s [f32],
    /// Whether the episode goes on.
    pub end: End,
}

/// Joins steps of several environments.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NStep {
    gamma: f32,
    environments: Vec<Pending>,
}

/// The steps of one environment that are not yet stored, in rings of `n`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Pending {
    sizes: TransitionSizes,
    observations: Vec<f32>,
    privileged: Vec<f32>,
    actions: Vec<f32>,
    rewards: Vec<f32>,
    /// The oldest.
    first: usize,
    len: usize,
}

impl NStep {
    /// Joins up to `n` steps.
    pub fn new(n: usize, gamma: f32, environments: usize, sizes: TransitionSizes) -> Self {
        Self { gamma, environments: (0..environments).map(|_| Pending::new(n, sizes)).collect() }
    }

    /// Goes on from the steps of another of the same sizes.
    ///
    /// # Errors
    /// It joins the steps of other environments, or other spans.
    pub fn restore(&mut self, saved: Self) -> Result<(), StateError> {
        let sizes = |n_step: &Self| {
            let values = |pending: &Pending| pending.observations.len() + pending.actions.len();
            (n_step.environments.len(), n_step.environments.iter().map(values).sum())
        };
        let (expected, found): ((usize, usize), (usize, usize)) = (sizes(self), sizes(&saved));
        StateError::check_length("environments whose steps are joined", expected.0, found.0)?;
        StateError::check_length("steps that are being joined", expected.1, found.1)?;
        *self = saved;
        Ok(())
    }

    /// Takes in a step, and stores the transitions that it completes.
    pub fn push(&mut self, environment: usize, step: &Step, replay: &mut Replay) {
        let pending = &mut self.environments[environment];
        let full = pending.rewards.len();
        if step.end == End::Faulted {
            while pending.len > 0 {
                pending.store(self.gamma, step.observation, step.privileged, false, replay);
            }
            return;
        }
        pending.append(step);
        let over = step.end != End::None;
        while pending.len == full || (over && pending.len > 0) {
            let terminated = step.end == End::Terminated;
            pending.store(self.gamma, step.next_observation, step.next_privileged, terminated, replay);
        }
    }
}

impl Pending {
    fn new(n: usize, sizes: TransitionSizes) -> Self {
        Self {
            sizes,
            observations: vec![0.0; n * sizes.observation],
            privileged: vec![0.0; n * sizes.privileged],
            actions: vec![0.0; n * sizes.action],
            rewards: vec![0.0; n],
            first: 0,
            len: 0,
        }
    }

    fn append(&mut self, step: &Step) {
        let place = (self.first + self.len) % self.rewards.len();
        let TransitionSizes { observation, privileged, action } = self.sizes;
        self.observations[place * observation..][..observation].copy_from_slice(step.observation);
        self.privileged[place * privileged..][..privileged].copy_from_slice(step.privileged);
        self.actions[place * action..][..action].copy_from_slice(step.action);
        self.rewards[place] = step.reward;
        self.len += 1;
    }

    /// Stores the transition from the oldest step to the state that follows all of them, and forgets that step.
    fn store(
        &mut self,
        gamma: f32,
        next: &[f32],
        next_privileged: &[f32],
        terminated: bool,
        replay: &mut Replay,
    ) {
        let n = self.rewards.len();
        let (mut reward, mut discount) = (0.0, 1.0);
        for offset in 0..self.len {
            reward += discount * self.rewards[(self.first + offset) % n];
            discount *= gamma;
        }
        let TransitionSizes { observation, privileged, action } = self.sizes;
        replay.push(&Transition {
            observation: &self.observations[self.first * observation..][..observation],
            privileged: &self.privileged[self.first * privileged..][..privileged],
            action: &self.actions[self.first * action..][..action],
            reward,
            next_observation: next,
            next_privileged,
            discount: if terminated { 0.0 } else { discount },
        });
        self.first = (self.first + 1) % n;
        self.len -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;
    use crate::replay::Batch;
    use std::collections::BTreeMap;

    const SIZES: TransitionSizes = TransitionSizes { observation: 1, privileged: 1, action: 1 };

    /// Three-step transitions of an episode with rewards 1, 2, 4, 8 from states 0, 1, 2, 3, whose last step ends as said: by
    /// state, the reward, the next state and the discount.
    fn episode(end: End) -> BTreeMap<u32, [f32; 3]> {
        let mut replay = Replay::new(16, SIZES, 0.0);
        let mut n_step = NStep::new(3, 0.5, 2, SIZES);
        for (state, reward) in [1.0, 2.0, 4.0, 8.0].into_iter().enumerate() {
            let (state, next) = ([state as f32], [state as f32 + 1.0]);
            let step = Step {
                observation: &state,
                privileged: &state,
                action: &state,
                reward,
                next_observation: &next,
                next_privileged: &next,
                end: if state[0] == 3.0 { end } else { End::None },
            };
            n_step.push(1, &step, &mut replay);
        }
        let mut batch = Batch::new(200, SIZES);
        replay.sample(&mut Stream::new(1, "n-step test"), 1.0, &mut batch);
        let mut found = BTreeMap::new();
        for row in 0..200 {
            let state = batch.observations[row];
            assert_eq!([batch.actions[row], batch.privileged[row]], [state; 2]);
            assert_eq!(batch.next_privileged[row], batch.next_observations[row]);
            found.insert(
                state as u32,
                [batch.rewards[row], batch.next_observations[row], batch.discounts[row]],
            );
        }
        assert_eq!(found.len(), replay.len());
        found
    }

    #[test]
    fn while_the_episode_goes_on_only_whole_spans_are_stored() {
        // 1 + 2/2 + 4/4, and 2 + 4/2 + 8/4, each with the value after three steps.
        let expected = BTreeMap::from([(0, [3.0, 3.0, 0.125]), (1, [6.0, 4.0, 0.125])]);
        assert_eq!(episode(End::None), expected);
    }

    #[test]
    fn time_running_out_bootstraps_every_span_from_the_final_state() {
        let expected = BTreeMap::from([
            (0, [3.0, 3.0, 0.125]),
            (1, [6.0, 4.0, 0.125]),
            (2, [8.0, 4.0, 0.25]),
            (3, [8.0, 4.0, 0.5]),
        ]);
        assert_eq!(episode(End::Truncated), expected);
    }

    #[test]
    fn nothing_is_bootstrapped_from_where_the_task_ended() {
        let expected = BTreeMap::from([
            (0, [3.0, 3.0, 0.125]),
            (1, [6.0, 4.0, 0.0]),
            (2, [8.0, 4.0, 0.0]),
            (3, [8.0, 4.0, 0.0]),
        ]);
        assert_eq!(episode(End::Terminated), expected);
    }

    #[test]
    fn a_step_that_broke_down_is_no_experience_and_those_before_bootstrap_from_its_start() {
        let expected = BTreeMap::from([(0, [3.0, 3.0, 0.125]), (1, [4.0, 3.0, 0.25]), (2, [4.0, 3.0, 0.5])]);
        assert_eq!(episode(End::Faulted), expected);
    }
}
