//! A damaged or hostile model is refused or runs; it never panics, loops or takes memory without bound.
//!
//! Every real export of `tests/models` is damaged in ways that reach the lowering: bytes, dimensions and counts replaced by
//! extreme ones, nodes exchanged, names crossed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use prost::Message;
use sinew_policy_runtime::onnx;
use sinew_policy_runtime::onnx::protobuf::{ModelProto, NodeProto};
use std::path::Path;
use std::time::{Duration, Instant};

/// Longest that one model may take to load; the models take milliseconds.
const LIMIT: Duration = Duration::from_secs(20);
/// How often each model is damaged in each way.
const ROUNDS: usize = 40;

/// The `SplitMix64` generator.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit.max(1) as u64) as usize
    }

    /// A number that programs stumble over.
    fn extreme(&mut self) -> i64 {
        const EXTREMES: [i64; 14] =
            [0, -1, 1, 2, 3, 7, -2, 255, 65_536, 16_777_217, i64::MAX, i64::MIN, i64::MAX - 1, 1 << 33];
        EXTREMES[self.below(EXTREMES.len())]
    }
}

fn models() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/models");
    let mut models: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "onnx"))
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect();
    models.sort();
    assert!(models.len() >= 60);
    models
}

/// Loads what may be anything; counts what still loads.
fn load(name: &str, bytes: &[u8]) -> usize {
    let started = Instant::now();
    let loaded = onnx::load(bytes).is_ok();
    assert!(started.elapsed() < LIMIT, "{name}: {:?}", started.elapsed());
    usize::from(loaded)
}

#[test]
fn damaged_bytes_never_panic() {
    let mut random = Random(1);
    for (name, bytes) in models() {
        for _ in 0..ROUNDS {
            let mut damaged = bytes.clone();
            for _ in 0..=random.below(6) {
                let place = random.below(damaged.len());
                damaged[place] = random.below(256) as u8;
            }
            load(&name, &damaged);
        }
        load(&name, &bytes[..random.below(bytes.len())]);
    }
}

#[test]
fn extreme_dimensions_and_attributes_never_panic() {
    let (mut random, mut loaded) = (Random(2), 0);
    for (name, bytes) in models() {
        for _ in 0..ROUNDS {
            let mut model = ModelProto::decode(&bytes[..]).unwrap();
            for _ in 0..=random.below(3) {
                damage(&mut model, &mut random);
            }
            loaded += load(&name, &model.encode_to_vec());
        }
    }
    // Some damage does not matter, so that the rest went deep.
    assert!(loaded > 20, "{loaded}");
}

fn damage(model: &mut ModelProto, random: &mut Random) {
    let graph = model.graph.as_mut().unwrap();
    match random.below(6) {
        0 if !graph.initializer.is_empty() => {
            let place = random.below(graph.initializer.len());
            let tensor = &mut graph.initializer[place];
            match random.below(3) {
                0 => tensor.dims = (0..random.below(10)).map(|_| random.extreme()).collect(),
                1 => tensor.data_type = random.below(24) as i32,
                // Shapes, axes and indices are raw INT64.
                _ => tensor.raw_data = (0..4).flat_map(|_| random.extreme().to_le_bytes()).collect(),
            }
        }
        1 => {
            let place = random.below(graph.node.len());
            attributes(&mut graph.node[place], random);
        }
        2 => {
            let (first, second) = (random.below(graph.node.len()), random.below(graph.node.len()));
            let operator = graph.node[first].op_type.clone();
            graph.node[second].op_type = operator;
        }
        3 => {
            let place = random.below(graph.node.len());
            let names: Vec<String> = graph.node.iter().flat_map(|node| node.output.clone()).collect();
            let name = names[random.below(names.len())].clone();
            let inputs = &mut graph.node[place].input;
            if !inputs.is_empty() {
                let input = random.below(inputs.len());
                inputs[input] = name;
            }
        }
        4 => {
            let place = random.below(graph.node.len());
            let node = &mut graph.node[place];
            if random.below(2) == 0 {
                node.input.pop().is_some()
            } else {
                node.output.pop().is_some()
            };
        }
        _ => model.opset_import[0].version = 9 + random.below(16) as i64,
    }
}

fn attributes(node: &mut NodeProto, random: &mut Random) {
    for attribute in &mut node.attribute {
        attribute.i = random.extreme();
        attribute.ints.iter_mut().for_each(|value| *value = random.extreme());
        attribute.f = [0.0, -1.0, f32::MAX, f32::NAN, f32::INFINITY, 1e-45][random.below(6)];
        if let Some(tensor) = &mut attribute.t {
            tensor.raw_data = (0..2).flat_map(|_| random.extreme().to_le_bytes()).collect();
        }
    }
}
