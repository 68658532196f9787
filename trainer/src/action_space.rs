//! Which actions a task takes and an algorithm learns about: pairs that do not fit are refused before anything is written.
//!
//! What crosses the environment's boundary is always a normalized action. Where a task chooses among the rows of a table, an
//! algorithm learns about their indices: `ActionSpace` turns one into the other.

use crate::config::Algorithm;
use crate::random::Stream;
use sinew_sim::Task;

/// An algorithm that cannot act in a task.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ActionSpaceError {
    /// The task has a table of actions.
    #[error("task {task} chooses among {actions} discrete actions; {algorithm} acts in a continuous space")]
    Discrete {
        /// The task.
        task: String,
        /// How many actions there are to choose from.
        actions: usize,
        /// The algorithm, as the command line names it.
        algorithm: &'static str,
    },
    /// The task takes any action.
    #[error(
        "task {task} acts in a continuous space; {algorithm} chooses among discrete actions, and the task has no [discrete] table"
    )]
    Continuous {
        /// The task.
        task: String,
        /// The algorithm, as the command line names it.
        algorithm: &'static str,
    },
}

/// Refuses a task whose actions the algorithm cannot take.
///
/// # Errors
/// See [`ActionSpaceError`].
pub fn check_action_space(task: &Task, algorithm: Algorithm) -> Result<(), ActionSpaceError> {
    use Algorithm::{A2c, Ddpg, Dqn, Npg, Ppo, Reinforce, Sac, Td3, Trpo};
    let name = task.name().to_owned();
    match (task.discrete_actions(), algorithm) {
        (_, Ppo | A2c | Trpo | Npg | Reinforce) | (Some(_), Dqn) | (None, Sac | Td3 | Ddpg) => Ok(()),
        (Some(rows), Sac | Td3 | Ddpg) => {
            Err(ActionSpaceError::Discrete { task: name, actions: rows.len(), algorithm: algorithm.name() })
        }
        (None, Dqn) => Err(ActionSpaceError::Continuous { task: name, algorithm: algorithm.name() }),
    }
}

/// The actions that a task takes.
#[derive(Clone, Debug, PartialEq)]
pub enum ActionSpace {
    /// Any normalized action of so many values.
    Continuous(usize),
    /// One row of a table of normalized actions, `[actions, action]`.
    Discrete(Vec<Vec<f32>>),
}

impl ActionSpace {
    /// A task's.
    pub fn of(task: &Task) -> Self {
        match task.discrete_actions() {
            Some(rows) => Self::Discrete(rows.to_vec()),
            None => Self::Continuous(task.action_size()),
        }
    }

    /// Values of one choice: a normalized action's, or 1 for an index.
    pub fn choice_size(&self) -> usize {
        match self {
            Self::Continuous(size) => *size,
            Self::Discrete(_) => 1,
        }
    }

    /// Values that a network puts out for one choice: a mean for each value, or a logit for each row.
    pub fn output_size(&self) -> usize {
        match self {
            Self::Continuous(size) => *size,
            Self::Discrete(rows) => rows.len(),
        }
    }

    /// Uniformly random `choices [environments, choice]`.
    pub fn draw(&self, stream: &mut Stream, choices: &mut [f32]) {
        match self {
            Self::Continuous(_) => choices.iter_mut().for_each(|choice| *choice = stream.uniform(-1.0, 1.0)),
            Self::Discrete(rows) => {
                for choice in choices {
                    *choice = stream.index(rows.len()) as f32;
                }
            }
        }
    }

    /// The normalized actions `[environments, action]` that `choices [environments, choice]` stand for.
    pub fn actions(&self, choices: &[f32], actions: &mut [f32]) {
        match self {
            Self::Continuous(_) => actions.copy_from_slice(choices),
            Self::Discrete(rows) => {
                let places = actions.chunks_exact_mut(rows[0].len());
                places
                    .zip(choices)
                    .for_each(|(action, choice)| action.copy_from_slice(&rows[*choice as usize]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_algorithm_and_a_task_that_do_not_fit_are_refused() {
        let check = |name, algorithm| check_action_space(&Task::load(name).unwrap(), algorithm);
        assert_eq!(check("pendulum-v1", Algorithm::Sac), Ok(()));
        assert_eq!(check("acrobot-v1", Algorithm::Dqn), Ok(()));
        assert_eq!(check("acrobot-v1", Algorithm::Ppo), Ok(()));
        assert_eq!(check("pendulum-v1", Algorithm::Ppo), Ok(()));
        let message = check("acrobot-v1", Algorithm::Sac).unwrap_err().to_string();
        assert_eq!(
            message,
            "task acrobot-v1 chooses among 3 discrete actions; sac acts in a continuous space"
        );
        let message = check("pendulum-v1", Algorithm::Dqn).unwrap_err().to_string();
        assert_eq!(
            message,
            "task pendulum-v1 acts in a continuous space; dqn chooses among discrete actions, and the task has no \
             [discrete] table"
        );
    }

    #[test]
    fn an_index_stands_for_its_row() {
        let space = ActionSpace::Discrete(vec![vec![-1.0, 0.5], vec![0.0, 0.25]]);
        let mut actions = [0.0; 6];
        space.actions(&[1.0, 0.0, 1.0], &mut actions);
        assert_eq!(actions, [0.0, 0.25, -1.0, 0.5, 0.0, 0.25]);
        let mut choices = [9.0; 100];
        space.draw(&mut Stream::new(1, "choices"), &mut choices);
        assert!(choices.contains(&0.0) && choices.contains(&1.0));
        assert!(choices.iter().all(|choice| [0.0, 1.0].contains(choice)));
    }
}
