//! `sinew train`.

use super::eval::{EVALUATION_EPISODES, acceptance_seed};
use super::interrupt::stop_flag;
use super::report::keep;
use super::tasks::warn;
use anyhow::{Context, anyhow};
use sinew_firmware_host::exit::{Failure, Outcome, failed, unusable};
use sinew_policy_runtime::onnx;
use sinew_sim::{Randomization, Task};
use sinew_trainer::action_space::check_action_space;
use sinew_trainer::actor::TrainedActor;
use sinew_trainer::checkpoint::{CheckpointError, CheckpointStore, load_newest};
use sinew_trainer::config::{Algorithm, TrainingConfig};
use sinew_trainer::evaluation::{Evaluation, evaluate_image};
use sinew_trainer::progress::ConsoleObserver;
use sinew_trainer::report::{EvaluationReport, RunReport};
use sinew_trainer::run_directory::RunDirectory;
use sinew_trainer::training::{Ending, Initialization, Start, TrainingError, train_from};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Train a policy and export it.
///
/// Ctrl-C or SIGTERM finishes the update, saves a checkpoint and exits with code 0; a second Ctrl-C ends at once.
#[derive(clap::Args)]
pub(crate) struct Train {
    /// A built-in task, or the path of a task.toml; with --resume by default the run's own.
    #[arg(required_unless_present = "resume")]
    task: Option<String>,
    /// The algorithm; by default the one that --config names, else sac, or dqn where the task's actions are discrete.
    #[arg(long, value_enum, conflicts_with = "resume")]
    algo: Option<Algorithm>,
    /// A TOML file laid over the task's tuned defaults.
    #[arg(long, value_name = "F", conflicts_with = "resume")]
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
    #[arg(long, value_name = "DIR", required_if_eq("resume", "true"))]
    out: Option<PathBuf>,
    /// Go on from the newest checkpoint of the run in --out, bit for bit as if it had never stopped.
    ///
    /// Task, configuration and instruction set must be those that the run began with; what differs is named and refused.
    /// Only --threads may be another, and --steps may be more where no setting follows a schedule over the whole run. Rows
    /// of metrics.csv from after the checkpoint are dropped and made again.
    #[arg(long)]
    resume: bool,
    /// Start from the networks of an earlier run of the same algorithm, or from the actor of an exported policy.onnx.
    ///
    /// Shapes must fit. Optimizers, replay buffer and exploration start anew; from a policy so do the critics.
    #[arg(long, value_name = "POLICY|RUN", conflicts_with = "resume")]
    init: Option<PathBuf>,
    /// Train N seeds, --seed and those that follow it, each in its own folder of --out, and report mean and spread.
    #[arg(long, value_name = "N", conflicts_with = "resume", value_parser = clap::value_parser!(u64).range(1..=1000))]
    sweep_seeds: Option<u64>,
    /// Print one JSON object on the last line of stdout.
    #[arg(long)]
    json: bool,
}

impl Train {
    pub(crate) fn run(self) -> Outcome {
        let stop = stop_flag().map_err(failed)?;
        if let Some(count) = self.sweep_seeds {
            return self.train_seeds(count, &stop);
        }
        let plan = if self.resume { self.resumed()? } else { self.fresh()? };
        let directory = plan.directory.clone();
        let json = match plan.train(EVALUATION_EPISODES, &stop)? {
            Finished::Whole(summary, report) => {
                keep(&directory, &report)?;
                summary.to_json()
            }
            Finished::Interrupted { steps } => {
                let path = directory.path().display();
                eprintln!(
                    "interrupted and saved after {steps} steps; go on with: sinew train --resume --out {path}"
                );
                serde_json::json!({ "steps": steps, "interrupted": true })
            }
        };
        if self.json {
            println!("{json}");
        }
        Ok(())
    }

    /// One run after the other, of seeds that follow each other.
    fn train_seeds(&self, count: u64, stop: &Arc<AtomicBool>) -> Outcome {
        let (name, task, config) = self.configured()?;
        let algorithm = config.algorithm.algorithm().name();
        let directory = self.path(&format!("{}-{algorithm}-seeds{count}", task.name()));
        let directory = RunDirectory::create_for_several(&directory).map_err(unusable)?;
        let first = config.training.seed;
        let plans = (first..first.saturating_add(count)).map(|seed| {
            let mut config = config.clone();
            config.set(&format!("training.seed={seed}")).map_err(unusable)?;
            let run = RunDirectory::create(&directory.file(&format!("seed-{seed}"))).map_err(unusable)?;
            Ok((seed, self.plan(name, task.clone(), config, run)?))
        });
        super::seeds::train_seeds(&directory, plans, EVALUATION_EPISODES, stop, self.json)
    }

    /// A run that begins.
    fn fresh(&self) -> Result<Plan, Failure> {
        let (name, task, config) = self.configured()?;
        let (algorithm, seed) = (config.algorithm.algorithm().name(), config.training.seed);
        let directory = self.path(&format!("{}-{algorithm}-seed{seed}", task.name()));
        let directory = RunDirectory::create(&directory).map_err(unusable)?;
        self.plan(name, task, config, directory)
    }

