//! Fault injection: a wrapper around any link that loses, doubles, delays, reorders and corrupts frames.
//!
//! [`FaultInjector`] works on whole frames, so a fault is what a network does and not half a message. Time is told to it, so
//! campaigns run in virtual time as well as in real time; the same seed makes the same faults for the same traffic.

mod lane;
mod plan;

pub use plan::{Direction, FaultKind, FaultPlan, FaultPlanError, FaultWindow};

use super::{Link, LinkCounters, LinkError};
use crate::wire::frame::LARGEST_FRAME;
use lane::Lane;
use rand::Rng;
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What was done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultCounts {
    /// Frames lost, those included for which no room was left while others waited.
    pub dropped: u64,
    /// Frames passed twice.
    pub duplicated: u64,
    /// Frames passed late.
    pub delayed: u64,
    /// Frames chosen to change places with the next one.
    pub reordered: u64,
    /// Frames changed.
    pub corrupted: u64,
}

/// Time in µs since the campaign's start, shared with whoever knows it.
#[derive(Clone, Debug, Default)]
pub struct FaultClock(Arc<AtomicU64>);

impl FaultClock {
    /// Sets the time.
    pub fn set_us(&self, now_us: u64) {
        self.0.store(now_us, Ordering::Relaxed);
    }

