//! What the robot measures of its true state: [`SensorSuite`], one [`Channel`] for each sensor.
//!
//! A sensor samples at its own rate, and a sample arrives after the sensor's delay. What is asked for in between is the
//! newest sample that has arrived, the same as before.

mod channel;

use super::history::History;
use super::rays::Scene;
use crate::error::SimError;
use crate::random::Stream;
use crate::randomization::{Draws, Parameter, Variation, delay_steps};
use crate::task::SensorPlan;
use channel::Channel;
pub(crate) use channel::ChannelState;

/// All sensors of one robot.
#[derive(Clone, Debug)]
pub(crate) struct SensorSuite {
    channels: Vec<Channel>,
    /// The newest samples that have arrived, one sensor after the other.
    held: Vec<f64>,
    physics_period_s: f64,
}

/// What a [`SensorSuite`] changes when it is asked.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct SensorState {
    channels: Vec<ChannelState>,
    held: Vec<f64>,
}

impl SensorSuite {
    /// `perfect` sensors have no errors of their own; what randomization adds remains.
    pub(crate) fn new(plans: impl Iterator<Item = SensorPlan>, perfect: bool, physics_period_s: f64) -> Self {
        let mut size = 0;
        let channels = plans.map(|plan| {
            let offset = size;
            size += plan.size;
            Channel::new(plan, offset, perfect, physics_period_s)
        });
        Self { channels: channels.collect(), held: vec![0.0; size], physics_period_s }
    }

    /// All that a sample changes.
    pub(crate) fn state(&self) -> SensorState {
        SensorState { channels: self.channels.iter().map(Channel::state).collect(), held: self.held.clone() }
    }

    /// Goes on from the state of sensors of the same task.
    pub(crate) fn restore(&mut self, state: &SensorState) -> Result<(), SimError> {
        SimError::check_lengths(&[
            ("sensor values", self.held.len(), state.held.len()),
            ("sensors", self.channels.len(), state.channels.len()),
        ])?;
        self.held.copy_from_slice(&state.held);
        self.channels.iter_mut().zip(&state.channels).try_for_each(|(channel, saved)| channel.restore(saved))
    }

    /// Values of a sample.
    pub(crate) fn sample_size(&self) -> usize {
        self.held.len()
    }

    /// Number of sensors.
    pub(crate) fn count(&self) -> usize {
        self.channels.len()
    }

    /// Starts an episode: nothing has been sampled yet, and each sensor draws its constant errors.
    pub(crate) fn reset(&mut self, variation: &Variation, stream: &mut Stream) {
        for (index, channel) in self.channels.iter_mut().enumerate() {
            channel.vary(variation, index);
            channel.reset(stream);
        }
    }

    /// Takes this moment's errors.
    pub(crate) fn vary(&mut self, variation: &Variation) {
        for (index, channel) in self.channels.iter_mut().enumerate() {
            channel.vary(variation, index);
        }
    }

    /// Writes the newest samples that have arrived at physics step `now`.
    pub(crate) fn sense(
        &mut self,
        now: u64,
        history: &History,
        scene: Scene,
        draws: &Draws,
        stream: &mut Stream,
        values: &mut [f32],
    ) {
        let phase = draws.observation_phase();
        for (index, channel) in self.channels.iter_mut().enumerate() {
            let delay_s = draws.variation().apply(Parameter::ObservationDelay, index, channel.latency_s());
            let delay = delay_steps(delay_s, phase, self.physics_period_s);
            let arrived = now.saturating_sub(delay.into());
            channel.sample(arrived, history, scene, stream, &mut self.held);
        }
        values.iter_mut().zip(&self.held).for_each(|(slot, value)| *slot = *value as f32);
    }
}
