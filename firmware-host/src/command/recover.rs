//! `sinew-host recover`.

use anyhow::anyhow;
use sinew_firmware_host::exit::{Outcome, unusable};
use sinew_firmware_host::telemetry::recover;
use std::path::PathBuf;

/// Restore the index of a log that was cut, into a new file. The log itself is left as it is.
#[derive(clap::Args)]
pub(crate) struct RecoverCommand {
    /// A log of `run` or `hil`.
    log: PathBuf,
    /// The new file; LOG.recovered.mcap, beside the log, unless given.
    #[arg(long, short, value_name = "F.mcap")]
    out: Option<PathBuf>,
}

impl RecoverCommand {
    pub(crate) fn run(self) -> Outcome {
        let name =
            self.log.file_stem().ok_or_else(|| unusable(anyhow!("{} is no file", self.log.display())))?;
        let default = self.log.with_file_name(format!("{}.recovered.mcap", name.to_string_lossy()));
        let out = self.out.unwrap_or(default);
        let found = recover(&self.log, &out).map_err(unusable)?;
        eprintln!("{} was cut at byte {}", self.log.display(), found.cut_at);
        if found.damaged_chunks > 0 {
            eprintln!("{} chunks are damaged and were left out", found.damaged_chunks);
        }
        eprintln!("{}: {} messages", out.display(), found.messages);
        Ok(())
    }
}
