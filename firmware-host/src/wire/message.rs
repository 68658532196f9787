//! What host and robot tell each other.
//!
//! Everything that could be mistaken for something newer carries a 64-bit sequence that never wraps in practice and starts
//! anew only with a new session. Clocks are never compared: the robot says which of the host's frames it saw last and how
//! long ago, and the host bounds a sample's age by its own clock.

use serde::{Deserialize, Serialize};
use sinew_policy_runtime::interface::{MAX_ACTUATORS, MAX_SENSORS, Setpoint};

/// Raised by any change of a message's encoding.
pub const PROTOCOL_VERSION: u16 = 1;
/// Largest number of values in a sample.
pub const MAX_SAMPLE: usize = 96;

/// From the host to the robot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "encoded at once, and there is no allocation to box it with")]
pub enum ToRobot {
    /// Opens a session; the robot answers with [`ToHost::Hello`] and obeys no other session from then on.
    Hello {
        /// [`PROTOCOL_VERSION`].
        protocol: u16,
        /// Chosen at random by the host.
        session: u64,
        /// Of the policy's contract.
        contract_hash: [u8; 32],
        /// Of the robot that the host expects.
        interface_hash: [u8; 32],
    },
    /// Says that the host is there; sent when there is nothing else to send.
    Heartbeat(Header),
    /// Lets the robot obey actuator commands.
    Arm(Header),
    /// The robot enters its safe state and obeys no actuator command.
    Disarm(Header),
    /// The robot enters its safe state until it is disarmed and armed again.
    Stop(Header),
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
}

/// What every frame of a session begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The session.
    pub session: u64,
    /// Strictly increasing within it.
    pub sequence: u64,
}

/// From the robot to the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "encoded at once, and there is no allocation to box it with")]
pub enum ToHost {
    /// Answers a hello.
    Hello {
        /// [`PROTOCOL_VERSION`].
        protocol: u16,
        /// The session that it accepts.
        session: u64,
        /// Of the robot's interface.
        interface_hash: [u8; 32],
    },
    /// All sensors.
    Sample(Sample),
    /// Lockstep: the robot's time has come to `tick`, and its sample has been sent; it waits for [`ToRobot::Done`].
    Advance {
        /// Host periods since the start.
        tick: u64,
    },
}

/// All sensors of a robot at one instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The session that the robot is in.
    pub session: u64,
    /// Strictly increasing.
    pub sequence: u64,
    /// Sequence of the host's newest frame that the robot has accepted; 0 before the first.
    pub echo_sequence: u64,
    /// How long ago that was, µs.
    pub echo_age_us: u32,
    /// What the robot is doing.
    pub state: RobotState,
    /// Each sensor's age at this instant, µs, in the interface's order.
    pub ages_us: heapless::Vec<u32, MAX_SENSORS>,
    /// All sensors' values, in the interface's order.
    pub values: heapless::Vec<f32, MAX_SAMPLE>,
}

/// What a robot is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RobotState {
    /// It obeys nothing.
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
