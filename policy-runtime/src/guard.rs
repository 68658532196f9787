//! Watches what a robot's sensors say for what its owner does not allow: ranges, rates, ages, speeds, tilt, a place, a battery.
//!
//! [`Guards`] looks at every sample, whether or not the policy reads the sensor, and says which [`Causes`] it found; what is
//! answered to them is the [supervisor](crate::supervisor)'s business. A guard is one comparison of each of a sensor's values
//! with its own two bounds, so that every kind of limit is the same few lines, and a value that is not finite is within none.

use crate::interface::MAX_SENSORS;
use crate::math;
use crate::supervisor::{Cause, Causes};
use serde::{Deserialize, Serialize};

/// Largest number of guards.
pub const MAX_GUARDS: usize = 16;
/// Largest number of values that all guards watch together.
pub const MAX_GUARDED_VALUES: usize = 128;

/// What is compared with the bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Measure {
    /// Each value.
    Value,
    /// The change of each value in a second, by the robot's clock.
    Rate,
    /// The cosine of the angle between the robot's and the world's z; the sensor is an orientation quaternion.
    Upright,
    /// The sensor's age, s.
    Age,
}

/// One sensor and what it may say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guard<'b> {
    /// What it means when the sensor says something else.
    pub cause: Cause,
    /// What is compared.
    pub measure: Measure,
    /// The sensor's position in the interface.
    pub sensor: usize,
    /// Position of its first value in a sample.
    pub first: usize,
    /// Smallest and largest of each value; one pair where the measure is one number.
    pub bounds: &'b [[f32; 2]],
    /// Samples in a row beyond the bounds that are tolerated.
    pub tolerated_samples: u32,
}

/// Why a guard cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// There are too many.
    #[error("more than {MAX_GUARDS} guards")]
    Guards,
    /// They watch too much.
    #[error("guards of more than {MAX_GUARDED_VALUES} values together")]
    Values,
}

/// A robot's guards; see the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Guards {
    list: heapless::Vec<Placed, MAX_GUARDS>,
    bounds: heapless::Vec<[f32; 2], MAX_GUARDED_VALUES>,
    memory: GuardsMemory,
}

/// Of guards, what one sample leaves to the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GuardsMemory {
    /// Of each guard, the samples in a row beyond its bounds.
    beyond: heapless::Vec<u32, MAX_GUARDS>,
    /// What every guard saw last, in the order of their bounds.
    previous: heapless::Vec<f32, MAX_GUARDED_VALUES>,
    /// When the sample before was taken, by the robot's clock.
    previous_us: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Placed {
    cause: Cause,
    measure: Measure,
    sensor: usize,
    first: usize,
    /// Position of its first bounds.
    start: usize,
    size: usize,
    tolerated_samples: u32,
}

impl Guards {
    /// Adds one.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn push(&mut self, guard: &Guard) -> Result<(), GuardError> {
        let Guard { cause, measure, sensor, first, bounds, tolerated_samples } = *guard;
        let (start, size) = (self.bounds.len(), bounds.len());
        let placed = Placed { cause, measure, sensor, first, start, size, tolerated_samples };
        self.bounds.extend_from_slice(bounds).map_err(|_| GuardError::Values)?;
        self.memory.previous.resize(start + size, 0.0).map_err(|_| GuardError::Values)?;
        self.memory.beyond.push(0).map_err(|_| GuardError::Guards)?;
        self.list.push(placed).map_err(|_| GuardError::Guards)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What the next sample is judged by beside itself.
    pub fn memory(&self) -> &GuardsMemory {
        &self.memory
    }

    /// Goes on from the [`Self::memory`] of the same guards; false where it is of others, and nothing is changed.
    pub fn restore(&mut self, memory: &GuardsMemory) -> bool {
        let same = memory.beyond.len() == self.memory.beyond.len()
            && memory.previous.len() == self.memory.previous.len();
        if same {
            self.memory.clone_from(memory);
        }
        same
    }

    /// Forgets all samples: the robot begins again.
    pub fn reset(&mut self) {
        self.memory.beyond.iter_mut().for_each(|count| *count = 0);
        self.memory.previous_us = None;
    }

