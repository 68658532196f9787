//! What the robot of a task measures and what its critic sees, with every name resolved: [`SensorPlan`].

use super::document::{SensorDocument, SensorErrors, SensorQuantity};
use super::{Task, watched};
use crate::randomization::Term;
use crate::robot::{JointKind, RayPattern};
use sinew_policy_runtime::interface::Sensor;

/// A sensor with what its names refer to.
#[derive(Clone, Debug)]
pub(crate) struct SensorPlan {
    pub(crate) quantity: SensorQuantity,
    /// Of joints' quantities, their places among the joints.
    pub(crate) joints: Vec<usize>,
    /// Where it sits, among the true state's sites; absent at the base's origin.
    pub(crate) site: Option<usize>,
    /// Of a contact's quantity, its place among the true state's contacts.
    pub(crate) contact: usize,
    /// Values of a sample.
    pub(crate) size: usize,
    /// Of a sensor whose values are rays' lengths.
    pub(crate) rays: Option<RayPattern>,
    /// From one of its samples to the next, s.
    pub(crate) period_s: Option<f64>,
    pub(crate) errors: SensorErrors,
}

impl Task {
    /// The sensors, with what their names refer to.
    pub(crate) fn sensors(&self) -> impl Iterator<Item = SensorPlan> {
        self.inner.document.sensors.iter().map(|sensor| self.plan(sensor))
    }

    /// What only the critic sees of the true state, with what its names refer to.
    pub(crate) fn privileged_sensors(&self) -> impl Iterator<Item = SensorPlan> {
        self.inner.document.privileged.sensors.iter().map(|sensor| self.plan(sensor))
    }

    /// Whether the critic sees what randomization drew.
    pub(crate) fn reveals_randomization(&self) -> bool {
        self.inner.document.privileged.randomization
    }

    /// Values that only the critic sees; see [`crate::VecEnv::privileged`].
    pub fn privileged_size(&self) -> usize {
        let sensed: usize = self.privileged_sensors().map(|plan| plan.size).sum();
        let drawn: usize = self.terms().iter().map(Term::size).sum();
        sensed + if self.reveals_randomization() { drawn } else { 0 }
    }

    fn plan(&self, sensor: &SensorDocument) -> SensorPlan {
        let place = |names: &[String], name: Option<&str>| {
            names.iter().position(|known| Some(known.as_str()) == name)
        };
        SensorPlan {
            quantity: sensor.quantity,
            joints: self.joints_of(sensor).collect(),
            site: place(self.site_names(), watched::site(sensor)),
            contact: place(self.contact_names(), sensor.geom.as_deref()).unwrap_or(0),
            size: self.sensor(sensor).size.into(),
            rays: RayPattern::new(sensor),
            period_s: sensor.period_s,
            errors: sensor.errors,
        }
    }

    /// The places of the joints that a sensor measures.
    fn joints_of(&self, sensor: &SensorDocument) -> impl Iterator<Item = usize> {
        sensor.joint.iter().chain(&sensor.joints).filter_map(|name| self.inner.joints.position(name))
    }

    /// How a sensor looks from outside.
    pub(super) fn sensor<'a>(&self, sensor: &'a SensorDocument) -> Sensor<'a> {
        let kind = self.joints_of(sensor).next().map(|joint| self.inner.joints.kinds[joint]);
        // What is not a joint's is the same for any kind.
        let (size, unit, frame) = sensor.quantity.form(kind.unwrap_or(JointKind::Hinge));
        let size = sensor.rays().map_or(size, |rays| rays as u16) * sensor.joints.len().max(1) as u16;
        Sensor { name: &sensor.name, size, unit, frame }
    }
}
