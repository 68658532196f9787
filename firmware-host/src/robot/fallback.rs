//! What a host commands when the policy may not: the `[fallback]` of `robot.toml`.

use super::supervision::{LONGEST_S, Mistake};
use super::{ActuatorDescription, DescentDescription, Robot};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::contract::Contract;
use sinew_policy_runtime::fallback::{Fallback, HeldJoint, JointFallback};
use sinew_policy_runtime::interface::ActuatorMode;

/// Who commands in a fallback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FallbackController {
    /// Joints are held at a safe pose, then damped.
    Hold,
    /// Joints are damped.
    Damp,
    /// Rotors level out, sink for some time, and stop.
    Descend,
    /// A second policy, which is given beside the first.
    Policy,
}

/// What the host commands when the policy may not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FallbackDescription {
    /// Who commands.
    pub controller: FallbackController,
    /// Of `hold`: the stiffness grows for so long, s.
    #[serde(default = "default_ramp_s")]
    pub ramp_s: f32,
    /// Of `hold`: joints are held for so long, s, and damped from then on.
    #[serde(default = "default_hold_s")]
    pub hold_s: f32,
    /// Of `hold` and `damp`: what differs from the actuators' own gains and the policy's default pose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joints: Vec<HeldDescription>,
    /// Of `descend`: how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descent: Option<DescentDescription>,
}

fn default_ramp_s() -> f32 {
    0.5
}

fn default_hold_s() -> f32 {
    5.0
}

/// How one joint is held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldDescription {
    /// Of the robot.
    pub actuator: String,
    /// Where, rad or m; a position actuator's default pose where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pose: Option<f32>,
    /// Stiffness, N·m/rad or N/m; the actuator's own where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stiffness: Option<f32>,
    /// Damping, N·m·s/rad or N·s/m; the actuator's own where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damping: Option<f32>,
}

impl Robot {
    /// What the host commands in a fallback; absent where nobody or a second policy does. Poses that the file does not give are
    /// those of the policy's contract.
    ///
    /// # Errors
    /// A joint that is to be held, and whose pose neither gives: the field, the value and what was expected.
    pub fn fallback(&self, contract: &Contract) -> Result<Option<Fallback>, Mistake> {
        let Some(fallback) = &self.fallback else { return Ok(None) };
        Ok(match fallback.controller {
            FallbackController::Policy => None,
            FallbackController::Descend => {
                fallback.descent.as_ref().map(|descent| Fallback::Descent(self.descent(descent)))
            }
            FallbackController::Hold | FallbackController::Damp => {
                Some(Fallback::Joints(self.joint_fallback(fallback, contract)?))
            }
        })
    }

    fn joint_fallback(
        &self,
        fallback: &FallbackDescription,
        contract: &Contract,
    ) -> Result<JointFallback, Mistake> {
        let hold = fallback.controller == FallbackController::Hold;
        let mut joints = heapless::Vec::new();
        for actuator in &self.actuators {
            let own = fallback.joints.iter().find(|joint| joint.actuator == actuator.name);
            let default = || {
                let mut poses = contract.actions.iter().zip(&contract.default_pose);
                let position = actuator.mode == ActuatorMode::Position;
                poses.find(|(action, _)| position && action.name == actuator.name).map(|(_, pose)| *pose)
            };
            let pose = own.and_then(|joint| joint.pose).or_else(default);
            if hold && pose.is_none() {
                let field = format!("fallback.joints: pose of {:?}", actuator.name);
                return Err((field, "absent".to_owned(), "where to hold the joint".to_owned()));
            }
            let [stiffness, damping] = fallback.gains(actuator);
            // As many as there are actuators, of which the file's check admits as many as there is room for.
            let _ = joints.push(HeldJoint { pose: pose.unwrap_or(0.0), stiffness, damping });
        }
        let hold_s = if hold { fallback.hold_s } else { 0.0 };
        Ok(JointFallback { joints, ramp_s: fallback.ramp_s, hold_s })
    }

