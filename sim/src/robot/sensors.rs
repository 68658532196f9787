//! What the robot measures of its true state: delayed, noisy, biased samples, made by [`SensorSuite`].

use super::delay::DelayLine;
use super::rays::{POSE_SIZE, RayPattern, Scene, pose};
use crate::error::SimError;
use crate::random::Stream;
use crate::randomization::SensorErrors;
use crate::rotation;
use crate::task::{SensorPlan, SensorQuantity};
use crate::truth::Truth;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug)]
struct Channel {
    quantity: SensorQuantity,
    joint: usize,
    /// Absent at the base's origin.
    site: Option<usize>,
    contact: usize,
    gravity_m_per_s2: [f64; 3],
    /// Its values in a sample.
    offset: usize,
    size: usize,
    /// Of a sensor whose values are rays' lengths.
    rays: Option<RayPattern>,
    /// Its values in a reading: those of the sample, or of rays the pose that they start from.
    reading_offset: usize,
    reading_size: usize,
    noise: f64,
    largest_bias: f64,
    /// This episode's; of an orientation a rotation vector.
    bias: [f64; 3],
}

/// All sensors of one robot.
#[derive(Clone, Debug)]
pub(crate) struct SensorSuite {
    channels: Vec<Channel>,
    /// True readings on their way.
    line: DelayLine<f64>,
    /// The reading that is being taken.
    reading: Vec<f64>,
    /// The newest reading that has arrived.
    arrived: Vec<f64>,
    sample_size: usize,
    /// Room for the rays of any sensor.
    lengths: Vec<f64>,
    delay_steps: u32,
}

/// What a step of a [`SensorSuite`] changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SensorState {
    line: DelayLine<f64>,
    arrived: Vec<f64>,
    delay_steps: u32,
    biases: Vec<[f64; 3]>,
}

