//! The true states of the last physics steps: [`History`], from which delayed and slow sensors read.
//!
//! Sensors read when somebody asks for a sample, each at its own moment in the past, so that nothing is computed for
//! samples that nobody takes. Storage is allocated once, for the longest delay that a task can draw.

use crate::error::SimError;
use crate::truth::Truth;
use serde::{Deserialize, Serialize};

/// A ring of true states, one for each physics step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct History {
    states: Vec<Truth>,
    /// The physics step of the newest state.
    newest: u64,
}

impl History {
    /// Reaches `longest_steps` physics steps back.
    pub(crate) fn new(longest_steps: u32, state: &Truth) -> Self {
        Self { states: vec![state.clone(); longest_steps as usize + 1], newest: 0 }
    }

    /// Starts an episode in a state, as if it had always been so.
    pub(crate) fn reset(&mut self, state: &Truth) {
        self.states.iter_mut().for_each(|slot| slot.copy_from(state));
        self.newest = 0;
    }

    /// Takes the state of the next physics step.
    pub(crate) fn record(&mut self, state: &Truth) {
        self.newest += 1;
        let slot = self.newest as usize % self.states.len();
        self.states[slot].copy_from(state);
    }

    /// The state of a physics step, or of the nearest one that is kept.
    pub(crate) fn at(&self, step: u64) -> &Truth {
        let slots = self.states.len() as u64;
        let oldest = (self.newest + 1).saturating_sub(slots);
        let kept = step.clamp(oldest, self.newest);
        &self.states[(kept % slots) as usize]
    }

    /// Goes on from the history of a robot of the same task.
    pub(crate) fn restore(&mut self, saved: &Self) -> Result<(), SimError> {
        SimError::check_lengths(&[("states of a history", self.states.len(), saved.states.len())])?;
        self.clone_from(saved);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_found_by_their_step_as_far_back_as_asked_for() {
        let at = |height: f64| {
            let mut truth = Truth::default();
            truth.base.position_m[2] = height;
            truth
        };
        let mut history = History::new(3, &at(0.0));
        for step in 1..=20_u32 {
            history.record(&at(step.into()));
            for back in 0..=3 {
                let asked = step.saturating_sub(back);
                assert_eq!(history.at(asked.into()).base.position_m[2], f64::from(asked));
            }
        }
        assert_eq!(history.at(3).base.position_m[2], 17.0);
    }
}
