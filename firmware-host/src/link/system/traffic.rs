//! Whether a link carries what a session sends, at its longest and at its rate.
//!
//! [`Traffic`] measures the longest frames by encoding them, so it stays true when a message changes. A link that would be
//! filled by more than [`LARGEST_SHARE`] is refused when it is opened: the rest is for what is sent a second time, for hellos
//! and for a clock that is a little off.

use super::{LinkAddress, LinkError};
use crate::wire::authentication::OVERHEAD_BYTES;
use crate::wire::encode;
use crate::wire::frame::LARGEST_FRAME;
use crate::wire::message::{Header, RobotState, Status, ToHost, ToRobot};
use crate::wire::sample::{parts, split};
use serde::Serialize;
use sinew_policy_runtime::interface::{Interface, JointSetpoint, Setpoint};

/// Of a link's capacity.
pub const LARGEST_SHARE: f64 = 0.8;
/// Sequences and times stay below it: 139 years of ticks at 1 kHz, 51 days of microseconds.
const LARGEST_NUMBER: u64 = 1 << 42;
/// A byte takes a start bit, 8 bits and a stop bit.
const BITS_PER_SERIAL_BYTE: f64 = 10.0;
/// Beyond loopback the slowest wired network in use is assumed, 100 Mbit/s.
const NETWORK_BYTES_PER_S: f64 = 12.5e6;
/// Ethernet, IP version 6 and UDP add so much to a datagram.
const NETWORK_OVERHEAD_BYTES: usize = 38 + 40 + 8;
/// What Linux keeps for a terminal's reader.
const TERMINAL_BYTES: f64 = 4095.0;
/// What Linux keeps for a socket's reader at least, with the memory that it counts along.
const SOCKET_BYTES: f64 = 65536.0;

/// What a session sends at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traffic {
    /// Longest frames of a host's tick together.
    pub to_robot_bytes: usize,
    /// Ticks a second.
    pub ticks_hz: f64,
    /// Longest frames of a sample together.
    pub to_host_bytes: usize,
    /// Samples a second.
    pub samples_hz: f64,
    /// Frames of a sample.
    pub sample_frames: usize,
}

impl Traffic {
    /// Of a robot that sends `samples_hz` samples a second to a host that ticks `ticks_hz` times.
    pub fn new(interface: &Interface, ticks_hz: f64, samples_hz: f64) -> Self {
        Self {
            to_robot_bytes: to_robot_bytes(interface),
            ticks_hz,
            to_host_bytes: to_host_bytes(interface),
            samples_hz,
            sample_frames: parts(interface.sample_size()),
        }
    }

    /// Datagrams that a host's tick may have to look at when nothing is wrong, twice over.
    pub fn datagrams_per_host_tick(&self) -> u32 {
        budget(self.sample_frames as f64 * self.samples_hz / self.ticks_hz)
    }

    /// The same for a robot that looks `reads_hz` times a second.
    pub fn datagrams_per_robot_read(&self, reads_hz: f64) -> u32 {
        budget(2.0 * self.ticks_hz / reads_hz)
    }

    /// Whether `address` carries it.
    ///
    /// # Errors
    /// It would be filled by more than [`LARGEST_SHARE`].
    pub fn check(&self, address: &LinkAddress) -> Result<(), LinkError> {
        let network = matches!(address, LinkAddress::Udp(address) if !address.ip().is_loopback());
        let added = if network { OVERHEAD_BYTES + NETWORK_OVERHEAD_BYTES } else { 0 };
        let to_robot = (self.to_robot_bytes + 2 * added) as f64 * self.ticks_hz;
        let to_host = (self.to_host_bytes + self.sample_frames * added) as f64 * self.samples_hz;
        for (direction, needed, reads_hz) in
            [("to the robot", to_robot, self.samples_hz), ("to the host", to_host, self.ticks_hz)]
        {
            let Some(capacity) = capacity_bytes_per_s(address, reads_hz) else { continue };
            if !(needed <= LARGEST_SHARE * capacity) {
                return Err(LinkError::Bandwidth {
                    address: address.to_string(),
                    direction,
                    needed,
                    capacity,
                });
            }
        }
        Ok(())
    }
}

/// Bytes a second each way, where the other end reads `reads_hz` times a second; none where memory is the only limit.
fn capacity_bytes_per_s(address: &LinkAddress, reads_hz: f64) -> Option<f64> {
    match address {
        LinkAddress::Serial { baud, .. } => Some(f64::from(*baud) / BITS_PER_SERIAL_BYTE),
        LinkAddress::Udp(address) if !address.ip().is_loopback() => Some(NETWORK_BYTES_PER_S),
        LinkAddress::Pty(_) => Some(TERMINAL_BYTES * reads_hz),
        LinkAddress::Unix(_) => Some(SOCKET_BYTES * reads_hz),
        LinkAddress::Udp(_) | LinkAddress::Inproc => None,
    }
}

/// Twice what is expected, and some for what was late.
fn budget(expected: f64) -> u32 {
    16 + (2.0 * expected).ceil() as u32
}

