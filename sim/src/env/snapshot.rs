//! An environment's whole state, from which it goes on bit for bit.

use super::Env;
use super::plant::PlantState;
use super::summary::Window;
use crate::command::Goals;
use crate::curriculum::{Lesson, Progress};
use crate::error::SimError;
use serde::{Deserialize, Serialize};

/// All of an [`Env`] that its task and its place among the environments do not say.
#[derive(Clone, Serialize, Deserialize)]
pub struct EnvState {
    plant: PlantState,
    history_samples: u64,
    history: Vec<f32>,
    last_commands: Vec<f32>,
    episode: u64,
    step: u64,
    /// The last action, which is the previous one of the step to come.
    action: Vec<f32>,
    command: Vec<f32>,
    episode_return: f64,
    terminated: bool,
    window: Window,
    actions_taken: Vec<f32>,
    goals: Goals,
    lesson: Lesson,
    next_lesson: Lesson,
    progress: Progress,
}

impl Env {
    /// The present state.
    pub fn state(&self) -> EnvState {
        let (history_samples, history) = self.builder.history();
        EnvState {
            plant: self.plant.state(),
            history_samples,
            history: history.to_vec(),
            last_commands: self.map.last().collect(),
            episode: self.episode,
            step: self.step as u64,
            action: self.action.clone(),
            command: self.command.clone(),
            episode_return: self.episode_return,
            terminated: self.terminated,
            window: self.window,
            actions_taken: self.actions_taken.clone(),
            goals: self.goals.clone(),
            lesson: self.lesson.clone(),
            next_lesson: self.next_lesson.clone(),
            progress: self.progress,
        }
    }

    /// Goes on from the state of an environment of the same task and level of randomization.
    ///
    /// # Errors
    /// The state of another task. The environment is then unusable until its next reset.
    pub fn restore(&mut self, state: &EnvState) -> Result<(), SimError> {
        SimError::check_lengths(&[
            ("action", self.action.len(), state.action.len()),
            ("actuator command", self.command.len(), state.command.len()),
            ("goals", self.goals.values().len(), state.goals.values().len()),
        ])?;
        self.plant.restore(&state.plant)?;
        let environment = self.environment;
        self.builder
            .restore_history(state.history_samples, &state.history)
            .map_err(|fault| SimError::Observation { environment, fault })?;
        self.map.restore(&state.last_commands).map_err(|fault| SimError::Action { environment, fault })?;
        self.episode = state.episode;
        self.step = state.step as usize;
        self.action.clone_from(&state.action);
        self.previous_action.clone_from(&state.action);
        self.command.clone_from(&state.command);
        self.episode_return = state.episode_return;
        self.terminated = state.terminated;
        self.window = state.window;
        self.actions_taken.clear();
        self.actions_taken.extend_from_slice(&state.actions_taken);
        self.fault = None;
        self.goals.clone_from(&state.goals);
        self.set_lesson(&state.lesson)?;
        self.lesson.copy_from(&state.lesson);
        self.set_lesson(&state.next_lesson)?;
        self.progress = state.progress;
        Ok(())
    }
}
