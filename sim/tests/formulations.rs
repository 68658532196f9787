//! Reduced coordinates and joint constraints are the same robot: against closed forms, and against each other.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use sinew_policy_runtime::interface::{JointSetpoint, Setpoint};
use sinew_sim::random::Stream;
use sinew_sim::{BaseState, Env, JointState, Randomization, SimulatedRobot, Task, Truth};
use std::path::Path;

const FORMULATIONS: [&str; 2] = ["multibody", "joint_constraints"];

/// A task of `tests/support` in another formulation and with other lines.
fn task(name: &str, model: &str, formulation: &str, changes: &[(&str, &str)]) -> Task {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support");
    let mut text = std::fs::read_to_string(folder.join(format!("{name}.toml"))).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let path = folder.join(model).display().to_string();
    text = text.replace("formulation = \"multibody\"\n", "");
    let start = text.find("model = ").unwrap();
    let end = start + text[start..].find('\n').unwrap();
    text.replace_range(start..end, &format!("model = {path:?}\nformulation = {formulation:?}"));
    let serial = changes.len();
    Task::load(&support::write(&format!("{name}-{model}-{formulation}-{serial}"), &text)).unwrap()
}

fn robot(task: &Task) -> SimulatedRobot {
    SimulatedRobot::new(task, Randomization::Nominal).unwrap()
}

fn still(joints: usize) -> Truth {
    Truth { joints: vec![JointState::default(); joints], ..Truth::default() }
}

fn efforts(values: [f32; 2]) -> [Setpoint; 2] {
    values.map(|torque| Setpoint::Joint(JointSetpoint { torque, ..JointSetpoint::default() }))
}

#[test]
fn a_turntable_has_its_armature_damping_and_dry_friction() {
    // (I + armature) dw/dt = torque - friction - damping w, from rest.
    let (inertia, damping, friction, torque, time_s) = (0.02 + 0.03, 0.05, 0.2, 1.0, 0.5);
    let expected = (torque - friction) / damping * (1.0 - libm::exp(-damping * time_s / inertia));
    for formulation in FORMULATIONS {
        let mut robot = robot(&task("rig", "rig.xml", formulation, &[]));
        robot.place(&still(2));
        robot.command(&efforts([torque as f32, 0.0])).unwrap();
        robot.advance(500);
        let found = robot.truth().joints[0];
        assert!(
            (found.velocity / expected - 1.0).abs() < 0.01,
            "{formulation}: {} against {expected}",
            found.velocity
        );
        assert!(found.position > 1.0);
        // Below its dry friction it stays where it is.
        robot.place(&still(2));
        robot.command(&efforts([0.15, 0.0])).unwrap();
        robot.advance(500);
        assert!(
            robot.truth().joints[0].position.abs() < 1e-3,
            "{formulation}: {:?}",
            robot.truth().joints[0]
        );
    }
}

#[test]
fn a_slider_moves_as_its_force_and_stops_at_its_limit() {
    // m dv/dt = force - damping v, from rest.
    let (mass, damping, force, time_s) = (2.0, 1.0, 3.0, 0.4);
    let (rate, end) = (damping / mass, force / damping);
    let expected = end * (time_s - (1.0 - libm::exp(-rate * time_s)) / rate);
    for formulation in FORMULATIONS {
        let mut robot = robot(&task("rig", "rig.xml", formulation, &[]));
        robot.place(&still(2));
        robot.command(&efforts([0.0, force as f32])).unwrap();
        robot.advance(400);
        let found = robot.truth().joints[1].position;
        assert!((found / expected - 1.0).abs() < 0.01, "{formulation}: {found} against {expected}");
        robot.advance(4000);
        let found = robot.truth().joints[1].position;
        assert!((found - 0.5).abs() < 0.01, "{formulation}: {found}");
    }
}

/// Angles from the vertical and their speeds, by Runge and Kutta.
fn double_pendulum(state: [f64; 4], time_s: f64) -> [f64; 4] {
    let slope = |[first, second, speed1, speed2]: [f64; 4]| {
        let (mass, length, gravity) = (1.0, 0.5, 9.81);
        let about_end = mass * length * length / 3.0;
        let across = 0.5 * mass * length * length;
        let (m11, m12, m22) =
            (about_end + mass * length * length, across * libm::cos(first - second), about_end);
        let turning = across * libm::sin(first - second);
        let right1 = -turning * speed2 * speed2 - 1.5 * mass * gravity * length * libm::sin(first);
        let right2 = turning * speed1 * speed1 - 0.5 * mass * gravity * length * libm::sin(second);
        let determinant = m11 * m22 - m12 * m12;
        let first = (m22 * right1 - m12 * right2) / determinant;
        let second = (m11 * right2 - m12 * right1) / determinant;
        [speed1, speed2, first, second]
    };
    support::integrate(state, time_s, slope)
}