    /// The task, by what name, and the configuration.
    fn configured(&self) -> Result<(&str, Task, TrainingConfig), Failure> {
        let name = self.task.as_deref().unwrap_or_default();
        let task = Task::load(name).map_err(unusable)?;
        warn(&task);
        let mut config = TrainingConfig::for_task(task.name(), self.algorithm(&task)?).map_err(unusable)?;
        if let Some(path) = &self.config {
            config.merge_file(path).map_err(unusable)?;
        }
        self.override_with_flags(&mut config)?;
        check_action_space(&task, config.algorithm.algorithm()).map_err(unusable)?;
        Ok((name, task, config))
    }

    fn plan(
        &self,
        name: &str,
        task: Task,
        config: TrainingConfig,
        directory: RunDirectory,
    ) -> Result<Plan, Failure> {
        let start = match &self.init {
            None => Start::Fresh,
            Some(path) => Start::Initial(initialization(path)?),
        };
        let observer = ConsoleObserver::new(&directory, &config.training).map_err(failed)?;
        record_plan(&directory, name, &config)?;
        Ok(Plan { task, config, directory, observer, start })
    }

    /// A run that goes on.
    fn resumed(&self) -> Result<Plan, Failure> {
        let path = self.out.as_deref().unwrap_or(Path::new(""));
        let directory = RunDirectory::open(path).map_err(unusable)?;
        let recorded = recorded_task(&directory)?;
        let name = self.task.as_deref().unwrap_or(&recorded);
        let task = Task::load(name).map_err(unusable)?;
        let mut config = recorded_config(&directory)?;
        let newest = config.training.keep_checkpoints;
        let damaged = |error: &CheckpointError| eprintln!("warning: {error}; an earlier checkpoint is taken");
        let (store, saved) = match CheckpointStore::resume(&directory, newest, damaged) {
            Ok((store, saved)) => (store, Some(saved)),
            // Stopped before the first: it begins again.
            Err(CheckpointError::None { .. }) => (CheckpointStore::new(&directory, newest), None),
            Err(error) => return Err(unusable(error)),
        };
        let checkpoint = saved.as_ref().map(|saved| &saved.checkpoint);
        config.training.steps = checkpoint.map_or(config.training.steps, |checkpoint| checkpoint.total_steps);
        let recorded = config.clone();
        self.override_with_flags(&mut config)?;
        match checkpoint {
            Some(checkpoint) => checkpoint.check(&task, &config).map_err(unusable)?,
            None if config != recorded => {
                return Err(unusable(anyhow!(
                    "{} has no checkpoint yet: begin a run of its own",
                    path.display()
                )));
            }
            None => {}
        }
        eprintln!("going on after {} steps", checkpoint.map_or(0, |checkpoint| checkpoint.steps));
        let observer =
            ConsoleObserver::resume(&directory, &config.training, store, checkpoint).map_err(failed)?;
        let start = saved.map_or(Start::Fresh, |saved| Start::Resumed(Box::new(saved)));
        Ok(Plan { task, config, directory, observer, start })
    }

    fn override_with_flags(&self, config: &mut TrainingConfig) -> Outcome {
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
        Ok(())
    }

    fn algorithm(&self, task: &Task) -> Result<Algorithm, Failure> {
        let usual = if task.discrete_actions().is_some() { Algorithm::Dqn } else { Algorithm::Sac };
        let named = self.config.as_deref().map(TrainingConfig::algorithm_of).transpose().map_err(unusable)?;
        Ok(self.algo.or(named.flatten()).unwrap_or(usual))
    }

    /// Where the run goes, or the runs.
    fn path(&self, usual: &str) -> PathBuf {
        self.out.clone().unwrap_or_else(|| RunDirectory::unique(usual))
    }
}

/// What `--init` names: a run's folder, or an exported policy.
fn initialization(path: &Path) -> Result<Initialization, Failure> {
    if path.is_dir() {
        let run = RunDirectory::open(path).map_err(unusable)?;
        return Ok(Initialization::Run(Box::new(load_newest(&run).map_err(unusable)?)));
    }
    let bytes = std::fs::read(path).with_context(|| path.display().to_string()).map_err(unusable)?;
    let actor = TrainedActor::import(&bytes).with_context(|| path.display().to_string()).map_err(unusable)?;
    Ok(Initialization::Policy(Box::new(actor)))
}

/// The configuration that a run's folder records.
pub(crate) fn recorded_config(directory: &RunDirectory) -> Result<TrainingConfig, Failure> {
    let path = directory.file("config.toml");
    let path = path.to_str().ok_or_else(|| unusable(anyhow!("{} is not UTF-8", path.display())))?;
    let algorithm = TrainingConfig::algorithm_of(path).map_err(unusable)?;
    let algorithm = algorithm.with_context(|| format!("{path} names no algorithm")).map_err(unusable)?;
    let mut config = TrainingConfig::new(algorithm);
    config.merge_file(path).map_err(unusable)?;
    Ok(config)
}

