//! The robots move as mechanics says: against closed forms and hand-computed accelerations.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use sinew_policy_runtime::interface::{JointSetpoint, Setpoint};
use sinew_sim::{JointState, Randomization, SimulatedRobot, Task, Truth};

/// The quadrotor's constants, as its sources state them.
const MASS_KG: f64 = 0.027;
const INERTIA_ROLL_KG_M2: f64 = 1.4e-5;
const INERTIA_YAW_KG_M2: f64 = 2.17e-5;
const ARM_ACROSS_M: f64 = 0.0397 * std::f64::consts::FRAC_1_SQRT_2;
const THRUST: f64 = 2.88157e-8;
const DRAG_TORQUE: f64 = 7.24041e-10;
const LAG_S: f64 = 0.0375;
const HOVER: f64 = 1515.90;
const STEP_S: f64 = 0.002;

fn nominal(task: &Task) -> SimulatedRobot {
    SimulatedRobot::new(task, Randomization::Nominal).unwrap()
}

fn place_pendulum(robot: &mut SimulatedRobot, angle: f64, speed: f64) {
    let joints = vec![JointState { position: angle, velocity: speed }];
    robot.place(&Truth { joints, ..Truth::default() });
}

fn torque(value: f32) -> [Setpoint; 1] {
    [Setpoint::Joint(JointSetpoint { torque: value, ..JointSetpoint::default() })]
}

/// theta'' = gravity sin theta + push, by Runge and Kutta at 0.1 ms.
fn swing(angle: f64, speed: f64, gravity: f64, push: f64, duration_s: f64) -> (f64, f64) {
    let slope = |[angle, speed]: [f64; 2]| [speed, gravity * libm::sin(angle) + push];
    support::integrate([angle, speed], duration_s, slope).into()
}

/// A pendulum task with another physics step.
fn pendulum_with_step(period_s: f64) -> Task {
    let text = support::text("pendulum")
        .replace("physics_period_s = 0.002", &format!("physics_period_s = {period_s:?}"));
    Task::load(&support::write(&format!("pendulum-{}", (1e6 * period_s).round()), &text)).unwrap()
}

const SWINGS: [(f64, f64, f32); 4] = [(0.3, 0.0, 0.0), (2.5, -1.0, 0.0), (3.0, 0.5, 1.5), (-1.5, 0.0, 2.0)];

/// Largest error of the angle after 1 s over some swings.
fn swing_error(task: &Task) -> f64 {
    let mut robot = nominal(task);
    let steps = (1.0 / task.physics_period_s()).round() as u32;
    SWINGS.iter().fold(0.0, |largest: f64, (angle, speed, effort)| {
        place_pendulum(&mut robot, *angle, *speed);
        robot.command(&torque(*effort)).unwrap();
        robot.advance(steps);
        let (expected, _) = swing(*angle, *speed, 15.0, 3.0 * f64::from(*effort), 1.0);
        largest.max((robot.truth().joints[0].position - expected).abs())
    })
}

#[test]
fn the_pendulum_converges_to_its_equation() {
    let coarse = swing_error(&pendulum_with_step(0.002));
    let fine = swing_error(&pendulum_with_step(0.0002));
    assert!(coarse < 0.03, "{coarse} rad");
    // First order: a tenth of the step, about a tenth of the error.
    assert!(fine < 0.15 * coarse, "{fine} rad at a tenth of the step, {coarse} rad before");
}

#[test]
fn a_free_pendulum_keeps_its_energy() {
    let mut robot = nominal(&Task::load("pendulum").unwrap());
    place_pendulum(&mut robot, 2.0, 0.0);
    let energy = |robot: &SimulatedRobot| {
        let joint = robot.truth().joints[0];
        joint.velocity.powi(2) / 6.0 + 5.0 * libm::cos(joint.position)
    };
    let mean_over_a_second = |robot: &mut SimulatedRobot| {
        (0..500).fold(0.0, |sum, _| {
            robot.advance(1);
            sum + energy(robot) / 500.0
        })
    };
    let first = mean_over_a_second(&mut robot);
    robot.advance(500 * 18);
    let last = mean_over_a_second(&mut robot);
    // 20 s against the 2.9 J between the turning point and the bottom.
    assert!((last - first).abs() < 0.01, "{first} J became {last} J");
}

#[test]
fn the_speed_is_clipped_at_the_end_of_each_policy_period() {
    let mut robot = nominal(&Task::load("pendulum").unwrap());
    place_pendulum(&mut robot, 3.0, 7.9);
    robot.command(&torque(2.0)).unwrap();
    robot.advance(24);
    assert!(robot.truth().joints[0].velocity > 8.0);
    robot.advance(1);
    assert_eq!(robot.truth().joints[0].velocity, 8.0);
}

