//! What host and robot tell each other.
//!
//! Everything that could be mistaken for something newer carries a 64-bit sequence that never wraps in practice and starts
//! anew only with a new session. Clocks are never compared: the robot says which of the host's frames it saw last and how
//! long ago, and the host bounds a sample's age by its own clock. What only informs is a plain number of which a peer may
//! know less than its sender; what steers is an enumeration, of which an unknown value makes the whole frame unusable.

use serde::{Deserialize, Serialize};
use sinew_policy_runtime::contract::{MAX_COMMAND_SIZE, MAX_COMMANDS};
use sinew_policy_runtime::interface::{MAX_ACTUATORS, MAX_SENSORS, Setpoint};
use sinew_policy_runtime::supervisor::{Cause, Mode, Request};

/// Raised by any change of an existing message; peers of different versions refuse each other.
pub const PROTOCOL_VERSION: u16 = 2;
/// Raised by every added message; a peer sends no message that is newer than the other's revision.
pub const PROTOCOL_REVISION: u16 = 1;
/// Largest number of values in one part of a sample: with everything else at its longest, the part still fits a frame.
pub const MAX_PART_VALUES: usize = 192;
/// Largest number of parts of a sample.
pub const MAX_PARTS: usize = 8;
/// Largest number of values in a sample.
pub const MAX_SAMPLE: usize = MAX_PART_VALUES * MAX_PARTS;
/// Largest number of values that an operator's goal has.
pub const MAX_GOAL: usize = MAX_COMMANDS * MAX_COMMAND_SIZE;

/// From the host to the robot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "encoded at once, and there is no allocation to box it with")]
pub enum ToRobot {
    /// Opens a session; the robot answers with [`ToHost::Hello`] or [`ToHost::Refused`].
    Hello(HostHello),
    /// Says that the host is there; sent when there is nothing else to send.
    Heartbeat(Header),
    /// Lets the robot obey actuator commands.
    Arm(Header),
    /// The robot enters its safe state and obeys no actuator command.
    Disarm(Header),
    /// The robot enters its safe state until it is disarmed and armed again.
    Stop {
        /// Session and sequence.
        header: Header,
        /// Why, as [`stop_reason`] numbers it; it informs alone.
        reason: u8,
    },
    /// An actuator command.
    Command {
        /// Session and sequence.
        header: Header,
        /// Sequence of the sample from which it was computed.
        sample_sequence: u64,
        /// The robot obeys it for so long after it arrives, µs.
        valid_for_us: u32,
        /// One for each actuator, in the interface's order.
        setpoints: heapless::Vec<Setpoint, MAX_ACTUATORS>,
    },
    /// Lockstep: the answer to [`ToHost::Advance`]; whatever the host had to send in this tick has been sent.
    Done {
        /// The tick that it answers.
        tick: u64,
        /// Whether the run is over.
        finished: bool,
    },
    /// Lockstep over lines that do not keep each other's order: the host has sent so many bytes on the main line since it
    /// began, and the robot takes them all before the [`ToRobot::Done`] that follows. Since revision 1.
    Sent {
        /// Since the host began.
        bytes: u64,
    },
}

/// Who a host is. No later version changes this encoding, so that two versions can tell each other apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostHello {
    /// [`PROTOCOL_VERSION`].
    pub protocol: u16,
    /// [`PROTOCOL_REVISION`].
    pub revision: u16,
    /// Chosen at random by the host.
    pub session: u64,
    /// Counts the hellos of a session, so that a late answer is not taken for one to the newest.
    pub attempt: u32,
    /// Of the policy's contract.
    pub contract_hash: [u8; 32],
    /// Of the robot that the host expects.
    pub interface_hash: [u8; 32],
}

/// What every frame of a session begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The session.
    pub session: u64,
    /// Strictly increasing within it.
    pub sequence: u64,
    /// The host's clock, µs since its start: diagnostics alone.
    pub time_us: u64,
    /// Sequence of the newest whole sample that the host has; 0 before the first.
    pub acknowledged: u64,
    /// Sequence of the newest operator's message that the host has; 0 before the first.
    pub operator: u64,
    /// The host's mode, as [`mode_number`] numbers it; it informs alone.
    pub mode: u8,
}

/// From the robot to the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "encoded at once, and there is no allocation to box it with")]
pub enum ToHost {
    /// Accepts a hello.
    Hello(RobotHello),
    /// Refuses a hello.
    Refused {
        /// Of the robot. No later version changes the encoding of this message.
        protocol: u16,
        /// The session that it refuses.
        session: u64,
        /// The hello that it refuses.
        attempt: u32,
        /// Why.
        reason: Refusal,
    },
    /// The robot's heartbeat, with its state and its fault: sent when there is no sample to send.
    Status(Status),
    /// Sensors.
    Sample(SamplePart),
    /// What a person wants, through a receiver at the robot's end or through a link of its own.
    Operator(Operator),
    /// Lockstep: the robot's time has come to `tick`, and its sample has been sent; it waits for [`ToRobot::Done`].
    Advance {
        /// Host periods since the start.
        tick: u64,
    },
    /// Lockstep over lines that do not keep each other's order: the robot has sent so many bytes on the main line since the
    /// host began, and the host takes them all before the [`ToHost::Advance`] that follows. Since revision 1.
    Sent {
        /// Since the host began.
        bytes: u64,
    },
    /// Lockstep: the host is to begin anew, as after the loss of power, unless it has only just begun. It answers with its
    /// [`ToRobot::Hello`]. Since revision 1.
    Begin,
}

