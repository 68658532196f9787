//! A policy that was never trained: it flies badly, and with every bit as much determinism as a good one.

use sinew_policy_runtime::contract::Provenance;
use sinew_policy_runtime::onnx::write;
use sinew_sim::Task;

/// `policy.onnx` for a task: one layer with weights that all differ.
pub(crate) fn policy(task: &Task) -> Vec<u8> {
    let contract = task.contract(Provenance::new("none", 0, 0, "0"));
    let (inputs, outputs) = (contract.observation_size(), contract.action_size());
    let weight = |index: usize| ((index * 7919 % 101) as f32 - 50.0) * 2e-3;
    let weights: Vec<f32> = (0..inputs * outputs).map(weight).collect();
    let bias = vec![0.0; outputs];
    let layer = write::DenseLayer { weights: &weights, bias: &bias, activation: None };
    let head =
        write::Head { squash: write::Squash::Tanh, scale: task.head_scale(), offset: task.head_offset() };
    let graph = write::PolicyGraph { normalizer: None, layers: &[layer], head, contract: &contract };
    write::write(&graph).unwrap()
}