    /// Looks at a sample that the robot took at `taken_us` by its own clock.
    pub fn watch(&mut self, values: &[f32], taken_us: u64) {
        let elapsed_s =
            self.memory.previous_us.map(|before_us| taken_us.saturating_sub(before_us) as f32 * 1e-6);
        for (guard, beyond) in self.list.iter().zip(&mut self.memory.beyond) {
            let values = values.get(guard.first..).unwrap_or_default();
            let bounds = self.bounds.get(guard.start..).unwrap_or_default().iter().take(guard.size);
            let previous = self.memory.previous.get_mut(guard.start..).unwrap_or_default();
            let within = match guard.measure {
                Measure::Age => continue,
                Measure::Value => holds(values.iter().copied(), bounds),
                Measure::Upright => holds(upright(values).into_iter(), bounds),
                Measure::Rate => {
                    let rate = |(value, before): (&f32, &mut f32)| {
                        let change = *value - core::mem::replace(before, *value);
                        // Without a sample before there is no change; without time between, any is too fast.
                        elapsed_s
                            .map_or(0.0, |elapsed_s| if change == 0.0 { 0.0 } else { change / elapsed_s })
                    };
                    let rates = values.iter().zip(previous).take(guard.size).map(rate);
                    holds(rates, bounds)
                }
            };
            *beyond = if within { 0 } else { beyond.saturating_add(1) };
        }
        self.memory.previous_us = Some(taken_us);
    }

    /// What the newest sample showed, and which sensors have grown too old: `sample_age_us` is the sample's age now, and each
    /// sensor was so much older as `ages_us` says.
    pub fn causes(&self, sample_age_us: u64, ages_us: &[u32]) -> Causes {
        let mut causes = Causes::default();
        for (guard, beyond) in self.list.iter().zip(&self.memory.beyond) {
            let found = match guard.measure {
                Measure::Age => {
                    let own_us = ages_us.get(guard.sensor).copied().unwrap_or(u32::MAX);
                    let age_s = sample_age_us.saturating_add(own_us.into()) as f32 * 1e-6;
                    let bounds = self.bounds.get(guard.start..).unwrap_or_default().iter().take(1);
                    !holds(core::iter::once(age_s), bounds)
                }
                Measure::Value | Measure::Upright | Measure::Rate => *beyond > guard.tolerated_samples,
            };
            if found {
                causes.insert(guard.cause);
            }
        }
        causes
    }
}

/// Whether there are as many values as bounds, each within its own.
fn holds<'b>(mut values: impl Iterator<Item = f32>, bounds: impl Iterator<Item = &'b [f32; 2]>) -> bool {
    // Every value is looked at: those of a rate are remembered as they are.
    bounds.fold(true, |all, [smallest, largest]| {
        let value = values.next().unwrap_or(f32::NAN);
        value >= *smallest && value <= *largest && all
    })
}

/// The cosine of the tilt; none where the values are no rotation.
fn upright(quaternion: &[f32]) -> Option<f32> {
    let [w, x, y, z] = *quaternion.first_chunk::<4>()?;
    let square = w * w + x * x + y * y + z * z;
    (square > 0.0).then(|| (w * w - x * x - y * y + z * z) / square)
}

impl Guard<'_> {
    /// The bounds of a [`Measure::Upright`] for a largest tilt, rad.
    pub fn tilt_bounds(largest_rad: f32) -> [f32; 2] {
        [math::cos(largest_rad), f32::INFINITY]
    }
}

