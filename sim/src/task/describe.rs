//! A task in words: everything that its file resolves to, and what is doubtful about it.

use super::Task;
use super::document::{ActuatorDocument, SafeActionSpec, SampledDocument};
use crate::curriculum::{CommandCourse, RewardCourse, Span, TerrainCourse};
use crate::objective::{RewardTerm, Shape, Statistic};
use crate::quantity::Measure;
use crate::randomization::{AdaptationRule, Moment, Parameter, Performance, Randomization};
use crate::robot::JointKind;
use sinew_policy_runtime::contract::{ObservationTerm, TermSource};
use std::fmt::Write as _;

impl Task {
    /// The resolved task as text: rates, sensors, actuators, observation, rewards, ends, start and ranges.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write_sections(&mut text);
        text
    }

    fn write_sections(&self, text: &mut String) -> std::fmt::Result {
        let document = &self.inner.document;
        let dynamics = &document.dynamics;
        writeln!(text, "{}: {}\n", document.name, document.summary)?;
        let equations = || self.equations().map_or("", |equations| equations.mechanism().name);
        let source = dynamics.model.clone().unwrap_or_else(|| format!("the equations of {}", equations()));
        let formulation = if dynamics.model.is_some() {
            let trained = self.simulated(Randomization::Training).inner.document.dynamics.formulation;
            let trained = if trained == dynamics.formulation {
                String::new()
            } else {
                format!(" ({trained} in training)")
            };
            format!(", {}{trained}, {} solver iterations", dynamics.formulation, dynamics.solver_iterations)
        } else {
            String::new()
        };
        writeln!(text, "dynamics      {source}{formulation}")?;
        if let Some(terrain) = &document.terrain {
            writeln!(text, "ground        {terrain}")?;
        }
        if let Some(hash) = self.robot_hash() {
            let digits = hash.iter().map(|byte| format!("{byte:02x}"));
            writeln!(text, "robot         SHA-256 {}", digits.collect::<String>())?;
        }
        let (physics_ms, policy_hz) = (1e3 * dynamics.physics_period_s, 1.0 / dynamics.policy_period_s);
        writeln!(text, "rates         physics every {physics_ms} ms, policy at {policy_hz} Hz")?;
        let episode = &document.episode;
        writeln!(
            text,
            "episode       {} s in training, {} s in acceptance",
            episode.training_s, episode.acceptance_s
        )?;
        match document.safe_action {
            Some(SafeActionSpec::ZeroTorque) => writeln!(text, "safe action   joints go limp")?,
            Some(SafeActionSpec::LevelDescent { descent_speed_m_per_s, duration_s }) => writeln!(
                text,
                "safe action   level out and sink at {descent_speed_m_per_s} m/s, motors off after {duration_s} s"
            )?,
            None => {}
        }
        self.write_robot(text)?;
        self.write_discrete(text)?;
        self.write_policy(text)?;
        self.write_objects(text)?;
        self.write_objective(text)?;
        self.write_curriculum(text)?;
        self.write_randomization(text)
    }

    fn write_robot(&self, text: &mut String) -> std::fmt::Result {
        self.write_joints(text)?;
        let interface = self.interface();
        writeln!(text, "\nsensors")?;
        for sensor in &interface.sensors {
            writeln!(
                text,
                "  {:<24} {:>2} x {:?}, {:?} frame",
                sensor.name, sensor.size, sensor.unit, sensor.frame
            )?;
        }
        writeln!(text, "\nactuators")?;
        for actuator in &self.inner.document.actuators {
            let ActuatorDocument { name, mode, minimum, maximum, head_scale, head_offset, lag_s, .. } =
                actuator;
            write!(
                text,
                "  {name:<24} {mode:?}, {minimum} to {maximum} {:?}, action x {head_scale} + {head_offset}",
                mode.unit()
            )?;
            if actuator.stiffness > 0.0 || actuator.damping > 0.0 {
                write!(text, ", stiffness {}, damping {}", actuator.stiffness, actuator.damping)?;
            }
            if *lag_s > 0.0 {
                write!(text, ", lag {lag_s} s")?;
            }
            writeln!(text)?;
        }
        Ok(())
    }

    fn write_discrete(&self, text: &mut String) -> std::fmt::Result {
        let Some(rows) = self.discrete_actions() else { return Ok(()) };
        writeln!(text, "\ndiscrete actions, {} to choose from", rows.len())?;
        let head = || self.head_scale().iter().zip(self.head_offset());
        for (index, row) in rows.iter().enumerate() {
            let commands: Vec<f32> =
                row.iter().zip(head()).map(|(action, (scale, offset))| offset + scale * action).collect();
            writeln!(text, "  {index:<24} action {row:?}, actuator command {commands:?}")?;
        }
        Ok(())
    }

    /// What the robot's file allows its joints.
    fn write_joints(&self, text: &mut String) -> std::fmt::Result {
        let Some(model) = self.model() else { return Ok(()) };
        if !model.joint_names().is_empty() {
            writeln!(text, "\njoints")?;
        }
        for (index, name) in model.joint_names().iter().enumerate() {
            let (position, effort) = match model.joint_kind(index) {
                JointKind::Hinge => ("rad", "N m"),
                JointKind::Slide => ("m", "N"),
            };
            write!(text, "  {name:<24} {:?}", model.joint_kind(index))?;
            let limits = model.joint_limits(index);
            if let Some([low, high]) = limits.position {
                write!(text, ", {low:.6} to {high:.6} {position}")?;
            }
            if let Some([low, high]) = limits.soft_position {
                write!(text, ", soft {low:.6} to {high:.6} {position}, not enforced")?;
            }
            if let Some(limit) = limits.effort {
                write!(text, ", at most {limit} {effort}")?;
            }
            if let Some(limit) = limits.velocity {
                write!(text, ", at most {limit} {position}/s, not enforced")?;
            }
            writeln!(text)?;
        }
        Ok(())
    }

    fn write_policy(&self, text: &mut String) -> std::fmt::Result {
        let contract = self.contract(super::nobody());
        writeln!(text, "\nobservation, {} values", self.observation_size())?;
        for term in &contract.observation {
            let ObservationTerm { name, source, size, unit, frame, history, max_age_s, .. } = term;
            write!(text, "  {name:<24} {size:>2} x {unit:?}, {frame:?} frame, {source:?}")?;
            if !term.sensors.is_empty() {
                write!(text, " of {}", term.sensors.join(", "))?;
            }
            if history.length > 1 {
                write!(text, ", {} samples {} periods apart", history.length, history.stride)?;
            }
            writeln!(text, ", at most {max_age_s} s old")?;
        }
        if self.privileged_size() > 0 {
            writeln!(text, "\nfor the critic alone, {} values", self.privileged_size())?;
            for sensor in &self.inner.document.privileged.sensors {
                writeln!(text, "  {:<24} {:?}, true and undelayed", sensor.name, sensor.quantity)?;
            }
            if self.reveals_randomization() {
                writeln!(text, "  what randomization drew, -1 to 1 over its training range")?;
            }
        }
        for command in &self.inner.document.commands {
            write!(
                text,
                "\ncommand\n  {:<24} {:?} {:?}, {:?} frame",
                command.name, command.value, command.unit, command.frame
            )?;
            if let Some(SampledDocument { low, high, every_s }) = &command.sampled {
                write!(text, ", drawn from {low:?} to {high:?} every {} to {} s", every_s.low, every_s.high)?;
            }
            writeln!(text)?;
        }
        Ok(())
    }

    fn write_objects(&self, text: &mut String) -> std::fmt::Result {
        let objects = &self.inner.document.objects;
        if !objects.is_empty() {
            writeln!(text, "\nobjects")?;
        }
        for object in objects {
            write!(text, "  {:<24} {:?} at {:?} m", object.name, object.solid(), object.position_m)?;
            match object.mass_kg {
                Some(mass) => writeln!(text, ", {mass} kg, free")?,
                None => writeln!(text, ", fixed")?,
            }
        }
        Ok(())
    }

    fn write_curriculum(&self, text: &mut String) -> std::fmt::Result {
        let course = self.course();
        if self.has_curriculum() {
            writeln!(text, "\ncurriculum, in training")?;
        }
        if let Some(terrain) = &course.terrain {
            let TerrainCourse { levels, highest_start, raise_above, lower_below } = terrain;
            writeln!(
                text,
                "  ground from level 0 to {highest_start} of {}, a level up at {raise_above} of the commanded distance, down \
                 below {lower_below}",
                levels - 1
            )?;
        }
        for command in &course.commands {
            let CommandCourse { label, start, step, raise_above, lower_below, episodes, .. } = command;
            write!(
                text,
                "  {label} from {start:?} in steps of {step:?} at a mean tracking of {raise_above} over {episodes} episodes"
            )?;
            match lower_below {
                Some(least) => writeln!(text, ", back at {least}")?,
                None => writeln!(text)?,
            }
        }
        for RewardCourse { label, start, span, .. } in &course.rewards {
            let (begin, end, unit) = match span {
                Span::Steps(begin, end) => (begin, end, "steps"),
                Span::Episodes(begin, end) => (begin, end, "episodes"),
            };
            writeln!(text, "  {label} from {start} to 1 times its weight, {unit} {begin} to {end}")?;
        }
        Ok(())
    }

    fn write_objective(&self, text: &mut String) -> std::fmt::Result {
        let objective = &self.inner.objective;
        writeln!(text, "\nreward, the sum of")?;
        for RewardTerm { measure, shape, weight, scale, sample } in &objective.rewards {
            let x = match scale {
                1.0 => self.measured(*measure),
                scale => format!("({} / {scale})", self.measured(*measure)),
            };
            let formula = match shape {
                Shape::Linear => x,
                Shape::Squared => format!("{x}²"),
                Shape::Gaussian => format!("exp(-{x}²)"),
                Shape::Rational => format!("1 / (1 + {x}²)"),
                Shape::Constant => "1".to_owned(),
            };
            writeln!(text, "  {weight:>8} x {formula}, state {sample:?} the step")?;
        }
        for termination in &objective.terminations {
            let measure = self.measured(termination.measure);
            let bounds = [(termination.above, '>'), (termination.below, '<')];
            let bounds = bounds.iter().filter(|(bound, _)| bound.is_finite());
            let words: Vec<String> =
                bounds.map(|(bound, sign)| format!("{measure} {sign} {bound}")).collect();
            writeln!(text, "ends where    {}, reward {}", words.join(" or "), termination.reward)?;
        }
        if let Some(custom) = self.custom_objective() {
            writeln!(text, "then          reward and ends as {custom:?} says")?;
        }
        if let Some(success) = &objective.success {
            let measure = self.measured(success.measure);
            writeln!(
                text,
                "success       {measure}{} < {} for the last {} s",
                if success.statistic == Statistic::Rms { " (RMS)" } else { "" },
                success.limit,
                success.window_s
            )?;
        }
        Ok(())
    }

    fn measured(&self, measure: Measure) -> String {
        let mut of: Vec<&str> = Vec::new();
        of.extend(measure.joint.map(|joint| self.inner.joints.names[joint].as_str()));
        of.extend(measure.site.map(|site| self.site_names()[site].as_str()));
        let contacts = self.contact_names().iter().enumerate();
        of.extend(
            contacts.filter(|(index, _)| measure.contacts & (1 << index) != 0).map(|(_, name)| name.as_str()),
        );
        let name = measure.quantity.name();
        let whole = if of.is_empty() { name.to_owned() } else { format!("{name} of {}", of.join(", ")) };
        if measure.target == 0.0 { whole } else { format!("({whole} - {})", measure.target) }
    }

    fn write_randomization(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "\n{:<40} {:>24} {:>24}", "randomization", "training", "acceptance")?;
        for term in self.terms() {
            let [training, acceptance] = [Randomization::Training, Randomization::Acceptance]
                .map(|level| term.distribution(level).map(ToString::to_string).unwrap_or_default());
            write!(text, "  {:<38} {training:>24} {acceptance:>24}", term.label)?;
            if term.each {
                write!(text, ", each its own")?;
            }
            match term.moment {
                Moment::Reset => {}
                Moment::Startup => write!(text, ", once for each environment")?,
                Moment::Interval => write!(text, ", every {} to {} s", term.every_s.low, term.every_s.high)?,
                Moment::Step => write!(text, ", every policy period")?,
            }
            if let Some(adaptation) = term.adaptive {
                let [low, high] = adaptation.start;
                write!(text, ", in training adaptive from {low} to {high} in steps of {}", adaptation.step)?;
            }
            writeln!(text)?;
        }
        for sensor in &self.inner.document.sensors {
            for (error, size, _) in sensor.errors.named().into_iter().filter(|error| error.1 != 0.0) {
                let name = format!("{} {error}", sensor.name);
                writeln!(text, "  {name:<38} {size:>24} {size:>24}")?;
            }
        }
        self.write_adaptation(text)
    }

    fn write_adaptation(&self, text: &mut String) -> std::fmt::Result {
        let Some(rule) = self.inner.document.adaptive_randomization else { return Ok(()) };
        let AdaptationRule { measure, raise_above, lower_below, episodes, boundary_probability } = rule;
        let measure = match measure {
            Performance::Success => "success",
            Performance::Return => "return",
        };
        writeln!(
            text,
            "adaptive      a bound widens at a mean {measure} of {raise_above} over {episodes} episodes there, narrows at \
             {lower_below}; {boundary_probability} of all episodes are at one"
        )
    }

    /// What is legal and yet probably a mistake.
    pub fn warnings(&self) -> Vec<String> {
        let longest = |parameter| self.longest_delay_s(parameter, Randomization::Training);
        let delayed = longest(Parameter::ActionDelay).max(longest(Parameter::ObservationDelay)) > 0.0;
        let contract = self.contract(super::nobody());
        let remembers = contract.observation.iter().any(|term| term.source == TermSource::PreviousAction);
        let mut warnings = Vec::new();
        if delayed && !remembers {
            warnings.push(
                "actions or samples are delayed, but the policy sees no past action: it cannot know what has not acted yet; add \
                 an observation with source = \"previous_action\""
                    .to_owned(),
            );
        }
        warnings
    }
}
