//! The policy's contract as it follows from a task: names, sizes, units and frames are derived, never written twice.

use super::Task;
use super::document::{ActuatorDocument, CommandDocument, SensorDocument, TermDocument};
use crate::randomization::{Randomization, Term};
use sinew_policy_runtime::contract::{
    CommandTerm, Contract, Interpolation, Layout, ObservationTerm, Periods, Provenance, RandomizationRange,
    SCHEMA_VERSION, TermSource,
};
use sinew_policy_runtime::interface::{Actuator, Frame, Interface, Unit};

impl Task {
    /// The contract of a policy for this task; the provenance's randomization is filled in from the training ranges.
    #[expect(clippy::needless_pass_by_value, reason = "becomes part of the contract")]
    pub fn contract<'a>(&'a self, provenance: Provenance<'a>) -> Contract<'a> {
        let document = &self.inner.document;
        let interface = self.interface();
        let interface_hash = interface.hash();
        let policy_period_s = document.dynamics.policy_period_s;
        let randomization = self
            .inner
            .training_ranges
            .iter()
            .map(|(term, low, high)| RandomizationRange { term, low: *low, high: *high })
            .collect();
        Contract {
            schema_version: SCHEMA_VERSION,
            task: &document.name,
            periods: Periods {
                servo_period_s: policy_period_s,
                loop_period_s: policy_period_s,
                policy_period_s,
            },
            interpolation: Interpolation::Hold,
            observation: document.observation.iter().map(|term| self.term(term, &interface)).collect(),
            sensors: interface.sensors,
            layout: document.layout,
            commands: document.commands.iter().map(CommandDocument::term).collect(),
            actions: interface.actuators,
            default_pose: document.actuators.iter().map(|actuator| actuator.default).collect(),
            interface_hash,
            provenance: Provenance { randomization, ..provenance },
        }
    }

    fn term<'a>(&self, term: &'a TermDocument, interface: &Interface<'a>) -> ObservationTerm<'a> {
        let sensed = || term.sensors.iter().filter_map(|name| interface.sensor(name).map(|found| found.2));
        let total: u16 = sensed().map(|sensor| sensor.size).sum();
        let unit = sensed().next().map_or(Unit::Dimensionless, |sensor| sensor.unit);
        let frame = sensed().next().map_or(Frame::Joint, |sensor| sensor.frame);
        let command =
            self.inner.document.commands.iter().find(|command| Some(&command.name) == term.command.as_ref());
        let (size, unit, frame) = match term.source {
            TermSource::Sensor => (total, unit, frame),
            TermSource::CosSin => (2 * total, Unit::Dimensionless, frame),
            TermSource::ProjectedGravity => (3, Unit::Dimensionless, Frame::Body),
            TermSource::RotationMatrix => (9, Unit::Dimensionless, Frame::BodyToWorld),
            TermSource::Phase { .. } => (2, Unit::Dimensionless, Frame::Body),
            TermSource::RotateToBody | TermSource::CommandErrorInBody => (3, unit, Frame::Body),
            TermSource::Command => command.map_or((0, unit, frame), |command| {
                (command.value.len() as u16, command.unit, command.frame)
            }),
            TermSource::PreviousAction => {
                (interface.actuators.len() as u16, Unit::Dimensionless, Frame::Joint)
            }
        };
        ObservationTerm {
            name: &term.name,
            source: term.source,
            sensors: term.sensors.iter().map(String::as_str).collect(),
            command: term.command.as_deref(),
            size,
            unit,
            frame,
            history: term.history,
            max_age_s: term.max_age_s,
        }
    }
}

impl ActuatorDocument {
    pub(crate) fn actuator(&self) -> Actuator<'_> {
        Actuator {
            name: &self.name,
            mode: self.mode,
            minimum: self.minimum,
            maximum: self.maximum,
            max_rate_per_s: self.max_rate_per_s,
            stiffness: self.stiffness,
            damping: self.damping,
        }
    }
}

impl CommandDocument {
    fn term(&self) -> CommandTerm<'_> {
        CommandTerm {
            name: &self.name,
            unit: self.unit,
            frame: self.frame,
            minimum: self.minimum.iter().copied().collect(),
            maximum: self.maximum.iter().copied().collect(),
            safe_value: self.safe_value.iter().copied().collect(),
            max_age_s: self.max_age_s,
        }
    }
}

/// A provenance for validating a contract without a policy.
pub(crate) fn nobody() -> Provenance<'static> {
    Provenance {
        algorithm: "none",
        steps: 0,
        seed: 0,
        version: env!("CARGO_PKG_VERSION"),
        randomization: std::iter::empty().collect(),
    }
}

/// What a policy was trained under, as the contract lists it: every term's ends, and every error of a sensor.
pub(super) fn training_ranges(terms: &[Term], sensors: &[SensorDocument]) -> Vec<(String, f64, f64)> {
    let drawn = terms.iter().filter_map(|term| {
        let (low, high) = term.distribution(Randomization::Training)?.ends();
        Some((term.label.clone(), low, high))
    });
    let errors = sensors.iter().flat_map(|sensor| {
        let present = sensor.errors.named().into_iter().filter(|(_, size, _)| *size != 0.0);
        present.map(|(error, size, _)| (format!("{}_{error}", sensor.name), size, size))
    });
    drawn.chain(errors).collect()
}

/// Each term's floor at every value that the term takes in the observation.
pub(super) fn observation_floor(contract: &Contract, terms: &[TermDocument]) -> Vec<f32> {
    let sized = || contract.observation.iter().zip(terms).map(|(term, written)| (term, written.floor));
    match contract.layout {
        Layout::TermMajor => {
            sized().flat_map(|(term, floor)| std::iter::repeat_n(floor, term.width())).collect()
        }
        Layout::TimeMajor => {
            let times = contract.observation.first().map_or(0, |term| usize::from(term.history.length));
            let moment = || sized().flat_map(|(term, floor)| std::iter::repeat_n(floor, term.size.into()));
            (0..times).flat_map(|_| moment()).collect()
        }
    }
}
