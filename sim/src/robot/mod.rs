//! A simulated robot as its host sees it: setpoints go in, samples come out.
//!
//! [`SimulatedRobot`] is a rapier world behind delays, motors and sensors. Training builds its environments on it and a
//! host's plant plays it, so the robot that a policy met in training is the one in a hardware-in-the-loop test.

mod actuator;
mod appearance;
mod delay;
mod ground;
mod history;
mod joint;
mod landmark;
mod model;
mod object;
mod rays;
pub mod scene;
mod sensors;
mod snapshot;
mod stability;
mod world;

pub(crate) use joint::{Formulation, JointKind};
pub(crate) use landmark::BASE_SITE;
pub(crate) use model::{Attachment, Base, ModelFile, RobotModel, read_text};
pub(crate) use rays::RayPattern;
pub(crate) use snapshot::RobotState;
pub(crate) use stability::{LARGEST_GAIN, Servo, servo_gain};

use crate::error::SimError;
use crate::random::Stream;
use crate::randomization::{Boundary, Draws, Parameter, Randomization, delay_steps};
use crate::rotation;
use crate::start;
use crate::task::{SensorPlan, Task};
use crate::terrain::Terrain;
use crate::truth::{BaseState, ContactState, JointState, SiteState, Truth};
use actuator::Motor;
use history::History;
use rays::Scene;
use sensors::SensorSuite;
use sinew_policy_runtime::interface::Setpoint;
use world::{Since, World};

/// One robot in one world, with sensors and actuators.
pub struct SimulatedRobot {
    /// As it is accepted.
    own: Task,
    /// As this episode simulates it.
    task: Task,
    /// Whether the two are one, in this episode and in those to come.
    exact: bool,
    next_exact: bool,
    draws: Draws,
    stream: Stream,
    world: World,
    motors: Vec<Motor>,
    sensors: SensorSuite,
    /// What only the critic sees of the true state.
    privileged: Vec<SensorPlan>,
    /// Room for it.
    revealed: Vec<f64>,
    history: History,
    truth: Truth,
    speed_clips: Vec<Option<f64>>,
    external_force_n: [f64; 3],
    /// Whether everything stayed finite in this episode.
    finite: bool,
    physics_steps: u64,
    /// The physics step at which the next policy period begins.
    next_period: u64,
    /// The place of this episode's terrain among the task's.
    terrain: usize,
    /// Of this episode and of those to come; the task's range where absent.
    difficulty: Option<f64>,
    next_difficulty: Option<f64>,
}

impl SimulatedRobot {
    /// A robot of the task, whose episodes draw from the given level's distributions; at rest until [`Self::reset`].
    ///
    /// # Errors
    /// The task has no robot.
    pub fn new(task: &Task, randomization: Randomization) -> Result<Self, SimError> {
        let (own, task) = (task, task.simulated(randomization));
        let exact = randomization != Randomization::Training || !own.has_training_formulation();
        let Some(model) = task.model() else {
            return Err(SimError::NoRobot { task: task.name().to_owned() });
        };
        let period_s = task.physics_period_s();
        let longest = |parameter| delay_steps(task.longest_delay_s(parameter, randomization), 1.0, period_s);
        let slowest = task.sensors().filter_map(|plan| plan.period_s).fold(0.0, f64::max);
        let action_delay = longest(Parameter::ActionDelay);
        let motors = task
            .actuators()
            .iter()
            .zip(&model.attachments)
            .map(|(document, attachment)| Motor::new(document, *attachment, action_delay));
        let truth = Truth {
            joints: vec![JointState::default(); model.joints.len()],
            efforts: vec![0.0; model.joints.len()],
            sites: vec![SiteState::default(); model.landmarks.watched_sites.len()],
            contacts: vec![ContactState::default(); model.landmarks.watched_surfaces.len()],
            objects: vec![BaseState::default(); model.objects.len()],
            ..Truth::default()
        };
        let perfect = randomization == Randomization::Nominal;
        let reach = longest(Parameter::ObservationDelay) + delay_steps(slowest, 1.0, period_s);
        let mut robot = Self {
            draws: task.draws(randomization),
            stream: Stream::new(0, 0, 0),
            world: World::new(model, period_s, task.solver_iterations()),
            motors: motors.collect(),
            sensors: SensorSuite::new(task.sensors(), perfect, period_s),
            privileged: task.privileged_sensors().collect(),
            revealed: vec![0.0; task.privileged_size()],
            history: History::new(reach, &truth),
            truth,
            speed_clips: task.speed_clips(),
            external_force_n: [0.0; 3],
            finite: true,
            physics_steps: 0,
            next_period: 0,
            terrain: 0,
            difficulty: None,
            next_difficulty: None,
            exact,
            next_exact: exact,
            task: task.clone(),
            own: own.clone(),
        };
        robot.reset(0, 0, 0);
        Ok(robot)
    }

