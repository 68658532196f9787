//! What a real-time thread must not do after its start, counted: allocations, page faults, involuntary switches.
//!
//! [`CountingAllocator`] is the system's allocator with a counter on each thread. It counts in release builds too, because
//! what is published is what was counted in the program that flies; the price is one addition per allocation. A binary
//! installs it with `#[global_allocator]`; without that, [`count`] stays at zero.

#![allow(unsafe_code, reason = "a global allocator and getrusage cannot be written without")]

use serde::{Deserialize, Serialize};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt;

thread_local! {
    // Constant and without a destructor, so that the first access neither allocates nor registers anything.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counting each call on the calling thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAllocator;

/// How often the calling thread allocated, reallocated and freed since it began.
pub fn count() -> u64 {
    COUNT.get()
}

fn increment() {
    COUNT.set(COUNT.get().wrapping_add(1));
}

// SAFETY: every call goes unchanged to `System`, which keeps the trait's promises; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        increment();
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        increment();
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        increment();
        // SAFETY: as above; `pointer` came from `System`, through this allocator.
        unsafe { System.realloc(pointer, layout, new_size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        increment();
        // SAFETY: as above; `pointer` came from `System`, through this allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// How often the kernel interrupted a thread since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadUsage {
    /// Page faults that needed no disk.
    pub minor_faults: u64,
    /// Page faults that waited for a disk.
    pub major_faults: u64,
    /// Times that the core was taken away.
    pub involuntary_switches: u64,
}

impl fmt::Display for ThreadUsage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { minor_faults, major_faults, involuntary_switches } = self;
        write!(
            formatter,
            "{minor_faults} minor and {major_faults} major page faults, {involuntary_switches} involuntary switches"
        )
    }
}

impl ThreadUsage {
    /// What was added since `earlier`, a reading of the same thread.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            minor_faults: self.minor_faults.saturating_sub(earlier.minor_faults),
            major_faults: self.major_faults.saturating_sub(earlier.major_faults),
            involuntary_switches: self.involuntary_switches.saturating_sub(earlier.involuntary_switches),
        }
    }
}

/// The calling thread's page faults and involuntary switches. One system call; allocates nothing.
pub fn thread_usage() -> ThreadUsage {
    // SAFETY: `rusage` is plain integers, for which zeros are valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is a writable `rusage` that outlives the call. It fails for a bad pointer or an unknown `who` alone;
    // then the zeros stay.
    unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) };
    ThreadUsage {
        minor_faults: usage.ru_minflt as u64,
        major_faults: usage.ru_majflt as u64,
        involuntary_switches: usage.ru_nivcsw as u64,
    }
}
