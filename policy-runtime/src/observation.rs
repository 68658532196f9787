//! Turns sensor samples into the policy's input: the one implementation that training and deployment share.
//!
//! [`ObservationBuilder`] resolves names to positions once, then each policy period computes every term, keeps its
//! history and writes the input in the contract's order. Order, unit, frame and history cannot differ between the
//! simulator and the robot, because there is no second implementation. Storage for histories is the caller's, so a
//! microcontroller lends a static buffer.

use crate::contract::{Contract, HistoryOrder, HistoryReset, Layout, MAX_TERMS, Mismatch, TermSource};
use crate::interface::Interface;
use crate::math;
use core::ops::Range;

/// One sample of all of a robot's sensors.
#[derive(Clone, Copy, Debug)]
pub struct SensorFrame<'a> {
    /// All sensors' values, in the order of [`Interface::sensors`].
    pub values: &'a [f32],
    /// Each sensor's age in microseconds, in the same order.
    pub ages_us: &'a [u32],
}

/// Why no observation could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObservationFault {
    /// A slice has the wrong length.
    #[error("{input} has {found} values, expected {expected}")]
    Length {
        /// Which input.
        input: &'static str,
        /// What was expected.
        expected: usize,
        /// What was found.
        found: usize,
    },
    /// A sensor or command value is NaN or infinite.
    #[error("{input} value {index} is not finite")]
    NotFinite {
        /// Which input.
        input: &'static str,
        /// Its position.
        index: usize,
    },
    /// An orientation is no rotation: its quaternion's length is far from 1.
    #[error("the quaternion at sample value {index} is not of unit length")]
    NotUnit {
        /// Position of its first value in the sample.
        index: usize,
    },
    /// A sensor is too old for the term that reads it.
    #[error("sensor {sensor} is {age_us} us old, the policy allows {max_age_us} us")]
    Stale {
        /// Position of the sensor in the interface.
        sensor: usize,
        /// Its age.
        age_us: u32,
        /// The largest age.
        max_age_us: u32,
    },
}

/// A sensor that a term reads.
#[derive(Clone, Copy, Debug)]
struct Source {
    sensor: usize,
    offset: usize,
    size: usize,
}

impl Source {
    fn read<'v>(&self, frame: &SensorFrame<'v>) -> Result<&'v [f32], ObservationFault> {
        let (expected, found) = (self.offset.saturating_add(self.size), frame.values.len());
        let missing = ObservationFault::Length { input: "sample", expected, found };
        frame.values.get(self.offset..expected).ok_or(missing)
    }
}

#[derive(Clone, Debug)]
struct Term {
    source: TermSource,
    sensors: heapless::Vec<Source, { crate::contract::MAX_TERM_SENSORS }>,
    command_offset: usize,
    size: usize,
    max_age_us: u32,
    length: usize,
    stride: usize,
    kept: usize,
    order: HistoryOrder,
    reset: HistoryReset,
    /// Start of this term's ring in the storage.
    ring: usize,
}

/// Computes observations; see the [module](self).
///
/// `S` is the storage of the histories, at least [`ObservationBuilder::storage_len`] values.
#[derive(Clone, Debug)]
pub struct ObservationBuilder<S> {
    terms: heapless::Vec<Term, MAX_TERMS>,
    layout: Layout,
    sample_size: usize,
    sensor_count: usize,
    command_size: usize,
    action_size: usize,
    observation_size: usize,
    /// Values that the storage must hold.
    history_size: usize,
    policy_period_s: f64,
    /// Samples written since the reset; rings are addressed modulo their length.
    samples: u64,
    storage: S,
}

impl<S: AsRef<[f32]> + AsMut<[f32]>> ObservationBuilder<S> {
    /// How many values of storage a contract needs.
    pub fn storage_len(contract: &Contract) -> usize {
        contract.observation.iter().map(|term| term.history.samples_kept() * usize::from(term.size)).sum()
    }

