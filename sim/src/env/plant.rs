//! What moves in an environment: [`Plant`], a robot in a rapier world or a mechanism by its equations.

use crate::equations::SimulatedMechanism;
use crate::error::SimError;
use crate::random::Stream;
use crate::randomization::Randomization;
use crate::robot::{RobotState, SimulatedRobot};
use crate::task::Task;
use crate::truth::Truth;
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::interface::Setpoint;

/// What moves.
pub(super) enum Plant {
    // A robot is many times larger than a mechanism, which is itself no small thing.
    Robot(Box<SimulatedRobot>),
    Mechanism(Box<SimulatedMechanism>),
}

/// All of a plant that its task does not say.
#[derive(Clone, Serialize, Deserialize)]
pub(super) enum PlantState {
    // A robot's world is many times larger than a mechanism's few numbers.
    Robot(Box<RobotState>),
    Mechanism(Box<Truth>),
}

impl Plant {
    /// What the task's file says.
    pub(super) fn new(task: &Task, randomization: Randomization) -> Result<Self, SimError> {
        Ok(match task.equations() {
            Some(equations) => {
                Self::Mechanism(Box::new(SimulatedMechanism::new(equations.mechanism(), task)))
            }
            None => Self::Robot(Box::new(SimulatedRobot::new(task, randomization)?)),
        })
    }

    /// Starts an episode.
    pub(super) fn reset(&mut self, task: &Task, seed: u64, environment: u64, episode: u64) {
        match self {
            Self::Robot(robot) => robot.reset(seed, environment, episode),
            Self::Mechanism(mechanism) => {
                mechanism.reset(task, &mut Stream::new(seed, environment, episode));
            }
        }
    }

    /// The true state.
    pub(super) fn truth(&self) -> &Truth {
        match self {
            Self::Robot(robot) => robot.truth(),
            Self::Mechanism(mechanism) => mechanism.truth(),
        }
    }

    /// Acts on the actuator commands for one policy period; a robot's drives get them in the form of `setpoints`.
    pub(super) fn step(
        &mut self,
        task: &Task,
        commands: &[f32],
        setpoints: &mut [Setpoint],
    ) -> Result<(), SimError> {
        match self {
            Self::Robot(robot) => {
                let documents = task.actuators().iter().zip(commands);
                for (setpoint, (document, value)) in setpoints.iter_mut().zip(documents) {
                    *setpoint = document.actuator().setpoint(*value);
                }
                robot.command(setpoints)?;
                robot.advance_period();
            }
            // The check at load let no second actuator through.
            Self::Mechanism(mechanism) => mechanism.step(commands[0].into()),
        }
        Ok(())
    }

    /// Writes what the sensors say, and how old it is.
    pub(super) fn sense(&mut self, sample: &mut [f32], ages_us: &mut [u32]) -> Result<(), SimError> {
        match self {
            Self::Robot(robot) => robot.sense(sample, ages_us),
            Self::Mechanism(mechanism) => {
                mechanism.sense(sample);
                Ok(())
            }
        }
    }

    /// Writes what only a critic sees; of a mechanism nothing is hidden.
    pub(super) fn reveal(&mut self, values: &mut [f32]) -> Result<(), SimError> {
        match self {
            Self::Robot(robot) => robot.reveal(values),
            Self::Mechanism(_) => SimError::check_lengths(&[("privileged values", 0, values.len())]),
        }
    }

    pub(super) fn state(&self) -> PlantState {
        match self {
            Self::Robot(robot) => PlantState::Robot(Box::new(robot.state())),
            Self::Mechanism(mechanism) => PlantState::Mechanism(Box::new(mechanism.truth().clone())),
        }
    }

    /// Goes on from the state of a plant of the same task.
    pub(super) fn restore(&mut self, state: &PlantState) -> Result<(), SimError> {
        match (self, state) {
            (Self::Robot(robot), PlantState::Robot(saved)) => robot.restore(saved),
            (Self::Mechanism(mechanism), PlantState::Mechanism(saved)) => mechanism.restore(saved),
            _ => Err(SimError::Snapshot { reason: "it is of another kind of dynamics".to_owned() }),
        }
    }
}
