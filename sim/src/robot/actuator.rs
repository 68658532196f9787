//! Motors between a setpoint and a torque or a thrust: [`Motor`], with delay, limits and first-order lag.
//!
//! The lag is integrated exactly over each physics step, so it does not depend on the step's length. Joint servos close
//! with [`sinew_policy_runtime::interface::JointSetpoint::servo_torque`], the very code that a host runs.

use super::delay::DelayLine;
use super::model::{Attachment, RobotModel};
use crate::error::SimError;
use crate::randomization::{Parameter, Variation, delay_steps};
use crate::rotation;
use crate::task::{ActuatorDocument, DcMotorDocument, RotorDocument, Spin};
use crate::truth::JointState;
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::interface::Setpoint;

/// One motor.
#[derive(Clone, Debug)]
pub(crate) struct Motor {
    attachment: Attachment,
    rotor: Option<RotorDocument>,
    /// How its effort falls with speed, where it does.
    curve: Option<DcMotorDocument>,
    /// Largest torque of a joint's motor, N m, or force, N; largest speed of a rotor, rad/s.
    limit: [f64; 2],
    nominal: Nominal,
    default: Setpoint,
    /// What arrived.
    setpoint: Setpoint,
    /// Setpoints on their way.
    line: DelayLine<Setpoint>,
    /// After the lag: rad/s of a rotor, N m or N of a joint.
    output: f64,
    /// What it applied over the last physics step: thrust, N; torque, N m; force, N.
    applied: f64,
    /// This moment's deviations.
    present: Present,
}

/// What a task's file says of what randomization changes.
#[derive(Clone, Copy, Debug)]
struct Nominal {
    lag_s: f64,
    delay_s: f64,
    stiffness: f64,
    damping: f64,
}

#[derive(Clone, Copy, Debug)]
struct Present {
    /// Where a rotor sits, m, from the base's centre of mass, body frame.
    arm: [f64; 3],
    delay_s: f64,
    /// What remains of a deviation after one physics step.
    remainder: f64,
    strength: f64,
    voltage: f64,
    air_drag: f64,
    /// Factors on the gains that a setpoint brings.
    stiffness: f32,
    damping: f32,
}

/// All that a step changes of a [`Motor`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MotorState {
    setpoint: Setpoint,
    line: DelayLine<Setpoint>,
    output: f64,
    applied: f64,
}

/// Force in N and torque in N m about the centre of mass, body frame.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Wrench {
    pub(crate) force: [f64; 3],
    pub(crate) torque: [f64; 3],
}

impl Motor {
    /// A motor whose setpoints take at most `longest_delay_steps` physics steps.
    pub(crate) fn new(document: &ActuatorDocument, attachment: Attachment, longest_delay_steps: u32) -> Self {
        let default = document.actuator().setpoint(document.default);
        let limit = match document.effort_limit {
            Some(effort) => [-effort, effort],
            None => [document.minimum.into(), document.maximum.into()],
        };
        Self {
            attachment,
            rotor: document.rotor,
            curve: document.dc_motor,
            limit,
            nominal: Nominal {
                lag_s: document.lag_s,
                delay_s: document.delay_s,
                stiffness: document.stiffness.into(),
                damping: document.damping.into(),
            },
            default,
            setpoint: default,
            line: DelayLine::new(longest_delay_steps, 1, default),
            output: 0.0,
            applied: 0.0,
            present: Present {
                arm: [0.0; 3],
                delay_s: 0.0,
                remainder: 0.0,
                strength: 1.0,
                voltage: 1.0,
                air_drag: 1.0,
                stiffness: 1.0,
                damping: 1.0,
            },
        }
    }

    /// Starts an episode: rotors spin at their default speed, joints are limp.
    pub(crate) fn reset(&mut self) {
        self.line.clear();
        self.setpoint = self.default;
        self.applied = 0.0;
        self.output = match self.default {
            Setpoint::Rotor(speed) => speed.into(),
            Setpoint::Joint(_) => 0.0,
        };
    }

    /// Takes this moment's deviations; `index` is the motor's place.
    pub(crate) fn vary(
        &mut self,
        model: &RobotModel,
        variation: &Variation,
        index: usize,
        physics_period_s: f64,
    ) {
        let Nominal { lag_s, delay_s, stiffness, damping } = self.nominal;
        let number = |parameter, nominal| variation.apply(parameter, index, nominal);
        let lag_s = number(Parameter::MotorLag, lag_s);
        // A motor without gains of its own has none to change.
        let factor = |parameter, nominal: f64| {
            if nominal > 0.0 { (number(parameter, nominal) / nominal) as f32 } else { 1.0 }
        };
        self.present = Present {
            arm: match self.attachment {
                Attachment::Base(arm) => model.rotor_arm(arm, variation),
                Attachment::Joint(_) => [0.0; 3],
            },
            delay_s: number(Parameter::ActionDelay, delay_s),
            remainder: if lag_s > 0.0 { libm::exp(-physics_period_s / lag_s) } else { 0.0 },
            strength: number(Parameter::MotorStrength, 1.0),
            voltage: number(Parameter::SupplyVoltage, 1.0),
            air_drag: number(Parameter::AirDrag, 1.0),
            stiffness: factor(Parameter::ServoStiffness, stiffness),
            damping: factor(Parameter::ServoDamping, damping),
        };
    }

