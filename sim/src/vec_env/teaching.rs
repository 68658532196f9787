//! How the episodes of all environments move the curriculum that they share.
//!
//! As with adaptive ranges, the caller's thread records the episodes that ended in a step in the order of the environments,
//! and what changed holds for the episodes that begin after it.

use super::VecEnv;
use crate::curriculum::{Curriculum, CurriculumState, Lesson};
use crate::error::SimError;

impl VecEnv {
    /// What all environments are asked for at present; absent where the task's file has no curriculum of commands or rewards, at
    /// another level than training, and after [`Self::widen_ranges`].
    pub fn curriculum(&self) -> Option<&Curriculum> {
        self.curriculum.as_ref()
    }

    /// How hard the ground of each environment's episodes to come is, from 0; nothing where no curriculum says it.
    pub fn terrain_levels(&self) -> impl Iterator<Item = u32> {
        self.shards.iter().flatten().flat_map(|shard| shard.levels()).copied()
    }

    /// From now on every episode is asked for what the file says.
    pub(super) fn end_curriculum(&mut self) -> Result<(), SimError> {
        self.shards.iter_mut().flatten().for_each(|shard| shard.forget_levels());
        match self.curriculum.take() {
            Some(_) => self.hand_out_lesson(&Lesson::default()),
            None => Ok(()),
        }
    }

    /// Puts the curriculum back to where training starts.
    pub(super) fn restart_curriculum(&mut self) -> Result<(), SimError> {
        if let Some(curriculum) = &mut self.curriculum {
            curriculum.reset();
        }
        self.hand_out_present_lesson()
    }

    /// Counts the last step and records the episodes that ended in it.
    pub(super) fn teach(&mut self) -> Result<(), SimError> {
        let Some(curriculum) = &mut self.curriculum else { return Ok(()) };
        let ended = self.finished.iter().flatten().filter(|summary| !summary.faulted).count();
        let mut changed = curriculum.count(self.environments, ended);
        let progress = self.shards.iter().flatten().flat_map(|shard| &shard.progress);
        for (summary, progress) in self.finished.iter().zip(progress) {
            // What broke down says nothing about what was asked for.
            if summary.as_ref().is_some_and(|summary| !summary.faulted) {
                changed |= curriculum.record(progress);
            }
        }
        if changed { self.hand_out_present_lesson() } else { Ok(()) }
    }

    /// Goes on from a saved curriculum; `levels` is how many levels were saved beside it.
    pub(super) fn restore_curriculum(
        &mut self,
        saved: Option<&CurriculumState>,
        levels: usize,
    ) -> Result<(), SimError> {
        let own = self.terrain_levels().count();
        SimError::check_lengths(&[("levels of the ground", own, levels)])?;
        match (&mut self.curriculum, saved) {
            (Some(curriculum), Some(saved)) => curriculum.restore(saved),
            (None, None) => Ok(()),
            (_, saved) => {
                let found = if saved.is_some() { "it has" } else { "it has no" };
                Err(SimError::Snapshot { reason: format!("{found} curriculum") })
            }
        }
    }

    fn hand_out_present_lesson(&mut self) -> Result<(), SimError> {
        let Some(curriculum) = self.curriculum.take() else { return Ok(()) };
        let handed = self.hand_out_lesson(curriculum.lesson());
        self.curriculum = Some(curriculum);
        handed
    }

    /// Sets what the episodes to come are asked for in every environment.
    fn hand_out_lesson(&mut self, lesson: &Lesson) -> Result<(), SimError> {
        for (worker, shard) in self.shards.iter_mut().enumerate() {
            shard.as_mut().ok_or(SimError::WorkerLost { worker })?.set_lesson(lesson)?;
        }
        Ok(())
    }
}
