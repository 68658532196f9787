//! What one policy remembers in each of several environments, which one executor runs in turn.

use sinew_policy_runtime::executor::{Executor, InferenceFault};
use sinew_policy_runtime::image::{Image, Role};

/// A state for each environment; nothing where the policy remembers nothing.
pub(crate) struct Memories {
    /// Positions of the policy's states among its inputs, and how many values each has.
    states: Vec<(usize, usize)>,
    /// `[environments, values of all states]`.
    values: Vec<f32>,
}

impl Memories {
    /// As every episode begins: zeros.
    pub(crate) fn new(image: &Image<'_>, environments: usize) -> Self {
        let inputs = image.inputs().enumerate().filter(|(_, input)| input.role == Role::State);
        let states: Vec<(usize, usize)> = inputs.map(|(position, input)| (position, input.size)).collect();
        let size: usize = states.iter().map(|(_, size)| size).sum();
        Self { states, values: vec![0.0; environments * size] }
    }

    fn of(&mut self, environment: usize) -> &mut [f32] {
        let size: usize = self.states.iter().map(|(_, size)| size).sum();
        &mut self.values[environment * size..(environment + 1) * size]
    }

    /// Gives the executor what the policy remembers there.
    pub(crate) fn recall(
        &mut self,
        environment: usize,
        executor: &mut Executor<'_, Vec<f32>>,
    ) -> Result<(), InferenceFault> {
        let mut start = 0;
        for index in 0..self.states.len() {
            let (position, size) = self.states[index];
            executor.set_input(position, &self.of(environment)[start..start + size])?;
            start += size;
        }
        Ok(())
    }

    /// Takes from the executor what it remembers after an inference.
    pub(crate) fn keep(&mut self, environment: usize, executor: &mut Executor<'_, Vec<f32>>) {
        let mut start = 0;
        for index in 0..self.states.len() {
            let (position, size) = self.states[index];
            self.of(environment)[start..start + size].copy_from_slice(executor.input(position));
            start += size;
        }
    }

    /// An episode is over there.
    pub(crate) fn forget(&mut self, environment: usize) {
        self.of(environment).fill(0.0);
    }
}
