//! Runs an image: one observation in, one action out, without allocation, recursion or panic.
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
use crate::image::operation::{Kind, Operation};
use crate::kernel::{InstructionSet, Vectors, Work, scalar};

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
        Ok(Self { image, scratch, instruction_set })
    }

    /// The image that it runs.
    pub fn image(&self) -> &Image<'a> {
        &self.image
    }

    /// What it computes with.
    pub fn instruction_set(&self) -> InstructionSet {
        self.instruction_set
    }

    /// Computes the action for `observation`, in the contract's order and SI units.
    ///
    /// # Errors
    /// An observation of the wrong length or not finite, or a policy that overflows on it.
    #[inline]
    pub fn infer(&mut self, observation: &[f32]) -> Result<Inference<'_>, InferenceFault> {
        let expected = self.image.input_size();
        if observation.len() != expected {
            return Err(InferenceFault::Length { expected, found: observation.len() });
        }
        let scratch = self.scratch.as_mut();
        walk(self.instruction_set, Walk { image: &self.image, observation, scratch })?;
        let changed = |operation| InferenceFault::Changed { operation };
        let size = self.image.output_size();
        let scratch = &*scratch;
        let output = |start| scratch.get(start..start + size).ok_or(changed(self.image.operations().len()));
        Ok(Inference {
            action: output(self.image.action_start())?,
            raw_action: output(self.image.raw_action_start())?,
        })
    }
}

/// All operations of an image, one after the other.
struct Walk<'w> {
    image: &'w Image<'w>,
    observation: &'w [f32],
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
        let Self { image, observation, scratch } = self;
        let changed = |operation| InferenceFault::Changed { operation };
        let input = scratch.get_mut(..observation.len()).ok_or(changed(0))?;
        input.copy_from_slice(observation);
        if !scalar::all_finite(input) {
            let index = input.iter().position(|value| !value.is_finite()).unwrap_or(0);
            return Err(InferenceFault::Observation { index });
        }
        for (index, record) in image.operations().iter().enumerate() {
            let operation = Operation::decode(record).map_err(|_| changed(index))?;
            let finite = execute(vectors, &operation, image.weights(), scratch).ok_or(changed(index))?;
            if !finite {
                return Err(InferenceFault::NotFinite { operation: index });
            }
        }
        Ok(())
    }
}

/// Runs one operation and says whether every value it computed is finite, `None` if a range leaves its memory.
#[inline(always)]
fn execute<V: Vectors>(
    vectors: V,
    operation: &Operation,
    weights: &[f32],
    scratch: &mut [f32],
) -> Option<bool> {
    let weights = weights.get(operation.weights())?;
    let (source, destination) = (operation.source(), operation.destination());
    match operation.kind {
        Kind::Dense(activation) => {
            let (input, output) = apart(scratch, source, destination)?;
            vectors.dense(input, weights, output);
            Some(scalar::activate(activation, output))
        }
        Kind::Function(activation) => {
            let values = moved(scratch, source, destination)?;
            scalar::activate(activation, values);
            Some(scalar::all_finite(values))
        }
        Kind::Constant(binary) => {
            let values = moved(scratch, source, destination)?;
            scalar::combine(binary, values, weights);
            Some(scalar::all_finite(values))
        }
    }
}

type Place = core::ops::Range<usize>;

/// Two places of scratch at once, `None` unless both lie within it and apart.
#[inline]
fn apart(scratch: &mut [f32], source: Place, destination: Place) -> Option<(&[f32], &mut [f32])> {
    if source.end <= destination.start {
        let (low, high) = scratch.split_at_mut_checked(destination.start)?;
        Some((low.get(source)?, high.get_mut(..destination.len())?))
    } else {
        let (low, high) = scratch.split_at_mut_checked(source.start)?;
        Some((high.get(..source.len())?, low.get_mut(destination)?))
    }
}

/// Copies the source to its destination, unless they are the same, and lends the destination.
#[inline]
fn moved(scratch: &mut [f32], source: Place, destination: Place) -> Option<&mut [f32]> {
    if source != destination {
        let (from, to) = apart(scratch, source, destination.clone())?;
        (from.len() == to.len()).then(|| to.copy_from_slice(from))?;
    }
    scratch.get_mut(destination)
}
