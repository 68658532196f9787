//! A task as written in its TOML file; [`super::Task`] is the same after validation.
//!
//! Parsing has no side effects, and a key that the format does not have is an error that names the nearest one: a
//! misspelt range that was silently ignored would train the wrong policy.

mod object;
mod sensor;

pub(crate) use object::{ObjectDocument, Solid};
pub(crate) use sensor::{SensorDocument, SensorErrors, SensorQuantity};

use super::discrete::DiscreteDocument;
use super::error::TaskError;
use crate::curriculum::CurriculumDocument;
use crate::equations::Equations;
use crate::objective::{Sample, Shape, Statistic};
use crate::quantity::Quantity;
use crate::randomization::{AdaptationRule, Distribution, Range, TermDocument as RandomizationDocument};
use crate::robot::{Base, Formulation};
use crate::terrain::TerrainDocument;
use serde::Deserialize;
use sinew_policy_runtime::contract::{History, Layout, TermSource};
use sinew_policy_runtime::document;
use sinew_policy_runtime::interface::{ActuatorMode, Frame, Unit};
use std::collections::BTreeMap;

/// A task's file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaskDocument {
    /// Unique; stands in the contract.
    pub(crate) name: String,
    /// One line for people.
    pub(crate) summary: String,
    pub(crate) dynamics: DynamicsDocument,
    pub(crate) episode: EpisodeDocument,
    /// Present for robots, absent for equations.
    pub(crate) safe_action: Option<SafeActionSpec>,
    #[serde(default)]
    pub(crate) joints: Vec<JointDocument>,
    pub(crate) sensors: Vec<SensorDocument>,
    pub(crate) actuators: Vec<ActuatorDocument>,
    /// The actions among which the policy chooses; absent where it may take any.
    pub(crate) discrete: Option<DiscreteDocument>,
    #[serde(default)]
    pub(crate) commands: Vec<CommandDocument>,
    pub(crate) observation: Vec<TermDocument>,
    /// What only the critic sees.
    #[serde(default)]
    pub(crate) privileged: PrivilegedDocument,
    #[serde(default = "term_major")]
    pub(crate) layout: Layout,
    pub(crate) reward: Vec<RewardDocument>,
    #[serde(default)]
    pub(crate) termination: Vec<TerminationDocument>,
    pub(crate) success: Option<SuccessDocument>,
    pub(crate) start: StartDocument,
    #[serde(default)]
    pub(crate) randomization: Vec<RandomizationDocument>,
    /// Present where a term of randomization is adaptive.
    pub(crate) adaptive_randomization: Option<AdaptationRule>,
    #[serde(default)]
    pub(crate) truth: TruthDocument,
    pub(crate) terrain: Option<TerrainDocument>,
    /// What lies beside the robot.
    #[serde(default)]
    pub(crate) objects: Vec<ObjectDocument>,
    #[serde(default)]
    pub(crate) curriculum: CurriculumDocument,
}

fn term_major() -> Layout {
    Layout::TermMajor
}

/// What moves the robot.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DynamicsDocument {
    /// An MJCF or URDF file, built in or beside the task's file.
    pub(crate) model: Option<String>,
    /// How a URDF's root is held; fixed where absent.
    pub(crate) base: Option<Base>,
    /// How the model's joints are held together.
    #[serde(default)]
    pub(crate) formulation: Formulation,
    /// How they are held together in training, where that is to be cheaper than what policies are judged on.
    pub(crate) training_formulation: Option<Formulation>,
    /// Whether there is a level floor at height 0; a model's file may bring a floor of its own.
    #[serde(default)]
    pub(crate) floor: bool,
    /// rapier's solver iterations in a physics step; more hold stiff contacts and joint constraints better.
    #[serde(default = "one_iteration")]
    pub(crate) solver_iterations: u32,
    /// Or equations of motion without a physics engine.
    pub(crate) equations: Option<Equations>,
    /// The integrator's step, s; at most 2 ms where there is a model.
    pub(crate) physics_period_s: f64,
    /// From one action to the next, s.
    pub(crate) policy_period_s: f64,
}

fn one_iteration() -> u32 {
    1
}

/// How long an episode lasts when nothing ends it, s.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EpisodeDocument {
    /// In training. Shorter episodes see more starts.
    pub(crate) training_s: f64,
    /// In acceptance and nominal runs.
    pub(crate) acceptance_s: f64,
}

