//! Every transition, by calling the supervisor with times and inputs that are made up.

use super::*;
use std::vec::Vec;

const MS: u64 = 1_000;

fn at(time_us: u64) -> Inputs {
    Inputs { time_us, inferred: true, ..Inputs::default() }
}

fn armed(limits: Limits) -> Supervisor {
    let mut supervisor = Supervisor::new(limits);
    supervisor.step(&Inputs { request: Some(Request::Arm), ..at(0) });
    supervisor
}

fn with_fault(time_us: u64, cause: Cause) -> Inputs {
    Inputs { fault: Some(cause), inferred: false, ..at(time_us) }
}

#[test]
fn nothing_moves_without_an_explicit_arm() {
    let mut supervisor = Supervisor::new(Limits::immediate());
    for tick in 0..1000 {
        assert_eq!(supervisor.step(&at(tick * 10 * MS)).source, Source::None);
    }
    let decision = supervisor.step(&Inputs { request: Some(Request::Arm), ..at(10_000 * MS) });
    assert_eq!((decision.mode, decision.source), (Mode::Running, Source::Policy { share: 1.0 }));
}

#[test]
fn arming_readies_and_blends_before_the_policy_has_the_robot() {
    let mut supervisor = armed(Limits::default());
    let modes = [(100, Mode::Standby), (200, Mode::Readying), (1199, Mode::Readying), (1200, Mode::Engaging)];
    for (time_ms, mode) in modes {
        assert_eq!(supervisor.step(&at(time_ms * MS)).mode, mode, "{time_ms} ms");
    }
    assert_eq!(supervisor.step(&at(1450 * MS)).source, Source::Policy { share: 0.5 });
    assert_eq!(supervisor.step(&at(1700 * MS)).mode, Mode::Running);
}

#[test]
fn a_silent_link_falls_back_and_recovers_after_fresh_samples() {
    let mut supervisor = armed(Limits::immediate());
    let decision = supervisor.step(&with_fault(50 * MS, Cause::LinkSilent));
    assert_eq!((decision.mode, decision.source), (Mode::Fallback, Source::None));
    assert_eq!(supervisor.step(&at(60 * MS)).mode, Mode::Fallback);
    assert_eq!(supervisor.step(&with_fault(70 * MS, Cause::StaleSensor)).mode, Mode::Fallback);
    for time_ms in [80, 90] {
        assert_eq!(supervisor.step(&at(time_ms * MS)).mode, Mode::Fallback);
    }
    assert_eq!(supervisor.step(&at(100 * MS)).mode, Mode::Running);
}

#[test]
fn a_fallback_that_lasts_too_long_latches() {
    let mut supervisor = armed(Limits::immediate());
    supervisor.step(&with_fault(0, Cause::LinkSilent));
    let decision = supervisor.step(&with_fault(1001 * MS, Cause::LinkSilent));
    assert_eq!(decision.transition.and_then(|change| change.cause), Some(Cause::FallbackTooLong));
    assert_eq!(supervisor.step(&at(1100 * MS)).source, Source::Stop);
}

#[test]
fn what_is_not_finite_stops_at_once_and_latches() {
    for cause in [Cause::BadSensor, Cause::BadOutput] {
        let mut supervisor = armed(Limits::immediate());
        assert_eq!(supervisor.step(&with_fault(10 * MS, cause)).source, Source::Stop);
        let again = Inputs { request: Some(Request::Arm), ..at(20 * MS) };
        assert_eq!(supervisor.step(&again).mode, Mode::Stopped);
        supervisor.step(&Inputs { request: Some(Request::Disarm), ..at(30 * MS) });
        let again = Inputs { request: Some(Request::Arm), ..at(40 * MS) };
        assert_eq!(supervisor.step(&again).mode, Mode::Running);
    }
}

#[test]
fn stop_is_accepted_in_every_mode() {
    let stop = Inputs { request: Some(Request::Stop), ..at(10 * MS) };
    let mut fallen = armed(Limits::immediate());
    fallen.step(&with_fault(5 * MS, Cause::LinkSilent));
    for mut supervisor in
        [Supervisor::new(Limits::default()), armed(Limits::default()), armed(Limits::immediate()), fallen]
    {
        assert_eq!(supervisor.step(&stop).source, Source::Stop);
        assert_eq!(supervisor.step(&stop).mode, Mode::Stopped);
    }
}

#[test]
fn a_saturated_output_is_a_fault_only_when_it_goes_on() {
    let mut supervisor = armed(Limits { out_of_range_periods: 3, ..Limits::immediate() });
    let saturated = |time_us| Inputs { saturated: true, ..at(time_us) };
    for tick in 1..=3 {
        assert_eq!(supervisor.step(&saturated(tick * MS)).mode, Mode::Running);
    }
    supervisor.step(&at(4 * MS));
    for tick in 5..=7 {
        assert_eq!(supervisor.step(&saturated(tick * MS)).mode, Mode::Running);
    }
    assert_eq!(supervisor.step(&saturated(8 * MS)).mode, Mode::Stopped);
    assert_eq!(supervisor.cause(), Some(Cause::OutOfRange));
}

