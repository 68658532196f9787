//! The part of `robot.toml` that says what a robot must not do, and what happens when it does.
//!
//! `[supervisor]` is [`Limits`] as it stands; [`GuardDescription`] and [`FallbackDescription`] become the runtime's guards and
//! fallback controller. Everything is checked when the file is read, so that a host never finds out in a fault.

use super::{ActuatorDescription, Robot, SensorDescription};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::contract::Contract;
use sinew_policy_runtime::fallback::{HeldJoint, JointFallback};
use sinew_policy_runtime::guard::{Guard, GuardError, Guards, Measure};
use sinew_policy_runtime::interface::{ActuatorMode, Unit};
use sinew_policy_runtime::supervisor::{Action, Cause, Limits};

/// Longest of all times that can be set, s.
const LONGEST_S: f32 = 3600.0;

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

/// What a guard can find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardedCause {
    /// A value below `minimum` or above `maximum`.
    SensorRange,
    /// A value that changes by more than `maximum` in a second.
    SensorRate,
    /// A torque or force beyond `maximum`, either way.
    Torque,
    /// A speed beyond `maximum`, either way.
    Velocity,
    /// An orientation that leans more than `maximum` rad.
    Tilt,
    /// A position outside the box from `minimum` to `maximum`.
    Workspace,
    /// A charge or voltage below `minimum`.
    BatteryLow,
    /// A charge or voltage below `minimum`.
    BatteryCritical,
    /// A sensor that is older than `maximum` s, whether or not the policy reads it.
    StaleSensor,
}

/// A bound of all values of a sensor, or one for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Bounds {
    /// Of all.
    All(f32),
    /// Of each.
    Each(Vec<f32>),
}

/// What a sensor may say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardDescription {
    /// What it means when the sensor says something else.
    pub cause: GuardedCause,
    /// Of the robot.
    pub sensor: String,
    /// Smallest, in the sensor's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Bounds>,
    /// Largest, in the sensor's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<Bounds>,
    /// Samples in a row beyond it that are tolerated.
    #[serde(default)]
    pub tolerated_samples: u32,
}

