//! Forces of contact, and motions of sites, are those of mechanics.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use sinew_policy_runtime::interface::{JointSetpoint, Setpoint};
use sinew_sim::{BaseState, JointState, Randomization, SimulatedRobot, Task, Truth};
use std::fmt::Write as _;
use support::world::{floating, nominal, read, sensor};

const GRAVITY: f64 = 9.81;
const FEET: [&str; 4] = ["front_left_foot", "front_right_foot", "rear_left_foot", "rear_right_foot"];
const FORMULATIONS: [&str; 2] = ["multibody", "joint_constraints"];

fn world(name: &str, model: &str, joint: &str, dynamics: &str, rest: &str) -> Task {
    support::world::task(name, model, joint, dynamics, rest).unwrap()
}

fn at(base: BaseState, joints: usize) -> Truth {
    Truth { base, joints: vec![JointState::default(); joints], ..Truth::default() }
}

fn height(z: f64) -> BaseState {
    BaseState { position_m: [0.0, 0.0, z], ..BaseState::default() }
}

/// A quadruped that holds a pose, whose feet and trunk are felt.
fn quadruped(formulation: &str, iterations: u32) -> Task {
    let mut rest =
        String::from("[truth]\ncontacts = [\"trunk\"]\nsites = [\"front_left_foot\", \"imu\"]\n\n");
    for foot in FEET {
        rest.push_str(&sensor(foot, "contact_force", &format!("geom = \"{foot}\"")));
    }
    for leg in ["front_left", "front_right", "rear_left", "rear_right"] {
        for joint in ["hip", "thigh", "calf"] {
            write!(
                rest,
                "[[actuators]]\nname = \"{leg}_{joint}\"\nmode = \"position\"\njoint = \"{leg}_{joint}\"\nminimum = -7.0\n\
                 maximum = 7.0\nstiffness = 60.0\ndamping = 2.0\neffort_limit = 33.5\ndefault = 0.0\nhead_scale = 1.0\n\
                 head_offset = 0.0\n\n"
            )
            .unwrap();
        }
    }
    let dynamics = format!("floor = true\nformulation = {formulation:?}\nsolver_iterations = {iterations}");
    let name = format!("quadruped-{formulation}-{iterations}");
    let first = "[[actuators]]\nname = \"joint\"";
    let text = support::world::task(&name, "quadruped.xml", "front_left_hip", &dynamics, &rest);
    // The helper's own motor would drive a joint twice; at no torque it does nothing.
    assert!(text.is_ok(), "{first}: {text:?}");
    text.unwrap()
}

fn hold(robot: &mut SimulatedRobot, pose: &[f64], steps: u32) {
    let setpoint = |position: &f64| {
        Setpoint::Joint(JointSetpoint {
            position: *position as f32,
            stiffness: 60.0,
            damping: 2.0,
            ..JointSetpoint::default()
        })
    };
    let setpoints: Vec<Setpoint> =
        support::world::limp().into_iter().chain(pose.iter().map(setpoint)).collect();
    robot.command(&setpoints).unwrap();
    robot.advance(steps);
}

/// MuJoCo 4.0 on the same file with the same gains, step 0.5 ms, after 4 s: N, in the order of [`FEET`]. Dry friction leaves some
/// play in how four feet share a load.
const MUJOCO_LOADS: [f64; 4] = [28.93, 28.39, 35.86, 35.33];