    fn now_us(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Injects faults into a link. Allocates nothing after construction.
pub struct FaultInjector<L> {
    inner: L,
    plan: FaultPlan,
    clock: FaultClock,
    generator: Pcg64Mcg,
    to_robot: Lane,
    to_host: Lane,
    /// Received bytes whose frame is not whole yet.
    partial: [u8; LARGEST_FRAME],
    partial_length: usize,
    counts: FaultCounts,
}

/// What happens to one frame.
struct Fate {
    due_us: u64,
    copies: u32,
    overtaken: bool,
    /// Decides which bit changes.
    corruption: Option<u64>,
}

impl<L: Link> FaultInjector<L> {
    /// Wraps a link at the host's end.
    pub fn new(inner: L, plan: FaultPlan, seed: u64, clock: FaultClock) -> Self {
        Self {
            inner,
            plan,
            clock,
            generator: Pcg64Mcg::new(u128::from(seed) << 64 | 0x5eed),
            to_robot: Lane::default(),
            to_host: Lane::default(),
            partial: [0; LARGEST_FRAME],
            partial_length: 0,
            counts: FaultCounts::default(),
        }
    }

    /// What was done so far.
    pub fn counts(&self) -> FaultCounts {
        self.counts
    }

    /// Puts a frame on its way in one direction, with what the plan does to it.
    fn admit(&mut self, direction: Direction, frame: &[u8]) {
        let fate = self.fate(direction);
        let mut changed = [0; LARGEST_FRAME];
        let mut frame = frame;
        if let (Some(drawn), Some(copy)) = (fate.corruption, changed.get_mut(..frame.len())) {
            copy.copy_from_slice(frame);
            flip_bit(copy, drawn);
            frame = copy;
        }
        let lane = if direction == Direction::ToRobot { &mut self.to_robot } else { &mut self.to_host };
        for _ in 0..fate.copies {
            let admitted = if fate.overtaken {
                lane.push_overtaken(fate.due_us, frame)
            } else {
                lane.push(fate.due_us, frame)
            };
            self.counts.dropped += u64::from(!admitted);
        }
    }

    /// Draws what happens to the next frame; each window that is open draws for itself.
    fn fate(&mut self, direction: Direction) -> Fate {
        let now_us = self.clock.now_us();
        let now_s = now_us as f64 * 1e-6;
        let mut fate = Fate { due_us: now_us, copies: 1, overtaken: false, corruption: None };
        for window in self.plan.faults.iter().filter(|window| window.concerns(direction, now_s)) {
            if uniform(self.generator.next_u64()) >= window.probability {
                continue;
            }
            let count = match window.kind {
                FaultKind::Drop => {
                    fate.copies = 0;
                    &mut self.counts.dropped
                }
                FaultKind::Duplicate => {
                    fate.copies *= 2;
                    &mut self.counts.duplicated
                }
                FaultKind::Delay => {
                    fate.due_us = fate.due_us.saturating_add((window.delay_s * 1e6) as u64);
                    &mut self.counts.delayed
                }
                FaultKind::Reorder => {
                    fate.overtaken = true;
                    &mut self.counts.reordered
                }
                FaultKind::Corrupt => {
                    fate.corruption = Some(self.generator.next_u64());
                    &mut self.counts.corrupted
                }
            };
            *count += 1;
        }
        fate
    }

    /// Splits received bytes into frames and admits each.
    fn take_in(&mut self) -> Result<(), LinkError> {
        let mut buffer = [0; LARGEST_FRAME];
        loop {
            let length = self.inner.receive(&mut buffer)?;
            if length == 0 {
                return Ok(());
            }
            for byte in &buffer[..length] {
                self.partial[self.partial_length] = *byte;
                self.partial_length += 1;
                // A stream without zeros is noise; it is passed on in pieces rather than kept forever.
                if *byte == 0 || self.partial_length == LARGEST_FRAME {
                    let (frame, length) = (self.partial, self.partial_length);
                    self.partial_length = 0;
                    self.admit(Direction::ToHost, &frame[..length]);
                }
            }
        }
    }

    /// Sends what is due.
    fn forward(&mut self) -> Result<(), LinkError> {
        while let Some(frame) = self.to_robot.pop(self.clock.now_us()) {
            self.inner.send(frame)?;
        }
        Ok(())
    }
}

impl<L: Link> Link for FaultInjector<L> {
    fn begin_tick(&mut self) {
        self.inner.begin_tick();
    }

    fn counters(&self) -> LinkCounters {
        self.inner.counters()
    }

    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        if frame.len() > LARGEST_FRAME {
            return Err(LinkError::TooLong);
        }
        self.admit(Direction::ToRobot, frame);
        self.forward()
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        self.forward()?;
        self.take_in()?;
        let Some(frame) = self.to_host.pop(self.clock.now_us()) else { return Ok(0) };
        buffer.get_mut(..frame.len()).ok_or(LinkError::TooLong)?.copy_from_slice(frame);
        Ok(frame.len())
    }
}

/// 0 to 1, 1 excluded.
fn uniform(drawn: u64) -> f64 {
    (drawn >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// Flips one bit, anywhere but in the zero at the frame's end: what is damaged is the frame, not the one behind it.
fn flip_bit(frame: &mut [u8], drawn: u64) {
    let damageable = frame.len().saturating_sub(1).max(1);
    if let Some(byte) = frame.get_mut((drawn >> 3) as usize % damageable) {
        *byte ^= 1 << (drawn & 7);
    }
}

#[cfg(test)]
mod tests {
    use super::super::inproc_pair;
    use super::*;

    struct Outcome {
        at_robot: Vec<u8>,
        at_host: Vec<u8>,
        counts: FaultCounts,
    }

    /// Sends frames 1 to 20 each way, one each millisecond, and drains both ends each millisecond up to 60.
    fn traffic(plan: &str, seed: u64) -> Outcome {
        let plan = FaultPlan::parse(plan, "faults.toml").unwrap();
        let (host, mut robot) = inproc_pair();
        let clock = FaultClock::default();
        let mut injector = FaultInjector::new(host, plan, seed, clock.clone());
        let (mut buffer, mut at_robot, mut at_host) = ([0; LARGEST_FRAME], Vec::new(), Vec::new());
        for number in 1..=60_u8 {
            clock.set_us(u64::from(number) * 1000);
            if number <= 20 {
                injector.send(&[number, 0]).unwrap();
                robot.send(&[number, 0]).unwrap();
            }
            while injector.receive(&mut buffer).unwrap() > 0 {
                at_host.push(buffer[0]);
            }
            while robot.receive(&mut buffer).unwrap() > 0 {
                at_robot.push(buffer[0]);
            }
        }
        Outcome { at_robot, at_host, counts: injector.counts() }
    }

    /// A fault on the frames 5, 6 and 7.
    fn window(kind: &str, rest: &str) -> String {
        format!("[[faults]]\nat_s = 0.005\nduration_s = 0.003\nkind = \"{kind}\"\n{rest}\n")
    }

    const ALL: [u8; 20] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20];

    #[test]
    fn without_a_fault_every_frame_passes_at_once_and_in_order() {
        let outcome = traffic("", 1);
        assert_eq!((&outcome.at_robot[..], &outcome.at_host[..]), (&ALL[..], &ALL[..]));
        assert_eq!(outcome.counts, FaultCounts::default());
    }

    #[test]
    fn a_drop_loses_the_frames_of_its_window_alone() {
        let outcome = traffic(&window("drop", ""), 1);
        let kept: Vec<u8> = ALL.into_iter().filter(|number| !(5..=7).contains(number)).collect();
        assert_eq!((&outcome.at_robot, &outcome.at_host), (&kept, &kept));
        assert_eq!(outcome.counts, FaultCounts { dropped: 6, ..FaultCounts::default() });
    }

    #[test]
    fn a_duplicate_passes_twice() {
        let outcome = traffic(&window("duplicate", ""), 1);
        assert_eq!(outcome.at_robot[3..11], [4, 5, 5, 6, 6, 7, 7, 8]);
        assert_eq!(outcome.counts.duplicated, 6);
    }

    #[test]
    fn a_delayed_frame_arrives_by_so_much_later() {
        // Frame 5 is due at 5 + 10.5 ms, behind frame 15 and before frame 16.
        let outcome = traffic(&window("delay", "delay_s = 0.0105"), 1);
        assert_eq!(outcome.at_robot[11..], [15, 5, 16, 6, 17, 7, 18, 19, 20]);
        assert_eq!(outcome.counts.delayed, 6);
    }

    #[test]
    fn a_reordered_frame_is_overtaken_by_the_next() {
        let outcome = traffic(&window("reorder", ""), 1);
        assert_eq!(outcome.at_robot[3..9], [4, 6, 5, 8, 7, 9]);
        assert_eq!(outcome.at_host.len(), 20);
    }

    #[test]
    fn a_corrupted_frame_differs_in_one_bit_and_keeps_its_end() {
        let outcome = traffic(&window("corrupt", "direction = \"to_robot\""), 1);
        let flipped: Vec<u32> =
            outcome.at_robot.iter().zip(ALL).map(|(found, sent)| (found ^ sent).count_ones()).collect();
        assert_eq!(flipped, [0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(outcome.counts.corrupted, 3);
    }

    #[test]
    fn a_direction_leaves_the_other_alone() {
        let outcome = traffic(&window("drop", "direction = \"to_host\""), 1);
        assert_eq!((outcome.at_robot.len(), outcome.at_host.len()), (20, 17));
        let outcome = traffic(&window("drop", "direction = \"to_robot\""), 1);
        assert_eq!((outcome.at_robot.len(), outcome.at_host.len()), (17, 20));
    }

    #[test]
    fn the_seed_decides_which_frames_a_probability_takes() {
        let plan = "[[faults]]\nat_s = 0.0\nduration_s = 1.0\nkind = \"drop\"\nprobability = 0.5\n";
        let (first, again, other) = (traffic(plan, 1), traffic(plan, 1), traffic(plan, 2));
        assert_eq!((&first.at_robot, &first.at_host), (&again.at_robot, &again.at_host));
        assert!(first.at_robot != other.at_robot && !first.at_robot.is_empty() && first.at_robot.len() < 20);
    }
}
