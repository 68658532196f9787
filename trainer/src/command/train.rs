//! `sinew train`.

use super::eval::{EVALUATION_EPISODES, acceptance_seed};
use super::report::keep;
use super::tasks::warn;
use sinew_firmware_host::exit::{Failure, Outcome, failed, unusable};
use sinew_policy_runtime::onnx;
use sinew_sim::{Randomization, Task};
use sinew_trainer::action_space::check_action_space;
use sinew_trainer::config::{Algorithm, TrainingConfig};
use sinew_trainer::evaluation::{Evaluation, evaluate_image};
use sinew_trainer::progress::ConsoleObserver;
use sinew_trainer::report::{EvaluationReport, RunReport};
use sinew_trainer::run_directory::RunDirectory;
use sinew_trainer::training::{TrainingError, train};
use std::path::PathBuf;

/// Train a policy and export it.
#[derive(clap::Args)]
pub(crate) struct Train {
    /// A built-in task, or the path of a task.toml.
    task: String,
    /// The algorithm; by default the one that --config names, else sac, or dqn where the task's actions are discrete.
    #[arg(long, value_enum)]
    algo: Option<Algorithm>,
    /// A TOML file laid over the task's tuned defaults.
    #[arg(long, value_name = "F")]
    config: Option<String>,
    /// Overrides one key, such as sac.gamma=0.98; may be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The seed of everything random.
    #[arg(long)]
    seed: Option<u64>,
    /// Environment steps in all.
    #[arg(long)]
    steps: Option<u64>,
    /// Environments stepped together.
    #[arg(long)]
    envs: Option<usize>,
    /// Threads; changes the time alone, never the result.
    #[arg(long)]
    threads: Option<usize>,
    /// The run directory; it must not hold anything yet. Default: runs/TASK-ALGO-seedN, numbered where taken.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON object on the last line of stdout.
    #[arg(long)]
    json: bool,
}

impl Train {
    pub(crate) fn run(self) -> Outcome {
        let task = Task::load(&self.task).map_err(unusable)?;
        warn(&task);
        let config = self.configure(&task)?;
        check_action_space(&task, config.algorithm.algorithm()).map_err(unusable)?;
        let run = self.run_directory(&task, &config)?;
        let mut observer = ConsoleObserver::new(&run, config.training.steps).map_err(failed)?;
        let trained = record_run(&task, &config, &run, &mut observer, EVALUATION_EPISODES);
        observer.finish();
        let summary = trained?;
        keep(&run, &summary.report(&task, &config, &observer))?;
        if self.json {
            println!("{}", summary.to_json());
        }
        Ok(())
    }

    fn configure(&self, task: &Task) -> Result<TrainingConfig, Failure> {
        let mut config = TrainingConfig::for_task(task.name(), self.algorithm(task)?).map_err(unusable)?;
        if let Some(path) = &self.config {
            config.merge_file(path).map_err(unusable)?;
        }
        let flags = [
            ("seed", self.seed),
            ("steps", self.steps),
            ("environments", self.envs.map(|count| count as u64)),
            ("threads", self.threads.map(|count| count as u64)),
        ];
        let flags = flags.into_iter().filter_map(|(key, value)| Some(format!("training.{key}={}", value?)));
        for text in self.set.iter().cloned().chain(flags) {
            config.set(&text).map_err(unusable)?;
        }
        Ok(config)
    }

    fn algorithm(&self, task: &Task) -> Result<Algorithm, Failure> {
        let usual = if task.discrete_actions().is_some() { Algorithm::Dqn } else { Algorithm::Sac };
        let named = self.config.as_deref().map(TrainingConfig::algorithm_of).transpose().map_err(unusable)?;
        Ok(self.algo.or(named.flatten()).unwrap_or(usual))
    }

    fn run_directory(&self, task: &Task, config: &TrainingConfig) -> Result<RunDirectory, Failure> {
        let (algorithm, seed) = (config.algorithm.algorithm().name(), config.training.seed);
        match &self.out {
            Some(path) => RunDirectory::create(path),
            None => RunDirectory::create_unique(&format!("{}-{algorithm}-seed{seed}", task.name())),
        }
        .map_err(unusable)
    }
}

/// What a finished training run has to say.
pub(crate) struct Summary {
    pub(crate) steps: u64,
    pub(crate) seconds: f64,
    pub(crate) steps_per_s: f64,
    evaluation: Evaluation,
    policy: PathBuf,
}

impl Summary {
    /// The report of training and evaluation; what was not done is absent from it.
    pub(crate) fn report(
        &self,
        task: &Task,
        config: &TrainingConfig,
        observer: &ConsoleObserver,
    ) -> RunReport {
        RunReport {
            task: task.name().to_owned(),
            algorithm: config.algorithm.algorithm().name().to_uppercase(),
            seed: config.training.seed,
            steps: self.steps,
            seconds: self.seconds,
            steps_per_s: self.steps_per_s,
            curve: observer.curve().to_vec(),
            ranges: observer.ranges().to_vec(),
            evaluation: Some(EvaluationReport {
                episodes: self.evaluation.returns.len(),
                return_mean: self.evaluation.return_mean,
                return_std: self.evaluation.return_std,
                success_rate: self.evaluation.success_rate,
                metrics: self.evaluation.metric_table(),
            }),
            policy: None,
            flight: None,
        }
    }

    fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "steps": self.steps,
            "seconds": self.seconds,
            "steps_per_s": self.steps_per_s,
            "return_mean": self.evaluation.return_mean,
            "return_std": self.evaluation.return_std,
            "success_rate": self.evaluation.success_rate,
            "policy": self.policy,
        })
    }
}

/// Trains, writes everything that a run leaves behind, and scores the result on so many acceptance episodes.
pub(crate) fn record_run(
    task: &Task,
    config: &TrainingConfig,
    run: &RunDirectory,
    observer: &mut ConsoleObserver,
    episodes: usize,
) -> Result<Summary, Failure> {
    run.write("config.toml", config.to_toml().as_bytes()).map_err(failed)?;
    run.write("task.txt", task.name().as_bytes()).map_err(failed)?;
    let actor = train(task, config, observer).map_err(|error| match error {
        TrainingError::Simulation(_) => unusable(error),
        _ => failed(error),
    })?;
    let last = observer.last();
    let policy = actor.export(task).map_err(failed)?;
    run.write("policy.onnx", &policy).map_err(failed)?;
    let image = onnx::load(&policy).map_err(failed)?;
    run.write("policy.img", image.as_bytes()).map_err(failed)?;
    let (seed, threads) = (acceptance_seed(config.training.seed), config.training.threads);
    let evaluation =
        evaluate_image(task, &image, Randomization::Acceptance, episodes, seed, threads).map_err(failed)?;
    let json = serde_json::to_vec_pretty(&evaluation).map_err(failed)?;
    run.write("eval.json", &json).map_err(failed)?;
    let policy = run.file("policy.onnx");
    Ok(Summary {
        steps: last.map_or(0, |progress| progress.steps),
        seconds: last.map_or(0.0, |progress| progress.seconds),
        steps_per_s: last.map_or(0.0, |progress| progress.steps_per_s),
        evaluation,
        policy,
    })
}
