//! `sinew-host replay`.

use anyhow::anyhow;
use sinew_firmware_host::exit::{Outcome, failed, unusable};
use sinew_firmware_host::telemetry::{Replay, replay_with_fallback};
use sinew_policy_runtime::policy_file::load_policy;
use std::path::PathBuf;

/// Execute a log again and compare every frame, age and decision bit by bit.
#[derive(clap::Args)]
pub(crate) struct ReplayCommand {
    /// A log of `run` or `hil`, cut or whole.
    log: PathBuf,
    /// The policy that flew: policy.onnx or policy.img.
    #[arg(long)]
    policy: PathBuf,
    /// The fallback policy, where the run had one.
    #[arg(long)]
    fallback_policy: Option<PathBuf>,
}

impl ReplayCommand {
    pub(crate) fn run(self) -> Outcome {
        let image = load_policy(&self.policy).map_err(unusable)?;
        let fallback = self.fallback_policy.as_ref().map(load_policy).transpose().map_err(unusable)?;
        let Replay { verified, unverified, keyframes, gaps, cut_at, difference } =
            replay_with_fallback(&self.log, &image, fallback.as_ref()).map_err(unusable)?;
        eprintln!("{verified} ticks did the same again, {unverified} are unverified, {gaps} gaps");
        eprintln!("{keyframes} keyframes found again");
        if let Some(at) = cut_at {
            eprintln!("the log was cut at byte {at}");
        }
        match difference {
            None if verified == 0 => Err(failed(anyhow!("no tick could be executed again"))),
            None => Ok(()),
            Some(found) => Err(failed(anyhow!(
                "tick {}: {} is {} in the log and {} in the replay",
                found.tick,
                found.field,
                found.logged,
                found.replayed
            ))),
        }
    }
}
