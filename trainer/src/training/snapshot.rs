//! A run's whole state at one step: [`Checkpoint`], from which it goes on bit for bit.
//!
//! Equal runs give equal checkpoints, so no time, host, path or number of threads is in them. The transitions of a replay
//! buffer travel beside a checkpoint, since almost all of them were saved with an earlier one.

use super::episodes::Episodes;
use super::identity::RunIdentity;
use super::{EvaluationPoint, Loop, StateError, TrainingError};
use crate::actor::TrainedActor;
use crate::config::TrainingConfig;
use crate::normalizer::Normalizer;
use serde::{Deserialize, Serialize};
use sinew_sim::{Task, VecEnvState};
use std::ops::Range;

/// A run's whole state but for the transitions of its replay buffer.
#[derive(Clone, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Environment steps trained.
    pub steps: u64,
    /// Environment steps that the whole run was meant to have.
    pub total_steps: u64,
    /// The actor as it would be exported: that of the best evaluation so far.
    pub actor: TrainedActor,
    /// Steps and mean return of that evaluation; absent before the first.
    pub best: Option<(u64, f64)>,
    /// The learning curve so far.
    pub curve: Vec<EvaluationPoint>,
    pub(super) identity: RunIdentity,
    pub(super) learning: LoopState,
}

/// Everything of a loop but its replay buffer.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct LoopState {
    pub(super) networks: Vec<(String, Vec<f32>)>,
    pub(super) normalizer: Option<Normalizer>,
    environments: VecEnvState,
    episodes: Episodes,
    /// In the loop's own form.
    rest: Vec<u8>,
}

/// The transitions that a checkpoint's replay buffer held.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedTransitions {
    /// Their numbers, counted over the run.
    pub numbers: Range<u64>,
    /// Their values, one after the other.
    pub rows: Vec<f32>,
}

/// All from which a run goes on.
#[derive(Clone)]
pub struct SavedRun {
    /// Everything else.
    pub checkpoint: Checkpoint,
    /// Of the replay buffer, where the run has one.
    pub transitions: Option<SavedTransitions>,
}

impl Checkpoint {
    /// Whether a run of this task and configuration can go on from it; its length is judged when it does.
    ///
    /// # Errors
    /// What differs, with what the checkpoint was made with.
    pub fn check(&self, task: &Task, config: &TrainingConfig) -> Result<(), TrainingError> {
        self.identity.check(&RunIdentity::new(task, config))
    }
}

impl LoopState {
    pub(super) fn of(learning: &mut dyn Loop) -> Result<Self, StateError> {
        let networks = learning.networks().into_iter();
        Ok(Self {
            networks: networks.map(|network| (network.name, network.parameters.to_vec())).collect(),
            normalizer: learning.normalizer().cloned(),
            environments: learning.environments().state()?,
            episodes: learning.episodes().clone(),
            rest: learning.state()?,
        })
    }

    /// Whether every parameter is finite: what is not would be saved for nothing, and would take a good checkpoint's place.
    pub(super) fn is_finite(&self) -> bool {
        self.networks.iter().all(|(_, parameters)| parameters.iter().all(|value| value.is_finite()))
    }

    pub(super) fn restore(
        &self,
        learning: &mut dyn Loop,
        transitions: Option<&SavedTransitions>,
    ) -> Result<(), StateError> {
        copy_networks(learning, &self.networks)?;
        match (learning.normalizer(), &self.normalizer) {
            (Some(normalizer), Some(saved)) => normalizer.clone_from(saved),
            (None, None) => {}
            (own, _) => return Err(presence("the observation normalizer", own.is_some())),
        }
        match (learning.replay(), transitions) {
            (Some(replay), Some(saved)) => replay.restore(saved.numbers.clone(), &saved.rows)?,
            (None, None) => {}
            (own, _) => return Err(presence("the replay buffer", own.is_some())),
        }
        learning.environments_mut().restore(&self.environments)?;
        learning.episodes().clone_from(&self.episodes);
        learning.restore(&self.rest)
    }
}

/// Puts saved parameters into a loop's networks of the same names and sizes.
pub(super) fn copy_networks(learning: &mut dyn Loop, saved: &[(String, Vec<f32>)]) -> Result<(), StateError> {
    let mut networks = learning.networks();
    let own: Vec<&str> = networks.iter().map(|network| network.name.as_str()).collect();
    let found: Vec<&str> = saved.iter().map(|(name, _)| name.as_str()).collect();
    if own != found {
        let (expected, found) = (own.join(", "), found.join(", "));
        return Err(StateError::Part { what: "the list of networks".to_owned(), expected, found });
    }
    for (network, (name, saved)) in networks.iter_mut().zip(saved) {
        StateError::check_length(format!("network {name:?}"), network.parameters.len(), saved.len())?;
        network.parameters.copy_from_slice(saved);
    }
    Ok(())
}

fn presence(what: &str, own: bool) -> StateError {
    let word = |present: bool| if present { "present" } else { "absent" }.to_owned();
    StateError::Part { what: what.to_owned(), expected: word(own), found: word(!own) }
}
