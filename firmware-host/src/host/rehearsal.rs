//! A tick's code and data are brought into the processor's caches before its deadline.
//!
//! After a millisecond of sleep a core has forgotten most of what a tick needs, and fetching it again takes longer than the
//! tick. A loop that wakes a little early plays the coming tick to a [`Rehearsal`]: a second host with the first one's memory
//! takes the newest sample once more, as if the robot had just sent it, infers, and encodes a command that goes nowhere. The
//! host itself is only read, so a rehearsal cannot change what a robot is told.

use super::Host;
use crate::link::{Link, LinkError};
use crate::wire::message::{SamplePart, Status, ToHost};
use crate::wire::{encode, sample};
use std::hint::black_box;
use std::mem::MaybeUninit;

/// Between two of a processor's cache lines; some have longer ones, none shorter.
const CACHE_LINE_BYTES: usize = 64;

/// Plays a host's next tick to a second host, without effect, so that the tick's code and data are in the processor's caches.
pub struct Rehearsal<'a> {
    /// Of the same policy, robot and options.
    double: Host<'a>,
}

impl<'a> Rehearsal<'a> {
    /// For this host. Allocates what no later rehearsal does.
    pub fn new(host: &Host<'a>) -> Self {
        Self { double: host.clone() }
    }

    /// The host to which the newest rehearsal was played, after it.
    pub fn double(&self) -> &Host<'a> {
        &self.double
    }

    /// Does what the host's tick at `now_us` will do if a sample comes before it. Allocates nothing.
    pub fn play(&mut self, host: &Host, now_us: u64) {
        touch(host);
        // It cannot fail: the double is of the same policy and robot.
        if self.double.restore(&host.memory()).is_err() {
            return;
        }
        let Some(newest) = host.session.sample() else { return };
        let status = Status {
            sequence: newest.status.sequence.saturating_add(1),
            echo_sequence: host.session.sequence(),
            ..newest.status
        };
        let parts = sample::split(status, &newest.ages_us, &newest.values);
        self.double.tick(now_us, &mut Echo { parts }, None);
        black_box(&self.double);
    }
}

/// A robot that sends a sample once more and hears nothing.
struct Echo<P> {
    parts: P,
}

impl<P: Iterator<Item = SamplePart> + Send> Link for Echo<P> {
    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        black_box(frame);
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        let Some(part) = self.parts.next() else { return Ok(0) };
        let frame = buffer.first_chunk_mut().ok_or(LinkError::TooLong)?;
        encode(&ToHost::Sample(part), frame).map(<[u8]>::len).map_err(|_| LinkError::TooLong)
    }
}

/// Reads each of a value's cache lines: what a tick needs of the host alone and not of its double.
#[allow(unsafe_code, reason = "a value's bytes cannot be read without")]
fn touch<T>(value: &T) {
    let lines = std::ptr::from_ref(value).cast::<MaybeUninit<u8>>();
    for offset in (0..size_of::<T>()).step_by(CACHE_LINE_BYTES) {
        // SAFETY: within the value, which is borrowed; any byte is a valid `MaybeUninit`.
        black_box(unsafe { lines.add(offset).read_volatile() });
    }
}
