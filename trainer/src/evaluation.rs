//! Scores a policy by running the very image that a robot would run.
//!
//! Every environment plays one episode, from start states that depend on the seed and the episode's number alone, so two
//! policies evaluated with the same seed face the same 1st, 2nd, … episode.

use crate::actor::ExportError;
use crate::memories::Memories;
use crate::report::undefined;
use crate::statistics::{mean_interval, share_interval};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::executor::{Executor, ExecutorError, InferenceFault};
use sinew_policy_runtime::image::{AlignedImage, ImageError};
use sinew_sim::{EpisodeSummary, Randomization, SimError, Task, VecEnv};
use std::collections::BTreeMap;

/// What a policy achieved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Each episode's return.
    pub returns: Vec<f64>,
    /// Their mean.
    pub return_mean: f64,
    /// Their standard deviation.
    pub return_std: f64,
    /// 95 % interval of the mean; NaN where there was but one episode.
    #[serde(deserialize_with = "undefined::interval", default = "undefined::nothing_known")]
    pub return_interval: [f64; 2],
    /// Share of episodes that succeeded; absent where the task defines no success.
    pub success_rate: Option<f64>,
    /// 95 % interval of that share.
    #[serde(default)]
    pub success_interval: Option<[f64; 2]>,
    /// Each episode's summary, with its metrics from the true state.
    pub episodes: Vec<EpisodeSummary>,
}

/// One of the task's metrics over all episodes that have it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricSummary {
    /// Such as `position_error_max_m`.
    pub name: String,
    /// Half of the episodes lie below.
    #[serde(deserialize_with = "undefined::number")]
    pub median: f64,
    /// Nine tenths of the episodes lie below.
    #[serde(deserialize_with = "undefined::number")]
    pub p90: f64,
}

impl Evaluation {
    /// Mean number of steps of an episode.
    pub fn episode_steps_mean(&self) -> f64 {
        let steps: f64 = self.episodes.iter().map(|episode| f64::from(episode.steps)).sum();
        steps / self.episodes.len() as f64
    }

    /// Each metric of the task over the episodes.
    pub fn metric_table(&self) -> Vec<MetricSummary> {
        let mut values: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for (name, value) in self.episodes.iter().flat_map(|episode| &episode.metrics) {
            values.entry(name).or_default().push(*value);
        }
        let summarize = |(name, mut values): (&str, Vec<f64>)| {
            values.sort_by(f64::total_cmp);
            let quantile = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
            MetricSummary { name: name.to_owned(), median: quantile(0.5), p90: quantile(0.9) }
        };
        values.into_iter().map(summarize).collect()
    }
}

/// Why a policy could not be evaluated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// The simulator refused the task.
    #[error(transparent)]
    Simulation(#[from] SimError),
    /// The policy could not be exported.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The image cannot be read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The image cannot be run.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// An inference failed.
    #[error("inference failed: {0}")]
    Inference(#[from] InferenceFault),
    /// The policy's input or output does not fit the task.
    #[error("the policy's {what} has {found} values, task {task:?} needs {expected}")]
    Size {
        /// Input or output.
        what: &'static str,
        /// The task.
        task: String,
        /// What the task needs.
        expected: usize,
        /// What the policy has.
        found: usize,
    },
    /// The policy was made for another robot.
    #[error("the policy does not fit task {task:?}: {reason}")]
    Mismatch {
        /// The task.
        task: String,
        /// The first difference.
        reason: String,
    },
}

/// Runs `episodes` episodes of `task`.
///
/// # Errors
/// See [`EvaluationError`].
pub fn evaluate_image(
    task: &Task,
    image: &AlignedImage,
    randomization: Randomization,
    episodes: usize,
    seed: u64,
    threads: usize,
) -> Result<Evaluation, EvaluationError> {
    check(task, image)?;
    let view = image.image()?;
    let scratch = vec![0.0; view.scratch_len()];
    let mut executor = Executor::new(view, scratch)?;
    let mut environments = VecEnv::new(task, randomization, episodes, seed, threads)?;
    environments.widen_ranges()?;
    let mut memories = Memories::new(&view, episodes);
    let mut actions = vec![0.0; episodes * task.action_size()];
    let mut finished: Vec<Option<EpisodeSummary>> = vec![None; episodes];
    environments.reset()?;
    while finished.iter().any(Option::is_none) {
        let observations = environments.observations().chunks_exact(task.observation_size());
        let rows = observations.zip(actions.chunks_exact_mut(task.action_size())).enumerate();
        for (environment, (observation, action)) in rows {
            memories.recall(environment, &mut executor)?;
            let inference = executor.infer(observation)?;
            normalized_action(task, inference.action, action);
            memories.keep(environment, &mut executor);
        }
        environments.step(&actions)?;
        for (environment, (slot, summary)) in finished.iter_mut().zip(environments.finished()).enumerate() {
            if summary.is_some() {
                memories.forget(environment);
            }
            if slot.is_none() {
                slot.clone_from(summary);
            }
        }
    }
    Ok(summarize(finished.into_iter().flatten().collect()))
}

/// The agent's action that the head turns into `output`, which is in SI units.
pub(crate) fn normalized_action(task: &Task, output: &[f32], action: &mut [f32]) {
    let head = task.head_scale().iter().zip(task.head_offset());
    for ((action, output), (scale, offset)) in action.iter_mut().zip(output).zip(head) {
        *action = (output - offset) / scale;
    }
}

/// Refuses a policy that is none for the task.
pub(crate) fn check(task: &Task, image: &AlignedImage) -> Result<(), EvaluationError> {
    let view = image.image()?;
    let sizes = [
        ("input", task.observation_size(), view.input_size()),
        ("output", task.action_size(), view.output_size()),
    ];
    for (what, expected, found) in sizes {
        if expected != found {
            return Err(EvaluationError::Size { what, task: task.name().to_owned(), expected, found });
        }
    }
    if let Some(contract) = view.contract()? {
        contract.matches(&task.interface()).map_err(|mismatch| EvaluationError::Mismatch {
            task: task.name().to_owned(),
            reason: mismatch.to_string(),
        })?;
    }
    Ok(())
}

fn summarize(episodes: Vec<EpisodeSummary>) -> Evaluation {
    let returns: Vec<f64> = episodes.iter().map(|episode| episode.episode_return).collect();
    let count = returns.len() as f64;
    let return_mean = returns.iter().sum::<f64>() / count;
    let variance =
        returns.iter().map(|value| (value - return_mean) * (value - return_mean)).sum::<f64>() / count;
    let judged: Vec<bool> = episodes.iter().filter_map(|episode| episode.success).collect();
    let successes = judged.iter().filter(|success| **success).count();
    Evaluation {
        return_mean,
        return_std: variance.sqrt(),
        return_interval: mean_interval(&returns),
        success_rate: (!judged.is_empty()).then(|| successes as f64 / judged.len() as f64),
        success_interval: (!judged.is_empty()).then(|| share_interval(successes, judged.len())),
        returns,
        episodes,
    }
}
