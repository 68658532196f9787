//! A host that runs on a microcontroller: an emulated one, or one on the desk.
//!
//! [`Microcontroller`] carries what a flight's link brings to the microcontroller, tells it the tick, and brings back what it
//! sends, so faults, witness and log stand where they stand in every other flight. A [`Host`](crate::host::Host) on this
//! machine decides on the same bytes beside it, and every frame of the two is compared bit by bit; what reaches the robot is
//! the microcontroller's. The two lines need not keep each other's order: both ends say how many bytes to wait for.

use super::HilError;
use super::lockstep::Patience;
use crate::host::send_message;
use crate::link::{Link, LinkAddress, LinkCounters, LinkError, SerialLink, UnixLink};
use crate::wire::frame::{LARGEST_FRAME, decode};
use crate::wire::message::{HostHello, Operator};
use crate::wire::{Decoder, ToHost, ToRobot};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::supervisor::Request;
use std::time::{Duration, Instant};

/// Between two requests to begin anew: longer than any board takes to start.
const BEGIN_PERIOD: Duration = Duration::from_secs(2);
/// Bytes that a tick carries each way before memory must be found for more.
const USUAL_BYTES: usize = 64 * 1024;

/// What a comparison of the microcontroller with this machine found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// Frames that both sent, the same bytes.
    pub same_frames: u64,
    /// Actuator commands among them.
    pub same_commands: u64,
    /// Ticks in which what they sent differs.
    pub different_ticks: u64,
    /// The first of them, and what each sent.
    pub first_difference: Option<String>,
}

/// The lines to a microcontroller.
pub struct Microcontroller {
    /// What a robot would be at the other end of.
    line: Box<dyn Link>,
    /// For lockstep's exchange.
    beside: Box<dyn Link>,
    emulated: bool,
    decoder: Decoder,
    sent_bytes: u64,
    received_bytes: u64,
    operator_sequence: u64,
    next_tick: Option<u64>,
    /// What the newest tick brought it, and what this machine would have sent.
    brought: Vec<u8>,
    expected: Vec<u8>,
    /// What it sent.
    answer: Vec<u8>,
    comparison: Comparison,
}

impl Microcontroller {
    /// Opens both lines: `unix:PATH` listens at `PATH` and `PATH.sync` for an emulator; serial lines are given both.
    ///
    /// # Errors
    /// A line cannot be opened, or is of another kind.
    pub fn open(line: &LinkAddress, beside: Option<&LinkAddress>) -> Result<Self, LinkError> {
        let opened = open(line)?;
        let implied = match line {
            LinkAddress::Unix(path) => Some(LinkAddress::Unix(format!("{path}.sync"))),
            _ => None,
        };
        let Some(beside) = beside.or(implied.as_ref()) else {
            let expected = "lockstep's exchange needs a line of its own beside it: give it with --sync";
            return Err(LinkError::Unusable { address: line.to_string(), expected });
        };
        Ok(Self {
            emulated: matches!(line, LinkAddress::Unix(_)),
            line: opened,
            beside: open(beside)?,
            decoder: Decoder::default(),
            sent_bytes: 0,
            received_bytes: 0,
            operator_sequence: 0,
            next_tick: None,
            brought: Vec::with_capacity(USUAL_BYTES),
            expected: Vec::with_capacity(USUAL_BYTES),
            answer: Vec::with_capacity(USUAL_BYTES),
            comparison: Comparison::default(),
        })
    }