impl SensorSuite {
    pub(crate) fn new<'a>(
        sensors: impl Iterator<Item = SensorPlan<'a>>,
        gravity_m_per_s2: [f64; 3],
        errors: &[SensorErrors],
        longest_delay_steps: u32,
    ) -> Self {
        let (mut size, mut sample_size) = (0, 0);
        let channels: Vec<Channel> = sensors
            .map(|sensor| {
                let found = errors.iter().find(|errors| errors.name == sensor.name);
                let rays = RayPattern::new(sensor.document);
                let (offset, reading_offset) = (sample_size, size);
                let reading_size = if rays.is_some() { POSE_SIZE } else { sensor.size };
                size += reading_size;
                sample_size += sensor.size;
                Channel {
                    quantity: sensor.quantity,
                    joint: sensor.joint,
                    site: sensor.site,
                    contact: sensor.contact,
                    gravity_m_per_s2,
                    offset,
                    size: sensor.size,
                    rays,
                    reading_offset,
                    reading_size,
                    noise: found.map_or(0.0, |errors| errors.noise),
                    largest_bias: found.map_or(0.0, |errors| errors.bias),
                    bias: [0.0; 3],
                }
            })
            .collect();
        let line = DelayLine::new(longest_delay_steps, size, 0.0);
        let rays = channels.iter().filter_map(|channel| channel.rays.as_ref().map(RayPattern::size)).max();
        Self {
            channels,
            line,
            reading: vec![0.0; size],
            arrived: vec![0.0; size],
            sample_size,
            lengths: vec![0.0; rays.unwrap_or(0)],
            delay_steps: 0,
        }
    }

    /// All that a step changes.
    pub(crate) fn state(&self) -> SensorState {
        SensorState {
            line: self.line.clone(),
            arrived: self.arrived.clone(),
            delay_steps: self.delay_steps,
            biases: self.channels.iter().map(|channel| channel.bias).collect(),
        }
    }

    /// Goes on from the state of sensors of the same task.
    pub(crate) fn restore(&mut self, state: &SensorState) -> Result<(), SimError> {
        SimError::check_lengths(&[
            ("sensor values", self.arrived.len(), state.arrived.len()),
            ("sensor biases", self.channels.len(), state.biases.len()),
        ])?;
        self.line.restore(&state.line)?;
        self.arrived.copy_from_slice(&state.arrived);
        self.delay_steps = state.delay_steps;
        for (channel, bias) in self.channels.iter_mut().zip(&state.biases) {
            channel.bias = *bias;
        }
        Ok(())
    }

    /// Values of a sample.
    pub(crate) fn sample_size(&self) -> usize {
        self.sample_size
    }

    /// Number of sensors.
    pub(crate) fn count(&self) -> usize {
        self.channels.len()
    }

    /// Starts an episode at rest in `truth`, as if it had been there for as long as the delay.
    pub(crate) fn reset(&mut self, truth: &Truth, delay_steps: u32, stream: &mut Stream) {
        self.delay_steps = delay_steps;
        for channel in &mut self.channels {
            channel.bias = if channel.size == 1 || channel.rays.is_some() {
                [stream.uniform(-channel.largest_bias, channel.largest_bias), 0.0, 0.0]
            } else {
                let length = stream.uniform(0.0, channel.largest_bias);
                stream.direction().map(|value| length * value)
            };
            channel.read(truth, &mut self.arrived);
        }
        self.line.clear();
    }

    /// Takes the reading of physics step `now`.
    pub(crate) fn record(&mut self, now: u64, truth: &Truth) {
        let Self { channels, line, reading, arrived, delay_steps, .. } = self;
        for channel in channels {
            channel.read(truth, reading);
        }
        line.push(now + u64::from(*delay_steps), reading);
        if let Some(due) = line.pop_due(now) {
            arrived.copy_from_slice(due);
        }
    }

    /// Writes the newest sample that has arrived, with fresh noise.
    pub(crate) fn sense(&mut self, scene: Scene, stream: &mut Stream, values: &mut [f32]) {
        let Self { channels, arrived, lengths, .. } = self;
        for channel in channels {
            let reading = &arrived[channel.reading_offset..channel.reading_offset + channel.reading_size];
            let sample = &mut values[channel.offset..channel.offset + channel.size];
            if let Some(rays) = &channel.rays {
                rays.measure(scene, reading, lengths);
                for (slot, length) in sample.iter_mut().zip(&*lengths) {
                    *slot = (length + channel.bias[0] + channel.draw_noise(stream)) as f32;
                }
            } else if channel.quantity == SensorQuantity::BaseOrientation {
                let error = channel.bias.map(|bias| bias + channel.draw_noise(stream));
                let measured = rotation::multiply(
                    [reading[0], reading[1], reading[2], reading[3]],
                    rotation::from_rotation_vector(error),
                );
                sample.iter_mut().zip(measured).for_each(|(slot, value)| *slot = value as f32);
            } else {
                for ((slot, value), bias) in sample.iter_mut().zip(reading).zip(channel.bias) {
                    *slot = (value + bias + channel.draw_noise(stream)) as f32;
                }
            }
        }
    }
}

impl Channel {
    fn draw_noise(&self, stream: &mut Stream) -> f64 {
        if self.noise > 0.0 { self.noise * stream.normal() } else { 0.0 }
    }

    fn read(&self, truth: &Truth, readings: &mut [f64]) {
        let slots = &mut readings[self.reading_offset..self.reading_offset + self.reading_size];
        let motion = self.site.map_or(truth.base, |site| truth.sites[site].motion);
        match self.quantity {
            SensorQuantity::JointPosition => slots[0] = truth.joints[self.joint].position,
            SensorQuantity::JointVelocity => slots[0] = truth.joints[self.joint].velocity,
            SensorQuantity::BasePosition => slots.copy_from_slice(&motion.position_m),
            SensorQuantity::BaseVelocity => slots.copy_from_slice(&motion.velocity_m_per_s),
            SensorQuantity::BaseOrientation => slots.copy_from_slice(&motion.orientation),
            SensorQuantity::BaseAngularVelocity => slots.copy_from_slice(&motion.angular_velocity_rad_per_s),
            SensorQuantity::BaseAcceleration => {
                let moved = self.site.map_or([0.0; 3], |site| truth.sites[site].acceleration_m_per_s2);
                let felt = [0, 1, 2].map(|axis| moved[axis] - self.gravity_m_per_s2[axis]);
                slots.copy_from_slice(&rotation::to_body(motion.orientation, felt));
            }
            SensorQuantity::ContactForce => slots[0] = truth.contacts[self.contact].normal_force_n,
            SensorQuantity::HeightScan | SensorQuantity::Range | SensorQuantity::DepthCamera => {
                slots.copy_from_slice(&pose(&motion));
            }
        }
    }
}
