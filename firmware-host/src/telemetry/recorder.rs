//! The real-time thread's side of a log.
//!
//! A [`Recorder`] runs the host's ticks and copies what they receive, decide and send into the queue. It allocates nothing
//! and never waits in real time. Once a record does not fit, everything is dropped until half of the queue is free; then
//! a gap with the count and a keyframe come first, so that whatever follows a gap can be replayed.

use super::event::{Bytes, Event, Timing};
use super::queue::{LENGTH_BYTES, Sender};
use super::start::LogClock;
use crate::host::Host;
use crate::link::{Link, LinkCounters, LinkError};
use sinew_policy_runtime::supervisor::{Request, Transition};
use std::time::Duration;

/// Between two keyframes, µs.
const KEYFRAME_PERIOD_US: u64 = 1_000_000;
/// Of a record beside a keyframe's memory: a frame of the largest size, or a tick with every sensor and actuator.
const LARGEST_RECORD_BYTES: usize = 4096;
/// How long virtual time waits for the writer before it looks again.
const WAIT: Duration = Duration::from_micros(200);

/// Runs a host's ticks, and logs them where there is a log; see the [module](super).
pub struct Recorder {
    recording: Option<Recording>,
}

struct Recording {
    sender: Sender,
    clock: LogClock,
    origin_ns: Option<u64>,
    record: Box<[u8]>,
    memory: Box<[u8]>,
    tick: u64,
    time_us: u64,
    next_keyframe_us: u64,
    gap: Option<Gap>,
}

#[derive(Clone, Copy)]
struct Gap {
    from_tick: u64,
    dropped: u64,
}

impl Recorder {
    /// Logs nothing.
    pub fn off() -> Self {
        Self { recording: None }
    }

    /// Logs into a queue, beginning with the host's memory.
    pub(super) fn new(sender: Sender, clock: LogClock, origin_ns: Option<u64>, host: &Host) -> Self {
        let memory = vec![0; host.largest_memory_bytes()].into_boxed_slice();
        let record = vec![0; LENGTH_BYTES + memory.len() + LARGEST_RECORD_BYTES].into_boxed_slice();
        let (tick, time_us) = (host.counters().ticks, 0);
        let (next_keyframe_us, gap) = (0, None);
        let mut recording =
            Recording { sender, clock, origin_ns, record, memory, tick, time_us, next_keyframe_us, gap };
        recording.keyframe(host);
        Self { recording: Some(recording) }
    }

    /// What `CLOCK_MONOTONIC` showed at the run's time 0, ns, where a log in real time has decided that.
    pub fn origin_ns(&self) -> Option<u64> {
        self.recording.as_ref()?.origin_ns
    }

    /// One tick of the host, as [`Host::tick`] does it. Allocates nothing.
    pub fn tick(
        &mut self,
        host: &mut Host,
        link: &mut dyn Link,
        now_us: u64,
        request: Option<Request>,
    ) -> Option<Transition> {
        let Some(recording) = &mut self.recording else { return host.tick(now_us, link, request) };
        (recording.tick, recording.time_us) = (host.counters().ticks, now_us);
        let transition = host.tick(now_us, &mut Logged { link, recording }, request);
        recording.push(&Event::Tick(host.trace()));
        transition
    }

    /// Ends the log: a gap that is still open is written, waiting for room. Not for the real-time thread.
    pub(super) fn close(self) {
        let Some(mut recording) = self.recording else { return };
        let (to_tick, time_us) = (recording.tick, recording.time_us);
        if let Some(Gap { from_tick, dropped }) = recording.gap.take() {
            // From now on the writer is waited for.
            recording.clock = LogClock::Virtual;
            recording.push(&Event::Gap { from_tick, to_tick, time_us, dropped });
        }
    }

    /// What is logged once a tick has ended: how it kept its time, and a keyframe each second. Allocates nothing.
    pub fn end_tick(&mut self, host: &Host, timing: Timing) {
        let Some(recording) = &mut self.recording else { return };
        recording.end_gap(host);
        let (tick, time_us) = (recording.tick, recording.time_us);
        recording.push(&Event::Timing { tick, time_us, timing });
        if time_us >= recording.next_keyframe_us {
            recording.keyframe(host);
        }
    }
}

impl Recording {
    /// Puts an event into the queue, or counts it as dropped.
    fn push(&mut self, event: &Event) {
        if let Some(gap) = &mut self.gap {
            gap.dropped += 1;
        } else if !self.accept(event) {
            self.gap = Some(Gap { from_tick: self.tick, dropped: 1 });
        }
    }

    fn accept(&mut self, event: &Event) -> bool {
        let Ok(encoded) = postcard::to_slice(event, &mut self.record[LENGTH_BYTES..]) else { return false };
        let length = LENGTH_BYTES + encoded.len();
        loop {
            if self.sender.push(&mut self.record[..length]) {
                return true;
            }
            if self.clock == LogClock::RealTime || self.sender.is_abandoned() {
                return false;
            }
            std::thread::sleep(WAIT);
        }
    }

    fn keyframe(&mut self, host: &Host) {
        self.next_keyframe_us = self.time_us + KEYFRAME_PERIOD_US;
        let memory = host.memory();
        let (tick, time_us) = (memory.next_tick(), self.time_us);
        // Its buffer is as large as a memory can be; `take` because the event borrows it while `self` is used.
        let mut buffer = std::mem::take(&mut self.memory);
        if let Ok(encoded) = postcard::to_slice(&memory, &mut buffer) {
            self.push(&Event::Keyframe { tick, time_us, memory: Bytes(encoded) });
        }
        self.memory = buffer;
    }

    /// Ends a gap once there is room again: its count, and where a replay goes on.
    fn end_gap(&mut self, host: &Host) {
        let Some(Gap { from_tick, dropped }) = self.gap.filter(|_| self.sender.is_half_free()) else {
            return;
        };
        self.gap = None;
        let (to_tick, time_us) = (self.tick, self.time_us);
        if self.accept(&Event::Gap { from_tick, to_tick, time_us, dropped }) {
            self.keyframe(host);
        } else {
            self.gap = Some(Gap { from_tick, dropped });
        }
    }
}

/// Passes everything on and keeps a copy.
struct Logged<'l> {
    link: &'l mut dyn Link,
    recording: &'l mut Recording,
}

impl Link for Logged<'_> {
    fn begin_tick(&mut self) {
        self.link.begin_tick();
    }

    fn counters(&self) -> LinkCounters {
        self.link.counters()
    }

    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        let sent = self.link.send(frame);
        let Recording { tick, time_us, .. } = *self.recording;
        self.recording.push(&Event::Sent { tick, time_us, accepted: sent.is_ok(), bytes: Bytes(frame) });
        sent
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        let received = self.link.receive(buffer);
        if let Ok(length @ 1..) = received {
            let Recording { tick, time_us, .. } = *self.recording;
            self.recording.push(&Event::Received { tick, time_us, bytes: Bytes(&buffer[..length]) });
        }
        received
    }
}
