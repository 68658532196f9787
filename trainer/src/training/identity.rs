//! What makes two runs the same: a checkpoint of one is no checkpoint of the other where any of it differs.

use super::TrainingError;
use crate::config::TrainingConfig;
use crate::network::matrix::instruction_set;
use serde::{Deserialize, Serialize};
use sinew_sim::Task;

/// Task, configuration and instruction set of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunIdentity {
    task: String,
    /// SHA-256 over all that the task says.
    fingerprint: [u8; 32],
    /// As a file. Threads change nothing and are left out; the length is checked apart, and stands for itself.
    config: String,
    instruction_set: String,
}

impl RunIdentity {
    pub(super) fn new(task: &Task, config: &TrainingConfig) -> Self {
        let mut config = config.clone();
        config.training.threads = 1;
        Self {
            task: task.name().to_owned(),
            fingerprint: task.fingerprint(),
            config: config.to_toml(),
            instruction_set: instruction_set().to_owned(),
        }
    }

    /// Refuses whatever would give other bits; `self` is what a checkpoint was made with.
    pub(super) fn check(&self, present: &Self) -> Result<(), TrainingError> {
        let differs = |what: &str, expected: &str, found: &str| {
            let text = |value: &str| value.to_owned();
            Err(TrainingError::Identity { what: text(what), expected: text(expected), found: text(found) })
        };
        if self.task != present.task {
            return differs("the task", &self.task, &present.task);
        }
        if self.fingerprint != present.fingerprint {
            return differs("the content of the task or its robot", "what it said then", "another");
        }
        if self.instruction_set != present.instruction_set {
            return differs("the instruction set", &self.instruction_set, &present.instruction_set);
        }
        let mut section = "";
        for (expected, found) in self.config.lines().zip(present.config.lines()) {
            if expected.starts_with('[') {
                section = expected;
            }
            let (key, value) = expected.split_once(" = ").unwrap_or((expected, ""));
            if expected != found && !(section == "[training]" && key == "steps") {
                let found = found.split_once(" = ").map_or(found, |(_, found)| found);
                return differs(&format!("{section} {key}"), value, found);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Algorithm;

    #[test]
    fn all_but_threads_and_length_must_be_as_they_were() {
        let task = Task::load("pendulum-v1").unwrap();
        let config = TrainingConfig::for_task("pendulum-v1", Algorithm::Sac).unwrap();
        let saved = RunIdentity::new(&task, &config);
        let check = |key: &str| {
            let mut config = config.clone();
            config.set(key).unwrap();
            saved.check(&RunIdentity::new(&task, &config)).map_err(|error| error.to_string())
        };
        assert_eq!(check("training.threads=7"), Ok(()));
        assert_eq!(check("training.steps=70000"), Ok(()));
        let error = check("sac.gamma=0.5").unwrap_err();
        assert_eq!(error, "the run cannot go on: [sac] gamma is 0.5, its checkpoint was made with 0.99");
        assert!(check("training.seed=9").unwrap_err().contains("[training] seed is 9"));
        assert!(
            check("training.lag=4")
                .unwrap_err()
                .contains("[training] lag is 4, its checkpoint was made with 0")
        );
        let other = Task::load("pendulum").unwrap();
        let error = saved.check(&RunIdentity::new(&other, &config)).unwrap_err().to_string();
        assert!(error.contains("the task is pendulum, its checkpoint was made with pendulum-v1"), "{error}");
        let elsewhere = RunIdentity { instruction_set: "another".to_owned(), ..saved.clone() };
        let error = elsewhere.check(&saved).unwrap_err().to_string();
        assert!(error.contains("the instruction set is") && error.contains("made with another"), "{error}");
    }
}
