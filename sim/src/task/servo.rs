//! Refuses servos that the physics step is too long for, at the worst that randomization can make of them.

use super::TaskError;
use super::document::TaskDocument;
use super::joints::Joints;
use crate::randomization::{Operation, Parameter, Randomization, Term, Variation};
use crate::robot::{LARGEST_GAIN, RobotModel, Servo, servo_gain};
use sinew_policy_runtime::interface::ActuatorMode;

/// Checks the servos of a task whose names and ranges have been checked.
pub(super) fn check(
    document: &TaskDocument,
    model: &RobotModel,
    joints: &Joints,
    terms: &[Term],
    file: &str,
) -> Result<(), TaskError> {
    let driven = document.actuators.iter().filter_map(|actuator| {
        let stiffness = match actuator.mode {
            ActuatorMode::Position => actuator.stiffness,
            ActuatorMode::Velocity => 0.0,
            _ => return None,
        };
        let joint = joints.position(actuator.joint.as_ref()?)?;
        let servo = Servo { joint, stiffness: stiffness.into(), damping: actuator.damping.into() };
        Some((actuator.name.as_str(), servo))
    });
    let (names, servos): (Vec<&str>, Vec<Servo>) = driven.unzip();
    let nominal = Variation::new(&super::variation::targets(document, Some(model), &joints.names));
    let dynamics = &document.dynamics;
    let step = (dynamics.physics_period_s, dynamics.solver_iterations);
    let Some(gain) = servo_gain(model, &nominal, step, &servos) else { return Ok(()) };
    let largest = gain.largest * worst(terms);
    if largest < LARGEST_GAIN {
        return Ok(());
    }
    let Servo { stiffness, damping, .. } = servos[gain.servo];
    Err(TaskError::Value {
        file: file.to_owned(),
        field: format!("actuator {:?}: stiffness and damping", names[gain.servo]),
        found: format!(
            "{stiffness} and {damping}, a gain of {largest:.2} in each physics step of {} s",
            step.0
        ),
        expected: format!(
            "a gain below {LARGEST_GAIN}, the most that a servo closed once in each physics step stays stable with; \
             lower the gains or the step"
        ),
    })
}

/// The largest factor that randomization can put on a gain, with stiffer and stronger servos on lighter bodies.
fn worst(terms: &[Term]) -> f64 {
    let levels = [Randomization::Training, Randomization::Acceptance];
    let scales = terms.iter().filter(|term| term.operation == Operation::Scale);
    scales.fold(1.0, |worst, term| {
        let ends = levels.iter().filter_map(|level| Some(term.distribution(*level)?.ends()));
        let (low, high) = ends.fold((1.0_f64, 1.0_f64), |(low, high), (l, h)| (low.min(l), high.max(h)));
        match term.parameter {
            Parameter::ServoStiffness | Parameter::ServoDamping | Parameter::MotorStrength => worst * high,
            // Never less than a hundredth of a body's mass is left.
            Parameter::Mass => worst / low.max(0.01),
            _ => worst,
        }
    })
}
