//! One sensor and all that is wrong with it: [`Channel`].
//!
//! A reading `x` becomes `saturate(quantize(x (1 + scale) + bias + walk + noise))`. Scale and bias are drawn once for
//! each episode, the walk grows with the root of time, noise is fresh in every sample. An orientation's errors are small
//! rotations in the body's frame. A sample that is lost leaves the one before it in place.

use crate::error::SimError;
use crate::random::Stream;
use crate::randomization::{Parameter, Variation};
use crate::robot::history::History;
use crate::robot::rays::Scene;
use crate::rotation;
use crate::task::{SensorErrors, SensorPlan, SensorQuantity};
use crate::truth::Truth;
use serde::{Deserialize, Serialize};

/// One sensor.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    plan: SensorPlan,
    /// Its first value among all sensors'.
    offset: usize,
    /// From one of its samples to the next, in physics steps.
    period_steps: u64,
    physics_period_s: f64,
    /// The present size of each error.
    errors: SensorErrors,
    state: ChannelState,
}

/// What a sample changes of a [`Channel`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ChannelState {
    /// When the newest sample was taken, in physics steps; nothing before the first.
    taken: Option<u64>,
    /// Of each value; of an orientation a rotation vector.
    bias: Vec<f64>,
    walk: Vec<f64>,
    /// The relative error of the scale.
    scale: f64,
}

impl Channel {
    pub(super) fn new(plan: SensorPlan, offset: usize, perfect: bool, physics_period_s: f64) -> Self {
        let errors = match (&plan.rays, plan.quantity) {
            // One for all rays.
            (Some(_), _) => 1,
            // An orientation's four numbers have an error of three.
            (None, SensorQuantity::BaseOrientation) => 3,
            (None, _) => plan.size,
        };
        let period_steps = plan.period_s.map_or(1.0, |period_s| libm::round(period_s / physics_period_s));
        let plan = if perfect { SensorPlan { errors: SensorErrors::default(), ..plan } } else { plan };
        Self {
            offset,
            period_steps: (period_steps as u64).max(1),
            physics_period_s,
            errors: plan.errors,
            state: ChannelState {
                bias: vec![0.0; errors],
                walk: vec![0.0; errors],
                ..ChannelState::default()
            },
            plan,
        }
    }

    pub(super) fn state(&self) -> ChannelState {
        self.state.clone()
    }

    pub(super) fn restore(&mut self, state: &ChannelState) -> Result<(), SimError> {
        SimError::check_lengths(&[
            ("sensor errors", self.state.bias.len(), state.bias.len()),
            ("sensor errors", self.state.walk.len(), state.walk.len()),
        ])?;
        self.state.clone_from(state);
        Ok(())
    }

    /// Nominal delay from motion to sample.
    pub(super) fn latency_s(&self) -> f64 {
        self.plan.errors.latency_s
    }

    /// Takes the present size of each error; `index` is the sensor's place.
    pub(super) fn vary(&mut self, variation: &Variation, index: usize) {
        if let Some(rays) = &mut self.plan.rays {
            rays.vary(variation, index);
        }
        let nominal = &self.plan.errors;
        let present = |parameter, nominal: f64| {
            let value = variation.apply(parameter, index, nominal);
            if value > 0.0 { value } else { 0.0 }
        };
        self.errors = SensorErrors {
            noise: present(Parameter::SensorNoise, nominal.noise),
            bias: present(Parameter::SensorBias, nominal.bias),
            bias_walk: present(Parameter::SensorBiasWalk, nominal.bias_walk),
            scale: present(Parameter::SensorScaleError, nominal.scale),
            quantization: present(Parameter::SensorQuantization, nominal.quantization),
            saturation: present(Parameter::SensorSaturation, nominal.saturation),
            dropout: present(Parameter::SensorDropout, nominal.dropout),
            latency_s: nominal.latency_s,
        };
    }

    /// Draws what is constant through an episode.
    pub(super) fn reset(&mut self, stream: &mut Stream) {
        let Self { plan, state, errors, .. } = self;
        state.taken = None;
        state.walk.fill(0.0);
        state.scale = stream.uniform(-errors.scale, errors.scale);
        match &mut state.bias[..] {
            // Of a vector: any direction is as likely as any other.
            [x, y, z] if plan.joints.is_empty() => {
                let length = stream.uniform(0.0, errors.bias);
                [*x, *y, *z] = stream.direction().map(|value| length * value);
            }
            components => components.fill_with(|| stream.uniform(-errors.bias, errors.bias)),
        }
    }

