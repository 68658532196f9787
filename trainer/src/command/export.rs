//! `sinew export`.

use super::train::recorded_task;
use anyhow::{Context, anyhow};
use sinew_firmware_host::exit::{Outcome, failed, unusable};
use sinew_sim::Task;
use sinew_trainer::checkpoint::load_newest;
use sinew_trainer::run_directory::{RunDirectory, atomic_write};
use std::path::PathBuf;

/// Export the newest checkpoint of a run.
#[derive(clap::Args)]
pub(crate) struct Export {
    /// The run directory.
    run: PathBuf,
    /// The file to write; it must not exist.
    #[arg(short, long, default_value = "policy.onnx")]
    output: PathBuf,
}

impl Export {
    pub(crate) fn run(self) -> Outcome {
        if self.output.exists() {
            let path = self.output.display();
            return Err(unusable(anyhow!("{path} exists; nothing was overwritten, choose another -o")));
        }
        let run = RunDirectory::open(&self.run).map_err(unusable)?;
        let checkpoint = load_newest(&run).map_err(unusable)?;
        let task = Task::load(&recorded_task(&run)?).map_err(unusable)?;
        let bytes = checkpoint.actor.export(&task).map_err(failed)?;
        atomic_write(&self.output, &bytes)
            .with_context(|| format!("cannot write {}", self.output.display()))
            .map_err(failed)?;
        eprintln!(
            "{}: the actor after {} steps, {} bytes",
            self.output.display(),
            checkpoint.steps,
            bytes.len()
        );
        Ok(())
    }
}
