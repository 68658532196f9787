//! The host's end of a session that has no policy: setpoints go out, samples come in.
//!
//! [`Session`] is a [`HostSession`] for a jog: it commands from samples alone that are young by its own clock, arms once, and never
//! again a robot that has disarmed or restarted.

use crate::host::send_message;
use crate::link::Link;
use crate::robot::Robot;
use crate::wire::frame::LARGEST_FRAME;
use crate::wire::host_session::HostSession;
use crate::wire::message::{Refusal, mode_number, stop_reason};
use crate::wire::sample::Sample;
use crate::wire::{Decoder, ToHost, ToRobot};
use sinew_policy_runtime::interface::{MAX_ACTUATORS, Setpoint};
use sinew_policy_runtime::supervisor::{Cause, Mode};

/// A sample older than this is as good as none, µs.
const LARGEST_AGE_US: u64 = 200_000;

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
    inner: HostSession,
    decoder: Decoder,
    valid_for_us: u32,
}

impl Session {
    /// A session of a number that no other has.
    pub fn new(number: u64, robot: &Robot) -> Self {
        // There is no policy, and so no contract.
        let inner = HostSession::new(number, [0; 32], robot.interface().hash(), LARGEST_AGE_US);
        Self { inner, decoder: Decoder::default(), valid_for_us: robot.valid_for_us() }
    }

    /// Why the robot refuses this host, if it does.
    pub fn refusal(&self) -> Option<Refusal> {
        self.inner.counters().refused
    }

    /// The newest sample, where it is young enough to act on.
    pub fn sample(&self, now_us: u64) -> Option<&Sample> {
        let young = self.inner.is_connected() && self.inner.sample_age_us(now_us) <= LARGEST_AGE_US;
        self.inner.sample().filter(|_| young)
    }

    /// Whether the robot has begun again, or has stopped, or has disarmed itself since it was armed.
    pub fn is_lost(&self, now_us: u64) -> bool {
        self.inner.counters().robot_restarts > 0 || self.inner.fault(now_us) == Some(Cause::RobotStopped)
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
                if let Some(message) = message {
                    self.inner.take(now_us, &message);
                }
            }
        }
    }

    /// Sends what is to be done; a robot that is lost is commanded nothing.
    pub fn send(&mut self, now_us: u64, link: &mut dyn Link, order: &Order) {
        // A frame that the link refuses is lost like any other.
        let mut say = |message| {
            let _ = send_message(link, &message);
        };
        if let Some(hello) = self.inner.greet(now_us) {
            say(hello);
        }
        let mode = mode_number(match order {
            Order::Wait | Order::Disarm => Mode::Disarmed,
            Order::Command(_) => Mode::Readying,
            Order::Stop => Mode::Stopped,
        });
        let message = match order {
            Order::Wait => ToRobot::Heartbeat(self.inner.header(now_us, 0, mode)),
            Order::Stop => {
                let header = self.inner.header(now_us, 0, mode);
                ToRobot::Stop { header, reason: stop_reason(Some(Cause::OperatorStop)) }
            }
            Order::Disarm => ToRobot::Disarm(self.inner.header(now_us, 0, mode)),
            Order::Command(setpoints) => {
                if self.sample(now_us).is_none() || self.is_lost(now_us) {
                    return;
                }
                if let Some(arm) = self.inner.arm(now_us, 0, mode) {
                    say(arm);
                }
                ToRobot::Command {
                    header: self.inner.header(now_us, 0, mode),
                    sample_sequence: self.inner.sample_sequence(),
                    valid_for_us: self.valid_for_us,
                    setpoints: setpoints.clone(),
                }
            }
        };
        say(message);
    }
}
