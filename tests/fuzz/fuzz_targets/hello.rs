//! A robot that is told anything, hellos first: it moves only when it is armed by the session that owns it, and never on what is
//! not finite, and never for longer than a command may last.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sinew_firmware_host::wire::message::{HostHello, RobotState, ToHost, ToRobot};
use sinew_firmware_host::wire::robot_session::RobotSession;
use sinew_firmware_host::wire::{PROTOCOL_VERSION, frame};
use sinew_policy_runtime::interface::{JointSetpoint, Setpoint};

const HASH: [u8; 32] = [1; 32];

fuzz_target!(|input: &[u8]| {
    let resting = [Setpoint::Joint(JointSetpoint::default()), Setpoint::Rotor(0.0)];
    let mut robot = RobotSession::new(HASH, 1, &resting);
    let hello = HostHello {
        protocol: PROTOCOL_VERSION,
        revision: 0,
        session: 7,
        attempt: 1,
        contract_hash: [0; 32],
        interface_hash: HASH,
    };
    assert!(matches!(robot.take(0, &ToRobot::Hello(hello)), Some(ToHost::Hello(_))));
    let (mut now_us, mut owner) = (0_u64, 7);
    // Each message: its time, its length, its payload.
    let mut rest = input;
    while let [pause, length, behind @ ..] = rest {
        let payload = &behind[..usize::from(*length).min(behind.len())];
        rest = &behind[payload.len()..];
        now_us += u64::from(*pause) * 20_000;
        let Ok(message) = frame::payload::<ToRobot>(payload) else { continue };
        let before = robot.state();
        let answer = robot.take(now_us, &message);
        if let Some(ToHost::Hello(accepted)) = answer {
            assert!(matches!(message, ToRobot::Hello(told) if told.interface_hash == HASH));
            if accepted.session != owner {
                assert!(matches!(robot.state(), RobotState::Disarmed | RobotState::Stopped));
                owner = accepted.session;
            }
        }
        if before == RobotState::Stopped && robot.state() != RobotState::Stopped {
            assert!(matches!(message, ToRobot::Disarm(header) if header.session == owner));
        }
        if before == RobotState::Disarmed && robot.state() == RobotState::Armed {
            assert!(matches!(message, ToRobot::Arm(header) if header.session == owner));
        }
        if let Some(setpoints) = robot.setpoints() {
            assert!(before != RobotState::Disarmed && before != RobotState::Stopped);
            assert!(setpoints.len() == resting.len() && setpoints.iter().all(Setpoint::is_finite));
            let mut later = robot.clone();
            later.advance(now_us + u64::from(u32::MAX) + 1);
            assert!(later.setpoints().is_none());
        }
        assert!(robot.status(now_us).is_some_and(|status| status.session == owner));
    }
});