#[test]
fn a_standing_quadrupeds_feet_carry_its_weight() {
    let pose: Vec<f64> = [0.0, 0.9, -1.8].into_iter().cycle().take(12).collect();
    let weight = 13.099 * GRAVITY;
    for formulation in FORMULATIONS {
        for iterations in [1, 4] {
            let task = quadruped(formulation, iterations);
            let mut robot = SimulatedRobot::new(&task, Randomization::Nominal).unwrap();
            let mut start = at(height(0.2848), 12);
            start.joints.iter_mut().zip(&pose).for_each(|(joint, angle)| joint.position = *angle);
            robot.place(&start);
            hold(&mut robot, &pose, 2000);
            assert_eq!(task.contact_names()[..4], FEET);
            let mut mean = 0.0;
            for _ in 0..200 {
                robot.advance(1);
                let contacts = &robot.truth().contacts;
                mean += contacts[..4].iter().map(|foot| foot.normal_force_n).sum::<f64>() / 200.0;
                assert_eq!(contacts[4].normal_force_n, 0.0, "the trunk touches nothing");
                for foot in &contacts[..4] {
                    assert!(
                        foot.touches() && foot.contact_time_s > 1.0 && foot.air_time_s == 0.0,
                        "{foot:?}"
                    );
                    assert!(foot.normal_force_n > 0.1 * weight, "{foot:?}");
                }
            }
            assert!(
                (mean / weight - 1.0).abs() < 0.01,
                "{formulation}, {iterations}: {mean} N, weight {weight} N"
            );
            for (foot, expected) in FEET.iter().zip(MUJOCO_LOADS) {
                let found = read(&mut robot, &task, foot)[0];
                assert!((found - expected).abs() < 2.0, "{formulation}, {iterations}: {foot} {found} N");
            }
            let foot = robot.truth().sites[0].motion;
            assert!((foot.position_m[2] - 0.02).abs() < 0.005, "{foot:?}");
        }
    }
}

#[test]
fn a_fallen_quadruped_feels_its_trunk() {
    let task = quadruped("multibody", 1);
    let mut robot = nominal(&task);
    let pose: Vec<f64> = [0.0, 3.0, -2.0].into_iter().cycle().take(12).collect();
    let mut start = at(height(0.06), 12);
    start.joints.iter_mut().zip(&pose).for_each(|(joint, angle)| joint.position = *angle);
    robot.place(&start);
    hold(&mut robot, &pose, 1500);
    let contacts = &robot.truth().contacts;
    let total: f64 = contacts.iter().map(|contact| contact.normal_force_n).sum();
    assert!(contacts[4].touches(), "{contacts:?}");
    assert!((total / (13.099 * GRAVITY) - 1.0).abs() < 0.03, "{contacts:?}");
}

#[test]
fn a_sliding_block_presses_with_its_weight_and_a_falling_one_not_at_all() {
    let block = floating(2.0, "<geom name=\"block\" type=\"box\" size=\"0.2 0.2 0.05\" friction=\"0.3\"/>");
    let rest = sensor("force", "contact_force", "geom = \"block\"");
    for (formulation, iterations) in
        [("multibody", 1), ("multibody", 4), ("joint_constraints", 1), ("joint_constraints", 4)]
    {
        let dynamics =
            format!("floor = true\nformulation = {formulation:?}\nsolver_iterations = {iterations}");
        let task = world(&format!("block-{formulation}-{iterations}"), &block, "fin", &dynamics, &rest);
        let mut robot = nominal(&task);
        let mut start = at(height(0.05), 1);
        start.base.velocity_m_per_s[0] = 5.0;
        robot.place(&start);
        robot.advance(200);
        let mean = (0..100).map(|_| {
            robot.advance(1);
            robot.truth().contacts[0].normal_force_n / 100.0
        });
        let mean: f64 = mean.sum();
        assert!(robot.truth().base.velocity_m_per_s[0] > 1.0, "it slides: {:?}", robot.truth().base);
        assert!((mean / (2.0 * GRAVITY) - 1.0).abs() < 0.01, "{formulation}, {iterations}: {mean} N");
        robot.place(&at(height(1.0), 1));
        for _ in 0..100 {
            robot.advance(1);
            assert_eq!(robot.truth().contacts[0].normal_force_n, 0.0);
        }
        let contact = robot.truth().contacts[0];
        assert!((contact.air_time_s - 0.1).abs() < 1e-6 && contact.contact_time_s == 0.0, "{contact:?}");
        while !robot.truth().contacts[0].touches() {
            robot.advance(1);
        }
        let contact = robot.truth().contacts[0];
        assert!((contact.last_air_time_s - (2.0 * 0.95 / GRAVITY).sqrt()).abs() < 0.01, "{contact:?}");
    }
}

