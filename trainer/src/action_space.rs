//! Which actions an algorithm can take: an algorithm and a task that do not fit are refused before anything is written.

use crate::config::Algorithm;
use sinew_sim::Task;

/// An algorithm that cannot act in a task.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("task {task} chooses among {actions} discrete actions; {algorithm} acts in a continuous space")]
pub struct ActionSpaceError {
    /// The task.
    pub task: String,
    /// How many actions there are to choose from.
    pub actions: usize,
    /// The algorithm, as the command line names it.
    pub algorithm: &'static str,
}

/// Refuses a task whose actions the algorithm cannot take.
///
/// # Errors
/// The task has a table of discrete actions.
pub fn check_action_space(task: &Task, algorithm: Algorithm) -> Result<(), ActionSpaceError> {
    match task.discrete_actions() {
        None => Ok(()),
        Some(rows) => Err(ActionSpaceError {
            task: task.name().to_owned(),
            actions: rows.len(),
            algorithm: algorithm.name(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_task_with_a_table_is_refused() {
        let check = |name| check_action_space(&Task::load(name).unwrap(), Algorithm::Sac);
        assert_eq!(check("pendulum-v1"), Ok(()));
        let message = check("acrobot-v1").unwrap_err().to_string();
        assert_eq!(
            message,
            "task acrobot-v1 chooses among 3 discrete actions; sac acts in a continuous space"
        );
    }
}