/// What the model's file cannot say about a joint.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JointDocument {
    pub(crate) name: String,
    /// The speed, rad/s or m/s, is clipped to it, either way, at the end of every policy period, as Gymnasium's pendulum does.
    pub(crate) speed_clip: f64,
}

/// What the true state holds beside what the task's terms name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TruthDocument {
    /// Sites of the model.
    pub(crate) sites: Vec<String>,
    /// Geoms, or bodies, whose contacts are felt.
    pub(crate) contacts: Vec<String>,
}

/// An actuator of the robot.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActuatorDocument {
    pub(crate) name: String,
    pub(crate) mode: ActuatorMode,
    /// The joint that it drives; a rotor has none.
    pub(crate) joint: Option<String>,
    /// The site where a rotor sits; its z axis is the rotor's.
    pub(crate) site: Option<String>,
    pub(crate) minimum: f32,
    pub(crate) maximum: f32,
    pub(crate) max_rate_per_s: Option<f32>,
    #[serde(default)]
    pub(crate) stiffness: f32,
    #[serde(default)]
    pub(crate) damping: f32,
    /// Largest torque of a joint's motor, N m, or force, N; the command's limit where that is a torque and this is absent.
    pub(crate) effort_limit: Option<f64>,
    /// Time constant of the motor's first-order lag, s; 0 for none.
    #[serde(default)]
    pub(crate) lag_s: f64,
    /// From the command to the motor, s; 0 for none.
    #[serde(default)]
    pub(crate) delay_s: f64,
    /// How the effort falls with the joint's speed, where it does.
    pub(crate) dc_motor: Option<DcMotorDocument>,
    /// The command in the default pose.
    pub(crate) default: f32,
    /// The command is offset + scale x normalized action.
    pub(crate) head_scale: f32,
    pub(crate) head_offset: f32,
    pub(crate) rotor: Option<RotorDocument>,
}

/// The line from stall to no load of a DC motor at its nominal voltage.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DcMotorDocument {
    /// Effort at rest, N m or N; more than the effort limit where the drive limits the current.
    pub(crate) stall_effort: f64,
    /// Speed at which no effort is left, rad/s or m/s.
    pub(crate) no_load_speed: f64,
}

/// A rotor's constants.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotorDocument {
    /// Seen from above.
    pub(crate) spin: Spin,
    /// Thrust over speed squared.
    pub(crate) thrust_n_s2_per_rad2: f64,
    /// Drag torque over speed squared.
    pub(crate) torque_n_m_s2_per_rad2: f64,
    /// Drag force over speed and the body's velocity across the rotor's axis.
    #[serde(default)]
    pub(crate) drag_across_n_s2_per_m_rad: f64,
    /// The same along the axis.
    #[serde(default)]
    pub(crate) drag_along_n_s2_per_m_rad: f64,
}

/// A rotor's direction of rotation, seen from above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Spin {
    /// About -z; the body feels a torque about +z.
    Clockwise,
    /// About +z; the body feels a torque about -z.
    CounterClockwise,
}

/// A goal of the policy.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommandDocument {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) frame: Frame,
    pub(crate) minimum: Vec<f32>,
    pub(crate) maximum: Vec<f32>,
    pub(crate) safe_value: Vec<f32>,
    pub(crate) max_age_s: f32,
    /// The goal in simulation, or before the first draw of one that is sampled.
    pub(crate) value: Vec<f32>,
    /// Draws the goal anew, at the start of an episode and every so often in it.
    pub(crate) sampled: Option<SampledDocument>,
}

/// How a goal is drawn.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SampledDocument {
    /// Smallest value of each component.
    pub(crate) low: Vec<f32>,
    /// Largest value of each component.
    pub(crate) high: Vec<f32>,
    /// How long a goal lasts, s.
    pub(crate) every_s: Range,
}

/// A term of the observation; size, unit and frame follow from its source.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TermDocument {
    pub(crate) name: String,
    pub(crate) source: TermSource,
    #[serde(default)]
    pub(crate) sensors: Vec<String>,
    pub(crate) command: Option<String>,
    pub(crate) max_age_s: f32,
    /// Smallest standard deviation that a normalizer may assume, in the term's unit.
    pub(crate) floor: f32,
    #[serde(default = "no_history")]
    pub(crate) history: History,
}