#[test]
fn a_double_pendulum_converges_to_its_equations() {
    let renamed = [
        ("joint = \"turn\"", "joint = \"shoulder\""),
        ("joint = \"slide\"", "joint = \"elbow\""),
        ("\"force\"", "\"torque\""),
        ("start.joint.slide", "start.joint.elbow"),
    ];
    let error = |formulation: &str, step: &str, steps: u32| {
        let mut changes = renamed.to_vec();
        changes.push(("physics_period_s = 0.001", step));
        if steps == 5000 {
            changes.push(("training_s", "training_s"));
        }
        let mut robot = robot(&task("rig", "double_pendulum.xml", formulation, &changes));
        let joints =
            vec![JointState { position: 1.0, velocity: 0.0 }, JointState { position: 0.5, velocity: -2.0 }];
        robot.place(&Truth { joints, ..Truth::default() });
        robot.advance(steps);
        let [first, second, ..] = double_pendulum([1.0, 1.5, 0.0, -2.0], 0.5);
        let found = &robot.truth().joints;
        (found[0].position - first).abs().max((found[0].position + found[1].position - second).abs())
    };
    for formulation in FORMULATIONS {
        let coarse = error(formulation, "physics_period_s = 0.001", 500);
        let fine = error(formulation, "physics_period_s = 0.0001", 5000);
        assert!(coarse < 0.05, "{formulation}: {coarse} rad at 1 ms");
        assert!(fine < 0.3 * coarse, "{formulation}: {fine} rad at 0.1 ms, {coarse} rad at 1 ms");
    }
}

#[test]
fn a_state_that_is_placed_is_the_state_that_is_read() {
    let joints: Vec<JointState> = [0.3, -0.5, 0.2, 0.7]
        .iter()
        .map(|position| JointState { position: *position, velocity: 2.0 * position })
        .collect();
    let base = BaseState {
        position_m: [0.2, -0.3, 1.5],
        velocity_m_per_s: [0.4, 0.1, -0.2],
        orientation: [0.8, 0.36, 0.48, 0.0],
        angular_velocity_rad_per_s: [0.5, -1.0, 0.25],
    };
    let truth = Truth { base, joints, ..Truth::default() };
    for formulation in FORMULATIONS {
        let mut robot = robot(&task("crawler", "crawler.xml", formulation, &[]));
        robot.place(&truth);
        let found = robot.truth();
        let near = |found: &[f64], expected: &[f64]| {
            found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-5)
        };
        for (found, expected) in found.joints.iter().zip(&truth.joints) {
            assert!(
                near(&[found.position, found.velocity], &[expected.position, expected.velocity]),
                "{formulation}: {found:?}"
            );
        }
        assert!(near(&found.base.position_m, &base.position_m), "{formulation}: {found:?}");
        assert!(near(&found.base.velocity_m_per_s, &base.velocity_m_per_s), "{formulation}: {found:?}");
        assert!(near(&found.base.orientation, &base.orientation), "{formulation}: {found:?}");
        assert!(
            near(&found.base.angular_velocity_rad_per_s, &base.angular_velocity_rad_per_s),
            "{formulation}: {found:?}"
        );
    }
}

#[test]
fn both_formulations_fall_and_turn_alike_while_nothing_touches() {
    // High above the floor, under torques: momentum is conserved, joints swing.
    let states = FORMULATIONS.map(|formulation| {
        let mut robot = robot(&task(
            "crawler",
            "crawler.xml",
            formulation,
            &[("physics_period_s = 0.002", "physics_period_s = 0.0002")],
        ));
        let mut truth = still(4);
        truth.base.position_m = [0.0, 0.0, 5.0];
        truth.base.angular_velocity_rad_per_s = [0.5, 0.2, 1.0];
        robot.place(&truth);
        let torques = [0.2, -0.2, 0.1, 0.3];
        robot
            .command(
                &torques.map(|torque| Setpoint::Joint(JointSetpoint { torque, ..JointSetpoint::default() })),
            )
            .unwrap();
        robot.advance(1500);
        robot.truth().clone()
    });
    let [reduced, constrained] = &states;
    for (a, b) in reduced.joints.iter().zip(&constrained.joints) {
        assert!((a.position - b.position).abs() < 0.02, "{a:?} {b:?}");
    }
    for axis in 0..3 {
        assert!(
            (reduced.base.position_m[axis] - constrained.base.position_m[axis]).abs() < 5e-3,
            "{states:?}"
        );
    }
}