    /// `pil` where it is emulated, `hil` where it is a board.
    pub(super) fn mode(&self) -> &'static str {
        if self.emulated { "pil" } else { "hil" }
    }

    /// What this flight's comparison found.
    pub(super) fn comparison(&self) -> &Comparison {
        &self.comparison
    }

    /// Has it begin anew, and hears who it is.
    ///
    /// # Errors
    /// It is silent, or a line broke.
    pub(super) fn begin(&mut self) -> Result<HostHello, HilError> {
        (self.sent_bytes, self.received_bytes, self.operator_sequence) = (0, 0, 0);
        (self.next_tick, self.comparison) = (None, Comparison::default());
        let (mut patience, mut asked) = (Patience::default(), None::<Instant>);
        loop {
            patience.wait("microcontroller")?;
            if asked.is_none_or(|asked| asked.elapsed() > BEGIN_PERIOD) {
                asked = self.ask_to_begin().is_ok().then(Instant::now);
            }
            self.drain()?;
            while let Some(message) = self.heard()? {
                if let ToRobot::Hello(hello) = message {
                    self.drain()?;
                    return Ok(hello);
                }
            }
        }
    }

    /// Lets it say on its console what the flight cost, and begin anew.
    pub(super) fn leave(&mut self) {
        // The next flight asks for it too.
        let _ = self.ask_to_begin();
    }

    fn ask_to_begin(&mut self) -> Result<(), LinkError> {
        // What is left of a frame of an earlier flight ends here.
        self.beside.send(&[0])?;
        send_message(&mut *self.beside, &ToHost::Begin)
    }

    /// Whether it will take `tick` for a late one: the one that it awaits has passed.
    pub(super) fn is_late(&self, tick: u64) -> bool {
        self.next_tick.is_some_and(|next| tick > next)
    }

    /// The link of this machine's host in a tick: hands on what comes, and keeps what it sends to itself.
    pub(super) fn tap<'t>(&'t mut self, link: &'t mut dyn Link) -> Tap<'t> {
        self.brought.clear();
        self.expected.clear();
        Tap { link, brought: &mut self.brought, expected: &mut self.expected }
    }

    /// The tick on the microcontroller, after this machine's; what it sends goes to `link`.
    ///
    /// # Errors
    /// It is silent, or a line broke.
    pub(super) fn tick(
        &mut self,
        tick: u64,
        request: Option<Request>,
        link: &mut dyn Link,
    ) -> Result<(), HilError> {
        self.bring()?;
        if let Some(request) = request {
            self.operator_sequence += 1;
            let message = Operator {
                session: 1,
                sequence: self.operator_sequence,
                request: Some(request),
                valid_for_us: 0,
                goal: heapless::Vec::new(),
            };
            self.tell(&ToHost::Operator(message))?;
        }
        self.tell(&ToHost::Sent { bytes: self.sent_bytes })?;
        self.tell(&ToHost::Advance { tick })?;
        self.await_answer(tick)?;
        self.next_tick = Some(tick + 1);
        self.compare(tick);
        for frame in self.answer.split_inclusive(|byte| *byte == 0) {
            // A frame that the link refuses is lost like any other.
            let _ = link.send(frame);
        }
        Ok(())
    }

    /// Puts what the robot's link brought on the line.
    fn bring(&mut self) -> Result<(), HilError> {
        for piece in self.brought.chunks(LARGEST_FRAME) {
            push(&mut *self.line, piece)?;
            self.sent_bytes += piece.len() as u64;
        }
        Ok(())
    }

    fn tell(&mut self, message: &ToHost) -> Result<(), HilError> {
        let mut frame = [0; LARGEST_FRAME];
        let bytes = crate::wire::encode(message, &mut frame).map_err(|_| LinkError::TooLong)?;
        push(&mut *self.beside, bytes)
    }

    /// What it sent in `tick`, whole, into `answer`.
    fn await_answer(&mut self, tick: u64) -> Result<(), HilError> {
        self.answer.clear();
        let (mut patience, mut expected_bytes, mut done) = (Patience::default(), None, false);
        while !done || expected_bytes.is_some_and(|bytes| self.received_bytes < bytes) {
            patience.wait("microcontroller")?;
            while let Some(message) = self.heard()? {
                match message {
                    ToRobot::Sent { bytes } => expected_bytes = Some(bytes),
                    ToRobot::Done { tick: answered, .. } => done |= answered == tick,
                    _ => {}
                }
            }
            let mut buffer = [0; LARGEST_FRAME];
            let length = self.line.receive(&mut buffer)?;
            self.answer.extend_from_slice(&buffer[..length]);
            self.received_bytes += length as u64;
        }
        Ok(())
    }

    /// The next message on the line beside, if one is whole.
    fn heard(&mut self) -> Result<Option<ToRobot>, HilError> {
        // A frame at a time: behind one there may be another, which the next call must find.
        let mut byte = [0];
        while self.beside.receive(&mut byte)? > 0 {
            if let (Some(message), _) = self.decoder.feed(&byte) {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    /// Drops what is left on the robot's line of an earlier flight.
    fn drain(&mut self) -> Result<(), HilError> {
        while self.line.receive(&mut [0; LARGEST_FRAME])? > 0 {}
        Ok(())
    }

    fn compare(&mut self, tick: u64) {
        let Self { answer, expected, comparison, .. } = self;
        if answer == expected {
            for frame in answer.split_inclusive(|byte| *byte == 0) {
                comparison.same_frames += 1;
                comparison.same_commands += u64::from(matches!(read(frame), Some(ToRobot::Command { .. })));
            }
            return;
        }
        comparison.different_ticks += 1;
        comparison.first_difference.get_or_insert_with(|| {
            let told = |bytes: &[u8]| {
                let frames = bytes.split_inclusive(|byte| *byte == 0);
                frames.map(|frame| format!("{:?}", read(frame))).collect::<Vec<_>>().join(", ")
            };
            format!("tick {tick}: the microcontroller sent {}, this machine {}", told(answer), told(expected))
        });
    }
}

/// Opens a robot's end.
fn open(address: &LinkAddress) -> Result<Box<dyn Link>, LinkError> {
    match address {
        LinkAddress::Unix(path) => Ok(Box::new(UnixLink::bind(path)?)),
        LinkAddress::Serial { device, baud } => Ok(Box::new(SerialLink::open(device, *baud)?)),
        LinkAddress::Udp(_) | LinkAddress::Pty(_) | LinkAddress::Inproc => {
            let expected =
                "a microcontroller is reached over unix:PATH, for an emulator, or serial:DEVICE@BAUD";
            Err(LinkError::Unusable { address: address.to_string(), expected })
        }
    }
}

/// Sends, waiting for room.
fn push(link: &mut dyn Link, bytes: &[u8]) -> Result<(), HilError> {
    let mut patience = Patience::default();
    loop {
        match link.send(bytes) {
            Err(LinkError::Full | LinkError::NoPeer) => patience.wait("microcontroller")?,
            sent => return Ok(sent?),
        }
    }
}

/// The message of a frame with its zero.
fn read(frame: &[u8]) -> Option<ToRobot> {
    let mut bytes = frame.to_vec();
    bytes.pop();
    decode(&mut bytes).ok()
}

/// See [`Microcontroller::tap`].
pub(super) struct Tap<'t> {
    link: &'t mut dyn Link,
    brought: &'t mut Vec<u8>,
    expected: &'t mut Vec<u8>,
}

impl Link for Tap<'_> {
    fn begin_tick(&mut self) {
        self.link.begin_tick();
    }

    fn counters(&self) -> LinkCounters {
        self.link.counters()
    }

    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        self.expected.extend_from_slice(frame);
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        let length = self.link.receive(buffer)?;
        self.brought.extend_from_slice(&buffer[..length]);
        Ok(length)
    }
}
