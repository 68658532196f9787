//! What a controller carries from one policy period to the next, so that a run can be taken up again in its middle.

use super::Controller;
use crate::interface::MAX_ACTUATORS;
use serde::{Deserialize, Serialize};

/// All that the next period depends on beside its sample and goal; `H` holds the histories and the policy's own states.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControllerMemory<H> {
    /// Samples taken since the reset.
    samples: u64,
    /// The rings of all terms.
    history: H,
    /// What a recurrent policy remembers.
    states: H,
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

    /// What a recurrent policy remembers; empty where it remembers nothing.
    pub fn states(&self) -> &[f32] {
        self.states.as_ref()
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
            states: self.executor.states().into(),
            last: self.actions.last().collect(),
            raw_action: self.raw_action[..self.size].iter().copied().collect(),
        }
    }

    /// Goes on from the [`Self::memory`] of a controller of the same policy.
    ///
    /// # Errors
    /// It is of another policy; nothing is changed.
    pub fn restore<H: AsRef<[f32]>>(&mut self, memory: &ControllerMemory<H>) -> Result<(), MemoryMismatch> {
        let (history, states) = (memory.history.as_ref(), memory.states.as_ref());
        let lengths = [
            ("recurrent state", self.executor.states().len(), states.len()),
            ("history", self.builder.history().1.len(), history.len()),
            ("last commands", self.actions.last().len(), memory.last.len()),
            ("previous action", self.size, memory.raw_action.len()),
        ];
        for (what, expected, found) in lengths {
            if expected != found {
                return Err(MemoryMismatch { what, expected, found });
            }
        }
        // None can fail: the lengths are those that each expects.
        let _ = self.executor.restore_states(states);
        let _ = self.builder.restore_history(memory.samples, history);
        let _ = self.actions.restore(&memory.last);
        self.raw_action[..self.size].copy_from_slice(&memory.raw_action);
        Ok(())
    }
}

#[cfg(all(test, feature = "onnx"))]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::Storage;
    use super::*;
    use crate::contract::{History, HistoryOrder, HistoryReset};
    use crate::image::program::{Program, Terminal};
    use crate::image::{Element, Role};
    use crate::observation::SensorFrame;
    use crate::onnx::{self, write};
    use crate::testing::{pendulum_contract, pendulum_interface};
    use std::vec;
    use std::vec::Vec;

    use crate::contract::Contract;
    use crate::image::AlignedImage;
    use crate::interface::Interface;

    fn controller<'a>(
        image: &'a AlignedImage,
        contract: &Contract<'a>,
        robot: &Interface<'a>,
    ) -> Controller<'a, Vec<f32>> {
        let view = image.image().unwrap();
        let [history, observation, scratch] =
            Controller::<Vec<f32>>::storage(&view, contract).map(|size| vec![0.0; size]);
        Controller::new(view, contract, robot, Storage { history, observation, scratch }).unwrap()
    }

    fn step(controller: &mut Controller<Vec<f32>>, period: i32) -> u32 {
        let values = [0.1 * period as f32, -0.4 * period as f32];
        let frame = SensorFrame { values: &values, ages_us: &[0, 0] };
        controller.step(&frame, &[]).unwrap().0[0].to_bits()
    }

    /// Takes a memory after 7 periods, and goes on from it beside the controller that it was taken of.
    fn assert_goes_on(image: &AlignedImage, contract: &Contract, robot: &Interface) {
        let mut original = controller(image, contract, robot);
        for period in 0..7 {
            step(&mut original, period);
        }
        let mut restored = controller(image, contract, robot);
        restored.restore(&original.memory::<Vec<f32>>()).unwrap();
        for period in 7..20 {
            assert_eq!(step(&mut original, period), step(&mut restored, period), "period {period}");
        }
    }

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
        assert_goes_on(&image, &contract, &robot);
    }

    #[test]
    fn a_recurrent_policy_goes_on_with_what_it_remembers() {
        let (contract, robot) = (pendulum_contract(), pendulum_interface());
        let (inputs, size) = (contract.observation_size(), 5);
        let weights = |count: usize| -> Vec<f32> {
            (0..count).map(|index| ((index * 37 % 19) as f32 - 9.0) * 0.07).collect()
        };
        let memory = write::GatedMemory {
            weights: &weights(inputs * 3 * size),
            bias: &weights(3 * size),
            state_weights: &weights(size * 3 * size),
            state_bias: &weights(3 * size),
        };
        let layer = write::DenseLayer { weights: &weights(size), bias: &[0.1], activation: None };
        let head = write::Head { squash: write::Squash::Tanh, scale: &[2.0], offset: &[0.0] };
        let graph = write::PolicyGraph { normalizer: None, layers: &[layer], head, contract: &contract };
        let image = onnx::load(&write::write_with_memory(&graph, &memory).unwrap()).unwrap();
        assert_goes_on(&image, &contract, &robot);

        // Its states count, and those of another policy are refused.
        let mut original = controller(&image, &contract, &robot);
        let begun = step(&mut original, 3);
        let mut taken = original.memory::<Vec<f32>>();
        assert!(taken.states().iter().any(|value| *value != 0.0), "{taken:?}");
        assert_ne!(step(&mut original, 3), begun);
        taken.states.pop();
        let refused = original.restore(&taken).unwrap_err();
        assert_eq!((refused.what, refused.found + 1), ("recurrent state", refused.expected));
    }
}
