//! What is to be learned: a robot, what its policy sees and commands, what counts as good, and how robots differ.
//!
//! A [`Task`] is read from TOML, a built-in one or a file, and is complete and consistent once it exists. The policy's
//! [`Contract`](sinew_policy_runtime::contract::Contract) follows from it alone, so what was trained and what is deployed cannot be described twice.

mod builtin;
mod check;
mod contract;
mod describe;
mod discrete;
mod document;
mod effort;
mod error;
mod fingerprint;
mod joints;
mod load;
mod objects;
mod pin;
mod scan;
mod senses;
mod servo;
mod variation;
mod watched;

pub(crate) use contract::nobody;
pub use document::SafeActionSpec;
pub(crate) use document::{
    ActuatorDocument, CommandDocument, DcMotorDocument, ObjectDocument, RotorDocument, SensorDocument,
    SensorErrors, SensorQuantity, Solid, Spin, StartDocument,
};
pub use error::TaskError;
pub(crate) use scan::{BeamsDocument, CameraDocument, GridDocument};
pub(crate) use senses::SensorPlan;

use crate::curriculum::Course;
use crate::equations::Equations;
use crate::objective::{CustomObjective, Objective, RewardTerm, Success, Termination};
use crate::quantity::{Quantity, Situation};
use crate::randomization::{Randomization, Term};
use crate::robot::{Attachment, RobotModel};
use crate::terrain::TerrainSet;
use crate::truth::Truth;
use document::TaskDocument;
use joints::Joints;
use sinew_policy_runtime::interface::Interface;
use sinew_policy_runtime::safe_action::RotorMount;
use std::sync::Arc;
use watched::Watched;

/// A validated task; cheap to clone.
#[derive(Clone, Debug)]
pub struct Task {
    inner: Arc<Inner>,
    /// The same task in the formulation that training simulates, where that is another.
    in_training: Option<Arc<Task>>,
    custom: Option<Arc<dyn CustomObjective>>,
}

#[derive(Debug)]
struct Inner {
    document: TaskDocument,
    /// Absent where the task is equations.
    model: Option<RobotModel>,
    joints: Joints,
    objective: Objective,
    head_scale: Vec<f32>,
    head_offset: Vec<f32>,
    goal: Vec<f32>,
    observation_floor: Vec<f32>,
    /// How robots differ.
    terms: Vec<Term>,
    watched: Watched,
    terrains: Option<TerrainSet>,
    course: Arc<Course>,
    /// Names and ranges of the training level, as the contract lists them.
    training_ranges: Vec<(String, f64, f64)>,
}

