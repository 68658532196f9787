//! The part of `robot.toml` that says what a robot must not do, and what happens when it does.
//!
//! `[supervisor]` is [`Limits`] as it stands; guards and fallback become the runtime's. Everything is checked when the file is
//! read, so that a host never finds out in a fault.

use super::{FallbackDescription, GuardDescription, Robot};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::supervisor::{Action, Limits};

/// Longest of all times that can be set, s.
pub(super) const LONGEST_S: f32 = 3600.0;

/// Field, value found, and what was expected.
pub type Mistake = (String, String, String);

/// What a robot must not do, and what happens when it does: the part of `robot.toml` of which this module tells.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Supervision {
    /// The supervisor's phases, tolerances and answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supervisor: Option<Limits>,
    /// What the host commands when the policy may not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<FallbackDescription>,
    /// What sensors may say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<GuardDescription>,
}

impl Robot {
    /// The supervisor's limits.
    pub fn limits(&self) -> Limits {
        self.supervisor.unwrap_or_default()
    }

    /// The same robot under another supervision.
    ///
    /// # Errors
    /// Something in it that does not fit the robot: the field, the value and what was expected.
    pub fn supervised(self, supervision: &Supervision) -> Result<Self, Mistake> {
        let Supervision { supervisor, fallback, guards } = supervision.clone();
        let robot = Self { supervisor, fallback, guards, ..self };
        match robot.supervision_mistake() {
            Some(mistake) => Err(mistake),
            None => Ok(robot),
        }
    }

    /// The first thing in the tables of this module that cannot be used.
    pub(super) fn supervision_mistake(&self) -> Option<Mistake> {
        let limits = self.supervisor.as_ref().and_then(limits_mistake);
        let mut guards = self.guards.iter().enumerate();
        limits
            .or_else(|| guards.find_map(|(index, guard)| self.guard_mistake(index, guard)))
            .or_else(|| {
                let error = self.guards().err()?;
                Some(("number of guards".to_owned(), self.guards.len().to_string(), format!("no {error}")))
            })
            .or_else(|| self.fallback.as_ref().and_then(|fallback| self.fallback_mistake(fallback)))
    }
}

