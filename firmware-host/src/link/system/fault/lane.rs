//! Frames on their way in one direction, each until it is due.
//!
//! A [`Lane`] has all its memory from the start: frames lie in fixed slots and a heap orders their numbers, so a long delay at
//! a high rate costs a tick a few comparisons rather than a walk over every frame that waits.

use crate::wire::frame::LARGEST_FRAME;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Frames that wait at one time: a second at 1 kHz. More are lost, as in a network's queue.
pub(super) const SLOTS: usize = 1024;

#[derive(Clone, Copy)]
struct Slot {
    bytes: [u8; LARGEST_FRAME],
    length: usize,
}

/// When a frame is due, µs; its place among those due at the same time; its slot.
type Due = (u64, u64, usize);

pub(super) struct Lane {
    slots: Box<[Slot]>,
    /// Slots without a frame.
    free: Vec<usize>,
    due: BinaryHeap<Reverse<Due>>,
    /// A frame that waits to be overtaken: when it is due, and its slot.
    overtaken: Option<(u64, usize)>,
    admitted: u64,
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            slots: vec![Slot { bytes: [0; LARGEST_FRAME], length: 0 }; SLOTS].into_boxed_slice(),
            free: (0..SLOTS).collect(),
            due: BinaryHeap::with_capacity(SLOTS),
            overtaken: None,
            admitted: 0,
        }
    }
}

impl Lane {
    /// Takes a frame that is due at `due_us`, and lets it overtake the one that waits for that; false where it is lost,
    /// because no slot is free or it is longer than any.
    pub(super) fn push(&mut self, due_us: u64, frame: &[u8]) -> bool {
        let Some(slot) = self.store(frame) else { return false };
        self.schedule(due_us, slot);
        if let Some((held_due_us, held)) = self.overtaken.take() {
            self.schedule(held_due_us.max(due_us), held);
        }
        true
    }

    /// Takes a frame that the next one overtakes; false where it is lost.
    pub(super) fn push_overtaken(&mut self, due_us: u64, frame: &[u8]) -> bool {
        if self.overtaken.is_some() {
            // The frame before it waits already, and this is the one that overtakes.
            return self.push(due_us, frame);
        }
        self.overtaken = self.store(frame).map(|slot| (due_us, slot));
        self.overtaken.is_some()
    }

    /// The next frame that is due, if any is.
    pub(super) fn pop(&mut self, now_us: u64) -> Option<&[u8]> {
        let Reverse((due_us, _, _)) = self.due.peek()?;
        if *due_us > now_us {
            return None;
        }
        let Reverse((_, _, slot)) = self.due.pop()?;
        self.free.push(slot);
        self.slots.get(slot).and_then(|slot| slot.bytes.get(..slot.length))
    }

    fn store(&mut self, frame: &[u8]) -> Option<usize> {
        if frame.len() > LARGEST_FRAME {
            return None;
        }
        let slot = self.free.pop()?;
        self.slots[slot].bytes[..frame.len()].copy_from_slice(frame);
        self.slots[slot].length = frame.len();
        Some(slot)
    }

    fn schedule(&mut self, due_us: u64, slot: usize) {
        self.due.push(Reverse((due_us, self.admitted, slot)));
        self.admitted += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(lane: &mut Lane, now_us: u64) -> Vec<u8> {
        let mut found = Vec::new();
        while let Some(frame) = lane.pop(now_us) {
            found.push(frame[0]);
        }
        found
    }

    #[test]
    fn frames_come_out_when_due_and_in_order_among_equals() {
        let mut lane = Lane::default();
        for (due_us, number) in [(20, 1), (10, 2), (10, 3), (30, 4)] {
            assert!(lane.push(due_us, &[number]));
        }
        assert!(drained(&mut lane, 9).is_empty());
        assert_eq!(drained(&mut lane, 20), [2, 3, 1]);
        assert_eq!(drained(&mut lane, 30), [4]);
    }

    #[test]
    fn frames_that_are_all_overtaken_swap_in_pairs() {
        let mut lane = Lane::default();
        for number in 1..=5 {
            assert!(lane.push_overtaken(0, &[number]));
        }
        assert_eq!(drained(&mut lane, 0), [2, 1, 4, 3]);
    }

    #[test]
    fn a_full_lane_loses_the_newest_frame_and_recovers() {
        let mut lane = Lane::default();
        for _ in 0..SLOTS {
            assert!(lane.push(5, &[1]));
        }
        assert!(!lane.push(5, &[2]) && !lane.push_overtaken(5, &[2]));
        assert_eq!(drained(&mut lane, 5).len(), SLOTS);
        assert!(lane.push(5, &[3]) && !lane.push(5, &[0; LARGEST_FRAME + 1]));
        assert_eq!(drained(&mut lane, 5), [3]);
    }
}
