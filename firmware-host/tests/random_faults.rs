//! Whatever happens to link, sensors, clocks, host and robot, and whatever an operator asks for: what the host sends may
//! reach a robot, and a stop is ended by disarming alone. A failure shrinks to a campaign of a few lines that plays it again.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod untrained;

use proptest::prelude::*;
use sinew_firmware_host::hil::campaign::{Campaign, CampaignOptions, Case};
use sinew_firmware_host::hil::{ClockJump, HilReport, ScriptedRequest, SensorFault, SensorFaultKind, Span};
use sinew_firmware_host::link::{Direction, FaultKind, FaultWindow};
use sinew_firmware_host::robot::{
    Bounds, DescentDescription, FallbackController, FallbackDescription, GuardDescription, GuardedCause,
    HeldDescription, RotorDescription, Spin,
};
use sinew_firmware_host::wire::robot_session::LARGEST_COMMAND_AGE_US;
use sinew_policy_runtime::image::AlignedImage;
use sinew_policy_runtime::onnx;
use sinew_policy_runtime::supervisor::{Action, Answer, Answers, Causes, Limits, Mode, Request};
use sinew_sim::Task;
use std::sync::LazyLock;

/// A robot and what can be drawn for it.
struct Subject {
    task: Task,
    image: AlignedImage,
    sensors: &'static [&'static str],
    guards: Vec<GuardDescription>,
    /// Who may command in a fallback.
    fallbacks: Vec<FallbackDescription>,
}

/// Four rotors, which the host can let sink.
static QUADROTOR: LazyLock<Subject> = LazyLock::new(|| {
    use GuardedCause::{
        BatteryCritical, BatteryLow, SensorRange, SensorRate, StaleSensor, Tilt, Velocity, Workspace,
    };
    let all = |value| Some(Bounds::All(value));
    let guards = vec![
        guard_of(SensorRange, "position", all(-100.0), all(100.0)),
        guard_of(SensorRate, "orientation", None, all(20.0)),
        guard_of(Velocity, "velocity", None, Some(Bounds::Each(vec![1.0, 1.0, 2.0]))),
        guard_of(Tilt, "orientation", None, all(0.8)),
        guard_of(Workspace, "position", all(-1.5), all(1.5)),
        guard_of(BatteryLow, "position", all(-2.0), None),
        guard_of(BatteryCritical, "angular_velocity", all(-1000.0), None),
        guard_of(StaleSensor, "velocity", None, all(0.05)),
    ];
    let sensors = &["position", "velocity", "orientation", "angular_velocity"];
    let rotor = |name: &str, x_m: f32, y_m: f32| RotorDescription {
        actuator: format!("rotor_{name}"),
        x_m,
        y_m,
        spin: if x_m * y_m > 0.0 { Spin::Clockwise } else { Spin::CounterClockwise },
        hover_speed_rad_per_s: 1500.0,
    };
    let descent = DescentDescription {
        descent_speed_m_per_s: 0.5,
        duration_s: 0.5,
        largest_age_s: 0.0625,
        orientation: "orientation".to_owned(),
        angular_velocity: "angular_velocity".to_owned(),
        velocity: "velocity".to_owned(),
        rotors: vec![
            rotor("front_left", 0.03, 0.03),
            rotor("front_right", 0.03, -0.03),
            rotor("rear_right", -0.03, -0.03),
            rotor("rear_left", -0.03, 0.03),
        ],
    };
    let fallback = FallbackDescription {
        controller: FallbackController::Descend,
        ramp_s: 0.5,
        hold_s: 5.0,
        joints: Vec::new(),
        descent: Some(descent),
    };
    Subject::new("quadrotor", sensors, guards, vec![fallback])
});

/// A joint, which the host can hold or damp.
static PENDULUM: LazyLock<Subject> = LazyLock::new(|| {
    use GuardedCause::{SensorRange, SensorRate, StaleSensor, Velocity};
    let all = |value| Some(Bounds::All(value));
    let guards = vec![
        guard_of(SensorRange, "hinge_position", all(-3.0), all(3.0)),
        guard_of(SensorRate, "hinge_position", None, all(4.0)),
        guard_of(Velocity, "hinge_velocity", None, all(2.0)),
        guard_of(StaleSensor, "hinge_velocity", None, all(0.1)),
    ];
    let held = HeldDescription {
        actuator: "hinge".to_owned(),
        pose: Some(0.5),
        stiffness: Some(5.0),
        damping: Some(1.0),
    };
    let fallback = |controller| FallbackDescription {
        controller,
        ramp_s: 0.125,
        hold_s: 0.5,
        joints: vec![held.clone()],
        descent: None,
    };
    let fallbacks = [FallbackController::Hold, FallbackController::Damp].map(fallback).to_vec();
    Subject::new("pendulum", &["hinge_position", "hinge_velocity"], guards, fallbacks)
});

