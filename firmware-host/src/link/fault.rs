//! Fault injection: a wrapper around any link that loses, doubles, delays, reorders and corrupts frames.
//!
//! It works on whole frames, so a fault is what a network does and not half a message. Time is told to it, so campaigns
//! run in virtual time as well as in real time; the same seed makes the same faults for the same traffic.

use super::{Link, LinkError};
use crate::wire::frame::LARGEST_FRAME;
use rand::Rng;
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::document::{self, DocumentError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Frames that wait at one time; more are lost, as in a network's queue.
const SLOTS: usize = 128;
/// A frame that is reordered waits for so long, µs: the next one overtakes it.
const REORDER_US: u64 = 15_000;

/// What is done to frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Lost.
    Drop,
    /// Passed twice.
    Duplicate,
    /// Passed late by `delay_s`.
    Delay,
    /// Overtaken by the frames behind it.
    Reorder,
    /// One bit changed.
    Corrupt,
}

/// Whose frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Commands.
    ToRobot,
    /// Samples.
    ToHost,
    /// All.
    #[default]
    Both,
}

/// One fault over a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultWindow {
    /// Seconds after the start.
    pub at_s: f64,
    /// Seconds.
    pub duration_s: f64,
    /// What happens.
    pub kind: FaultKind,
    /// To which share of the frames.
    #[serde(default = "always")]
    pub probability: f64,
    /// To whose frames.
    #[serde(default)]
    pub direction: Direction,
    /// For [`FaultKind::Delay`].
    #[serde(default)]
    pub delay_s: f64,
}

fn always() -> f64 {
    1.0
}

/// A campaign: faults over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPlan {
    /// In any order; where windows overlap, each acts.
    #[serde(default)]
    pub faults: Vec<FaultWindow>,
}

impl FaultPlan {
    /// Reads a campaign; `file` stands in errors.
    ///
    /// # Errors
    /// Not TOML, an unknown key, or a value of the wrong type.
    pub fn parse(text: &str, file: &str) -> Result<Self, DocumentError> {
        let plan: Self = document::parse(text, file)?;
        for (index, fault) in plan.faults.iter().enumerate() {
            let usable = fault.at_s >= 0.0 && fault.duration_s > 0.0 && (0.0..=1.0).contains(&fault.probability);
            if !usable || !(fault.delay_s >= 0.0 && fault.delay_s.is_finite()) {
                return Err(DocumentError::Syntax {
                    file: file.to_owned(),
                    line: 1,
                    message: format!(
                        "faults[{index}]: at_s and delay_s must not be negative, duration_s must be positive and \
                         probability within 0 and 1"
                    ),
                });
            }
        }
        Ok(plan)
    }
}

/// What was done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultCounts {
    /// Frames lost.
    pub dropped: u64,
    /// Frames passed twice.
    pub duplicated: u64,
    /// Frames passed late.
    pub delayed: u64,
    /// Frames overtaken.
    pub reordered: u64,
    /// Frames changed.
    pub corrupted: u64,
}

/// Time in µs since the start, shared with whoever knows it.
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

struct Slot {
    due_us: u64,
    order: u64,
    length: usize,
    bytes: [u8; LARGEST_FRAME],
}

/// Frames on their way in one direction.
struct Lane {
    slots: Vec<Slot>,
    order: u64,
}

/// Injects faults into a link; see the [module](self).
pub struct FaultInjector<L> {
    inner: L,
    plan: FaultPlan,
    clock: FaultClock,
    generator: Pcg64Mcg,
    outgoing: Lane,
    incoming: Lane,
    /// Received bytes whose frame is not whole yet.
    partial: Vec<u8>,
    counts: FaultCounts,
}

impl<L: Link> FaultInjector<L> {
    /// Wraps a link at the host's end.
    pub fn new(inner: L, plan: FaultPlan, seed: u64, clock: FaultClock) -> Self {
        let lane = || Lane { slots: Vec::with_capacity(SLOTS), order: 0 };
        Self {
            inner,
            plan,
            clock,
            generator: Pcg64Mcg::new(u128::from(seed) << 64 | 0x5eed),
            outgoing: lane(),
            incoming: lane(),
            partial: Vec::with_capacity(4 * LARGEST_FRAME),
            counts: FaultCounts::default(),
        }
    }

    /// What was done so far.
    pub fn counts(&self) -> FaultCounts {
        self.counts
    }

    /// Puts a frame on its way in one direction, with what the plan does to it.
    fn admit(&mut self, direction: Direction, frame: &[u8]) {
        let now_us = self.clock.now_us();
        let now_s = now_us as f64 * 1e-6;
        let (mut due_us, mut copies, mut flipped_bit) = (now_us, 1, None);
        for fault in &self.plan.faults {
            let concerned = fault.direction == Direction::Both || fault.direction == direction;
            let active = now_s >= fault.at_s && now_s < fault.at_s + fault.duration_s;
            if !concerned || !active {
                continue;
            }
            let drawn = self.generator.next_u64();
            if (drawn >> 11) as f64 * (1.0 / (1_u64 << 53) as f64) >= fault.probability {
                continue;
            }
            match fault.kind {
                FaultKind::Drop => {
                    self.counts.dropped += 1;
                    copies = 0;
                }
                FaultKind::Duplicate => {
                    self.counts.duplicated += 1;
                    copies *= 2;
                }
                FaultKind::Delay => {
                    self.counts.delayed += 1;
                    due_us += (fault.delay_s * 1e6) as u64;
                }
                FaultKind::Reorder => {
                    self.counts.reordered += 1;
                    due_us += REORDER_US;
                }
                FaultKind::Corrupt => {
                    self.counts.corrupted += 1;
                    flipped_bit = Some(self.generator.next_u64());
                }
            }
        }
        let lane = if direction == Direction::ToRobot { &mut self.outgoing } else { &mut self.incoming };
        for _ in 0..copies {
            lane.push(due_us, frame, flipped_bit);
        }
    }