fn no_history() -> History {
    History::NONE
}

/// What only the critic sees: true, at once, and in no contract.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PrivilegedDocument {
    /// Measured without errors and delays.
    pub(crate) sensors: Vec<SensorDocument>,
    /// Whether every number that randomization drew is seen, from -1 at its lowest to 1 at its highest in training.
    pub(crate) randomization: bool,
}

/// A weighted term of the reward; see [`crate::objective::RewardTerm`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RewardDocument {
    /// What a curriculum calls it; its quantity where absent.
    name: Option<String>,
    pub(crate) quantity: Quantity,
    /// The joint, for a joint's quantity; all joints where absent.
    pub(crate) joint: Option<String>,
    /// The site, for a place's quantity; the base where absent.
    pub(crate) site: Option<String>,
    /// The geoms and bodies, for a contact's quantity.
    #[serde(default)]
    pub(crate) contacts: Vec<String>,
    /// Taken from the quantity, in its unit.
    #[serde(default)]
    pub(crate) target: f64,
    pub(crate) shape: Shape,
    pub(crate) weight: f64,
    #[serde(default = "one")]
    pub(crate) scale: f64,
    #[serde(default)]
    pub(crate) sample: Sample,
}

impl RewardDocument {
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.quantity.name())
    }
}

fn one() -> f64 {
    1.0
}

/// What ends an episode; see [`crate::objective::Termination`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TerminationDocument {
    pub(crate) quantity: Quantity,
    pub(crate) joint: Option<String>,
    pub(crate) site: Option<String>,
    #[serde(default)]
    pub(crate) contacts: Vec<String>,
    pub(crate) above: Option<f64>,
    pub(crate) below: Option<f64>,
    #[serde(default)]
    pub(crate) reward: f64,
}

/// What counts as success; see [`crate::objective::Success`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SuccessDocument {
    pub(crate) quantity: Quantity,
    pub(crate) joint: Option<String>,
    pub(crate) site: Option<String>,
    /// Taken from the quantity; its distance from it counts.
    #[serde(default)]
    pub(crate) target: f64,
    #[serde(default)]
    pub(crate) statistic: Statistic,
    pub(crate) limit: f64,
    pub(crate) window_s: f64,
}

/// Where episodes start.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartDocument {
    /// Of every joint that has no range of its own.
    pub(crate) joints: Option<JointStart>,
    /// Of single joints, by name.
    #[serde(default)]
    pub(crate) joint: BTreeMap<String, JointStart>,
    pub(crate) base: Option<BaseStart>,
}

/// Where a joint starts: rad and rad/s of a hinge, m and m/s of a slide.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JointStart {
    pub(crate) position: Distribution,
    pub(crate) velocity: Distribution,
}

/// Where a floating base starts.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BaseStart {
    /// In the world, above the terrain; the first command's value, which is then a position, where absent.
    pub(crate) position_m: Option<[f64; 3]>,
    /// Largest offset along each axis, one for all or one for each.
    pub(crate) position_offset_m: Offset,
    /// Largest tilt; the heading is any.
    pub(crate) tilt_rad: f64,
    /// Largest speed, in any direction.
    pub(crate) speed_m_per_s: f64,
    /// Largest rate of rotation, about any axis.
    pub(crate) angular_speed_rad_per_s: f64,
}

/// One number for all axes, or one for each.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Offset {
    All(f64),
    Each([f64; 3]),
}

impl Offset {
    /// Of each axis.
    pub(crate) const fn axes(self) -> [f64; 3] {
        match self {
            Self::All(offset) => [offset; 3],
            Self::Each(offsets) => offsets,
        }
    }
}

/// What the robot does when its host is silent.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SafeActionSpec {
    /// Joints go limp.
    ZeroTorque,
    /// Level out and sink while attitude is fresh, then motors off.
    LevelDescent {
        /// Speed of the descent, m/s.
        descent_speed_m_per_s: f64,
        /// Motors stop after it, s.
        duration_s: f64,
    },
}

impl TaskDocument {
    /// Reads a task's text; `file` stands in errors.
    pub(crate) fn parse(text: &str, file: &str) -> Result<Self, TaskError> {
        Ok(document::parse(text, file)?)
    }
}
