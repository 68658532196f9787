//! The running observation normalizer: `clip((x - mean) / deviation, ±clip)`.
//!
//! A channel that hardly moves in simulation would become a huge gain on the robot, so every deviation has a physical
//! floor that the task states, and every normalized value is clipped.

use crate::network::matrix::vectorized;
use crate::training::StateError;
use serde::{Deserialize, Serialize};

/// Normalized values are held within this many deviations, as in most reference implementations.
pub const CLIP: f32 = 10.0;

/// Mean and deviation of every observation value.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Normalizer {
    count: f64,
    means: Vec<f64>,
    squares: Vec<f64>,
    floors: Vec<f32>,
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

/// How normalized values change with the statistics: what was `x` becomes `x'` with `x = scale · x' + shift`.
#[derive(Clone, Debug)]
pub struct Rescaling {
    /// `[observation]`.
    pub scales: Vec<f32>,
    /// `[observation]`.
    pub shifts: Vec<f32>,
}

impl Rescaling {
    /// Room for so many values; it changes nothing.
    pub fn new(size: usize) -> Self {
        Self { scales: vec![1.0; size], shifts: vec![0.0; size] }
    }
}

impl Normalizer {
    /// Mean 0 and deviation 1 until statistics are [refreshed](Self::refresh).
    pub fn new(floors: &[f32]) -> Self {
        let size = floors.len();
        Self {
            count: 0.0,
            means: vec![0.0; size],
            squares: vec![0.0; size],
            floors: floors.to_vec(),
            mean: vec![0.0; size],
            deviation: vec![1.0; size],
        }
    }

    /// Goes on from saved statistics.
    ///
    /// # Errors
    /// Statistics of another number of values.
    pub fn restore(&mut self, whose: &str, saved: Self) -> Result<(), StateError> {
        StateError::check_length(whose, self.means.len(), saved.means.len())?;
        *self = saved;
        Ok(())
    }

    /// Goes on as if `samples` observations had had this mean and deviation, each of the present size.
    pub fn start_from(&mut self, mean: &[f32], deviation: &[f32], samples: f64) {
        self.count = samples;
        for (index, (mean, deviation)) in mean.iter().zip(deviation).enumerate() {
            self.means[index] = f64::from(*mean);
            self.squares[index] = f64::from(*deviation) * f64::from(*deviation) * samples;
        }
        self.refresh();
    }

    /// Becomes equal to another of the same size, without allocating.
    pub fn copy_from(&mut self, other: &Self) {
        self.take_records(other);
        self.floors.copy_from_slice(&other.floors);
        self.mean.copy_from_slice(&other.mean);
        self.deviation.copy_from_slice(&other.deviation);
    }

    /// As [`Self::copy_from`], and says how normalized values change by it.
    pub fn copy_from_with(&mut self, other: &Self, change: &mut Rescaling) {
        change.shifts.copy_from_slice(&self.mean);
        change.scales.copy_from_slice(&self.deviation);
        self.copy_from(other);
        self.compare(change);
    }

    /// Has recorded what another of the same size has; the statistics in use stay.
    pub fn take_records(&mut self, other: &Self) {
        self.count = other.count;
        self.means.copy_from_slice(&other.means);
        self.squares.copy_from_slice(&other.squares);
    }

    /// Takes `observations [rows, observation]` into the statistics (Welford's update), not yet into use.
    pub fn record(&mut self, observations: &[f32]) {
        // Rows of no values are no rows.
        for row in observations.chunks_exact(self.means.len().max(1)) {
            self.count += 1.0;
            for ((mean, square), value) in self.means.iter_mut().zip(&mut self.squares).zip(row) {
                let difference = f64::from(*value) - *mean;
                *mean += difference / self.count;
                *square += difference * (f64::from(*value) - *mean);
            }
        }
    }

    /// Puts the recorded statistics into use.
    pub fn refresh(&mut self) {
        for (index, floor) in self.floors.iter().enumerate() {
            let deviation = (self.squares[index] / self.count.max(1.0)).sqrt() as f32;
            self.mean[index] = self.means[index] as f32;
            self.deviation[index] = if deviation > *floor { deviation } else { *floor };
        }
    }

    /// As [`Self::refresh`], and says how normalized values change by it.
    pub fn refresh_with(&mut self, change: &mut Rescaling) {
        change.shifts.copy_from_slice(&self.mean);
        change.scales.copy_from_slice(&self.deviation);
        self.refresh();
        self.compare(change);
    }

    /// Turns the means and deviations of before, as shifts and scales, into how normalized values have changed since.
    fn compare(&self, change: &mut Rescaling) {
        for (index, (scale, shift)) in change.scales.iter_mut().zip(&mut change.shifts).enumerate() {
            let (mean, deviation) = (*shift, *scale);
            *scale = self.deviation[index] / deviation;
            *shift = (self.mean[index] - mean) / deviation;
        }
    }

    /// Normalizes `observations [rows, observation]` in place.
    pub fn apply(&self, observations: &mut [f32]) {
        let (mean, deviation) = (&self.mean[..], &self.deviation[..]);
        vectorized(
            #[inline(always)]
            || {
                for row in observations.chunks_exact_mut(mean.len().max(1)) {
                    for ((value, mean), deviation) in row.iter_mut().zip(mean).zip(deviation) {
                        let scaled = (*value - *mean) / *deviation;
                        let raised = if scaled < -CLIP { -CLIP } else { scaled };
                        *value = if raised > CLIP { CLIP } else { raised };
                    }
                }
            },
        );
    }

    /// The means in use, `[observation]`.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// The deviations in use, `[observation]`.
    pub fn deviation(&self) -> &[f32] {
        &self.deviation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_come_into_use_on_refresh_and_respect_the_floor() {
        let mut normalizer = Normalizer::new(&[0.1, 0.1]);
        normalizer.record(&[1.0, 5.0, 3.0, 5.0]);
        let mut row = [3.0, 5.5];
        normalizer.apply(&mut row);
        assert_eq!(row, [3.0, 5.5]);
        normalizer.refresh();
        assert_eq!((normalizer.mean(), normalizer.deviation()), (&[2.0, 5.0][..], &[1.0, 0.1][..]));
        let mut row = [3.0, 5.5];
        normalizer.apply(&mut row);
        assert_eq!(row, [1.0, 5.0]);
        let mut far = [2.0, 50.0];
        normalizer.apply(&mut far);
        assert_eq!(far, [0.0, CLIP]);
    }
}
