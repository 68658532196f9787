//! Puts a document and an import together: one contract, and what goes into the graph around the network.
//!
//! Where both say something they must agree; where neither does, the answer is a refusal that names it.

use super::ForeignError;
use super::adapter::Steps;
use super::document::{ActionEntry, CommandEntry, Document, Numbers, TermEntry};
use super::import::{Import, Joint, JointImport, Meaning, TermImport};
use crate::contract::{
    CommandTerm, Contract, History, HistoryReset, Interpolation, Layout, ObservationTerm, Periods,
    Provenance, SCHEMA_VERSION, TermSource,
};
use crate::interface::{Actuator, ActuatorMode, Frame, Interface, Sensor, Unit};

/// Of a term without sensors, whose age nothing looks at.
const NO_AGE_S: f32 = 1.0;
const SENSORLESS: &str = "a tool's file does not know the robot's sensors; name those that this term reads";
const UNAGED: &str = "the largest age of its sensors, in seconds, at which a policy may still act on them";

/// A term, and what happens to each value of one sample of it.
struct Term<'d> {
    term: ObservationTerm<'d>,
    order: Vec<usize>,
    subtract: Vec<f32>,
    clip: [f32; 2],
    multiply: Vec<f32>,
}

/// Both together; see the [module](self).
pub(super) struct Parts<'d> {
    file: &'d str,
    document: &'d Document,
    import: &'d Import,
    terms: Vec<Term<'d>>,
    /// For each output of the policy, the position of the robot's action.
    outputs: Vec<usize>,
    pub(super) observation_steps: Steps,
    pub(super) action_steps: Steps,
}

impl<'d> Parts<'d> {
    pub(super) fn new(
        file: &'d str,
        document: &'d Document,
        import: &'d Import,
    ) -> Result<Self, ForeignError> {
        let (observation_steps, action_steps) = (Steps::default(), Steps::default());
        let terms = Vec::new();
        let mut parts =
            Self { file, document, import, terms, outputs: Vec::new(), observation_steps, action_steps };
        parts.outputs = parts.outputs()?;
        parts.terms = parts.terms()?;
        parts.observation_steps = parts.observation_steps()?;
        parts.action_steps = parts.action_steps()?;
        Ok(parts)
    }

    fn missing(&self, what: String, hint: &'static str) -> ForeignError {
        ForeignError::Missing { file: self.file.to_owned(), what, hint }
    }

    fn contradiction(
        &self,
        what: &str,
        expected: &dyn std::fmt::Display,
        found: &dyn std::fmt::Display,
    ) -> ForeignError {
        let file = self.file.to_owned();
        ForeignError::Contradiction {
            file,
            what: what.to_owned(),
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }

    /// What either says; an error where they differ.
    fn agreed<T: Copy + PartialEq + std::fmt::Display>(
        &self,
        what: &str,
        written: Option<T>,
        imported: Option<T>,
    ) -> Result<Option<T>, ForeignError> {
        match (written, imported) {
            (Some(written), Some(imported)) if written != imported => {
                let expected = format!("{imported} as {} says, or nothing", self.import.origin);
                Err(self.contradiction(what, &expected, &written))
            }
            (written, imported) => Ok(written.or(imported)),
        }
    }

    /// Which of the robot's actions each output of the policy is.
    fn outputs(&self) -> Result<Vec<usize>, ForeignError> {
        let actions = &self.document.actions;
        let named = |name: &str| {
            actions.iter().position(|action| action.name == name).ok_or_else(|| {
                let hint =
                    "an entry in [[actions]] with its limits: minimum and maximum, in the joint's unit";
                self.missing(format!("action {name:?}"), hint)
            })
        };
        let outputs: Vec<usize> = match &self.document.action_order {
            Some(names) => names.iter().map(|name| named(name)).collect::<Result<_, _>>()?,
            None if self.import.joints.is_empty() => (0..actions.len()).collect(),
            None => {
                let position = |joint: &JointImport| match &joint.joint {
                    Joint::Named(name) => named(name),
                    Joint::Motor(motor) if *motor < actions.len() => Ok(*motor),
                    Joint::Motor(motor) => {
                        let hint = "joint_ids_map names motors by number; [[actions]] must list all of them in the \
                                    robot's order, each with its name, minimum and maximum";
                        Err(self.missing(format!("action of motor {motor}"), hint))
                    }
                };
                self.import.joints.iter().map(position).collect::<Result<_, _>>()?
            }
        };
        let mut sorted = outputs.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..actions.len()) {
            let expected = format!("each of the {} [[actions]] once", actions.len());
            return Err(self.contradiction(
                "order of the policy's outputs",
                &expected,
                &format!("{outputs:?}"),
            ));
        }
        Ok(outputs)
    }

