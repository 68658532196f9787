//! One policy period from sensors to actuator commands: observe, infer, map.
//!
//! [`Controller`] joins the parts that training used one by one. It is called once each policy period whatever the host's
//! tick, so history and the policy's memory advance at their native rate; between two calls the host holds the command.
//! All storage is lent by the caller.

mod memory;

pub use memory::{ControllerMemory, MemoryMismatch};

use crate::action::{ActionFault, ActionMap};
use crate::contract::{Contract, ContractError, Mismatch};
use crate::executor::{Executor, ExecutorError, InferenceFault};
use crate::image::Image;
use crate::interface::{Interface, MAX_ACTUATORS};
use crate::observation::{ObservationBuilder, ObservationFault, SensorFrame};

/// Why a controller could not be built.
#[derive(Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ControllerError<'a> {
    /// The contract is unusable by itself.
    #[error("the policy's contract: {0}")]
    Contract(ContractError<'a>),
    /// The contract does not fit the robot.
    #[error("policy and robot do not belong together: {0}")]
    Mismatch(Mismatch<'a>),
    /// The contract does not fit the graph.
    #[error("the contract's {what} has {expected} values, the graph's {found}")]
    Graph {
        /// Observation or action.
        what: &'static str,
        /// In the contract.
        expected: usize,
        /// In the graph.
        found: usize,
    },
    /// The storage is smaller than [`Controller::storage`] says.
    #[error("the storage of the {what} has {found} values, {expected} are needed")]
    Storage {
        /// Which part.
        what: &'static str,
        /// Needed.
        expected: usize,
        /// Given.
        found: usize,
    },
    /// The image cannot be executed here.
    #[error("{0}")]
    Executor(ExecutorError),
}

/// Why a policy period gave no command.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ControllerFault {
    /// The sample cannot be used.
    #[error("observation: {0}")]
    Observation(ObservationFault),
    /// The policy failed on it.
    #[error("inference: {0}")]
    Inference(InferenceFault),
    /// Its output cannot be used.
    #[error("action: {0}")]
    Action(ActionFault),
}

/// Storage that a controller borrows or owns, see [`Controller::storage`].
#[derive(Clone, Debug)]
pub struct Storage<S> {
    /// Histories.
    pub history: S,
    /// The policy's input.
    pub observation: S,
    /// The executor's scratch.
    pub scratch: S,
}

/// Runs a policy on a robot's samples; see the [module](self).
#[derive(Clone, Debug)]
pub struct Controller<'a, S> {
    builder: ObservationBuilder<S>,
    executor: Executor<'a, S>,
    actions: ActionMap,
    observation: S,
    size: usize,
    raw_action: [f32; MAX_ACTUATORS],
    command: [f32; MAX_ACTUATORS],
}

impl<'a, S: AsRef<[f32]> + AsMut<[f32]>> Controller<'a, S> {
    /// How many values each part of the [`Storage`] needs: history, observation, scratch.
    pub fn storage(image: &Image, contract: &Contract) -> [usize; 3] {
        [ObservationBuilder::<S>::storage_len(contract), contract.observation_size(), image.scratch_len()]
    }

    /// Checks that contract, graph and robot belong together.
    ///
    /// # Errors
    /// The first thing that does not fit, with what was expected and found.
    pub fn new(
        image: Image<'a>,
        contract: &Contract<'a>,
        robot: &Interface<'a>,
        storage: Storage<S>,
    ) -> Result<Self, ControllerError<'a>> {
        contract.validate().map_err(ControllerError::Contract)?;
        contract.matches(robot).map_err(ControllerError::Mismatch)?;
        let sizes = [
            ("observation", contract.observation_size(), image.input_size()),
            ("action", contract.action_size(), image.output_size()),
        ];
        for (what, expected, found) in sizes {
            if expected != found {
                return Err(ControllerError::Graph { what, expected, found });
            }
        }
        let [history, observation, _] = Self::storage(&image, contract);
        let lengths = [
            ("history", history, storage.history.as_ref().len()),
            ("observation", observation, storage.observation.as_ref().len()),
        ];
        for (what, expected, found) in lengths {
            if found < expected {
                return Err(ControllerError::Storage { what, expected, found });
            }
        }
        Ok(Self {
            builder: ObservationBuilder::new(contract, robot, storage.history)
                .map_err(ControllerError::Mismatch)?,
            actions: ActionMap::new(contract, robot).map_err(ControllerError::Mismatch)?,
            executor: Executor::new(image, storage.scratch).map_err(ControllerError::Executor)?,
            observation: storage.observation,
            size: contract.action_size(),
            raw_action: [0.0; MAX_ACTUATORS],
            command: [0.0; MAX_ACTUATORS],
        })
    }

    /// Forgets history, recurrent state and the previous action, as at the start of an episode.
    pub fn reset(&mut self) {
        self.builder.reset();
        self.executor.reset();
        self.actions.reset();
        self.raw_action = [0.0; MAX_ACTUATORS];
    }

    /// One policy period: returns one command for each of the robot's actuators, in the robot's order and units, and how
    /// many of the policy's outputs were outside their limits.
    ///
    /// # Errors
    /// The fault; the command of an earlier period is not returned again.
    pub fn step(&mut self, frame: &SensorFrame, goal: &[f32]) -> Result<(&[f32], u32), ControllerFault> {
        let (storage, size) = (self.observation.as_mut(), self.builder.observation_size());
        let (expected, found) = (size, storage.len());
        let observation =
            storage.get_mut(..size).ok_or(ControllerFault::Observation(ObservationFault::Length {
                input: "observation",
                expected,
                found,
            }))?;
        // As many as there are actions, of which an interface has at most as many as the arrays are long.
        let previous = self.raw_action.get(..self.size).unwrap_or_default();
        self.builder.observe(frame, goal, previous, observation).map_err(ControllerFault::Observation)?;
        let inference = self.executor.infer(observation).map_err(ControllerFault::Inference)?;
        let command = self.command.get_mut(..self.size).unwrap_or_default();
        let saturated = self.actions.apply(inference.action, command).map_err(ControllerFault::Action)?;
        self.raw_action.iter_mut().zip(inference.raw_action).for_each(|(last, value)| *last = *value);
        Ok((command, saturated))
    }
}
