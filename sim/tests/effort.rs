//! An effort on a joint is the effort that was asked for, whatever the joint's place; so is a push on a base.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use sinew_policy_runtime::interface::{JointSetpoint, Setpoint};
use sinew_sim::{JointState, Randomization, SimulatedRobot, Task, Truth};

const INERTIA: f64 = 0.02;
const PERIOD_S: f64 = 0.001;

/// A wheel on its bearing, and one on a body that floats.
const WHEEL: &str = "<body name=\"wheel\"><joint name=\"wheel\" type=\"hinge\" axis=\"0 0 1\"/>\
    <inertial pos=\"0 0 0\" mass=\"0.5\" diaginertia=\"0.02 0.02 0.02\"/></body>";
const FLOATING: &str = "<body name=\"base\"><freejoint/><inertial pos=\"0 0 0\" mass=\"2\" diaginertia=\"0.01 0.02 0.03\"/>\
    WHEEL</body>";

/// Bodies without friction or gravity, whose wheel two actuators drive; tests that run side by side write files of their own.
fn task(name: &str, bodies: &str, formulation: &str) -> Task {
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let model = format!(
        "<mujoco><compiler angle=\"radian\"/><option gravity=\"0 0 0\"/><worldbody>{}</worldbody></mujoco>",
        bodies.replace("WHEEL", WHEEL)
    );
    std::fs::write(folder.join(format!("{name}.xml")), model).unwrap();
    let actuator = |name: &str| {
        format!(
            "\n[[actuators]]\nname = \"{name}\"\nmode = \"torque\"\njoint = \"wheel\"\nminimum = -1000.0\nmaximum = 1000.0\n\
             default = 0.0\nhead_scale = 1.0\nhead_offset = 0.0\n"
        )
    };
    let text = format!(
        "name = \"wheel\"\nsummary = \"for tests\"\nsafe_action = \"zero_torque\"\n\n[dynamics]\nmodel = \"{name}.xml\"\n\
         formulation = \"{formulation}\"\nphysics_period_s = {PERIOD_S:?}\npolicy_period_s = {PERIOD_S:?}\n\n[episode]\ntraining_s = 1.0\n\
         acceptance_s = 1.0\n\n[start]\n\n[[sensors]]\nname = \"wheel\"\nquantity = \"joint_position\"\njoint = \"wheel\"\n{}{}\n\
         [[reward]]\nquantity = \"joint_speed\"\nshape = \"squared\"\nweight = -1.0\n\n[[observation]]\nname = \"wheel\"\n\
         source = \"sensor\"\nsensors = [\"wheel\"]\nmax_age_s = 0.1\nfloor = 0.1\n",
        actuator("first"),
        actuator("second"),
    );
    Task::load(&support::write(&format!("{name}-{formulation}"), &text)).unwrap()
}

fn efforts(values: [f32; 2]) -> [Setpoint; 2] {
    values.map(|torque| Setpoint::Joint(JointSetpoint { torque, ..JointSetpoint::default() }))
}

#[test]
fn an_effort_acts_in_full_wherever_the_joint_stands() {
    for formulation in ["multibody", "joint_constraints"] {
        let mut robot =
            SimulatedRobot::new(&task("wheel-places", WHEEL, formulation), Randomization::Nominal).unwrap();
        for position in [0.0, -1.5, 900.0] {
            for torque in [1e-4_f32, -0.3, 7.0, 900.0] {
                robot.place(&Truth {
                    joints: vec![JointState { position, velocity: 0.0 }],
                    ..Truth::default()
                });
                robot.command(&efforts([torque, 0.0])).unwrap();
                robot.advance(1);
                let found = robot.truth().joints[0].velocity;
                let expected = f64::from(torque) * PERIOD_S / INERTIA;
                assert!(
                    (found / expected - 1.0).abs() < 1e-6,
                    "{formulation}, {torque} N m at {position} rad: {found} rad/s, expected {expected}"
                );
            }
        }
    }
}

#[test]
fn efforts_of_two_actuators_add_up_and_last_one_step() {
    for formulation in ["multibody", "joint_constraints"] {
        let mut robot =
            SimulatedRobot::new(&task("wheel-sums", WHEEL, formulation), Randomization::Nominal).unwrap();
        let still = Truth { joints: vec![JointState::default()], ..Truth::default() };
        robot.place(&still);
        robot.command(&efforts([0.5, 0.25])).unwrap();
        robot.advance(10);
        let found = robot.truth().joints[0].velocity;
        let expected = 0.75 * 10.0 * PERIOD_S / INERTIA;
        assert!((found / expected - 1.0).abs() < 1e-5, "{formulation}: {found}, expected {expected}");
        robot.command(&efforts([0.0, 0.0])).unwrap();
        robot.advance(10);
        let after = robot.truth().joints[0].velocity;
        assert!(
            (after / found - 1.0).abs() < 1e-5,
            "{formulation}: {after} after the efforts, {found} before"
        );
    }
}

#[test]
fn a_push_moves_the_base_until_it_ends() {
    for formulation in ["multibody", "joint_constraints"] {
        let mut robot =
            SimulatedRobot::new(&task("wheel-base", FLOATING, formulation), Randomization::Nominal).unwrap();
        robot.place(&Truth { joints: vec![JointState::default()], ..Truth::default() });
        robot.set_external_force([0.0, 5.0, 0.0]);
        robot.advance(100);
        robot.set_external_force([0.0; 3]);
        robot.advance(100);
        let base = robot.truth().base;
        // Force times time by mass; at that speed for as long again, after half of it on average.
        let expected = 5.0 * 0.1 / 2.5;
        assert!((base.velocity_m_per_s[1] / expected - 1.0).abs() < 1e-4, "{formulation}: {base:?}");
        assert!((base.position_m[1] / (expected * 0.15) - 1.0).abs() < 0.01, "{formulation}: {base:?}");
    }
}
