//! A host whose robot says anything at all: what it commands stays safe, and a robot that keeps the rules is served again.
#![cfg(feature = "onnx")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../policy-runtime/tests/policies/mod.rs"]
mod policies;

use policies::Shape;
use proptest::prelude::*;
use sinew_firmware_host::host::{Host, HostOptions};
use sinew_firmware_host::link::{Link, inproc_pair};
use sinew_firmware_host::robot::Robot;
use sinew_firmware_host::wire::message::{Operator, Refusal, RobotHello, RobotState, SamplePart, Status};
use sinew_firmware_host::wire::{Decoder, PROTOCOL_VERSION, ToHost, ToRobot, encode};
use sinew_policy_runtime::image::AlignedImage;
use sinew_policy_runtime::interface::{Interface, Setpoint};
use sinew_policy_runtime::onnx;
use sinew_policy_runtime::onnx::write::Activation;
use sinew_policy_runtime::supervisor::{Limits, Mode, Request};
use std::sync::OnceLock;

const TICK_US: u64 = 20_000;
const SESSION: u64 = 7;
const ROBOT: &str = r#"
name = "bench"
valid_for_s = 0.05
[[sensors]]
name = "state"
size = 2
unit = "dimensionless"
frame = "body"
[[actuators]]
name = "a"
mode = "torque"
minimum = -40.0
maximum = 40.0
"#;

fn image() -> &'static AlignedImage {
    static IMAGE: OnceLock<AlignedImage> = OnceLock::new();
    IMAGE.get_or_init(|| onnx::load(&Shape::new(&[2, 8, 1], Activation::Elu { alpha: 1.0 }).onnx()).unwrap())
}

fn interface_hash() -> [u8; 32] {
    let contract = policies::contract(2, 1, false);
    Interface { sensors: contract.sensors, actuators: contract.actions }.hash()
}

/// A host in virtual time, with everything that it has sent.
struct Bench<'a> {
    host: Host<'a>,
    link: Box<dyn Link>,
    robot: Box<dyn Link>,
    decoder: Decoder,
    now_us: u64,
    newest: u64,
}

impl<'a> Bench<'a> {
    fn new(robot: &'a Robot) -> Self {
        let view = image().image().unwrap();
        let contract = view.contract().unwrap().unwrap();
        let options = HostOptions {
            session: SESSION,
            tick_period_s: 0.02,
            goal: heapless::Vec::new(),
            limits: Limits::immediate(),
        };
        let host = Host::new(view, &contract, robot, options).unwrap();
        let (link, robot) = inproc_pair();
        Self { host, link, robot, decoder: Decoder::default(), now_us: 0, newest: 0 }
    }

    fn say(&mut self, message: &ToHost) {
        self.robot.send(encode(message, &mut [0; 1024]).unwrap()).unwrap();
    }

    /// One tick; gives what the host sent, whose sequences grow.
    fn tick(&mut self, request: Option<Request>) -> Vec<ToRobot> {
        self.now_us += TICK_US;
        self.host.tick(self.now_us, &mut *self.link, request);
        let (mut sent, mut buffer) = (Vec::new(), [0; 1024]);
        while let Ok(length @ 1..) = self.robot.receive(&mut buffer) {
            let message = self.decoder.feed::<ToRobot>(&buffer[..length]).0.unwrap();
            if let ToRobot::Heartbeat(header)
            | ToRobot::Arm(header)
            | ToRobot::Disarm(header)
            | ToRobot::Stop { header, .. }
            | ToRobot::Command { header, .. } = &message
            {
                assert!(header.session == SESSION && header.sequence > self.newest);
                self.newest = header.sequence;
            }
            sent.push(message);
        }
        sent
    }

    /// A robot that keeps the rules: answers hellos and sends a sample.
    fn serve(&mut self, sent: &[ToRobot], boot: u32, sequence: u64, state: RobotState) {
        for message in sent {
            if let ToRobot::Hello(hello) = message {
                self.say(&hello_of(boot, hello.attempt));
            }
        }
        let echo = self.newest;
        self.say(&sample(boot, sequence, echo, state, [0.1, -0.2], 0));
    }
}

fn hello_of(boot: u32, attempt: u32) -> ToHost {
    ToHost::Hello(RobotHello {
        protocol: PROTOCOL_VERSION,
        revision: 0,
        session: SESSION,
        attempt,
        boot,
        interface_hash: interface_hash(),
    })
}

