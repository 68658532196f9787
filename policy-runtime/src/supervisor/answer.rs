//! What is answered to each cause: how severe it is, and what ends it.
//!
//! [`Answers`] holds one [`Answer`] for each cause about which a robot's owner may have an opinion. There is none about numbers
//! that are not finite, a robot that stopped itself, an operator's stop, or a fallback that lasts too long: these stop and latch.

use super::Cause;
use serde::{Deserialize, Serialize};

/// What is done, from the mildest on. Of several causes at once the severest answer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The policy keeps the robot; the cause is logged and counted.
    Warn,
    /// The policy loses the robot until the cause is gone: to the fallback controller, or to the robot's own safe action.
    Fallback,
    /// The robot is stopped, until it is disarmed and armed.
    Stop,
}

/// The answer to a cause.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// What is done.
    pub action: Action,
    /// Whether a fallback lasts until the robot is disarmed, or stopped for [`super::Limits::fallback_s`], although the cause is
    /// gone.
    #[serde(default)]
    pub latches: bool,
    /// How long the cause must be gone before a fallback ends, s, beside [`super::Limits::recovery_ticks`].
    #[serde(default)]
    pub clear_s: f32,
}

impl Answer {
    /// The policy keeps the robot.
    pub const WARN: Self = Self { action: Action::Warn, latches: false, clear_s: 0.0 };
    /// A fallback that ends as soon as the cause is gone.
    pub const FALLBACK: Self = Self { action: Action::Fallback, latches: false, clear_s: 0.0 };
    /// A fallback that an operator ends.
    pub const LATCHED: Self = Self { action: Action::Fallback, latches: true, clear_s: 0.0 };
    /// A stop.
    pub const STOP: Self = Self { action: Action::Stop, latches: false, clear_s: 0.0 };
}

/// One answer for each cause that has a choice.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Answers {
    /// To [`Cause::LinkSilent`]: a fallback; never a warning.
    pub link_silent: Answer,
    /// To [`Cause::StaleSensor`]: a fallback; never a warning.
    pub stale_sensor: Answer,
    /// To [`Cause::OutOfRange`]: a stop.
    pub out_of_range: Answer,
    /// To [`Cause::Overruns`]: a stop.
    pub overruns: Answer,
    /// To [`Cause::SensorRange`]: a stop.
    pub sensor_range: Answer,
    /// To [`Cause::SensorRate`]: a stop.
    pub sensor_rate: Answer,
    /// To [`Cause::Torque`]: a stop.
    pub torque: Answer,
    /// To [`Cause::Velocity`]: a stop.
    pub velocity: Answer,
    /// To [`Cause::Tilt`]: a stop.
    pub tilt: Answer,
    /// To [`Cause::Workspace`]: a fallback that latches.
    pub workspace: Answer,
    /// To [`Cause::BatteryLow`]: a warning.
    pub battery_low: Answer,
    /// To [`Cause::BatteryCritical`]: a fallback that latches.
    pub battery_critical: Answer,
    /// To [`Cause::OperatorSilent`]: a fallback that latches.
    pub operator_silent: Answer,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            link_silent: Answer::FALLBACK,
            stale_sensor: Answer::FALLBACK,
            out_of_range: Answer::STOP,
            overruns: Answer::STOP,
            sensor_range: Answer::STOP,
            sensor_rate: Answer::STOP,
            torque: Answer::STOP,
            velocity: Answer::STOP,
            tilt: Answer::STOP,
            workspace: Answer::LATCHED,
            battery_low: Answer::WARN,
            battery_critical: Answer::LATCHED,
            operator_silent: Answer::LATCHED,
        }
    }
}

impl Answers {
    /// The answer to `cause`.
    pub fn to(&self, cause: Cause) -> Answer {
        match cause {
            Cause::LinkSilent => self.link_silent,
            Cause::StaleSensor => self.stale_sensor,
            Cause::OutOfRange => self.out_of_range,
            Cause::Overruns => self.overruns,
            Cause::SensorRange => self.sensor_range,
            Cause::SensorRate => self.sensor_rate,
            Cause::Torque => self.torque,
            Cause::Velocity => self.velocity,
            Cause::Tilt => self.tilt,
            Cause::Workspace => self.workspace,
            Cause::BatteryLow => self.battery_low,
            Cause::BatteryCritical => self.battery_critical,
            Cause::OperatorSilent => self.operator_silent,
            Cause::OperatorStop
            | Cause::BadSensor
            | Cause::BadOutput
            | Cause::RobotStopped
            | Cause::FallbackTooLong => Answer::STOP,
        }
    }

    /// Each answer that has a choice, with its key.
    pub fn named(&self) -> [(&'static str, Answer); 13] {
        [
            ("link_silent", self.link_silent),
            ("stale_sensor", self.stale_sensor),
            ("out_of_range", self.out_of_range),
            ("overruns", self.overruns),
            ("sensor_range", self.sensor_range),
            ("sensor_rate", self.sensor_rate),
            ("torque", self.torque),
            ("velocity", self.velocity),
            ("tilt", self.tilt),
            ("workspace", self.workspace),
            ("battery_low", self.battery_low),
            ("battery_critical", self.battery_critical),
            ("operator_silent", self.operator_silent),
        ]
    }
}