    /// What is wrong with the fallback, if anything.
    pub(super) fn fallback_mistake(&self, fallback: &FallbackDescription) -> Option<Mistake> {
        let mistake = |key: String, found: String, expected: &str| {
            Some((format!("fallback.{key}"), found, expected.to_owned()))
        };
        for (key, value) in [("ramp_s", fallback.ramp_s), ("hold_s", fallback.hold_s)] {
            if !(0.0..=LONGEST_S).contains(&value) {
                return mistake(key.to_owned(), value.to_string(), "from 0 to 3600");
            }
        }
        let moves_joints = matches!(fallback.controller, FallbackController::Hold | FallbackController::Damp);
        if !moves_joints && !fallback.joints.is_empty() {
            return mistake("joints".to_owned(), "a list".to_owned(), "none: no joint is held or damped");
        }
        match (&fallback.descent, fallback.controller) {
            (Some(descent), FallbackController::Descend) => return self.descent_mistake(descent),
            (None, FallbackController::Descend) => {
                return mistake("descent".to_owned(), "absent".to_owned(), "how the rotors sink");
            }
            (Some(_), _) => {
                return mistake("descent".to_owned(), "a table".to_owned(), "none: no rotor sinks");
            }
            (None, FallbackController::Policy) => return None,
            (None, FallbackController::Hold | FallbackController::Damp) => {}
        }
        for (index, joint) in fallback.joints.iter().enumerate() {
            let own = |actuator: &&ActuatorDescription| actuator.name == joint.actuator;
            let twice = fallback.joints[..index].iter().any(|other| other.actuator == joint.actuator);
            let Some(actuator) = self.actuators.iter().find(own).filter(|_| !twice) else {
                let known: Vec<_> = self.actuators.iter().map(|actuator| &actuator.name[..]).collect();
                let expected = format!("one of {}, once", known.join(", "));
                return mistake(
                    format!("joints[{index}].actuator"),
                    format!("{:?}", joint.actuator),
                    &expected,
                );
            };
            let gains = [("stiffness", joint.stiffness), ("damping", joint.damping)];
            if let Some((key, value)) = gains.into_iter().find_map(|(key, value)| {
                value.filter(|value| !(*value >= 0.0 && value.is_finite())).map(|value| (key, value))
            }) {
                return mistake(format!("joints[{index}].{key}"), value.to_string(), "0 or more");
            }
            let [low, high] = match actuator.mode {
                ActuatorMode::Position => [actuator.minimum, actuator.maximum],
                _ => [f32::MIN, f32::MAX],
            };
            if let Some(pose) = joint.pose
                && !(low..=high).contains(&pose)
            {
                let expected = format!("from {low} to {high}, the actuator's limits");
                return mistake(format!("joints[{index}].pose"), pose.to_string(), &expected);
            }
        }
        let hold = fallback.controller == FallbackController::Hold;
        self.actuators.iter().find_map(|actuator| {
            let [stiffness, damping] = fallback.gains(actuator);
            let found = |what: &str, value: f32| format!("{what} {value} of {:?}", actuator.name);
            if actuator.mode == ActuatorMode::RotorSpeed {
                let expected = "descend, policy or no fallback: a rotor can be neither held nor damped";
                mistake("controller".to_owned(), fallback.controller.name().to_owned(), expected)
            } else if damping == 0.0 {
                mistake("joints".to_owned(), found("damping", damping), "a damping above 0 for each actuator")
            } else if hold && stiffness == 0.0 {
                mistake(
                    "joints".to_owned(),
                    found("stiffness", stiffness),
                    "a stiffness above 0 for each actuator",
                )
            } else {
                None
            }
        })
    }
}

impl FallbackController {
    fn name(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Damp => "damp",
            Self::Descend => "descend",
            Self::Policy => "policy",
        }
    }
}

impl FallbackDescription {
    /// Stiffness and damping of an actuator's fallback.
    fn gains(&self, actuator: &ActuatorDescription) -> [f32; 2] {
        let own = self.joints.iter().find(|joint| joint.actuator == actuator.name);
        [
            own.and_then(|joint| joint.stiffness).unwrap_or(actuator.stiffness),
            own.and_then(|joint| joint.damping).unwrap_or(actuator.damping),
        ]
    }
}
