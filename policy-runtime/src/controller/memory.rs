//! What a controller carries from one policy period to the next, so that a run can be taken up again in its middle.

use super::Controller;
use crate::image::Role;
use crate::interface::MAX_ACTUATORS;
use serde::{Deserialize, Serialize};

/// All that the next period depends on beside its sample and goal; `H` holds the histories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControllerMemory<H> {
    /// Samples taken since the reset.
    samples: u64,
    /// The rings of all terms.
    history: H,
    /// The commands from which rates of change are counted.
    last: heapless::Vec<f32, MAX_ACTUATORS>,
    /// The policy's previous output.
    raw_action: heapless::Vec<f32, MAX_ACTUATORS>,
}

impl<H: AsRef<[f32]>> ControllerMemory<H> {
    /// The rings of all terms' histories.
    pub fn history(&self) -> &[f32] {
        self.history.as_ref()
    }
}

/// The memory is of another policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the saved {what} has {found} values, this policy's {expected}")]
pub struct MemoryMismatch {
    /// Which part.
    pub what: &'static str,
    /// In this policy.
    pub expected: usize,
    /// In the memory.
    pub found: usize,
}

impl<S: AsRef<[f32]> + AsMut<[f32]>> Controller<'_, S> {
    /// What the next period depends on. Copies nothing but a few numbers where `H` is a slice.
    pub fn memory<'m, H: From<&'m [f32]>>(&'m self) -> ControllerMemory<H> {
        let (samples, history) = self.builder.history();
        ControllerMemory {
            samples,
            history: history.into(),
            last: self.actions.last().collect(),
            raw_action: self.raw_action[..self.size].iter().copied().collect(),
        }
    }

    /// Goes on from the [`Self::memory`] of a controller of the same policy.
    ///
    /// # Errors
    /// It is of another policy, or the policy is recurrent, whose state no memory holds; nothing is changed.
    pub fn restore<H: AsRef<[f32]>>(&mut self, memory: &ControllerMemory<H>) -> Result<(), MemoryMismatch> {
        let history = memory.history.as_ref();
        let states = self.executor.image().inputs().filter(|input| input.role == Role::State);
        let lengths = [
            ("recurrent state", states.map(|state| state.size).sum(), 0),
            ("history", self.builder.history().1.len(), history.len()),
            ("last commands", self.actions.last().len(), memory.last.len()),
            ("previous action", self.size, memory.raw_action.len()),
        ];
        for (what, expected, found) in lengths {
            if expected != found {
                return Err(MemoryMismatch { what, expected, found });
            }
        }
        // Neither can fail: the lengths are those that each expects.
        let _ = self.builder.restore_history(memory.samples, history);
        let _ = self.actions.restore(&memory.last);
        self.raw_action[..self.size].copy_from_slice(&memory.raw_action);
        Ok(())
    }
}

#[cfg(all(test, feature = "onnx"))]
mod tests {
    use super::super::Storage;
    use super::*;
    use crate::contract::{History, HistoryOrder, HistoryReset};
    use crate::image::Element;
    use crate::image::program::{Program, Terminal};
    use crate::observation::SensorFrame;
    use crate::testing::{pendulum_contract, pendulum_interface};
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn a_restored_controller_goes_on_with_the_same_bits() {
        let mut contract = pendulum_contract();
        contract.actions[0].max_rate_per_s = Some(3.0);
        contract.observation[1].history = History {
            length: 3,
            stride: 2,
            order: HistoryOrder::OldestFirst,
            reset: HistoryReset::RepeatFirst,
        };
        let size = contract.observation_size();
        let mut program = Program::default();
        let observation = program.input("observation", size, Role::Observation, Element::Number);
        let weights: Vec<f32> = (0..size).map(|index| 0.3 + 0.7 * index as f32).collect();
        let value = program.dense(observation, [1, 1], weights, Some(vec![0.1]));
        for (name, role) in [("action", Role::Action), ("raw_action", Role::RawAction)] {
            let element = Element::Number;
            program.output(Terminal { name: name.to_owned(), role, element, value, other_end: 0 });
        }
        let image = program.assemble(&[], &[]).unwrap();
        let mut robot = pendulum_interface();
        robot.actuators[0].max_rate_per_s = contract.actions[0].max_rate_per_s;
        contract.interface_hash = robot.hash();
        let controller = || {
            let view = image.image().unwrap();
            let [history, observation, scratch] = Controller::<Vec<f32>>::storage(&view, &contract);
            let [history, observation, scratch] = [history, observation, scratch].map(|size| vec![0.0; size]);
            Controller::new(view, &contract, &robot, Storage { history, observation, scratch }).unwrap()
        };
        let step = |controller: &mut Controller<Vec<f32>>, period: i32| {
            let values = [0.1 * period as f32, -0.4 * period as f32];
            let frame = SensorFrame { values: &values, ages_us: &[0, 0] };
            controller.step(&frame, &[]).unwrap().0[0].to_bits()
        };
        let mut original = controller();
        for period in 0..7 {
            step(&mut original, period);
        }
        let mut restored = controller();
        restored.restore(&original.memory::<Vec<f32>>()).unwrap();
        for period in 7..20 {
            assert_eq!(step(&mut original, period), step(&mut restored, period), "period {period}");
        }
    }
}