    /// Starts an episode: the robot and its start state are drawn from the stream of (seed, environment, episode).
    ///
    /// Start states come first in the stream, so they are the same at every level of randomization.
    pub fn reset(&mut self, seed: u64, environment: u64, episode: u64) {
        self.simulate(self.next_exact);
        self.stream = Stream::new(seed, environment, episode);
        start::draw(
            self.task.start(),
            self.task.joint_names().iter().zip(self.task.default_pose()),
            self.task.goal(),
            &mut self.stream,
            &mut self.truth,
        );
        if let Some(terrains) = self.task.terrains() {
            self.difficulty = self.next_difficulty;
            self.terrain = terrains.draw(seed, environment, episode, self.difficulty);
            let ([x, y, _], terrain) = (self.truth.base.position_m, &terrains.terrains()[self.terrain]);
            self.truth.base.position_m[2] += terrains.start_height_m(terrain, x, y);
        }
        let period_s = self.physics_period_s();
        self.draws.reset(seed, environment, &mut self.stream, period_s);
        let truth = self.truth.clone();
        self.begin(&truth);
    }

    /// From now on exactly, or as training does where the task names another formulation for it.
    fn simulate(&mut self, exact: bool) {
        if exact == self.exact {
            return;
        }
        let level = if exact { Randomization::Acceptance } else { Randomization::Training };
        self.task = self.own.simulated(level).clone();
        self.exact = exact;
        if let Some(model) = self.task.model() {
            self.world = World::new(model, self.task.physics_period_s(), self.task.solver_iterations());
            self.world.reset(model, self.terrain, self.draws.variation());
        }
    }

    /// Starts an episode with the last draw in a chosen state; see [`Self::truth`] for its form.
    pub fn place(&mut self, truth: &Truth) {
        self.begin(truth);
    }

    fn begin(&mut self, truth: &Truth) {
        let period_s = self.physics_period_s();
        let Some(model) = self.task.model() else { return };
        let variation = self.draws.variation();
        let mut joints = truth.joints.clone();
        model.follow(&mut joints);
        self.world.reset(model, self.terrain, variation);
        let terrains = self.task.terrains().and_then(|terrains| terrains.terrains().get(self.terrain));
        let ground = |x, y| terrains.map_or(0.0, |terrain| terrain.height(x, y));
        self.world.place_objects(model, variation, ground);
        self.world.set_base(model, &truth.base);
        self.world.set_joints(model, &joints);
        self.world.read(model, &mut self.truth);
        self.world.read_watched(model, Since::Start, &mut self.truth);
        self.truth.efforts.fill(0.0);
        self.external_force_n = [0.0; 3];
        self.finite = true;
        self.physics_steps = 0;
        self.next_period = 0;
        for (index, motor) in self.motors.iter_mut().enumerate() {
            motor.vary(model, variation, index, period_s);
            motor.reset();
        }
        self.history.reset(&self.truth);
        self.sensors.reset(variation, &mut self.stream);
    }

    /// The integrator's step, at most 2 ms.
    pub fn physics_period_s(&self) -> f64 {
        self.task.physics_period_s()
    }

    /// Sends one setpoint to each actuator, in the interface's order; they act after this episode's action delay.
    ///
    /// A setpoint that is not finite or is of another kind than its actuator is not obeyed.
    ///
    /// # Errors
    /// A number of setpoints other than that of actuators.
    pub fn command(&mut self, setpoints: &[Setpoint]) -> Result<(), SimError> {
        SimError::check_lengths(&[("setpoints", self.motors.len(), setpoints.len())])?;
        let (period_s, phase) = (self.task.physics_period_s(), self.draws.action_phase());
        for (motor, setpoint) in self.motors.iter_mut().zip(setpoints) {
            motor.send(*setpoint, self.physics_steps, phase, period_s);
        }
        Ok(())
    }

