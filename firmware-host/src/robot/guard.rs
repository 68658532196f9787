//! What a robot's sensors may say: the `[[guards]]` of `robot.toml`, which become the runtime's guards.

use super::supervision::Mistake;
use super::{Robot, SensorDescription};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::guard::{Guard, GuardError, Guards, Measure};
use sinew_policy_runtime::interface::Unit;
use sinew_policy_runtime::supervisor::Cause;

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

impl Robot {
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

    /// Number, place of the first value, and description of a sensor.
    pub(super) fn placed(&self, name: &str) -> Option<(usize, usize, &SensorDescription)> {
        let mut first = 0;
        for (index, sensor) in self.sensors.iter().enumerate() {
            if sensor.name == name {
                return Some((index, first, sensor));
            }
            first += usize::from(sensor.size);
        }
        None
    }

    /// What is wrong with a guard, if anything.
    pub(super) fn guard_mistake(&self, index: usize, guard: &GuardDescription) -> Option<Mistake> {
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
            if let Some((found, expected)) = guard.bound_mistake(bound.as_ref(), needed, size) {
                return mistake(key, found, &expected);
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
    /// What is wrong with one of the bounds, of which there is one or `size`: what was found, and what was expected.
    fn bound_mistake(&self, bound: Option<&Bounds>, needed: Need, size: usize) -> Option<(String, String)> {
        let Some(bound) = bound else {
            return (needed == Need::Yes).then(|| ("absent".to_owned(), "a bound".to_owned()));
        };
        let values = bound.values(size);
        let all = |fits: fn(&f32) -> bool| values.iter().all(fits);
        let expected = if needed == Need::No {
            "no such bound with this cause".to_owned()
        } else if values.len() != size {
            format!("one number, or {size}")
        } else if self.cause.is_magnitude() && !all(|value| *value > 0.0 && value.is_finite()) {
            "finite numbers above 0".to_owned()
        } else if !all(|value| value.is_finite()) {
            "finite numbers".to_owned()
        } else if self.cause == GuardedCause::Tilt && !all(|value| *value < core::f32::consts::PI) {
            "below pi rad".to_owned()
        } else {
            return None;
        };
        Some((bound.text(), expected))
    }

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
