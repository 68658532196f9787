//! How a step left its episode: [`End`], on which every learner's targets depend.

use serde::{Deserialize, Serialize};
use sinew_sim::VecEnv;

/// How a step left its episode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// It goes on.
    #[default]
    None,
    /// The task ended: nothing follows.
    Terminated,
    /// Time ran out: it would have gone on.
    Truncated,
    /// The simulation broke down: the step is no experience.
    Faulted,
}

impl End {
    /// How an environment's last step left its episode.
    pub fn of(environments: &VecEnv, environment: usize) -> Self {
        if environments.faulted()[environment] {
            Self::Faulted
        } else if environments.terminated()[environment] {
            Self::Terminated
        } else if environments.truncated()[environment] {
            Self::Truncated
        } else {
            Self::None
        }
    }
}