/// An impact's force times its duration is the momentum that it takes.
#[test]
fn an_impact_takes_the_momentum() {
    let block = floating(2.0, "<geom name=\"block\" type=\"box\" size=\"0.2 0.2 0.05\"/>");
    let rest = sensor("force", "contact_force", "geom = \"block\"");
    for formulation in FORMULATIONS {
        let dynamics = format!("floor = true\nformulation = {formulation:?}");
        let task = world(&format!("impact-{formulation}"), &block, "fin", &dynamics, &rest);
        let mut robot = nominal(&task);
        let mut start = at(height(0.06), 1);
        start.base.velocity_m_per_s[2] = -2.0;
        robot.place(&start);
        let mut impulse = 0.0;
        for _ in 0..300 {
            robot.advance(1);
            impulse += 1e-3 * robot.truth().contacts[0].normal_force_n;
        }
        // All forces together changed the momentum from -m v to 0 against gravity.
        let expected = 2.0 * 2.0 + 2.0 * GRAVITY * 0.3;
        assert!(robot.truth().base.velocity_m_per_s[2].abs() < 1e-3, "{:?}", robot.truth().base);
        assert!(
            (impulse / expected - 1.0).abs() < 0.01,
            "{formulation}: {impulse} N s, expected {expected} N s"
        );
    }
}

#[test]
fn a_falling_bodys_velocity_is_that_of_its_last_step() {
    for formulation in FORMULATIONS {
        let task = world(
            &format!("fall-{formulation}"),
            &floating(2.0, "<site name=\"tip\" pos=\"0.3 0 0\"/>"),
            "fin",
            &format!("formulation = {formulation:?}"),
            "[truth]\nsites = [\"tip\", \"base\"]\n",
        );
        let mut robot = nominal(&task);
        robot.place(&at(height(10.0), 1));
        robot.advance(1);
        let truth = robot.truth();
        for motion in [truth.base, truth.sites[0].motion, truth.sites[1].motion] {
            let found = motion.velocity_m_per_s[2];
            assert!((found + 1e-3 * GRAVITY).abs() < 1e-6, "{formulation}: {found} m/s after 1 ms");
        }
    }
}

#[test]
fn an_accelerometer_feels_the_support_and_not_the_fall() {
    let parts = "<geom type=\"box\" size=\"0.2 0.2 0.05\"/><site name=\"imu\" pos=\"0.1 0.05 0.02\"/>\
        <site name=\"rolled\" pos=\"0 0 0\" euler=\"1.570796327 0 0\"/>";
    let rest = sensor("felt", "base_acceleration", "")
        + &sensor("at_imu", "base_acceleration", "site = \"imu\"")
        + &sensor("rolled", "base_acceleration", "site = \"rolled\"");
    for formulation in FORMULATIONS {
        let dynamics = format!("floor = true\nformulation = {formulation:?}");
        let task = world(&format!("imu-{formulation}"), &floating(2.0, parts), "fin", &dynamics, &rest);
        let mut robot = nominal(&task);
        robot.place(&at(height(0.05), 1));
        assert_eq!(read(&mut robot, &task, "felt")[2] as f32, 9.81, "at the start it is at rest");
        robot.advance(1000);
        let near = |found: &[f64], expected: [f64; 3], tolerance: f64| {
            let off = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs());
            assert!(off.fold(0.0, f64::max) < tolerance, "{formulation}: {found:?}, expected {expected:?}");
        };
        // Of what never leaves its place the mean acceleration is 0, however a solver's contacts tremble.
        let mut means = [[0.0; 3]; 3];
        for _ in 0..500 {
            robot.advance(1);
            for (mean, sensor) in means.iter_mut().zip(["felt", "at_imu", "rolled"]) {
                let felt = read(&mut robot, &task, sensor);
                mean.iter_mut().zip(felt).for_each(|(sum, value)| *sum += value / 500.0);
            }
        }
        near(&means[0], [0.0, 0.0, GRAVITY], 0.02);
        near(&means[1], [0.0, 0.0, GRAVITY], 0.02);
        // Rolled by a quarter turn, the sensor's y axis points up.
        near(&means[2], [0.0, GRAVITY, 0.0], 0.02);
        if formulation == "joint_constraints" {
            near(&read(&mut robot, &task, "felt"), [0.0, 0.0, GRAVITY], 1e-3);
        }
        robot.place(&at(height(20.0), 1));
        robot.advance(200);
        near(&read(&mut robot, &task, "felt"), [0.0; 3], 0.01);
        near(&read(&mut robot, &task, "at_imu"), [0.0; 3], 0.01);
    }
}