/// Who a robot is. No later version changes this encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RobotHello {
    /// [`PROTOCOL_VERSION`].
    pub protocol: u16,
    /// [`PROTOCOL_REVISION`].
    pub revision: u16,
    /// The session that it accepts.
    pub session: u64,
    /// The hello that it answers.
    pub attempt: u32,
    /// Another one after each start of the robot, so that a restart never passes for a pause.
    pub boot: u32,
    /// Of the robot's interface.
    pub interface_hash: [u8; 32],
}

/// Why a robot refuses a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// It speaks another version of the protocol.
    Protocol,
    /// It has another interface: other sensors, actuators or limits.
    Interface,
    /// It is armed, and belongs to another session.
    Busy,
}

/// What every frame of a robot's session begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The session that the robot is in.
    pub session: u64,
    /// Of [`RobotHello`].
    pub boot: u32,
    /// Strictly increasing; all parts of a sample share one.
    pub sequence: u64,
    /// The robot's clock, µs since its start: diagnostics alone.
    pub time_us: u64,
    /// Sequence of the host's newest frame that the robot has accepted; 0 before the first.
    pub echo_sequence: u64,
    /// How long ago that was, µs.
    pub echo_age_us: u32,
    /// What the robot is doing.
    pub state: RobotState,
    /// What is wrong with the robot, as [`robot_fault`] numbers it; it informs alone.
    pub fault: u8,
}

/// Some values of a sample; see [`super::sample`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SamplePart {
    /// Of the sample: the same in all its parts.
    pub status: Status,
    /// Which part, from 0.
    pub part: u8,
    /// How many parts the sample has.
    pub parts: u8,
    /// In part 0, each sensor's age at this instant, µs, in the interface's order; empty in the others.
    pub ages_us: heapless::Vec<u32, MAX_SENSORS>,
    /// The sample's values from [`MAX_PART_VALUES`] × `part` on; full in all parts but the last.
    pub values: heapless::Vec<f32, MAX_PART_VALUES>,
}

/// What a robot is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RobotState {
    /// It obeys nothing.
    #[default]
    Disarmed,
    /// Armed, and no actuator command has come yet.
    Armed,
    /// It obeys the newest actuator command.
    Obeying,
    /// The newest actuator command has expired: the safe action, until the next one.
    Expired,
    /// The safe action, until it is disarmed and armed.
    Stopped,
}

/// What a person wants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operator {
    /// Chosen at random by the operator's station.
    pub session: u64,
    /// Strictly increasing within it.
    pub sequence: u64,
    /// To arm, disarm or stop.
    pub request: Option<Request>,
    /// How long the goal holds after it arrives, µs; each command's own largest age is a limit too.
    pub valid_for_us: u32,
    /// The goal, one command of the contract after the other; empty where there is none.
    pub goal: heapless::Vec<f32, MAX_GOAL>,
}

/// The number of a host's mode in a [`Header`].
pub const fn mode_number(mode: Mode) -> u8 {
    match mode {
        Mode::Disarmed => 0,
        Mode::Standby => 1,
        Mode::Readying => 2,
        Mode::Engaging => 3,
        Mode::Running => 4,
        Mode::Fallback => 5,
        Mode::Stopped => 6,
    }
}

/// The number of a cause in [`ToRobot::Stop`]; 0 where the host does not say.
pub const fn stop_reason(cause: Option<Cause>) -> u8 {
    match cause {
        None => 0,
        Some(Cause::OperatorStop) => 1,
        Some(Cause::LinkSilent) => 2,
        Some(Cause::StaleSensor) => 3,
        Some(Cause::BadSensor) => 4,
        Some(Cause::BadOutput) => 5,
        Some(Cause::OutOfRange) => 6,
        Some(Cause::Overruns) => 7,
        Some(Cause::RobotStopped) => 8,
        Some(Cause::FallbackTooLong) => 9,
        Some(Cause::SensorRange) => 10,
        Some(Cause::SensorRate) => 11,
        Some(Cause::Torque) => 12,
        Some(Cause::Velocity) => 13,
        Some(Cause::Tilt) => 14,
        Some(Cause::Workspace) => 15,
        Some(Cause::BatteryLow) => 16,
        Some(Cause::BatteryCritical) => 17,
        Some(Cause::OperatorSilent) => 18,
    }
}

/// The numbers of a robot's faults in [`Status`].
pub mod robot_fault {
    /// Nothing is wrong.
    pub const NONE: u8 = 0;
    /// A stop input at the robot itself was pressed.
    pub const STOP_INPUT: u8 = 1;
    /// The host fell silent while the robot was armed, so the robot disarmed itself.
    pub const HOST_SILENT: u8 = 2;
    /// A drive or motor.
    pub const ACTUATOR: u8 = 3;
    /// A sensor.
    pub const SENSOR: u8 = 4;
    /// The supply's voltage or current.
    pub const POWER: u8 = 5;
    /// Something is too hot.
    pub const TEMPERATURE: u8 = 6;
    /// The robot's own program.
    pub const INTERNAL: u8 = 7;
}
