//! One robot, one policy period at a time: [`Env`], the reinforcement-learning view of a task.
//!
//! An action takes the way that it takes on a robot: head, [`ActionMap`], setpoints, delay, motors, physics, sensors,
//! [`ObservationBuilder`]; map and builder are the runtime's own. `terminated` and `truncated` are never merged, and an
//! episode's last observation is returned before anything is reset.

mod plant;
mod scene;
mod snapshot;
mod summary;

pub use snapshot::EnvState;
pub use summary::EpisodeSummary;

use crate::command::Goals;
use crate::curriculum::{Lesson, Progress};
use crate::error::SimError;
use crate::fault::{self, Fault};
use crate::objective::{Sample, reward};
use crate::quantity::Situation;
use crate::randomization::Randomization;
use crate::robot::SimulatedRobot;
use crate::task::Task;
use crate::truth::Truth;
use plant::Plant;
use sinew_policy_runtime::action::ActionMap;
use sinew_policy_runtime::contract::Contract;
use sinew_policy_runtime::interface::Setpoint;
use sinew_policy_runtime::observation::{ObservationBuilder, SensorFrame};
use summary::Window;

/// What one step led to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Of this step.
    pub reward: f32,
    /// The task ended.
    pub terminated: bool,
    /// Time ran out.
    pub truncated: bool,
    /// The simulation left what is physical, or the reward what is finite: the step is no experience, and the episode is
    /// over. See [`Env::fault`].
    pub faulted: bool,
}

/// One robot and one policy's view of it.
pub struct Env {
    task: Task,
    plant: Plant,
    builder: ObservationBuilder<Vec<f32>>,
    map: ActionMap,
    goals: Goals,
    seed: u64,
    environment: u64,
    episode: u64,
    step: usize,
    episode_steps: usize,
    sample: Vec<f32>,
    ages_us: Vec<u32>,
    action: Vec<f32>,
    previous_action: Vec<f32>,
    output: Vec<f32>,
    command: Vec<f32>,
    setpoints: Vec<Setpoint>,
    episode_return: f64,
    terminated: bool,
    window: Window,
    /// What this episode is asked for, and those to come.
    lesson: Lesson,
    next_lesson: Lesson,
    /// What this episode showed of it.
    progress: Progress,
    /// The state before the step, where anything asks for it.
    before: Option<Truth>,
    /// Of the present episode, for a re-run; room for all of them is made at the start.
    actions_taken: Vec<f32>,
    fault: Option<Fault>,
}

impl Env {
    /// An environment whose episodes depend on (seed, environment, episode, actions) alone.
    ///
    /// # Errors
    /// The task does not fit itself; it was checked at load, so this is an error of the program.
    pub fn new(
        task: &Task,
        randomization: Randomization,
        seed: u64,
        environment: u64,
    ) -> Result<Self, SimError> {
        let interface = task.interface();
        let contract = task.contract(crate::task::nobody());
        let storage = vec![0.0; ObservationBuilder::<Vec<f32>>::storage_len(&contract)];
        let mismatch = |reason: sinew_policy_runtime::contract::Mismatch| SimError::Contract {
            reason: reason.to_string(),
        };
        let builder = ObservationBuilder::new(&contract, &interface, storage).map_err(mismatch)?;
        let map = ActionMap::new(&contract, &interface).map_err(mismatch)?;
        let actions = task.action_size();
        let plant = Plant::new(task, randomization)?;
        Ok(Self {
            before: task.remembers_states().then(|| plant.truth().clone()),
            plant,
            builder,
            map,
            goals: Goals::new(task.commands()),
            seed,
            environment,
            episode: 0,
            step: 0,
            episode_steps: task.episode_steps_of(randomization),
            sample: vec![0.0; interface.sample_size()],
            ages_us: vec![0; interface.sensors.len()],
            action: vec![0.0; actions],
            previous_action: vec![0.0; actions],
            output: vec![0.0; actions],
            command: vec![0.0; actions],
            setpoints: default_setpoints(&contract),
            episode_return: 0.0,
            terminated: false,
            window: Window::default(),
            // Room for any, and nothing in it.
            lesson: Lesson::with_room_for(&task.course().first_lesson()),
            next_lesson: Lesson::with_room_for(&task.course().first_lesson()),
            progress: Progress::default(),
            actions_taken: Vec::with_capacity(task.episode_steps_of(randomization) * actions),
            fault: None,
            task: task.clone(),
        })
    }