/// The first of the supervisor's settings that cannot be used.
fn limits_mistake(limits: &Limits) -> Option<Mistake> {
    let mistake = |key: String, found: String, expected: &str| {
        Some((format!("supervisor.{key}"), found, expected.to_owned()))
    };
    let times = [
        ("standby_s", limits.standby_s),
        ("readying_s", limits.readying_s),
        ("engaging_s", limits.engaging_s),
        ("fallback_s", limits.fallback_s),
        ("operator_silence_s", limits.operator_silence_s),
    ];
    for (key, value) in times {
        if !(0.0..=LONGEST_S).contains(&value) {
            return mistake(key.to_owned(), value.to_string(), "from 0 to 3600");
        }
    }
    if limits.recovery_ticks == 0 {
        return mistake("recovery_ticks".to_owned(), "0".to_owned(), "1 or more");
    }
    for (name, answer) in limits.answers.named() {
        let key = |field: &str| format!("answers.{name}.{field}");
        let needs_samples = matches!(name, "link_silent" | "stale_sensor");
        if needs_samples && answer.action == Action::Warn {
            return mistake(
                key("action"),
                "warn".to_owned(),
                "fallback or stop: no policy acts on old samples",
            );
        }
        if !(0.0..=LONGEST_S).contains(&answer.clear_s) {
            return mistake(key("clear_s"), answer.clear_s.to_string(), "from 0 to 3600");
        }
        if answer.latches && answer.action == Action::Warn {
            return mistake(
                key("latches"),
                "true".to_owned(),
                "false: a warning takes nothing away that could latch",
            );
        }
        if answer.clear_s > 0.0 && answer.action != Action::Fallback {
            return mistake(key("clear_s"), answer.clear_s.to_string(), "0: a fallback alone ends by itself");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::robot::RobotError;
    use sinew_policy_runtime::supervisor::Cause;

    const ARM: &str = r#"
name = "arm"
valid_for_s = 0.1
[[sensors]]
name = "joint_position"
size = 2
unit = "radian"
frame = "joint"
[[sensors]]
name = "joint_velocity"
size = 2
unit = "radian_per_second"
frame = "joint"
[[sensors]]
name = "orientation"
size = 4
unit = "dimensionless"
frame = "body_to_world"
[[actuators]]
name = "shoulder"
mode = "position"
minimum = -1.0
maximum = 1.0
stiffness = 20.0
damping = 1.0
[[actuators]]
name = "elbow"
mode = "torque"
minimum = -5.0
maximum = 5.0
"#;

    fn parse(tables: &str) -> Result<Robot, RobotError> {
        Robot::parse(&format!("{ARM}{tables}"), "robot.toml")
    }

    #[test]
    fn what_is_written_is_what_a_host_goes_by() {
        let robot = parse(
            r#"
[supervisor]
fallback_s = 4.0
[supervisor.answers]
tilt = { action = "fallback", clear_s = 0.5 }
battery_low = { action = "stop" }
[[guards]]
cause = "velocity"
sensor = "joint_velocity"
maximum = [8.0, 10.0]
[[guards]]
cause = "tilt"
sensor = "orientation"
maximum = 1.0
tolerated_samples = 2
[fallback]
controller = "hold"
joints = [{ actuator = "elbow", pose = 0.3, stiffness = 5.0, damping = 0.5 }]
"#,
        )
        .unwrap();
        let limits = robot.limits();
        assert_eq!((limits.fallback_s, limits.standby_s), (4.0, Limits::default().standby_s));
        assert_eq!(limits.answers.to(Cause::Tilt).action, Action::Fallback);
        assert_eq!(limits.answers.to(Cause::BatteryLow).action, Action::Stop);
        let mut guards = robot.guards().unwrap();
        for (speed, found) in [(9.0, false), (10.5, true)] {
            guards.watch(&[0.0, 0.0, 0.0, speed, 1.0, 0.0, 0.0, 0.0], 0);
            assert_eq!(guards.causes(0, &[0; 3]).contains(Cause::Velocity), found);
        }
        let text = toml::to_string(&robot).unwrap();
        assert_eq!(Robot::parse(&text, "again").unwrap(), robot);
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_its_place_its_value_and_what_was_expected() {
        let guard = |cause: &str, sensor: &str, rest: &str| {
            format!("[[guards]]\ncause = \"{cause}\"\nsensor = \"{sensor}\"\n{rest}\n")
        };
        let answer = |text: &str| format!("[supervisor.answers]\n{text}\n");
        let cases = [
            (
                "[supervisor]\nfallback_s = -1.0\n".to_owned(),
                "supervisor.fallback_s is -1, expected from 0 to 3600",
            ),
            (
                "[supervisor]\nstandby_s = nan\n".to_owned(),
                "supervisor.standby_s is NaN, expected from 0 to 3600",
            ),
            (
                "[supervisor]\nrecovery_ticks = 0\n".to_owned(),
                "supervisor.recovery_ticks is 0, expected 1 or more",
            ),
            (
                answer("link_silent = { action = \"warn\" }"),
                "supervisor.answers.link_silent.action is warn, expected fallback or stop: no policy acts on old samples",
            ),
            (
                answer("tilt = { action = \"stop\", clear_s = 1.0 }"),
                "supervisor.answers.tilt.clear_s is 1, expected 0: a fallback alone ends by itself",
            ),
            (
                answer("battery_low = { action = \"warn\", latches = true }"),
                "supervisor.answers.battery_low.latches is true, expected false",
            ),
            (
                guard("velocity", "joint_speed", "maximum = 1.0"),
                "guards[0].sensor is \"joint_speed\", expected one of joint_position, joint_velocity, orientation",
            ),
            (
                guard("velocity", "joint_position", "maximum = 1.0"),
                "guards[0].sensor is \"joint_position\", expected a sensor in radian_per_second or meter_per_second",
            ),
            (
                guard("tilt", "joint_velocity", "maximum = 1.0"),
                "guards[0].sensor is \"joint_velocity\", expected an orientation of 4 values, w x y z",
            ),
            (guard("tilt", "orientation", ""), "guards[0].maximum is absent, expected a bound"),
            (guard("tilt", "orientation", "maximum = 4.0"), "guards[0].maximum is 4, expected below pi rad"),
            (
                guard("velocity", "joint_velocity", "maximum = -1.0"),
                "guards[0].maximum is -1, expected finite numbers above 0",
            ),
            (
                guard("velocity", "joint_velocity", "minimum = -1.0\nmaximum = 1.0"),
                "guards[0].minimum is -1, expected no such bound with this cause",
            ),
            (
                guard("sensor_range", "joint_position", "minimum = 1.0\nmaximum = 1.0"),
                "guards[0].minimum is 1, expected below maximum",
            ),
            (
                guard("sensor_range", "joint_position", ""),
                "guards[0].maximum is absent, expected a minimum or a maximum",
            ),
            (
                guard("sensor_range", "joint_position", "maximum = [1.0, 2.0, 3.0]"),
                "guards[0].maximum is [1.0, 2.0, 3.0], expected one number, or 2",
            ),
            (
                guard("battery_low", "joint_position", "maximum = 1.0"),
                "guards[0].minimum is absent, expected a bound",
            ),
            (
                guard("stale_sensor", "orientation", "maximum = 0.1").repeat(17),
                "number of guards is 17, expected no more than 16 guards",
            ),
        ];
        for (tables, expected) in cases {
            let error = parse(&tables).unwrap_err().to_string();
            assert!(error.starts_with(&format!("robot.toml: {expected}")), "{tables}\n{error}");
        }
    }

    #[test]
    fn a_fallback_that_cannot_be_used_is_refused() {
        let cases = [
            (
                "[fallback]\ncontroller = \"damp\"\n".to_owned(),
                "fallback.joints is damping 0 of \"elbow\", expected a damping above 0 for each actuator",
            ),
            (
                "[fallback]\ncontroller = \"hold\"\njoints = [{ actuator = \"elbow\", damping = 1.0 }]\n"
                    .to_owned(),
                "fallback.joints is stiffness 0 of \"elbow\", expected a stiffness above 0 for each actuator",
            ),
            (
                "[fallback]\ncontroller = \"damp\"\njoints = [{ actuator = \"wrist\" }]\n".to_owned(),
                "fallback.joints[0].actuator is \"wrist\", expected one of shoulder, elbow, once",
            ),
            (
                "[fallback]\ncontroller = \"damp\"\njoints = [{ actuator = \"shoulder\", pose = 2.0 }]\n"
                    .to_owned(),
                "fallback.joints[0].pose is 2, expected from -1 to 1, the actuator's limits",
            ),
            (
                "[fallback]\ncontroller = \"policy\"\njoints = [{ actuator = \"elbow\" }]\n".to_owned(),
                "fallback.joints is a list, expected none: no joint is held or damped",
            ),
            (
                "[fallback]\ncontroller = \"hold\"\nramp_s = -0.5\n".to_owned(),
                "fallback.ramp_s is -0.5, expected from 0 to 3600",
            ),
        ];
        for (tables, expected) in cases {
            let error = parse(&tables).unwrap_err().to_string();
            assert!(error.starts_with(&format!("robot.toml: {expected}")), "{tables}\n{error}");
        }
        // A rotor can be neither held nor damped.
        let rotor = ARM.replace("mode = \"torque\"\nminimum = -5.0", "mode = \"rotor_speed\"\nminimum = 0.0");
        let error =
            Robot::parse(&format!("{rotor}[fallback]\ncontroller = \"damp\"\n"), "robot.toml").unwrap_err();
        assert!(error.to_string().contains("a rotor can be neither held nor damped"), "{error}");
    }

    #[test]
    fn an_answer_that_is_nobodys_choice_is_an_unknown_key() {
        let error =
            parse("[supervisor.answers]\nbad_sensor = { action = \"warn\" }\n").unwrap_err().to_string();
        assert!(error.contains("unknown key \"bad_sensor\""), "{error}");
        let error =
            parse("[[guards]]\ncause = \"bad_output\"\nsensor = \"orientation\"\n").unwrap_err().to_string();
        assert!(error.contains("\"bad_output\""), "{error}");
    }
}