    /// Resolves the contract's names against the robot's. The contract must have passed [`Contract::validate`]. With a
    /// `storage` that is shorter than [`Self::storage_len`], no observation can be made.
    ///
    /// # Errors
    /// A sensor that the robot lacks.
    pub fn new<'a>(contract: &Contract<'a>, robot: &Interface<'a>, storage: S) -> Result<Self, Mismatch<'a>> {
        let mut terms = heapless::Vec::new();
        let mut ring = 0;
        for term in &contract.observation {
            let mut sensors = heapless::Vec::new();
            for name in &term.sensors {
                let (sensor, offset, found) = robot.sensor(name).ok_or(Mismatch::MissingSensor { name })?;
                // Both lists have the same capacity.
                let _ = sensors.push(Source { sensor, offset, size: found.size.into() });
            }
            let command_offset = contract
                .commands
                .iter()
                .take_while(|command| Some(command.name) != term.command)
                .map(crate::contract::CommandTerm::size)
                .sum();
            let kept = term.history.samples_kept();
            let size = usize::from(term.size);
            let _ = terms.push(Term {
                source: term.source,
                sensors,
                command_offset,
                size,
                max_age_us: (f64::from(term.max_age_s) * 1e6) as u32,
                length: term.history.length.into(),
                stride: term.history.stride.into(),
                kept,
                order: term.history.order,
                reset: term.history.reset,
                ring,
            });
            ring += kept * size;
        }
        Ok(Self {
            terms,
            layout: contract.layout,
            sample_size: robot.sample_size(),
            sensor_count: robot.sensors.len(),
            command_size: contract.command_size(),
            action_size: contract.action_size(),
            observation_size: contract.observation_size(),
            history_size: ring,
            policy_period_s: contract.periods.policy_period_s,
            samples: 0,
            storage,
        })
    }

    /// Values of an observation.
    pub fn observation_size(&self) -> usize {
        self.observation_size
    }

    /// Forgets all history, as at the start of an episode.
    pub fn reset(&mut self) {
        self.samples = 0;
    }

    /// How many samples were taken since the reset, and the rings that hold the newest of them: what a simulation saves.
    pub fn history(&self) -> (u64, &[f32]) {
        (self.samples, self.storage.as_ref())
    }

    /// Goes on from a [`Self::history`] of a builder of the same contract.
    ///
    /// # Errors
    /// `values` has another length than the storage; nothing is changed.
    pub fn restore_history(&mut self, samples: u64, values: &[f32]) -> Result<(), ObservationFault> {
        let storage = self.storage.as_mut();
        if storage.len() != values.len() {
            let (expected, found) = (storage.len(), values.len());
            return Err(ObservationFault::Length { input: "history", expected, found });
        }
        storage.copy_from_slice(values);
        self.samples = samples;
        Ok(())
    }

    /// Advances history by one policy period and writes the policy's input.
    ///
    /// `command` holds the contract's commands one after the other; `previous_action` is the policy's own raw output
    /// of the previous period, zeros after a reset. On a fault nothing advances and `observation` is unspecified.
    ///
    /// # Errors
    /// The first input that is too long, too short, not finite or too old.
    pub fn observe(
        &mut self,
        frame: &SensorFrame,
        command: &[f32],
        previous_action: &[f32],
        observation: &mut [f32],
    ) -> Result<(), ObservationFault> {
        self.check(frame, command, previous_action, observation)?;
        let time_s = self.samples as f64 * self.policy_period_s;
        let (samples, storage) = (self.samples, self.storage.as_mut());
        let (expected, found) = (self.history_size, storage.len());
        let too_short = ObservationFault::Length { input: "history", expected, found };
        for term in &self.terms {
            let sample = storage.get_mut(term.place(samples)).ok_or(too_short)?;
            term.compute(frame, command, previous_action, time_s, sample)?;
        }
        if samples == 0 {
            for term in &self.terms {
                term.fill_past(storage).ok_or(too_short)?;
            }
        }
        let mut rest = observation;
        let times = self.terms.first().map_or(0, |term| term.length);
        match self.layout {
            Layout::TermMajor => {
                for term in &self.terms {
                    for position in 0..term.length {
                        rest = term.write(storage, samples, position, rest).ok_or(too_short)?;
                    }
                }
            }
            Layout::TimeMajor => {
                for position in 0..times {
                    for term in &self.terms {
                        rest = term.write(storage, samples, position, rest).ok_or(too_short)?;
                    }
                }
            }
        }
        self.samples += 1;
        Ok(())
    }

