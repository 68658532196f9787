//! The robots that come with Sinew are the robots of their sources, and stand as MuJoCo says that they stand.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use sinew_policy_runtime::interface::{JointSetpoint, Setpoint};
use sinew_sim::{JointState, Randomization, SimulatedRobot, Task, Truth};
use std::fmt::Write as _;

const QUADRUPED: [&str; 12] = [
    "front_left_hip",
    "front_left_thigh",
    "front_left_calf",
    "front_right_hip",
    "front_right_thigh",
    "front_right_calf",
    "rear_left_hip",
    "rear_left_thigh",
    "rear_left_calf",
    "rear_right_hip",
    "rear_right_thigh",
    "rear_right_calf",
];
const ARM: [&str; 6] = ["shoulder_pan", "shoulder_lift", "elbow", "wrist_1", "wrist_2", "wrist_3"];
const HOPPER: [&str; 6] = ["root_x", "root_z", "root_y", "thigh", "leg", "foot"];

/// A task that drives the `driven` joints of a model by position.
fn task(model: &str, formulation: &str, driven: &[&str], gains: [f64; 3]) -> Task {
    let [stiffness, damping, effort] = gains;
    // Constraints that carry a whole arm need more of them.
    let iterations = if formulation == "multibody" { 4 } else { 16 };
    let mut text = format!(
        "name = \"{model}\"\nsummary = \"for tests\"\nsafe_action = \"zero_torque\"\n\n[dynamics]\nmodel = \"{model}.xml\"\n\
         formulation = \"{formulation}\"\nfloor = true\nsolver_iterations = {iterations}\nphysics_period_s = 0.002\npolicy_period_s = 0.02\n\n\
         [episode]\ntraining_s = 4.0\nacceptance_s = 4.0\n\n[start]\n\n[[reward]]\nquantity = \"joint_speed\"\nshape = \"squared\"\n\
         weight = -1.0\n\n[[observation]]\nname = \"joint\"\nsource = \"sensor\"\nsensors = [\"{0}\"]\nmax_age_s = 0.1\nfloor = 0.1\n",
        driven[0]
    );
    for joint in driven {
        write!(
            text,
            "\n[[sensors]]\nname = \"{joint}\"\nquantity = \"joint_position\"\njoint = \"{joint}\"\n\n[[actuators]]\nname = \"{joint}\"\n\
             mode = \"position\"\njoint = \"{joint}\"\nminimum = -7.0\nmaximum = 7.0\nstiffness = {stiffness:?}\ndamping = {damping:?}\n\
             effort_limit = {effort:?}\ndefault = 0.0\nhead_scale = 1.0\nhead_offset = 0.0\n"
        )
        .unwrap();
    }
    Task::load(&support::write(&format!("robot-{model}-{formulation}"), &text)).unwrap()
}

fn hold(robot: &mut SimulatedRobot, pose: &[f64], gains: [f64; 3], duration_s: f64) {
    let [stiffness, damping, _] = gains.map(|gain| gain as f32);
    let setpoint = |position: &f64| {
        let position = *position as f32;
        Setpoint::Joint(JointSetpoint { position, stiffness, damping, ..JointSetpoint::default() })
    };
    robot.command(&pose.iter().map(setpoint).collect::<Vec<_>>()).unwrap();
    robot.advance((duration_s / 0.002).round() as u32);
}

fn at(pose: &[f64], height_m: f64) -> Truth {
    let joints = pose.iter().map(|position| JointState { position: *position, velocity: 0.0 }).collect();
    let mut truth = Truth { joints, ..Truth::default() };
    truth.base.position_m[2] = height_m;
    truth
}

#[test]
fn joints_have_their_names_and_order() {
    for (model, names) in [("quadruped", &QUADRUPED[..]), ("arm", &ARM), ("hopper", &HOPPER)] {
        let driven = if model == "hopper" { &names[3..] } else { names };
        assert_eq!(task(model, "multibody", driven, [1.0, 0.1, 10.0]).joint_names(), names);
    }
}

