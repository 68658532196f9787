//! Runs an image: one observation in, one action out, without allocation, recursion or panic.
//!
//! State of a recurrent policy lies in scratch: [`Executor::infer`] carries it over, [`Executor::reset`] begins anew. Policies
//! with several inputs and outputs are run piece by piece: [`Executor::set_input`], [`Executor::run`],
//! [`Executor::output`], [`Executor::carry_state`].
//!
//! The [`Executor`] walks the image's records in order over scratch that the caller lends. Every value is tested for
//! finiteness before a non-linearity could hide it: an overflow inside a network whose last layer is a tanh looks like a
//! valid action, and is a fault instead.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # #[cfg(feature = "std")] {
//! use sinew_policy_runtime::{executor::Executor, image::AlignedImage};
//! let bytes = AlignedImage::from_bytes(&std::fs::read("policy.img")?)?;
//! let image = bytes.image()?;
//! let mut executor = Executor::new(image, vec![0.0; image.scratch_len()])?;
//! executor.verify_golden()?;
//! let inference = executor.infer(&vec![0.0; image.input_size()])?;
//! println!("{:?}", inference.action);
//! # }
//! # Ok(())
//! # }
//! ```

use crate::float_environment::{self, FloatEnvironmentError};
use crate::image::Image;
use crate::image::port::{PortRecord, Role};
use crate::kernel::{InstructionSet, Vectors, Work, scalar};
use core::ops::Range;
use step::execute;

mod states;
mod step;

/// Why no executor could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExecutorError {
    /// Too little scratch.
    #[error("scratch has {found} values, the image needs {expected}")]
    Scratch {
        /// Needed.
        expected: usize,
        /// Given.
        found: usize,
    },
    /// This thread's arithmetic gives other bits.
    #[error(transparent)]
    FloatEnvironment(#[from] FloatEnvironmentError),
}

/// Why an inference gave no action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InferenceFault {
    /// The observation has another length.
    #[error("the observation has {found} values, the policy takes {expected}")]
    Length {
        /// What the policy takes.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// An observation value is NaN or infinite.
    #[error("observation value {index} is not finite")]
    Observation {
        /// Its position.
        index: usize,
    },
    /// A value inside the policy, or its output, is NaN or infinite.
    #[error("operation {operation} of the policy gave a value that is not finite")]
    NotFinite {
        /// The operation that gave it.
        operation: usize,
    },
    /// There is no such input.
    #[error("the policy has {inputs} inputs, none at position {input}")]
    Input {
        /// Asked for.
        input: usize,
        /// How many there are.
        inputs: usize,
    },
    /// A record can no longer be executed: the image's memory has changed since it was parsed.
    #[error("operation {operation} of the image has changed since it was parsed")]
    Changed {
        /// Its position.
        operation: usize,
    },
}

/// What a policy put out. Both slices are valid until the next inference.
#[derive(Clone, Copy, Debug)]
pub struct Inference<'e> {
    /// In the actuators' units.
    pub action: &'e [f32],
    /// Before scaling: what a [previous action](crate::contract::TermSource::PreviousAction) term observes. The same as
    /// `action` where the graph has one output.
    pub raw_action: &'e [f32],
}

/// Runs an image; see the [module](self).
#[derive(Clone, Debug)]
pub struct Executor<'a, S> {
    image: Image<'a>,
    scratch: S,
    instruction_set: InstructionSet,
}

impl<'a, S: AsMut<[f32]>> Executor<'a, S> {
    /// Takes scratch of at least [`Image::scratch_len`] values, and probes the thread's arithmetic. Computes with the
    /// fastest instructions of this machine.
    ///
    /// # Errors
    /// Too little scratch, or arithmetic that would give other bits.
    pub fn new(image: Image<'a>, scratch: S) -> Result<Self, ExecutorError> {
        Self::with_instruction_set(image, scratch, InstructionSet::best())
    }

