//! The host's end of a session that has no policy: setpoints go out, samples come in.
//!
//! [`Session`] keeps the protocol's rules for a jog: it commands from samples alone that are young by its own clock, arms once, and
//! never again a robot that has disarmed or restarted.

use crate::host::send_message;
use crate::link::Link;
use crate::robot::Robot;
use crate::wire::frame::LARGEST_FRAME;
use crate::wire::message::{Header, HostHello, Refusal, RobotState, SamplePart, mode_number, stop_reason};
use crate::wire::sample::{Assembly, Sample};
use crate::wire::{Decoder, PROTOCOL_REVISION, PROTOCOL_VERSION, ToHost, ToRobot};
use sinew_policy_runtime::interface::{InterfaceHash, MAX_ACTUATORS, Setpoint};
use sinew_policy_runtime::supervisor::{Cause, Mode};

/// A sample older than this is as good as none, µs.
const LARGEST_AGE_US: u64 = 200_000;
/// Between two hellos, µs.
const HELLO_PERIOD_US: u64 = 20_000;
/// Frames whose send times are remembered.
const REMEMBERED_FRAMES: usize = 256;

/// What the robot is told in a tick.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and sent at once")]
pub enum Order {
    /// Nothing but that the host is there.
    Wait,
    /// One setpoint for each actuator; the first of them arms the robot.
    Command(heapless::Vec<Setpoint, MAX_ACTUATORS>),
    /// To stop.
    Stop,
    /// To disarm.
    Disarm,
}

/// The host's end.
#[derive(Debug)]
pub struct Session {
    number: u64,
    interface_hash: InterfaceHash,
    valid_for_us: u32,
    attempt: u32,
    hello_us: Option<u64>,
    boot: Option<u32>,
    restarted: bool,
    refusal: Option<Refusal>,
    decoder: Decoder,
    assembly: Assembly,
    sequence: u64,
    sent_us: [u64; REMEMBERED_FRAMES],
    armed: bool,
    sample: Option<Sample>,
    /// When the newest sample was taken at the earliest.
    taken_us: u64,
}

impl Session {
    /// A session of a number that no other has.
    pub fn new(number: u64, robot: &Robot) -> Self {
        Self {
            number,
            interface_hash: robot.interface().hash(),
            valid_for_us: robot.valid_for_us(),
            attempt: 0,
            hello_us: None,
            boot: None,
            restarted: false,
            refusal: None,
            decoder: Decoder::default(),
            assembly: Assembly::default(),
            sequence: 0,
            sent_us: [0; REMEMBERED_FRAMES],
            armed: false,
            sample: None,
            taken_us: 0,
        }
    }