    /// Writes the newest sample that was taken by physics step `arrived`, unless it is lost or written already.
    pub(super) fn sample(
        &mut self,
        arrived: u64,
        history: &History,
        scene: Scene,
        stream: &mut Stream,
        held: &mut [f64],
    ) {
        let newest = arrived / self.period_steps * self.period_steps;
        let before = self.state.taken;
        if before.is_some_and(|before| newest <= before) {
            return;
        }
        self.state.taken = Some(newest);
        if self.errors.bias_walk > 0.0 {
            let elapsed_s = (newest - before.unwrap_or(0)) as f64 * self.physics_period_s;
            let step = self.errors.bias_walk * libm::sqrt(elapsed_s);
            self.state.walk.iter_mut().for_each(|walk| *walk += step * stream.normal());
        }
        // The first sample is never lost: there is none before it.
        let lost =
            before.is_some() && self.errors.dropout > 0.0 && stream.uniform(0.0, 1.0) < self.errors.dropout;
        if !lost {
            let values = &mut held[self.offset..self.offset + self.plan.size];
            self.plan.read(history.at(newest), scene, values);
            self.spoil(values, stream);
        }
    }

    /// Makes a true reading a measured one.
    fn spoil(&self, values: &mut [f64], stream: &mut Stream) {
        let Self { errors, state, .. } = self;
        let mut noise = || if errors.noise > 0.0 { errors.noise * stream.normal() } else { 0.0 };
        if let (SensorQuantity::BaseOrientation, [w, x, y, z]) = (self.plan.quantity, &mut *values) {
            let error = [0, 1, 2].map(|axis| state.bias[axis] + state.walk[axis] + noise());
            [*w, *x, *y, *z] = rotation::multiply([*w, *x, *y, *z], rotation::from_rotation_vector(error));
            return;
        }
        let last = state.bias.len() - 1;
        for (index, value) in values.iter_mut().enumerate() {
            let error = index.min(last);
            let drift = state.bias[error] + state.walk[error];
            let measured = *value * (1.0 + state.scale) + drift + noise();
            *value = saturated(quantized(measured, errors.quantization), errors.saturation);
        }
    }
}

impl SensorPlan {
    /// The true reading.
    pub(crate) fn read(&self, truth: &Truth, scene: Scene, values: &mut [f64]) {
        let of_joints = |read: &dyn Fn(usize) -> f64, values: &mut [f64]| {
            values.iter_mut().zip(&self.joints).for_each(|(value, joint)| *value = read(*joint));
        };
        let motion = self.site.map_or(truth.base, |site| truth.sites[site].motion);
        match self.quantity {
            SensorQuantity::JointPosition => of_joints(&|joint| truth.joints[joint].position, values),
            SensorQuantity::JointVelocity => of_joints(&|joint| truth.joints[joint].velocity, values),
            SensorQuantity::JointEffort => of_joints(&|joint| truth.efforts[joint], values),
            SensorQuantity::BasePosition => values.copy_from_slice(&motion.position_m),
            SensorQuantity::BaseVelocity => values.copy_from_slice(&motion.velocity_m_per_s),
            SensorQuantity::BaseOrientation => values.copy_from_slice(&motion.orientation),
            SensorQuantity::BaseAngularVelocity => values.copy_from_slice(&motion.angular_velocity_rad_per_s),
            SensorQuantity::BaseAcceleration => {
                let moved = self.site.map_or([0.0; 3], |site| truth.sites[site].acceleration_m_per_s2);
                let gravity = scene.world.gravity_m_per_s2();
                let felt = [0, 1, 2].map(|axis| moved[axis] - gravity[axis]);
                values.copy_from_slice(&rotation::to_body(motion.orientation, felt));
            }
            SensorQuantity::ContactForce => values[0] = truth.contacts[self.contact].normal_force_n,
            SensorQuantity::HeightScan | SensorQuantity::Range | SensorQuantity::DepthCamera => {
                if let Some(rays) = &self.rays {
                    let scene = Scene { objects: &truth.objects, ..scene };
                    rays.measure(scene, &motion, values);
                }
            }
        }
    }
}

/// The nearest multiple of `step`; 0 for none.
fn quantized(value: f64, step: f64) -> f64 {
    if step > 0.0 { step * libm::round(value / step) } else { value }
}

/// Within `limit` either way; 0 for no limit.
fn saturated(value: f64, limit: f64) -> f64 {
    if limit > 0.0 && value.abs() > limit { libm::copysign(limit, value) } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_rounded_to_steps_and_stay_within_their_limit() {
        assert_eq!([quantized(0.37, 0.25), quantized(-0.38, 0.25), quantized(0.37, 0.0)], [0.25, -0.5, 0.37]);
        assert_eq!([saturated(3.0, 2.0), saturated(-3.0, 2.0), saturated(3.0, 0.0)], [2.0, -2.0, 3.0]);
    }
}
