//! A curriculum as a task's file writes it.

use serde::Deserialize;

/// `[curriculum]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CurriculumDocument {
    pub(crate) terrain: Option<TerrainCourseDocument>,
    pub(crate) commands: Vec<CommandCourseDocument>,
    pub(crate) rewards: Vec<RewardCourseDocument>,
}

/// `[curriculum.terrain]`: each environment's ground by what its own robot walked.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TerrainCourseDocument {
    /// The greatest difficulty at which an environment begins; they are spread from 0 to it.
    #[serde(default)]
    pub(crate) start: f64,
    /// Share of the commanded distance from which the next episode's ground is a level harder.
    #[serde(default = "most")]
    pub(crate) raise_above: f64,
    /// Share of the commanded distance below which it is a level easier.
    #[serde(default = "half")]
    pub(crate) lower_below: f64,
}

/// `[[curriculum.commands]]`: a command's range, which starts narrow; `[commands.sampled]` is the widest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommandCourseDocument {
    pub(crate) command: String,
    /// Smallest and largest value of each component at the beginning.
    pub(crate) low: Vec<f32>,
    pub(crate) high: Vec<f32>,
    /// How far each component's bounds move at a time; 0 for one that does not grow.
    pub(crate) step: Vec<f32>,
    /// Name of the reward term that says how well the command is tracked: one whose shape earns at most 1.
    pub(crate) reward: String,
    /// Mean of what that term earned over whole episodes, from which the range widens.
    #[serde(default = "most")]
    pub(crate) raise_above: f64,
    /// Mean down to which it narrows again; it never does where absent.
    pub(crate) lower_below: Option<f64>,
    /// How many episodes are averaged before it moves.
    pub(crate) episodes: u32,
}

/// `[[curriculum.rewards]]`: a reward term whose weight moves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RewardCourseDocument {
    /// Name of the reward term.
    pub(crate) reward: String,
    /// Factor on its weight at the beginning; 1 in the end.
    pub(crate) start: f64,
    /// Begin and end, in steps of all environments together.
    pub(crate) steps: Option<[u64; 2]>,
    /// Or in episodes of all environments together.
    pub(crate) episodes: Option<[u64; 2]>,
}

fn most() -> f64 {
    0.8
}

fn half() -> f64 {
    0.5
}
