//! One episode, moment by moment: [`Recording`].

use crate::evaluation::{EvaluationError, check, normalized_action};
use sinew_policy_runtime::executor::Executor;
use sinew_policy_runtime::image::AlignedImage;
use sinew_policy_runtime::interface::{Frame as Reference, Unit};
use sinew_sim::robot::scene::{Pose, Scene};
use sinew_sim::{Env, EpisodeSummary, JointState, Randomization, Task};

/// One episode and all that is worth seeing of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// The task.
    pub task: String,
    /// The algorithm and the steps that the policy was trained with; absent where its file does not say.
    pub trained: Option<(String, u64)>,
    /// As a person gave it.
    pub seed: u64,
    /// Which of the seed's episodes, from 0.
    pub episode: u64,
    /// The level of randomization.
    pub randomization: Randomization,
    /// From one frame to the next, s.
    pub period_s: f64,
    /// What does not change.
    pub scene: Scene,
    /// The actuators, in the robot's order.
    pub actuators: Vec<Channel>,
    /// The goals, one after the other.
    pub goals: Vec<Goal>,
    /// Names of the joints, in the order of [`Frame::joints`].
    pub joints: Vec<String>,
    /// The start, and the end of every step.
    pub frames: Vec<Frame>,
    /// How it ended.
    pub end: End,
    /// What it came to.
    pub summary: EpisodeSummary,
}

/// A number with a name and limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// Its name.
    pub name: String,
    /// Its unit's symbol.
    pub unit: &'static str,
    /// Smallest and largest value.
    pub limits: [f32; 2],
}

/// A goal.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// Its name.
    pub name: String,
    /// Of every value.
    pub unit: Unit,
    /// Of every value.
    pub frame: Reference,
    /// Smallest and largest of each value.
    pub limits: Vec<[f32; 2]>,
}

/// A moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Of every body, in the scene's order.
    pub poses: Vec<Pose>,
    /// Of the step that led here.
    pub reward: f64,
    /// Sum of the rewards so far.
    pub episode_return: f64,
    /// The normalized action that led here.
    pub action: Vec<f32>,
    /// The actuator command that it became, in SI units.
    pub actuator_command: Vec<f32>,
    /// The goals that hold from here on, one after the other.
    pub goal: Vec<f32>,
    /// Every joint.
    pub joints: Vec<JointState>,
}

/// How an episode ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The task ended it.
    Terminated,
    /// Time ran out.
    Complete,
    /// The simulation left what is physical, which is not shown.
    Fault(String),
}

impl Recording {
    /// Of the last frame, s.
    pub fn duration_s(&self) -> f64 {
        self.frames.len().saturating_sub(1) as f64 * self.period_s
    }

    /// How it ended, in a few words.
    pub fn outcome(&self) -> String {
        let end = match &self.end {
            End::Terminated => "ended by the task".to_owned(),
            End::Complete => "ran its full time".to_owned(),
            End::Fault(cause) => format!("fault: {cause}"),
        };
        match self.summary.success {
            Some(true) => format!("success, {end}"),
            Some(false) => format!("no success, {end}"),
            None => end,
        }
    }
}

/// Plays the `episode`-th of the episodes that [`crate::evaluation::evaluate_image`] plays for the same environments' seed.
///
/// `seed` is for people: it stands in the recording beside the episode.
///
/// # Errors
/// See [`EvaluationError`].
pub fn record(
    task: &Task,
    image: &AlignedImage,
    randomization: Randomization,
    [seed, environments_seed]: [u64; 2],
    episode: u64,
) -> Result<Recording, EvaluationError> {
    check(task, image)?;
    let view = image.image()?;
    let trained = view
        .contract()?
        .map(|contract| (contract.provenance.algorithm.to_owned(), contract.provenance.steps));
    let scratch = vec![0.0; view.scratch_len()];
    let mut executor = Executor::new(view, scratch)?;
    // Each of an evaluation's environments plays one episode, its first.
    let mut environment = Env::new(task, randomization, environments_seed, episode)?;
    let mut observation = vec![0.0; task.observation_size()];
    environment.reset(0, &mut observation)?;
    let scene = environment.scene();
    let mut action = vec![0.0; task.action_size()];
    let mut frames = vec![frame(&environment, 0.0, &action)];
    let end = loop {
        let inference = executor.infer(&observation)?;
        normalized_action(task, inference.action, &mut action);
        let outcome = environment.step(&action, &mut observation)?;
        if let Some(fault) = environment.fault() {
            break End::Fault(fault.cause.clone());
        }
        frames.push(frame(&environment, outcome.reward.into(), &action));
        if outcome.terminated {
            break End::Terminated;
        }
        if outcome.truncated {
            break End::Complete;
        }
    };
    Ok(Recording {
        task: task.name().to_owned(),
        trained,
        seed,
        episode,
        randomization,
        period_s: task.policy_period_s(),
        scene,
        actuators: actuators(task),
        goals: goals(task),
        joints: task.joint_names().to_vec(),
        frames,
        end,
        summary: environment.summary(),
    })
}

fn frame(environment: &Env, reward: f64, action: &[f32]) -> Frame {
    let mut poses = Vec::new();
    environment.poses(&mut poses);
    Frame {
        poses,
        reward,
        episode_return: environment.summary().episode_return,
        // Limited as the environment limits it.
        action: action.iter().map(|value| value.max(-1.0).min(1.0)).collect(),
        actuator_command: environment.actuator_command().to_vec(),
        goal: environment.goal().to_vec(),
        joints: environment.truth().joints.clone(),
    }
}

fn actuators(task: &Task) -> Vec<Channel> {
    let interface = task.interface();
    let channel = |actuator: &sinew_policy_runtime::interface::Actuator<'_>| Channel {
        name: actuator.name.to_owned(),
        unit: symbol(actuator.mode.unit()),
        limits: [actuator.minimum, actuator.maximum],
    };
    interface.actuators.iter().map(channel).collect()
}

fn goals(task: &Task) -> Vec<Goal> {
    let contract = task.contract(sinew_policy_runtime::contract::Provenance::new("none", 0, 0, ""));
    let goal = |command: &sinew_policy_runtime::contract::CommandTerm<'_>| Goal {
        name: command.name.to_owned(),
        unit: command.unit,
        frame: command.frame,
        limits: command.minimum.iter().zip(&command.maximum).map(|(low, high)| [*low, *high]).collect(),
    };
    contract.commands.iter().map(goal).collect()
}

/// A unit as it is written behind a number.
pub(super) const fn symbol(unit: Unit) -> &'static str {
    match unit {
        Unit::Dimensionless => "",
        Unit::Radian => "rad",
        Unit::RadianPerSecond => "rad/s",
        Unit::Meter => "m",
        Unit::MeterPerSecond => "m/s",
        Unit::MeterPerSecondSquared => "m/s²",
        Unit::Newton => "N",
        Unit::NewtonMeter => "N m",
    }
}
