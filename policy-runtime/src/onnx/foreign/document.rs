//! The TOML beside a foreign model, as people write it: what the model and its tool's own files do not say.

use crate::contract::{HistoryOrder, HistoryReset, Layout, TermSource};
use crate::interface::{ActuatorMode, Frame, Unit};
use serde::Deserialize;

/// Everything but the model; what an import supplies may be left out. See `docs/foreign.md`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) task: String,
    /// A deploy.yaml of Isaac Lab's `unitree_rl_lab`, in the model's folder or below it.
    pub(super) deploy: Option<String>,
    /// Whether the model's metadata is mjlab's.
    #[serde(default)]
    pub(super) mjlab: bool,
    pub(super) policy_period_s: Option<f64>,
    pub(super) loop_period_s: Option<f64>,
    pub(super) servo_period_s: Option<f64>,
    /// How terms with history are laid out; term by term unless given.
    pub(super) layout: Option<Layout>,
    /// The robot's, all of them, in its own order.
    #[serde(default)]
    pub(super) sensors: Vec<SensorEntry>,
    /// In the model's order; with an import, what it lacks, by name and in any order.
    #[serde(default)]
    pub(super) observation: Vec<TermEntry>,
    #[serde(default)]
    pub(super) commands: Vec<CommandEntry>,
    /// The robot's, all of them, in its own order.
    #[serde(default)]
    pub(super) actions: Vec<ActionEntry>,
    /// Names of the actions in the order of the model's output; the robot's order unless given.
    pub(super) action_order: Option<Vec<String>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SensorEntry {
    pub(super) name: String,
    pub(super) size: u16,
    pub(super) unit: Unit,
    pub(super) frame: Frame,
}

/// One number for all values, or one for each.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Numbers {
    One(f32),
    Each(Vec<f32>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TermEntry {
    pub(super) name: String,
    pub(super) source: Option<TermSource>,
    #[serde(default)]
    pub(super) sensors: Vec<String>,
    pub(super) command: Option<String>,
    pub(super) unit: Option<Unit>,
    pub(super) frame: Option<Frame>,
    pub(super) max_age_s: Option<f32>,
    pub(super) history: Option<HistoryEntry>,
    /// Positions of the values that the model reads, in its order; all as they are unless given.
    pub(super) order: Option<Vec<usize>>,
    /// Is subtracted first.
    pub(super) relative_to: Option<Numbers>,
    /// Bounds what comes of it.
    pub(super) clip: Option<[f32; 2]>,
    /// Multiplies that at last.
    pub(super) scale: Option<Numbers>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryEntry {
    pub(super) length: u16,
    #[serde(default = "one")]
    pub(super) stride: u16,
    #[serde(default = "oldest_first")]
    pub(super) order: HistoryOrder,
    #[serde(default = "repeat_first")]
    pub(super) reset: HistoryReset,
}

fn one() -> u16 {
    1
}

fn oldest_first() -> HistoryOrder {
    HistoryOrder::OldestFirst
}

fn repeat_first() -> HistoryReset {
    HistoryReset::RepeatFirst
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CommandEntry {
    pub(super) name: String,
    pub(super) unit: Unit,
    pub(super) frame: Frame,
    pub(super) minimum: Option<Vec<f32>>,
    pub(super) maximum: Option<Vec<f32>>,
    pub(super) safe_value: Vec<f32>,
    pub(super) max_age_s: f32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActionEntry {
    pub(super) name: String,
    pub(super) mode: Option<ActuatorMode>,
    pub(super) minimum: f32,
    pub(super) maximum: f32,
    pub(super) max_rate_per_s: Option<f32>,
    pub(super) stiffness: Option<f32>,
    pub(super) damping: Option<f32>,
    pub(super) default: Option<f32>,
    /// `command = clip(scale · output + offset)`.
    pub(super) scale: Option<f32>,
    pub(super) offset: Option<f32>,
    pub(super) clip: Option<[f32; 2]>,
}
