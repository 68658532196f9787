//! `sinew tasks`.

use sinew_firmware_host::exit::{Outcome, unusable};
use sinew_sim::Task;

/// List the built-in tasks with their sizes and rates.
#[derive(clap::Args)]
pub(crate) struct Tasks {}

impl Tasks {
    pub(crate) fn run() -> Outcome {
        println!(
            "{:<14} {:>11} {:>7} {:>8} {:>9}  summary",
            "task", "observation", "action", "rate", "episode"
        );
        for name in Task::builtin_names() {
            let task = Task::load(name).map_err(unusable)?;
            println!(
                "{:<14} {:>11} {:>7} {:>5.0} Hz {:>7.1} s  {}",
                name,
                task.observation_size(),
                task.action_size(),
                1.0 / task.policy_period_s(),
                task.episode_steps() as f64 * task.policy_period_s(),
                task.summary()
            );
        }
        Ok(())
    }
}
