//! Runs independent pieces of an update on a fixed set of threads, with the same results for any number of them.
//!
//! [`Workers::for_each`] gives every item to exactly one thread and returns when all are done. Items never share
//! mutable state, so neither the number of threads nor their timing can change a bit. An update takes tens of
//! microseconds, less than a thread takes to wake: workers therefore spin for a while before they sleep.

#![allow(
    unsafe_code,
    reason = "a borrowed closure is lent to threads that outlive the borrow's scope in the type system"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Polls before a worker sleeps: about a millisecond, many times the gap between two calls during training.
const SPINS_BEFORE_SLEEP: u32 = 100_000;

/// What one thread does: it is told its number.
type Job = &'static (dyn Fn(usize) + Sync);

/// A fixed set of threads, the caller's among them.
pub struct Workers {
    shared: Arc<Shared>,
    handles: Vec<JoinHandle<()>>,
}

struct Shared {
    job: Mutex<Option<Job>>,
    /// Grows by one with each job.
    epoch: AtomicUsize,
    /// Workers that have not finished the job.
    running: AtomicUsize,
    panicked: AtomicBool,
    stop: AtomicBool,
    asleep: Vec<AtomicBool>,
}

impl Workers {
    /// `threads` in all; 0 counts as 1.
    pub fn new(threads: usize) -> Self {
        let extra = threads.saturating_sub(1);
        let shared = Arc::new(Shared {
            job: Mutex::new(None),
            epoch: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            asleep: (0..extra).map(|_| AtomicBool::new(false)).collect(),
        });
        let spawn = |number: usize| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.work(number))
        };
        let handles = (0..extra).map(spawn).collect();
        Self { shared, handles }
    }

    /// Calls `work` once for each item, spread over the threads, and returns when all calls have.
    ///
    /// # Panics
    /// If `work` panics on any thread.
    pub fn for_each<T: Send>(&self, items: &mut [T], work: impl Fn(&mut T) + Sync) {
        let threads = self.handles.len() + 1;
        if threads == 1 || items.len() < 2 {
            items.iter_mut().for_each(work);
            return;
        }
        let items = ItemsPointer(items.as_mut_ptr(), items.len());
        self.run(&|thread| {
            let items = &items;
            for index in (thread..items.1).step_by(threads) {
                // SAFETY: `index` is in bounds, and the stride by thread number gives each item to one thread alone. The
                // borrow of the slice outlives `run`, which returns only after every thread has finished.
                work(unsafe { &mut *items.0.add(index) });
            }
        });
    }

    /// Calls both side by side, or one after the other on a single thread, and returns when both have.
    ///
    /// # Panics
    /// If either does.
    pub fn both<'s>(&self, first: &'s mut (dyn FnMut() + Send), second: &'s mut (dyn FnMut() + Send)) {
        self.for_each(&mut [first, second], |piece| piece());
    }

    fn run(&self, job: &(dyn Fn(usize) + Sync)) {
        // SAFETY: the reference is used by workers only between the store below and the moment `running` falls to 0, for
        // which this function waits before it returns, panicking or not.
        let job: Job = unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync), Job>(job) };
        let shared = &*self.shared;
        *shared.job.lock().unwrap_or_else(PoisonError::into_inner) = Some(job);
        shared.running.store(self.handles.len(), Ordering::SeqCst);
        shared.epoch.fetch_add(1, Ordering::SeqCst);
        for (handle, asleep) in self.handles.iter().zip(&shared.asleep) {
            if asleep.load(Ordering::SeqCst) {
                handle.thread().unpark();
            }
        }
        let own = catch_unwind(AssertUnwindSafe(|| job(self.handles.len())));
        let mut spins = 0_u32;
        while shared.running.load(Ordering::SeqCst) > 0 {
            // On a machine with fewer cores than threads, the worker needs this one.
            spins = spins.wrapping_add(1);
            if spins.is_multiple_of(1000) { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
        if let Err(payload) = own {
            std::panic::resume_unwind(payload);
        }
        assert!(!shared.panicked.load(Ordering::SeqCst), "a worker thread panicked");
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for handle in self.handles.drain(..) {
            handle.thread().unpark();
            // A worker's panic has been reported where the work was asked for.
            let _ = handle.join();
        }
    }
}

impl Shared {
    fn work(&self, number: usize) {
        let mut seen = 0;
        while self.await_job(number, seen) {
            seen += 1;
            let job = *self.job.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(job) = job
                && catch_unwind(AssertUnwindSafe(|| job(number))).is_err()
            {
                self.panicked.store(true, Ordering::SeqCst);
            }
            self.running.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Waits for a job newer than `seen`; false when the threads are to end.
    fn await_job(&self, number: usize, seen: usize) -> bool {
        let mut spins = 0;
        loop {
            if self.stop.load(Ordering::SeqCst) {
                return false;
            }
            if self.epoch.load(Ordering::SeqCst) != seen {
                return true;
            }
            if spins < SPINS_BEFORE_SLEEP {
                spins += 1;
                std::hint::spin_loop();
                continue;
            }
            self.asleep[number].store(true, Ordering::SeqCst);
            // Checked again after the announcement, so that a job posted in between is not slept through.
            if self.epoch.load(Ordering::SeqCst) == seen && !self.stop.load(Ordering::SeqCst) {
                std::thread::park();
            }
            self.asleep[number].store(false, Ordering::SeqCst);
            spins = 0;
        }
    }
}

/// A slice's address and length, for threads that each take other items of it.
struct ItemsPointer<T>(*mut T, usize);

// SAFETY: items are `Send`, and no two threads are given the same one.
unsafe impl<T: Send> Sync for ItemsPointer<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_visited_once_by_any_number_of_threads() {
        for threads in 1..5 {
            let workers = Workers::new(threads);
            let mut items = [0_u32; 7];
            for _ in 0..1000 {
                workers.for_each(&mut items, |item| *item += 1);
            }
            assert_eq!(items, [1000; 7]);
        }
    }

    #[test]
    fn both_sides_are_done_and_a_panic_of_either_surfaces() {
        for threads in [1, 2] {
            let (mut collected, mut learned) = (Ok(()), false);
            Workers::new(threads).both(&mut || collected = Err(7), &mut || learned = true);
            assert!(collected == Err(7) && learned);
            let panics = |side: [bool; 2]| {
                let [mut first, mut second] = side.map(|panics| move || assert!(!panics));
                let run = || Workers::new(threads).both(&mut first, &mut second);
                catch_unwind(AssertUnwindSafe(run)).is_err()
            };
            assert_eq!([[true, false], [false, true], [false; 2]].map(panics), [true, true, false]);
        }
    }

    #[test]
    fn a_panic_in_the_work_reaches_the_caller_and_ends_the_threads() {
        let workers = Workers::new(2);
        let mut items = [0, 1];
        let result = catch_unwind(AssertUnwindSafe(|| {
            workers.for_each(&mut items, |item| assert!(*item != 0, "item 0"));
        }));
        assert!(result.is_err());
    }
}
