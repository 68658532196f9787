//! The terms of a foreign policy's input: what each is for the contract, and what happens to its values in the graph.

use super::ForeignError;
use super::adapter::Steps;
use super::assemble::Parts;
use super::document::{CommandEntry, HistoryEntry, Numbers, TermEntry};
use super::import::{Meaning, TermImport};
use crate::contract::{History, HistoryReset, Layout, ObservationTerm, TermSource};
use crate::interface::{Frame, Sensor, Unit};
use crate::onnx::graph::MAX_WIDTH;

/// Of a term without sensors, whose age nothing looks at.
const NO_AGE_S: f32 = 1.0;
const SENSORLESS: &str = "a tool's file does not know the robot's sensors; name those that this term reads";
const UNAGED: &str = "the largest age of its sensors, in seconds, at which a policy may still act on them";

/// A term, and what happens to each value of one sample of it.
pub(super) struct Term<'d> {
    pub(super) contract: ObservationTerm<'d>,
    order: Vec<usize>,
    subtract: Vec<f32>,
    clip: [f32; 2],
    multiply: Vec<f32>,
}

fn field(term: &str, what: &str) -> String {
    format!("observation {term:?}: {what}")
}

impl<'d> Parts<'d> {
    pub(super) fn terms(&self) -> Result<Vec<Term<'d>>, ForeignError> {
        let entries = &self.document.observation;
        if self.import.terms.is_empty() {
            return entries.iter().map(|entry| self.term(&entry.name, Some(entry), None)).collect();
        }
        if let Some(entry) =
            entries.iter().find(|entry| self.import.terms.iter().all(|term| term.name != entry.name))
        {
            let known: Vec<&str> = self.import.terms.iter().map(|term| &term.name[..]).collect();
            let expected = format!("one of {}'s: {}", self.import.origin, known.join(", "));
            return Err(self.contradiction("observation", &expected, &format!("{:?}", entry.name)));
        }
        let entry = |name: &str| entries.iter().find(|entry| entry.name == name);
        self.import.terms.iter().map(|term| self.term(&term.name, entry(&term.name), Some(term))).collect()
    }

    fn term(
        &self,
        name: &'d str,
        entry: Option<&'d TermEntry>,
        import: Option<&TermImport>,
    ) -> Result<Term<'d>, ForeignError> {
        let field = |what: &str| field(name, what);
        let meaning = import.map_or(Meaning::Unknown, |term| term.meaning);
        let source = match (entry.and_then(|entry| entry.source), meaning) {
            (Some(source), _) | (None, Meaning::Source(source)) => source,
            (None, Meaning::RelativePosition | Meaning::JointVelocity) => TermSource::Sensor,
            (None, Meaning::Unknown) => {
                let hint = "how the term is computed: sensor, projected_gravity, command and so on";
                return Err(self.missing(field("source"), hint));
            }
        };
        let senses =
            !matches!(source, TermSource::Command | TermSource::PreviousAction | TermSource::Phase { .. });
        let names = entry.map_or(&[][..], |entry| &entry.sensors);
        if senses && names.is_empty() {
            return Err(self.missing(field("sensors"), SENSORLESS));
        }
        let sensors = names.iter().map(|name| self.sensor(name)).collect::<Result<Vec<_>, _>>()?;
        let command = self.command(source, entry, &field("command"))?;
        let sensed: u16 = sensors.iter().map(|sensor| sensor.size).sum();
        let (size, unit, frame) = self.shape(source, sensed, sensors.first(), command);
        let age = match entry.and_then(|entry| entry.max_age_s) {
            Some(age) => age,
            None if senses => return Err(self.missing(field("max_age_s"), UNAGED)),
            None => NO_AGE_S,
        };
        let term = ObservationTerm {
            name,
            source,
            sensors: self.list(names.iter().map(|name| &name[..]), &field("sensors"))?,
            command: command.map(|command| &command.name[..]),
            size,
            unit: entry.and_then(|entry| entry.unit).unwrap_or(unit),
            frame: entry.and_then(|entry| entry.frame).unwrap_or(frame),
            history: self.history(name, entry, import)?,
            max_age_s: age,
        };
        self.steps(term, entry, import, meaning)
    }

    fn history(
        &self,
        name: &str,
        entry: Option<&TermEntry>,
        import: Option<&TermImport>,
    ) -> Result<History, ForeignError> {
        let imported = import.map_or(1, |term| term.history_length);
        let Some(history) = entry.and_then(|entry| entry.history) else {
            return Ok(History { length: imported, ..History::NONE });
        };
        if imported > 1 {
            self.agreed(&field(name, "history.length"), Some(history.length), Some(imported))?;
        }
        let HistoryEntry { length, stride, order, reset } = history;
        Ok(History { length, stride, order, reset })
    }

    pub(super) fn sensor(&self, name: &str) -> Result<Sensor<'d>, ForeignError> {
        let entry = self.document.sensors.iter().find(|sensor| sensor.name == name);
        let entry = entry.ok_or_else(|| {
            self.missing(format!("sensor {name:?}"), "an entry in [[sensors]] with its size, unit and frame")
        })?;
        Ok(Sensor { name: &entry.name, size: entry.size, unit: entry.unit, frame: entry.frame })
    }

    fn command(
        &self,
        source: TermSource,
        entry: Option<&TermEntry>,
        field: &str,
    ) -> Result<Option<&'d CommandEntry>, ForeignError> {
        if !matches!(source, TermSource::Command | TermSource::CommandErrorInBody) {
            return Ok(None);
        }
        let commands = &self.document.commands;
        let hint = "an entry in [[commands]] with its unit, frame, safe_value and max_age_s, and the term's command if there \
                    are several";
        let found = match (entry.and_then(|entry| entry.command.as_ref()), &commands[..]) {
            (Some(name), _) => commands.iter().find(|command| command.name == *name),
            (None, [only]) => Some(only),
            _ => None,
        };
        found.map(Some).ok_or_else(|| self.missing(field.to_owned(), hint))
    }

    /// Size, unit and frame of a term.
    fn shape(
        &self,
        source: TermSource,
        sensed: u16,
        first: Option<&Sensor>,
        command: Option<&CommandEntry>,
    ) -> (u16, Unit, Frame) {
        let (unit, frame) =
            first.map_or((Unit::Dimensionless, Frame::Body), |first| (first.unit, first.frame));
        match source {
            TermSource::Sensor => (sensed, unit, frame),
            TermSource::CosSin => (sensed.saturating_mul(2), Unit::Dimensionless, frame),
            TermSource::ProjectedGravity => (3, Unit::Dimensionless, Frame::Body),
            TermSource::RotateToBody | TermSource::CommandErrorInBody => (3, unit, Frame::Body),
            TermSource::RotationMatrix => (9, Unit::Dimensionless, Frame::BodyToWorld),
            TermSource::Phase { .. } => (2, Unit::Dimensionless, Frame::Body),
            TermSource::Command => command.map_or((0, unit, frame), |command| {
                (command.safe_value.len() as u16, command.unit, command.frame)
            }),
            TermSource::PreviousAction => {
                (self.document.actions.len() as u16, Unit::Dimensionless, Frame::Joint)
            }
        }
    }

    /// What happens to the values of a term.
    fn steps(
        &self,
        contract: ObservationTerm<'d>,
        entry: Option<&TermEntry>,
        import: Option<&TermImport>,
        meaning: Meaning,
    ) -> Result<Term<'d>, ForeignError> {
        let (size, name) = (usize::from(contract.size), contract.name);
        let of_joints = matches!(meaning, Meaning::RelativePosition | Meaning::JointVelocity);
        if of_joints && size != self.outputs.len() {
            let expected = format!("{}, one for each action", self.outputs.len());
            return Err(self.contradiction(&field(name, "number of sensor values"), &expected, &size));
        }
        let order = match entry.and_then(|entry| entry.order.clone()) {
            Some(order) => order,
            None if of_joints => self.outputs.clone(),
            None => (0..size).collect(),
        };
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..size) {
            let expected = format!("0 to {} once each", size.saturating_sub(1));
            return Err(self.contradiction(&field(name, "order"), &expected, &format!("{order:?}")));
        }
        let subtract =
            match self.each(name, "relative_to", size, entry.and_then(|entry| entry.relative_to.as_ref()))? {
                Some(values) => values,
                None if meaning == Meaning::RelativePosition => {
                    self.import.joints.iter().map(|joint| joint.default).collect()
                }
                None => vec![0.0; size],
            };
        let multiply = self.scale(name, size, entry, import)?;
        let clip = entry.and_then(|entry| entry.clip).or_else(|| import.and_then(|term| term.clip));
        let clip = clip.unwrap_or([f32::MIN, f32::MAX]);
        self.check_clip(&contract, clip, &subtract)?;
        Ok(Term { contract, order, subtract, clip, multiply })
    }

    fn scale(
        &self,
        name: &str,
        size: usize,
        entry: Option<&TermEntry>,
        import: Option<&TermImport>,
    ) -> Result<Vec<f32>, ForeignError> {
        let imported = import.map(|term| &term.scale[..]).filter(|scale| !scale.is_empty());
        match (self.each(name, "scale", size, entry.and_then(|entry| entry.scale.as_ref()))?, imported) {
            (Some(values), _) => Ok(values),
            (None, Some(scale)) if scale.len() == size => Ok(scale.to_vec()),
            (None, Some(scale)) => {
                let expected = format!("{}, as {} scales", scale.len(), self.import.origin);
                Err(self.contradiction(&field(name, "number of values"), &expected, &size))
            }
            (None, None) => Ok(vec![1.0; size]),
        }
    }

    /// One number for each of `size` values.
    fn each(
        &self,
        name: &str,
        what: &str,
        size: usize,
        numbers: Option<&Numbers>,
    ) -> Result<Option<Vec<f32>>, ForeignError> {
        match numbers {
            None => Ok(None),
            Some(Numbers::One(number)) => Ok(Some(vec![*number; size])),
            Some(Numbers::Each(numbers)) if numbers.len() == size => Ok(Some(numbers.clone())),
            Some(Numbers::Each(numbers)) => {
                Err(self.contradiction(&field(name, what), &format!("{size} numbers"), &numbers.len()))
            }
        }
    }

    /// Zeros that stand in for a past that is clipped or shifted would be other numbers than the tool's.
    fn check_clip(
        &self,
        contract: &ObservationTerm,
        [low, high]: [f32; 2],
        subtract: &[f32],
    ) -> Result<(), ForeignError> {
        if !(low <= high) {
            let found = format!("{low} {high}");
            return Err(self.contradiction(
                &field(contract.name, "clip"),
                &"a minimum and a maximum",
                &found,
            ));
        }
        let from_zero = subtract.iter().all(|value| *value == 0.0) && low <= 0.0 && high >= 0.0;
        if contract.history.length > 1 && contract.history.reset == HistoryReset::Zero && !from_zero {
            let expected = "repeat_first: zeros that stand in for the past would be shifted or clipped too";
            return Err(self.contradiction(&field(contract.name, "history.reset"), &expected, &"zero"));
        }
        Ok(())
    }

    /// The same for the whole input, sample by sample.
    pub(super) fn observation_steps(&self) -> Result<Steps, ForeignError> {
        let mut steps = Steps::default();
        let mut start = 0;
        let mut sample = |term: &Term| {
            let size = usize::from(term.contract.size);
            steps.order.extend(term.order.iter().map(|position| (start + position) as i64));
            steps.subtract.extend(&term.subtract);
            steps.low.extend(std::iter::repeat_n(term.clip[0], size));
            steps.high.extend(std::iter::repeat_n(term.clip[1], size));
            steps.multiply.extend(&term.multiply);
            start += size;
        };
        match self.layout() {
            Layout::TermMajor => {
                for term in &self.terms {
                    (0..term.contract.history.length).for_each(|_| sample(term));
                }
            }
            Layout::TimeMajor => {
                let samples = self.terms.first().map_or(0, |term| term.contract.history.length);
                (0..samples).for_each(|_| self.terms.iter().for_each(&mut sample));
            }
        }
        if steps.order.len() > MAX_WIDTH {
            let found = steps.order.len();
            return Err(self.contradiction("observation", &"at most 2^20 values", &found));
        }
        Ok(steps)
    }
}