/// MuJoCo 4.0 on the same file with the same gains, step 0.5 ms, after 2 s: trunk at 0.2640 m, knees at -1.883 in front and -1.904
/// behind. Its contacts give way by a millimetre, and dry friction leaves some play in the pose.
#[test]
fn a_quadruped_stands_as_in_mujoco_in_both_formulations() {
    let pose: Vec<f64> = [0.0, 0.9, -1.8].into_iter().cycle().take(12).collect();
    let gains = [60.0, 2.0, 23.7];
    for formulation in ["multibody", "joint_constraints"] {
        let task = task("quadruped", formulation, &QUADRUPED, gains);
        let mut robot = SimulatedRobot::new(&task, Randomization::Nominal).unwrap();
        robot.place(&at(&pose, 0.2848));
        hold(&mut robot, &pose, gains, 2.0);
        let base = robot.truth().base;
        assert!((base.position_m[2] - 0.2640).abs() < 0.006, "{formulation}: {base:?}");
        assert!(base.velocity_m_per_s.iter().all(|v| v.abs() < 0.005), "{formulation}: {base:?}");
        for (knee, expected) in [(2, -1.883), (5, -1.882), (8, -1.905), (11, -1.903)] {
            let found = robot.truth().joints[knee].position;
            assert!((found - expected).abs() < 0.01, "{formulation}: knee {knee} at {found}");
        }
    }
}

/// MuJoCo 4.0 on the same file with the same gains, step 0.5 ms, after 2 s: how far each joint sags, rad. Dry friction of 7.5 N m
/// against a stiffness of 1000 N m/rad leaves a play of 7.5 mrad to either side.
#[test]
fn an_arm_sags_as_in_mujoco_in_both_formulations() {
    use core::f64::consts::FRAC_PI_2;
    let pose = [0.0, -FRAC_PI_2, FRAC_PI_2, -FRAC_PI_2, -FRAC_PI_2, 0.0];
    let sags = [0.0, 0.0195, 0.0202, 0.0018, 0.0, 0.0];
    let gains = [1000.0, 50.0, 150.0];
    for formulation in ["multibody", "joint_constraints"] {
        let task = task("arm", formulation, &ARM, gains);
        let mut robot = SimulatedRobot::new(&task, Randomization::Nominal).unwrap();
        robot.place(&at(&pose, 0.0));
        hold(&mut robot, &pose, gains, 2.0);
        for ((joint, pose), sag) in robot.truth().joints.iter().zip(pose).zip(sags) {
            assert!((joint.position - pose - sag).abs() < 0.012, "{formulation}: {joint:?}");
            assert!(joint.velocity.abs() < 0.005, "{formulation}: {joint:?}");
        }
    }
}

#[test]
fn a_hopper_falls_onto_its_foot() {
    let gains = [200.0, 20.0, 200.0];
    let task = task("hopper", "multibody", &HOPPER[3..], gains);
    let mut robot = SimulatedRobot::new(&task, Randomization::Nominal).unwrap();
    let mut start = at(&[0.0; 6], 0.0);
    start.joints[1].position = 0.1;
    robot.place(&start);
    hold(&mut robot, &[0.0; 3], gains, 0.1);
    // Free fall: g t² / 2.
    let height = robot.truth().joints[1].position;
    assert!((height - (0.1 - 0.5 * 9.81 * 0.01)).abs() < 2e-3, "{height}");
    hold(&mut robot, &[0.0; 3], gains, 0.4);
    let height = robot.truth().joints[1].position;
    assert!(height.abs() < 0.02, "{height}");
}

#[test]
fn a_joint_without_a_range_starts_in_the_files_default_pose() {
    let gains = [40.0, 1.0, 23.7];
    let task = task("quadruped", "multibody", &QUADRUPED, gains);
    let robot = SimulatedRobot::new(&task, Randomization::Nominal).unwrap();
    let pose: Vec<f64> = task.default_pose().collect();
    assert_eq!(pose[..3], [0.0, 0.8, -1.6]);
    for (joint, expected) in robot.truth().joints.iter().zip(&pose) {
        assert!((joint.position - expected).abs() < 1e-6 && joint.velocity == 0.0, "{joint:?}");
    }
}

