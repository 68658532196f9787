//! Tasks with one of their numbers held: what an evaluation sweeps over.
//!
//! A pin names a parameter of the table that randomization draws from, and the value that it has in every acceptance
//! episode. Where the task varies that parameter, the pin takes the place of the draw; elsewhere it is a term of its own. All
//! else varies as it did, so a sweep shows what one number does to a policy among all that it was trained for.

use super::{Task, TaskDocument, TaskError};
use crate::randomization::{Distribution, Moment, Operation, Parameter, Range, TermDocument};
use sinew_policy_runtime::document::nearest;

/// How often a robot is pushed where its task says nothing of pushes, s.
const PUSH_EVERY_S: f64 = 5.0;

impl Task {
    /// As [`Task::load`], with numbers held in acceptance episodes. Each has the name `PARAMETER`, `PARAMETER_OPERATION` or either
    /// with `/TARGET+TARGET`, such as `mass`, `mass_scale/rod` or `action_delay_set`.
    ///
    /// Without an operation it is that of the task's own term; a parameter that the task does not vary is scaled where its
    /// nominal value is a property of the robot, and otherwise set or added.
    ///
    /// # Errors
    /// As [`Task::load`]; and a parameter that there is not, or a value that it cannot have.
    pub fn load_pinned(name_or_path: &str, pins: &[(&str, f64)]) -> Result<Self, TaskError> {
        Self::load_held(name_or_path, pins)
    }
}

/// What a pin's name says.
struct Name {
    parameter: Parameter,
    operation: Option<Operation>,
    target: Option<Vec<String>>,
}

impl Name {
    /// Otherwise what was expected.
    fn parse(text: &str) -> Result<Self, String> {
        let (label, target) = match text.split_once('/') {
            None => (text, None),
            Some((label, targets)) => (label, Some(targets.split('+').map(str::to_owned).collect())),
        };
        let operations = [("_set", Operation::Set), ("_scale", Operation::Scale), ("_add", Operation::Add)];
        let mut suffixes = operations.iter();
        let suffixed = || {
            suffixes
                .find_map(|(suffix, operation)| Some((find(label.strip_suffix(suffix)?)?, Some(*operation))))
        };
        let found = find(label).map(|parameter| (parameter, None)).or_else(suffixed);
        let Some((parameter, operation)) = found else {
            let names = Parameter::ALL.map(|parameter| parameter.form().name);
            let near =
                nearest(label, names).map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
            return Err(format!("one of {}{near}", names.join(", ")));
        };
        Ok(Self { parameter, operation, target })
    }

    fn covers(&self, term: &TermDocument) -> bool {
        term.term == self.parameter
            && self.operation.is_none_or(|operation| operation == term.operation)
            && (self.target.is_none() || self.target == term.target)
    }
}

fn find(name: &str) -> Option<Parameter> {
    Parameter::ALL.into_iter().find(|parameter| parameter.form().name == name)
}

/// Holds a number of the task in acceptance episodes.
pub(super) fn hold(document: &mut TaskDocument, text: &str, value: f64, file: &str) -> Result<(), TaskError> {
    let refusal = |found: &str, expected: String| TaskError::Value {
        file: file.to_owned(),
        field: "what is held".to_owned(),
        found: format!("{found:?}"),
        expected,
    };
    let name = Name::parse(text).map_err(|expected| refusal(text, expected))?;
    let held = Distribution::Constant(value);
    let mut own = document.randomization.iter_mut().filter(|term| term.term == name.parameter).peekable();
    if own.peek().is_some() {
        let mut labels = Vec::new();
        let mut found = false;
        for term in own {
            labels.push(term.label());
            if name.covers(term) {
                term.acceptance = Some(held.clone());
                found = true;
            }
        }
        // A second term would change the number that the first has drawn, and hold nothing.
        return if found { Ok(()) } else { Err(refusal(text, labels.join(", "))) };
    }
    let push = name.parameter == Parameter::Push;
    document.randomization.push(TermDocument {
        term: name.parameter,
        operation: name.operation.unwrap_or(usual_operation(name.parameter)),
        target: name.target,
        each: false,
        moment: if push { Moment::Interval } else { Moment::Reset },
        every_s: push.then_some(Range { low: PUSH_EVERY_S, high: PUSH_EVERY_S }),
        training: held,
        acceptance: None,
        adaptive: None,
    });
    Ok(())
}

/// A factor for what a robot has, the value itself for what a nominal robot has none of.
fn usual_operation(parameter: Parameter) -> Operation {
    use Parameter::{
        ActionDelay, MotorLag, ObservationDelay, SensorBias, SensorBiasWalk, SensorDropout, SensorNoise,
        SensorQuantization, SensorSaturation, SensorScaleError,
    };
    let absent = matches!(
        parameter,
        ActionDelay
            | MotorLag
            | ObservationDelay
            | SensorNoise
            | SensorBias
            | SensorBiasWalk
            | SensorScaleError
            | SensorQuantization
            | SensorSaturation
            | SensorDropout
    );
    let allows = |operation| parameter.form().allows(operation);
    if allows(Operation::Scale) && !absent {
        Operation::Scale
    } else if allows(Operation::Set) {
        Operation::Set
    } else {
        Operation::Add
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Randomization, VecEnv};

    /// What the acceptance episodes of ten robots drew of a term.
    fn drawn(task: &Task, label: &str) -> Vec<f64> {
        let mut environments = VecEnv::new(task, Randomization::Acceptance, 10, 3, 1).unwrap();
        environments.reset().unwrap();
        let robots = (0..10).map(|index| environments.env(index).unwrap().robot().unwrap());
        robots
            .flat_map(|robot| {
                robot
                    .drawn()
                    .filter(|(own, _)| *own == label)
                    .flat_map(|(_, values)| values.to_vec())
                    .collect::<Vec<f64>>()
            })
            .collect()
    }

    #[test]
    fn a_held_number_takes_the_place_of_the_tasks_own_draw_and_all_else_varies() {
        let task = Task::load_pinned("pendulum", &[("mass", 1.25)]).unwrap();
        let label = "mass_scale";
        assert_eq!(drawn(&task, label), [1.25; 10]);
        let free = drawn(&Task::load("pendulum").unwrap(), label);
        assert!(free.iter().all(|value| *value != 1.25) && free[0] != free[1]);
        assert_eq!(
            drawn(&Task::load_pinned("pendulum", &[("mass_scale", 0.75)]).unwrap(), label),
            [0.75; 10]
        );
    }

    #[test]
    fn a_parameter_that_the_task_does_not_vary_becomes_a_term_of_its_own() {
        let task = Task::load_pinned("pendulum", &[("gravity", 0.5)]).unwrap();
        assert!(drawn(&task, "gravity_scale").iter().all(|value| *value == 0.5));
        assert_eq!(drawn(&task, "gravity_scale").len(), 30);
    }

    #[test]
    fn what_there_is_not_or_cannot_be_is_refused_by_name() {
        let refusal = |pin| Task::load_pinned("pendulum", &[pin]).unwrap_err().to_string();
        let text = refusal(("masss", 1.0));
        assert!(text.contains("\"masss\"") && text.contains("did you mean \"mass\"?"), "{text}");
        let text = refusal(("mass", -1.0));
        assert!(text.contains("mass: ") && text.contains("numbers from 0 to 20"), "{text}");
        assert!(refusal(("mass/rod", 1.0)).contains("\"mass/rod\", expected mass_scale"));
        assert!(refusal(("body_size/leg", 1.0)).contains("\"leg\""));
        assert!(Task::load_pinned("pendulum-v1", &[("mass", 1.0)]).is_err());
    }
}
