//! The transitions of a replay buffer by their number: what a checkpoint saves, and a resumed run takes back.
//!
//! Transitions are numbered from 0 over the whole run, and the ring holds the last ones. A number is never given twice, so
//! whoever saved a number once need not save it again.

use super::Replay;
use crate::training::StateError;
use std::ops::Range;

impl Replay {
    /// Numbers of the transitions that are held.
    pub fn numbers(&self) -> Range<u64> {
        self.pushed - self.len() as u64..self.pushed
    }

    /// Values of one transition.
    pub fn width(&self) -> usize {
        2 * (self.sizes.observation + self.sizes.privileged) + self.sizes.action + 2
    }

    /// A transition's values; its number must be one of [`Self::numbers`].
    pub fn transition(&self, number: u64) -> &[f32] {
        let start = self.slot(number) * self.width();
        &self.rows[start..start + self.width()]
    }

    /// Holds the transitions `numbers` alone, whose values are `rows`, one after the other.
    ///
    /// # Errors
    /// More transitions than it has room for, or values of another width.
    pub fn restore(&mut self, numbers: Range<u64>, rows: &[f32]) -> Result<(), StateError> {
        let held = numbers.end.saturating_sub(numbers.start) as usize;
        let full = numbers.end.min(self.capacity as u64) as usize;
        StateError::check_length("the replay buffer's number of transitions", full, held)?;
        StateError::check_length("the replay buffer", held * self.width(), rows.len())?;
        self.pushed = numbers.end;
        self.head = self.slot(numbers.end);
        self.rows.clear();
        self.rows.resize(rows.len(), 0.0);
        let width = self.width();
        for (number, row) in numbers.zip(rows.chunks_exact(width)) {
            let start = self.slot(number) * width;
            self.rows[start..start + width].copy_from_slice(row);
        }
        Ok(())
    }

    /// Where in the ring a transition lies.
    fn slot(&self, number: u64) -> usize {
        (number % self.capacity as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Batch, Transition, TransitionSizes};
    use super::*;
    use crate::random::Stream;

    const SIZES: TransitionSizes = TransitionSizes { observation: 1, privileged: 0, action: 1 };

    fn push(replay: &mut Replay, value: f32) {
        replay.push(&Transition {
            observation: &[value],
            privileged: &[],
            action: &[-value],
            reward: value,
            next_observation: &[value + 1.0],
            next_privileged: &[],
            discount: 0.9,
        });
    }

    #[test]
    fn a_ring_that_has_wrapped_goes_on_as_if_never_saved() {
        for pushes in [0, 1, 3, 4, 5, 11] {
            let mut original = Replay::new(4, SIZES, 0.0);
            (0..pushes).for_each(|step| push(&mut original, step as f32));
            let numbers = original.numbers();
            let rows: Vec<f32> =
                numbers.clone().flat_map(|number| original.transition(number).to_vec()).collect();
            let mut restored = Replay::new(4, SIZES, 0.0);
            restored.restore(numbers, &rows).unwrap();
            for replay in [&mut original, &mut restored] {
                push(replay, 100.0);
            }
            let drawn = |replay: &Replay| {
                let mut batch = Batch::new(32, SIZES);
                replay.sample(&mut Stream::new(1, "journal test"), 1.0, &mut batch);
                (batch.observations, batch.rewards, replay.numbers())
            };
            assert_eq!(drawn(&original), drawn(&restored), "after {pushes}");
        }
    }

    #[test]
    fn transitions_of_another_number_or_width_are_refused() {
        let mut replay = Replay::new(4, SIZES, 0.0);
        assert!(replay.restore(0..2, &[0.0; 9]).is_err());
        assert!(replay.restore(0..9, &[0.0; 45]).is_err());
        assert!(replay.restore(8..9, &[0.0; 5]).is_err());
    }
}
