//! How a policy fares as one number of its robot or world moves: a robustness table.
//!
//! Each value is held in every episode while all else is drawn as it is on the acceptance ranges, and every value meets the
//! same episodes, so a difference between two rows is the number's and not the draw's.

use crate::evaluation::{Evaluation, EvaluationError, MetricSummary, evaluate_image};
use crate::report::undefined;
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::image::AlignedImage;
use sinew_sim::{Randomization, Task, TaskError};
use std::str::FromStr;

/// More values than this are a mistake: each costs a whole evaluation.
const VALUES_MAX: usize = 1000;

/// What to sweep over: `mass=0.7:1.3:7`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// A randomizable parameter, as `Task::load_pinned` names it.
    name: String,
    low: f64,
    high: f64,
    count: usize,
}

impl FromStr for Sweep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let malformed = || format!("{text:?}: expected TERM=LO:HI:N, such as mass=0.7:1.3:7");
        let (name, span) = text.split_once('=').ok_or_else(malformed)?;
        let parts: Vec<&str> = span.split(':').collect();
        let [low, high, count] = parts[..] else { return Err(malformed()) };
        let number = |text: &str| text.trim().parse().ok().filter(|value: &f64| value.is_finite());
        let (low, high) = (number(low).ok_or_else(malformed)?, number(high).ok_or_else(malformed)?);
        let count: usize = count.trim().parse().map_err(|_| malformed())?;
        if !(1..=VALUES_MAX).contains(&count) || low > high {
            return Err(format!("{text:?}: expected LO <= HI and 1 to {VALUES_MAX} values"));
        }
        Ok(Self { name: name.trim().to_owned(), low, high, count })
    }
}

impl Sweep {
    /// The parameter.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Evenly spaced, both ends among them; one value is the lower end.
    fn values(&self) -> impl Iterator<Item = f64> {
        let last = self.count.saturating_sub(1).max(1) as f64;
        (0..self.count).map(move |index| {
            let share = index as f64 / last;
            // Exact at both ends.
            self.low * (1.0 - share) + self.high * share
        })
    }
}

/// A policy over the values of one parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepTable {
    /// The parameter.
    pub name: String,
    /// In the order of its values.
    pub rows: Vec<SweepRow>,
}

/// A policy at one value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepRow {
    /// The value.
    pub value: f64,
    /// How many episodes.
    pub episodes: usize,
    /// Mean return.
    #[serde(deserialize_with = "undefined::number")]
    pub return_mean: f64,
    /// Standard deviation over episodes.
    #[serde(deserialize_with = "undefined::number")]
    pub return_std: f64,
    /// 95 % interval of the mean return.
    #[serde(deserialize_with = "undefined::interval")]
    pub return_interval: [f64; 2],
    /// Share of episodes that succeeded; absent where the task defines no success.
    pub success_rate: Option<f64>,
    /// 95 % interval of that share.
    pub success_interval: Option<[f64; 2]>,
    /// The task's metrics over the episodes.
    pub metrics: Vec<MetricSummary>,
}

/// Why a sweep could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// The task cannot hold the parameter at a value.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The policy could not be evaluated.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
}

/// The tasks of a sweep, one for each value: whatever cannot be held is refused before anything is evaluated.
///
/// # Errors
/// A parameter that there is not, or a value that it cannot have.
pub fn held_tasks(task: &str, sweep: &Sweep) -> Result<Vec<(f64, Task)>, TaskError> {
    sweep.values().map(|value| Ok((value, Task::load_pinned(task, &[(&sweep.name, value)])?))).collect()
}

/// Evaluates a policy at every value; `see` sees each row as soon as there is one.
///
/// # Errors
/// See [`SweepError`].
pub fn sweep(
    tasks: &[(f64, Task)],
    sweep: &Sweep,
    image: &AlignedImage,
    [episodes, threads]: [usize; 2],
    seed: u64,
    mut see: impl FnMut(&SweepRow),
) -> Result<SweepTable, SweepError> {
    let mut rows = Vec::with_capacity(tasks.len());
    for (value, task) in tasks {
        let evaluation = evaluate_image(task, image, Randomization::Acceptance, episodes, seed, threads)?;
        let row = SweepRow::new(*value, &evaluation);
        see(&row);
        rows.push(row);
    }
    Ok(SweepTable { name: sweep.name.clone(), rows })
}

impl SweepRow {
    fn new(value: f64, evaluation: &Evaluation) -> Self {
        Self {
            value,
            episodes: evaluation.returns.len(),
            return_mean: evaluation.return_mean,
            return_std: evaluation.return_std,
            return_interval: evaluation.return_interval,
            success_rate: evaluation.success_rate,
            success_interval: evaluation.success_interval,
            metrics: evaluation.metric_table(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_even_and_hold_both_ends() {
        let values = |text: &str| text.parse::<Sweep>().unwrap().values().collect::<Vec<f64>>();
        assert_eq!(values("mass=0.5:1.5:5"), [0.5, 0.75, 1.0, 1.25, 1.5]);
        assert_eq!(values("mass=0.7:1.3:7")[6], 1.3);
        assert_eq!(values("mass=2:3:1"), [2.0]);
    }

    #[test]
    fn what_is_no_sweep_says_what_one_looks_like() {
        for text in ["mass", "mass=1:2", "mass=a:2:3", "mass=1:2:3:4", "mass=1:inf:3", "mass=1:2:x"] {
            assert!(text.parse::<Sweep>().unwrap_err().contains("such as mass=0.7:1.3:7"), "{text}");
        }
        assert!("mass=2:1:3".parse::<Sweep>().unwrap_err().contains("LO <= HI"));
        assert!("mass=1:2:0".parse::<Sweep>().unwrap_err().contains("1 to 1000 values"));
    }
}
