//! Puts a document and an import together: one contract, and what goes into the graph around the network.
//!
//! Where both say something they must agree; where neither does, the answer is a refusal that names it.

use super::ForeignError;
use super::adapter::Steps;
use super::document::{ActionEntry, CommandEntry, Document};
use super::import::{Import, Joint, JointImport};
use super::terms::Term;
use crate::contract::{CommandTerm, Contract, Interpolation, Layout, Periods, Provenance, SCHEMA_VERSION};
use crate::interface::{Actuator, ActuatorMode, Interface, Sensor};

/// Both together; see the [module](self).
pub(super) struct Parts<'d> {
    file: &'d str,
    pub(super) document: &'d Document,
    pub(super) import: &'d Import,
    pub(super) terms: Vec<Term<'d>>,
    /// For each output of the policy, the position of the robot's action.
    pub(super) outputs: Vec<usize>,
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

    pub(super) fn missing(&self, what: String, hint: &'static str) -> ForeignError {
        ForeignError::Missing { file: self.file.to_owned(), what, hint }
    }

    pub(super) fn contradiction(
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
    pub(super) fn agreed<T: Copy + PartialEq + std::fmt::Display>(
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

    pub(super) fn layout(&self) -> Layout {
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
            |sensor: &&Sensor| self.terms.iter().any(|term| term.contract.sensors.contains(&sensor.name));
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
            observation: self.list(self.terms.iter().map(|term| term.contract.clone()), "observation")?,
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
    pub(super) fn list<T, const CAPACITY: usize>(
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
