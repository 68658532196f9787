//! Bytes from an interrupt to the program, in order and without a lock.

use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// Room for what a line brings while a tick runs, many times over; a power of two.
const CAPACITY: usize = 8 * 1024;

/// A queue of bytes. One interrupt pushes, and one program pops.
pub struct Ring {
    bytes: [AtomicU8; CAPACITY],
    /// How many were pushed and how many popped since the start.
    pushed: AtomicU32,
    popped: AtomicU32,
    lost: AtomicU32,
}

impl Ring {
    /// An empty one.
    #[allow(clippy::new_without_default, reason = "a variable of its own is all that it is for")]
    pub const fn new() -> Self {
        Self {
            bytes: [const { AtomicU8::new(0) }; CAPACITY],
            pushed: AtomicU32::new(0),
            popped: AtomicU32::new(0),
            lost: AtomicU32::new(0),
        }
    }

    /// Keeps a byte; one for which there is no room is lost and counted. For the interrupt alone.
    pub fn push(&self, byte: u8) {
        let pushed = self.pushed.load(Ordering::Relaxed);
        let waiting = pushed.wrapping_sub(self.popped.load(Ordering::Acquire));
        match self.bytes.get(pushed as usize % CAPACITY).filter(|_| (waiting as usize) < CAPACITY) {
            Some(place) => {
                place.store(byte, Ordering::Relaxed);
                self.pushed.store(pushed.wrapping_add(1), Ordering::Release);
            }
            None => {
                self.lost.store(self.lost.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
            }
        }
    }

    /// Takes the oldest byte. For the program alone.
    pub fn pop(&self) -> Option<u8> {
        let popped = self.popped.load(Ordering::Relaxed);
        if popped == self.pushed.load(Ordering::Acquire) {
            return None;
        }
        let byte = self.bytes.get(popped as usize % CAPACITY)?.load(Ordering::Relaxed);
        self.popped.store(popped.wrapping_add(1), Ordering::Release);
        Some(byte)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.popped.load(Ordering::Relaxed) == self.pushed.load(Ordering::Acquire)
    }

    /// How many bytes were kept since the start, modulo 2³².
    pub fn pushed(&self) -> u32 {
        self.pushed.load(Ordering::Acquire)
    }

    /// How many found no room.
    pub fn lost(&self) -> u32 {
        self.lost.load(Ordering::Relaxed)
    }
}