    /// Why the robot refuses this host, if it does.
    pub fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }

    /// The newest sample, where it is young enough to act on.
    pub fn sample(&self, now_us: u64) -> Option<&Sample> {
        self.sample.as_ref().filter(|_| now_us.saturating_sub(self.taken_us) <= LARGEST_AGE_US)
    }

    /// Whether the robot has begun again, or has disarmed or stopped itself, since it was armed.
    pub fn is_lost(&self) -> bool {
        let state = self.sample.as_ref().map(|sample| sample.status.state);
        self.restarted || self.armed && matches!(state, Some(RobotState::Disarmed | RobotState::Stopped))
    }

    /// Takes everything that the robot has sent.
    pub fn receive(&mut self, now_us: u64, link: &mut dyn Link) {
        let mut buffer = [0; 2 * LARGEST_FRAME];
        link.begin_tick();
        while let Ok(length @ 1..) = link.receive(&mut buffer) {
            let mut bytes = &buffer[..length];
            while !bytes.is_empty() {
                let (message, rest) = self.decoder.feed::<ToHost>(bytes);
                bytes = rest;
                match message {
                    Some(ToHost::Hello(hello))
                        if hello.session == self.number && hello.interface_hash == self.interface_hash =>
                    {
                        self.restarted |= self.boot.is_some_and(|boot| boot != hello.boot);
                        (self.boot, self.refusal) = (Some(hello.boot), None);
                    }
                    Some(ToHost::Refused { session, reason, .. }) if session == self.number => {
                        self.refusal = Some(reason);
                    }
                    Some(ToHost::Sample(part)) => self.take(now_us, &part),
                    _ => {}
                }
            }
        }
    }

    fn take(&mut self, now_us: u64, part: &SamplePart) {
        if part.status.session != self.number || Some(part.status.boot) != self.boot {
            return;
        }
        let newest = self.sample.as_ref().map_or(0, |sample| sample.status.sequence);
        if part.status.sequence <= newest {
            return;
        }
        let Some(sample) = self.assembly.take(part).cloned() else { return };
        let echoed = sample.status.echo_sequence;
        let remembered =
            echoed > 0 && echoed <= self.sequence && echoed + REMEMBERED_FRAMES as u64 > self.sequence;
        // The echoed frame was sent before it arrived, and the sample was taken `echo_age` after that.
        self.taken_us = if remembered {
            let sent_us = self.sent_us[(echoed % REMEMBERED_FRAMES as u64) as usize];
            now_us.min(sent_us.saturating_add(sample.status.echo_age_us.into()))
        } else {
            0
        };
        self.sample = Some(sample);
    }

    /// Sends what is to be done.
    pub fn send(&mut self, now_us: u64, link: &mut dyn Link, order: &Order) {
        let due = self.hello_us.is_none_or(|sent_us| now_us.saturating_sub(sent_us) >= HELLO_PERIOD_US);
        if due && self.sample(now_us).is_none() {
            self.greet(now_us, link);
        }
        let mut header = self.header(now_us, order);
        let message = match order {
            Order::Wait => ToRobot::Heartbeat(header),
            Order::Stop => ToRobot::Stop { header, reason: stop_reason(Some(Cause::OperatorStop)) },
            Order::Disarm => ToRobot::Disarm(header),
            Order::Command(setpoints) => {
                let Some(sample) = self.sample(now_us) else { return };
                let (state, sample_sequence) = (sample.status.state, sample.status.sequence);
                if state == RobotState::Disarmed {
                    let _ = send_message(link, &ToRobot::Arm(header));
                    header = self.header(now_us, order);
                }
                // A robot that has said that it is armed is armed by nobody again.
                self.armed |= state != RobotState::Disarmed;
                let (valid_for_us, setpoints) = (self.valid_for_us, setpoints.clone());
                ToRobot::Command { header, sample_sequence, valid_for_us, setpoints }
            }
        };
        // A frame that the link refuses is lost like any other.
        let _ = send_message(link, &message);
    }

    fn greet(&mut self, now_us: u64, link: &mut dyn Link) {
        self.attempt = self.attempt.wrapping_add(1);
        self.hello_us = Some(now_us);
        let hello = HostHello {
            protocol: PROTOCOL_VERSION,
            revision: PROTOCOL_REVISION,
            session: self.number,
            attempt: self.attempt,
            // There is no policy, and so no contract.
            contract_hash: [0; 32],
            interface_hash: self.interface_hash,
        };
        let _ = send_message(link, &ToRobot::Hello(hello));
    }

    fn header(&mut self, now_us: u64, order: &Order) -> Header {
        self.sequence += 1;
        self.sent_us[(self.sequence % REMEMBERED_FRAMES as u64) as usize] = now_us;
        let mode = match order {
            Order::Wait | Order::Disarm => Mode::Disarmed,
            Order::Command(_) => Mode::Readying,
            Order::Stop => Mode::Stopped,
        };
        Header {
            session: self.number,
            sequence: self.sequence,
            time_us: now_us,
            acknowledged: self.sample.as_ref().map_or(0, |sample| sample.status.sequence),
            operator: 0,
            mode: mode_number(mode),
        }
    }
}