    fn check(
        &self,
        frame: &SensorFrame,
        command: &[f32],
        previous_action: &[f32],
        observation: &[f32],
    ) -> Result<(), ObservationFault> {
        let lengths = [
            ("sample", self.sample_size, frame.values.len()),
            ("ages", self.sensor_count, frame.ages_us.len()),
            ("command", self.command_size, command.len()),
            ("previous action", self.action_size, previous_action.len()),
            ("observation", self.observation_size, observation.len()),
        ];
        for (input, expected, found) in lengths {
            if expected != found {
                return Err(ObservationFault::Length { input, expected, found });
            }
        }
        let inputs = [("sample", frame.values), ("command", command), ("previous action", previous_action)];
        for (input, values) in inputs {
            if let Some(index) = values.iter().position(|value| !value.is_finite()) {
                return Err(ObservationFault::NotFinite { input, index });
            }
        }
        for term in &self.terms {
            for source in &term.sensors {
                let age_us = frame.ages_us.get(source.sensor).copied().unwrap_or(u32::MAX);
                if age_us > term.max_age_us {
                    return Err(ObservationFault::Stale {
                        sensor: source.sensor,
                        age_us,
                        max_age_us: term.max_age_us,
                    });
                }
            }
        }
        Ok(())
    }
}

impl Term {
    fn compute(
        &self,
        frame: &SensorFrame,
        command: &[f32],
        previous_action: &[f32],
        time_s: f64,
        sample: &mut [f32],
    ) -> Result<(), ObservationFault> {
        match self.source {
            TermSource::Sensor => {
                let mut slots = sample.iter_mut();
                for source in &self.sensors {
                    // In this order, since the shorter of the two must be asked first to take no slot too many.
                    source.read(frame)?.iter().zip(slots.by_ref()).for_each(|(value, slot)| *slot = *value);
                }
                Ok(())
            }
            TermSource::CosSin => {
                let mut pairs = sample.as_chunks_mut::<2>().0.iter_mut();
                for source in &self.sensors {
                    for (angle, pair) in source.read(frame)?.iter().zip(pairs.by_ref()) {
                        *pair = [math::cos(*angle), math::sin(*angle)];
                    }
                }
                Ok(())
            }
            TermSource::ProjectedGravity => {
                put(sample, &rotate_to_body(self.quaternion(frame, 0)?, [0.0, 0.0, -1.0]))
            }
            TermSource::RotateToBody => {
                let vector = self.sensor::<3>(frame, 0)?;
                put(sample, &rotate_to_body(self.quaternion(frame, 1)?, vector))
            }
            TermSource::CommandErrorInBody => {
                let position = self.sensor::<3>(frame, 0)?;
                let goal = self.command(command, 3)?.first_chunk().copied().unwrap_or(position);
                let error = [goal[0] - position[0], goal[1] - position[1], goal[2] - position[2]];
                put(sample, &rotate_to_body(self.quaternion(frame, 1)?, error))
            }
            TermSource::Command => put(sample, self.command(command, self.size)?),
            TermSource::PreviousAction => put(sample, previous_action),
            TermSource::RotationMatrix => {
                put(sample, rotation_matrix(self.quaternion(frame, 0)?).as_flattened())
            }
            TermSource::Phase { period_s } => put(sample, &phase(time_s, period_s)),
        }
    }

    /// The first values of a sensor of this term.
    fn sensor<const SIZE: usize>(
        &self,
        frame: &SensorFrame,
        index: usize,
    ) -> Result<[f32; SIZE], ObservationFault> {
        let values = self.sensors.get(index).map_or(Ok(&[][..]), |source| source.read(frame))?;
        let missing = ObservationFault::Length { input: "sensor", expected: SIZE, found: values.len() };
        values.first_chunk().copied().ok_or(missing)
    }

