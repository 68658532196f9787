//! A robot's whole state, from which it goes on bit for bit.

use super::SimulatedRobot;
use super::actuator::MotorState;
use super::history::History;
use super::sensors::SensorState;
use super::world::WorldState;
use crate::error::SimError;
use crate::random::Stream;
use crate::randomization::DrawsState;
use crate::truth::Truth;
use serde::{Deserialize, Serialize};

/// All of a [`SimulatedRobot`] that its task does not say.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct RobotState {
    draws: DrawsState,
    stream: Stream,
    #[serde(with = "packed")]
    world: WorldState,
    motors: Vec<MotorState>,
    sensors: SensorState,
    history: History,
    truth: Truth,
    external_force_n: [f64; 3],
    physics_steps: u64,
    next_period: u64,
    terrain: u32,
    difficulty: Option<f64>,
    next_difficulty: Option<f64>,
    exact: bool,
    next_exact: bool,
}

impl SimulatedRobot {
    pub(crate) fn state(&self) -> RobotState {
        RobotState {
            draws: self.draws.state(),
            stream: self.stream.clone(),
            world: self.world.state(),
            motors: self.motors.iter().map(super::Motor::state).collect(),
            sensors: self.sensors.state(),
            history: self.history.clone(),
            truth: self.truth.clone(),
            external_force_n: self.external_force_n,
            physics_steps: self.physics_steps,
            next_period: self.next_period,
            terrain: self.terrain as u32,
            difficulty: self.difficulty,
            next_difficulty: self.next_difficulty,
            exact: self.exact,
            next_exact: self.next_exact,
        }
    }

    /// Goes on from the state of a robot of the same task.
    pub(crate) fn restore(&mut self, state: &RobotState) -> Result<(), SimError> {
        SimError::check_lengths(&[
            ("motors", self.motors.len(), state.motors.len()),
            ("joints", self.truth.joints.len(), state.truth.joints.len()),
            ("sites", self.truth.sites.len(), state.truth.sites.len()),
            ("contacts", self.truth.contacts.len(), state.truth.contacts.len()),
            ("objects", self.truth.objects.len(), state.truth.objects.len()),
        ])?;
        self.simulate(state.exact);
        self.next_exact = state.next_exact;
        let Some(model) = self.task.model() else { return Ok(()) };
        self.draws.restore(&state.draws)?;
        self.sensors.restore(&state.sensors)?;
        self.sensors.vary(self.draws.variation());
        self.history.restore(&state.history)?;
        self.world.restore(model, self.draws.variation(), &state.world)?;
        let period_s = self.task.physics_period_s();
        for (index, (motor, saved)) in self.motors.iter_mut().zip(&state.motors).enumerate() {
            motor.vary(model, self.draws.variation(), index, period_s);
            motor.restore(saved)?;
        }
        self.stream = state.stream.clone();
        self.truth.clone_from(&state.truth);
        self.external_force_n = state.external_force_n;
        // What broke down has ended its episode.
        self.finite = true;
        self.physics_steps = state.physics_steps;
        self.next_period = state.next_period;
        self.terrain = state.terrain as usize;
        self.difficulty = state.difficulty;
        self.next_difficulty = state.next_difficulty;
        Ok(())
    }
}

/// A world's state as bytes, in whatever format the rest is: the code for all of rapier's types is then compiled once, here, and not in
/// every crate that saves or reads a state.
mod packed {
    use super::WorldState;
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(world: &WorldState, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&encode(world).map_err(S::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<WorldState, D::Error> {
        decode(&Vec::deserialize(deserializer)?).map_err(D::Error::custom)
    }

    fn encode(world: &WorldState) -> postcard::Result<Vec<u8>> {
        postcard::to_stdvec(world)
    }

    fn decode(bytes: &[u8]) -> postcard::Result<WorldState> {
        postcard::from_bytes(bytes)
    }
}
