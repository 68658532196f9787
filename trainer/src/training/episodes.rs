//! What the training episodes came to: their returns, and the simulations that broke down.

use serde::{Deserialize, Serialize};
use sinew_sim::{Fault, VecEnv};
use std::collections::VecDeque;

/// Finished episodes over which the training return is averaged.
const RETURN_WINDOW: usize = 20;

/// Counts the episodes of one run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Episodes {
    returns: VecDeque<f64>,
    /// Of the same episodes.
    steps: VecDeque<u32>,
    finished: u64,
    /// Not yet shown to the observer; none are left when a run is saved.
    #[serde(skip)]
    faults: Vec<Fault>,
    fault_count: u64,
}

impl Episodes {
    pub(crate) fn new() -> Self {
        Self {
            returns: VecDeque::with_capacity(RETURN_WINDOW),
            steps: VecDeque::with_capacity(RETURN_WINDOW),
            finished: 0,
            faults: Vec::new(),
            fault_count: 0,
        }
    }

    /// Takes in what ended in the last step.
    pub(crate) fn record(&mut self, environments: &mut VecEnv) {
        self.faults.extend(environments.take_faults());
        for summary in environments.finished().iter().flatten().filter(|summary| !summary.faulted) {
            if self.returns.len() == RETURN_WINDOW {
                self.returns.pop_front();
                self.steps.pop_front();
            }
            self.returns.push_back(summary.episode_return);
            self.steps.push_back(summary.steps);
            self.finished += 1;
        }
    }

    /// Mean return of the last 20 finished episodes; NaN before the first.
    pub(crate) fn return_mean(&self) -> f64 {
        self.returns.iter().sum::<f64>() / self.returns.len() as f64
    }

    /// Mean number of steps of the last 20 finished episodes; NaN before the first.
    pub(crate) fn steps_mean(&self) -> f64 {
        self.steps.iter().copied().map(f64::from).sum::<f64>() / self.steps.len() as f64
    }

    /// Finished episodes.
    pub(crate) fn finished(&self) -> u64 {
        self.finished
    }

    /// Episodes whose simulation broke down.
    pub(crate) fn fault_count(&self) -> u64 {
        self.fault_count
    }

    /// The faults since this was last called, each with its number from 1.
    pub(crate) fn take_faults(&mut self) -> impl Iterator<Item = (u64, Fault)> {
        let first = self.fault_count + 1;
        self.fault_count += self.faults.len() as u64;
        (first..).zip(std::mem::take(&mut self.faults))
    }
}
