//! Real exports compute what ONNX Runtime computes, and no less exactly.
//!
//! `tests/python/conformance_models.py` made the models of `tests/models` with PyTorch's two exporters, Stable-Baselines3 and
//! `rsl_rl`, and stored ONNX Runtime's outputs and their distance from a double-precision evaluation. Every model must load
//! without a contract, agree with ONNX Runtime within 1e-5 max(1, largest |y|), and lie at most twice as far from the double
//! precision as ONNX Runtime does. A recurrent model is compared step by step with the states that were fed there.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and reports what it measured"
)]

use serde_json::Value;
use sinew_policy_runtime::executor::Executor;
use sinew_policy_runtime::image::{AlignedImage, Image, Role};
use sinew_policy_runtime::policy_file::load_policy;
use std::path::{Path, PathBuf};

const TOLERANCE: f64 = 1e-5;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/models")
}

/// `SplitMix64` as the script has it.
struct Units(u64);

impl Units {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / 8_388_608.0 - 1.0
    }
}

/// One model with all that was stored about it.
struct Case {
    name: String,
    image: AlignedImage,
    /// Observations of all samples.
    observations: Vec<f32>,
    /// Per sample all outputs of ONNX Runtime.
    expected: Vec<f32>,
    /// What the double precision lies above them.
    residuals: Vec<f32>,
    episode: usize,
}

impl Case {
    fn all() -> Vec<Self> {
        let index: Value =
            serde_json::from_str(&std::fs::read_to_string(folder().join("index.json")).unwrap()).unwrap();
        let samples = index["samples"].as_u64().unwrap() as usize;
        let episode = index["episode"].as_u64().unwrap() as usize;
        assert!(samples >= 100);
        index["models"].as_array().unwrap().iter().map(|entry| Self::read(entry, samples, episode)).collect()
    }

