//! A delay in whole physics steps: [`DelayLine`] holds vectors of values until they are due.
//!
//! Storage is allocated once, for the longest delay that a task can draw, so that stepping allocates nothing.

use crate::error::SimError;
use serde::{Deserialize, Serialize};

/// Vectors of values on their way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DelayLine<T> {
    /// Slots of `width` values.
    values: Vec<T>,
    /// When each slot is due, in physics steps.
    due: Vec<u64>,
    width: usize,
    head: usize,
    count: usize,
}

impl<T: Copy> DelayLine<T> {
    /// Room for one entry at each physics step of the longest delay.
    pub(crate) fn new(longest_steps: u32, width: usize, filler: T) -> Self {
        let slots = longest_steps as usize + 2;
        Self { values: vec![filler; slots * width], due: vec![0; slots], width, head: 0, count: 0 }
    }

    /// Goes on from a saved line of the same shape.
    pub(crate) fn restore(&mut self, saved: &Self) -> Result<(), SimError> {
        let slots = self.due.len();
        let lengths = [
            ("values on their way", self.values.len(), saved.values.len()),
            ("slots of a delay", slots, saved.due.len()),
            ("values of a delayed entry", self.width, saved.width),
        ];
        SimError::check_lengths(&lengths)?;
        self.values.copy_from_slice(&saved.values);
        self.due.copy_from_slice(&saved.due);
        (self.head, self.count) = (saved.head % slots, saved.count.min(slots));
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.count = 0;
    }

    /// Adds an entry, which never overtakes the newest; one that is due at the same step replaces it.
    pub(crate) fn push(&mut self, due: u64, values: &[T]) {
        let slots = self.due.len();
        let newest = (self.head + self.count + slots - 1) % slots;
        let due = if self.count > 0 && due < self.due[newest] { self.due[newest] } else { due };
        let replaces = self.count > 0 && self.due[newest] == due;
        // Entries are due one step apart at least, so those within the longest delay always find room.
        let slot = if replaces { newest } else { (self.head + self.count) % slots };
        if !replaces {
            self.count = if self.count < slots { self.count + 1 } else { slots };
        }
        self.due[slot] = due;
        self.values[slot * self.width..(slot + 1) * self.width].copy_from_slice(values);
    }

    /// The newest entry that is due at `now`, if any; older ones are dropped.
    pub(crate) fn pop_due(&mut self, now: u64) -> Option<&[T]> {
        let slots = self.due.len();
        let mut arrived = None;
        while self.count > 0 && self.due[self.head] <= now {
            arrived = Some(self.head);
            self.head = (self.head + 1) % slots;
            self.count -= 1;
        }
        arrived.map(|slot| &self.values[slot * self.width..(slot + 1) * self.width])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_arrive_in_order_when_they_are_due() {
        let mut line = DelayLine::new(3, 1, 0);
        for now in 0..20_u64 {
            line.push(now + 3, &[now]);
            let expected = now.checked_sub(3);
            assert_eq!(line.pop_due(now).map(|values| values[0]), expected);
        }
    }

    #[test]
    fn an_entry_with_a_shorter_delay_does_not_overtake() {
        let mut line = DelayLine::new(5, 1, 0);
        line.push(5, &[10]);
        line.push(3, &[11]);
        assert_eq!(line.pop_due(4), None);
        assert_eq!(line.pop_due(5), Some(&[11][..]));
    }

    #[test]
    fn the_newest_of_several_due_entries_wins() {
        let mut line = DelayLine::new(3, 1, 0);
        line.push(1, &[10]);
        line.push(2, &[20]);
        line.push(2, &[21]);
        assert_eq!(line.pop_due(0), None);
        assert_eq!(line.pop_due(5), Some(&[21][..]));
        assert_eq!(line.pop_due(5), None);
    }
}