/// Turning at `w` about z, a point at `r` is pulled towards the axis by `w² r`.
#[test]
fn an_accelerometer_off_the_axis_feels_the_turn() {
    let table = "<mujoco><compiler angle=\"radian\"/><option gravity=\"0 0 -9.81\"/><worldbody><body name=\"table\">\
        <joint name=\"turn\" type=\"hinge\" axis=\"0 0 1\"/><inertial pos=\"0.05 0 0\" mass=\"1\" diaginertia=\"0.01 0.01 0.02\"/>\
        <site name=\"rim\" pos=\"0.3 0 0.1\"/></body></worldbody></mujoco>";
    let rest = sensor("felt", "base_acceleration", "site = \"rim\"")
        + &sensor("rate", "base_angular_velocity", "site = \"rim\"")
        + &sensor("place", "base_position", "site = \"rim\"");
    for formulation in FORMULATIONS {
        let task = world(
            &format!("turn-{formulation}"),
            table,
            "turn",
            &format!("formulation = {formulation:?}\nsolver_iterations = 8"),
            &rest,
        );
        let mut robot = nominal(&task);
        let joints = vec![JointState { position: 0.0, velocity: 4.0 }];
        robot.place(&Truth { joints, ..Truth::default() });
        robot.advance(250);
        let felt = read(&mut robot, &task, "felt");
        let expected = [-4.0 * 4.0 * 0.3, 0.0, GRAVITY];
        for axis in 0..3 {
            // A difference over one step lags by half of it: w³ r dt / 2 across.
            assert!(
                (felt[axis] - expected[axis]).abs() < 0.06,
                "{formulation}: {felt:?}, expected {expected:?}"
            );
        }
        let rate = read(&mut robot, &task, "rate");
        assert!((rate[2] - 4.0).abs() < 0.02, "{rate:?}");
        let place = read(&mut robot, &task, "place");
        let (sine, cosine) = libm::sincos(robot.truth().joints[0].position);
        assert!((place[0] - 0.3 * cosine).abs() < 1e-3 && (place[1] - 0.3 * sine).abs() < 1e-3, "{place:?}");
    }
}