    /// A force on the floating base in N through its centre of mass, world frame, until the next one or the next start.
    pub fn set_external_force(&mut self, force_n: [f64; 3]) {
        self.external_force_n = force_n;
    }

    /// Advances by a number of physics steps.
    pub fn advance(&mut self, physics_steps: u32) {
        (0..physics_steps).for_each(|_| self.step());
    }

    /// Advances to the end of the policy period, whose length may jitter by whole physics steps.
    pub fn advance_period(&mut self) {
        self.step();
        while self.physics_steps < self.next_period {
            self.step();
        }
    }

    /// At the start of a policy period: draws what is due, and when the next one starts.
    fn begin_period(&mut self) {
        let period_s = self.task.physics_period_s();
        let Some(model) = self.task.model() else { return };
        self.world.begin_period(model);
        let touched = self.draws.advance(self.physics_steps, &mut self.stream, period_s);
        let variation = self.draws.variation();
        if !touched.is_empty() {
            self.world.vary(model, variation, touched);
            for (index, motor) in self.motors.iter_mut().enumerate() {
                motor.vary(model, variation, index, period_s);
            }
            self.sensors.vary(variation);
        }
        let lasts_s = variation.apply(Parameter::PolicyPeriod, 0, self.task.policy_period_s());
        self.next_period = self.physics_steps + (libm::round(lasts_s / period_s) as u64).max(1);
    }

    fn step(&mut self) {
        if self.physics_steps == self.next_period {
            self.begin_period();
        }
        self.push_motors();
        let Some(model) = self.task.model() else { return };
        self.finite &= self.world.step();
        self.world.read(model, &mut self.truth);
        self.world.read_watched(model, Since::Step, &mut self.truth);
        self.physics_steps += 1;
        if self.physics_steps == self.next_period {
            self.clip_speeds();
        }
        self.history.record(&self.truth);
    }

    /// Applies every force of this physics step.
    fn push_motors(&mut self) {
        let Self { task, draws, world, motors, truth, physics_steps, external_force_n, .. } = self;
        let Some(model) = task.model() else { return };
        let variation = draws.variation();
        world.clear_forces(model);
        truth.efforts.fill(0.0);
        let (mut force, mut torque) = ([0.0; 3], [0.0; 3]);
        let orientation = truth.base.orientation;
        let wind = variation.apply_vector(Parameter::Wind, 0, [0.0; 3]);
        let ground = truth.base.velocity_m_per_s;
        let air = rotation::to_body(orientation, [0, 1, 2].map(|axis| ground[axis] - wind[axis]));
        for motor in motors {
            motor.receive(*physics_steps);
            match motor.attachment() {
                Attachment::Joint(joint) => {
                    let effort = motor.joint_effort(&truth.joints[joint]);
                    truth.efforts[joint] += effort;
                    world.add_joint_effort(model, joint, effort);
                }
                Attachment::Base(_) => {
                    let wrench = motor.rotor_wrench(air);
                    force.iter_mut().zip(wrench.force).for_each(|(sum, value)| *sum += value);
                    torque.iter_mut().zip(wrench.torque).for_each(|(sum, value)| *sum += value);
                }
            }
        }
        let (force, torque) =
            (rotation::to_world(orientation, force), rotation::to_world(orientation, torque));
        world.add_base_wrench(model, force, torque);
        world.add_base_wrench(model, *external_force_n, [0.0; 3]);
        world.add_forces(model, variation);
    }

    fn clip_speeds(&mut self) {
        let Some(model) = self.task.model() else { return };
        let mut clipped = false;
        for (joint, clip) in self.speed_clips.iter().enumerate() {
            clipped |= clip.is_some_and(|limit| self.world.clip_joint_speed(model, joint, limit));
        }
        if clipped {
            self.world.read(model, &mut self.truth);
            self.world.read_watched(model, Since::Correction, &mut self.truth);
        }
    }

