//! Whatever happens to link, sensors, clocks, host and robot, and whatever an operator asks for: what the host sends may
//! reach a robot, and a stop is ended by disarming alone. A failure shrinks to a campaign of a few lines that plays it again.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod untrained;

use proptest::prelude::*;
use sinew_firmware_host::hil::campaign::{Campaign, CampaignOptions, Case};
use sinew_firmware_host::hil::{ClockJump, HilReport, ScriptedRequest, SensorFault, SensorFaultKind, Span};
use sinew_firmware_host::link::{Direction, FaultKind, FaultWindow};
use sinew_firmware_host::robot::{Bounds, GuardDescription, GuardedCause};
use sinew_policy_runtime::image::AlignedImage;
use sinew_policy_runtime::onnx;
use sinew_policy_runtime::supervisor::{Action, Answer, Answers, Causes, Limits, Mode, Request};
use sinew_sim::Task;
use std::sync::LazyLock;

static TASK: LazyLock<Task> = LazyLock::new(|| Task::load("quadrotor").unwrap());
static IMAGE: LazyLock<AlignedImage> = LazyLock::new(|| onnx::load(&untrained::policy(&TASK)).unwrap());

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

fn sensor() -> impl Strategy<Value = SensorFault> {
    use SensorFaultKind::{BelowRange, Frozen, Infinite, Nan, Old, OutOfRange, Zero};
    let kind = prop::sample::select(vec![Nan, Infinite, OutOfRange, BelowRange, Zero, Frozen, Old]);
    let names = vec!["position", "velocity", "orientation", "angular_velocity"];
    (seconds(2), seconds(1), prop::sample::select(names), kind).prop_map(
        |(at_s, duration_s, sensor, kind)| SensorFault { at_s, duration_s, sensor: sensor.to_owned(), kind },
    )
}

/// Guards of every cause that these sensors can have, some of which trip in an ordinary flight.
fn guard() -> impl Strategy<Value = GuardDescription> {
    use GuardedCause::{
        BatteryCritical, BatteryLow, SensorRange, SensorRate, StaleSensor, Tilt, Velocity, Workspace,
    };
    let all = |value| Some(Bounds::All(value));
    let of = |cause, sensor: &str, minimum, maximum| GuardDescription {
        cause,
        sensor: sensor.to_owned(),
        minimum,
        maximum,
        tolerated_samples: 0,
    };
    let guards = vec![
        of(SensorRange, "position", all(-100.0), all(100.0)),
        of(SensorRate, "orientation", None, all(20.0)),
        of(Velocity, "velocity", None, Some(Bounds::Each(vec![1.0, 1.0, 2.0]))),
        of(Tilt, "orientation", None, all(0.8)),
        of(Workspace, "position", all(-1.5), all(1.5)),
        of(BatteryLow, "position", all(-2.0), None),
        of(BatteryCritical, "angular_velocity", all(-1000.0), None),
        of(StaleSensor, "velocity", None, all(0.05)),
    ];
    (prop::sample::select(guards), 0..3_u32)
        .prop_map(|(guard, tolerated_samples)| GuardDescription { tolerated_samples, ..guard })
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
    fn case()(
        seed in 0..1000_u64,
        faults in prop::collection::vec(fault(), 0..4),
        sensors in prop::collection::vec(sensor(), 0..2),
        requests in prop::collection::vec(
            (seconds(2), prop::sample::select(vec![Request::Arm, Request::Disarm, Request::Stop])), 0..5),
        stalls in prop::collection::vec((seconds(2), seconds(1)), 0..2),
        jumps in prop::collection::vec((seconds(2), seconds(12)), 0..2),
        restarts_s in prop::collection::vec(seconds(2), 0..2),
        operator_until_s in prop::option::of(seconds(3)),
        supervisor in prop::option::of(limits()),
        guards in prop::collection::vec(guard(), 0..3),
    ) -> Case {
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
            fallback: None,
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

#[test]
fn no_sequence_of_faults_makes_the_host_send_what_no_robot_may_get() {
    let options = CampaignOptions { link: "inproc".parse().unwrap(), rate_hz: None, logs: None };
    let config = ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() };
    let (mut ticks, mut stops, mut causes) = (0, 0, Causes::default());
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let counted = std::cell::RefCell::new((&mut ticks, &mut stops, &mut causes));
    let outcome = runner.run(&case(), |case| {
        let report = case.fly(&TASK, &IMAGE, &options).unwrap();
        let mut counted = counted.borrow_mut();
        *counted.0 += report.ticks;
        *counted.1 += u64::from(report.changes.iter().any(|(_, mode, _)| *mode == Mode::Stopped));
        report.changes.iter().filter_map(|(_, _, cause)| *cause).for_each(|cause| counted.2.insert(cause));
        let text = || Campaign::new(vec![case.clone()]).to_toml().unwrap();
        problem(&case, &report)
            .map_or(Ok(()), |problem| Err(TestCaseError::fail(format!("{problem}\n{}", text()))))
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    println!("{ticks} ticks, {stops} flights with a stop, causes {:?}", causes.iter().collect::<Vec<_>>());
    assert!(ticks > 1000 && stops > 0, "{ticks} ticks, {stops} stops: too little happened");
}

#[test]
fn a_case_reads_back_from_its_toml() {
    let config = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let outcome = runner.run(&case(), |case| {
        let campaign = Campaign::new(vec![case]);
        let read = Campaign::parse(&campaign.to_toml().unwrap(), "case.toml").unwrap();
        prop_assert_eq!(read.cases, campaign.cases);
        Ok(())
    });
    outcome.unwrap();
}