/// Who commands in a fallback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FallbackController {
    /// Joints are held at a safe pose, then damped.
    Hold,
    /// Joints are damped.
    Damp,
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

    /// The robot's guards.
    ///
    /// # Errors
    /// There are too many, which the file's check refuses.
    pub fn guards(&self) -> Result<Guards, GuardError> {
        let mut guards = Guards::default();
        for description in &self.guards {
            let Some((sensor, first, found)) = self.placed(&description.sensor) else { continue };
            guards.push(&Guard {
                cause: description.cause.cause(),
                measure: description.cause.measure(),
                sensor,
                first,
                bounds: &description.bounds(found),
                tolerated_samples: description.tolerated_samples,
            })?;
        }
        Ok(guards)
    }

    /// How joints are held or damped in a fallback; absent where they are not. Poses that the file does not give are those of
    /// the policy's contract.
    ///
    /// # Errors
    /// A joint that is to be held, and whose pose neither gives: the field, the value and what was expected.
    pub fn joint_fallback(&self, contract: &Contract) -> Result<Option<JointFallback>, Mistake> {
        let Some(fallback) = &self.fallback else { return Ok(None) };
        let hold = fallback.controller == FallbackController::Hold;
        if fallback.controller == FallbackController::Policy {
            return Ok(None);
        }
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
        Ok(Some(JointFallback { joints, ramp_s: fallback.ramp_s, hold_s }))
    }

    fn placed(&self, name: &str) -> Option<(usize, usize, &SensorDescription)> {
        let mut first = 0;
        for (index, sensor) in self.sensors.iter().enumerate() {
            if sensor.name == name {
                return Some((index, first, sensor));
            }
            first += usize::from(sensor.size);
        }
        None
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

    fn guard_mistake(&self, index: usize, guard: &GuardDescription) -> Option<Mistake> {
        let mistake = |key: &str, found: String, expected: &str| {
            Some((format!("guards[{index}].{key}"), found, expected.to_owned()))
        };
        let Some((_, _, sensor)) = self.placed(&guard.sensor) else {
            let known: Vec<_> = self.sensors.iter().map(|sensor| &sensor.name[..]).collect();
            return mistake("sensor", format!("{:?}", guard.sensor), &format!("one of {}", known.join(", ")));
        };
        if let Some(expected) = guard.cause.misplaced(sensor) {
            return mistake("sensor", format!("{:?}", guard.sensor), expected);
        }
        let size = if guard.cause.measure() == Measure::Value || guard.cause.measure() == Measure::Rate {
            usize::from(sensor.size)
        } else {
            1
        };
        let [needs_minimum, needs_maximum] = guard.cause.needs();
        for (key, bound, needed) in
            [("minimum", &guard.minimum, needs_minimum), ("maximum", &guard.maximum, needs_maximum)]
        {
            match (bound, needed) {
                (None, Need::Yes) => return mistake(key, "absent".to_owned(), "a bound"),
                (Some(bound), Need::No) => {
                    return mistake(key, bound.text(), "no such bound with this cause");
                }
                (None, _) => continue,
                (Some(_), _) => {}
            }
            let values = bound.as_ref().map(|bound| bound.values(size)).unwrap_or_default();
            let text = || bound.as_ref().map(Bounds::text).unwrap_or_default();
            if values.len() != size {
                return mistake(key, text(), &format!("one number, or {size}"));
            }
            let positive = key == "maximum" && guard.cause.is_magnitude();
            if !values.iter().all(|value| value.is_finite() && (!positive || *value > 0.0)) {
                return mistake(
                    key,
                    text(),
                    if positive { "finite numbers above 0" } else { "finite numbers" },
                );
            }
            if guard.cause == GuardedCause::Tilt && !values.iter().all(|value| *value < core::f32::consts::PI)
            {
                return mistake(key, text(), "below pi rad");
            }
        }
        if guard.minimum.is_none() && guard.maximum.is_none() {
            return mistake("maximum", "absent".to_owned(), "a minimum or a maximum");
        }
        let crossed = guard.bounds(sensor).iter().any(|[low, high]| !(low < high));
        crossed.then(|| {
            mistake("minimum", guard.minimum.as_ref().map_or_else(String::new, Bounds::text), "below maximum")
        })?
    }

    fn fallback_mistake(&self, fallback: &FallbackDescription) -> Option<Mistake> {
        let mistake = |key: String, found: String, expected: &str| {
            Some((format!("fallback.{key}"), found, expected.to_owned()))
        };
        for (key, value) in [("ramp_s", fallback.ramp_s), ("hold_s", fallback.hold_s)] {
            if !(0.0..=LONGEST_S).contains(&value) {
                return mistake(key.to_owned(), value.to_string(), "from 0 to 3600");
            }
        }
        if fallback.controller == FallbackController::Policy {
            return (!fallback.joints.is_empty())
                .then(|| mistake("joints".to_owned(), "a list".to_owned(), "none: a policy commands"))?;
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
                let expected = "policy, or no fallback: a rotor can be neither held nor damped";
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

/// The first of the supervisor's settings that cannot be used.
fn limits_mistake(limits: &Limits) -> Option<Mistake> {
    let mistake = |key: String, found: String, expected: &str| {
        Some((format!("supervisor.{key}"), found, expected.to_owned()))
    };
    let times = [
        ("standby_s", limits.standby_s, 0.0),
        ("readying_s", limits.readying_s, 0.0),
        ("engaging_s", limits.engaging_s, 0.0),
        ("fallback_s", limits.fallback_s, 0.0),
        ("operator_silence_s", limits.operator_silence_s, 0.0),
    ];
    for (key, value, least) in times {
        if !(least..=LONGEST_S).contains(&value) {
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

/// Whether a cause takes a bound.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    No,
    Maybe,
    Yes,
}

impl GuardedCause {
    fn cause(self) -> Cause {
        match self {
            Self::SensorRange => Cause::SensorRange,
            Self::SensorRate => Cause::SensorRate,
            Self::Torque => Cause::Torque,
            Self::Velocity => Cause::Velocity,
            Self::Tilt => Cause::Tilt,
            Self::Workspace => Cause::Workspace,
            Self::BatteryLow => Cause::BatteryLow,
            Self::BatteryCritical => Cause::BatteryCritical,
            Self::StaleSensor => Cause::StaleSensor,
        }
    }

    fn measure(self) -> Measure {
        match self {
            Self::SensorRate => Measure::Rate,
            Self::Tilt => Measure::Upright,
            Self::StaleSensor => Measure::Age,
            _ => Measure::Value,
        }
    }

    /// Of minimum and maximum.
    fn needs(self) -> [Need; 2] {
        match self {
            Self::SensorRange | Self::Workspace => [Need::Maybe, Need::Maybe],
            Self::BatteryLow | Self::BatteryCritical => [Need::Yes, Need::No],
            Self::SensorRate | Self::Torque | Self::Velocity | Self::Tilt | Self::StaleSensor => {
                [Need::No, Need::Yes]
            }
        }
    }

    /// Whether `maximum` bounds both directions, or something that is never negative.
    fn is_magnitude(self) -> bool {
        self.needs() == [Need::No, Need::Yes]
    }

    /// What a sensor must be, where this one is not.
    fn misplaced(self, sensor: &SensorDescription) -> Option<&'static str> {
        let (fits, expected) = match self {
            Self::Torque => (
                matches!(sensor.unit, Unit::NewtonMeter | Unit::Newton),
                "a sensor in newton_meter or newton",
            ),
            Self::Velocity => (
                matches!(sensor.unit, Unit::RadianPerSecond | Unit::MeterPerSecond),
                "a sensor in radian_per_second or meter_per_second",
            ),
            Self::Workspace => (sensor.unit == Unit::Meter, "a sensor in meter"),
            Self::Tilt => (sensor.size == 4, "an orientation of 4 values, w x y z"),
            _ => (true, ""),
        };
        (!fits).then_some(expected)
    }
}

impl GuardDescription {
    /// Smallest and largest, as the runtime compares them. Both descriptions have passed the file's check.
    fn bounds(&self, sensor: &SensorDescription) -> Vec<[f32; 2]> {
        let size = usize::from(sensor.size);
        let values = |bounds: &Option<Bounds>, size, without: f32| {
            bounds.as_ref().map_or_else(|| vec![without; size], |bounds| bounds.values(size))
        };
        match self.cause.measure() {
            Measure::Upright => values(&self.maximum, 1, 0.0).into_iter().map(Guard::tilt_bounds).collect(),
            Measure::Age => values(&self.maximum, 1, 0.0).into_iter().map(|most| [0.0, most]).collect(),
            Measure::Rate | Measure::Value if self.cause.is_magnitude() => {
                values(&self.maximum, size, 0.0).into_iter().map(|most| [-most, most]).collect()
            }
            Measure::Rate | Measure::Value => {
                let low = values(&self.minimum, size, f32::MIN);
                let high = values(&self.maximum, size, f32::MAX);
                low.into_iter().zip(high).map(|(low, high)| [low, high]).collect()
            }
        }
    }
}

impl Bounds {
    fn values(&self, size: usize) -> Vec<f32> {
        match self {
            Self::All(value) => vec![*value; size],
            Self::Each(values) => values.clone(),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::All(value) => value.to_string(),
            Self::Each(values) => format!("{values:?}"),
        }
    }
}

impl FallbackController {
    fn name(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Damp => "damp",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::robot::RobotError;

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
                "fallback.joints is a list, expected none: a policy commands",
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
