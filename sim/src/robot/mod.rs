//! A simulated robot as its host sees it: setpoints go in, samples come out.
//!
//! [`SimulatedRobot`] is a rapier world behind delays, motors and sensors. Training builds its environments on it and a
//! host's plant plays it, so the robot that a policy met in training is the one in a hardware-in-the-loop test.

mod actuator;
mod appearance;
mod delay;
mod joint;
mod model;
pub mod scene;
mod sensors;
mod snapshot;
mod world;

pub(crate) use joint::{Formulation, JointKind};
pub(crate) use model::{Attachment, RobotModel};
pub(crate) use snapshot::RobotState;

use crate::error::SimError;
use crate::random::Stream;
use crate::randomization::{Draw, Randomization, Ranges, delay_steps};
use crate::start;
use crate::task::Task;
use crate::truth::{JointState, Truth};
use actuator::Motor;
use delay::DelayLine;
use sensors::SensorSuite;
use sinew_policy_runtime::interface::Setpoint;
use world::World;

/// One robot in one world, with sensors and actuators.
pub struct SimulatedRobot {
    task: Task,
    ranges: Ranges,
    draw: Draw,
    stream: Stream,
    world: World,
    motors: Vec<Motor>,
    commands: DelayLine<Setpoint>,
    action_delay_steps: u32,
    sensors: SensorSuite,
    truth: Truth,
    speed_clips: Vec<Option<f64>>,
    physics_steps: u64,
}

impl SimulatedRobot {
    /// A robot of the task, whose episodes draw from the given level's ranges; at rest until [`Self::reset`].
    ///
    /// # Errors
    /// The task has no robot.
    pub fn new(task: &Task, randomization: Randomization) -> Result<Self, SimError> {
        let Some(model) = task.model() else {
            return Err(SimError::NoRobot { task: task.name().to_owned() });
        };
        let ranges = task.ranges(randomization);
        let period_s = task.physics_period_s();
        let longest = |delay_s: f64| delay_steps(delay_s, 1.0, period_s);
        let documents = task.actuators();
        let motors: Vec<Motor> = documents
            .iter()
            .zip(&model.attachments)
            .map(|(document, attachment)| Motor::new(document, *attachment))
            .collect();
        let mut robot = Self {
            draw: Ranges::default().draw(&mut Stream::new(0, 0, 0)),
            stream: Stream::new(0, 0, 0),
            world: World::new(model, period_s, task.solver_iterations()),
            commands: DelayLine::new(longest(ranges.action_delay_s.high), motors.len(), Setpoint::Rotor(0.0)),
            motors,
            action_delay_steps: 0,
            sensors: SensorSuite::new(
                task.sensors(),
                &ranges.sensors,
                longest(ranges.observation_delay_s.high),
            ),
            truth: Truth { joints: vec![JointState::default(); model.joints.len()], ..Truth::default() },
            speed_clips: task.speed_clips(),
            physics_steps: 0,
            ranges,
            task: task.clone(),
        };
        robot.reset(0, 0, 0);
        Ok(robot)
    }

    /// Starts an episode: the robot and its start state are drawn from the stream of (seed, environment, episode).
    ///
    /// Start states come first in the stream, so they are the same at every level of randomization.
    pub fn reset(&mut self, seed: u64, environment: u64, episode: u64) {
        self.stream = Stream::new(seed, environment, episode);
        start::draw(
            self.task.start(),
            self.task.joint_names().iter().zip(self.task.default_pose()),
            self.task.goal(),
            &mut self.stream,
            &mut self.truth,
        );
        self.draw = self.ranges.draw(&mut self.stream);
        let truth = self.truth.clone();
        self.begin(&truth);
    }

    /// Starts an episode with the last draw in a chosen state; see [`Self::truth`] for its form.
    pub fn place(&mut self, truth: &Truth) {
        self.begin(&truth.clone());
    }

    fn begin(&mut self, truth: &Truth) {
        let period_s = self.physics_period_s();
        let Some(model) = self.task.model() else { return };
        self.world.reset(model, &self.draw);
        self.world.set_base(model, &truth.base);
        self.world.set_joints(model, &truth.joints);
        self.world.read(model, &mut self.truth);
        self.physics_steps = 0;
        self.motors.iter_mut().for_each(|motor| motor.reset(&self.draw, period_s));
        self.commands.clear();
        self.action_delay_steps = delay_steps(self.draw.action_delay_s, self.draw.action_phase, period_s);
        let delay = delay_steps(self.draw.observation_delay_s, self.draw.observation_phase, period_s);
        self.sensors.reset(&self.truth, delay, &mut self.stream);
        self.sensors.record(0, &self.truth);
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
        self.commands.push(self.physics_steps + u64::from(self.action_delay_steps), setpoints);
        Ok(())
    }

    /// Advances by a number of physics steps.
    pub fn advance(&mut self, physics_steps: u32) {
        let policy_steps = u64::from(self.task.physics_steps_per_policy_step());
        for _ in 0..physics_steps {
            self.step();
            if self.physics_steps.is_multiple_of(policy_steps) {
                self.clip_speeds();
            }
            self.sensors.record(self.physics_steps, &self.truth);
        }
    }

    fn step(&mut self) {
        let Self { task, world, motors, commands, truth, .. } = self;
        let Some(model) = task.model() else { return };
        if let Some(setpoints) = commands.pop_due(self.physics_steps) {
            motors.iter_mut().zip(setpoints).for_each(|(motor, setpoint)| motor.command(*setpoint));
        }
        world.clear_forces(model);
        let (mut force, mut torque) = ([0.0; 3], [0.0; 3]);
        let velocity = actuator::body_velocity(&truth.base);
        for motor in motors {
            match motor.attachment() {
                Attachment::Joint(joint) => {
                    let effort = motor.joint_effort(&truth.joints[joint]);
                    world.add_joint_effort(model, joint, effort);
                }
                Attachment::Base(arm) => {
                    let wrench = motor.rotor_wrench(arm, velocity);
                    force.iter_mut().zip(wrench.force).for_each(|(sum, value)| *sum += value);
                    torque.iter_mut().zip(wrench.torque).for_each(|(sum, value)| *sum += value);
                }
            }
        }
        let orientation = truth.base.orientation;
        world.add_base_wrench(
            model,
            crate::rotation::to_world(orientation, force),
            crate::rotation::to_world(orientation, torque),
        );
        world.step();
        world.read(model, truth);
        self.physics_steps += 1;
    }

    fn clip_speeds(&mut self) {
        let Some(model) = self.task.model() else { return };
        let mut clipped = false;
        for (joint, clip) in self.speed_clips.iter().enumerate() {
            clipped |= clip.is_some_and(|limit| self.world.clip_joint_speed(model, joint, limit));
        }
        if clipped {
            self.world.read(model, &mut self.truth);
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
        self.sensors.sense(&mut self.stream, values);
        ages_us.fill(0);
        Ok(())
    }

    /// The true state.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// What this episode drew.
    pub fn draw(&self) -> &Draw {
        &self.draw
    }

    /// Since the episode's start, s.
    pub fn time_s(&self) -> f64 {
        self.physics_steps as f64 * self.physics_period_s()
    }
}
