//! Makes golden pairs: observations that reach a policy's limits, with the outputs of the runtime's executor.

use super::OnnxError;
use crate::executor::Executor;
use crate::golden::GoldenError;
use crate::image::program::Program;
use crate::image::{Element, Role};
use crate::math;

/// How many pairs are written.
const PAIRS: usize = 64;
/// How far a foreign policy's inputs are spread; most are trained on inputs of about 1.
const FOREIGN_REACH: f32 = 3.0;

/// The scale on which observations are spread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale<'a> {
    pub(super) mean: &'a [f32],
    pub(super) deviation: &'a [f32],
    /// In deviations.
    pub(super) clip: f32,
}

/// [`PAIRS`] observations of `size` values, the same for equal arguments: all zeros, the means, all values at, beyond and
/// alternating between the limits of the normalizer's clip, then pseudo-random ones within it.
pub(super) fn spread(size: usize, scale: Option<Scale>) -> Vec<f32> {
    let reach = scale.map_or(FOREIGN_REACH, |scale| scale.clip);
    let observation = |index: usize, deviations: f32| match scale {
        Some(scale) => scale.mean[index] + scale.deviation[index] * deviations,
        None => deviations,
    };
    let mut random = SplitMix(0);
    let mut observations = vec![0.0; size];
    for pair in 1..PAIRS {
        for index in 0..size {
            let alternating = if index % 2 == 0 { reach } else { -reach };
            let deviations = match pair {
                1 => 0.0,
                2 => reach,
                3 => -reach,
                4 => 1.5 * reach,
                5 => -1.5 * reach,
                6 => alternating,
                7 => -alternating,
                // Half of the rest stays where a policy mostly works.
                _ if pair % 2 == 0 => random.unit(),
                _ => reach * random.unit(),
            };
            observations.push(observation(index, deviations));
        }
    }
    observations
}

/// Each pair's inputs followed by its outputs. A recurrent policy runs through all observations from reset, each pair with
/// the state that it began with.
pub(super) fn pairs(program: &Program, observations: &[f32]) -> Result<Vec<f32>, OnnxError> {
    record(program, observations, false)
}

/// The same for a foreign policy, which may be defined for a part of all numbers only, as a logarithm is: observations that
/// overflow are left out, and it is refused if none remains.
pub(super) fn foreign_pairs(program: &Program, observations: &[f32]) -> Result<Vec<f32>, OnnxError> {
    record(program, observations, true)
}

fn record(program: &Program, observations: &[f32], leaves_out: bool) -> Result<Vec<f32>, OnnxError> {
    let image = program.assemble(&[], &[])?;
    let view = image.image()?;
    let mut executor = Executor::new(view, vec![0.0; view.scratch_len()])?;
    let (inputs, outputs) = program.golden_sizes();
    let mut golden = Vec::with_capacity(PAIRS * (inputs + outputs));
    let mut first_fault = None;
    for (pair, observation) in observations.chunks_exact(view.input_size()).enumerate() {
        let start = golden.len();
        let mut rest = observation;
        for (position, input) in view.inputs().enumerate() {
            if input.role == Role::State {
                golden.extend(executor.input(position));
            } else {
                let (values, after) = rest.split_at(input.size);
                golden.extend(values.iter().map(|value| fitting(*value, input.element)));
                rest = after;
            }
        }
        if let Err(fault) = executor.run_golden(&golden[start..]) {
            if !leaves_out {
                return Err(GoldenError::Inference { pair, fault }.into());
            }
            golden.truncate(start);
            first_fault = first_fault.or(Some((pair, fault)));
            continue;
        }
        for (position, output) in view.outputs().enumerate() {
            if output.role != Role::RawAction {
                golden.extend(executor.output(position));
            }
        }
        executor.carry_state();
    }
    match first_fault {
        Some((pair, fault)) if golden.is_empty() => Err(GoldenError::Inference { pair, fault }.into()),
        _ => Ok(golden),
    }
}

/// The nearest value that an input takes.
fn fitting(value: f32, element: Element) -> f32 {
    match element {
        Element::Number => value,
        Element::Integer => math::round(value).abs(),
        Element::Truth => f32::from(u8::from(value > 0.0)),
    }
}

/// The `SplitMix64` generator of Steele, Lea and Flood: the same numbers on every platform.
struct SplitMix(u64);

impl SplitMix {
    /// A number in [-1, 1).
    fn unit(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / 8_388_608.0 - 1.0
    }
}
