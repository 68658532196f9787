//! Golden pairs: inputs with the outputs that every executor must give, bit for bit.
//!
//! They travel in the policy's file and in its image, and are checked wherever the policy is loaded, at a microcontroller's
//! boot too: a compiler, a flag or a processor that computes otherwise is found before anything moves.

use crate::executor::{Executor, InferenceFault};
use crate::image::Role;

/// Golden pairs in place.
#[derive(Clone, Copy, Debug)]
pub struct GoldenPairs<'a> {
    values: &'a [f32],
    input_size: usize,
    output_size: usize,
}

impl<'a> GoldenPairs<'a> {
    /// `values` holds each pair's inputs, then its outputs.
    pub(crate) fn new(values: &'a [f32], input_size: usize, output_size: usize) -> Self {
        Self { values, input_size, output_size }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.iter().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Each pair's input and output.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'a [f32], &'a [f32])> + use<'a> {
        let input_size = self.input_size;
        // At least one value, so that no size makes `chunks_exact` panic; every pair is as long as its input and its output.
        self.values
            .chunks_exact((input_size + self.output_size).max(1))
            .map(move |pair| pair.split_at_checked(input_size).unwrap_or_default())
    }
}

/// Why the golden pairs do not hold.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GoldenError {
    /// The executor faulted.
    #[error("golden pair {pair}: {fault}")]
    Inference {
        /// Which pair.
        pair: usize,
        /// Why.
        fault: InferenceFault,
    },
    /// An output has other bits.
    #[error("golden pair {pair}, output {output}: expected {expected:e}, found {found:e}")]
    Output {
        /// Which pair.
        pair: usize,
        /// Which value.
        output: usize,
        /// In the file.
        expected: f32,
        /// Computed here.
        found: f32,
    },
}

impl<S: AsMut<[f32]>> Executor<'_, S> {
    /// Runs every golden pair and compares bit for bit. A recurrent policy is reset afterwards.
    ///
    /// # Errors
    /// The first pair that differs.
    pub fn verify_golden(&mut self) -> Result<(), GoldenError> {
        for (pair, (input, expected)) in self.image().golden().iter().enumerate() {
            self.run_golden(input).map_err(|fault| GoldenError::Inference { pair, fault })?;
            self.compare_golden(pair, expected)?;
        }
        self.reset();
        Ok(())
    }

    /// Runs all inputs of a pair, states included.
    pub(crate) fn run_golden(&mut self, input: &[f32]) -> Result<(), InferenceFault> {
        if let Some(index) = input.iter().position(|value| !value.is_finite()) {
            return Err(InferenceFault::Observation { index });
        }
        self.write_inputs(input, |_| true)?;
        self.run()
    }

    fn compare_golden(&mut self, pair: usize, expected: &[f32]) -> Result<(), GoldenError> {
        let mut rest = expected;
        for (position, port) in self.image().outputs().enumerate() {
            if port.role == Role::RawAction {
                continue;
            }
            let (values, after) = rest.split_at_checked(port.size).unwrap_or((rest, &[]));
            let start = expected.len() - rest.len();
            for (index, (expected, found)) in values.iter().zip(self.output(position)).enumerate() {
                if expected.to_bits() != found.to_bits() {
                    let (expected, found, output) = (*expected, *found, start + index);
                    return Err(GoldenError::Output { pair, output, expected, found });
                }
            }
            rest = after;
        }
        Ok(())
    }
}