// As many sensors as an interface has can each have a guard on its value twice over or so.
const _: () = assert!(MAX_GUARDED_VALUES >= MAX_SENSORS);

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1000;

    /// A sample: two velocities, then an orientation.
    const FIRST_OF_ORIENTATION: usize = 2;
    const LEVEL: [f32; 6] = [0.1, -0.1, 1.0, 0.0, 0.0, 0.0];

    fn guards(list: &[Guard]) -> Guards {
        let mut guards = Guards::default();
        for guard in list {
            guards.push(guard).unwrap();
        }
        guards
    }

    fn of_velocities(cause: Cause, measure: Measure, bounds: &[[f32; 2]]) -> Guard<'_> {
        Guard { cause, measure, sensor: 0, first: 0, bounds, tolerated_samples: 0 }
    }

    fn found(guards: &mut Guards, sample: &[f32], taken_us: u64) -> Causes {
        guards.watch(sample, taken_us);
        guards.causes(0, &[0, 0])
    }

    #[test]
    fn each_value_has_its_own_bounds_and_what_is_not_finite_is_within_none() {
        let bounds = [[-1.0, 1.0], [-5.0, 5.0]];
        let mut guards = guards(&[of_velocities(Cause::Velocity, Measure::Value, &bounds)]);
        for (sample, fault) in [
            ([1.0, 5.0], false),
            ([1.5, 0.0], true),
            ([0.0, 1.5], false),
            ([0.0, -5.5], true),
            ([f32::NAN, 0.0], true),
            ([0.0, f32::INFINITY], true),
        ] {
            assert_eq!(found(&mut guards, &sample, 0).contains(Cause::Velocity), fault, "{sample:?}");
        }
        assert!(found(&mut guards, &[0.0], 0).contains(Cause::Velocity), "a value is missing");
    }

    #[test]
    fn a_rate_is_the_change_in_the_robots_own_time() {
        let bounds = [[-10.0, 10.0]; 2];
        let mut guards = guards(&[of_velocities(Cause::SensorRate, Measure::Rate, &bounds)]);
        assert!(found(&mut guards, &[100.0, 0.0], 5 * MS).is_empty(), "nothing came before");
        assert!(found(&mut guards, &[100.0, 0.9], 105 * MS).is_empty());
        assert!(found(&mut guards, &[98.0, 0.9], 205 * MS).contains(Cause::SensorRate));
        assert!(found(&mut guards, &[98.0, 0.9], 205 * MS).is_empty(), "no time and no change");
        assert!(found(&mut guards, &[98.0, 0.8], 205 * MS).contains(Cause::SensorRate), "no time");
        guards.reset();
        assert!(found(&mut guards, &[-7.0, 0.0], 0).is_empty());
    }

    #[test]
    fn tilt_is_the_angle_from_upright_whatever_the_heading() {
        let bounds = [Guard::tilt_bounds(0.5)];
        let guard =
            Guard { first: FIRST_OF_ORIENTATION, ..of_velocities(Cause::Tilt, Measure::Upright, &bounds) };
        let mut guards = guards(&[guard]);
        let turned = |axis: usize, angle: f32| {
            let mut sample = LEVEL;
            sample[2] = math::cos(angle / 2.0);
            sample[3 + axis] = math::sin(angle / 2.0);
            sample
        };
        for (axis, angle, fault) in
            [(0, 0.49, false), (0, 0.51, true), (1, -0.49, false), (1, -0.51, true), (2, 3.0, false)]
        {
            assert_eq!(found(&mut guards, &turned(axis, angle), 0).contains(Cause::Tilt), fault, "{angle}");
        }
        assert!(found(&mut guards, &[0.0; 6], 0).contains(Cause::Tilt), "no rotation is not upright");
    }

    #[test]
    fn a_sensor_grows_too_old_without_a_new_sample() {
        let bounds = [[0.0, 0.05]];
        let guard = Guard { sensor: 1, ..of_velocities(Cause::StaleSensor, Measure::Age, &bounds) };
        let mut guards = guards(&[guard]);
        guards.watch(&LEVEL, 0);
        assert!(guards.causes(30 * MS, &[90_000, 10_000]).is_empty());
        assert!(guards.causes(45 * MS, &[0, 10_000]).contains(Cause::StaleSensor));
        assert!(guards.causes(0, &[0]).contains(Cause::StaleSensor), "an age is missing");
    }

    #[test]
    fn some_samples_in_a_row_are_tolerated_where_asked_for() {
        let bounds = [[-1.0, 1.0]];
        let guard =
            Guard { tolerated_samples: 2, ..of_velocities(Cause::SensorRange, Measure::Value, &bounds) };
        let mut guards = guards(&[guard]);
        for fault in [false, false, true, true] {
            assert_eq!(found(&mut guards, &[2.0], 0).contains(Cause::SensorRange), fault);
        }
        assert!(found(&mut guards, &[0.0], 0).is_empty());
        let memory = {
            found(&mut guards, &[2.0], 0);
            found(&mut guards, &[2.0], 0);
            guards.memory().clone()
        };
        guards.reset();
        assert!(guards.restore(&memory));
        assert!(found(&mut guards, &[2.0], 0).contains(Cause::SensorRange));
        assert!(!Guards::default().restore(&memory));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let bounds = [[0.0, 1.0]; MAX_GUARDED_VALUES];
        let guard = of_velocities(Cause::SensorRange, Measure::Value, &bounds);
        let mut full = guards(&[guard]);
        assert_eq!(full.push(&Guard { bounds: &bounds[..1], ..guard }), Err(GuardError::Values));
        let mut many = guards(&[Guard { bounds: &bounds[..1], ..guard }; MAX_GUARDS]);
        assert_eq!(many.push(&Guard { bounds: &bounds[..1], ..guard }), Err(GuardError::Guards));
    }
}
