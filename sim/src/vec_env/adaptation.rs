//! How the episodes of all environments move the adaptive ranges that they draw from.
//!
//! All environments of a step share the same ranges. The caller's thread records the episodes that ended in a step in the
//! order of the environments and hands on what moved before the next step, so the ranges depend on how many environments
//! there are, and not on threads.

use super::VecEnv;
use crate::env::EpisodeSummary;
use crate::error::SimError;
use crate::randomization::{AdaptiveRanges, Performance};

impl VecEnv {
    /// The present adaptive ranges; absent where the task has none, at another level than training, and after
    /// [`Self::widen_ranges`].
    pub fn adaptive_ranges(&self) -> Option<&AdaptiveRanges> {
        self.ranges.as_ref()
    }

    /// Draws the episodes to come from the whole `training` ranges, asks them for all that the file does, and adapts nothing: for
    /// evaluations, whose result must not depend on how far their own ranges and curriculum have come.
    ///
    /// # Errors
    /// A worker was lost in an earlier step.
    pub fn widen_ranges(&mut self) -> Result<(), SimError> {
        if self.ranges.take().is_some() {
            self.hand_out(&[])?;
        }
        self.end_curriculum()
    }

    /// Puts the ranges back to where training starts.
    pub(super) fn restart_ranges(&mut self) -> Result<(), SimError> {
        if let Some(ranges) = &mut self.ranges {
            ranges.reset();
        }
        self.hand_out_present()
    }

    /// Records the episodes that ended in the last step.
    pub(super) fn adapt(&mut self) -> Result<(), SimError> {
        let Some(ranges) = &mut self.ranges else { return Ok(()) };
        let mut moved = false;
        let boundaries = self.shards.iter().flatten().flat_map(|shard| &shard.boundaries);
        for (summary, boundary) in self.finished.iter().zip(boundaries) {
            let (Some(summary), Some(boundary)) = (summary, boundary) else { continue };
            if let Some(performance) = performance(ranges.performance(), summary) {
                moved |= ranges.record(*boundary, performance);
            }
        }
        if moved { self.hand_out_present() } else { Ok(()) }
    }

    fn hand_out_present(&mut self) -> Result<(), SimError> {
        let Some(ranges) = self.ranges.take() else { return Ok(()) };
        let handed = self.hand_out(ranges.present());
        self.ranges = Some(ranges);
        handed
    }

    /// Sets the ranges of the episodes to come in every environment.
    fn hand_out(&mut self, ranges: &[[f64; 2]]) -> Result<(), SimError> {
        for (worker, shard) in self.shards.iter_mut().enumerate() {
            shard.as_mut().ok_or(SimError::WorkerLost { worker })?.set_ranges(ranges)?;
        }
        Ok(())
    }
}

/// What an episode came to. One that broke down is no success, but its return, cut short, says nothing.
fn performance(measure: Performance, summary: &EpisodeSummary) -> Option<f64> {
    match measure {
        Performance::Success => summary.success.map(|success| f64::from(u8::from(success))),
        Performance::Return => (!summary.faulted).then_some(summary.episode_return),
    }
}