fn sample(boot: u32, sequence: u64, echo: u64, state: RobotState, values: [f32; 2], age_us: u32) -> ToHost {
    let status = Status {
        session: SESSION,
        boot,
        sequence,
        time_us: 0,
        echo_sequence: echo,
        echo_age_us: 0,
        state,
        fault: 0,
    };
    ToHost::Sample(SamplePart {
        status,
        part: 0,
        parts: 1,
        ages_us: heapless::Vec::from_slice(&[age_us]).unwrap(),
        values: heapless::Vec::from_slice(&values).unwrap(),
    })
}

fn state() -> impl Strategy<Value = RobotState> {
    prop_oneof![
        Just(RobotState::Disarmed),
        Just(RobotState::Armed),
        Just(RobotState::Obeying),
        Just(RobotState::Expired),
        Just(RobotState::Stopped),
    ]
}

/// Anything that a robot could say, in a session or beside it.
fn any_message() -> impl Strategy<Value = ToHost> {
    let number =
        prop_oneof![4 => -3.0_f32..3.0, 1 => Just(f32::NAN), 1 => Just(f32::INFINITY), 1 => Just(3e38_f32)];
    let request = prop_oneof![Just(None), Just(Some(Request::Stop)), Just(Some(Request::Disarm))];
    prop_oneof![
        6 => (0..3_u32, 0..60_u64, 0..200_u64, state(), [number.clone(), number.clone()], 0..300_000_u32)
            .prop_map(|(boot, sequence, echo, state, values, age_us)| sample(boot, sequence, echo, state, values, age_us)),
        2 => (0..3_u32, 0..20_u32).prop_map(|(boot, attempt)| hello_of(boot, attempt)),
        1 => (0..20_u32).prop_map(|attempt| ToHost::Refused {
            protocol: PROTOCOL_VERSION, session: SESSION, attempt, reason: Refusal::Busy,
        }),
        1 => (0..3_u32, 0..60_u64, state(), any::<u8>()).prop_map(|(boot, sequence, state, fault)| {
            ToHost::Status(Status { session: SESSION, boot, sequence, state, fault, ..Status::default() })
        }),
        1 => (0..9_u64, request, prop::collection::vec(number, 0..4)).prop_map(|(sequence, request, goal)| {
            let goal = goal.into_iter().collect();
            ToHost::Operator(Operator { session: 1, sequence, request, valid_for_us: 1, goal })
        }),
        1 => any::<u64>().prop_map(|tick| ToHost::Advance { tick }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn whatever_a_robot_says_no_unsafe_command_is_sent(
        ticks in prop::collection::vec((prop::collection::vec(any_message(), 0..4), 0..12_u8), 1..80),
    ) {
        let robot = Robot::parse(ROBOT, "robot.toml").unwrap();
        let mut bench = Bench::new(&robot);
        let mut may_command = false;
        for (messages, request) in ticks {
            for message in &messages {
                bench.say(message);
            }
            let request = match request {
                0..4 => Some(Request::Arm),
                4 => Some(Request::Disarm),
                5 => Some(Request::Stop),
                _ => None,
            };
            may_command = match request {
                Some(Request::Arm) => true,
                Some(Request::Disarm | Request::Stop) => false,
                None => may_command,
            };
            for message in bench.tick(request) {
                let ToRobot::Command { sample_sequence, valid_for_us, setpoints, header } = message else { continue };
                prop_assert!(may_command, "a command without an arm");
                prop_assert_eq!((header.acknowledged, valid_for_us), (sample_sequence, 50_000));
                prop_assert!(sample_sequence > 0, "a command from no sample");
                let [Setpoint::Joint(joint)] = setpoints[..] else { panic!("{setpoints:?}") };
                prop_assert!(joint.torque.is_finite() && joint.torque.abs() <= 44.0);
            }
        }
    }
}

/// A bench whose robot has been armed and obeys; the sequence of its newest sample.
fn running(robot: &Robot) -> (Bench<'_>, u64) {
    let mut bench = Bench::new(robot);
    let mut sent = bench.tick(None);
    for sequence in 1..=5 {
        bench.serve(&sent, 1, sequence, RobotState::Disarmed);
        sent = bench.tick(None);
    }
    bench.serve(&sent, 1, 6, RobotState::Disarmed);
    sent = bench.tick(Some(Request::Arm));
    assert!(matches!(sent[..], [ToRobot::Arm(_), ToRobot::Command { .. }]), "{sent:?}");
    bench.serve(&sent, 1, 7, RobotState::Obeying);
    bench.tick(None);
    assert_eq!(bench.host.supervisor().mode(), Mode::Running);
    (bench, 7)
}

#[test]
fn a_robot_that_begins_again_as_it_is_armed_is_not_armed_again() {
    let robot = Robot::parse(ROBOT, "robot.toml").unwrap();
    let mut bench = Bench::new(&robot);
    let sent = bench.tick(None);
    bench.serve(&sent, 1, 1, RobotState::Disarmed);
    bench.tick(None);
    bench.serve(&[], 1, 2, RobotState::Disarmed);
    let sent = bench.tick(Some(Request::Arm));
    assert!(matches!(sent[..], [ToRobot::Arm(_), ToRobot::Command { .. }]), "{sent:?}");
    // It began again before it could say that it was armed, and answers once the host asks who it is.
    let mut sequence = 0;
    for _ in 0..20 {
        let sent = bench.tick(None);
        let greeted = sequence > 0 || sent.iter().any(|message| matches!(message, ToRobot::Hello(_)));
        assert!(!greeted || !sent.iter().any(|message| matches!(message, ToRobot::Arm(_))), "{sent:?}");
        if greeted {
            sequence += 1;
            bench.serve(&sent, 2, sequence, RobotState::Disarmed);
        }
    }
    assert_eq!((bench.host.counters().robot_restarts, bench.host.supervisor().mode()), (1, Mode::Stopped));
}

#[test]
fn a_hello_that_comes_late_does_not_bring_an_earlier_start_back() {
    let robot = Robot::parse(ROBOT, "robot.toml").unwrap();
    let (mut bench, newest) = running(&robot);
    // Nothing awaits an answer: the robot is well.
    bench.say(&hello_of(2, 1));
    bench.serve(&[], 1, newest + 1, RobotState::Obeying);
    bench.tick(None);
    assert_eq!((bench.host.counters().robot_restarts, bench.host.supervisor().mode()), (0, Mode::Running));
}

#[test]
fn a_sample_without_an_echo_is_as_good_as_none() {
    let robot = Robot::parse(ROBOT, "robot.toml").unwrap();
    let (mut bench, newest) = running(&robot);
    bench.say(&sample(1, newest + 1, 0, RobotState::Obeying, [0.0; 2], 0));
    let sent = bench.tick(None);
    assert!(matches!(sent[..], [ToRobot::Heartbeat(_)]), "{sent:?}");
    assert_eq!(bench.host.supervisor().mode(), Mode::Fallback);
}

#[test]
fn a_robot_that_says_by_its_status_that_it_stopped_is_heard_at_once() {
    let robot = Robot::parse(ROBOT, "robot.toml").unwrap();
    let (mut bench, newest) = running(&robot);
    let status = Status {
        session: SESSION,
        boot: 1,
        sequence: newest + 1,
        state: RobotState::Stopped,
        fault: 5,
        ..Status::default()
    };
    bench.say(&ToHost::Status(status));
    let sent = bench.tick(None);
    assert!(matches!(sent[..], [ToRobot::Stop { reason: 8, .. }]), "{sent:?}");
    assert_eq!(bench.host.counters().robot_fault, 5);
}

#[test]
fn a_host_says_hello_at_its_rate_and_tells_why_it_was_refused() {
    let robot = Robot::parse(ROBOT, "robot.toml").unwrap();
    let mut bench = Bench::new(&robot);
    let hellos: Vec<u32> = (0..10)
        .flat_map(|_| bench.tick(None))
        .filter_map(|message| if let ToRobot::Hello(hello) = message { Some(hello.attempt) } else { None })
        .collect();
    assert_eq!(hellos, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    bench.say(&ToHost::Refused { protocol: 9, session: SESSION, attempt: 10, reason: Refusal::Protocol });
    bench.tick(None);
    assert_eq!(bench.host.counters().refused, Some(Refusal::Protocol));
    assert!(!bench.host.is_connected());
}