    /// Splits received bytes into frames and admits each.
    fn take_in(&mut self) -> Result<(), LinkError> {
        let mut buffer = [0; 2 * LARGEST_FRAME];
        loop {
            let length = self.inner.receive(&mut buffer)?;
            if length == 0 {
                return Ok(());
            }
            for byte in &buffer[..length] {
                // A stream without zeros is noise; it is passed on in pieces rather than kept forever.
                if self.partial.len() + 1 == LARGEST_FRAME || *byte == 0 {
                    self.partial.push(*byte);
                    let mut frame = [0; LARGEST_FRAME];
                    let count = self.partial.len();
                    frame[..count].copy_from_slice(&self.partial);
                    self.partial.clear();
                    self.admit(Direction::ToHost, &frame[..count]);
                } else {
                    self.partial.push(*byte);
                }
            }
        }
    }
}

impl Lane {
    fn push(&mut self, due_us: u64, frame: &[u8], flipped_bit: Option<u64>) {
        if self.slots.len() == SLOTS || frame.len() > LARGEST_FRAME {
            return;
        }
        let mut bytes = [0; LARGEST_FRAME];
        bytes[..frame.len()].copy_from_slice(frame);
        if let Some(bit) = flipped_bit {
            let position = (bit >> 3) as usize % frame.len().saturating_sub(1).max(1);
            bytes[position] ^= 1 << (bit & 7);
        }
        self.slots.push(Slot { due_us, order: self.order, length: frame.len(), bytes });
        self.order += 1;
    }

    /// The frame that is due first, if any is.
    fn pop(&mut self, now_us: u64) -> Option<Slot> {
        let due = self.slots.iter().enumerate().filter(|(_, slot)| slot.due_us <= now_us);
        let first = due.min_by_key(|(_, slot)| (slot.due_us, slot.order)).map(|(index, _)| index)?;
        Some(self.slots.swap_remove(first))
    }
}

impl<L: Link> Link for FaultInjector<L> {
    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        self.admit(Direction::ToRobot, frame);
        while let Some(slot) = self.outgoing.pop(self.clock.now_us()) {
            self.inner.send(&slot.bytes[..slot.length])?;
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        let now_us = self.clock.now_us();
        while let Some(slot) = self.outgoing.pop(now_us) {
            self.inner.send(&slot.bytes[..slot.length])?;
        }
        self.take_in()?;
        let Some(slot) = self.incoming.pop(now_us) else { return Ok(0) };
        buffer.get_mut(..slot.length).ok_or(LinkError::TooLong)?.copy_from_slice(&slot.bytes[..slot.length]);
        Ok(slot.length)
    }
}

#[cfg(test)]
mod tests {
    use super::super::inproc_pair;
    use super::*;

    /// Sends the frames 1 to 20, one each millisecond from 0, and returns what arrives at the robot by the end.
    fn arrivals(fault: &str) -> (Vec<u8>, FaultCounts) {
        let plan = FaultPlan::parse(fault, "faults.toml").unwrap();
        let (host, mut robot) = inproc_pair();
        let clock = FaultClock::default();
        let mut injector = FaultInjector::new(host, plan, 1, clock.clone());
        let (mut buffer, mut arrived) = ([0; LARGEST_FRAME], Vec::new());
        for number in 1..=60_u8 {
            clock.set_us(u64::from(number) * 1000);
            if number <= 20 {
                injector.send(&[number, 0]).unwrap();
            } else {
                injector.receive(&mut buffer).unwrap();
            }
            while robot.receive(&mut buffer).unwrap() > 0 {
                arrived.push(buffer[0]);
            }
        }
        (arrived, injector.counts())
    }

    fn window(kind: &str, rest: &str) -> String {
        format!("[[faults]]\nat_s = 0.005\nduration_s = 0.003\nkind = \"{kind}\"\n{rest}\n")
    }

    #[test]
    fn each_kind_does_what_it_says_within_its_window() {
        let (dropped, counts) = arrivals(&window("drop", ""));
        assert_eq!((dropped.len(), counts.dropped), (17, 3));
        assert!([5, 6, 7].iter().all(|number| !dropped.contains(number)));
        let (doubled, _) = arrivals(&window("duplicate", ""));
        assert_eq!(doubled[4..10], [5, 5, 6, 6, 7, 7]);
        let (delayed, _) = arrivals(&window("delay", "delay_s = 0.030"));
        assert_eq!(delayed[17..], [5, 6, 7]);
        let (reordered, _) = arrivals(&window("reorder", ""));
        assert_eq!(reordered.len(), 20);
        assert!(reordered.iter().position(|n| *n == 5) > reordered.iter().position(|n| *n == 8));
        let (corrupted, counts) = arrivals(&window("corrupt", ""));
        assert_eq!((corrupted.len(), counts.corrupted), (20, 3));
        assert!(corrupted[4..7] != [5, 6, 7]);
        let (unharmed, counts) = arrivals(&window("drop", "direction = \"to_host\""));
        assert_eq!((unharmed.len(), counts.dropped), (20, 0));
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one() {
        let error = FaultPlan::parse("[[faults]]\nat_s = 1.0\nduratoin_s = 2.0\nkind = \"drop\"\n", "faults.toml");
        let text = error.unwrap_err().to_string();
        assert!(text.starts_with("faults.toml:3: unknown key \"duratoin_s\", did you mean \"duration_s\"?"), "{text}");
    }
}