impl Subject {
    fn new(
        task: &str,
        sensors: &'static [&'static str],
        guards: Vec<GuardDescription>,
        fallbacks: Vec<FallbackDescription>,
    ) -> Self {
        let task = Task::load(task).unwrap();
        let image = onnx::load(&untrained::policy(&task)).unwrap();
        Self { task, image, sensors, guards, fallbacks }
    }
}

fn guard_of(
    cause: GuardedCause,
    sensor: &str,
    minimum: Option<Bounds>,
    maximum: Option<Bounds>,
) -> GuardDescription {
    GuardDescription { cause, sensor: sensor.to_owned(), minimum, maximum, tolerated_samples: 0 }
}

/// More for a long run: `SINEW_CASES=5000`.
fn cases() -> u32 {
    std::env::var("SINEW_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(64)
}

/// Hundredths of a second are what a tick can tell apart, and short in TOML.
fn seconds(most: u32) -> impl Strategy<Value = f64> {
    (0..=100 * most).prop_map(|hundredths| f64::from(hundredths) / 100.0)
}

fn fault() -> impl Strategy<Value = FaultWindow> {
    use FaultKind::{Corrupt, Delay, Drop, Duplicate, Reorder};
    let kind = prop::sample::select(vec![Drop, Duplicate, Delay, Reorder, Corrupt]);
    let direction = prop::sample::select(vec![Direction::Both, Direction::ToHost, Direction::ToRobot]);
    (seconds(2), seconds(1), kind, 0..=10_u32, direction, seconds(1)).prop_map(
        |(at_s, duration_s, kind, tenths, direction, delay_s)| FaultWindow {
            at_s,
            duration_s: duration_s + 0.01,
            kind,
            probability: f64::from(tenths) / 10.0,
            direction,
            delay_s: if kind == Delay { delay_s + 0.01 } else { 0.0 },
        },
    )
}

fn sensor(subject: &Subject) -> impl Strategy<Value = SensorFault> + use<> {
    use SensorFaultKind::{BelowRange, Frozen, Infinite, Nan, Old, OutOfRange, Zero};
    let kind = prop::sample::select(vec![Nan, Infinite, OutOfRange, BelowRange, Zero, Frozen, Old]);
    (seconds(2), seconds(1), prop::sample::select(subject.sensors), kind).prop_map(
        |(at_s, duration_s, sensor, kind)| SensorFault { at_s, duration_s, sensor: sensor.to_owned(), kind },
    )
}

/// Guards of every cause that the sensors can have, some of which trip in an ordinary flight.
fn guard(subject: &Subject) -> impl Strategy<Value = GuardDescription> + use<> {
    (prop::sample::select(subject.guards.clone()), 0..3_u32)
        .prop_map(|(guard, tolerated_samples)| GuardDescription { tolerated_samples, ..guard })
}

/// Nobody commands in a fallback, or one of those who may.
fn fallback(subject: &Subject) -> impl Strategy<Value = Option<FallbackDescription>> + use<> {
    let nobody = std::iter::once(None);
    prop::sample::select(nobody.chain(subject.fallbacks.iter().cloned().map(Some)).collect::<Vec<_>>())
}

fn answer() -> impl Strategy<Value = Answer> {
    let clear_s = (0..5_u16).prop_map(|eighths| f32::from(eighths) / 8.0);
    let fallback = (any::<bool>(), clear_s).prop_map(|(latches, clear_s)| Answer {
        action: Action::Fallback,
        latches,
        clear_s,
    });
    prop_oneof![Just(Answer::WARN), Just(Answer::STOP), fallback]
}

prop_compose! {
    fn limits()(
        [sensor_range, sensor_rate, velocity, tilt, workspace, battery_low, battery_critical, operator_silent] in
            prop::array::uniform8(answer()),
        link in prop_oneof![Just(Answer::FALLBACK), Just(Answer::LATCHED), Just(Answer::STOP)],
        phases in any::<bool>(),
        shadow in prop::bool::weighted(0.1),
        watches_operator in any::<bool>(),
    ) -> Limits {
        let answers = Answers {
            link_silent: link, stale_sensor: link, sensor_range, sensor_rate, velocity, tilt, workspace, battery_low,
            battery_critical, operator_silent, ..Answers::default()
        };
        let phase_s = if phases { 0.125 } else { 0.0 };
        let operator_silence_s = if watches_operator { 0.25 } else { 0.0 };
        Limits {
            standby_s: phase_s, readying_s: phase_s, engaging_s: phase_s, operator_silence_s, shadow, answers,
            ..Limits::default()
        }
    }
}

prop_compose! {
    fn case(subject: &Subject)(
        seed in 0..1000_u64,
        faults in prop::collection::vec(fault(), 0..4),
        sensors in prop::collection::vec(sensor(subject), 0..2),
        requests in prop::collection::vec(
            (seconds(2), prop::sample::select(vec![Request::Arm, Request::Disarm, Request::Stop])), 0..5),
        stalls in prop::collection::vec((seconds(2), seconds(1)), 0..2),
        jumps in prop::collection::vec((seconds(2), seconds(12)), 0..2),
        restarts_s in prop::collection::vec(seconds(2), 0..2),
        operator_until_s in prop::option::of(seconds(3)),
        supervisor in prop::option::of(limits()),
        fallback in fallback(subject),
        mut guards in prop::collection::vec(guard(subject), 0..3),
    ) -> Case {
        if fallback.as_ref().is_some_and(|fallback| fallback.controller == FallbackController::Descend) {
            // Who doubts the attitude may not hand the robot to a descent; the description is refused.
            guards.retain(|guard| guard.cause != GuardedCause::SensorRate);
        }
        Case {
            name: "random".to_owned(),
            duration_s: 2.5,
            seed,
            faults,
            requests: requests.into_iter().map(|(at_s, request)| ScriptedRequest { at_s, request }).collect(),
            stalls: stalls.into_iter().map(|(at_s, duration_s)| Span { at_s, duration_s }).collect(),
            clock_jumps: jumps.into_iter().map(|(at_s, by_s)| ClockJump { at_s, by_s }).collect(),
            sensors,
            restarts_s,
            operator_until_s,
            supervisor,
            fallback,
            guards,
            expect: Vec::new(),
        }
    }
}

/// What is wrong with a flight, if anything.
fn problem(case: &Case, report: &HilReport) -> Option<String> {
    let shadow = case.supervisor.is_some_and(|limits| limits.shadow);
    if shadow && report.witnessed.commands > 0 {
        return Some(format!("{} commands in shadow", report.witnessed.commands));
    }
    if !report.witnessed.is_clean() || report.interventions > 0 {
        return Some(format!("{:?}, {} interventions", report.witnessed, report.interventions));
    }
    if report.plant_oldest_command_us > LARGEST_COMMAND_AGE_US {
        let age_us = report.plant_oldest_command_us;
        return Some(format!("the robot obeyed a command for a sample of {age_us} us before"));
    }
    let unexplained = |mode: Mode| matches!(mode, Mode::Fallback | Mode::Stopped);
    for (index, (at_s, mode, cause)) in report.changes.iter().enumerate() {
        if unexplained(*mode) && cause.is_none() {
            return Some(format!("{mode:?} at {at_s} s without a cause"));
        }
        let before = index.checked_sub(1).and_then(|before| report.changes.get(before));
        if before.is_some_and(|(_, before, _)| *before == Mode::Stopped) && *mode != Mode::Disarmed {
            return Some(format!("{mode:?} at {at_s} s, out of a stop"));
        }
    }
    None
}

/// Flies random cases; the host ticks as often as the policy infers, or several times.
fn fly_all(subject: &Subject) {
    let config = ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() };
    let (mut ticks, mut stops, mut fallbacks, mut causes) = (0, 0, 0, Causes::default());
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let counted = std::cell::RefCell::new((&mut ticks, &mut stops, &mut fallbacks, &mut causes));
    let ticks_per_period = prop::sample::select(vec![1_u32, 2, 10]);
    let outcome = runner.run(&(case(subject), ticks_per_period), |(case, ticks_per_period)| {
        let rate_hz = Some(f64::from(ticks_per_period) / subject.task.policy_period_s());
        let options = CampaignOptions { link: "inproc".parse().unwrap(), rate_hz, logs: None };
        let report = case.fly(&subject.task, &subject.image, &options).unwrap();
        let mut counted = counted.borrow_mut();
        let reached = |asked| u64::from(report.changes.iter().any(|(_, mode, _)| *mode == asked));
        *counted.0 += report.ticks;
        *counted.1 += reached(Mode::Stopped);
        *counted.2 += reached(Mode::Fallback);
        report.changes.iter().filter_map(|(_, _, cause)| *cause).for_each(|cause| counted.3.insert(cause));
        let text = || Campaign::new(vec![case.clone()]).to_toml().unwrap();
        problem(&case, &report)
            .map_or(Ok(()), |problem| Err(TestCaseError::fail(format!("{problem}\n{}", text()))))
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    let causes = causes.iter().collect::<Vec<_>>();
    println!(
        "{}: {ticks} ticks, {stops} flights with a stop, {fallbacks} with a fallback, causes {causes:?}",
        subject.task.name()
    );
    assert!(ticks > 1000 && stops > 0 && fallbacks > 0, "{ticks} ticks: too little happened");
}

#[test]
fn no_sequence_of_faults_makes_the_host_send_what_no_quadrotor_may_get() {
    fly_all(&QUADROTOR);
}

#[test]
fn no_sequence_of_faults_makes_the_host_send_what_no_joint_may_get() {
    fly_all(&PENDULUM);
}

#[test]
fn a_case_reads_back_from_its_toml() {
    let config = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    for subject in [&*QUADROTOR, &*PENDULUM] {
        let mut runner = proptest::test_runner::TestRunner::new(config.clone());
        let outcome = runner.run(&case(subject), |case| {
            let campaign = Campaign::new(vec![case]);
            let read = Campaign::parse(&campaign.to_toml().unwrap(), "case.toml").unwrap();
            prop_assert_eq!(read.cases, campaign.cases);
            Ok(())
        });
        outcome.unwrap();
    }
}