/// A tick sends an actuator command, and an Arm before it until the robot is armed.
fn to_robot_bytes(interface: &Interface) -> usize {
    let header = Header {
        session: u64::MAX,
        sequence: LARGEST_NUMBER,
        time_us: LARGEST_NUMBER,
        acknowledged: LARGEST_NUMBER,
        operator: LARGEST_NUMBER,
        mode: u8::MAX,
    };
    let joint = JointSetpoint {
        position: f32::MAX,
        velocity: f32::MAX,
        stiffness: f32::MAX,
        damping: f32::MAX,
        torque: f32::MAX,
    };
    let longest = |actuator: &sinew_policy_runtime::interface::Actuator| match actuator.setpoint(f32::MAX) {
        Setpoint::Joint(_) => Setpoint::Joint(joint),
        rotor @ Setpoint::Rotor(_) => rotor,
    };
    let command = ToRobot::Command {
        header,
        sample_sequence: LARGEST_NUMBER,
        valid_for_us: u32::MAX,
        setpoints: interface.actuators.iter().map(longest).collect(),
    };
    frame_bytes(&command) + frame_bytes(&ToRobot::Arm(header))
}

fn to_host_bytes(interface: &Interface) -> usize {
    let status = Status {
        session: u64::MAX,
        boot: u32::MAX,
        sequence: LARGEST_NUMBER,
        time_us: LARGEST_NUMBER,
        echo_sequence: LARGEST_NUMBER,
        echo_age_us: u32::MAX,
        state: RobotState::Stopped,
        fault: u8::MAX,
    };
    let (ages_us, values) =
        (vec![u32::MAX; interface.sensors.len()], vec![f32::MAX; interface.sample_size()]);
    split(status, &ages_us, &values).map(|part| frame_bytes(&ToHost::Sample(part))).sum()
}

/// Of a message's frame; a message that has none is as long as the longest frame.
fn frame_bytes<M: Serialize>(message: &M) -> usize {
    encode(message, &mut [0; LARGEST_FRAME]).map_or(LARGEST_FRAME, <[u8]>::len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sinew_policy_runtime::interface::{Actuator, ActuatorMode, Frame, Sensor, Unit};

    fn interface(values: u16) -> Interface<'static> {
        let mut interface = Interface::default();
        let sensor = Sensor { name: "scan", size: values, unit: Unit::Meter, frame: Frame::Body };
        let actuator = Actuator {
            name: "hinge",
            mode: ActuatorMode::Torque,
            minimum: -2.0,
            maximum: 2.0,
            max_rate_per_s: None,
            stiffness: 0.0,
            damping: 0.0,
        };
        interface.sensors.push(sensor).unwrap();
        interface.actuators.push(actuator).unwrap();
        interface
    }

    #[test]
    fn a_serial_line_is_refused_above_four_fifths_of_its_capacity() {
        let traffic = Traffic::new(&interface(2), 500.0, 500.0);
        let needed = (traffic.to_robot_bytes * 500) as f64;
        assert!(
            traffic.to_robot_bytes > traffic.to_host_bytes && traffic.to_robot_bytes < 160,
            "{traffic:?}"
        );
        // Ten bits a byte, at 80 %.
        let enough = (needed * 10.0 / 0.8).ceil() as u32;
        let serial = |baud| LinkAddress::Serial { device: "/dev/ttyS0".to_owned(), baud };
        assert!(traffic.check(&serial(enough)).is_ok());
        let error = traffic.check(&serial(enough - 10)).unwrap_err().to_string();
        let expected = format!("serial:/dev/ttyS0@{}: {needed:.0} bytes/s to the robot", enough - 10);
        assert!(error.starts_with(&expected), "{error}");
        assert!(error.contains("80 %"), "{error}");
    }

    #[test]
    fn many_values_count_with_every_part_that_they_need() {
        let (small, large) =
            (Traffic::new(&interface(10), 100.0, 100.0), Traffic::new(&interface(1000), 100.0, 100.0));
        assert_eq!((small.sample_frames, large.sample_frames), (1, 6));
        assert!(large.to_host_bytes > 4000 && large.to_host_bytes < 4500, "{large:?}");
        assert_eq!((small.datagrams_per_host_tick(), large.datagrams_per_host_tick()), (18, 28));
        assert!(large.check(&LinkAddress::Pty(None)).is_err());
        let tiny = LinkAddress::Serial { device: "x".to_owned(), baud: 4_000_000 };
        assert!(small.check(&LinkAddress::Pty(None)).is_ok() && large.check(&tiny).is_err());
        for carried in ["udp:127.0.0.1:7", "inproc", "unix:/run/robot", "udp:192.168.1.2:7"] {
            assert!(large.check(&carried.parse().unwrap()).is_ok(), "{carried}");
        }
    }

    #[test]
    fn a_rate_that_is_no_number_is_refused_where_there_is_a_limit() {
        let traffic = Traffic::new(&interface(1), f64::NAN, f64::INFINITY);
        assert!(traffic.check(&LinkAddress::Serial { device: "x".to_owned(), baud: 9600 }).is_err());
    }
}
