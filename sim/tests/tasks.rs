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
        assert_eq!(task.has_robot(), !name.contains("-v1"));
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
    let found = error("unknown-key", "head_scale = ", "hed_scale = ");
    let TaskError::Document(DocumentError::Unknown { line, found, nearest, .. }) = found else {
        panic!("{found}")
    };
    assert_eq!((found.as_str(), nearest.as_deref()), ("hed_scale", Some("head_scale")));
    let text = support::text("quadrotor");
    let expected = text.lines().position(|line| line.starts_with("head_scale")).unwrap() + 1;
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
            "training = [0.7, 1.3]",
            "training = [1.3, 0.7]",
            ["training = [1.3, 0.7]", "[1.3, 0.7]", "low <= high"],
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
        ("nan", "noise = 0.002", "noise = nan", ["errors.noise", "NaN", "0"]),
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
        "success       position_error (RMS) < 0.1 for the last 5 s",
        "  mass_scale                                           0.7 to 1.3               0.7 to 1.3",
        "  position bias                                              0.02                     0.02",
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

/// The error of a built-in task after one change.
fn refused(task: &str, from: &str, to: &str) -> String {
    let text = support::text(task);
    assert!(text.contains(from), "{from}");
    Task::load(&support::write(
        &format!("refused-{:?}", std::thread::current().id()),
        &text.replacen(from, to, 1),
    ))
    .unwrap_err()
    .to_string()
}

