//! Runs real exports and says the bits of all their outputs, which must be those of every other target.
//!
//! For each model a line with its name and a hash of its outputs, in the form of `tests/models/bits.txt`: observations are
//! drawn and states are fed as `tests/tests/conformance.rs` does it.

use crate::board::Board;
use crate::console::{decimal, hexadecimal, text};
use sinew_policy_runtime::executor::{Executor, InferenceFault};
use sinew_policy_runtime::image::{Image, Role};
use sinew_policy_runtime::math;

/// Models, and how each is run.
pub struct Suite {
    /// Inferences of each model.
    pub samples: usize,
    /// Inferences after which a recurrent one begins anew.
    pub episode: usize,
    /// The models.
    pub models: &'static [Model],
}

/// One model.
pub struct Model {
    /// As in `tests/models`.
    pub name: &'static str,
    /// On a 64-byte boundary.
    pub image: &'static [u8],
    /// Of the generator that draws the observations.
    pub seed: u64,
    /// What they lie around.
    pub center: f32,
    /// And how far from it.
    pub reach: f32,
    /// Of a recurrent model the outputs whose states are fed, sample by sample, little-endian.
    pub fed: &'static [u8],
}

/// What a model needs at most, values.
const MAX_OBSERVATION: usize = 256;
const MAX_STATE: usize = 256;

/// Why a model gave no bits.
enum Failure {
    Image,
    Executor,
    Size,
    Inference,
}

impl From<InferenceFault> for Failure {
    fn from(_: InferenceFault) -> Self {
        Self::Inference
    }
}

/// Runs every model and says whether all could be run; `scratch` is lent to one after the other.
pub fn run(board: &mut impl Board, suite: &Suite, scratch: &mut [f32]) -> bool {
    let mut complete = true;
    for model in suite.models {
        text(board, model.name);
        match hash_of(model, suite, scratch) {
            Ok(hash) => {
                text(board, " ");
                hexadecimal(board, (hash >> 32) as u32);
                hexadecimal(board, hash as u32);
            }
            Err(failure) => {
                complete = false;
                text(
                    board,
                    match failure {
                        Failure::Image => " its image cannot be read",
                        Failure::Executor => " no executor could be made",
                        Failure::Size => " needs more memory than this program has",
                        Failure::Inference => " an inference failed",
                    },
                );
            }
        }
        text(board, "\n");
    }
    text(board, "models: ");
    decimal(board, suite.models.len() as u32);
    text(board, "\n");
    complete
}

/// Every one of so many numbers is tried.
const SWEEP_STRIDE: usize = 9973;

/// Runs a policy that gives the tanh of each input over finite numbers of every size, and says whether all have the bits of
/// [`math::tanh`]: the function that has instructions of its own here.
pub fn sweep_tanh(board: &mut impl Board, image: &'static [u8], scratch: &mut [f32]) -> bool {
    let differing = count_differing_tanh(image, scratch);
    text(board, "tanh: ");
    if let Ok((numbers, differing)) = differing {
        decimal(board, differing);
        text(board, " of ");
        decimal(board, numbers);
        text(board, " differ\n");
        return differing == 0;
    }
    text(board, "could not be run\n");
    false
}

fn count_differing_tanh(image: &'static [u8], scratch: &mut [f32]) -> Result<(u32, u32), Failure> {
    let image = Image::parse(image).map_err(|_| Failure::Image)?;
    let mut executor = Executor::new(image, scratch).map_err(|_| Failure::Executor)?;
    let mut observation = [0.0; MAX_OBSERVATION];
    let observation = observation.get_mut(..image.input_size()).ok_or(Failure::Size)?;
    let mut finite = (0..=u32::MAX).step_by(SWEEP_STRIDE).map(f32::from_bits).filter(|x| x.is_finite());
    let (mut numbers, mut differing) = (0, 0);
    while numbers < u32::MAX / SWEEP_STRIDE as u32 {
        for x in &mut *observation {
            let Some(next) = finite.next() else { return Ok((numbers, differing)) };
            *x = next;
        }
        let inference = executor.infer(observation)?;
        for (found, x) in inference.action.iter().zip(&*observation) {
            // The layer in front makes 0 of -0.
            differing += u32::from(found.to_bits() != math::tanh(*x + 0.0).to_bits());
            numbers += 1;
        }
    }
    Ok((numbers, differing))
}

/// A hash of the bits of all outputs of every sample.
fn hash_of(model: &Model, suite: &Suite, scratch: &mut [f32]) -> Result<u64, Failure> {
    let image = Image::parse(model.image).map_err(|_| Failure::Image)?;
    let scratch = scratch.get_mut(..image.scratch_len()).ok_or(Failure::Size)?;
    let mut executor = Executor::new(image, scratch).map_err(|_| Failure::Executor)?;
    let (mut units, mut hash) = (Units(model.seed), Hash(0xcbf2_9ce4_8422_2325));
    let width: usize = image.outputs().map(|output| output.size).sum();
    let mut observation = [0.0; MAX_OBSERVATION];
    let observation = observation.get_mut(..image.input_size()).ok_or(Failure::Size)?;
    for sample in 0..suite.samples {
        observation.fill_with(|| model.center + model.reach * units.next());
        if sample % suite.episode == 0 {
            executor.reset();
        } else if !model.fed.is_empty() {
            let previous = model.fed.chunks_exact(4 * width).nth(sample - 1).ok_or(Failure::Size)?;
            feed_states(&mut executor, image, previous)?;
        }
        let mut rest = &*observation;
        for (position, input) in image.inputs().enumerate().filter(|(_, input)| input.role != Role::State) {
            let (values, after) = rest.split_at_checked(input.size).ok_or(Failure::Size)?;
            executor.set_input(position, values)?;
            rest = after;
        }
        executor.run()?;
        for position in 0..image.outputs().len() {
            hash.add(executor.output(position));
        }
        executor.carry_state();
    }
    Ok(hash.0)
}

/// Sets every state to what came out before, as it was stored.
fn feed_states(
    executor: &mut Executor<'_, &mut [f32]>,
    image: Image,
    previous: &[u8],
) -> Result<(), Failure> {
    let mut rest = previous.as_chunks::<4>().0;
    for output in image.outputs() {
        let (bytes, after) = rest.split_at_checked(output.size).ok_or(Failure::Size)?;
        rest = after;
        if output.role == Role::State {
            let mut values = [0.0; MAX_STATE];
            let values = values.get_mut(..output.size).ok_or(Failure::Size)?;
            values.iter_mut().zip(bytes).for_each(|(value, bytes)| *value = f32::from_le_bytes(*bytes));
            executor.set_input(output.other_end(), values)?;
        }
    }
    Ok(())
}

/// `SplitMix64`, between -1 and 1.
struct Units(u64);

impl Units {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / 8_388_608.0 - 1.0
    }
}

/// FNV-1a over the bits.
struct Hash(u64);

impl Hash {
    fn add(&mut self, values: &[f32]) {
        for byte in values.iter().flat_map(|value| value.to_le_bytes()) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
