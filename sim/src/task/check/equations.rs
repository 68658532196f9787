//! Checks that a task asks of equations only what they say.

use super::Check;
use crate::equations::Mechanism;
use crate::task::document::{SensorDocument, SensorErrors};
use crate::task::{SensorQuantity, TaskError};
use sinew_policy_runtime::interface::ActuatorMode;

impl Check<'_> {
    /// Equations know one period, one actuator that acts at once, and one robot.
    pub(super) fn equations(&self, mechanism: &Mechanism) -> Result<(), TaskError> {
        let document = self.document;
        let (name, dynamics) = (mechanism.name, &document.dynamics);
        for (field, period_s) in [
            ("dynamics.physics_period_s", dynamics.physics_period_s),
            ("dynamics.policy_period_s", dynamics.policy_period_s),
        ] {
            if period_s != mechanism.period_s {
                let expected = format!("{} s, the step of {name}", mechanism.period_s);
                return self.fail(field, format!("{period_s} s"), expected);
            }
        }
        let [actuator] = &document.actuators[..] else {
            return self.fail("number of actuators", document.actuators.len(), format!("1 in {name}"));
        };
        let field = |key: &str| format!("actuator {:?}: {key}", actuator.name);
        let (driven, _) = mechanism.joints[mechanism.driven];
        if actuator.joint.as_deref() != Some(driven) {
            let found = actuator.joint.as_ref().map_or("absent".to_owned(), |joint| format!("{joint:?}"));
            return self.fail(field("joint"), found, format!("{driven:?}, which {name} drives"));
        }
        if !matches!(actuator.mode, ActuatorMode::Torque | ActuatorMode::Force) {
            let expected = "torque for a hinge, force for a slide: equations have no servo";
            return self.fail(field("mode"), format!("{:?}", actuator.mode), expected);
        }
        if actuator.lag_s != 0.0 {
            return self.fail(field("lag_s"), actuator.lag_s, format!("0: in {name} efforts act at once"));
        }
        for (key, present) in
            [("delay_s", actuator.delay_s != 0.0), ("dc_motor", actuator.dc_motor.is_some())]
        {
            if present {
                return self.fail(field(key), "present", format!("none: in {name} efforts act at once"));
            }
        }
        let perfect = |sensor: &SensorDocument| {
            let known = sensor.quantity != SensorQuantity::JointEffort;
            known && sensor.errors == SensorErrors::default() && sensor.period_s.is_none()
        };
        if let Some(sensor) = document.sensors.iter().find(|sensor| !perfect(sensor)) {
            let expected = format!("a position or velocity without errors: {name} is one robot exactly");
            return self.fail(format!("sensor {:?}", sensor.name), "another", expected);
        }
        if !document.randomization.is_empty() {
            return self.fail("randomization", "present", format!("none: {name} is one robot exactly"));
        }
        if !document.joints.is_empty() {
            return self.fail("joints", "present", format!("none: {name} says how its joints move"));
        }
        Ok(())
    }
}
