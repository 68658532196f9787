//! Proves an exported policy: [`prove`] runs its golden pairs through the runtime and through an independent engine.
//!
//! A recurrent policy's pairs are steps of one sequence, each with the state that it begins with. The runtime must give every pair bit for bit. The engine, which shares no arithmetic with it, must agree within
//! [`TOLERANCE`]: a mistake in export and lowering alike would pass the first test and fail the second.

use sinew_policy_runtime::executor::{Executor, ExecutorError, InferenceFault};
use sinew_policy_runtime::golden::GoldenError;
use sinew_policy_runtime::image::{Image, ImageError, Port, Role};
use sinew_policy_runtime::onnx::{self, OnnxError};
use std::io::Cursor;
use std::time::Instant;
use tract_onnx::prelude::{DatumExt, Framework, InferenceModelExt, IntoRunnable, Tensor, TractError, tvec};

/// Largest `|a - b| / (1 + |b|)` between the runtime's output `a` and the engine's `b`.
pub const TOLERANCE: f64 = 1e-5;
/// The engine.
const REFERENCE: &str = "tract 0.23";
/// Inferences whose median time is reported: some milliseconds in all.
const TIMED_INFERENCES: usize = 1001;

/// What is known about a policy after running it both ways.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    /// Size of the file.
    pub bytes: u64,
    /// Multiply-adds of one inference.
    pub multiply_adds: u64,
    /// Golden pairs in the file; the runtime gave each of them bit for bit.
    pub golden_pairs: usize,
    /// The engine and its version.
    pub reference: &'static str,
    /// Largest `|a - b| / (1 + |b|)` over all outputs of all golden pairs.
    pub reference_error: f64,
    /// Median time of one inference, µs.
    pub inference_us: f64,
}

impl Proof {
    /// Whether the engine agrees; a NaN does not.
    pub fn agrees(&self) -> bool {
        self.reference_error <= TOLERANCE
    }
}