#[test]
fn joints_goals_and_modes_that_do_not_fit_are_refused_by_name() {
    for (task, from, to, expected) in [
        (
            "cart_pole",
            "mode = \"force\"",
            "mode = \"torque\"",
            "actuator \"cart\": mode is not force, expected force, for a slide",
        ),
        (
            "pendulum",
            "mode = \"torque\"",
            "mode = \"force\"",
            "actuator \"hinge\": mode is force, expected torque, position or velocity, for a hinge",
        ),
        (
            "cart_pole",
            "joint = \"pole\"\nshape",
            "joint = \"poll\"\nshape",
            "reward 1: joint is \"poll\", expected \"pole\", one of cart, pole",
        ),
        (
            "cart_pole",
            "quantity = \"action\"\nshape",
            "quantity = \"action\"\njoint = \"cart\"\nshape",
            "reward 3: joint is present, expected none: action has no joint",
        ),
        (
            "cart_pole",
            "[start.joint.pole]",
            "[start.joint.mast]",
            "start.joint is \"mast\", expected one of cart, pole",
        ),
        (
            "quadrotor_waypoints",
            "high = [0.8, 0.8, 3.3]",
            "high = [0.8, 0.8, 5.0]",
            "command \"target_position\": sampled.high is 5, expected a number from 1.7 to 4",
        ),
        (
            "quadrotor_waypoints",
            "every_s = [4.0, 4.0]",
            "every_s = [4.0, 2.0]",
            "command \"target_position\": sampled.every_s is [4, 2], expected [low, high]",
        ),
        (
            "pendulum",
            "physics_period_s = 0.002",
            "physics_period_s = 0.002\nsolver_iterations = 0",
            "dynamics.solver_iterations is 0, expected a number from 1 to 1000",
        ),
        (
            "pendulum",
            "physics_period_s = 0.002",
            "physics_period_s = 0.002\nformulation = \"constraints\"",
            "unknown value \"constraints\", did you mean \"joint_constraints\"?",
        ),
    ] {
        let message = refused(task, from, to);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn equations_are_asked_only_for_what_they_say() {
    for (task, from, to, expected) in [
        (
            "cartpole-v1",
            "policy_period_s = 0.02",
            "policy_period_s = 0.04",
            "dynamics.policy_period_s is 0.04 s, expected 0.02 s, the step of cartpole-v1",
        ),
        (
            "acrobot-v1",
            "mode = \"torque\"\njoint = \"elbow\"",
            "mode = \"torque\"\njoint = \"shoulder\"",
            "actuator \"elbow\": joint is \"shoulder\", expected \"elbow\", which acrobot-v1 drives",
        ),
        (
            "acrobot-v1",
            "mode = \"torque\"",
            "mode = \"position\"",
            "actuator \"elbow\": mode is Position, expected torque for a hinge, force for a slide",
        ),
        (
            "cartpole-v1",
            "mode = \"force\"",
            "mode = \"torque\"",
            "actuator \"cart\": mode is not force, expected force, for a slide",
        ),
        (
            "pendulum-v1",
            "head_offset = 0.0",
            "head_offset = 0.0\nlag_s = 0.01",
            "actuator \"hinge\": lag_s is 0.01, expected 0: in pendulum-v1 efforts act at once",
        ),
        (
            "cartpole-v1",
            "[start.joints]",
            "[[randomization]]\nterm = \"gravity\"\noperation = \"scale\"\ntraining = 1.1\n\n[start.joints]",
            "randomization is present, expected none: cartpole-v1 is one robot exactly",
        ),
        (
            "pendulum-v1",
            "[[sensors]]",
            "[[joints]]\nname = \"hinge\"\nspeed_clip = 5.0\n\n[[sensors]]",
            "joints is present, expected none: pendulum-v1 says how its joints move",
        ),
        (
            "cartpole-v1",
            "quantity = \"joint_offset\"\njoint = \"cart\"",
            "quantity = \"tip_height\"",
            "termination 1: quantity is tip_height, expected another: only the equations of acrobot-v1",
        ),
    ] {
        let message = refused(task, from, to);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_table_of_discrete_actions_that_cannot_be_used_names_its_row() {
    for (table, expected) in [
        ("[[1.0]]", "discrete.actions: number of rows is 1, expected a number from 2 to 256"),
        ("[[-1.0], [1.0, 0.5]]", "discrete.actions: row 1 is 2 values, expected 1, one for each actuator"),
        ("[[-1.0], [1.5]]", "discrete.actions: row 1 is 1.5, expected a number from -1 to 1"),
        ("[[-1.0], [nan]]", "discrete.actions: row 1 is NaN, expected a number from -1 to 1"),
        ("[[0.0], [1.0], [-0.0]]", "discrete.actions: row 2 is [-0.0], expected another action than row 0"),
    ] {
        let message = refused("cartpole-v1", "[[-1.0], [1.0]]", table);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn discrete_actions_are_rows_of_normalized_actions() {
    let rows = |name| Task::load(name).unwrap().discrete_actions().map(<[Vec<f32>]>::to_vec);
    assert_eq!(rows("acrobot-v1").unwrap(), [[-1.0], [0.0], [1.0]]);
    assert_eq!(rows("pendulum-v1"), None);
    let text = Task::load("cartpole-v1").unwrap().describe();
    for line in [
        "dynamics      the equations of cartpole-v1",
        "discrete actions, 2 to choose from",
        "  0                        action [-1.0], actuator command [-10.0]",
        "  1                        action [1.0], actuator command [10.0]",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn models_that_cannot_be_simulated_are_refused_with_the_cause() {
    let model = |name: &str, body: &str, formulation: &str| {
        let xml = format!("<mujoco><worldbody>{body}</worldbody></mujoco>");
        let path = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.xml"));
        std::fs::write(&path, xml).unwrap();
        refused(
            "pendulum",
            "model = \"pendulum.xml\"",
            &format!("model = {:?}\nformulation = {formulation:?}", path.display().to_string()),
        )
    };
    let inertial = "<inertial pos=\"0 0 0\" mass=\"1\" diaginertia=\"1 1 1\"/>";
    let hinge = "<joint name=\"hinge\" type=\"hinge\" axis=\"0 1 0\"/>";
    for (name, body, formulation, expected) in [
        ("massless", format!("<body>{hinge}</body>"), "multibody", "a moving body without mass"),
        (
            "ball",
            format!("<body><joint name=\"hinge\" type=\"ball\"/>{inertial}</body>"),
            "multibody",
            "a ball joint, expected hinge, slide or free",
        ),
        (
            "twins",
            format!("<body>{hinge}{inertial}<body>{hinge}{inertial}</body></body>"),
            "multibody",
            "<joint name=\"hinge\">: the name stands twice",
        ),
        (
            "pair",
            format!("<body>{hinge}<joint name=\"other\" type=\"slide\"/>{inertial}</body>"),
            "joint_constraints",
            "two joints of one body, which joint constraints cannot hold; use multibody",
        ),
        (
            "rotor",
            format!("<body><joint name=\"hinge\" type=\"slide\" armature=\"1\"/>{inertial}</body>"),
            "joint_constraints",
            "a slide with armature, which joint constraints cannot have; use multibody",
        ),
    ] {
        let message = model(name, &body, formulation);
        assert!(message.contains(expected), "{name}: {message}");
    }
}

#[test]
fn servos_too_stiff_for_the_physics_step_are_refused() {
    // 1 kg, 1 m: a third of a kg m² about the hinge, so that k h² + 2 d h must stay below 4/3 at h = 2 ms.
    let servo = |stiffness: f64, damping: f64| {
        support::text("pendulum").replacen(
            "mode = \"torque\"",
            &format!(
                "mode = \"position\"\nstiffness = {stiffness:?}\ndamping = {damping:?}\neffort_limit = 2.0"
            ),
            1,
        )
    };
    // Randomization strengthens the motor to 1.1 and lightens the rod to 0.9.
    let worst = 1.1 / 0.9;
    for (stiffness, damping, stable) in [
        (0.95 * 4.0 / 3.0 / 4e-6 / worst, 0.0, true),
        (1.05 * 4.0 / 3.0 / 4e-6 / worst, 0.0, false),
        (0.0, 0.95 * 4.0 / 3.0 / 4e-3 / worst, true),
        (0.0, 1.05 * 4.0 / 3.0 / 4e-3 / worst, false),
    ] {
        let loaded = Task::load(&support::write("servo-gain", &servo(stiffness, damping)));
        assert_eq!(loaded.is_ok(), stable, "{stiffness} and {damping}: {loaded:?}");
        if let Err(error) = loaded {
            let message = error.to_string();
            assert!(message.contains("actuator \"hinge\": stiffness and damping"), "{message}");
            assert!(message.contains("expected a gain below 4"), "{message}");
        }
    }
}
