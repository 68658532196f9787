//! The robot's file limits what a task's actuators may do: [`resolve`].

use super::document::ActuatorDocument;
use super::error::TaskError;
use crate::robot::RobotModel;
use sinew_policy_runtime::interface::ActuatorMode;

/// Fills in effort limits that the task leaves to the robot's file, and refuses those that exceed the file's.
///
/// A torque's or force's own bounds are its limit where the task states no other, so they are held to the file's as well.
pub(super) fn resolve(
    actuators: &mut [ActuatorDocument],
    model: &RobotModel,
    file: &str,
) -> Result<(), TaskError> {
    for actuator in actuators {
        let joint = model.joint_names().iter().position(|name| actuator.joint.as_ref() == Some(name));
        let Some(limit) = joint.and_then(|joint| model.joint_limits(joint).effort) else { continue };
        let direct = matches!(actuator.mode, ActuatorMode::Torque | ActuatorMode::Force);
        let reach = f64::from(actuator.maximum.abs().max(actuator.minimum.abs()));
        let (key, stated) = match actuator.effort_limit {
            None if direct => ("minimum, maximum", reach),
            None => {
                actuator.effort_limit = Some(limit);
                continue;
            }
            Some(stated) => ("effort_limit", stated),
        };
        // The task's numbers are in single precision.
        if stated > limit * (1.0 + f64::from(f32::EPSILON)) {
            return Err(TaskError::Value {
                file: file.to_owned(),
                field: format!("actuator {:?}: {key}", actuator.name),
                found: stated.to_string(),
                expected: format!("at most {limit}, the effort limit in the robot's file"),
            });
        }
    }
    Ok(())
}
