//! How the robots of a task differ: its terms, and the numbers that a robot draws from them.

use super::document::{SensorDocument, SensorQuantity, TaskDocument};
use super::{Inner, Task};
use crate::randomization::{
    AdaptiveRanges, Distribution, Draws, Operation, Parameter, Randomization, Targets, Term, WORLD,
};
use crate::robot::RobotModel;

impl Task {
    /// Numbers of a level, to be drawn.
    pub(crate) fn draws(&self, randomization: Randomization) -> Draws {
        let Inner { document, model, joints, terms, .. } = &*self.inner;
        let targets = targets(document, model.as_ref(), &joints.names);
        Draws::new(terms, &targets, randomization, document.adaptive_randomization)
    }

    /// The ranges of the adaptive terms, with which training starts; absent where there are none.
    pub(crate) fn adaptive_ranges(&self) -> Option<AdaptiveRanges> {
        let rule = self.inner.document.adaptive_randomization?;
        let adaptive = self.terms().iter().filter_map(|term| Some((term.label.clone(), term.adaptive?)));
        Some(AdaptiveRanges::new(rule, adaptive))
    }

    /// The longest action or observation delay that any actuator or sensor can draw, s.
    pub(crate) fn longest_delay_s(&self, parameter: Parameter, randomization: Randomization) -> f64 {
        let Inner { document, terms, .. } = &*self.inner;
        let latencies = document.sensors.iter().map(|sensor| sensor.errors.latency_s);
        let nominal = match parameter {
            Parameter::ObservationDelay if randomization == Randomization::Nominal => 0.0,
            Parameter::ObservationDelay => latencies.fold(0.0, f64::max),
            _ => document.actuators.iter().map(|actuator| actuator.delay_s).fold(0.0, f64::max),
        };
        terms.iter().filter(|term| term.parameter == parameter).fold(nominal, |longest, term| {
            let Some((_, high)) = term.distribution(randomization).map(Distribution::ends) else {
                return longest;
            };
            // Whatever a term leaves out keeps what it had.
            match term.operation {
                Operation::Set => longest.max(high),
                Operation::Scale => longest * high.max(1.0),
                Operation::Add => longest + high,
            }
        })
    }

    /// How robots differ.
    pub(crate) fn terms(&self) -> &[Term] {
        &self.inner.terms
    }
}

/// Everything that randomization may target.
pub(super) fn targets<'a>(
    document: &'a TaskDocument,
    model: Option<&'a RobotModel>,
    joint_names: &'a [String],
) -> Targets<'a> {
    let bodies = model.map_or(&[][..], |model| &model.body_names);
    let is_camera = |sensor: &SensorDocument| sensor.quantity == SensorQuantity::DepthCamera;
    Targets {
        robot_bodies: model.map_or(0, RobotModel::robot_bodies),
        objects: document.objects.iter().map(|object| object.name.as_str()).collect(),
        cameras: document.sensors.iter().map(is_camera).collect(),
        bodies: bodies.iter().map(String::as_str).chain([WORLD]).collect(),
        joints: joint_names.iter().map(String::as_str).collect(),
        actuators: document.actuators.iter().map(|actuator| actuator.name.as_str()).collect(),
        sensors: document.sensors.iter().map(|sensor| sensor.name.as_str()).collect(),
    }
}
