//! Checks of a task's document that its types cannot express.

mod adaptive;
mod curriculum;
mod discrete;
mod equations;
mod objective;
mod senses;

use super::document::{ActuatorDocument, BaseStart, CommandDocument, SampledDocument, TaskDocument};
use super::error::TaskError;
use super::joints::Joints;
use crate::curriculum::Course;
use crate::objective::Objective;
use crate::randomization::{Distribution, Term};
use crate::robot::{JointKind, RobotModel};
use sinew_policy_runtime::contract::{
    MAX_COMMAND_SIZE, MAX_COMMANDS, MAX_RANDOMIZATIONS, MAX_TERM_SENSORS, MAX_TERMS, Periods,
};
use sinew_policy_runtime::document::nearest;
use sinew_policy_runtime::interface::{ActuatorMode, MAX_ACTUATORS, MAX_SENSORS};

/// Longest physics step of a model, s: delays are resolved to it.
const MAX_PHYSICS_PERIOD_S: f64 = 0.002;

struct Check<'a> {
    document: &'a TaskDocument,
    model: Option<&'a RobotModel>,
    joints: &'a Joints,
    file: &'a str,
}

/// What a document's names resolve to.
pub(super) struct Checked {
    pub(super) objective: Objective,
    pub(super) terms: Vec<Term>,
    pub(super) course: Course,
}

/// Checks everything but what the contract's own validation checks, and resolves the names in objective and randomization.
pub(super) fn check(
    document: &TaskDocument,
    model: Option<&RobotModel>,
    joints: &Joints,
    file: &str,
) -> Result<Checked, TaskError> {
    let check = Check { document, model, joints, file };
    check.lengths()?;
    check.dynamics()?;
    check.names()?;
    document.actuators.iter().try_for_each(|actuator| check.actuator(actuator))?;
    check.discrete()?;
    check.start()?;
    check.terrain()?;
    check.privileged()?;
    check.adaptive()?;
    document.sensors.iter().try_for_each(|sensor| check.errors(sensor))?;
    Ok(Checked { terms: check.terms()?, objective: check.objective()?, course: check.curriculum()? })
}