/// The task of a run's folder, by name or path.
pub(crate) fn recorded_task(directory: &RunDirectory) -> Result<String, Failure> {
    let name = directory.read("task.txt").map_err(unusable)?;
    Ok(String::from_utf8_lossy(&name).trim().to_owned())
}

/// Writes what a run is, from which it can be loaded again.
fn record_plan(directory: &RunDirectory, task: &str, config: &TrainingConfig) -> Outcome {
    let task = if Task::builtin_names().contains(&task) {
        task.to_owned()
    } else {
        std::path::absolute(task).map_err(failed)?.display().to_string()
    };
    directory.write("task.txt", task.as_bytes()).map_err(failed)?;
    directory.write("config.toml", config.to_toml().as_bytes()).map_err(failed)
}

/// A run that is ready to begin or to go on.
pub(crate) struct Plan {
    pub(crate) task: Task,
    pub(crate) config: TrainingConfig,
    pub(crate) directory: RunDirectory,
    observer: ConsoleObserver,
    start: Start,
}

/// What a run came to.
pub(crate) enum Finished {
    Whole(Box<Summary>, Box<RunReport>),
    Interrupted { steps: u64 },
}

impl Plan {
    /// A run that begins, of a built-in task.
    pub(crate) fn new(task: Task, config: TrainingConfig, directory: RunDirectory) -> Result<Self, Failure> {
        let observer = ConsoleObserver::new(&directory, &config.training).map_err(failed)?;
        record_plan(&directory, task.name(), &config)?;
        Ok(Self { task, config, directory, observer, start: Start::Fresh })
    }

    /// Trains, writes everything that a run leaves behind, and scores the result on so many acceptance episodes.
    pub(crate) fn train(self, episodes: usize, stop: &Arc<AtomicBool>) -> Result<Finished, Failure> {
        let Self { task, config, directory, observer, start } = self;
        let mut observer = observer.stopping_on(Arc::clone(stop));
        let trained = train_from(&task, &config, start, &mut observer);
        observer.finish();
        let trained = trained.map_err(|error| match error {
            TrainingError::Simulation(_) | TrainingError::Identity { .. } | TrainingError::State(_) => {
                unusable(error)
            }
            _ => failed(error),
        })?;
        // A longer run is another one from here on.
        directory.write("config.toml", config.to_toml().as_bytes()).map_err(failed)?;
        if trained.ending == Ending::Interrupted {
            return Ok(Finished::Interrupted { steps: trained.steps });
        }
        let policy = trained.actor.export(&task).map_err(failed)?;
        directory.write("policy.onnx", &policy).map_err(failed)?;
        let image = onnx::load(&policy).map_err(failed)?;
        directory.write("policy.img", image.as_bytes()).map_err(failed)?;
        let (seed, threads) = (acceptance_seed(config.training.seed), config.training.threads);
        let evaluation = evaluate_image(&task, &image, Randomization::Acceptance, episodes, seed, threads);
        let evaluation = evaluation.map_err(failed)?;
        let json = serde_json::to_vec_pretty(&evaluation).map_err(failed)?;
        directory.write("eval.json", &json).map_err(failed)?;
        let last = observer.last();
        let summary = Summary {
            steps: trained.steps,
            seconds: last.map_or(0.0, |progress| progress.seconds),
            steps_per_s: last.map_or(0.0, |progress| progress.steps_per_s),
            reached: trained.ending == Ending::Reached,
            evaluation,
            policy: directory.file("policy.onnx"),
        };
        let report = summary.report(&task, &config, &observer);
        Ok(Finished::Whole(Box::new(summary), Box::new(report)))
    }
}

/// What a finished training run has to say.
pub(crate) struct Summary {
    steps: u64,
    seconds: f64,
    steps_per_s: f64,
    /// Whether an evaluation reached the threshold to stop at.
    reached: bool,
    pub(crate) evaluation: Evaluation,
    policy: PathBuf,
}

impl Summary {
    /// The report of training and evaluation; what was not done is absent from it.
    fn report(&self, task: &Task, config: &TrainingConfig, observer: &ConsoleObserver) -> RunReport {
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
                return_interval: self.evaluation.return_interval,
                success_rate: self.evaluation.success_rate,
                success_interval: self.evaluation.success_interval,
                metrics: self.evaluation.metric_table(),
            }),
            policy: None,
            flight: None,
        }
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "steps": self.steps,
            "seconds": self.seconds,
            "steps_per_s": self.steps_per_s,
            "return_mean": self.evaluation.return_mean,
            "return_std": self.evaluation.return_std,
            "return_interval": self.evaluation.return_interval,
            "success_rate": self.evaluation.success_rate,
            "success_interval": self.evaluation.success_interval,
            "stopped_early": self.reached,
            "policy": self.policy,
        })
    }
}