    /// Writes a sample of all sensors in the interface's order, delayed, noisy and biased, and each sensor's age.
    ///
    /// Ages are 0: the robot does not know of the delay.
    ///
    /// # Errors
    /// A slice of the wrong length.
    pub fn sense(&mut self, values: &mut [f32], ages_us: &mut [u32]) -> Result<(), SimError> {
        SimError::check_lengths(&[
            ("sample values", self.sensors.sample_size(), values.len()),
            ("sample ages", self.sensors.count(), ages_us.len()),
        ])?;
        let Self { task, draws, world, terrain, sensors, history, stream, physics_steps, .. } = self;
        let terrain = task.terrains().and_then(|terrains| terrains.terrains().get(*terrain));
        let scene = Scene { terrain: terrain.map(AsRef::as_ref), world, objects: &[] };
        sensors.sense(*physics_steps, history, scene, draws, stream, values);
        ages_us.fill(0);
        Ok(())
    }

    /// Writes what only a critic sees, [`Task::privileged_size`] values: true, undelayed, and what the episode drew.
    ///
    /// # Errors
    /// A slice of the wrong length.
    pub fn reveal(&mut self, values: &mut [f32]) -> Result<(), SimError> {
        SimError::check_lengths(&[("privileged values", self.revealed.len(), values.len())])?;
        let Self { task, world, terrain, privileged, revealed, truth, draws, .. } = self;
        let terrain = task.terrains().and_then(|terrains| terrains.terrains().get(*terrain));
        let scene = Scene { terrain: terrain.map(AsRef::as_ref), world, objects: &[] };
        let mut rest = &mut revealed[..];
        for plan in privileged {
            let (own, others) = rest.split_at_mut(plan.size);
            plan.read(truth, scene, own);
            rest = others;
        }
        if task.reveals_randomization() {
            rest.copy_from_slice(draws.revealed());
        }
        values.iter_mut().zip(&*revealed).for_each(|(slot, value)| *slot = *value as f32);
        Ok(())
    }

    /// The true state.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// Whether everything stayed finite in this episode. A body that did not is put back to where it was and stands still: the true
    /// state does not show it.
    pub fn stayed_finite(&self) -> bool {
        self.finite
    }

    /// How difficult the terrains of the episodes to come are, from 0 to 1; absent where the task's range says it.
    pub fn set_difficulty(&mut self, difficulty: Option<f64>) {
        self.next_difficulty = difficulty;
    }

    /// The difficulty that was set for this episode; absent where the task's range said it.
    pub fn difficulty(&self) -> Option<f64> {
        self.difficulty
    }

    /// Simulates the episodes to come in the formulation that the task is accepted in, in training too.
    pub fn simulate_exactly(&mut self) {
        self.next_exact = true;
    }

    /// Whether this episode is simulated in the formulation that the task is accepted in: not in training, where the task names
    /// another for it.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// Sets the ranges that the task's adaptive terms draw from in the episodes to come, `[low, high]` in the order of the
    /// file; none for the whole ranges of training, which count where none was ever set.
    ///
    /// # Errors
    /// Another number of ranges than of adaptive terms.
    pub fn set_ranges(&mut self, ranges: &[[f64; 2]]) -> Result<(), SimError> {
        self.draws.set_ranges(ranges)
    }

    /// The adaptive ranges that were set for this episode.
    pub fn ranges(&self) -> &[[f64; 2]] {
        self.draws.ranges()
    }

    /// The bound of an adaptive range at which this episode stands, if it does.
    pub fn boundary(&self) -> Option<Boundary> {
        self.draws.boundary()
    }

    /// The ground under this episode; absent where the task has no terrain.
    pub fn terrain(&self) -> Option<&Terrain> {
        self.task.terrains().and_then(|terrains| terrains.terrains().get(self.terrain)).map(AsRef::as_ref)
    }

    /// What this episode drew: each term's name and its present numbers.
    pub fn drawn(&self) -> impl Iterator<Item = (&str, &[f64])> {
        self.draws.values()
    }

    /// What each actuator applied over the last physics step: a rotor's thrust, N, a joint's torque, N m, or force, N.
    pub fn applied_efforts(&self) -> impl Iterator<Item = f64> {
        self.motors.iter().map(Motor::applied)
    }

    /// Since the episode's start, s.
    pub fn time_s(&self) -> f64 {
        self.physics_steps as f64 * self.physics_period_s()
    }
}