    /// This term's values of the command.
    fn command<'c>(&self, command: &'c [f32], size: usize) -> Result<&'c [f32], ObservationFault> {
        let end = self.command_offset.saturating_add(size);
        let missing = ObservationFault::Length { input: "command", expected: end, found: command.len() };
        command.get(self.command_offset..end).ok_or(missing)
    }

    fn quaternion(&self, frame: &SensorFrame, index: usize) -> Result<[f32; 4], ObservationFault> {
        let values = self.sensor::<4>(frame, index)?;
        let squared_length = values.iter().fold(0.0, |sum, value| sum + value * value);
        if squared_length > 0.5 && squared_length < 2.0 {
            Ok(values)
        } else {
            Err(ObservationFault::NotUnit {
                index: self.sensors.get(index).map_or(0, |source| source.offset),
            })
        }
    }

    /// Where the sample lies that is written as number `sample` since the reset.
    fn place(&self, sample: u64) -> Range<usize> {
        // Most terms keep one sample alone, and few processors divide 64 bits quickly.
        let slot =
            if self.kept == 1 { 0 } else { sample.checked_rem(self.kept as u64).unwrap_or(0) as usize };
        let start = self.ring.saturating_add(slot.saturating_mul(self.size));
        start..start.saturating_add(self.size)
    }

    /// After the first sample of an episode: what stands in for the past. `None` where the storage is too short.
    fn fill_past(&self, storage: &mut [f32]) -> Option<()> {
        let ring = self.ring..self.ring.saturating_add(self.kept.saturating_mul(self.size));
        let (first, past) = storage.get_mut(ring)?.split_at_mut_checked(self.size)?;
        for sample in past.chunks_exact_mut(self.size.max(1)) {
            match self.reset {
                HistoryReset::RepeatFirst => put(sample, first).ok()?,
                HistoryReset::Zero => sample.fill(0.0),
            }
        }
        Some(())
    }

    /// Writes the history's sample at `position` and returns what lies behind it. `None` where the storage is too short.
    fn write<'o>(
        &self,
        storage: &[f32],
        newest: u64,
        position: usize,
        observation: &'o mut [f32],
    ) -> Option<&'o mut [f32]> {
        let periods = match self.order {
            HistoryOrder::NewestFirst => position,
            HistoryOrder::OldestFirst => self.length.checked_sub(position)?.checked_sub(1)?,
        };
        // Adding the ring's length keeps the difference positive in the first periods.
        let back = self.kept.checked_sub(periods.checked_mul(self.stride)?)?;
        let (values, rest) = observation.split_at_mut_checked(self.size)?;
        put(values, storage.get(self.place(newest.saturating_add(back as u64)))?).ok()?;
        Some(rest)
    }
}

/// `[sin 2πφ, cos 2πφ]` with `φ = time_s / period_s`, whose whole turns are taken off while they are exact.
fn phase(time_s: f64, period_s: f32) -> [f32; 2] {
    let turns = time_s / f64::from(period_s);
    let angle = ((turns - libm::floor(turns)) * core::f64::consts::TAU) as f32;
    [math::sin(angle), math::cos(angle)]
}

/// The rotation from body to world, row by row: `R(q)`, with `q` = `[w, x, y, z]` of any length but 0.
pub fn rotation_matrix(q: [f32; 4]) -> [[f32; 3]; 3] {
    // Its rows are the world's axes seen from the body.
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(|axis| rotate_to_body(q, axis))
}

/// Copies a term's values to their place.
fn put(place: &mut [f32], values: &[f32]) -> Result<(), ObservationFault> {
    let (expected, found) = (place.len(), values.len());
    if expected != found {
        return Err(ObservationFault::Length { input: "term", expected, found });
    }
    place.copy_from_slice(values);
    Ok(())
}

