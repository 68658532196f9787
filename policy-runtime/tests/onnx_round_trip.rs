//! A policy that is written, loaded and run stays the same policy.
#![cfg(feature = "onnx")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are not tests by themselves")]

mod policies;

use policies::{Random, Shape, contract};
use sinew_policy_runtime::executor::{Executor, InferenceFault};
use sinew_policy_runtime::image::AlignedImage;
use sinew_policy_runtime::onnx::write::{
    Activation, DenseLayer, Head, NormalizerConstants, PolicyGraph, Squash, WriteError, write,
};
use sinew_policy_runtime::onnx::{self, OnnxError};
use std::io::Cursor;
use tract_onnx::prelude::*;

fn shapes() -> Vec<Shape> {
    let activations = [
        Activation::Relu,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::Elu { alpha: 1.0 },
        Activation::LeakyRelu { slope: 0.01 },
        Activation::Softplus,
        Activation::Clip { minimum: -0.5, maximum: 0.75 },
    ];
    let widths: [&[usize]; 7] = [
        &[4, 64, 64, 1],
        &[17, 256, 256, 6],
        &[48, 128, 64, 12],
        &[1, 1],
        &[3, 7, 5],
        &[2, 31, 33, 3],
        &[5, 17, 1, 2],
    ];
    let mut shapes = Vec::new();
    for (index, activation) in activations.into_iter().enumerate() {
        let shape = Shape { seed: index as u32, ..Shape::new(widths[index], activation) };
        shapes.push(Shape { normalized: index % 2 == 0, ..shape.clone() });
        shapes.push(Shape { squash: Squash::Clip, ..shape.clone() });
        shapes.push(Shape { previous_action: true, ..shape });
    }
    shapes.push(Shape { activation: None, ..Shape::new(&[6, 9, 4], Activation::Relu) });
    shapes
}

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
fn golden_pairs_hold_bit_for_bit_wherever_the_policy_is_loaded() {
    for shape in shapes() {
        let aligned = onnx::load(&shape.onnx()).unwrap();
        let copied = AlignedImage::from_bytes(aligned.as_bytes()).unwrap();
        let image = copied.image().unwrap();
        assert!(image.golden().len() >= 64);
        let mut executor = Executor::new(image, vec![0.0; image.scratch_len()]).unwrap();
        executor.verify_golden().unwrap();
    }
}

#[test]
fn equal_policies_give_equal_bytes() {
    for shape in shapes() {
        let model = shape.onnx();
        assert_eq!(model, shape.onnx());
        assert_eq!(onnx::load(&model).unwrap(), onnx::load(&model).unwrap());
    }
}

/// Confirmed by `tests/python/check_onnx.py`, which shares no code with the runtime. The golden pairs' bits enter it too.
#[test]
fn the_canonical_hash_of_a_known_policy_does_not_change() {
    let shape = Shape { previous_action: true, ..Shape::new(&[3, 5, 2], Activation::Elu { alpha: 1.0 }) };
    let model = shape.onnx();
    let expected = b"2b6d315d101a7137b0505d7166c32be0413f1d55f2246309932e73a7535ef320";
    assert!(model.windows(expected.len()).any(|window| window == expected));
}

#[test]
fn the_contract_survives_the_file_and_the_image() {
    let shape = Shape { previous_action: true, ..Shape::new(&[3, 8, 2], Activation::Tanh) };
    let aligned = onnx::load(&shape.onnx()).unwrap();
    let image = aligned.image().unwrap();
    assert_eq!(image.contract().unwrap(), Some(contract(3, 2, true)));
    assert_eq!((image.input_size(), image.output_size()), (5, 2));
    assert!(image.has_raw_action());
}

