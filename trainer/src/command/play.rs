//! `sinew play`.

use super::eval::acceptance_seed;
use anyhow::{Context, anyhow};
use sinew_firmware_host::exit::{Failure, Outcome, failed, unusable};
use sinew_policy_runtime::policy_file::load_policy;
use sinew_sim::{Randomization, Task};
use sinew_trainer::evaluation::EvaluationError;
use sinew_trainer::playback::{Recording, html, mcap, record};
use sinew_trainer::run_directory::atomic_write;
use std::path::{Path, PathBuf};

/// Watch an episode: a self-contained 3D page, or a log for Foxglove.
///
/// Plays an episode through the very image that a robot runs, on a seed that training never saw: episode N is the one that
/// `sinew eval` with the same seed counts as its N-th, from 0.
#[derive(clap::Args)]
pub(crate) struct Play {
    /// policy.onnx or policy.img.
    policy: PathBuf,
    /// A built-in task, or the path of a task.toml.
    #[arg(long)]
    task: String,
    /// The file to write, .html or .mcap; it must not exist.
    ///
    /// A page opens in any browser, without a network; add #t=1.5 to its address to open it at 1.5 s. A log has the robot,
    /// its joints, actions, rewards and goals, with times that count from the episode's start.
    #[arg(short, long)]
    output: PathBuf,
    /// Decides the episodes' start states and draws.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Which of the seed's episodes, from 0.
    #[arg(long, default_value_t = 0)]
    episode: u64,
    /// Which of the task's ranges the robot is drawn from.
    #[arg(long, value_enum, default_value_t = Level::Acceptance)]
    randomization: Level,
}

/// A level of randomization, as it is written on the command line.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Level {
    /// Those under which a policy is accepted.
    Acceptance,
    /// Those of training.
    Training,
    /// None: the model as written. Start states are still random.
    Nominal,
}

/// What a recording is written as.
#[derive(Clone, Copy)]
enum Form {
    Page,
    Log,
}

impl Play {
    pub(crate) fn run(self) -> Outcome {
        let form = form(&self.output)?;
        if self.output.exists() {
            let path = self.output.display();
            return Err(unusable(anyhow!("{path} exists; nothing was overwritten, choose another -o")));
        }
        let task = Task::load(&self.task).map_err(unusable)?;
        let image = load_policy(&self.policy).map_err(unusable)?;
        let level = match self.randomization {
            Level::Acceptance => Randomization::Acceptance,
            Level::Training => Randomization::Training,
            Level::Nominal => Randomization::Nominal,
        };
        let seeds = [self.seed, acceptance_seed(self.seed)];
        let recording = record(&task, &image, level, seeds, self.episode).map_err(|error| match error {
            EvaluationError::Inference(_) => failed(error),
            _ => unusable(error),
        })?;
        let bytes = match form {
            Form::Page => html::page(&recording).into_bytes(),
            Form::Log => mcap::log(&recording).map_err(failed)?,
        };
        atomic_write(&self.output, &bytes)
            .with_context(|| format!("cannot write {}", self.output.display()))
            .map_err(failed)?;
        tell(&self.output, &recording, bytes.len());
        Ok(())
    }
}

fn form(output: &Path) -> Result<Form, Failure> {
    match output.extension().and_then(|extension| extension.to_str()) {
        Some("html") => Ok(Form::Page),
        Some("mcap") => Ok(Form::Log),
        _ => Err(unusable(anyhow!("{}: expected a name that ends in .html or .mcap", output.display()))),
    }
}

fn tell(output: &Path, recording: &Recording, bytes: usize) {
    eprintln!(
        "{}: {:.2} s, return {:.2}, {}; {} kB",
        output.display(),
        recording.duration_s(),
        recording.summary.episode_return,
        recording.outcome(),
        bytes.div_ceil(1000)
    );
}
