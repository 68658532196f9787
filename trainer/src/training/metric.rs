//! What an algorithm reports of its last update.

use sinew_sim::VecEnv;
use std::borrow::Cow;
use std::fmt;

/// A named number, such as `critic_loss`.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// The column in `metrics.csv`.
    pub name: Cow<'static, str>,
    /// Its value.
    pub value: f64,
}

impl Metric {
    /// A metric from an update's own precision.
    pub fn new(name: &'static str, value: f32) -> Self {
        Self { name: name.into(), value: f64::from(value) }
    }

    /// How far a task's curriculum has come: the environments' mean terrain level, the upper end of each component of each
    /// command's range, and the factor on each ramped reward; nothing where there is no curriculum.
    pub(super) fn of_curriculum(environments: &VecEnv) -> Vec<Self> {
        let mut metrics = Vec::new();
        let mut add = |name: String, value| metrics.push(Self { name: name.into(), value });
        let levels: Vec<u32> = environments.terrain_levels().collect();
        if !levels.is_empty() {
            let sum: u64 = levels.iter().copied().map(u64::from).sum();
            add("terrain_level".to_owned(), sum as f64 / levels.len() as f64);
        }
        if let Some(curriculum) = environments.curriculum() {
            for (label, ranges) in curriculum.commands() {
                for (index, [_, high]) in ranges.iter().enumerate() {
                    add(format!("{label}_high_{index}"), f64::from(*high));
                }
            }
            for (label, factor) in curriculum.rewards() {
                add(format!("{label}_factor"), factor);
            }
        }
        metrics
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.name, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sinew_sim::{Randomization, Task};

    #[test]
    fn a_curriculum_tells_how_far_it_has_come_and_other_tasks_tell_nothing() {
        let told = |task: &str| {
            let task = Task::load(task).unwrap();
            Metric::of_curriculum(&VecEnv::new(&task, Randomization::Training, 2, 0, 1).unwrap())
        };
        let rough = told("quadruped-rough");
        let value = |name: &str| rough.iter().find(|metric| metric.name == name).map(|metric| metric.value);
        assert!(value("terrain_level").is_some_and(|level| (0.0..6.0).contains(&level)), "{rough:?}");
        // What the file begins with.
        assert_eq!((value("velocity_high_0"), value("effort_factor")), (Some(0.5), Some(0.1)), "{rough:?}");
        assert!(told("pendulum-v1").is_empty());
    }
}
