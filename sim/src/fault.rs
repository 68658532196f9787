//! A simulation that left what is physical: [`Fault`], with all that a re-run needs.
//!
//! Stiff contacts, a bad model or a huge gain can blow a simulation up. Such an episode ends there: it is no
//! experience, it is counted, and its actions are kept, so that the same seed replays it to the same instant.

use crate::curriculum::Lesson;
use crate::truth::Truth;
use serde::{Deserialize, Serialize};

/// No robot moves faster, in m/s or rad/s: a simulation that does has exploded.
pub const LARGEST_SPEED: f64 = 1e4;
/// No robot is farther from the origin, m.
pub const LARGEST_DISTANCE_M: f64 = 1e6;

/// Where a simulation left what is physical.
///
/// `Env::new` with the same task, randomization, seed and environment, the same difficulty, formulation, ranges and lesson, a reset
/// to the episode and these actions lead back to it, bit for bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// The task.
    pub task: String,
    /// The environments' seed.
    pub seed: u64,
    /// Which environment.
    pub environment: u64,
    /// Which of its episodes.
    pub episode: u64,
    /// The difficulty that was set for the episode; absent where the task's range said it.
    #[serde(default)]
    pub difficulty: Option<f64>,
    /// Whether the formulation was simulated in which the task is accepted; see [`crate::Env::simulate_exactly`].
    #[serde(default)]
    pub exact: bool,
    /// The adaptive ranges that were set for the episode; see [`crate::Env::set_ranges`].
    #[serde(default)]
    pub ranges: Vec<[f64; 2]>,
    /// What the curriculum asked of the episode; see [`crate::Env::set_lesson`].
    #[serde(default)]
    pub lesson: Lesson,
    /// Since the episode's start.
    pub time_s: f64,
    /// What was not physical.
    pub cause: String,
    /// Every normalized action of the episode, step by step, `[steps, action]`.
    pub actions: Vec<f32>,
}

/// What is not physical about a state, if anything is; `finite` is whether everything on the way to it was.
pub(crate) fn cause(truth: &Truth, finite: bool) -> Option<String> {
    if !finite || !truth.is_finite() {
        return Some("the state is not finite".to_owned());
    }
    let base = &truth.base;
    let speeds = base.velocity_m_per_s.into_iter().chain(base.angular_velocity_rad_per_s);
    if let Some(speed) =
        speeds.chain(truth.joints.iter().map(|joint| joint.velocity)).find(|v| v.abs() > LARGEST_SPEED)
    {
        return Some(format!("a speed of {speed:e}, expected at most {LARGEST_SPEED:e} m/s or rad/s"));
    }
    let distance = base.position_m.into_iter().find(|x| x.abs() > LARGEST_DISTANCE_M)?;
    Some(format!("a distance of {distance:e} m, expected at most {LARGEST_DISTANCE_M:e} m"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::JointState;

    #[test]
    fn causes_name_what_is_not_physical() {
        let mut truth = Truth { joints: vec![JointState::default(); 2], ..Truth::default() };
        assert_eq!(cause(&truth, true), None);
        assert_eq!(cause(&truth, false).unwrap(), "the state is not finite");
        truth.joints[1].velocity = -2e4;
        assert_eq!(cause(&truth, true).unwrap(), "a speed of -2e4, expected at most 1e4 m/s or rad/s");
        truth.joints[1].velocity = 9e3;
        truth.base.position_m[2] = 2e6;
        assert_eq!(cause(&truth, true).unwrap(), "a distance of 2e6 m, expected at most 1e6 m");
        truth.base.velocity_m_per_s[0] = f64::NAN;
        assert_eq!(cause(&truth, true).unwrap(), "the state is not finite");
    }
}
