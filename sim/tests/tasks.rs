//! A task's file is complete and consistent, or its error says where it is not.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use sinew_policy_runtime::contract::Provenance;
use sinew_policy_runtime::document::DocumentError;
use sinew_sim::{Task, TaskError};

fn error(name: &str, from: &str, to: &str) -> TaskError {
    let text = support::text("quadrotor");
    assert!(text.contains(from), "{from}");
    Task::load(&support::write(name, &text.replacen(from, to, 1))).unwrap_err()
}

#[test]
fn every_built_in_task_has_a_valid_contract_that_fits_its_robot() {
    for name in Task::builtin_names() {
        let task = Task::load(name).unwrap();
        let contract = task.contract(Provenance {
            algorithm: "sac",
            steps: 1,
            seed: 2,
            version: "0.0.0",
            randomization: std::iter::empty().collect(),
        });
        contract.validate().unwrap();
        contract.matches(&task.interface()).unwrap();
        assert_eq!((task.name(), contract.task), (*name, *name));
        assert_eq!(contract.observation_size(), task.observation_size());
        assert_eq!(contract.default_pose.len(), task.action_size());
        assert_eq!(task.has_robot(), *name != "pendulum-v1");
        assert_eq!(task.has_robot(), task.safe_action().is_some());
        assert_eq!(task.has_robot(), !contract.provenance.randomization.is_empty());
    }
}

#[test]
fn an_unknown_task_lists_the_built_in_ones_and_the_nearest() {
    let message = Task::load("quadroter").unwrap_err().to_string();
    for part in ["quadroter", "pendulum-v1", "did you mean \"quadrotor\"?"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(matches!(Task::load("no-such.toml"), Err(TaskError::Document(DocumentError::Read { .. }))));
}

#[test]
fn an_unknown_key_names_its_line_and_the_nearest_known_one() {
    let found = error("unknown-key", "mass_scale = ", "mas_scale = ");
    let TaskError::Document(DocumentError::Unknown { line, found, nearest, .. }) = found else {
        panic!("{found}")
    };
    assert_eq!((found.as_str(), nearest.as_deref()), ("mas_scale", Some("mass_scale")));
    let text = support::text("quadrotor");
    let expected = text.lines().position(|line| line.starts_with("mass_scale")).unwrap() + 1;
    assert_eq!(line, expected);
}

#[test]
fn an_unknown_value_names_the_nearest_known_one() {
    let found = error("unknown-value", "quantity = \"position_error\"", "quantity = \"positon_error\"");
    let TaskError::Document(DocumentError::Unknown { nearest, .. }) = found else { panic!("{found}") };
    assert_eq!(nearest.as_deref(), Some("position_error"));
}

#[test]
fn values_that_cannot_be_used_name_field_value_and_expectation() {
    for (name, from, to, parts) in [
        (
            "inverted",
            "mass_scale = [0.7, 1.3]",
            "mass_scale = [1.3, 0.7]",
            ["mass_scale", "[1.3, 0.7]", "low <= high"],
        ),
        (
            "slow",
            "physics_period_s = 0.002",
            "physics_period_s = 0.005",
            ["physics_period_s", "0.005", "0.002"],
        ),
        (
            "odd",
            "physics_period_s = 0.002",
            "physics_period_s = 0.0015",
            ["physics_period_s", "0.0015", "divisor"],
        ),
        ("reach", "head_scale = 756.73", "head_scale = 800.0", ["head_offset", "2315.9", "2272.63"]),
        (
            "sensor",
            "sensors = [\"position\", ",
            "sensors = [\"positoin\", ",
            ["position_error", "positoin", "\"position\""],
        ),
        (
            "site",
            "site = \"rotor_front_left\"",
            "site = \"rotor_front\"",
            ["rotor_front_left", "rotor_front", "lacks"],
        ),
        (
            "model",
            "model = \"quadrotor.xml\"",
            "model = \"octorotor.xml\"",
            ["octorotor.xml", "neither", "built-in"],
        ),
        ("type", "training_s = 5.0", "training_s = \"long\"", ["training_s", "invalid type", "f64"]),
        (
            "safe",
            "[safe_action.level_descent]",
            "[safe_action.zero_torque]",
            ["safe", "expected empty table", "[safe_action.zero_torque]"],
        ),
        ("nan", "noise = 0.002", "noise = nan", ["noise", "NaN", "0"]),
    ] {
        let message = error(name, from, to).to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{name}: {message}");
    }
}

#[test]
fn the_floor_covers_every_observation_value() {
    let task = Task::load("quadrotor").unwrap();
    assert_eq!(task.observation_floor().len(), 3 + 3 + 3 + 3 + 4 * 10);
    assert_eq!(task.observation_floor()[0], 0.3);
    assert_eq!(task.observation_floor()[51], 0.5);
    assert_eq!(task.episode_steps(), 1000);
}

#[test]
fn a_task_is_described_with_its_formulas_and_ranges() {
    let text = Task::load("quadrotor").unwrap().describe();
    for line in [
        "rates         physics every 2 ms, policy at 100 Hz",
        "  rotor_front_left         RotorSpeed, 0 to 2272.63 RadianPerSecond, action x 756.73 + 1515.9, lag 0.0375 s",
        "       0.4 x 1 / (1 + (position_error / 0.1)²), state After the step",
        "ends where    angular_speed > 30, reward 0",
        "success       position_error < 0.2 for the last 5 s",
        "  mass_scale                               0.7 to 1.3         0.7 to 1.3",
        "  position bias                                  0.02               0.02",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn a_delay_that_the_policy_cannot_know_of_is_warned_of() {
    for name in Task::builtin_names() {
        assert!(Task::load(name).unwrap().warnings().is_empty(), "{name}");
    }
    let text = support::text("pendulum");
    let start = text.find("# What was commanded but has not acted yet.").unwrap();
    let end = text.find("# Gymnasium's cost").unwrap();
    let blind = format!("{}{}", &text[..start], &text[end..]);
    let warnings = Task::load(&support::write("blind", &blind)).unwrap().warnings();
    assert!(warnings[0].contains("previous_action"), "{warnings:?}");
}
