//! What moves by equations: [`Mechanism`], as its file states it, and [`SimulatedMechanism`], one of them in motion.

use crate::error::SimError;
use crate::random::Stream;
use crate::robot::JointKind;
use crate::start;
use crate::task::{SensorQuantity, Task};
use crate::truth::{JointState, Truth};

/// Joints that move by equations under the effort of a single actuator.
#[derive(Debug)]
pub(crate) struct Mechanism {
    /// Whose equations they are.
    pub(crate) name: &'static str,
    /// Names and kinds, in the order of [`Truth::joints`].
    pub(crate) joints: &'static [(&'static str, JointKind)],
    /// The joint that the actuator drives, by its position among them.
    pub(crate) driven: usize,
    /// From one action to the next, s; the equations know no other.
    pub(crate) period_s: f64,
    /// Advances as many joints by one period under an effort in N m or N.
    pub(crate) advance: fn(&mut [JointState], f64),
}

/// A mechanism in motion.
#[derive(Clone, Debug)]
pub(crate) struct SimulatedMechanism {
    mechanism: &'static Mechanism,
    truth: Truth,
    /// What each sensor's values measure, and of which joint.
    sensors: Vec<(SensorQuantity, usize)>,
}

impl SimulatedMechanism {
    /// The mechanism with a task's sensors, at rest at 0.
    pub(crate) fn new(mechanism: &'static Mechanism, task: &Task) -> Self {
        Self {
            mechanism,
            truth: Truth { joints: vec![JointState::default(); mechanism.joints.len()], ..Truth::default() },
            sensors: task
                .sensors()
                .flat_map(|sensor| sensor.joints.into_iter().map(move |joint| (sensor.quantity, joint)))
                .collect(),
        }
    }

    /// Starts an episode from the task's ranges.
    pub(crate) fn reset(&mut self, task: &Task, stream: &mut Stream) {
        let joints = task.joint_names().iter().map(|name| (name, 0.0));
        start::draw(task.start(), joints, &[], stream, &mut self.truth);
    }

    pub(crate) fn truth(&self) -> &Truth {
        &self.truth
    }

    /// Goes on from a true state, which is all that there is.
    pub(crate) fn restore(&mut self, truth: &Truth) -> Result<(), SimError> {
        SimError::check_lengths(&[("joints", self.truth.joints.len(), truth.joints.len())])?;
        self.truth.copy_from(truth);
        Ok(())
    }

    /// Advances by one period under an effort in N m or N that is already within its limits.
    pub(crate) fn step(&mut self, effort: f64) {
        (self.mechanism.advance)(&mut self.truth.joints, effort);
    }

    /// Writes each sensor's value.
    pub(crate) fn sense(&self, values: &mut [f32]) {
        for (value, (quantity, joint)) in values.iter_mut().zip(&self.sensors) {
            let joint = self.truth.joints[*joint];
            // The check at load let no others through.
            let sensed =
                if *quantity == SensorQuantity::JointVelocity { joint.velocity } else { joint.position };
            *value = sensed as f32;
        }
    }
}