fn quadrotor() -> SimulatedRobot {
    let mut robot = nominal(&Task::load("quadrotor").unwrap());
    place_quadrotor(&mut robot);
    robot
}

fn place_quadrotor(robot: &mut SimulatedRobot) {
    let mut truth = Truth::default();
    truth.base.position_m = [0.0, 0.0, 2.0];
    robot.place(&truth);
}

/// Front left, front right, rear right, rear left.
fn rotors(speeds: [f64; 4]) -> [Setpoint; 4] {
    speeds.map(|speed| Setpoint::Rotor(speed as f32))
}

/// The integral over `steps` physics steps of the square of a rotor's speed that was at hover and is told `target`.
fn squared_speed_integral(target: f64, steps: u32) -> f64 {
    (1..=steps).fold(0.0, |sum, step| {
        let speed = target + (HOVER - target) * libm::exp(-f64::from(step) * STEP_S / LAG_S);
        sum + STEP_S * speed * speed
    })
}

#[test]
fn four_rotors_at_hover_speed_carry_the_weight() {
    let mut robot = quadrotor();
    robot.command(&rotors([HOVER; 4])).unwrap();
    robot.advance(500);
    let base = &robot.truth().base;
    assert!((base.position_m[2] - 2.0).abs() < 1e-4, "{base:?}");
    assert_eq!(base.angular_velocity_rad_per_s, [0.0; 3]);
}

#[test]
fn stopped_rotors_fall_freely_once_their_lag_is_over() {
    let mut robot = quadrotor();
    robot.command(&rotors([0.0; 4])).unwrap();
    robot.advance(250);
    let first = robot.truth().base.velocity_m_per_s[2];
    robot.advance(50);
    let fall = (robot.truth().base.velocity_m_per_s[2] - first) / 0.1;
    assert!((fall + 9.81).abs() < 1e-3, "{fall} m/s²");
}

#[test]
fn the_rotors_lag_is_exponential() {
    let mut robot = quadrotor();
    let target = 2000.0;
    robot.command(&rotors([target; 4])).unwrap();
    robot.advance(20);
    let lift = 4.0 * THRUST * squared_speed_integral(target, 20) / MASS_KG;
    let expected = lift - 9.81 * 20.0 * STEP_S;
    let found = robot.truth().base.velocity_m_per_s[2];
    // The air's drag takes about 0.2 % at these speeds.
    assert!((found / expected - 1.0).abs() < 5e-3, "{found} m/s, expected {expected} m/s");
}

#[test]
fn differences_between_rotors_turn_the_body_about_the_right_axes() {
    let (low, high, steps) = (1500.0, 1600.0, 5);
    let difference = squared_speed_integral(high, steps) - squared_speed_integral(low, steps);
    let lean = 2.0 * THRUST * ARM_ACROSS_M * difference / INERTIA_ROLL_KG_M2;
    let turn = 2.0 * DRAG_TORQUE * difference / INERTIA_YAW_KG_M2;
    for (name, speeds, expected) in [
        ("left rotors lift the left side: roll is positive", [high, low, low, high], [lean, 0.0, 0.0]),
        ("rear rotors lift the rear: pitch is positive", [low, low, high, high], [0.0, lean, 0.0]),
        ("counter-clockwise rotors turn the body clockwise", [low, high, low, high], [0.0, 0.0, -turn]),
    ] {
        let mut robot = quadrotor();
        robot.command(&rotors(speeds)).unwrap();
        robot.advance(steps);
        let found = robot.truth().base.angular_velocity_rad_per_s;
        for axis in 0..3 {
            assert!(
                (found[axis] - expected[axis]).abs() < 1e-3 * (lean + turn),
                "{name}: {found:?}, {expected:?}"
            );
        }
    }
}

#[test]
fn the_base_keeps_its_angular_momentum_when_it_spins_freely() {
    let mut robot = quadrotor();
    let mut truth = Truth::default();
    truth.base.position_m = [0.0, 0.0, 2.0];
    truth.base.angular_velocity_rad_per_s = [6.0, 0.0, 6.0];
    robot.place(&truth);
    robot.command(&rotors([0.0; 4])).unwrap();
    // Body cone: the transverse rate turns about z at (1 - Izz/Ixx) wz.
    robot.advance(100);
    let phase = (1.0 - INERTIA_YAW_KG_M2 / INERTIA_ROLL_KG_M2) * 6.0 * 0.2;
    let expected = [6.0 * libm::cos(phase), -6.0 * libm::sin(phase), 6.0];
    let found = robot.truth().base.angular_velocity_rad_per_s;
    for axis in 0..3 {
        assert!((found[axis] - expected[axis]).abs() < 0.1, "{found:?}, expected {expected:?}");
    }
}
