//! A policy that is written, loaded and run stays the same policy.
#![cfg(feature = "onnx")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are not tests by themselves")]

mod policies;

use policies::{Shape, contract, shapes};
use sinew_policy_runtime::executor::{Executor, InferenceFault};
use sinew_policy_runtime::image::AlignedImage;
use sinew_policy_runtime::onnx::write::{
    Activation, DenseLayer, Head, NormalizerConstants, PolicyGraph, Squash, WriteError, write,
};
use sinew_policy_runtime::onnx::{self, OnnxError};

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