    /// Starts an episode and writes its first observation, `[observation_size]`.
    ///
    /// # Errors
    /// `observation` has the wrong length.
    pub fn reset(&mut self, episode: u64, observation: &mut [f32]) -> Result<(), SimError> {
        self.episode = episode;
        self.step = 0;
        self.episode_return = 0.0;
        self.terminated = false;
        self.window = Window::default();
        self.actions_taken.clear();
        self.fault = None;
        self.progress = Progress::default();
        self.lesson.copy_from(&self.next_lesson);
        self.builder.reset();
        self.map.reset();
        self.goals.reset(
            self.task.commands(),
            &self.lesson.commands,
            self.seed,
            self.environment,
            episode,
            self.task.policy_period_s(),
        );
        self.action.fill(0.0);
        self.previous_action.fill(0.0);
        self.plant.reset(&self.task, self.seed, self.environment, episode);
        self.observe(observation)
    }

    /// Takes a normalized action, `[action_size]`, for one policy period and writes the observation that it led to.
    ///
    /// The action is clipped to `[-1, 1]`. After the end of an episode, reset comes next. Where the simulation breaks down,
    /// [`Outcome::faulted`] says so, the reward is 0, and the observation is left as it was.
    ///
    /// # Errors
    /// An action that is not finite, or a slice of the wrong length.
    pub fn step(&mut self, action: &[f32], observation: &mut [f32]) -> Result<Outcome, SimError> {
        self.take(action)?;
        if let Some(before) = &mut self.before {
            before.copy_from(self.plant.truth());
        }
        let (terms, factors) = (self.task.reward_terms(), &self.lesson.rewards);
        let before = reward(terms, factors, Sample::Before, &self.situation());
        self.plant.step(&self.task, &self.command, &mut self.setpoints)?;
        self.step += 1;
        let finite = self.robot().is_none_or(SimulatedRobot::stayed_finite);
        if let Some(cause) = fault::cause(self.truth(), finite) {
            return Ok(self.break_down(cause));
        }
        let situation = self.situation();
        let (total, terminated) = self.judge(before, &situation);
        let shown = self.task.has_curriculum().then(|| {
            let period_s = self.task.policy_period_s();
            Progress::of_step(self.task.course(), self.task.reward_terms(), &situation, period_s)
        });
        let reward = total as f32;
        if !reward.is_finite() {
            return Ok(self.break_down(format!("the reward is {reward}")));
        }
        let judged = self.task.success().filter(|success| self.is_judged(success.window_s));
        let judged = judged.map(|success| success.value(&situation));
        if let Some(shown) = shown {
            self.progress.add(&shown);
        }
        self.terminated = terminated;
        if let Some(value) = judged {
            self.window.add(value);
        }
        self.previous_action.copy_from_slice(&self.action);
        self.episode_return += total;
        // What was earned was earned for the goal that the action knew.
        let (step, period_s) = (self.step as u64, self.task.policy_period_s());
        self.goals.advance(self.task.commands(), &self.lesson.commands, step, period_s);
        self.observe(observation)?;
        Ok(Outcome {
            reward,
            terminated: self.terminated,
            truncated: !self.terminated && self.step >= self.episode_steps,
            faulted: false,
        })
    }

    /// Writes what only a critic sees of the present state, [`Task::privileged_size`] values: true, undelayed, and what the
    /// episode drew.
    ///
    /// # Errors
    /// A slice of the wrong length.
    pub fn reveal(&mut self, values: &mut [f32]) -> Result<(), SimError> {
        self.plant.reveal(values)
    }

    /// What broke the present episode's simulation, if anything did.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// Reward and end of a step whose terms on the state before it came to `before`.
    fn judge(&self, before: f64, situation: &Situation) -> (f64, bool) {
        let factors = &self.lesson.rewards;
        let terms = before + reward(self.task.reward_terms(), factors, Sample::After, situation);
        let ended = self.task.terminations().iter().find(|termination| termination.applies(situation));
        let (total, terminated) = (terms + ended.map_or(0.0, |end| end.reward), ended.is_some());
        match self.task.custom_objective() {
            None => (total, terminated),
            Some(objective) => {
                (objective.reward(situation, total), objective.terminated(situation, terminated))
            }
        }
    }

    /// Ends the episode as a fault.
    fn break_down(&mut self, cause: String) -> Outcome {
        self.fault = Some(self.describe(cause));
        Outcome { reward: 0.0, terminated: false, truncated: false, faulted: true }
    }

    fn describe(&self, cause: String) -> Fault {
        Fault {
            task: self.task.name().to_owned(),
            seed: self.seed,
            environment: self.environment,
            episode: self.episode,
            difficulty: self.robot().and_then(SimulatedRobot::difficulty),
            exact: self.robot().is_some_and(SimulatedRobot::is_exact),
            ranges: self.robot().map_or_else(Vec::new, |robot| robot.ranges().to_vec()),
            lesson: self.lesson.clone(),
            time_s: self.step as f64 * self.task.policy_period_s(),
            cause,
            actions: self.actions_taken.clone(),
        }
    }

    /// The true state.
    pub fn truth(&self) -> &Truth {
        self.plant.truth()
    }

