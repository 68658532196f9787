//! Watches every frame that a host sends, before any fault can touch it.
//!
//! What a campaign asks of the host's actuator commands does not depend on the host's own word: a [`Witness`] decodes the
//! frames as a robot would and checks each command against the robot's limits.

use crate::link::{Link, LinkCounters, LinkError};
use crate::robot::Robot;
use crate::wire::{Decoder, ToRobot};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::interface::{ActuatorMode, Setpoint};

/// What was seen of the host's actuator commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witnessed {
    /// Actuator commands.
    pub commands: u64,
    /// Commands with a number that is not finite.
    pub not_finite: u64,
    /// Commands beyond the robot's limits.
    pub out_of_limits: u64,
    /// Frames whose sequence was not larger than all before.
    pub repeated: u64,
    /// Commands behind a stop, without a disarm between them.
    pub after_stop: u64,
    /// Frames that are no frames.
    pub damaged: u64,
}

impl Witnessed {
    /// Whether all that was sent may reach a robot.
    pub fn is_clean(&self) -> bool {
        let Self { commands: _, not_finite, out_of_limits, repeated, after_stop, damaged } = *self;
        not_finite + out_of_limits + repeated + after_stop + damaged == 0
    }
}

/// Passes everything on; see the [module](self).
pub(super) struct Witness<L> {
    inner: L,
    decoder: Decoder,
    /// Mode, minimum and maximum of each actuator.
    limits: Vec<(ActuatorMode, f32, f32)>,
    newest: u64,
    stopped: bool,
    watching: bool,
    seen: Witnessed,
}

impl<L: Link> Witness<L> {
    /// Wraps a link; one that is not `watching` passes everything on unseen.
    pub(super) fn new(inner: L, robot: &Robot, watching: bool) -> Self {
        let limits =
            robot.actuators.iter().map(|actuator| (actuator.mode, actuator.minimum, actuator.maximum));
        let (limits, seen) = (limits.collect(), Witnessed::default());
        Self { inner, decoder: Decoder::default(), limits, newest: 0, stopped: false, watching, seen }
    }

    pub(super) fn inner(&self) -> &L {
        &self.inner
    }

    pub(super) fn seen(&self) -> Witnessed {
        Witnessed { damaged: self.decoder.damaged(), ..self.seen }
    }

    fn watch(&mut self, message: &ToRobot) {
        match message {
            ToRobot::Command { header, setpoints, .. } => {
                self.seen.commands += 1;
                self.seen.after_stop += u64::from(self.stopped);
                self.order(header.sequence);
                let finite = setpoints.iter().all(Setpoint::is_finite);
                let fits = setpoints.len() == self.limits.len()
                    && setpoints.iter().zip(&self.limits).all(|(setpoint, limits)| within(setpoint, *limits));
                self.seen.not_finite += u64::from(!finite);
                self.seen.out_of_limits += u64::from(!fits);
            }
            ToRobot::Stop { header, .. } => {
                self.stopped = true;
                self.order(header.sequence);
            }
            ToRobot::Disarm(header) => {
                self.stopped = false;
                self.order(header.sequence);
            }
            ToRobot::Arm(header) | ToRobot::Heartbeat(header) => self.order(header.sequence),
            ToRobot::Hello { .. } | ToRobot::Done { .. } | ToRobot::Sent { .. } => {}
        }
    }

    fn order(&mut self, sequence: u64) {
        self.seen.repeated += u64::from(sequence <= self.newest);
        self.newest = self.newest.max(sequence);
    }
}

/// Whether what the actuator is told lies within its limits.
fn within(setpoint: &Setpoint, (mode, minimum, maximum): (ActuatorMode, f32, f32)) -> bool {
    let value = match (setpoint, mode) {
        (Setpoint::Rotor(speed), ActuatorMode::RotorSpeed) => *speed,
        (Setpoint::Joint(joint), ActuatorMode::Torque | ActuatorMode::Force) => joint.torque,
        (Setpoint::Joint(joint), ActuatorMode::Position) => joint.position,
        (Setpoint::Joint(joint), ActuatorMode::Velocity) => joint.velocity,
        _ => return false,
    };
    value >= minimum && value <= maximum
}

impl<L: Link> Link for Witness<L> {
    fn begin_tick(&mut self) {
        self.inner.begin_tick();
    }

    fn counters(&self) -> LinkCounters {
        self.inner.counters()
    }

    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        let mut bytes = if self.watching { frame } else { &[] };
        while !bytes.is_empty() {
            let (message, rest) = self.decoder.feed::<ToRobot>(bytes);
            bytes = rest;
            if let Some(message) = message {
                self.watch(&message);
            }
        }
        self.inner.send(frame)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        self.inner.receive(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::send_message;
    use crate::link::inproc_pair;
    use crate::wire::message::Header;

    const ROBOT: &str = "
name = \"one rotor\"
valid_for_s = 0.1
[[sensors]]
name = \"speed\"
size = 1
unit = \"radian_per_second\"
frame = \"joint\"
[[actuators]]
name = \"rotor\"
mode = \"rotor_speed\"
minimum = 0.0
maximum = 100.0
";

    #[test]
    fn each_command_that_no_robot_may_get_is_counted_for_what_it_is() {
        let robot = Robot::parse(ROBOT, "robot.toml").unwrap();
        let mut witness = Witness::new(inproc_pair().0, &robot, true);
        let header =
            |sequence| Header { session: 1, sequence, time_us: 0, acknowledged: 0, operator: 0, mode: 0 };
        let command = |sequence, speed| ToRobot::Command {
            header: header(sequence),
            sample_sequence: 1,
            valid_for_us: 1000,
            setpoints: [Setpoint::Rotor(speed)].into_iter().collect(),
        };
        for message in [command(1, 100.0), command(2, 0.0), ToRobot::Heartbeat(header(3))] {
            send_message(&mut witness, &message).unwrap();
        }
        assert!(witness.seen().is_clean() && witness.seen().commands == 2, "{:?}", witness.seen());
        let bad = [
            command(4, 100.5),
            command(5, f32::NAN),
            command(5, 1.0),
            ToRobot::Stop { header: header(6), reason: 1 },
            command(7, 1.0),
            ToRobot::Disarm(header(8)),
            command(9, 1.0),
        ];
        for message in bad {
            send_message(&mut witness, &message).unwrap();
        }
        let expected = Witnessed {
            commands: 7,
            not_finite: 1,
            // A NaN is within no limits either.
            out_of_limits: 2,
            repeated: 1,
            after_stop: 1,
            damaged: 0,
        };
        assert_eq!(witness.seen(), expected);
    }
}
