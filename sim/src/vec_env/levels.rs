//! How hard the ground of each environment is: [`Levels`], which rise and fall with what its own robot walked.
//!
//! A level follows from its own environment's episodes alone, so it moves where that is stepped, and the very next episode
//! meets it.

use crate::curriculum::{Progress, TerrainCourse};
use crate::env::Env;

/// The levels of consecutive environments.
#[derive(Clone, Debug)]
pub(super) struct Levels {
    course: TerrainCourse,
    seed: u64,
    /// Index of the first of them among all.
    first: u64,
    present: Vec<u32>,
}

impl Levels {
    /// Of `count` environments from the `first` on.
    pub(super) fn new(course: TerrainCourse, seed: u64, first: usize, count: usize) -> Self {
        let mut levels = Self { course, seed, first: first as u64, present: vec![0; count] };
        levels.reset();
        levels
    }

    /// Back to where training starts.
    pub(super) fn reset(&mut self) {
        for (environment, level) in (self.first..).zip(&mut self.present) {
            *level = self.course.first(self.seed, environment);
        }
    }

    /// Sets the difficulty of every environment's episodes to come.
    pub(super) fn tell(&self, envs: &mut [Env]) {
        for (env, level) in envs.iter_mut().zip(&self.present) {
            env.set_difficulty(Some(self.course.difficulty(*level)));
        }
    }

    /// Takes an episode into account that has just ended; `index` is the environment's place among these.
    pub(super) fn advance(&mut self, index: usize, env: &mut Env, progress: &Progress) {
        let level = &mut self.present[index];
        let draw = [self.seed, self.first + index as u64, env.episode()];
        *level = self.course.after(*level, progress, draw);
        env.set_difficulty(Some(self.course.difficulty(*level)));
    }

    pub(super) fn levels(&self) -> &[u32] {
        &self.present
    }

    /// Goes on from the levels at the front of those given; the environments bring their difficulties themselves.
    pub(super) fn restore(&mut self, levels: &[u32]) {
        let highest = self.course.levels - 1;
        self.present.iter_mut().zip(levels).for_each(|(level, saved)| *level = (*saved).min(highest));
    }
}
