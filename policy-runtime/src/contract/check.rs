//! What makes a contract usable on its own, without the robot: names, lengths, limits, periods.

use super::{CommandTerm, Contract, Layout, ObservationTerm, Periods, SCHEMA_VERSION, TermSource};
use crate::interface::Actuator;

/// Why a contract cannot be used: the field, what was expected and what was found.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError<'a> {
    /// Another schema.
    #[error("contract schema_version is {found}, this build reads {SCHEMA_VERSION}")]
    SchemaVersion {
        /// In the file.
        found: u16,
    },
    /// A period that is not positive, or does not divide the next.
    #[error("{shorter} = {shorter_s} s must be positive and divide {longer} = {longer_s} s exactly")]
    Periods {
        /// Field of the shorter period.
        shorter: &'static str,
        /// Its value.
        shorter_s: f64,
        /// Field of the longer period.
        longer: &'static str,
        /// Its value.
        longer_s: f64,
    },
    /// A name that is listed twice, is empty, or holds other characters than letters, digits, `_`, `-`, `.` and `/`.
    #[error("{list} name {name:?} is repeated, empty, or holds a character outside [A-Za-z0-9_./-]")]
    Name {
        /// The list.
        list: &'static str,
        /// The name.
        name: &'a str,
    },
    /// A term that names a sensor or command that the contract does not have.
    #[error("observation term {term:?} reads {name:?}, which the contract does not list")]
    UnknownSource {
        /// The term.
        term: &'a str,
        /// What it reads.
        name: &'a str,
    },
    /// A term whose size, sensors or history do not fit its source.
    #[error("observation term {term:?}: {field} is {found}, expected {expected}")]
    Term {
        /// The term.
        term: &'a str,
        /// The field.
        field: &'static str,
        /// What was expected.
        expected: usize,
        /// What was found.
        found: usize,
    },
    /// A limit that is not finite, or a minimum that is not below its maximum.
    #[error("{name:?}: {field} must be finite, and minimum below maximum; found {found}")]
    Limit {
        /// Actuator or command.
        name: &'a str,
        /// The field.
        field: &'static str,
        /// The value.
        found: f32,
    },
    /// A gain or a rate of change that is negative or not finite, or a rate of 0.
    #[error("{name:?}: {field} is {found}, expected a finite number, not negative, and a rate above 0")]
    Gain {
        /// Actuator.
        name: &'a str,
        /// The field.
        field: &'static str,
        /// The value.
        found: f32,
    },
    /// A list of the wrong length.
    #[error("{field} has {found} values, expected {expected}")]
    Length {
        /// The field.
        field: &'static str,
        /// What was expected.
        expected: usize,
        /// What was found.
        found: usize,
    },
}

impl Periods {
    fn check<'a>(&self) -> Result<(), ContractError<'a>> {
        let pairs = [
            ("servo_period_s", self.servo_period_s, "loop_period_s", self.loop_period_s),
            ("loop_period_s", self.loop_period_s, "policy_period_s", self.policy_period_s),
        ];
        for (shorter, shorter_s, longer, longer_s) in pairs {
            if Self::ratio(shorter_s, longer_s).is_none() {
                return Err(ContractError::Periods { shorter, shorter_s, longer, longer_s });
            }
        }
        Ok(())
    }
}