#[test]
fn training_may_simulate_a_formulation_of_its_own() {
    let changes = [("policy_period_s", "training_formulation = \"joint_constraints\"\npolicy_period_s")];
    let both = task("rig", "rig.xml", "multibody", &changes);
    let swung = |task: &Task, randomization| {
        let mut robot = SimulatedRobot::new(task, randomization).unwrap();
        robot.place(&still(2));
        robot.command(&efforts([1.0, 2.0])).unwrap();
        robot.advance(300);
        robot.truth().joints.iter().map(|joint| joint.position.to_bits()).collect::<Vec<_>>()
    };
    let only = |formulation| task("rig", "rig.xml", formulation, &[]);
    let training = Randomization::Training;
    assert_eq!(swung(&both, training), swung(&only("joint_constraints"), training));
    assert_eq!(swung(&both, Randomization::Nominal), swung(&only("multibody"), Randomization::Nominal));
    assert_ne!(swung(&both, training), swung(&both, Randomization::Acceptance));
    assert!(both.describe().contains("multibody (joint constraints in training)"), "{}", both.describe());
}

/// The bits of what random actions, the same in every call, lead to in some steps of an episode.
fn stepped(env: &mut Env, task: &Task, steps: u64) -> Vec<u32> {
    let mut observation = vec![0.0; task.observation_size()];
    let mut bits = Vec::new();
    for step in 0..steps {
        let mut stream = Stream::new(step, 0, 0);
        let action: Vec<f32> = (0..task.action_size()).map(|_| stream.uniform(-1.0, 1.0) as f32).collect();
        let outcome = env.step(&action, &mut observation).unwrap();
        bits.extend(observation.iter().map(|value| value.to_bits()));
        bits.push(outcome.reward.to_bits());
    }
    bits
}

/// An environment of training at the start of an episode.
fn training(task: &Task, episode: u64) -> Env {
    let mut env = Env::new(task, Randomization::Training, 7, 2).unwrap();
    env.reset(episode, &mut vec![0.0; task.observation_size()]).unwrap();
    env
}

#[test]
fn training_turns_to_the_exact_formulation_with_its_next_episode() {
    let both = support::crawler_of_both();
    let [reduced, constrained] = FORMULATIONS.map(support::crawler);
    let mut env = training(&both, 0);
    assert!(both.has_training_formulation() && !env.robot().unwrap().is_exact());
    let mut alike = training(&constrained, 0);
    assert_eq!(stepped(&mut env, &both, 20), stepped(&mut alike, &constrained, 20));
    env.simulate_exactly();
    assert_eq!(
        stepped(&mut env, &both, 20),
        stepped(&mut alike, &constrained, 20),
        "an episode ends as it began"
    );
    let turning = env.state();

    let expected = stepped(&mut training(&reduced, 1), &reduced, 40);
    let next = |env: &mut Env| {
        env.reset(1, &mut vec![0.0; both.observation_size()]).unwrap();
        assert!(env.robot().unwrap().is_exact());
        stepped(env, &both, 40)
    };
    assert_eq!(next(&mut env), expected);
    let turned = env.state();
    let after = stepped(&mut env, &both, 20);

    // States bring the formulation of their episode, and of those to come.
    let mut restored = training(&both, 0);
    restored.restore(&turned).unwrap();
    assert_eq!(stepped(&mut restored, &both, 20), after);
    restored.restore(&turning).unwrap();
    assert!(!restored.robot().unwrap().is_exact());
    assert_eq!(stepped(&mut restored, &both, 20), stepped(&mut alike, &constrained, 20));
    assert_eq!(next(&mut restored), expected);

    let exact = both.exact();
    assert!(!exact.has_training_formulation());
    assert_eq!(stepped(&mut training(&exact, 1), &exact, 40), expected);
}