    /// All that a step changes.
    pub(crate) fn state(&self) -> MotorState {
        let Self { setpoint, line, output, applied, .. } = self;
        MotorState { setpoint: *setpoint, line: line.clone(), output: *output, applied: *applied }
    }

    /// Goes on from a [`Self::state`] in the same episode.
    pub(crate) fn restore(&mut self, state: &MotorState) -> Result<(), SimError> {
        self.line.restore(&state.line)?;
        (self.setpoint, self.output, self.applied) = (state.setpoint, state.output, state.applied);
        Ok(())
    }

    /// Sends a setpoint at physics step `now`; it arrives after the motor's delay, never before an earlier one.
    pub(crate) fn send(&mut self, setpoint: Setpoint, now: u64, phase: f64, physics_period_s: f64) {
        let delay = delay_steps(self.present.delay_s, phase, physics_period_s);
        self.line.push(now + u64::from(delay), &[setpoint]);
    }

    /// Takes what arrives at physics step `now`, unless it is not finite or belongs to another kind of motor.
    pub(crate) fn receive(&mut self, now: u64) {
        let Some([setpoint]) = self.line.pop_due(now) else { return };
        let same_kind = matches!(setpoint, Setpoint::Rotor(_)) == self.rotor.is_some();
        if same_kind && setpoint.is_finite() {
            self.setpoint = *setpoint;
        }
    }

    /// Where it acts.
    pub(crate) fn attachment(&self) -> Attachment {
        self.attachment
    }

    /// What it applied over the last physics step: a rotor's thrust, N, a joint's torque, N m, or force, N.
    pub(crate) fn applied(&self) -> f64 {
        self.applied
    }

    /// Advances the lag by one physics step towards `target`, within limits.
    fn follow(&mut self, target: f64, [low, high]: [f64; 2]) -> f64 {
        let raised = if target < low { low } else { target };
        let bounded = if raised > high { high } else { raised };
        self.output = bounded + (self.output - bounded) * self.present.remainder;
        self.output
    }

    /// A joint's torque in N m, or force in N, over the next physics step.
    pub(crate) fn joint_effort(&mut self, joint: &JointState) -> f64 {
        let Setpoint::Joint(mut setpoint) = self.setpoint else { return 0.0 };
        setpoint.stiffness *= self.present.stiffness;
        setpoint.damping *= self.present.damping;
        let effort = setpoint.servo_torque(joint.position as f32, joint.velocity as f32);
        let limits = self.limits_at(joint.velocity);
        self.applied = self.follow(effort.into(), limits) * self.present.strength;
        self.applied
    }

    /// The limits of the effort at a speed.
    ///
    /// A DC motor's torque falls from the stall torque at rest to nothing at the no-load speed; beyond, and when it is
    /// driven against its motion, the same line goes on. Both its ends grow with the voltage.
    fn limits_at(&self, speed: f64) -> [f64; 2] {
        let [low, high] = self.limit;
        let Some(curve) = self.curve else { return [low, high] };
        let braking = speed / curve.no_load_speed;
        let most = curve.stall_effort * (self.present.voltage - braking);
        let least = curve.stall_effort * (-self.present.voltage - braking);
        let within = |value: f64| {
            if value < low {
                low
            } else if value > high {
                high
            } else {
                value
            }
        };
        [within(least), within(most)]
    }

    /// A rotor's thrust, reaction torque and drag over the next physics step, as a wrench on the base.
    ///
    /// `air` is the base's velocity through the air, m/s, body frame. Thrust and reaction grow with the square of the speed;
    /// drag grows with the speed and the air's.
    pub(crate) fn rotor_wrench(&mut self, air: [f64; 3]) -> Wrench {
        let (Setpoint::Rotor(speed), Some(rotor)) = (self.setpoint, self.rotor) else {
            return Wrench::default();
        };
        let speed = self.follow(speed.into(), self.limit);
        let Present { arm, strength, air_drag, .. } = self.present;
        let thrust = rotor.thrust_n_s2_per_rad2 * speed * speed * strength;
        let reaction = rotor.torque_n_m_s2_per_rad2 * speed * speed * strength;
        let across = rotor.drag_across_n_s2_per_m_rad * speed * air_drag;
        let along = rotor.drag_along_n_s2_per_m_rad * speed * air_drag;
        let force = [-across * air[0], -across * air[1], thrust - along * air[2]];
        let mut torque = rotation::cross(arm, force);
        // The body is turned against the rotor.
        torque[2] += match rotor.spin {
            Spin::Clockwise => reaction,
            Spin::CounterClockwise => -reaction,
        };
        self.applied = thrust;
        Wrench { force, torque }
    }
}