impl Task {
    /// Names of the built-in tasks.
    pub fn builtin_names() -> &'static [&'static str] {
        &builtin::NAMES
    }

    /// The same task with an objective in Rust over that of the file; see [`CustomObjective`].
    #[must_use]
    pub fn with_objective(self, objective: Arc<dyn CustomObjective>) -> Self {
        Self { custom: Some(objective), ..self }
    }

    /// The task's name.
    pub fn name(&self) -> &str {
        &self.inner.document.name
    }

    /// One line for people.
    pub fn summary(&self) -> &str {
        &self.inner.document.summary
    }

    /// The robot's sensors and actuators.
    pub fn interface(&self) -> Interface<'_> {
        let document = &self.inner.document;
        Interface {
            sensors: document.sensors.iter().map(|sensor| self.sensor(sensor)).collect(),
            actuators: document.actuators.iter().map(ActuatorDocument::actuator).collect(),
        }
    }

    /// Values of an observation.
    pub fn observation_size(&self) -> usize {
        self.inner.observation_floor.len()
    }

    /// Values of an action.
    pub fn action_size(&self) -> usize {
        self.inner.head_scale.len()
    }

    /// The head's factor on each normalized action: actuator command = offset + scale x action, in SI units.
    pub fn head_scale(&self) -> &[f32] {
        &self.inner.head_scale
    }

    /// The head's offset of each actuator command, in SI units.
    pub fn head_offset(&self) -> &[f32] {
        &self.inner.head_offset
    }

    /// The smallest standard deviation that a normalizer may assume of each observation value, in its unit.
    pub fn observation_floor(&self) -> &[f32] {
        &self.inner.observation_floor
    }

    /// From one action to the next, s.
    pub fn policy_period_s(&self) -> f64 {
        self.inner.document.dynamics.policy_period_s
    }

    /// The integrator's step, s.
    pub fn physics_period_s(&self) -> f64 {
        self.inner.document.dynamics.physics_period_s
    }

    /// rapier's solver iterations in a physics step.
    pub(crate) fn solver_iterations(&self) -> u32 {
        self.inner.document.dynamics.solver_iterations
    }

    /// Steps of an acceptance episode that nothing ends.
    pub fn episode_steps(&self) -> usize {
        self.episode_steps_of(Randomization::Acceptance)
    }

    /// Steps of an episode that nothing ends.
    pub fn episode_steps_of(&self, randomization: Randomization) -> usize {
        let episode = &self.inner.document.episode;
        let duration_s = match randomization {
            Randomization::Training => episode.training_s,
            Randomization::Acceptance | Randomization::Nominal => episode.acceptance_s,
        };
        libm::round(duration_s / self.policy_period_s()) as usize
    }

    /// What the robot does when its host is silent; absent where the task has no robot.
    pub fn safe_action(&self) -> Option<SafeActionSpec> {
        self.inner.document.safe_action
    }

    /// Where each rotor sits and which way it turns, in the order of the actuators; empty where there are none.
    pub fn rotor_mounts(&self) -> Vec<RotorMount> {
        let Some(model) = &self.inner.model else { return Vec::new() };
        let actuators = self.inner.document.actuators.iter().zip(&model.attachments);
        let mount = |(actuator, attachment): (&ActuatorDocument, &Attachment)| {
            let (Some(rotor), Attachment::Base([x_m, y_m, _])) = (&actuator.rotor, attachment) else {
                return None;
            };
            Some(RotorMount {
                x_m: *x_m as f32,
                y_m: *y_m as f32,
                yaw_sign: if rotor.spin == Spin::Clockwise { 1.0 } else { -1.0 },
                hover_speed_rad_per_s: actuator.default,
            })
        };
        actuators.filter_map(mount).collect()
    }

    /// Whether there is a robot that a plant can play; equations are none.
    pub fn has_robot(&self) -> bool {
        self.inner.model.is_some()
    }

    /// SHA-256 over all that the robot's file resolved to, whatever its comments and spaces; absent where the task has no
    /// robot.
    pub fn robot_hash(&self) -> Option<[u8; 32]> {
        self.inner.model.as_ref().map(RobotModel::hash)
    }

    /// The goals, one command after the other; of a goal that is sampled, the value before the first draw.
    pub fn goal(&self) -> &[f32] {
        &self.inner.goal
    }

    /// Names of the robot's joints, in the order of [`crate::Truth::joints`].
    pub fn joint_names(&self) -> &[String] {
        &self.inner.joints.names
    }

    /// Each joint's position, rad or m, in the robot's default pose, in the order of [`Self::joint_names`].
    pub fn default_pose(&self) -> impl Iterator<Item = f64> {
        let pose = self.inner.model.as_ref().map(RobotModel::default_pose);
        (0..self.inner.joints.names.len()).map(move |joint| pose.map_or(0.0, |pose| pose[joint]))
    }

    /// The same as a slice; empty where the task has no robot.
    pub(crate) fn default_joints(&self) -> &[f64] {
        self.inner.model.as_ref().map_or(&[], RobotModel::default_pose)
    }

    /// Whether anything asks for the state before a step.
    pub(crate) fn remembers_states(&self) -> bool {
        let Objective { rewards, terminations, success } = &self.inner.objective;
        let measures = rewards.iter().map(|term| term.measure);
        let measures = measures.chain(terminations.iter().map(|termination| termination.measure));
        let mut measures = measures.chain(success.iter().map(|success| success.measure));
        self.custom.is_some() || measures.any(|measure| measure.quantity == Quantity::AirTime)
    }

    /// When an episode counts as a success.
    pub fn success(&self) -> Option<Success> {
        self.inner.objective.success
    }

    /// How far a true state is from success, in the unit of the success quantity; absent where the task defines none.
    ///
    /// Of goals that are sampled, the value before the first draw counts.
    pub fn error(&self, truth: &Truth) -> Option<f64> {
        Some(self.success()?.value(&Situation::still(truth, self.goal(), self.default_joints())))
    }

    /// Absent where there is a robot.
    pub(crate) fn equations(&self) -> Option<Equations> {
        self.inner.document.dynamics.equations
    }

    /// Whether training simulates another formulation than the one that the task is accepted in.
    pub fn has_training_formulation(&self) -> bool {
        self.in_training.is_some()
    }

    /// The same task with no formulation of its own for training.
    #[must_use]
    pub fn exact(&self) -> Self {
        Self { in_training: None, ..self.clone() }
    }

    /// The task whose model is simulated at a level of randomization.
    pub(crate) fn simulated(&self, randomization: Randomization) -> &Self {
        match &self.in_training {
            Some(task) if randomization == Randomization::Training => task,
            _ => self,
        }
    }

    pub(crate) fn model(&self) -> Option<&RobotModel> {
        self.inner.model.as_ref()
    }

    /// The objective in Rust, where there is one.
    pub(crate) fn custom_objective(&self) -> Option<&dyn CustomObjective> {
        self.custom.as_deref()
    }

    pub(crate) fn terrains(&self) -> Option<&TerrainSet> {
        self.inner.terrains.as_ref()
    }

    pub(crate) fn reward_terms(&self) -> &[RewardTerm] {
        &self.inner.objective.rewards
    }

    /// How it grows harder.
    pub(crate) fn course(&self) -> &Arc<Course> {
        &self.inner.course
    }

    /// Whether anything grows harder as robots cope.
    pub(crate) fn has_curriculum(&self) -> bool {
        self.course().terrain.is_some() || self.course().is_shared()
    }

    pub(crate) fn terminations(&self) -> &[Termination] {
        &self.inner.objective.terminations
    }

    pub(crate) fn actuators(&self) -> &[ActuatorDocument] {
        &self.inner.document.actuators
    }

    pub(crate) fn commands(&self) -> &[CommandDocument] {
        &self.inner.document.commands
    }

    pub(crate) fn start(&self) -> &StartDocument {
        &self.inner.document.start
    }

    /// For each joint, the largest speed that it keeps at the end of a policy period, rad/s.
    pub(crate) fn speed_clips(&self) -> Vec<Option<f64>> {
        let clip = |name: &String| {
            let joints = &self.inner.document.joints;
            joints.iter().find(|joint| joint.name == *name).map(|joint| joint.speed_clip)
        };
        self.inner.joints.names.iter().map(clip).collect()
    }
}