#[test]
fn overruns_are_budgeted_by_the_second() {
    let mut supervisor = armed(Limits { overruns_per_s: 2, ..Limits::immediate() });
    let late = |time_us| Inputs { overran: true, ..at(time_us) };
    supervisor.step(&late(10 * MS));
    supervisor.step(&late(20 * MS));
    assert_eq!(supervisor.step(&late(1200 * MS)).mode, Mode::Running);
    supervisor.step(&late(1210 * MS));
    assert_eq!(supervisor.step(&late(1220 * MS)).mode, Mode::Stopped);
}

fn guarded(time_us: u64, causes: &[Cause]) -> Inputs {
    let mut inputs = at(time_us);
    for cause in causes {
        inputs.guarded.insert(*cause);
    }
    inputs
}

#[test]
fn every_cause_has_a_place_of_its_own_in_a_set() {
    for (index, cause) in Cause::ALL.into_iter().enumerate() {
        assert_eq!(cause as usize, index, "{cause:?}");
        let mut causes = Causes::default();
        causes.insert(cause);
        assert!(Cause::ALL.into_iter().all(|other| causes.contains(other) == (other == cause)));
        assert_eq!(causes.iter().next(), Some(cause));
    }
}

#[test]
fn each_cause_is_answered_as_its_owner_says() {
    let mut limits = Limits::immediate();
    limits.answers.tilt = Answer::WARN;
    limits.answers.velocity = Answer::FALLBACK;
    for (cause, mode, healthy) in [
        (Cause::Tilt, Mode::Running, true),
        (Cause::Velocity, Mode::Fallback, false),
        (Cause::SensorRange, Mode::Stopped, false),
        (Cause::SensorRate, Mode::Stopped, false),
        (Cause::Torque, Mode::Stopped, false),
        (Cause::Workspace, Mode::Fallback, false),
        (Cause::BatteryLow, Mode::Running, true),
        (Cause::BatteryCritical, Mode::Fallback, false),
        (Cause::OperatorSilent, Mode::Fallback, false),
    ] {
        let decision = armed(limits).step(&guarded(10 * MS, &[cause]));
        assert_eq!((decision.mode, decision.healthy), (mode, healthy), "{cause:?}");
        assert_eq!(decision.fault, Some(cause));
        let named = decision.transition.and_then(|change| change.cause);
        assert_eq!(named, (mode != Mode::Running).then_some(cause));
    }
}

#[test]
fn of_several_causes_the_one_with_the_severest_answer_decides() {
    let mut supervisor = armed(Limits::immediate());
    let inputs = Inputs {
        fault: Some(Cause::LinkSilent),
        ..guarded(10 * MS, &[Cause::BatteryLow, Cause::Tilt, Cause::Workspace])
    };
    let decision = supervisor.step(&inputs);
    assert_eq!((decision.mode, decision.fault), (Mode::Stopped, Some(Cause::Tilt)));
}

#[test]
fn a_warning_keeps_nobody_from_arming_and_anything_worse_does() {
    let arm = |causes: &[Cause]| {
        let mut supervisor = Supervisor::new(Limits::immediate());
        supervisor.step(&Inputs { request: Some(Request::Arm), ..guarded(0, causes) }).mode
    };
    assert_eq!(arm(&[Cause::BatteryLow]), Mode::Running);
    assert_eq!(arm(&[Cause::BatteryLow, Cause::Workspace]), Mode::Disarmed);
}

#[test]
fn a_latched_fallback_outlasts_its_cause_and_becomes_a_stop() {
    let mut supervisor = armed(Limits { fallback_s: 2.0, ..Limits::immediate() });
    supervisor.step(&guarded(10 * MS, &[Cause::BatteryCritical]));
    for tick in 2..200 {
        assert_eq!(supervisor.step(&at(tick * 10 * MS)).mode, Mode::Fallback, "tick {tick}");
    }
    assert_eq!(supervisor.step(&at(2020 * MS)).mode, Mode::Stopped);
    assert_eq!(supervisor.cause(), Some(Cause::FallbackTooLong));
}

#[test]
fn a_fallback_latches_when_a_cause_that_latches_joins_it() {
    let mut supervisor = armed(Limits::immediate());
    supervisor.step(&with_fault(10 * MS, Cause::LinkSilent));
    supervisor.step(&guarded(20 * MS, &[Cause::Workspace]));
    for tick in 3..50 {
        assert_eq!(supervisor.step(&at(tick * 10 * MS)).mode, Mode::Fallback, "tick {tick}");
    }
    // Disarming ends it, and nothing of it is left.
    supervisor.step(&Inputs { request: Some(Request::Disarm), ..at(500 * MS) });
    supervisor.step(&Inputs { request: Some(Request::Arm), ..at(510 * MS) });
    supervisor.step(&with_fault(520 * MS, Cause::LinkSilent));
    let modes = [530, 540, 550].map(|time_ms| supervisor.step(&at(time_ms * MS)).mode);
    assert_eq!(modes, [Mode::Fallback, Mode::Fallback, Mode::Running]);
}

