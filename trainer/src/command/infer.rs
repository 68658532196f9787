//! `sinew infer`.

use sinew_firmware_host::exit::{Outcome, failed, unusable};
use sinew_policy_runtime::policy_file::load_policy;
use sinew_trainer::inference::{InferError, infer_lines};
use std::path::PathBuf;

/// Run a policy by hand: one JSON object of named inputs a line on stdin, one of named outputs a line on stdout.
///
/// State of a recurrent policy carries over from line to line. No contract is needed.
#[derive(clap::Args)]
pub(crate) struct Infer {
    /// policy.onnx or policy.img.
    policy: PathBuf,
}

impl Infer {
    pub(crate) fn run(self) -> Outcome {
        let image = load_policy(&self.policy).map_err(unusable)?;
        let view = image.image().map_err(unusable)?;
        infer_lines(view, std::io::stdin().lock(), std::io::stdout().lock()).map_err(|error| match error {
            InferError::Line { .. } => unusable(error),
            other => failed(other),
        })
    }
}