    /// The same with chosen instructions, which give the same bits at another speed.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn with_instruction_set(
        image: Image<'a>,
        mut scratch: S,
        instruction_set: InstructionSet,
    ) -> Result<Self, ExecutorError> {
        let (expected, found) = (image.scratch_len(), scratch.as_mut().len());
        if found < expected {
            return Err(ExecutorError::Scratch { expected, found });
        }
        float_environment::check()?;
        let mut executor = Self { image, scratch, instruction_set };
        executor.reset();
        Ok(executor)
    }

    /// The image that it runs.
    pub fn image(&self) -> &Image<'a> {
        &self.image
    }

    /// What it computes with.
    pub fn instruction_set(&self) -> InstructionSet {
        self.instruction_set
    }

    /// Begins anew: every state is zero, as at a policy's start.
    pub fn reset(&mut self) {
        let scratch = self.scratch.as_mut();
        for input in self.image.inputs().filter(|input| input.role == Role::State) {
            if let Some(values) = scratch.get_mut(input.place()) {
                values.fill(0.0);
            }
        }
    }

    /// Computes the action for `observation`, in the contract's order and SI units, and carries state over. A fault leaves
    /// the state as it was.
    ///
    /// # Errors
    /// An observation of the wrong length or not finite, or a policy that overflows on it.
    #[inline]
    pub fn infer(&mut self, observation: &[f32]) -> Result<Inference<'_>, InferenceFault> {
        let expected = self.image.input_size();
        if observation.len() != expected {
            return Err(InferenceFault::Length { expected, found: observation.len() });
        }
        if !scalar::all_finite(observation) {
            let index = observation.iter().position(|value| !value.is_finite()).unwrap_or(0);
            return Err(InferenceFault::Observation { index });
        }
        match self.image.observation_place() {
            Some(place) => {
                let changed = InferenceFault::Changed { operation: 0 };
                let scratch = self.scratch.as_mut().get_mut(place).ok_or(changed)?;
                (scratch.len() == observation.len())
                    .then(|| scratch.copy_from_slice(observation))
                    .ok_or(changed)?;
            }
            None => self.write_inputs(observation, |role| role == Role::Observation)?,
        }
        self.run()?;
        if self.image.is_recurrent() {
            self.carry_state();
        }
        let size = self.image.output_size();
        let changed = InferenceFault::Changed { operation: self.image.operations().len() };
        let scratch = &*self.scratch.as_mut();
        let output = |start: usize| scratch.get(start..start + size).ok_or(changed);
        Ok(Inference {
            action: output(self.image.action_start())?,
            raw_action: output(self.image.raw_action_start())?,
        })
    }

    /// Copies consecutive `values` to the inputs whose role is wanted, in order.
    #[inline]
    pub(crate) fn write_inputs(
        &mut self,
        values: &[f32],
        wanted: impl Fn(Role) -> bool,
    ) -> Result<(), InferenceFault> {
        let changed = InferenceFault::Changed { operation: 0 };
        let scratch = self.scratch.as_mut();
        let mut rest = values;
        for record in self.image.input_records() {
            let port = PortRecord::decode(record, true).ok_or(changed)?;
            if wanted(port.role) {
                let (start, size) = (port.start as usize, port.size as usize);
                let place = scratch.get_mut(start..start.saturating_add(size)).ok_or(changed)?;
                let (values, after) = rest.split_at_checked(place.len()).ok_or(changed)?;
                place.copy_from_slice(values);
                rest = after;
            }
        }
        Ok(())
    }

    /// Sets the values of one input, an observation or a state, by its position among [`Image::inputs`].
    ///
    /// # Errors
    /// No such input, or values of the wrong number or not finite.
    pub fn set_input(&mut self, input: usize, values: &[f32]) -> Result<(), InferenceFault> {
        let inputs = self.image.inputs().len();
        let port = self.image.inputs().nth(input).ok_or(InferenceFault::Input { input, inputs })?;
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            return Err(InferenceFault::Observation { index });
        }
        let wrong = InferenceFault::Length { expected: port.size, found: values.len() };
        let place = self.scratch.as_mut().get_mut(port.place()).filter(|place| place.len() == values.len());
        place.ok_or(wrong)?.copy_from_slice(values);
        Ok(())
    }

    /// The values of one input as they are: of a state, what the next inference begins with.
    pub fn input(&mut self, input: usize) -> &[f32] {
        let place = self.image.inputs().nth(input).map(|port| port.place());
        let scratch = &*self.scratch.as_mut();
        place.and_then(|place| scratch.get(place)).unwrap_or_default()
    }

    /// Runs every operation on the inputs as they are set; observations must be set before each run, whose operations reuse
    /// their memory. State is not carried over.
    ///
    /// # Errors
    /// A policy that overflows.
    #[inline]
    pub fn run(&mut self) -> Result<(), InferenceFault> {
        walk(self.instruction_set, Walk { image: &self.image, scratch: self.scratch.as_mut() })
    }

    /// The values of one output, by its position among [`Image::outputs`]; empty if there is no such.
    pub fn output(&mut self, output: usize) -> &[f32] {
        let place = self.image.outputs().nth(output).map(|port| port.place());
        let scratch = &*self.scratch.as_mut();
        place.and_then(|place| scratch.get(place)).unwrap_or_default()
    }

    /// Makes the states that came out those of the next inference. Outputs stay readable.
    #[inline]
    pub fn carry_state(&mut self) {
        let scratch = self.scratch.as_mut();
        for input in self.image.input_records() {
            let Some(input) = PortRecord::decode(input, true).filter(|port| port.role == Role::State) else {
                continue;
            };
            if let Some(output) = self.image.outputs().nth(input.other_end as usize) {
                let start = input.start as usize;
                let _ = step::copy(scratch, output.place(), start..start.saturating_add(output.size));
            }
        }
    }
}

type Place = Range<usize>;

/// All operations of an image, one after the other.
struct Walk<'w> {
    image: &'w Image<'w>,
    scratch: &'w mut [f32],
}

/// Never inlined: it holds the kernels, which this crate compiles in one codegen unit. In a caller's crate, whose profile
/// may split them from the functions that they call, they have been measured at a tenth of their speed.
#[inline(never)]
fn walk(instruction_set: InstructionSet, walk: Walk<'_>) -> Result<(), InferenceFault> {
    instruction_set.run(walk)
}

impl Work for Walk<'_> {
    type Output = Result<(), InferenceFault>;

    #[inline(always)]
    fn run<V: Vectors>(self, vectors: V) -> Result<(), InferenceFault> {
        for (index, record) in self.image.operations().iter().enumerate() {
            let changed = InferenceFault::Changed { operation: index };
            let finite = execute(vectors, record, self.image.weights(), self.scratch).ok_or(changed)?;
            if !finite {
                return Err(InferenceFault::NotFinite { operation: index });
            }
        }
        Ok(())
    }
}