    fn read(entry: &Value, samples: usize, episode: usize) -> Self {
        let name = entry["name"].as_str().unwrap().to_owned();
        let image =
            load_policy(folder().join(format!("{name}.onnx"))).unwrap_or_else(|error| panic!("{error}"));
        let bytes = std::fs::read(folder().join(format!("{name}.expected"))).unwrap();
        let values: Vec<f32> = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let view = image.image().unwrap();
        let outputs: usize = view.outputs().map(|output| output.size).sum();
        assert_eq!(values.len(), 2 * samples * outputs, "{name}: its outputs have other sizes");
        let stored: Vec<_> =
            entry["outputs"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        let found: Vec<_> = view.outputs().map(|output| output.name).collect();
        assert_eq!(found, stored, "{name}");
        let states = entry["states"].as_array().unwrap().len();
        let inputs = view.inputs().filter(|input| input.role == Role::State).count();
        assert_eq!(inputs, states, "{name}: number of states");
        let mut units = Units(entry["seed"].as_u64().unwrap());
        let number = |key: &str| entry[key].as_f64().unwrap() as f32;
        let (center, reach) = (number("center"), number("reach"));
        let observations = (0..samples * view.input_size()).map(|_| center + reach * units.next()).collect();
        let (expected, residuals) = values.split_at(values.len() / 2);
        let (expected, residuals) = (expected.to_vec(), residuals.to_vec());
        Self { name, image, observations, expected, residuals, episode }
    }

    /// All outputs of every sample; with `fed` states are those that ONNX Runtime gave.
    fn run(&self, fed: bool) -> Vec<f32> {
        let view = self.image.image().unwrap();
        let mut executor = Executor::new(view, vec![0.0; view.scratch_len()]).unwrap();
        let mut found: Vec<f32> = Vec::with_capacity(self.expected.len());
        let width = self.expected.len() / (self.observations.len() / view.input_size());
        for (sample, observation) in self.observations.chunks_exact(view.input_size()).enumerate() {
            if sample % self.episode == 0 {
                executor.reset();
            } else if fed {
                feed_states(&mut executor, view, &self.expected[(sample - 1) * width..sample * width]);
            }
            let mut rest = observation;
            for (position, input) in view.inputs().enumerate().filter(|(_, input)| input.role != Role::State)
            {
                let (values, after) = rest.split_at(input.size);
                executor.set_input(position, values).unwrap();
                rest = after;
            }
            executor.run().unwrap_or_else(|fault| panic!("{}: sample {sample}: {fault}", self.name));
            for position in 0..view.outputs().len() {
                found.extend(executor.output(position));
            }
            executor.carry_state();
        }
        found
    }

    /// Largest `|a - b| / max(1, largest |b|)`, output by output.
    fn distance(&self, found: &[f32]) -> f64 {
        let view = self.image.image().unwrap();
        let mut largest: f64 = 0.0;
        let mut start = 0;
        let outputs: Vec<_> = view.outputs().collect();
        for output in outputs.iter().cycle() {
            let Some(expected) = self.expected.get(start..start + output.size) else { break };
            let scale = expected.iter().fold(1.0, |scale: f64, value| scale.max(f64::from(value.abs())));
            for (a, b) in found[start..].iter().zip(expected) {
                largest = largest.max((f64::from(*a) - f64::from(*b)).abs() / scale);
            }
            start += output.size;
        }
        largest
    }

    /// Largest distances of what was found, and of ONNX Runtime, from the double precision.
    fn errors(&self, found: &[f32]) -> (f64, f64) {
        let triples = found.iter().zip(&self.expected).zip(&self.residuals);
        triples.fold((0.0, 0.0), |(ours, theirs), ((found, expected), residual)| {
            let residual = f64::from(*residual);
            let exact = f64::from(*expected) + residual;
            (f64::max(ours, (f64::from(*found) - exact).abs()), f64::max(theirs, residual.abs()))
        })
    }
}

fn feed_states(executor: &mut Executor<'_, Vec<f32>>, view: Image, previous: &[f32]) {
    let mut start = 0;
    for output in view.outputs() {
        if output.role == Role::State {
            executor.set_input(output.other_end(), &previous[start..start + output.size]).unwrap();
        }
        start += output.size;
    }
}

#[test]
fn there_are_enough_models_of_every_origin() {
    let names: Vec<_> = Case::all().into_iter().map(|case| case.name).collect();
    assert!(names.len() >= 60, "{}", names.len());
    for origin in ["_script", "_dynamo", "sb3_", "rsl_rl_", "gru", "lstm", "layer_norm", "convolution"] {
        assert!(names.iter().filter(|name| name.contains(origin)).count() >= 4, "{origin}");
    }
}

#[test]
fn every_model_computes_what_onnx_runtime_computes_and_no_less_exactly() {
    let mut failures = Vec::new();
    for case in Case::all() {
        let found = case.run(true);
        let distance = case.distance(&found);
        let (ours, theirs) = case.errors(&found);
        println!(
            "{:<34} {distance:.1e} from ONNX Runtime; from double: ours {ours:.2e}, theirs {theirs:.2e}",
            case.name
        );
        if case.image.image().unwrap().is_recurrent() {
            println!("{:<34} {:.1e} running freely", "", case.distance(&case.run(false)));
        }
        if !(distance <= TOLERANCE && ours <= 2.0 * theirs) {
            failures.push(format!("{}: {distance:.2e}, ours {ours:.3e}, theirs {theirs:.3e}", case.name));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// FNV-1a over the bits.
fn hash(values: &[f32]) -> u64 {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Every kernel and every target must give them: `tests/models/bits.txt` holds what the scalar kernels gave.
#[test]
fn the_bits_of_every_output_are_those_of_the_scalar_kernels() {
    let stored = std::fs::read_to_string(folder().join("bits.txt")).unwrap();
    let found: Vec<String> =
        Case::all().iter().map(|case| format!("{} {:016x}", case.name, hash(&case.run(true)))).collect();
    let stored: Vec<&str> = stored.lines().collect();
    assert_eq!(found, stored, "\n{}\n", found.join("\n"));
}
