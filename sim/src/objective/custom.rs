//! An objective in Rust, where a task's file cannot say what counts as good: [`CustomObjective`].
//!
//! The file stays underneath and supplies robot, sensors, observation, starts and randomization, so that contract, export
//! and deployment are those of any task. The objective gets what the file's own terms come to, and keeps, extends or replaces
//! it: small penalties stay data even where the goal is code.

use crate::quantity::Situation;
use std::fmt::Debug;

/// What counts as good, in Rust; attached by [`crate::Task::with_objective`].
///
/// It is shared by all environments and threads. Its answers must follow from the situation alone, by arithmetic that has
/// the same bits everywhere (`libm`, never std's transcendentals): a memory or a clock of its own would make runs that
/// nothing can repeat. A reward that is not finite ends the episode as a fault.
///
/// Success stays the file's.
///
/// ```
/// use sinew_sim::{CustomObjective, Env, Randomization, Situation, Task};
/// use std::sync::Arc;
///
/// /// Rewards every radian that the pendulum turns forward, and ends after a full turn.
/// #[derive(Debug)]
/// struct Spin {
///     hinge: usize,
/// }
///
/// impl CustomObjective for Spin {
///     fn reward(&self, situation: &Situation, _from_file: f64) -> f64 {
///         situation.truth.joints[self.hinge].position - situation.before.joints[self.hinge].position
///     }
///
///     fn terminated(&self, situation: &Situation, from_file: bool) -> bool {
///         from_file || situation.truth.joints[self.hinge].position > 2.0 * std::f64::consts::PI
///     }
/// }
///
/// let task = Task::load("pendulum")?;
/// let hinge = task.joint_names().iter().position(|name| name == "hinge").ok_or("no hinge")?;
/// let task = task.with_objective(Arc::new(Spin { hinge }));
///
/// let mut env = Env::new(&task, Randomization::Training, 0, 0)?;
/// let mut observation = vec![0.0; task.observation_size()];
/// env.reset(0, &mut observation)?;
/// let start = env.truth().joints[hinge].position;
/// let outcome = env.step(&[1.0], &mut observation)?;
/// assert_eq!(outcome.reward, (env.truth().joints[hinge].position - start) as f32);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait CustomObjective: Debug + Send + Sync {
    /// The reward of the step that led to `situation`. `from_file` is what the file's terms come to, with the reward of the
    /// file's termination where one applies. The default keeps it.
    fn reward(&self, situation: &Situation, from_file: f64) -> f64 {
        let _ = situation;
        from_file
    }

    /// Whether the task ends in `situation`. `from_file` is whether one of the file's terminations applies. The default keeps
    /// it.
    fn terminated(&self, situation: &Situation, from_file: bool) -> bool {
        let _ = situation;
        from_file
    }
}
