//! tract, an engine that shares nothing with ours, computes the same actions.
#![allow(clippy::unwrap_used, reason = "helpers of tests are not tests by themselves")]

#[path = "../../policy-runtime/tests/policies/mod.rs"]
mod policies;

use policies::{Random, contract, shapes};
use sinew_policy_runtime::executor::Executor;
use sinew_policy_runtime::onnx;
use sinew_policy_runtime::onnx::write::{DenseLayer, Head, PolicyGraph, Squash, write};
use std::io::Cursor;
use tract_onnx::prelude::*;

/// Runs `observation` through tract.
fn reference(model: &[u8], size: usize) -> impl Fn(&[f32]) -> Vec<Vec<f32>> {
    let plan = ::tract_onnx::onnx()
        .model_for_read(&mut Cursor::new(model))
        .unwrap()
        .with_input_fact(0, f32::fact([1, size]).into())
        .unwrap()
        .into_optimized()
        .unwrap()
        .into_runnable()
        .unwrap();
    move |observation| {
        let input = tract_ndarray::Array2::from_shape_vec((1, size), observation.to_vec()).unwrap();
        let outputs = plan.run(tvec!(Tensor::from(input).into())).unwrap();
        let values = |output: &TValue| output.try_as_plain_ram().unwrap().as_slice::<f32>().unwrap().to_vec();
        outputs.iter().map(values).collect()
    }
}

#[test]
fn another_engine_computes_the_same_actions() {
    for shape in shapes() {
        let model = shape.onnx();
        let aligned = onnx::load(&model).unwrap();
        let image = aligned.image().unwrap();
        let reference = reference(&model, image.input_size());
        let mut executor = Executor::new(image, vec![0.0; image.scratch_len()]).unwrap();
        let mut random = Random(99);
        for _ in 0..50 {
            let observation = random.vector(image.input_size(), 3.0);
            let inference = executor.infer(&observation).unwrap();
            let expected = reference(&observation);
            let found = if shape.previous_action {
                vec![inference.action, inference.raw_action]
            } else {
                vec![inference.action]
            };
            assert_eq!(expected.len(), found.len());
            for (expected, found) in expected.iter().flatten().zip(found.into_iter().flatten()) {
                let close = (expected - found).abs() <= 1e-5 * (1.0 + expected.abs());
                assert!(close, "{shape:?}: {expected} and {found}");
            }
        }
    }
}

#[test]
fn the_row_of_the_largest_value_is_the_action() {
    let contract = contract(2, 2, true);
    // Values x, y, and 0.5.
    let weights = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0].into_iter().chain([0.0; 6]).collect::<Vec<f32>>();
    let layer = DenseLayer { weights: &weights, bias: &[0.0, 0.0, 0.5], activation: None };
    let table = [-1.0, 0.5, 0.25, 1.0, 0.0, -0.75];
    let head = Head { squash: Squash::Choose(&table), scale: &[4.0, 2.0], offset: &[1.0, 0.0] };
    let graph = PolicyGraph { normalizer: None, layers: &[layer], head, contract: &contract };
    let model = write(&graph).unwrap();
    let aligned = onnx::load(&model).unwrap();
    let image = aligned.image().unwrap();
    let mut executor = Executor::new(image, vec![0.0; image.scratch_len()]).unwrap();
    executor.verify_golden().unwrap();
    let reference = reference(&model, 4);
    for (x, y, row) in [(1.0, 0.0, 0), (0.0, 1.0, 1), (0.0, 0.0, 2), (0.75, 0.75, 0), (-2.0, -3.0, 2)] {
        let observation = [x, y, 9.0, 9.0];
        let inference = executor.infer(&observation).unwrap();
        let raw = &table[2 * row..2 * row + 2];
        assert_eq!(inference.raw_action, raw);
        assert_eq!(inference.action, [4.0 * raw[0] + 1.0, 2.0 * raw[1]]);
        assert_eq!(reference(&observation), [inference.action, inference.raw_action]);
    }
    let short = Head { squash: Squash::Choose(&table[..4]), ..head };
    let refusal = write(&PolicyGraph { head: short, ..graph }).unwrap_err().to_string();
    assert_eq!(refusal, "table of actions has 4 values, expected 6");
}
