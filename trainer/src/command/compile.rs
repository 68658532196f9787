//! `sinew compile`.

use anyhow::{Context, anyhow};
use sinew_firmware_host::exit::{Outcome, failed, unusable};
use sinew_policy_runtime::policy_file::load_policy;
use sinew_trainer::run_directory::atomic_write;
use std::path::PathBuf;

/// Lower a policy to the flat image that robots run.
#[derive(clap::Args)]
pub(crate) struct Compile {
    /// policy.onnx.
    policy: PathBuf,
    /// The image to write; it must not exist.
    #[arg(short, long)]
    output: PathBuf,
}

impl Compile {
    pub(crate) fn run(self) -> Outcome {
        if self.output.exists() {
            let path = self.output.display();
            return Err(unusable(anyhow!("{path} exists; nothing was overwritten, choose another -o")));
        }
        let image = load_policy(&self.policy).map_err(unusable)?;
        atomic_write(&self.output, image.as_bytes())
            .with_context(|| format!("cannot write {}", self.output.display()))
            .map_err(failed)?;
        eprintln!("{}: {} bytes, golden pairs verified", self.output.display(), image.as_bytes().len());
        Ok(())
    }
}
