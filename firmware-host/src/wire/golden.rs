//! The bytes in `docs/protocol.md` are those that this crate writes and reads.
//!
//! Every line of the document that begins with a name in brackets, such as `[arm]`, holds the bytes of that name's example. A
//! message that changes its bytes without a new protocol version fails here, and so does an example without a test.

use super::authentication::handshake::{Initiator, Responder};
use super::authentication::{Key, LARGEST_DATAGRAM};
use super::frame::{LARGEST_FRAME, decode, encode};
use super::message::{
    Header, HostHello, Operator, Refusal, RobotHello, RobotState, SamplePart, Status, ToHost, ToRobot,
    robot_fault,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sinew_policy_runtime::interface::{
    Actuator, ActuatorMode, Frame, Interface, JointSetpoint, Sensor, Setpoint, Unit,
};
use sinew_policy_runtime::supervisor::Request;
use std::collections::BTreeMap;
use std::fmt::Debug;

/// The document's examples, by name.
fn documented() -> BTreeMap<&'static str, Vec<u8>> {
    let mut examples = BTreeMap::new();
    let mut name = None;
    for line in include_str!("../../docs/protocol.md").lines() {
        let line = line.trim();
        let mut digits = line;
        if let Some((found, rest)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            (name, digits) = (Some(found), rest.trim());
            assert!(examples.insert(found, Vec::new()).is_none(), "{found} twice");
        }
        let Some(name) = name else { continue };
        if line.is_empty() || line.starts_with("```") {
            continue;
        }
        let Ok(bytes) = hex(digits) else { break };
        examples.get_mut(name).unwrap().extend(bytes);
    }
    examples
}

fn hex(digits: &str) -> Result<Vec<u8>, std::num::ParseIntError> {
    let digits: String = digits.split_whitespace().collect();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..(at + 2).min(digits.len())], 16))
        .collect()
}

fn header() -> Header {
    Header { session: 7, sequence: 5, time_us: 1_000_000, acknowledged: 301, operator: 2, mode: 4 }
}

fn status() -> Status {
    Status {
        session: 7,
        boot: 9,
        sequence: 301,
        time_us: 2_000_000,
        echo_sequence: 5,
        echo_age_us: 1500,
        state: RobotState::Obeying,
        fault: robot_fault::NONE,
    }
}

fn to_robot() -> Vec<(&'static str, ToRobot)> {
    let joint = JointSetpoint { position: 0.5, velocity: -1.0, stiffness: 20.0, damping: 0.5, torque: 1.25 };
    let setpoints = [Setpoint::Joint(joint), Setpoint::Rotor(1500.0)];
    let hello = HostHello {
        protocol: 2,
        revision: 0,
        session: 7,
        attempt: 3,
        contract_hash: [0xaa; 32],
        interface_hash: [0xbb; 32],
    };
    vec![
        ("host hello", ToRobot::Hello(hello)),
        ("heartbeat", ToRobot::Heartbeat(header())),
        ("arm", ToRobot::Arm(header())),
        ("disarm", ToRobot::Disarm(header())),
        ("stop", ToRobot::Stop { header: header(), reason: 1 }),
        (
            "command",
            ToRobot::Command {
                header: header(),
                sample_sequence: 300,
                valid_for_us: 50_000,
                setpoints: heapless::Vec::from_slice(&setpoints).unwrap(),
            },
        ),
        ("done", ToRobot::Done { tick: 300, finished: true }),
        ("sent to robot", ToRobot::Sent { bytes: 4096 }),
    ]
}

