//! Tasks that begin easy: [`Curriculum`], what all environments are asked for at present, and how that grows.
//!
//! After `legged_gym` (Rudin et al., "Learning to Walk in Minutes Using Massively Parallel Deep Reinforcement Learning", 2021):
//! an environment's ground gets harder when its robot walked as far as it was told and easier when it did not, commands
//! widen once they are tracked, and rewards that would keep a beginner from trying anything come in later.
//!
//! | `legged_gym` | here |
//! |---|---|
//! | `_update_terrain_curriculum` | `TerrainCourse`, one level for each environment |
//! | `update_command_curriculum` | `CommandCourse`, one range for all environments |
//! | none; reward scales ramped by hand | `RewardCourse`, one factor for all environments |
//!
//! Deviations: what counts as walked is the way along the command, not the distance from the start, which a robot that is
//! told to turn in circles cannot make; a command's range may narrow again where the file says so; what is shared
//! changes between steps alone and holds for the episodes that begin after it, so that an episode is one task from its
//! beginning to its end and can be run again from its [`Lesson`].

mod course;
mod document;
mod progress;

pub(crate) use course::{CommandCourse, Course, RewardCourse, Span, TerrainCourse};
pub(crate) use document::{
    CommandCourseDocument, CurriculumDocument, RewardCourseDocument, TerrainCourseDocument,
};
pub(crate) use progress::Progress;

use crate::error::SimError;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Ramps of rewards move in this many stages: finer ones would change nothing but how often they are handed out.
const STAGES: f64 = 100.0;

/// What one episode is asked for beyond what its task's file says; nothing where both are empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lesson {
    /// `[low, high]` of every component of every command, one command after the other; those of the file where empty.
    pub commands: Vec<[f32; 2]>,
    /// A factor on every reward term's weight, in the order of the file; 1 where empty.
    pub rewards: Vec<f64>,
}

impl Lesson {
    /// Nothing yet, in room for another.
    pub(crate) fn with_room_for(other: &Self) -> Self {
        let Self { commands, rewards } = other;
        Self { commands: Vec::with_capacity(commands.len()), rewards: Vec::with_capacity(rewards.len()) }
    }

    /// Takes on another of the same task; nothing is allocated.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        let Self { commands, rewards } = other;
        self.commands.clear();
        self.commands.extend_from_slice(commands);
        self.rewards.clear();
        self.rewards.extend_from_slice(rewards);
    }
}

/// The present state of a task's curriculum.
#[derive(Clone, Debug)]
pub struct Curriculum {
    course: Arc<Course>,
    state: CurriculumState,
    lesson: Lesson,
}

/// All of a [`Curriculum`] that its task does not say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct CurriculumState {
    /// Of all environments.
    steps: u64,
    episodes: u64,
    commands: Vec<Tracking>,
}

/// How far one command's range has come, and the episodes since it last moved, of which only the mean is ever asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Tracking {
    /// Outwards from the start.
    moves: u32,
    episodes: u32,
    earned: f64,
}

impl Curriculum {
    /// Of a task, at its beginning.
    pub(crate) fn new(course: Arc<Course>) -> Self {
        let commands = vec![Tracking::default(); course.commands.len()];
        let state = CurriculumState { commands, ..CurriculumState::default() };
        let mut curriculum = Self { lesson: course.first_lesson(), course, state };
        curriculum.refresh();
        curriculum
    }

    /// Goes back to the beginning.
    pub(crate) fn reset(&mut self) {
        self.state.steps = 0;
        self.state.episodes = 0;
        self.state.commands.fill(Tracking::default());
        self.refresh();
    }

    /// What the episodes to come are asked for.
    pub fn lesson(&self) -> &Lesson {
        &self.lesson
    }

    /// Each command's name with its present ranges, `[low, high]` of each component, in the order of the file.
    pub fn commands(&self) -> impl Iterator<Item = (&str, &[[f32; 2]])> {
        self.course.commands.iter().map(|command| {
            let end = command.first + command.start.len();
            (command.label.as_str(), &self.lesson.commands[command.first..end])
        })
    }

    /// Each ramped reward's name with the present factor on its weight, in the order of the file.
    pub fn rewards(&self) -> impl Iterator<Item = (&str, f64)> {
        self.course.rewards.iter().map(|reward| (reward.label.as_str(), self.lesson.rewards[reward.term]))
    }

    /// Counts a step of all environments and the episodes that ended in it; whether the lesson changed.
    pub(crate) fn count(&mut self, environments: usize, episodes: usize) -> bool {
        self.state.steps += environments as u64;
        self.state.episodes += episodes as u64;
        self.ramp()
    }

    /// Takes what an episode earned into account; whether the lesson changed.
    pub(crate) fn record(&mut self, progress: &Progress) -> bool {
        let mut moved = false;
        let courses = self.course.commands.iter().zip(&mut self.state.commands);
        for ((course, tracking), earned) in courses.zip(progress.earned()) {
            tracking.episodes += 1;
            tracking.earned += earned;
            if tracking.episodes >= course.episodes {
                let mean = tracking.earned / f64::from(tracking.episodes);
                let moves = course.moves_after(tracking.moves, mean);
                moved |= moves != tracking.moves;
                *tracking = Tracking { moves, ..Tracking::default() };
            }
        }
        if moved {
            self.widen();
        }
        moved
    }

    pub(crate) fn state(&self) -> CurriculumState {
        self.state.clone()
    }

    /// Goes on from the state of the same task's curriculum.
    pub(crate) fn restore(&mut self, state: &CurriculumState) -> Result<(), SimError> {
        let commands = ("commands of a curriculum", self.state.commands.len(), state.commands.len());
        SimError::check_lengths(&[commands])?;
        self.state.clone_from(state);
        self.refresh();
        Ok(())
    }

    fn refresh(&mut self) {
        self.widen();
        self.ramp();
    }

    fn widen(&mut self) {
        for (course, tracking) in self.course.commands.iter().zip(&self.state.commands) {
            let ranges = &mut self.lesson.commands[course.first..course.first + course.start.len()];
            for (component, range) in ranges.iter_mut().enumerate() {
                *range = course.range(component, tracking.moves);
            }
        }
    }

    fn ramp(&mut self) -> bool {
        let mut changed = false;
        for course in &self.course.rewards {
            let factor = course.factor(self.state.steps, self.state.episodes);
            let present = &mut self.lesson.rewards[course.term];
            changed |= *present != factor;
            *present = factor;
        }
        changed
    }
}