/// Turns a world vector into the body frame: `R(q)ᵀ v`, with `q` = `[w, x, y, z]` of any length but 0.
pub fn rotate_to_body(q: [f32; 4], v: [f32; 3]) -> [f32; 3] {
    let [w, x, y, z] = q;
    let (ww, xx, yy, zz) = (w * w, x * x, y * y, z * z);
    let squared_length = ww + xx + yy + zz;
    let (xy, xz, yz, wx, wy, wz) = (x * y, x * z, y * z, w * x, w * y, w * z);
    [
        ((ww + xx - yy - zz) * v[0] + 2.0 * (xy + wz) * v[1] + 2.0 * (xz - wy) * v[2]) / squared_length,
        (2.0 * (xy - wz) * v[0] + (ww - xx + yy - zz) * v[1] + 2.0 * (yz + wx) * v[2]) / squared_length,
        (2.0 * (xz + wy) * v[0] + 2.0 * (yz - wx) * v[1] + (ww - xx - yy + zz) * v[2]) / squared_length,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::History;
    use crate::testing::{pendulum_contract, pendulum_interface};

    fn history(length: u16, stride: u16, order: HistoryOrder, reset: HistoryReset) -> History {
        History { length, stride, order, reset }
    }

    /// Observations of the joint velocities 1, 2, 3, … with the given history.
    fn velocities(history: History, count: usize) -> [f32; 8] {
        let robot = pendulum_interface();
        let mut contract = pendulum_contract();
        contract.observation.retain(|term| term.name == "joint_velocity");
        contract.observation[0].history = history;
        contract.validate().unwrap();
        let mut builder = ObservationBuilder::new(&contract, &robot, [0.0; 64]).unwrap();
        let mut observation = [0.0; 8];
        let size = builder.observation_size();
        for step in 1..=count {
            let frame = SensorFrame { values: &[0.0, step as f32], ages_us: &[0, 0] };
            builder.observe(&frame, &[], &[0.0], &mut observation[..size]).unwrap();
        }
        observation
    }

    #[test]
    fn history_is_ordered_strided_and_filled_as_the_contract_says() {
        use HistoryOrder::{NewestFirst, OldestFirst};
        use HistoryReset::{RepeatFirst, Zero};
        assert_eq!(velocities(history(3, 1, OldestFirst, RepeatFirst), 1)[..3], [1.0, 1.0, 1.0]);
        assert_eq!(velocities(history(3, 1, OldestFirst, Zero), 1)[..3], [0.0, 0.0, 1.0]);
        assert_eq!(velocities(history(3, 1, OldestFirst, Zero), 5)[..3], [3.0, 4.0, 5.0]);
        assert_eq!(velocities(history(3, 1, NewestFirst, Zero), 5)[..3], [5.0, 4.0, 3.0]);
        assert_eq!(velocities(history(3, 2, OldestFirst, RepeatFirst), 9)[..3], [5.0, 7.0, 9.0]);
        assert_eq!(velocities(history(2, 3, NewestFirst, RepeatFirst), 3)[..2], [3.0, 1.0]);
    }

    #[test]
    fn a_stale_or_non_finite_sample_is_a_fault() {
        let robot = pendulum_interface();
        let contract = pendulum_contract();
        let mut builder = ObservationBuilder::new(&contract, &robot, [0.0; 64]).unwrap();
        let mut observation = [0.0; 3];
        let stale = SensorFrame { values: &[0.0, 0.0], ages_us: &[0, 300_000] };
        assert!(matches!(
            builder.observe(&stale, &[], &[0.0], &mut observation),
            Err(ObservationFault::Stale { sensor: 1, .. })
        ));
        let broken = SensorFrame { values: &[f32::NAN, 0.0], ages_us: &[0, 0] };
        assert_eq!(
            builder.observe(&broken, &[], &[0.0], &mut observation),
            Err(ObservationFault::NotFinite { input: "sample", index: 0 })
        );
    }

    #[test]
    fn a_gait_clock_turns_once_in_its_period() {
        let robot = pendulum_interface();
        let mut contract = pendulum_contract();
        contract.observation.truncate(1);
        let term = &mut contract.observation[0];
        (term.source, term.size) = (TermSource::Phase { period_s: 0.2 }, 2);
        term.sensors.clear();
        contract.validate().unwrap();
        let mut builder = ObservationBuilder::new(&contract, &robot, [0.0; 64]).unwrap();
        let frame = SensorFrame { values: &[0.0, 0.0], ages_us: &[0, 0] };
        let mut observation = [0.0; 2];
        // A quarter of a turn in each period of 0.05 s.
        for expected in [[0.0, 1.0], [1.0, 0.0], [0.0, -1.0], [-1.0, 0.0], [0.0, 1.0]] {
            builder.observe(&frame, &[], &[0.0], &mut observation).unwrap();
            let near = |found: f32, expected: f32| (found - expected).abs() < 1e-6;
            assert!(
                near(observation[0], expected[0]) && near(observation[1], expected[1]),
                "{observation:?}"
            );
        }
        builder.reset();
        builder.observe(&frame, &[], &[0.0], &mut observation).unwrap();
        assert_eq!(observation, [0.0, 1.0]);
        contract.observation[0].source = TermSource::Phase { period_s: 0.0 };
        assert!(contract.validate().is_err());
    }

    #[test]
    fn a_rotation_matrix_has_the_bodys_axes_as_columns() {
        // Body yawed by +90 degrees: its x axis is world y, its y axis is world -x.
        let half = core::f32::consts::FRAC_1_SQRT_2;
        let found = rotation_matrix([half, 0.0, 0.0, half]);
        for (row, expected) in found.iter().zip([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]) {
            assert!(
                row.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_world_vector_turns_into_the_body_frame() {
        // Body yawed by +90 degrees: its x axis points along world y.
        let half = core::f32::consts::FRAC_1_SQRT_2;
        let [x, y, z] = rotate_to_body([half, 0.0, 0.0, half], [0.0, 1.0, 0.0]);
        assert!((x - 1.0).abs() < 1e-6 && y.abs() < 1e-6 && z.abs() < 1e-6);
        // Rolled by +90 degrees about x: the body's y axis points up, so gravity is along -y.
        let [x, y, z] = rotate_to_body([half, half, 0.0, 0.0], [0.0, 0.0, -1.0]);
        assert!(x.abs() < 1e-6 && (y + 1.0).abs() < 1e-6 && z.abs() < 1e-6);
    }
}