impl Check<'_> {
    #[expect(clippy::needless_pass_by_value, reason = "callers pass numbers and literals")]
    fn fail<T>(
        &self,
        field: impl Into<String>,
        found: impl ToString,
        expected: impl Into<String>,
    ) -> Result<T, TaskError> {
        Err(TaskError::Value {
            file: self.file.to_owned(),
            field: field.into(),
            found: found.to_string(),
            expected: expected.into(),
        })
    }

    fn within<T: PartialOrd + std::fmt::Display + Copy>(
        &self,
        field: impl Into<String>,
        found: T,
        low: T,
        high: T,
    ) -> Result<(), TaskError> {
        if found >= low && found <= high {
            return Ok(());
        }
        self.fail(field, found, format!("a number from {low} to {high}"))
    }

    fn lengths(&self) -> Result<(), TaskError> {
        let document = self.document;
        let errors = document.sensors.iter().flat_map(|sensor| sensor.errors.named());
        let randomized = document.randomization.len() + errors.filter(|error| error.1 != 0.0).count();
        for (field, found, largest) in [
            ("number of sensors", document.sensors.len(), MAX_SENSORS),
            ("number of actuators", document.actuators.len(), MAX_ACTUATORS),
            ("number of observation terms", document.observation.len(), MAX_TERMS),
            ("number of commands", document.commands.len(), MAX_COMMANDS),
            ("number of randomization terms and sensor errors", randomized, MAX_RANDOMIZATIONS),
        ] {
            if found > largest {
                return self.fail(field, found, format!("at most {largest}"));
            }
        }
        for term in &document.observation {
            if term.sensors.len() > MAX_TERM_SENSORS {
                let field = format!("observation {:?}: number of sensors", term.name);
                return self.fail(field, term.sensors.len(), format!("at most {MAX_TERM_SENSORS}"));
            }
            self.within(format!("observation {:?}: floor", term.name), term.floor, 1e-9, 1e9)?;
        }
        for command in &document.commands {
            let field = format!("command {:?}: value", command.name);
            if command.value.len() > MAX_COMMAND_SIZE
                || [&command.minimum, &command.maximum, &command.safe_value]
                    .iter()
                    .any(|list| list.len() != command.value.len())
            {
                let expected =
                    format!("as many as minimum, maximum and safe_value, at most {MAX_COMMAND_SIZE}");
                return self.fail(field, format!("{} numbers", command.value.len()), expected);
            }
            for (index, value) in command.value.iter().enumerate() {
                let (low, high) = (command.minimum[index], command.maximum[index]);
                self.within(field.clone(), *value, low, high)?;
            }
            self.sampled(command)?;
        }
        Ok(())
    }

    fn sampled(&self, command: &CommandDocument) -> Result<(), TaskError> {
        let Some(SampledDocument { low, high, every_s }) = &command.sampled else { return Ok(()) };
        let field = |key: &str| format!("command {:?}: sampled.{key}", command.name);
        for (key, list) in [("low", low), ("high", high)] {
            if list.len() != command.value.len() {
                let expected = format!("{}, as in value", command.value.len());
                return self.fail(field(key), format!("{} numbers", list.len()), expected);
            }
        }
        for (index, (low, high)) in low.iter().zip(high).enumerate() {
            self.within(field("low"), *low, command.minimum[index], command.maximum[index])?;
            self.within(field("high"), *high, *low, command.maximum[index])?;
        }
        self.range(&field("every_s"), *every_s, self.document.dynamics.policy_period_s, 1e6)
    }

    fn dynamics(&self) -> Result<(), TaskError> {
        let dynamics = &self.document.dynamics;
        let (physics_s, policy_s) = (dynamics.physics_period_s, dynamics.policy_period_s);
        if dynamics.model.is_some() == dynamics.equations.is_some() {
            return self.fail("dynamics", "both or neither of model and equations", "exactly one of them");
        }
        if dynamics.model.is_some() {
            self.within("dynamics.physics_period_s", physics_s, 1e-5, MAX_PHYSICS_PERIOD_S)?;
        }
        self.within("dynamics.solver_iterations", dynamics.solver_iterations, 1, 1000)?;
        if Periods::ratio(physics_s, policy_s).is_none() {
            let expected = format!("a divisor of policy_period_s = {policy_s} s");
            return self.fail("dynamics.physics_period_s", format!("{physics_s} s"), expected);
        }
        if let Some(equations) = dynamics.equations {
            self.equations(equations.mechanism())?;
        }
        if dynamics.model.is_none() && dynamics.training_formulation.is_some() {
            return self.fail(
                "dynamics.training_formulation",
                "present",
                "none: equations have no joints to hold",
            );
        }
        if dynamics.model.is_none() && !self.document.objects.is_empty() {
            return self.fail("objects", "present", "none: equations know of nothing else");
        }
        if dynamics.model.is_some() && self.document.safe_action.is_none() {
            return self.fail("safe_action", "absent", "\"zero_torque\" or [safe_action.level_descent]");
        }
        let episode = &self.document.episode;
        self.within("episode.training_s", episode.training_s, policy_s, 1e6)?;
        self.within("episode.acceptance_s", episode.acceptance_s, policy_s, 1e6)
    }

    /// Every name that refers to something refers to something that exists.
    fn names(&self) -> Result<(), TaskError> {
        let document = self.document;
        let sensors: Vec<&str> = document.sensors.iter().map(|sensor| sensor.name.as_str()).collect();
        let commands: Vec<&str> = document.commands.iter().map(|command| command.name.as_str()).collect();
        for term in &document.observation {
            for name in &term.sensors {
                self.known(&format!("observation {:?}: sensor", term.name), name, &sensors)?;
            }
            if let Some(name) = &term.command {
                self.known(&format!("observation {:?}: command", term.name), name, &commands)?;
            }
        }
        for joint in &document.joints {
            self.joint("joints: name", Some(&joint.name))?;
            self.within(format!("joint {:?}: speed_clip", joint.name), joint.speed_clip, 1e-6, 1e6)?;
        }
        for sensor in &document.sensors {
            self.sensor(sensor)?;
        }
        self.landmarks("truth.sites", document.truth.sites.iter(), RobotModel::site_names)?;
        self.landmarks("truth.contacts", document.truth.contacts.iter(), RobotModel::surface_names)
    }

    fn known(&self, field: &str, name: &str, known: &[&str]) -> Result<(), TaskError> {
        if known.contains(&name) {
            return Ok(());
        }
        let hint =
            nearest(name, known.iter().copied()).map_or_else(String::new, |near| format!("{near:?}, "));
        self.fail(field, format!("{name:?}"), format!("{hint}one of {}", known.join(", ")))
    }

    /// The joint's position among the joints.
    fn joint(&self, field: &str, name: Option<&String>) -> Result<usize, TaskError> {
        let joints: Vec<&str> = self.joints.names.iter().map(String::as_str).collect();
        let Some(name) = name else {
            return self.fail(field, "absent", format!("one of {}", joints.join(", ")));
        };
        self.known(field, name, &joints)?;
        // It is known, so it is found.
        Ok(joints.iter().position(|joint| joint == name).unwrap_or_default())
    }

    fn actuator(&self, actuator: &ActuatorDocument) -> Result<(), TaskError> {
        let field = |key: &str| format!("actuator {:?}: {key}", actuator.name);
        if actuator.mode == ActuatorMode::RotorSpeed {
            let Some(rotor) = &actuator.rotor else {
                return self.fail(field("rotor"), "absent", "[actuators.rotor] with the rotor's constants");
            };
            if actuator.site.is_none() {
                return self.fail(field("site"), "absent", "the model's site where the rotor sits");
            }
            self.within(field("rotor.thrust_n_s2_per_rad2"), rotor.thrust_n_s2_per_rad2, 1e-15, 1e3)?;
            self.within(field("rotor.torque_n_m_s2_per_rad2"), rotor.torque_n_m_s2_per_rad2, 0.0, 1e3)?;
        } else {
            let joint = self.joint(&field("joint"), actuator.joint.as_ref())?;
            match (self.joints.kinds[joint], actuator.mode) {
                (JointKind::Slide, ActuatorMode::Force) => {}
                (JointKind::Slide, _) => return self.fail(field("mode"), "not force", "force, for a slide"),
                (JointKind::Hinge, ActuatorMode::Force) => {
                    return self.fail(field("mode"), "force", "torque, position or velocity, for a hinge");
                }
                (JointKind::Hinge, _) => {}
            }
            if !matches!(actuator.mode, ActuatorMode::Torque | ActuatorMode::Force) {
                self.within(field("effort_limit"), actuator.effort_limit.unwrap_or(f64::NAN), 1e-9, 1e6)?;
            }
        }
        self.within(field("lag_s"), actuator.lag_s, 0.0, 100.0)?;
        self.within(field("delay_s"), actuator.delay_s, 0.0, 1.0)?;
        if let Some(motor) = &actuator.dc_motor {
            if actuator.mode == ActuatorMode::RotorSpeed {
                return self.fail(field("dc_motor"), "present", "none: only a joint's motor has one");
            }
            self.within(field("dc_motor.stall_effort"), motor.stall_effort, 1e-9, 1e6)?;
            self.within(field("dc_motor.no_load_speed"), motor.no_load_speed, 1e-9, 1e6)?;
        }
        let (low, high) = (actuator.minimum, actuator.maximum);
        self.within(field("default"), actuator.default, low, high)?;
        self.within(field("head_scale"), actuator.head_scale, 1e-9, 1e9)?;
        // In training the head must not run into the limits, or saturation would be part of a healthy run.
        let reach = [actuator.head_offset - actuator.head_scale, actuator.head_offset + actuator.head_scale];
        reach.iter().try_for_each(|end| self.within(field("head_offset ± head_scale"), *end, low, high))
    }

    fn start(&self) -> Result<(), TaskError> {
        let start = &self.document.start;
        for name in start.joint.keys() {
            self.joint("start.joint", Some(name))?;
        }
        let named = start.joint.iter().map(|(name, range)| (format!("start.joint.{name}"), range));
        for (field, range) in named.chain(start.joints.iter().map(|range| ("start.joints".to_owned(), range)))
        {
            self.distribution(&format!("{field}.position"), &range.position, -1e3, 1e3)?;
            self.distribution(&format!("{field}.velocity"), &range.velocity, -1e3, 1e3)?;
        }
        let Some(base) = &start.base else { return Ok(()) };
        if !self.model.is_some_and(RobotModel::has_floating_base) {
            return self.fail("start.base", "present", "none: the model's base is fixed");
        }
        let positioned = self.document.commands.first().is_some_and(|command| command.value.len() == 3);
        let BaseStart { position_m, position_offset_m, tilt_rad, speed_m_per_s, angular_speed_rad_per_s } =
            *base;
        if position_m.is_none() && !positioned {
            return self.fail(
                "start.base.position_m",
                "absent",
                "a position, or a first command that is one",
            );
        }
        for along in position_m.into_iter().flatten() {
            self.within("start.base.position_m", along, -1e3, 1e3)?;
        }
        for offset in position_offset_m.axes() {
            self.within("start.base.position_offset_m", offset, 0.0, 1e3)?;
        }
        self.within("start.base.tilt_rad", tilt_rad, 0.0, core::f64::consts::PI)?;
        self.within("start.base.speed_m_per_s", speed_m_per_s, 0.0, 1e3)?;
        self.within("start.base.angular_speed_rad_per_s", angular_speed_rad_per_s, 0.0, 1e3)
    }

    fn range(
        &self,
        field: &str,
        range: crate::randomization::Range,
        low: f64,
        high: f64,
    ) -> Result<(), TaskError> {
        if low <= range.low && range.low <= range.high && range.high <= high {
            return Ok(());
        }
        let found = format!("[{}, {}]", range.low, range.high);
        self.fail(field, found, format!("[low, high] with {low} <= low <= high <= {high}"))
    }

    fn distribution(
        &self,
        field: &str,
        distribution: &Distribution,
        low: f64,
        high: f64,
    ) -> Result<(), TaskError> {
        let (least, most) = distribution.ends();
        if low <= least && most <= high {
            return Ok(());
        }
        self.fail(field, distribution, format!("numbers from {low} to {high}"))
    }

    fn terms(&self) -> Result<Vec<Term>, TaskError> {
        let targets = super::variation::targets(self.document, self.model, &self.joints.names);
        let terms = self.document.randomization.iter().enumerate().map(|(index, document)| {
            Term::new(document, &targets, self.document.dynamics.policy_period_s).or_else(
                |(field, found, expected)| {
                    self.fail(format!("randomization {}: {field}", index + 1), found, expected)
                },
            )
        });
        terms.collect()
    }
}
