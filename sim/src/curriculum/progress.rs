//! What an episode showed of what its curriculum asks: [`Progress`].

use super::Course;
use crate::objective::RewardTerm;
use crate::quantity::{Situation, along_heading};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::contract::MAX_COMMANDS;

/// Sums over one episode, or over one step of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Along the first command, where it is a velocity; never more than was commanded.
    walked_m: f64,
    commanded_m: f64,
    /// Of what the terms can earn that say how well commands are tracked: one for each command that grows, from 0 to 1 a step.
    earned: [f64; MAX_COMMANDS],
}

impl Progress {
    /// What one step of `period_s` showed.
    pub(crate) fn of_step(
        course: &Course,
        terms: &[RewardTerm],
        situation: &Situation,
        period_s: f64,
    ) -> Self {
        let mut progress = Self::default();
        if course.terrain.is_some()
            && let [ahead, aside, ..] = *situation.goal
        {
            let goal = [f64::from(ahead), f64::from(aside)];
            let speed = libm::sqrt(goal[0] * goal[0] + goal[1] * goal[1]);
            let velocity = along_heading(&situation.truth.base);
            let along =
                if speed > 0.0 { (velocity[0] * goal[0] + velocity[1] * goal[1]) / speed } else { 0.0 };
            progress.walked_m = period_s * if along < speed { along } else { speed };
            progress.commanded_m = period_s * speed;
        }
        for (earned, command) in progress.earned.iter_mut().zip(&course.commands) {
            *earned = terms[command.reward].shaped(situation);
        }
        progress
    }

    /// Adds what a step showed.
    pub(crate) fn add(&mut self, step: &Self) {
        self.walked_m += step.walked_m;
        self.commanded_m += step.commanded_m;
        self.earned.iter_mut().zip(step.earned).for_each(|(sum, value)| *sum += value);
    }

    /// Of an episode that ended after `steps` of the `longest` that it could have had: what it left out was commanded all the
    /// same, and nothing was earned in it.
    #[must_use]
    pub(crate) fn whole(mut self, steps: usize, longest: usize) -> Self {
        if steps > 0 {
            self.commanded_m *= longest as f64 / steps as f64;
        }
        self.earned.iter_mut().for_each(|earned| *earned /= longest as f64);
        self
    }

    /// Walked and commanded.
    pub(crate) fn distances_m(&self) -> [f64; 2] {
        [self.walked_m, self.commanded_m]
    }

    /// For each command that grows.
    pub(crate) fn earned(&self) -> impl Iterator<Item = f64> {
        self.earned.into_iter()
    }

    #[cfg(test)]
    pub(super) fn of(walked_m: f64, commanded_m: f64, earned: &[f64]) -> Self {
        let mut progress = Self { walked_m, commanded_m, ..Self::default() };
        progress.earned.iter_mut().zip(earned).for_each(|(slot, value)| *slot = *value);
        progress
    }
}