/// Coulomb: a block that slides at `v` on a floor stops after `v² / (2 mu g)`, where the rougher surface counts: 1.5 on a floor of 1.
#[test]
fn a_sliding_block_stops_where_friction_says() {
    let sled = "<mujoco><compiler angle=\"radian\"/><option gravity=\"0 0 -9.81\"/><worldbody>\
        <body name=\"block\" pos=\"0 0 0.05\"><freejoint/><inertial pos=\"0 0 0\" mass=\"2\" diaginertia=\"0.01 0.01 0.01\"/>\
        <geom type=\"box\" size=\"0.1 0.1 0.05\" friction=\"1.5\"/><body><joint name=\"fin\" type=\"hinge\" axis=\"0 0 1\"/>\
        <inertial pos=\"0 0 0\" mass=\"0.001\" diaginertia=\"1e-6 1e-6 1e-6\"/></body></body></worldbody></mujoco>";
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(folder.join("sled.xml"), sled).unwrap();
    for formulation in ["multibody", "joint_constraints"] {
        let task = task("sled", formulation, &["fin"], [0.0, 0.0, 1.0]);
        let mut robot = SimulatedRobot::new(&task, Randomization::Nominal).unwrap();
        let mut start = at(&[0.0], 0.05);
        start.base.velocity_m_per_s[0] = 1.0;
        robot.place(&start);
        robot.advance(500);
        let base = robot.truth().base;
        let expected = 1.0 / (2.0 * 1.5 * 9.81);
        assert!(
            (base.position_m[0] / expected - 1.0).abs() < 0.03,
            "{formulation}: {base:?}, expected {expected} m"
        );
        assert!(base.velocity_m_per_s[0].abs() < 1e-3, "{formulation}: {base:?}");
    }
}

/// Euler's equations of a free top, body frame, by Runge and Kutta.
fn top(inertia: [f64; 3], rate: [f64; 3], time_s: f64) -> [f64; 3] {
    let [a, b, c] = inertia;
    let slope = |[x, y, z]: [f64; 3]| [(b - c) / a * y * z, (c - a) / b * z * x, (a - b) / c * x * y];
    support::integrate(rate, time_s, slope)
}

#[test]
fn a_free_top_falls_and_tumbles_as_its_equations_say() {
    let inertia = [0.01, 0.02, 0.03];
    let spin = [0.4, 6.0, 0.2];
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let xml = "<mujoco><compiler angle=\"radian\"/><option gravity=\"0 0 -9.81\"/><worldbody>\
        <body name=\"top\" pos=\"0 0 50\"><freejoint/><inertial pos=\"0 0 0\" mass=\"2\" diaginertia=\"0.01 0.02 0.03\"/>\
        <body><joint name=\"fin\" type=\"hinge\" axis=\"0 0 1\"/>\
        <inertial pos=\"0 0 0\" mass=\"0.0001\" diaginertia=\"1e-7 1e-7 1e-7\"/></body></body></worldbody></mujoco>";
    std::fs::write(folder.join("top.xml"), xml).unwrap();
    for formulation in ["multibody", "joint_constraints"] {
        let task = task("top", formulation, &["fin"], [0.0, 0.0, 1.0]);
        let mut robot = SimulatedRobot::new(&task, Randomization::Nominal).unwrap();
        let mut start = at(&[0.0], 50.0);
        start.base.angular_velocity_rad_per_s = spin;
        robot.place(&start);
        robot.advance(500);
        let base = robot.truth().base;
        let fallen = 50.0 - base.position_m[2];
        assert!((fallen - 0.5 * 9.81).abs() < 0.02, "{formulation}: fell {fallen} m in 1 s");
        let expected = top(inertia, spin, 1.0);
        let energy = |rate: [f64; 3]| (0..3).map(|axis| inertia[axis] * rate[axis] * rate[axis]).sum::<f64>();
        let found = base.angular_velocity_rad_per_s;
        for axis in 0..3 {
            assert!(
                (found[axis] - expected[axis]).abs() < 0.01,
                "{formulation}: {found:?}, expected {expected:?}"
            );
        }
        assert!((energy(found) / energy(spin) - 1.0).abs() < 2e-3, "{formulation}: {found:?}");
    }
}
