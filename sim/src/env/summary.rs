//! What an episode came to: its sums, and its success judged over a window at its end.

use super::Env;
use crate::objective::Statistic;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an episode came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpisodeSummary {
    /// The environment's episode, from 0.
    pub episode: u64,
    /// Undiscounted sum of rewards.
    pub episode_return: f64,
    /// Steps taken.
    pub steps: u32,
    /// Whether the task ended before time ran out.
    pub terminated: bool,
    /// Whether the simulation broke down; such an episode is no success.
    pub faulted: bool,
    /// Whether it succeeded; absent where the task defines no success, or the episode is too short to judge.
    pub success: Option<bool>,
    /// Named numbers from the true state over the task's success window, such as `position_error_max_m` and
    /// `position_error_rms_m`; empty where the episode ended before the window.
    pub metrics: BTreeMap<String, f64>,
}

/// The success quantity over the last seconds of an episode.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Window {
    count: u32,
    largest: f64,
    squares: f64,
}

impl Env {
    /// What the present episode came to so far.
    pub fn summary(&self) -> EpisodeSummary {
        let mut metrics = BTreeMap::new();
        let mut succeeded = None;
        if let Some(success) = self.task.success() {
            if self.window.count > 0 {
                let (name, unit) = (success.measure.quantity.name(), success.measure.quantity.unit_suffix());
                metrics.insert(format!("{name}_max{unit}"), self.window.value(Statistic::Max));
                metrics.insert(format!("{name}_rms{unit}"), self.window.value(Statistic::Rms));
            }
            if self.window_steps(success.window_s) < self.episode_steps {
                let complete = !self.terminated && self.fault.is_none() && self.step >= self.episode_steps;
                succeeded = Some(complete && self.window.value(success.statistic) < success.limit);
            }
        }
        EpisodeSummary {
            episode: self.episode,
            episode_return: self.episode_return,
            steps: self.step as u32,
            terminated: self.terminated,
            faulted: self.fault.is_some(),
            success: succeeded,
            metrics,
        }
    }

    /// Whether the last step is one of those that success is judged by.
    pub(super) fn is_judged(&self, window_s: f64) -> bool {
        self.step + self.window_steps(window_s) > self.episode_steps
    }

    /// How many of an episode's last steps its success is judged by.
    fn window_steps(&self, window_s: f64) -> usize {
        libm::round(window_s / self.task.policy_period_s()) as usize
    }
}

impl Window {
    pub(super) fn add(&mut self, value: f64) {
        self.count += 1;
        // A height may be negative throughout.
        self.largest = if self.count == 1 || value > self.largest { value } else { self.largest };
        self.squares += value * value;
    }

    fn value(&self, statistic: Statistic) -> f64 {
        match statistic {
            Statistic::Max => self.largest,
            Statistic::Rms => libm::sqrt(self.squares / f64::from(self.count)),
        }
    }
}
