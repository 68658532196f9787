//! Whether a robot's servos are stable at its physics step: [`servo_gain`].
//!
//! A servo is closed once in each physics step `h`, explicitly: efforts follow from the state at the step's start. On a joint space
//! of mass matrix `M` the semi-implicit step is stable where every eigenvalue of `M⁻¹ (K h² + 2 D h)` is below 4, which
//! follows from the two conditions of Jury on each mode. A gain beyond that shakes a simulated robot apart, whatever the
//! policy does, and says nothing about the real one. Delays and lags ask for more margin than this bound has.

use super::model::RobotModel;
use super::world::World;
use crate::randomization::Variation;
use crate::truth::{BaseState, JointState, Truth};
use nalgebra::DMatrix;

/// The bound on [`ServoGain::largest`].
pub(crate) const LARGEST_GAIN: f64 = 4.0;
/// Far above any floor, m.
const IN_THE_AIR_M: f64 = 1000.0;

/// A joint's servo.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Servo {
    pub(crate) joint: usize,
    /// N m/rad or N/m.
    pub(crate) stiffness: f64,
    /// N m s/rad or N s/m.
    pub(crate) damping: f64,
}

/// How close the servos are to shaking.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServoGain {
    /// The largest eigenvalue of `M⁻¹ (K h² + 2 D h)`.
    pub(crate) largest: f64,
    /// The servo that has most of its mode, by its place.
    pub(crate) servo: usize,
}

/// The gain of some servos together, in the robot's default pose, its base free; absent without servos.
pub(crate) fn servo_gain(
    model: &RobotModel,
    nominal: &Variation,
    (physics_period_s, solver_iterations): (f64, u32),
    servos: &[Servo],
) -> Option<ServoGain> {
    if servos.is_empty() {
        return None;
    }
    let mobility = mobility(model, nominal, (physics_period_s, solver_iterations), servos);
    let h = physics_period_s;
    let weight = |servo: &Servo| libm::sqrt(servo.stiffness * h * h + 2.0 * servo.damping * h);
    let symmetric = DMatrix::from_fn(servos.len(), servos.len(), |row, column| {
        let mean = 0.5 * (mobility[(row, column)] + mobility[(column, row)]);
        weight(&servos[row]) * mean * weight(&servos[column])
    });
    let modes = symmetric.symmetric_eigen();
    let values = modes.eigenvalues.iter().copied().enumerate();
    let (mode, largest) = values.max_by(|a, b| a.1.total_cmp(&b.1))?;
    let shares = modes.eigenvectors.column(mode);
    let (servo, _) = shares.iter().enumerate().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))?;
    Some(ServoGain { largest, servo })
}

/// Accelerations of the servos' joints under a unit effort on each of them: the rows and columns of `M⁻¹` that they have.
fn mobility(
    model: &RobotModel,
    nominal: &Variation,
    (physics_period_s, solver_iterations): (f64, u32),
    servos: &[Servo],
) -> DMatrix<f64> {
    let joints =
        model.default_pose().iter().map(|position| JointState { position: *position, velocity: 0.0 });
    let joints: Vec<JointState> = joints.collect();
    let base = BaseState { position_m: [0.0, 0.0, IN_THE_AIR_M], ..BaseState::default() };
    let mut world = World::new(model, physics_period_s, solver_iterations);
    let mut speeds = |effort: Option<(usize, f64)>| {
        let mut truth = Truth { joints: joints.clone(), ..Truth::default() };
        world.reset(model, 0, nominal);
        world.set_base(model, &base);
        world.set_joints(model, &joints);
        if let Some((joint, effort)) = effort {
            world.add_joint_effort(model, joint, effort);
        }
        world.step();
        world.read(model, &mut truth);
        truth.joints.iter().map(|joint| joint.velocity).collect::<Vec<f64>>()
    };
    // What gravity does alone is taken off.
    let falling = speeds(None);
    let mut mobility = DMatrix::zeros(servos.len(), servos.len());
    for (column, servo) in servos.iter().enumerate() {
        // So much that the joint's dry friction does not count.
        let effort = 1.0 + 1000.0 * model.joints[servo.joint].friction;
        let moved = speeds(Some((servo.joint, effort)));
        for (row, other) in servos.iter().enumerate() {
            let change = moved[other.joint] - falling[other.joint];
            mobility[(row, column)] = change / (effort * physics_period_s);
        }
    }
    mobility
}
