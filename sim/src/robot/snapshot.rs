//! A robot's whole state, from which it goes on bit for bit.

use super::SimulatedRobot;
use super::delay::DelayLine;
use super::sensors::SensorState;
use super::world::WorldState;
use crate::error::SimError;
use crate::random::Stream;
use crate::randomization::Draw;
use crate::truth::Truth;
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::interface::Setpoint;

/// All of a [`SimulatedRobot`] that its task does not say.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct RobotState {
    draw: Draw,
    stream: Stream,
    world: WorldState,
    motors: Vec<(Setpoint, f64)>,
    commands: DelayLine<Setpoint>,
    action_delay_steps: u32,
    sensors: SensorState,
    truth: Truth,
    push_n: [f64; 3],
    physics_steps: u64,
}

impl SimulatedRobot {
    pub(crate) fn state(&self) -> RobotState {
        RobotState {
            draw: self.draw,
            stream: self.stream.clone(),
            world: self.world.state(),
            motors: self.motors.iter().map(super::Motor::state).collect(),
            commands: self.commands.clone(),
            action_delay_steps: self.action_delay_steps,
            sensors: self.sensors.state(),
            truth: self.truth.clone(),
            push_n: self.push_n,
            physics_steps: self.physics_steps,
        }
    }

    /// Goes on from the state of a robot of the same task.
    pub(crate) fn restore(&mut self, state: &RobotState) -> Result<(), SimError> {
        SimError::check_lengths(&[
            ("motors", self.motors.len(), state.motors.len()),
            ("joints", self.truth.joints.len(), state.truth.joints.len()),
        ])?;
        self.sensors.restore(&state.sensors)?;
        self.commands.restore(&state.commands)?;
        self.world.restore(&state.world)?;
        let period_s = self.physics_period_s();
        for (motor, saved) in self.motors.iter_mut().zip(&state.motors) {
            motor.reset(&state.draw, period_s);
            motor.restore(*saved);
        }
        self.draw = state.draw;
        self.stream = state.stream.clone();
        self.action_delay_steps = state.action_delay_steps;
        self.truth.clone_from(&state.truth);
        self.push_n = state.push_n;
        self.physics_steps = state.physics_steps;
        Ok(())
    }
}