    /// The simulated robot; equations have none.
    pub fn robot(&self) -> Option<&SimulatedRobot> {
        match &self.plant {
            Plant::Robot(robot) => Some(robot),
            Plant::Mechanism(_) => None,
        }
    }

    /// How difficult the terrains of the episodes to come are, from 0 to 1; absent where the task's range says it.
    ///
    /// A state that is restored brings its own.
    pub fn set_difficulty(&mut self, difficulty: Option<f64>) {
        if let Plant::Robot(robot) = &mut self.plant {
            robot.set_difficulty(difficulty);
        }
    }

    /// Simulates the episodes to come in the formulation that the task is accepted in, in training too.
    ///
    /// A state that is restored brings its own.
    pub fn simulate_exactly(&mut self) {
        if let Plant::Robot(robot) = &mut self.plant {
            robot.simulate_exactly();
        }
    }

    /// Sets the ranges that adaptive terms draw from in the episodes to come; see [`SimulatedRobot::set_ranges`].
    ///
    /// A state that is restored brings its own.
    ///
    /// # Errors
    /// Another number of ranges than of adaptive terms.
    pub fn set_ranges(&mut self, ranges: &[[f64; 2]]) -> Result<(), SimError> {
        match &mut self.plant {
            Plant::Robot(robot) => robot.set_ranges(ranges),
            Plant::Mechanism(_) => SimError::check_lengths(&[("adaptive ranges", 0, ranges.len())]),
        }
    }

    /// What the episodes to come are asked for; the default where the task's file alone says it.
    ///
    /// A state that is restored brings its own.
    ///
    /// # Errors
    /// The lesson of another task.
    pub fn set_lesson(&mut self, lesson: &Lesson) -> Result<(), SimError> {
        let Lesson { commands, rewards } = lesson;
        for (what, expected, found) in [
            ("ranges of commands", self.goals.values().len(), commands.len()),
            ("factors on rewards", self.task.reward_terms().len(), rewards.len()),
        ] {
            if found != 0 {
                SimError::check_lengths(&[(what, expected, found)])?;
            }
        }
        self.next_lesson.copy_from(lesson);
        Ok(())
    }

    /// What the present episode is asked for.
    pub fn lesson(&self) -> &Lesson {
        &self.lesson
    }

    /// What the present episode showed of what its curriculum asks, as if it had lasted to its end.
    pub(crate) fn progress(&self) -> Progress {
        self.progress.whole(self.step, self.episode_steps)
    }

    /// The present episode, from 0.
    pub fn episode(&self) -> u64 {
        self.episode
    }

    /// Steps taken in the present episode.
    pub fn steps(&self) -> usize {
        self.step
    }

    /// The present goals, one command after the other.
    pub fn goal(&self) -> &[f32] {
        self.goals.values()
    }

    /// The actuator command of the last step, in the robot's order and units.
    pub fn actuator_command(&self) -> &[f32] {
        &self.command
    }

    /// Clips the action and turns it into an actuator command.
    fn take(&mut self, action: &[f32]) -> Result<(), SimError> {
        let environment = self.environment;
        let expected = self.action.len();
        if action.len() != expected {
            return Err(SimError::Length { what: "action", expected, found: action.len() });
        }
        if let Some(index) = action.iter().position(|value| !value.is_finite()) {
            return Err(SimError::NotFinite { environment, index, value: action[index] });
        }
        let head = self.task.head_scale().iter().zip(self.task.head_offset());
        for (index, (scale, offset)) in head.enumerate() {
            let raised = if action[index] < -1.0 { -1.0 } else { action[index] };
            self.action[index] = if raised > 1.0 { 1.0 } else { raised };
            self.output[index] = offset + scale * self.action[index];
        }
        self.actions_taken.extend_from_slice(&self.action);
        let applied = self.map.apply(&self.output, &mut self.command);
        applied.map(|_| ()).map_err(|fault| SimError::Action { environment, fault })
    }

    fn observe(&mut self, observation: &mut [f32]) -> Result<(), SimError> {
        self.plant.sense(&mut self.sample, &mut self.ages_us)?;
        let frame = SensorFrame { values: &self.sample, ages_us: &self.ages_us };
        let environment = self.environment;
        self.builder
            .observe(&frame, self.goals.values(), &self.action, observation)
            .map_err(|fault| SimError::Observation { environment, fault })
    }

    fn situation(&self) -> Situation<'_> {
        let truth = self.truth();
        Situation {
            truth,
            before: self.before.as_ref().unwrap_or(truth),
            goal: self.goals.values(),
            command: &self.command,
            action: &self.action,
            previous_action: &self.previous_action,
            default_pose: self.task.default_joints(),
            time_s: self.step as f64 * self.task.policy_period_s(),
        }
    }
}

fn default_setpoints(contract: &Contract) -> Vec<Setpoint> {
    contract
        .actions
        .iter()
        .zip(&contract.default_pose)
        .map(|(action, value)| action.setpoint(*value))
        .collect()
}