impl<'a> Contract<'a> {
    /// Checks everything that can be checked without the robot.
    ///
    /// # Errors
    /// The first field that cannot be used, with what was expected and found.
    pub fn validate(&self) -> Result<(), ContractError<'a>> {
        if self.schema_version != SCHEMA_VERSION {
            return Err(ContractError::SchemaVersion { found: self.schema_version });
        }
        self.periods.check()?;
        check_names("sensor", &self.sensors.iter().map(|sensor| sensor.name))?;
        check_names("observation term", &self.observation.iter().map(|term| term.name))?;
        check_names("command", &self.commands.iter().map(|command| command.name))?;
        check_names("actuator", &self.actions.iter().map(|action| action.name))?;
        check_names("task", &core::iter::once(self.task))?;
        self.commands.iter().try_for_each(check_command)?;
        for action in &self.actions {
            check_range(action.name, action.minimum, action.maximum)?;
            check_gains(action)?;
        }
        for range in &self.provenance.randomization {
            if let Some(found) = [range.low, range.high].into_iter().find(|bound| !bound.is_finite()) {
                let (name, field, found) = (range.term, "randomization", found as f32);
                return Err(ContractError::Limit { name, field, found });
            }
        }
        self.observation.iter().try_for_each(|term| self.check_term(term))?;
        let lengths = [
            ("actions", self.actions.len(), self.actions.len().max(1)),
            ("observation", self.observation_size(), self.observation_size().max(1)),
            ("default_pose", self.default_pose.len(), self.actions.len()),
        ];
        for (field, found, expected) in lengths {
            if found != expected {
                return Err(ContractError::Length { field, expected, found });
            }
        }
        match self.default_pose.iter().zip(&self.actions).find(|(value, _)| !value.is_finite()) {
            Some((value, action)) => {
                Err(ContractError::Limit { name: action.name, field: "default_pose", found: *value })
            }
            None => Ok(()),
        }
    }

    fn check_term(&self, term: &ObservationTerm<'a>) -> Result<(), ContractError<'a>> {
        let error = |field, expected, found| ContractError::Term { term: term.name, field, expected, found };
        let mut sensed = 0;
        for name in &term.sensors {
            let Some(sensor) = self.sensors.iter().find(|sensor| sensor.name == *name) else {
                return Err(ContractError::UnknownSource { term: term.name, name });
            };
            sensed += usize::from(sensor.size);
        }
        let command = match term.command {
            None => 0,
            Some(name) => match self.commands.iter().find(|command| command.name == name) {
                Some(command) => command.size(),
                None => return Err(ContractError::UnknownSource { term: term.name, name }),
            },
        };
        // Per source: how many sensors (`None` for any number), their values together, the command's values, the size.
        let (sensors, sensor_values, command_values, size) = match term.source {
            TermSource::Sensor => (None, sensed.max(1), 0, sensed),
            TermSource::CosSin => (None, sensed.max(1), 0, 2 * sensed),
            TermSource::ProjectedGravity => (Some(1), 4, 0, 3),
            TermSource::RotateToBody => (Some(2), 7, 0, 3),
            TermSource::CommandErrorInBody => (Some(2), 7, 3, 3),
            TermSource::Command => (Some(0), 0, command.max(1), command),
            TermSource::PreviousAction => (Some(0), 0, 0, self.actions.len()),
            TermSource::RotationMatrix => (Some(1), 4, 0, 9),
            TermSource::Phase { period_s } if period_s > 0.0 && period_s.is_finite() => (Some(0), 0, 0, 2),
            TermSource::Phase { period_s } => {
                return Err(ContractError::Limit { name: term.name, field: "period_s", found: period_s });
            }
        };
        let checks = [
            ("number of sensors", sensors.unwrap_or(term.sensors.len()), term.sensors.len()),
            ("number of sensor values", sensor_values, sensed),
            ("command size", command_values, command),
            ("size", size, usize::from(term.size)),
            ("history.length", term.history.length.max(1).into(), term.history.length.into()),
            ("history.stride", term.history.stride.max(1).into(), term.history.stride.into()),
        ];
        for (field, expected, found) in checks {
            if expected != found {
                return Err(error(field, expected, found));
            }
        }
        let first = self.observation.first().map_or(term.history, |first| first.history);
        if self.layout == Layout::TimeMajor && term.history != first {
            return Err(error(
                "history.length (time_major)",
                first.length.into(),
                term.history.length.into(),
            ));
        }
        if !(term.max_age_s > 0.0 && term.max_age_s.is_finite()) {
            return Err(ContractError::Limit { name: term.name, field: "max_age_s", found: term.max_age_s });
        }
        Ok(())
    }
}

fn check_names<'a>(
    list: &'static str,
    names: &(impl Iterator<Item = &'a str> + Clone),
) -> Result<(), ContractError<'a>> {
    for (index, name) in names.clone().enumerate() {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_./-".contains(&byte);
        if name.is_empty() || !name.bytes().all(legal) || names.clone().take(index).any(|other| other == name)
        {
            return Err(ContractError::Name { list, name });
        }
    }
    Ok(())
}

fn check_range(name: &str, minimum: f32, maximum: f32) -> Result<(), ContractError<'_>> {
    if !maximum.is_finite() {
        return Err(ContractError::Limit { name, field: "maximum", found: maximum });
    }
    if !(minimum.is_finite() && minimum < maximum) {
        return Err(ContractError::Limit { name, field: "minimum", found: minimum });
    }
    Ok(())
}

fn check_gains<'a>(action: &Actuator<'a>) -> Result<(), ContractError<'a>> {
    let gains = [("stiffness", action.stiffness), ("damping", action.damping)];
    let refused = gains.into_iter().find(|(_, gain)| !(*gain >= 0.0 && gain.is_finite()));
    let rate = action.max_rate_per_s.filter(|rate| !(*rate > 0.0 && rate.is_finite()));
    match refused.or(rate.map(|rate| ("max_rate_per_s", rate))) {
        Some((field, found)) => Err(ContractError::Gain { name: action.name, field, found }),
        None => Ok(()),
    }
}

fn check_command<'a>(command: &CommandTerm<'a>) -> Result<(), ContractError<'a>> {
    for (field, list) in [("minimum", &command.minimum), ("maximum", &command.maximum)] {
        if list.len() != command.size() || command.size() == 0 {
            return Err(ContractError::Length { field, expected: command.size().max(1), found: list.len() });
        }
    }
    for ((safe, minimum), maximum) in command.safe_value.iter().zip(&command.minimum).zip(&command.maximum) {
        check_range(command.name, *minimum, *maximum)?;
        if !(*minimum <= *safe && *safe <= *maximum) {
            return Err(ContractError::Limit { name: command.name, field: "safe_value", found: *safe });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::RandomizationRange;
    use crate::testing::pendulum_contract;

    /// A NaN passed as a gain or a rate, and a rate of NaN limits nothing.
    #[test]
    fn no_number_of_an_action_or_a_range_may_be_nan() {
        let changes: [fn(&mut Contract); 5] = [
            |contract| contract.actions[0].stiffness = f32::NAN,
            |contract| contract.actions[0].damping = -1.0,
            |contract| contract.actions[0].max_rate_per_s = Some(f32::NAN),
            |contract| contract.actions[0].max_rate_per_s = Some(0.0),
            |contract| {
                let range = RandomizationRange { term: "mass", low: f64::NAN, high: 1.0 };
                contract.provenance.randomization.push(range).unwrap();
            },
        ];
        assert_eq!(pendulum_contract().validate(), Ok(()));
        for change in changes {
            let mut contract = pendulum_contract();
            change(&mut contract);
            assert!(contract.validate().is_err(), "{contract:?}");
        }
    }
}
