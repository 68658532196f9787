//! What can go wrong.

use serde::{Deserialize, Serialize};

/// Why the policy lost its authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Cause {
    /// A person, or a program on a person's behalf.
    OperatorStop,
    /// No sample arrived for longer than the contract allows.
    LinkSilent,
    /// A sensor is older than the contract or the robot's description allows.
    StaleSensor,
    /// A sensor is NaN, infinite, or no rotation.
    BadSensor,
    /// The policy put out NaN or an infinity.
    BadOutput,
    /// The policy's output lay outside its limits for too many periods in a row.
    OutOfRange,
    /// Too many ticks ended late.
    Overruns,
    /// The robot reports that it was stopped at its own end.
    RobotStopped,
    /// The fallback lasted longer than it may.
    FallbackTooLong,
    /// A sensor says what it cannot measure.
    SensorRange,
    /// A sensor changes faster than what it measures can.
    SensorRate,
    /// A joint carries more torque or force than it may.
    Torque,
    /// A joint or the robot moves faster than it may.
    Velocity,
    /// The robot leans further than it may.
    Tilt,
    /// The robot is outside the place where it may be.
    Workspace,
    /// The battery should be charged.
    BatteryLow,
    /// The battery is nearly empty.
    BatteryCritical,
    /// The operator's station fell silent.
    OperatorSilent,
}

impl Cause {
    /// All, in their order.
    pub const ALL: [Self; 18] = [
        Self::OperatorStop,
        Self::LinkSilent,
        Self::StaleSensor,
        Self::BadSensor,
        Self::BadOutput,
        Self::OutOfRange,
        Self::Overruns,
        Self::RobotStopped,
        Self::FallbackTooLong,
        Self::SensorRange,
        Self::SensorRate,
        Self::Torque,
        Self::Velocity,
        Self::Tilt,
        Self::Workspace,
        Self::BatteryLow,
        Self::BatteryCritical,
        Self::OperatorSilent,
    ];
}

/// Any number of causes at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Causes(u32);

impl Causes {
    /// Adds one.
    pub fn insert(&mut self, cause: Cause) {
        self.0 |= Self::bit(cause);
    }

    /// Adds all of another set.
    pub fn extend(&mut self, causes: Self) {
        self.0 |= causes.0;
    }

    /// Whether one is among them.
    pub fn contains(self, cause: Cause) -> bool {
        self.0 & Self::bit(cause) != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them, in the order of [`Cause::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Cause> {
        Cause::ALL.into_iter().filter(move |cause| self.contains(*cause))
    }

    const fn bit(cause: Cause) -> u32 {
        1 << cause as u8
    }
}
