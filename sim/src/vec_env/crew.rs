//! The threads that step shards: [`Crew`], the caller's among them.
//!
//! A shard travels to a thread and back through channels, which needs no lock and no unsafe code. Every thread has a queue of
//! its own shards, whose memory its core has seen before, and takes from the others' when that is empty: contacts
//! make some environments several times slower than others. A step of quick environments takes less time than a thread
//! takes to wake, so threads poll for a while before they sleep.

use super::shard::Shard;
use crate::error::SimError;
use crossbeam::channel::{Receiver, Sender, bounded};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;

/// More let threads even out what environments cost; each costs two hand-overs of a tenth of a microsecond.
const SHARDS_PER_THREAD: usize = 4;
/// Polls before a thread sleeps: about a tenth of a millisecond, longer than a small policy takes to answer.
const POLLS_BEFORE_SLEEP: u32 = 2000;
/// Polls after which a thread lets others have its core, should there be fewer cores than threads.
const POLLS_BEFORE_YIELD: u32 = 100;

/// Threads, and the queues through which shards reach them.
pub(super) struct Crew {
    /// One for each thread, the caller's first. Taken on drop, which ends the threads.
    queues: Vec<Sender<Box<Shard>>>,
    waiting: Vec<Receiver<Box<Shard>>>,
    done: Receiver<Stepped>,
    threads: Vec<JoinHandle<()>>,
}

/// What comes back of a shard; nothing of one whose step panicked.
struct Stepped {
    worker: usize,
    shard: Option<Box<Shard>>,
}

/// Into how many shards environments are divided.
pub(super) fn shards(environments: usize, threads: usize) -> usize {
    if threads > 1 { (threads * SHARDS_PER_THREAD).min(environments) } else { 1 }
}

impl Crew {
    /// `threads` in all, for a number of shards.
    pub(super) fn new(threads: usize, shards: usize) -> Result<Self, SimError> {
        let (queues, waiting): (Vec<_>, Vec<_>) = (0..threads).map(|_| bounded(shards)).unzip();
        let (outbox, done) = bounded(shards);
        let start = |worker: usize| {
            let (waiting, outbox) = (waiting.clone(), outbox.clone());
            let builder = std::thread::Builder::new().name(format!("environments-{worker}"));
            let thread = builder.spawn(move || work(worker, &waiting, &outbox));
            thread.map_err(|source| SimError::Spawn { worker, source })
        };
        let threads = (1..threads).map(start).collect::<Result<_, _>>()?;
        Ok(Self { queues, waiting, done, threads })
    }

    /// Takes every shard's actions from those of all environments, and steps it.
    pub(super) fn step(&self, shards: &mut [Option<Box<Shard>>], actions: &[f32]) -> Result<(), SimError> {
        if self.threads.is_empty() {
            return shards.iter_mut().enumerate().try_for_each(|(worker, shard)| {
                let shard = shard.as_mut().ok_or(SimError::WorkerLost { worker })?;
                shard.take_actions(actions);
                shard.step();
                Ok(())
            });
        }
        let away = self.hand_out(shards, actions)?;
        self.bring_in(shards, away)
    }

    /// Sends all shards, the caller's last; returns how many.
    fn hand_out(&self, shards: &mut [Option<Box<Shard>>], actions: &[f32]) -> Result<usize, SimError> {
        let count = shards.len();
        for (index, slot) in shards.iter_mut().enumerate().rev() {
            let worker = index * self.queues.len() / count;
            let lost = SimError::WorkerLost { worker };
            let Some(mut shard) = slot.take() else { return Err(lost) };
            shard.take_actions(actions);
            if self.queues[worker].send(shard).is_err() {
                return Err(lost);
            }
        }
        Ok(count)
    }

    /// Steps what nobody has begun, and waits for the rest.
    fn bring_in(&self, shards: &mut [Option<Box<Shard>>], mut away: usize) -> Result<(), SimError> {
        let mut outcome = Ok(());
        while let Some(shard) = take(0, &self.waiting) {
            away -= 1;
            outcome = outcome.and(put_back(shards, stepped(0, shard)));
        }
        for _ in 0..away {
            let stepped = polled(|| self.done.try_recv().ok()).map_or_else(|| self.done.recv(), Ok);
            // Where nothing can come, every thread is gone.
            let stepped = stepped.map_err(|_| SimError::WorkerLost { worker: 1 })?;
            outcome = outcome.and(put_back(shards, stepped));
        }
        outcome
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.queues.clear();
        for thread in self.threads.drain(..) {
            // A worker's panic has already been reported as a lost worker.
            let _ = thread.join();
        }
    }
}

/// Steps a shard; a panic costs it, and nobody waits for what never comes.
fn stepped(worker: usize, mut shard: Box<Shard>) -> Stepped {
    let finished = catch_unwind(AssertUnwindSafe(|| shard.step())).is_ok();
    Stepped { worker, shard: finished.then_some(shard) }
}

fn put_back(shards: &mut [Option<Box<Shard>>], stepped: Stepped) -> Result<(), SimError> {
    let Stepped { worker, shard } = stepped;
    let shard = shard.ok_or(SimError::WorkerLost { worker })?;
    let index = shard.index;
    shards[index] = Some(shard);
    Ok(())
}

/// What a worker does until its queue is gone.
fn work(worker: usize, waiting: &[Receiver<Box<Shard>>], outbox: &Sender<Stepped>) {
    loop {
        let next = polled(|| take(worker, waiting)).map_or_else(|| waiting[worker].recv(), Ok);
        let Ok(shard) = next else { return };
        if outbox.send(stepped(worker, shard)).is_err() {
            return;
        }
    }
}

/// A shard from a thread's own queue, or else from another's.
fn take(thread: usize, waiting: &[Receiver<Box<Shard>>]) -> Option<Box<Shard>> {
    let (before, from) = waiting.split_at(thread);
    from.iter().chain(before).find_map(|queue| queue.try_recv().ok())
}

/// Asks for something for a while.
fn polled<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    for poll in 1..=POLLS_BEFORE_SLEEP {
        if let Some(found) = ask() {
            return Some(found);
        }
        if poll.is_multiple_of(POLLS_BEFORE_YIELD) {
            std::thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
    None
}
