//! `sinew eval`.

use sinew_firmware_host::exit::{Outcome, failed, unusable};
use sinew_policy_runtime::policy_file::load_policy;
use sinew_sim::{Randomization, Task};
use sinew_trainer::evaluation::{Evaluation, EvaluationError, evaluate_image};
use std::path::PathBuf;

/// Enough for a mean whose standard error is a tenth of the episodes' spread.
pub(crate) const EVALUATION_EPISODES: usize = 100;

/// Training's own episodes come from the seed itself. Without this distance, `train --seed 1` and `eval --seed 1` would
/// judge a policy by the very robots and start states that it was trained on.
const ACCEPTANCE_SEED_OFFSET: u64 = 0xacce_0000_0000;

/// The seed of the acceptance episodes for the seed that a person gave; `train`, `eval` and `demo` agree on it.
pub(crate) fn acceptance_seed(seed: u64) -> u64 {
    seed.wrapping_add(ACCEPTANCE_SEED_OFFSET)
}

/// Score a policy on a task's acceptance ranges.
#[derive(clap::Args)]
pub(crate) struct Eval {
    /// policy.onnx or policy.img.
    policy: PathBuf,
    /// A built-in task, or the path of a task.toml.
    #[arg(long)]
    task: String,
    /// How many episodes.
    #[arg(long, default_value_t = EVALUATION_EPISODES)]
    episodes: usize,
    /// Decides the episodes' start states and draws.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Threads; changes the time alone.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Print one JSON object on the last line of stdout.
    #[arg(long)]
    json: bool,
}

impl Eval {
    pub(crate) fn run(self) -> Outcome {
        let task = Task::load(&self.task).map_err(unusable)?;
        let image = load_policy(&self.policy).map_err(unusable)?;
        let evaluation = evaluate_image(
            &task,
            &image,
            Randomization::Acceptance,
            self.episodes,
            acceptance_seed(self.seed),
            self.threads,
        )
        .map_err(|error| match error {
            EvaluationError::Inference(_) => failed(error),
            _ => unusable(error),
        })?;
        print_table(&evaluation);
        if self.json {
            println!("{}", to_json(&evaluation));
        }
        Ok(())
    }
}

fn to_json(evaluation: &Evaluation) -> serde_json::Value {
    serde_json::json!({
        "episodes": evaluation.returns.len(),
        "return_mean": evaluation.return_mean,
        "return_std": evaluation.return_std,
        "success_rate": evaluation.success_rate,
        "metrics": evaluation.metric_table(),
        "sweep": [],
    })
}

fn print_table(evaluation: &Evaluation) {
    let count = evaluation.returns.len();
    eprintln!("episodes     {count}");
    eprintln!(
        "return       {:.2} ± {:.2} (deviation over episodes)",
        evaluation.return_mean, evaluation.return_std
    );
    if let Some(rate) = evaluation.success_rate {
        eprintln!("success      {:.0} of {count} ({:.0} %)", rate * count as f64, 100.0 * rate);
    }
    for metric in evaluation.metric_table() {
        eprintln!("{:<24} median {:.4}, 90 % below {:.4}", metric.name, metric.median, metric.p90);
    }
}