/// A pendulum's tip: along the rod it feels `g cos a + w² l`, across it `g sin a + l a''`, where `a'' = -m g c sin a / I`.
#[test]
fn an_accelerometer_on_a_pendulum_feels_what_its_equation_says() {
    const ROD: &str = "<mujoco><compiler angle=\"radian\"/><option gravity=\"0 0 -9.81\"/><worldbody><body name=\"rod\" pos=\"0 0 3\">\
        <joint name=\"swing\" type=\"hinge\" axis=\"0 1 0\"/><inertial pos=\"0 0 -0.4\" mass=\"2\" diaginertia=\"0.05 0.05 0.001\"/>\
        <site name=\"tip\" pos=\"0 0 -1\"/></body></worldbody></mujoco>";
    let inertia = 0.05 + 2.0 * 0.4 * 0.4;
    let rest = sensor("felt", "base_acceleration", "site = \"tip\"");
    for formulation in FORMULATIONS {
        let task = world(
            &format!("swing-{formulation}"),
            ROD,
            "swing",
            &format!("formulation = {formulation:?}\nsolver_iterations = 8"),
            &rest,
        );
        let mut robot = nominal(&task);
        let joints = vec![JointState { position: 1.2, velocity: 0.0 }];
        robot.place(&Truth { joints, ..Truth::default() });
        let mut before = robot.truth().joints[0];
        for _ in 0..900 {
            robot.advance(1);
            let joint = robot.truth().joints[0];
            // The mean over a step is the value in the middle of it, but in the axes at its end.
            let angle = 0.5 * (before.position + joint.position);
            let rate = 0.5 * (before.velocity + joint.velocity);
            before = joint;
            let turning = -2.0 * GRAVITY * 0.4 * libm::sin(angle) / inertia;
            // Turned by `a` about y, the rod's x axis is (cos a, 0, -sin a) and its z axis (sin a, 0, cos a).
            let (across, along) = (-turning, rate * rate);
            let (s, c) = libm::sincos(joint.position - angle);
            let (sine, cosine) = libm::sincos(joint.position);
            let expected =
                [c * across - s * along - GRAVITY * sine, 0.0, s * across + c * along + GRAVITY * cosine];
            let felt = read(&mut robot, &task, "felt");
            for axis in 0..3 {
                let off = (felt[axis] - expected[axis]).abs();
                assert!(
                    off < 0.1,
                    "{formulation}: {felt:?}, expected {expected:?} at {angle} rad, {rate} rad/s"
                );
            }
        }
    }
}

#[test]
fn a_site_moves_outwards_on_a_body_that_grows() {
    let grown = "[truth]\nsites = [\"tip\"]\n\n[[randomization]]\nterm = \"body_size\"\noperation = \"scale\"\n\
        training = [1.5, 1.5]\nacceptance = [1.5, 1.5]\n";
    let task = world("grown", &floating(2.0, "<site name=\"tip\" pos=\"0.2 0 0.1\"/>"), "fin", "", grown);
    for (level, factor) in [(Randomization::Nominal, 1.0), (Randomization::Training, 1.5)] {
        let mut robot = SimulatedRobot::new(&task, level).unwrap();
        robot.place(&at(height(1.0), 1));
        let [x, _, z] = robot.truth().sites[0].motion.position_m;
        assert!((x - 0.2 * factor).abs() < 1e-6 && (z - 1.0 - 0.1 * factor).abs() < 1e-6, "{x}, {z}");
    }
}

#[test]
fn a_name_that_the_model_lacks_is_refused_with_the_nearest() {
    let refusal = |rest: &str| {
        support::world::task("refused", "quadruped.xml", "front_left_hip", "", rest).unwrap_err()
    };
    let error = refusal(&sensor("foot", "contact_force", "geom = \"front_left_fot\""));
    assert!(
        error.starts_with("FILE: sensor \"foot\": geom is \"front_left_fot\", expected \"front_left_foot\""),
        "{error}"
    );
    let error = refusal(&sensor("imu", "base_acceleration", "site = \"inu\""));
    assert!(error.starts_with("FILE: sensor \"imu\": site is \"inu\", expected \"imu\""), "{error}");
    let error = refusal(&sensor("foot", "contact_force", ""));
    assert!(error.starts_with("FILE: sensor \"foot\": geom is absent"), "{error}");
    let error = refusal(&sensor("imu", "base_position", "geom = \"trunk\""));
    assert!(error.starts_with("FILE: sensor \"imu\": geom is present"), "{error}");
}
