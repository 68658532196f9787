//! `sinew eval`.

use sinew_firmware_host::exit::{Failure, Outcome, failed, unusable};
use sinew_policy_runtime::image::AlignedImage;
use sinew_policy_runtime::policy_file::load_policy;
use sinew_sim::{Randomization, Task};
use sinew_trainer::evaluation::{Evaluation, EvaluationError, evaluate_image};
use sinew_trainer::run_directory::atomic_write;
use sinew_trainer::sweep::{Sweep, SweepError, SweepRow, SweepTable, held_tasks, sweep};
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
    /// Holds a randomizable parameter at N values from LO to HI, such as mass=0.7:1.3:7, and prints a robustness table, which
    /// sweep.json beside the policy keeps; may be given several times.
    ///
    /// TERM is a parameter's name, with _set, _scale or _add and /TARGET+TARGET where the task's own terms do not say. A value
    /// takes the place of what the task draws; all else varies on the acceptance ranges.
    #[arg(long, value_name = "TERM=LO:HI:N")]
    sweep: Vec<Sweep>,
    /// Print one JSON object on the last line of stdout.
    #[arg(long)]
    json: bool,
}

impl Eval {
    pub(crate) fn run(self) -> Outcome {
        let task = Task::load(&self.task).map_err(unusable)?;
        let image = load_policy(&self.policy).map_err(unusable)?;
        let held = self.sweep.iter().map(|sweep| held_tasks(&self.task, sweep));
        let held = held.collect::<Result<Vec<_>, _>>().map_err(unusable)?;
        let seed = acceptance_seed(self.seed);
        let evaluation =
            evaluate_image(&task, &image, Randomization::Acceptance, self.episodes, seed, self.threads)
                .map_err(failure)?;
        print_table(&evaluation);
        let mut tables = Vec::with_capacity(held.len());
        for (sweep, tasks) in self.sweep.iter().zip(&held) {
            tables.push(self.sweep_one(sweep, tasks, &image)?);
        }
        if !tables.is_empty() {
            let path = self.policy.with_file_name("sweep.json");
            let json = serde_json::to_vec_pretty(&tables).map_err(failed)?;
            atomic_write(&path, &json).map_err(failed)?;
            eprintln!("\n{}", path.display());
        }
        if self.json {
            println!("{}", to_json(&evaluation, &tables));
        }
        Ok(())
    }

    fn sweep_one(
        &self,
        over: &Sweep,
        tasks: &[(f64, Task)],
        image: &AlignedImage,
    ) -> Result<SweepTable, Failure> {
        let mut first = true;
        let see = |row: &SweepRow| {
            if std::mem::take(&mut first) {
                eprintln!("\n{}", heading(over, row));
            }
            eprintln!("{}", line(row));
        };
        sweep(tasks, over, image, [self.episodes, self.threads], acceptance_seed(self.seed), see).map_err(
            |error| match error {
                SweepError::Evaluation(error) => failure(error),
                other => unusable(other),
            },
        )
    }
}

fn failure(error: EvaluationError) -> Failure {
    match error {
        EvaluationError::Inference(_) => failed(error),
        _ => unusable(error),
    }
}

/// The columns of a sweep: value, success, return, and the median of each metric.
fn heading(over: &Sweep, row: &SweepRow) -> String {
    let success = row.success_rate.map_or("", |_| "  success      95 %  ");
    let metrics: Vec<String> = row.metrics.iter().map(|metric| format!("  {}", metric.name)).collect();
    let metrics = metrics.concat();
    format!("{:>12}{success}      return        95 %       {metrics}", over.name())
}

fn line(row: &SweepRow) -> String {
    let interval = row.success_interval.unwrap_or([f64::NAN; 2]).map(|share| 100.0 * share);
    let success = row.success_rate.map_or_else(String::new, |rate| {
        format!("  {:>5.0} %  {:>3.0} to {:>3.0} %", 100.0 * rate, interval[0], interval[1])
    });
    let metric = |metric: &sinew_trainer::evaluation::MetricSummary| {
        format!("  {:>width$.4}", metric.median, width = metric.name.chars().count())
    };
    let metrics: String = row.metrics.iter().map(metric).collect();
    let [low, high] = row.return_interval;
    format!("{:>12.4}{success}  {:>10.2}  {low:>8.2} to {high:<8.2}{metrics}", row.value, row.return_mean)
}

fn to_json(evaluation: &Evaluation, sweep: &[SweepTable]) -> serde_json::Value {
    serde_json::json!({
        "episodes": evaluation.returns.len(),
        "return_mean": evaluation.return_mean,
        "return_std": evaluation.return_std,
        "return_interval": evaluation.return_interval,
        "success_rate": evaluation.success_rate,
        "success_interval": evaluation.success_interval,
        "metrics": evaluation.metric_table(),
        "sweep": sweep,
    })
}

fn print_table(evaluation: &Evaluation) {
    let count = evaluation.returns.len();
    eprintln!("episodes     {count}");
    let [low, high] = evaluation.return_interval;
    eprintln!(
        "return       {:.2} ± {:.2} (deviation over episodes); mean within {low:.2} to {high:.2} (95 %)",
        evaluation.return_mean, evaluation.return_std
    );
    if let (Some(rate), Some([low, high])) = (evaluation.success_rate, evaluation.success_interval) {
        eprintln!(
            "success      {:.0} of {count} ({:.0} %); within {:.1} to {:.1} % (95 %)",
            rate * count as f64,
            100.0 * rate,
            100.0 * low,
            100.0 * high
        );
    }
    for metric in evaluation.metric_table() {
        eprintln!("{:<24} median {:.4}, 90 % below {:.4}", metric.name, metric.median, metric.p90);
    }
}