fn to_host() -> Vec<(&'static str, ToHost)> {
    let hello =
        RobotHello { protocol: 2, revision: 0, session: 7, attempt: 3, boot: 9, interface_hash: [0xbb; 32] };
    let part = SamplePart {
        status: status(),
        part: 0,
        parts: 1,
        ages_us: heapless::Vec::from_slice(&[0, 250]).unwrap(),
        values: heapless::Vec::from_slice(&[0.5, -2.0, 1e-3]).unwrap(),
    };
    let operator = Operator {
        session: 11,
        sequence: 2,
        request: Some(Request::Arm),
        valid_for_us: 200_000,
        goal: heapless::Vec::from_slice(&[0.5]).unwrap(),
    };
    let refused = ToHost::Refused { protocol: 2, session: 7, attempt: 3, reason: Refusal::Busy };
    let stopped = Status { state: RobotState::Stopped, fault: robot_fault::STOP_INPUT, ..status() };
    vec![
        ("robot hello", ToHost::Hello(hello)),
        ("refused", refused),
        ("status", ToHost::Status(stopped)),
        ("sample", ToHost::Sample(part)),
        ("operator", ToHost::Operator(operator)),
        ("advance", ToHost::Advance { tick: 300 }),
        ("sent to host", ToHost::Sent { bytes: 4096 }),
        ("begin", ToHost::Begin),
    ]
}

/// The example's bytes are those of the message, and the message's are those of the example.
fn check<M: Serialize + DeserializeOwned + PartialEq + Debug>(
    examples: &mut BTreeMap<&str, Vec<u8>>,
    name: &str,
    message: &M,
) {
    let bytes = encode(message, &mut [0; LARGEST_FRAME]).unwrap().to_vec();
    let mut example = examples.remove(name).unwrap_or_default();
    assert!(example == bytes, "[{name}] {bytes:02x?}");
    assert_eq!(example.pop(), Some(0));
    assert_eq!(decode::<M>(&mut example).as_ref(), Ok(message));
}

fn same(examples: &mut BTreeMap<&str, Vec<u8>>, name: &str, bytes: &[u8]) {
    let example = examples.remove(name).unwrap_or_default();
    assert!(example == bytes, "[{name}] {bytes:02x?}");
}

#[test]
fn the_documents_bytes_are_those_that_are_sent() {
    let mut examples = documented();
    for (name, message) in to_robot() {
        check(&mut examples, name, &message);
    }
    for (name, message) in to_host() {
        check(&mut examples, name, &message);
    }
    same(&mut examples, "interface hash", &pendulum().hash());
    let key = Key::new(core::array::from_fn(|index| index as u8));
    let host = Initiator::new(key.clone(), [0x11; 32]);
    let mut robot = Responder::new(key, [0x22; 32]);
    let initiation = host.initiate();
    same(&mut examples, "initiate", &initiation);
    let response = robot.respond(&initiation).unwrap();
    same(&mut examples, "respond", &response);
    let (mut at_host, confirmation) = host.finish(&response).unwrap();
    same(&mut examples, "confirm", &confirmation);
    let mut at_robot = robot.confirm(&confirmation, [0x33; 32]).unwrap();
    let mut buffer = [0; LARGEST_DATAGRAM];
    same(&mut examples, "data to robot", at_host.seal(&[1, 2, 0], &mut buffer).unwrap());
    same(&mut examples, "data to host", at_robot.seal(&[1, 2, 0], &mut buffer).unwrap());
    assert!(examples.is_empty(), "examples without a test: {:?}", examples.keys());
}

fn pendulum() -> Interface<'static> {
    let sensor = |name, unit| Sensor { name, size: 1, unit, frame: Frame::Joint };
    let actuator = Actuator {
        name: "hinge",
        mode: ActuatorMode::Torque,
        minimum: -2.0,
        maximum: 2.0,
        max_rate_per_s: Some(300.0),
        stiffness: 0.0,
        damping: 0.0,
    };
    let mut interface = Interface::default();
    interface.sensors.push(sensor("hinge_position", Unit::Radian)).unwrap();
    interface.sensors.push(sensor("hinge_velocity", Unit::RadianPerSecond)).unwrap();
    interface.actuators.push(actuator).unwrap();
    interface
}
