//! Discrete actions: a table of normalized actions, of which the policy takes one each period.
//!
//! What crosses every boundary is the row, a normalized action like any other, so that head, limits, delays and the
//! previous action are those of all tasks; an index lives inside the algorithm alone.

use super::Task;
use serde::Deserialize;

/// The actions among which a policy chooses.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiscreteDocument {
    /// Index k stands for row k, `[actions, action_size]`.
    pub(crate) actions: Vec<Vec<f32>>,
}

impl Task {
    /// The normalized actions among which the policy chooses, `[actions, action_size]`: index k stands for row k, which is
    /// what [`crate::Env::step`] takes. Absent where the policy may take any action.
    ///
    /// ```
    /// let task = sinew_sim::Task::load("cartpole-v1")?;
    /// let pushes = task.discrete_actions().unwrap_or_default();
    /// assert_eq!(pushes, [[-1.0], [1.0]]);
    /// # Ok::<(), sinew_sim::TaskError>(())
    /// ```
    pub fn discrete_actions(&self) -> Option<&[Vec<f32>]> {
        self.inner.document.discrete.as_ref().map(|discrete| &discrete.actions[..])
    }
}