    fn terms(&self) -> Result<Vec<Term<'d>>, ForeignError> {
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
        let field = |field: &str| format!("observation {name:?}: {field}");
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
        let length = import.map_or(1, |term| term.history_length);
        let history =
            entry.and_then(|entry| entry.history).map_or(History { length, ..History::NONE }, |history| {
                History {
                    length: history.length,
                    stride: history.stride,
                    order: history.order,
                    reset: history.reset,
                }
            });
        if import.is_some_and(|term| term.history_length > 1) {
            self.agreed(&field("history.length"), Some(history.length), Some(length))?;
        }
        let term = ObservationTerm {
            name,
            source,
            sensors: self.list(names.iter().map(|name| &name[..]), &field("sensors"))?,
            command: command.map(|command| &command.name[..]),
            size,
            unit: entry.and_then(|entry| entry.unit).unwrap_or(unit),
            frame: entry.and_then(|entry| entry.frame).unwrap_or(frame),
            history,
            max_age_s: age,
        };
        self.steps(term, entry, import, meaning)
    }

    fn sensor(&self, name: &str) -> Result<Sensor<'d>, ForeignError> {
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
        term: ObservationTerm<'d>,
        entry: Option<&TermEntry>,
        import: Option<&TermImport>,
        meaning: Meaning,
    ) -> Result<Term<'d>, ForeignError> {
        let size = usize::from(term.size);
        let name = term.name;
        let field = |field: &str| format!("observation {name:?}: {field}");
        let each = |numbers: Option<&Numbers>, what: &str| match numbers {
            None => Ok(None),
            Some(Numbers::One(number)) => Ok(Some(vec![*number; size])),
            Some(Numbers::Each(numbers)) if numbers.len() == size => Ok(Some(numbers.clone())),
            Some(Numbers::Each(numbers)) => {
                Err(self.contradiction(&field(what), &format!("{size} numbers"), &numbers.len()))
            }
        };
        let of_joints = matches!(meaning, Meaning::RelativePosition | Meaning::JointVelocity);
        if of_joints && size != self.outputs.len() {
            let expected = format!("{}, one for each action", self.outputs.len());
            return Err(self.contradiction(&field("number of sensor values"), &expected, &size));
        }
        let order = match entry.and_then(|entry| entry.order.clone()) {
            Some(order) => order,
            None if of_joints => self.outputs.clone(),
            None => (0..size).collect(),
        };
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..size) {
            return Err(self.contradiction(
                &field("order"),
                &format!("0 to {} once each", size.saturating_sub(1)),
                &format!("{order:?}"),
            ));
        }
        let defaults = || self.import.joints.iter().map(|joint| joint.default).collect();
        let subtract = match each(entry.and_then(|entry| entry.relative_to.as_ref()), "relative_to")? {
            Some(values) => values,
            None if meaning == Meaning::RelativePosition => defaults(),
            None => vec![0.0; size],
        };
        let imported = import.map(|term| &term.scale[..]).filter(|scale| !scale.is_empty());
        let multiply = match (each(entry.and_then(|entry| entry.scale.as_ref()), "scale")?, imported) {
            (Some(values), _) => values,
            (None, Some(scale)) if scale.len() == size => scale.to_vec(),
            (None, Some(scale)) => {
                let expected = format!("{}, as {} scales", scale.len(), self.import.origin);
                return Err(self.contradiction(&field("number of values"), &expected, &size));
            }
            (None, None) => vec![1.0; size],
        };
        let clip = entry.and_then(|entry| entry.clip).or_else(|| import.and_then(|term| term.clip));
        let [low, high] = clip.unwrap_or([f32::MIN, f32::MAX]);
        if !(low <= high) {
            return Err(self.contradiction(
                &field("clip"),
                &"a minimum and a maximum",
                &format!("{low} {high}"),
            ));
        }
        let from_zero = subtract.iter().all(|value| *value == 0.0) && low <= 0.0 && high >= 0.0;
        if term.history.length > 1 && term.history.reset == HistoryReset::Zero && !from_zero {
            let expected = "repeat_first: zeros that stand in for the past would be shifted or clipped too";
            return Err(self.contradiction(&field("history.reset"), &expected, &"zero"));
        }
        Ok(Term { term, order, subtract, clip: [low, high], multiply })
    }

    /// The same for the whole input, sample by sample.
    fn observation_steps(&self) -> Result<Steps, ForeignError> {
        let mut steps = Steps::default();
        let mut start = 0;
        let mut sample = |term: &Term| {
            let size = usize::from(term.term.size);
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
                    (0..term.term.history.length).for_each(|_| sample(term));
                }
            }
            Layout::TimeMajor => {
                let samples = self.terms.first().map_or(0, |term| term.term.history.length);
                (0..samples).for_each(|_| self.terms.iter().for_each(&mut sample));
            }
        }
        if steps.order.len() > crate::onnx::graph::MAX_WIDTH {
            let found = steps.order.len();
            return Err(self.contradiction("observation", &"at most 2^20 values", &found));
        }
        Ok(steps)
    }

    fn action_steps(&self) -> Result<Steps, ForeignError> {
        let mut steps = Steps::default();
        for (output, action) in self.outputs.iter().enumerate() {
            let (entry, import) = (&self.document.actions[*action], self.import.joints.get(output));
            let what = |field: &str| format!("action {:?}: {field}", entry.name);
            let scale = self.agreed(&what("scale"), entry.scale, import.map(|joint| joint.scale))?;
            let offset = self.agreed(&what("offset"), entry.offset, import.map(|joint| joint.offset))?;
            let clip = entry.clip.or_else(|| import.and_then(|joint| joint.clip));
            let [low, high] = clip.unwrap_or([f32::MIN, f32::MAX]);
            if !(low <= high) {
                return Err(self.contradiction(
                    &what("clip"),
                    &"a minimum and a maximum",
                    &format!("{low} {high}"),
                ));
            }
            steps.multiply_first.push(scale.unwrap_or(1.0));
            steps.add.push(offset.unwrap_or(0.0));
            steps.low.push(low);
            steps.high.push(high);
        }
        Ok(steps)
    }

    fn layout(&self) -> Layout {
        self.document.layout.unwrap_or(Layout::TermMajor)
    }

    /// The contract, valid.
    pub(super) fn contract(&self) -> Result<Contract<'d>, ForeignError> {
        let document = self.document;
        let policy_period_s =
            self.agreed("policy_period_s", document.policy_period_s, self.import.policy_period_s)?;
        let hint = "seconds between two inferences, as in training: the physics step times the decimation";
        let policy_period_s =
            policy_period_s.ok_or_else(|| self.missing("policy_period_s".to_owned(), hint))?;
        let loop_period_s = document.loop_period_s.unwrap_or(policy_period_s);
        let servo_period_s = document.servo_period_s.unwrap_or(loop_period_s);
        let all = document.sensors.iter().map(|sensor| self.sensor(&sensor.name));
        let all = all.collect::<Result<Vec<_>, _>>()?;
        let is_read =
            |sensor: &&Sensor| self.terms.iter().any(|term| term.term.sensors.contains(&sensor.name));
        let mut actuators = vec![None; document.actions.len()];
        let mut default_pose = Vec::new();
        for (output, action) in self.outputs.iter().enumerate() {
            let (actuator, default) =
                self.actuator(&document.actions[*action], self.import.joints.get(output))?;
            actuators[*action] = Some(actuator);
            default_pose.push(default);
        }
        let actuators: Vec<Actuator> = actuators.into_iter().flatten().collect();
        let robot = Interface {
            sensors: self.list(all.iter().copied(), "sensors")?,
            actuators: self.list(actuators.iter().copied(), "actions")?,
        };
        let commands = document.commands.iter().map(|command| self.command_term(command));
        let contract = Contract {
            schema_version: SCHEMA_VERSION,
            task: &document.task,
            periods: Periods { servo_period_s, loop_period_s, policy_period_s },
            interpolation: Interpolation::Hold,
            sensors: self.list(all.iter().filter(is_read).copied(), "sensors")?,
            observation: self.list(self.terms.iter().map(|term| term.term.clone()), "observation")?,
            layout: self.layout(),
            commands: self.list(commands.collect::<Result<Vec<_>, _>>()?, "commands")?,
            actions: self.list(self.outputs.iter().map(|action| actuators[*action]), "actions")?,
            default_pose: self.list(default_pose, "default pose")?,
            interface_hash: robot.hash(),
            provenance: Provenance::new("foreign", 0, 0, env!("CARGO_PKG_VERSION")),
        };
        let refuse = |reason: String| ForeignError::Contract { file: self.file.to_owned(), reason };
        contract.validate().map_err(|error| refuse(error.to_string()))?;
        Ok(contract)
    }

    fn actuator(
        &self,
        entry: &'d ActionEntry,
        import: Option<&JointImport>,
    ) -> Result<(Actuator<'d>, f32), ForeignError> {
        let what = |field: &str| format!("action {:?}: {field}", entry.name);
        let mode = match (entry.mode, import) {
            (Some(mode), _) => mode,
            (None, Some(_)) => ActuatorMode::Position,
            (None, None) => return Err(self.missing(what("mode"), "position, velocity, torque or another")),
        };
        let gain = |field: &str, written, imported, used: bool| match self.agreed(
            &what(field),
            written,
            imported,
        )? {
            Some(gain) => Ok(gain),
            None if !used => Ok(0.0),
            None => Err(self.missing(what(field), "the servo's gain that the policy was trained with")),
        };
        let servo = matches!(mode, ActuatorMode::Position);
        let damped = matches!(mode, ActuatorMode::Position | ActuatorMode::Velocity);
        let stiffness = gain("stiffness", entry.stiffness, import.map(|joint| joint.stiffness), servo)?;
        let damping = gain("damping", entry.damping, import.map(|joint| joint.damping), damped)?;
        let default = self.agreed(&what("default"), entry.default, import.map(|joint| joint.default))?;
        let hint = "where readying moves the robot before the policy engages, in the action's unit";
        let default = default.ok_or_else(|| self.missing(what("default"), hint))?;
        let (minimum, maximum, max_rate_per_s) = (entry.minimum, entry.maximum, entry.max_rate_per_s);
        let name = &entry.name[..];
        Ok((Actuator { name, mode, minimum, maximum, max_rate_per_s, stiffness, damping }, default))
    }

    fn command_term(&self, entry: &'d CommandEntry) -> Result<CommandTerm<'d>, ForeignError> {
        let import = self.import.commands.iter().find(|command| command.name == entry.name);
        let field = |field: &str| format!("command {:?}: {field}", entry.name);
        let hint = "the range of each value that the policy was trained with";
        let limit = |name: &str, written: &Option<Vec<f32>>, imported: Option<&Vec<f32>>| {
            let values = written.as_ref().or(imported).ok_or_else(|| self.missing(field(name), hint))?;
            self.list(values.iter().copied(), &field(name))
        };
        Ok(CommandTerm {
            name: &entry.name,
            unit: entry.unit,
            frame: entry.frame,
            minimum: limit("minimum", &entry.minimum, import.map(|command| &command.minimum))?,
            maximum: limit("maximum", &entry.maximum, import.map(|command| &command.maximum))?,
            safe_value: self.list(entry.safe_value.iter().copied(), &field("safe_value"))?,
            max_age_s: entry.max_age_s,
        })
    }

    /// As many as a contract holds.
    fn list<T, const CAPACITY: usize>(
        &self,
        values: impl IntoIterator<Item = T>,
        what: &str,
    ) -> Result<heapless::Vec<T, CAPACITY>, ForeignError> {
        let mut list = heapless::Vec::new();
        for value in values {
            list.push(value)
                .map_err(|_| self.contradiction(what, &format!("at most {CAPACITY}"), &"more"))?;
        }
        Ok(list)
    }
}