#[test]
fn a_cause_must_be_gone_for_as_long_as_its_answer_says() {
    let mut limits = Limits::immediate();
    limits.answers.velocity = Answer { clear_s: 0.2, ..Answer::FALLBACK };
    let mut supervisor = armed(limits);
    supervisor.step(&guarded(10 * MS, &[Cause::Velocity]));
    supervisor.step(&guarded(50 * MS, &[Cause::Velocity]));
    for time_ms in (60..250).step_by(10) {
        assert_eq!(supervisor.step(&at(time_ms * MS)).mode, Mode::Fallback, "{time_ms} ms");
    }
    assert_eq!(supervisor.step(&at(250 * MS)).mode, Mode::Running);
}

#[test]
fn a_fallback_controller_commands_while_samples_are_fresh_and_is_blended_out() {
    let mut limits = Limits { engaging_s: 0.5, fallback_s: 5.0, ..Limits::immediate() };
    limits.answers.velocity = Answer::FALLBACK;
    let mut supervisor = Supervisor::new(limits).with_fallback_controller();
    supervisor.step(&Inputs { request: Some(Request::Arm), ..at(0) });
    assert_eq!(supervisor.step(&at(500 * MS)).mode, Mode::Running);
    let source = |inputs| supervisor.step(&inputs).source;
    let sources = [
        guarded(510 * MS, &[Cause::Velocity]),
        guarded(760 * MS, &[Cause::Velocity]),
        with_fault(770 * MS, Cause::LinkSilent),
        guarded(780 * MS, &[Cause::Velocity]),
        guarded(880 * MS, &[Cause::Velocity]),
    ]
    .map(source);
    // What was broken off begins again, as softly as the first time.
    let acting = |elapsed_s| Source::Fallback { elapsed_s };
    assert_eq!(sources, [acting(0.0), acting(0.25), Source::None, acting(0.0), acting(0.1)]);
    for time_ms in [890, 900] {
        supervisor.step(&at(time_ms * MS));
    }
    let back = supervisor.step(&at(910 * MS));
    assert_eq!((back.mode, back.source), (Mode::Engaging, Source::Policy { share: 0.0 }));
}

#[test]
fn a_fallback_controller_does_not_move_a_robot_that_nobody_has_moved() {
    let mut supervisor = Supervisor::new(Limits::default()).with_fallback_controller();
    supervisor.step(&Inputs { request: Some(Request::Arm), ..at(0) });
    let decision = supervisor.step(&guarded(10 * MS, &[Cause::Workspace]));
    assert_eq!((decision.mode, decision.source), (Mode::Fallback, Source::None));
}

#[test]
fn a_fallback_before_the_policy_had_the_robot_begins_again() {
    // It once led into running at a stroke, without readying or a blend.
    for before_ms in [100, 700, 1400] {
        let mut supervisor = armed(Limits::default());
        for time_ms in (100..=before_ms).step_by(100) {
            supervisor.step(&at(time_ms * MS));
        }
        assert_ne!(supervisor.mode(), Mode::Running);
        supervisor.step(&with_fault((before_ms + 10) * MS, Cause::LinkSilent));
        let modes = [20, 30, 40].map(|later_ms| supervisor.step(&at((before_ms + later_ms) * MS)).mode);
        assert_eq!(modes, [Mode::Fallback, Mode::Fallback, Mode::Standby], "{before_ms} ms");
    }
}

#[test]
fn nothing_is_commanded_in_shadow_whatever_happens() {
    let mut limits = Limits { shadow: true, ..Limits::immediate() };
    limits.answers.tilt = Answer::FALLBACK;
    let mut supervisor = Supervisor::new(limits).with_fallback_controller();
    let mut modes = Vec::new();
    for tick in 0..10_000_u64 {
        let mut inputs = at(tick * 10 * MS);
        inputs.request = match tick % 1000 {
            1 => Some(Request::Arm),
            900 => Some(Request::Stop),
            950 => Some(Request::Disarm),
            _ => None,
        };
        if tick % 97 == 3 {
            inputs.guarded.insert(Cause::Tilt);
        }
        let decision = supervisor.step(&inputs);
        assert!(matches!(decision.source, Source::None | Source::Stop), "{decision:?}");
        if modes.last() != Some(&decision.mode) {
            modes.push(decision.mode);
        }
    }
    for mode in [Mode::Disarmed, Mode::Standby, Mode::Fallback, Mode::Stopped] {
        assert!(modes.contains(&mode), "{mode:?}");
    }
    assert!(!modes.contains(&Mode::Running));
}
