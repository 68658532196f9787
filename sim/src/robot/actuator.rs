//! Motors between a setpoint and a torque or a thrust: [`Motor`], with first-order lag and this episode's strength.
//!
//! The lag is integrated exactly over each physics step, so it does not depend on the step's length. Joint servos close
//! with [`sinew_policy_runtime::interface::JointSetpoint::servo_torque`], the very code that a host runs.

use super::model::Attachment;
use crate::randomization::Draw;
use crate::rotation;
use crate::task::{ActuatorDocument, RotorDocument, Spin};
use crate::truth::{BaseState, JointState};
use sinew_policy_runtime::interface::Setpoint;

/// One motor.
#[derive(Clone, Debug)]
pub(crate) struct Motor {
    attachment: Attachment,
    rotor: Option<RotorDocument>,
    /// Largest torque of a joint's motor, N m, or force, N; largest speed of a rotor, rad/s.
    limit: [f64; 2],
    nominal_lag_s: f64,
    default: Setpoint,
    setpoint: Setpoint,
    /// After the lag: rad/s of a rotor, N m or N of a joint.
    output: f64,
    /// What remains of a deviation after one physics step.
    remainder: f64,
    strength: f64,
    air_drag_scale: f64,
}

/// Force in N and torque in N m about the centre of mass, body frame.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Wrench {
    pub(crate) force: [f64; 3],
    pub(crate) torque: [f64; 3],
}

impl Motor {
    pub(crate) fn new(document: &ActuatorDocument, attachment: Attachment) -> Self {
        let default = document.actuator().setpoint(document.default);
        let limit = match document.effort_limit {
            Some(effort) => [-effort, effort],
            None => [document.minimum.into(), document.maximum.into()],
        };
        Self {
            attachment,
            rotor: document.rotor,
            limit,
            nominal_lag_s: document.lag_s,
            default,
            setpoint: default,
            output: 0.0,
            remainder: 0.0,
            strength: 1.0,
            air_drag_scale: 1.0,
        }
    }

    /// Starts an episode: rotors spin at their default speed, joints are limp.
    pub(crate) fn reset(&mut self, draw: &Draw, physics_period_s: f64) {
        let lag_s = self.nominal_lag_s * draw.motor_lag_scale;
        self.remainder = if lag_s > 0.0 { libm::exp(-physics_period_s / lag_s) } else { 0.0 };
        self.strength = draw.motor_strength_scale;
        self.air_drag_scale = draw.air_drag_scale;
        self.setpoint = self.default;
        self.output = match self.default {
            Setpoint::Rotor(speed) => speed.into(),
            Setpoint::Joint(_) => 0.0,
        };
    }

    /// The setpoint that it follows and what it puts out: all that a step changes.
    pub(crate) fn state(&self) -> (Setpoint, f64) {
        (self.setpoint, self.output)
    }

    /// Goes on from a [`Self::state`] in the same episode.
    pub(crate) fn restore(&mut self, (setpoint, output): (Setpoint, f64)) {
        (self.setpoint, self.output) = (setpoint, output);
    }

    /// Takes a setpoint, unless it is not finite or belongs to another kind of motor.
    pub(crate) fn command(&mut self, setpoint: Setpoint) {
        let same_kind = matches!(setpoint, Setpoint::Rotor(_)) == self.rotor.is_some();
        if same_kind && setpoint.is_finite() {
            self.setpoint = setpoint;
        }
    }

    /// Where it acts.
    pub(crate) fn attachment(&self) -> Attachment {
        self.attachment
    }

    /// Advances the lag by one physics step towards `target`, within the motor's limits.
    fn follow(&mut self, target: f64) -> f64 {
        let [low, high] = self.limit;
        let raised = if target < low { low } else { target };
        let bounded = if raised > high { high } else { raised };
        self.output = bounded + (self.output - bounded) * self.remainder;
        self.output
    }

    /// A joint's torque in N m, or force in N, over the next physics step.
    pub(crate) fn joint_effort(&mut self, joint: &JointState) -> f64 {
        let Setpoint::Joint(setpoint) = self.setpoint else { return 0.0 };
        let torque = setpoint.servo_torque(joint.position as f32, joint.velocity as f32);
        self.follow(torque.into()) * self.strength
    }

    /// A rotor's wrench over the next physics step, at `arm` from the centre of mass; `velocity` is the base's, m/s, in
    /// the body frame.
    pub(crate) fn rotor_wrench(&mut self, arm: [f64; 3], velocity: [f64; 3]) -> Wrench {
        let (Setpoint::Rotor(speed), Some(rotor)) = (self.setpoint, self.rotor) else {
            return Wrench::default();
        };
        let speed = self.follow(speed.into());
        let thrust = rotor.thrust_n_s2_per_rad2 * speed * speed * self.strength;
        let reaction = rotor.torque_n_m_s2_per_rad2 * speed * speed * self.strength;
        let across = rotor.drag_across_n_s2_per_m_rad * speed * self.air_drag_scale;
        let along = rotor.drag_along_n_s2_per_m_rad * speed * self.air_drag_scale;
        let force = [-across * velocity[0], -across * velocity[1], thrust - along * velocity[2]];
        let mut torque = rotation::cross(arm, force);
        // The body is turned against the rotor.
        torque[2] += match rotor.spin {
            Spin::Clockwise => reaction,
            Spin::CounterClockwise => -reaction,
        };
        Wrench { force, torque }
    }
}

/// The base's velocity in its own frame, m/s.
pub(crate) fn body_velocity(base: &BaseState) -> [f64; 3] {
    rotation::to_body(base.orientation, base.velocity_m_per_s)
}
