//! `sinew tasks`.

use sinew_firmware_host::exit::{Outcome, print, unusable};
use sinew_sim::Task;

/// List the built-in tasks with their sizes and rates, or show all of one.
#[derive(clap::Args)]
pub(crate) struct Tasks {
    /// A built-in task, or the path of a task.toml.
    task: Option<String>,
}

impl Tasks {
    pub(crate) fn run(self) -> Outcome {
        match self.task {
            None => list(),
            Some(name) => {
                let task = Task::load(&name).map_err(unusable)?;
                warn(&task);
                print(&task.describe())
            }
        }
    }
}

/// Prints what is doubtful about a task.
pub(crate) fn warn(task: &Task) {
    for warning in task.warnings() {
        eprintln!("warning: {warning}");
    }
}

fn list() -> Outcome {
    let width = Task::builtin_names().iter().map(|name| name.len()).max().unwrap_or(0);
    let mut lines = vec![format!(
        "{:<width$} {:>11} {:>7} {:>8} {:>9}  summary\n",
        "task", "observation", "action", "rate", "episode"
    )];
    for name in Task::builtin_names() {
        let task = Task::load(name).map_err(unusable)?;
        lines.push(format!(
            "{:<width$} {:>11} {:>7} {:>5.0} Hz {:>7.1} s  {}\n",
            name,
            task.observation_size(),
            task.action_size(),
            1.0 / task.policy_period_s(),
            task.episode_steps() as f64 * task.policy_period_s(),
            task.summary()
        ));
    }
    print(&lines.concat())
}
