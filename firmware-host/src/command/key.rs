//! `sinew-host key`.

use sinew_firmware_host::exit::{Outcome, unusable};
use sinew_firmware_host::link::write_key;
use std::path::PathBuf;

/// Write a new secret for a host and a robot to share, into a file that must not exist.
#[derive(clap::Args)]
pub(crate) struct KeyCommand {
    /// The file; nobody but its owner can read it.
    file: PathBuf,
}

impl KeyCommand {
    pub(crate) fn run(self) -> Outcome {
        write_key(&self.file).map_err(unusable)
    }
}