/// Why a policy could not be proved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The file is refused, or its golden pairs do not hold.
    #[error(transparent)]
    Load(#[from] OnnxError),
    /// The image cannot be read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The image cannot be run on this thread.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// A golden pair does not hold.
    #[error(transparent)]
    Golden(#[from] GoldenError),
    /// The runtime gave no action for a golden input.
    #[error("golden pair {pair}: {fault}")]
    Inference {
        /// Which pair.
        pair: usize,
        /// Why.
        fault: InferenceFault,
    },
    /// The engine cannot run the file.
    #[error("{REFERENCE} cannot run the policy: {reason}")]
    Reference {
        /// What it says.
        reason: String,
    },
}

/// Runs every golden pair of `policy.onnx` both ways and measures the runtime.
///
/// A difference beyond [`TOLERANCE`] is no error here, see [`Proof::agrees`]: a report shows it either way.
///
/// # Errors
/// The file cannot be loaded or run; golden pairs that do not hold are such a case.
pub fn prove(policy: &[u8]) -> Result<Proof, ProofError> {
    let aligned = onnx::load(policy)?;
    let image = aligned.image()?;
    let mut executor = Executor::new(image, vec![0.0; image.scratch_len()])?;
    // Loading has done this already, on this very thread; a proof does not lean on another module's promise.
    executor.verify_golden()?;
    let reference = reference(policy, &image)?;
    let mut reference_error = 0.0;
    for (pair, (input, _)) in image.golden().iter().enumerate() {
        let expected = reference(input)?;
        run(&mut executor, input).map_err(|fault| ProofError::Inference { pair, fault })?;
        if expected.len() != image.outputs().len() {
            reference_error = f64::NAN;
        }
        for (position, expected) in expected.iter().enumerate() {
            let found = executor.output(position);
            reference_error = worse(reference_error, largest_difference(found, expected));
        }
    }
    Ok(Proof {
        bytes: policy.len() as u64,
        multiply_adds: image.cost().multiply_adds,
        golden_pairs: image.golden().len(),
        reference: REFERENCE,
        reference_error,
        inference_us: median_inference_us(&mut executor),
    })
}

/// Runs one golden pair's inputs, which lie one after the other, states included.
fn run(executor: &mut Executor<'_, Vec<f32>>, input: &[f32]) -> Result<(), InferenceFault> {
    let (image, mut rest) = (*executor.image(), input);
    for (position, port) in image.inputs().enumerate() {
        let (values, after) = rest.split_at(port.size.min(rest.len()));
        executor.set_input(position, values)?;
        rest = after;
    }
    executor.run()
}

/// What every output gave.
type Outputs = Vec<Vec<f32>>;

/// The engine, as a function from a golden pair's inputs to all outputs.
fn reference(
    policy: &[u8],
    image: &Image<'_>,
) -> Result<impl Fn(&[f32]) -> Result<Outputs, ProofError>, ProofError> {
    let refused = |error: TractError| ProofError::Reference { reason: error.to_string() };
    let shapes: Vec<Vec<usize>> = image.inputs().map(|port| shape(&port)).collect();
    let mut model = tract_onnx::onnx().model_for_read(&mut Cursor::new(policy)).map_err(refused)?;
    for (position, shape) in shapes.iter().enumerate() {
        model = model.with_input_fact(position, f32::fact(shape).into()).map_err(refused)?;
    }
    let plan = model.into_optimized().and_then(IntoRunnable::into_runnable).map_err(refused)?;
    Ok(move |input: &[f32]| {
        let (mut inputs, mut rest) = (tvec!(), input);
        for shape in &shapes {
            let (values, after) = rest.split_at(shape.iter().product::<usize>().min(rest.len()));
            inputs.push(Tensor::from_shape(shape, values).map_err(refused)?.into());
            rest = after;
        }
        let outputs = plan.run(inputs).map_err(refused)?;
        let values = |output: &Tensor| {
            Ok(output
                .try_as_plain_ram()
                .and_then(|values| values.as_slice::<f32>())
                .map_err(refused)?
                .to_vec())
        };
        outputs.iter().map(|output| values(output)).collect()
    })
}

/// As export writes it: rows of observations, and states of one direction.
fn shape(port: &Port<'_>) -> Vec<usize> {
    if port.role == Role::State { vec![1, 1, port.size] } else { vec![1, port.size] }
}

/// NaN where the lengths differ, so that a missing value never counts as equal.
fn largest_difference(found: &[f32], expected: &[f32]) -> f64 {
    if found.len() != expected.len() {
        return f64::NAN;
    }
    found.iter().zip(expected).fold(0.0, |largest, (found, expected)| {
        let (found, expected) = (f64::from(*found), f64::from(*expected));
        worse(largest, (found - expected).abs() / (1.0 + expected.abs()))
    })
}

/// The larger of two differences; NaN once either is.
fn worse(largest: f64, difference: f64) -> f64 {
    if largest.is_nan() || difference <= largest { largest } else { difference }
}

fn median_inference_us<S: AsMut<[f32]>>(executor: &mut Executor<'_, S>) -> f64 {
    let size = executor.image().input_size();
    // What is remembered, if anything, comes behind the observation and carries over by itself.
    let inputs: Vec<&[f32]> = executor.image().golden().iter().map(|(input, _)| &input[..size]).collect();
    let mut times: Vec<f64> = inputs
        .into_iter()
        .cycle()
        .take(TIMED_INFERENCES)
        .map(|input| {
            let started = Instant::now();
            // Every golden input has just been inferred without a fault.
            let _ = std::hint::black_box(executor.infer(std::hint::black_box(input)));
            started.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::ActorOrigin;
    use crate::algorithm::sac::{Sac, SacConfig};
    use crate::normalizer::Normalizer;
    use crate::training::{OffPolicy, transition_sizes};
    use sinew_sim::Task;

    fn policy() -> Vec<u8> {
        let task = Task::load("pendulum-v1").unwrap();
        let config = SacConfig { hidden: vec![64, 64], ..SacConfig::default() };
        let sac = Sac::new(&config, transition_sizes(&task, false), 3);
        let normalizer = Normalizer::new(task.observation_floor());
        let origin = ActorOrigin { algorithm: Sac::NAME, steps: 0, seed: 3 };
        sac.actor(Some(&normalizer), origin).export(&task).unwrap()
    }

    #[test]
    fn an_exported_policy_is_exact_and_agrees_with_an_independent_engine() {
        let policy = policy();
        let proof = prove(&policy).unwrap();
        assert!(proof.golden_pairs >= 64 && proof.agrees(), "{proof:?}");
        assert_eq!(proof.bytes, policy.len() as u64);
        // 3 inputs, two hidden layers of 64, one output.
        assert!(proof.multiply_adds >= 3 * 64 + 64 * 64 + 64, "{proof:?}");
    }

    #[test]
    fn a_changed_policy_is_not_proved() {
        let mut policy = policy();
        let place = policy.windows(14).position(|bytes| bytes == b"sinew.contract").unwrap();
        policy[place + 40] ^= 1;
        assert!(matches!(prove(&policy), Err(ProofError::Load(_))));
    }

    #[test]
    fn a_nan_and_a_missing_value_stay_visible() {
        assert!(largest_difference(&[f32::NAN, 1.0], &[0.0, 1.0]).is_nan());
        assert!(largest_difference(&[1.0], &[1.0, 2.0]).is_nan());
        assert_eq!(largest_difference(&[1.0, 3.0], &[1.0, 1.0]), 1.0);
        assert!(worse(f64::NAN, 0.5).is_nan());
    }
}