#[test]
fn the_raw_action_is_the_head_without_scale_and_offset() {
    let contract = contract(1, 1, true);
    let layer = DenseLayer { weights: &[0.5, 0.0], bias: &[0.25], activation: None };
    let graph = PolicyGraph {
        normalizer: None,
        layers: &[layer],
        head: Head { squash: Squash::Clip, scale: &[4.0], offset: &[1.0] },
        contract: &contract,
    };
    let aligned = onnx::load(&write(&graph).unwrap()).unwrap();
    let image = aligned.image().unwrap();
    let mut executor = Executor::new(image, vec![0.0; image.scratch_len()]).unwrap();
    let inference = executor.infer(&[1.0, 9.0]).unwrap();
    assert_eq!((inference.raw_action, inference.action), (&[0.75][..], &[4.0][..]));
    let inference = executor.infer(&[8.0, 9.0]).unwrap();
    assert_eq!((inference.raw_action, inference.action), (&[1.0][..], &[5.0][..]));
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

#[test]
fn an_overflow_inside_the_network_is_a_fault_and_not_a_saturated_action() {
    let contract = contract(1, 1, false);
    let layers = [
        DenseLayer { weights: &[1e30], bias: &[0.0], activation: None },
        DenseLayer { weights: &[1e8], bias: &[0.0], activation: None },
    ];
    let mut graph = PolicyGraph {
        normalizer: None,
        layers: &layers,
        head: Head { squash: Squash::Tanh, scale: &[1.0], offset: &[0.0] },
        contract: &contract,
    };
    assert!(matches!(write(&graph), Err(WriteError::Graph(OnnxError::Golden(_)))));
    // Within the normalizer's clip it does not overflow, so the file is written; the executor watches on.
    graph.normalizer = Some(NormalizerConstants { mean: &[0.0], deviation: &[1.0], clip: 1.0 });
    let aligned = onnx::load(&write(&graph).unwrap()).unwrap();
    let image = aligned.image().unwrap();
    let mut executor = Executor::new(image, vec![0.0; image.scratch_len()]).unwrap();
    assert_eq!(executor.infer(&[1e30]).unwrap().action, [1.0]);
    for bad in [f32::NAN, f32::INFINITY] {
        assert_eq!(executor.infer(&[bad]).unwrap_err(), InferenceFault::Observation { index: 0 });
    }
    let length = InferenceFault::Length { expected: 1, found: 2 };
    assert_eq!(executor.infer(&[0.0, 0.0]).unwrap_err(), length);
}

#[test]
fn slices_that_do_not_fit_are_refused_by_name() {
    let contract = contract(2, 1, false);
    let layer = DenseLayer { weights: &[1.0, 1.0], bias: &[0.0], activation: None };
    let good = PolicyGraph {
        normalizer: None,
        layers: &[layer],
        head: Head { squash: Squash::Tanh, scale: &[1.0], offset: &[0.0] },
        contract: &contract,
    };
    write(&good).unwrap();
    let refusal = |graph: PolicyGraph| write(&graph).unwrap_err().to_string();
    let short = DenseLayer { weights: &[1.0], ..layer };
    assert_eq!(refusal(PolicyGraph { layers: &[short], ..good }), "layer 0 weights has 1 values, expected 2");
    let head = Head { scale: &[1.0, 2.0], ..good.head };
    assert_eq!(refusal(PolicyGraph { head, ..good }), "head scale has 2 values, expected 1");
    let normalizer = Some(NormalizerConstants { mean: &[0.0; 2], deviation: &[1.0, 0.0], clip: 5.0 });
    assert_eq!(
        refusal(PolicyGraph { normalizer, ..good }),
        "normalizer deviation is 0, expected a positive number"
    );
    let infinite = DenseLayer { weights: &[1.0, f32::INFINITY], ..layer };
    assert_eq!(
        refusal(PolicyGraph { layers: &[infinite], ..good }),
        "ONNX tensor \"layer0.weights\": element 1 is inf, expected a finite number"
    );
    let mut contract = contract.clone();
    contract.provenance.seed = (1 << 53) + 1;
    assert!(refusal(PolicyGraph { contract: &contract, ..good }).contains("2^53"));
}
