//! Several inputs and outputs, and what is carried over between inferences.
#![cfg(feature = "onnx")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are not tests by themselves")]

mod graphs;

use graphs::{floats, model, node, value};
use prost::Message;
use sinew_policy_runtime::executor::{Executor, InferenceFault};
use sinew_policy_runtime::image::{AlignedImage, Role};
use sinew_policy_runtime::onnx;
use sinew_policy_runtime::onnx::protobuf::tensor_proto::DataLocation;
use sinew_policy_runtime::onnx::protobuf::{ModelProto, StringStringEntryProto};
use sinew_policy_runtime::policy_file::load_policy;

/// Sums up its observations: `h_out = h_in + obs`, `action = 1 / (h_out + 1000)`.
fn sum() -> ModelProto {
    let nodes = vec![
        node("Add", &["h_in", "obs"], "h_out"),
        node("Add", &["h_out", "offset"], "shifted"),
        node("Reciprocal", &["shifted"], "actions"),
    ];
    let mut model = model(17, nodes, vec![floats("offset", &[], &[1000.0])]);
    let graph = model.graph.as_mut().unwrap();
    graph.input.push(value("h_in", &[-1, 2]));
    graph.output = vec![value("actions", &[-1, 2]), value("h_out", &[-1, 2])];
    model
}

fn loaded(model: &ModelProto) -> AlignedImage {
    onnx::load(&model.encode_to_vec()).unwrap()
}

#[test]
fn a_state_carries_over_until_reset() {
    let image = loaded(&sum());
    let view = image.image().unwrap();
    let roles: Vec<_> = view.inputs().map(|input| (input.name, input.role)).collect();
    assert_eq!(roles, [("obs", Role::Observation), ("h_in", Role::State)]);
    assert_eq!((view.input_size(), view.output_size()), (2, 2));
    let mut executor = Executor::new(view, vec![f32::NAN; view.scratch_len()]).unwrap();
    executor.verify_golden().unwrap();
    for expected in [1.0, 2.0, 3.0] {
        executor.infer(&[1.0, 0.0]).unwrap();
        assert_eq!(executor.input(1), [expected, 0.0]);
    }
    executor.reset();
    assert_eq!(executor.infer(&[0.0, 0.0]).unwrap().action, [0.001, 0.001]);
    executor.set_input(1, &[24.0, 0.0]).unwrap();
    assert_eq!(executor.infer(&[0.0, 0.0]).unwrap().action, [1.0 / 1024.0, 0.001]);
}

#[test]
fn a_fault_leaves_the_state_as_it_was() {
    let image = loaded(&sum());
    let view = image.image().unwrap();
    let mut executor = Executor::new(view, vec![0.0; view.scratch_len()]).unwrap();
    executor.infer(&[5.0, 7.0]).unwrap();
    // 1 / 0 in the last operation.
    assert!(matches!(executor.infer(&[-1005.0, 0.0]), Err(InferenceFault::NotFinite { .. })));
    assert_eq!(executor.input(1), [5.0, 7.0]);
    assert!(matches!(executor.infer(&[f32::NAN, 0.0]), Err(InferenceFault::Observation { index: 0 })));
    assert_eq!(executor.input(1), [5.0, 7.0]);
}

#[test]
fn golden_pairs_of_a_recurrent_policy_are_a_sequence_from_reset() {
    let image = loaded(&sum());
    let view = image.image().unwrap();
    let pairs: Vec<_> = view.golden().iter().collect();
    assert!(pairs.len() >= 20);
    // Inputs are the observation and the state, outputs the action and the next state.
    assert_eq!(pairs[0].0[2..], [0.0, 0.0]);
    for pair in pairs.windows(2) {
        assert_eq!(pair[0].1[2..], pair[1].0[2..]);
    }
}

#[test]
fn observations_of_several_inputs_follow_each_other() {
    let nodes = vec![node("Sub", &["obs", "command"], "out"), node("Neg", &["command"], "second")];
    let mut model = model(17, nodes, vec![]);
    let graph = model.graph.as_mut().unwrap();
    graph.input.push(value("command", &[-1, 2]));
    graph.output.push(value("second", &[-1, 2]));
    let image = loaded(&model);
    let view = image.image().unwrap();
    assert_eq!(view.input_size(), 4);
    let mut executor = Executor::new(view, vec![0.0; view.scratch_len()]).unwrap();
    assert_eq!(executor.infer(&[1.0, 2.0, 10.0, 20.0]).unwrap().action, [-9.0, -18.0]);
    assert_eq!(executor.output(1), [-10.0, -20.0]);
    let refused = executor.set_input(1, &[1.0]).unwrap_err();
    assert_eq!(refused, InferenceFault::Length { expected: 2, found: 1 });
    assert!(matches!(executor.set_input(2, &[1.0]), Err(InferenceFault::Input { input: 2, inputs: 2 })));
}

#[test]
fn an_output_that_is_an_input_is_a_copy_of_its_own() {
    // A policy that remembers its last observation: the state's output is the input itself.
    let nodes = vec![node("Sub", &["obs", "last_in"], "out"), node("Identity", &["obs"], "last_out")];
    let mut model = model(17, nodes, vec![]);
    let graph = model.graph.as_mut().unwrap();
    graph.input.push(value("last_in", &[-1, 2]));
    graph.output.push(value("last_out", &[-1, 2]));
    let image = loaded(&model);
    let view = image.image().unwrap();
    let mut executor = Executor::new(view, vec![0.0; view.scratch_len()]).unwrap();
    assert_eq!(executor.infer(&[3.0, 4.0]).unwrap().action, [3.0, 4.0]);
    assert_eq!(executor.infer(&[5.0, 5.0]).unwrap().action, [2.0, 1.0]);
}

#[test]
fn weights_in_a_file_beside_the_model_are_read_and_their_absence_named() {
    let folder = std::env::temp_dir().join(format!("sinew-external-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut model = model(17, vec![node("Mul", &["obs", "w"], "out")], vec![floats("w", &[2], &[])]);
    let entry = |key: &str, value: &str| StringStringEntryProto { key: key.into(), value: value.into() };
    let tensor = &mut model.graph.as_mut().unwrap().initializer[0];
    tensor.data_location = Some(DataLocation::External as i32);
    tensor.external_data = vec![entry("location", "w.data"), entry("offset", "4"), entry("length", "8")];
    let path = folder.join("policy.onnx");
    std::fs::write(&path, model.encode_to_vec()).unwrap();
    let refusal = load_policy(&path).unwrap_err().to_string();
    assert!(
        refusal.contains("\"w\": its data lies in another file") && refusal.contains("w.data"),
        "{refusal}"
    );
    let data: Vec<u8> = [0.0_f32, 2.0, 3.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(folder.join("w.data"), &data).unwrap();
    let image = load_policy(&path).unwrap();
    let view = image.image().unwrap();
    let mut executor = Executor::new(view, vec![0.0; view.scratch_len()]).unwrap();
    assert_eq!(executor.infer(&[1.0, 1.0]).unwrap().action, [2.0, 3.0]);
    std::fs::write(folder.join("w.data"), &data[..8]).unwrap();
    assert!(load_policy(&path).unwrap_err().to_string().contains("has 4 bytes from 4 on, expected 8"));
    model.graph.as_mut().unwrap().initializer[0].external_data[0] = entry("location", "../w.data");
    std::fs::write(&path, model.encode_to_vec()).unwrap();
    assert!(load_policy(&path).unwrap_err().to_string().contains("expected one in the model's own folder"));
    std::fs::remove_dir_all(&folder).unwrap();
}
