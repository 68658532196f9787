//! Turns the policy's output into actuator commands: the one implementation that training and deployment share.
//!
//! [`ActionMap`] matches actuators by name, saturates to the contract's limits and bounds the rate of change. What
//! it does in simulation it does on the robot, bit for bit. A non-finite output is a fault and never a number: `clamp`
//! would let a NaN through, and `max` followed by `min` would turn it into full throttle.

use crate::contract::{Contract, Mismatch, Periods};
use crate::interface::{Interface, MAX_ACTUATORS};

/// Why the policy's output could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActionFault {
    /// A slice has the wrong length.
    #[error("{input} has {found} values, expected {expected}")]
    Length {
        /// Which slice.
        input: &'static str,
        /// What was expected.
        expected: usize,
        /// What was found.
        found: usize,
    },
    /// The policy put out NaN or an infinity.
    #[error("policy output {index} is not finite")]
    NotFinite {
        /// Position in the policy's output.
        index: usize,
    },
}

#[derive(Clone, Copy, Debug)]
struct Channel {
    /// Position in the robot's list of actuators.
    robot_index: usize,
    minimum: f32,
    maximum: f32,
    /// Largest change in one policy period; infinite where there is no limit.
    max_step: f32,
    start: f32,
    last: f32,
}

/// Maps policy outputs to actuator commands; see the [module](self).
#[derive(Clone, Debug)]
pub struct ActionMap {
    channels: heapless::Vec<Channel, MAX_ACTUATORS>,
}

impl ActionMap {
    /// Resolves the contract's actuators against the robot's. The contract must have passed [`Contract::validate`].
    ///
    /// # Errors
    /// An actuator that the robot lacks.
    pub fn new<'a>(contract: &Contract<'a>, robot: &Interface<'a>) -> Result<Self, Mismatch<'a>> {
        let Periods { policy_period_s, .. } = contract.periods;
        let mut channels = heapless::Vec::new();
        for (action, start) in contract.actions.iter().zip(&contract.default_pose) {
            let (robot_index, _) =
                robot.actuator(action.name).ok_or(Mismatch::MissingActuator { name: action.name })?;
            // Both lists have the same capacity.
            let _ = channels.push(Channel {
                robot_index,
                minimum: action.minimum,
                maximum: action.maximum,
                max_step: action
                    .max_rate_per_s
                    .map_or(f32::INFINITY, |rate| (f64::from(rate) * policy_period_s) as f32),
                start: *start,
                last: *start,
            });
        }
        Ok(Self { channels })
    }

    /// Rate limits start from the default pose again.
    pub fn reset(&mut self) {
        for channel in &mut self.channels {
            channel.last = channel.start;
        }
    }

    /// The last command of each action, from which rates of change are counted: what a simulation saves.
    pub fn last(&self) -> impl ExactSizeIterator<Item = f32> {
        self.channels.iter().map(|channel| channel.last)
    }

    /// Goes on from the [`Self::last`] commands of a map of the same contract.
    ///
    /// # Errors
    /// Another number of commands than of actions; nothing is changed.
    pub fn restore(&mut self, last: &[f32]) -> Result<(), ActionFault> {
        if self.channels.len() != last.len() {
            let (expected, found) = (self.channels.len(), last.len());
            return Err(ActionFault::Length { input: "last commands", expected, found });
        }
        for (channel, last) in self.channels.iter_mut().zip(last) {
            channel.last = *last;
        }
        Ok(())
    }

    /// Writes one command for each of the robot's actuators, in the robot's order and in the actuator's unit.
    ///
    /// Returns how many outputs lay outside their limits. On a fault nothing is written.
    ///
    /// # Errors
    /// A slice of the wrong length, or an output that is not finite.
    pub fn apply(&mut self, output: &[f32], command: &mut [f32]) -> Result<u32, ActionFault> {
        let expected = self.channels.len();
        for (input, found) in [("policy output", output.len()), ("actuator command", command.len())] {
            if found != expected {
                return Err(ActionFault::Length { input, expected, found });
            }
        }
        if let Some(index) = output.iter().position(|value| !value.is_finite()) {
            return Err(ActionFault::NotFinite { index });
        }
        let mut saturated = 0;
        for (channel, value) in self.channels.iter_mut().zip(output) {
            let bounded = bound(*value, channel.minimum, channel.maximum);
            saturated += u32::from(bounded != *value);
            let stepped = bound(bounded, channel.last - channel.max_step, channel.last + channel.max_step);
            channel.last = stepped;
            let missing = ActionFault::Length { input: "actuator command", expected, found: command.len() };
            *command.get_mut(channel.robot_index).ok_or(missing)? = stepped;
        }
        Ok(saturated)
    }
}

/// Compare-select into `[minimum, maximum]`; `value` is finite.
fn bound(value: f32, minimum: f32, maximum: f32) -> f32 {
    let raised = if value < minimum { minimum } else { value };
    if raised > maximum { maximum } else { raised }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{pendulum_contract, pendulum_interface};

    #[test]
    fn an_output_beyond_its_limits_is_saturated_and_counted() {
        let mut map = ActionMap::new(&pendulum_contract(), &pendulum_interface()).unwrap();
        let mut command = [0.0];
        assert_eq!(map.apply(&[5.0], &mut command), Ok(1));
        assert_eq!(command, [2.0]);
        assert_eq!(map.apply(&[-1.5], &mut command), Ok(0));
        assert_eq!(command, [-1.5]);
    }

    #[test]
    fn a_nan_is_a_fault_and_never_a_command() {
        let mut map = ActionMap::new(&pendulum_contract(), &pendulum_interface()).unwrap();
        let mut command = [0.25];
        assert_eq!(map.apply(&[f32::NAN], &mut command), Err(ActionFault::NotFinite { index: 0 }));
        assert_eq!(map.apply(&[f32::INFINITY], &mut command), Err(ActionFault::NotFinite { index: 0 }));
        assert_eq!(command, [0.25]);
    }

    #[test]
    fn the_rate_limit_starts_from_the_default_pose() {
        let mut contract = pendulum_contract();
        contract.actions[0].max_rate_per_s = Some(10.0);
        let mut map = ActionMap::new(&contract, &pendulum_interface()).unwrap();
        let mut command = [0.0];
        map.apply(&[2.0], &mut command).unwrap();
        assert_eq!(command, [0.5]);
        map.apply(&[2.0], &mut command).unwrap();
        assert_eq!(command, [1.0]);
        map.reset();
        map.apply(&[2.0], &mut command).unwrap();
        assert_eq!(command, [0.5]);
    }
}
