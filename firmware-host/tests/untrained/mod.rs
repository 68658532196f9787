//! A policy that was never trained: it flies badly, and with every bit as much determinism as a good one.

use sinew_policy_runtime::contract::{Contract, Provenance};
use sinew_policy_runtime::onnx::write;
use sinew_sim::Task;

/// `policy.onnx` for a task: one layer with weights that all differ.
pub(crate) fn policy(task: &Task) -> Vec<u8> {
    let contract = task.contract(Provenance::new("none", 0, 0, "0"));
    let (weights, bias) = (weights(contract.observation_size() * contract.action_size()), bias(&contract));
    let layer = write::DenseLayer { weights: &weights, bias: &bias, activation: None };
    write::write(&graph(task, &contract, &[layer])).unwrap()
}

/// The same behind a memory of some values.
#[allow(dead_code, reason = "some tests have no need of one")]
pub(crate) fn recurrent_policy(task: &Task) -> Vec<u8> {
    const STATES: usize = 6;
    let contract = task.contract(Provenance::new("none", 0, 0, "0"));
    let memory = write::GatedMemory {
        weights: &weights(contract.observation_size() * 3 * STATES),
        bias: &weights(3 * STATES),
        state_weights: &weights(STATES * 3 * STATES),
        state_bias: &weights(3 * STATES),
    };
    let (weights, bias) = (weights(STATES * contract.action_size()), bias(&contract));
    let layer = write::DenseLayer { weights: &weights, bias: &bias, activation: None };
    write::write_with_memory(&graph(task, &contract, &[layer]), &memory).unwrap()
}

fn graph<'g>(
    task: &'g Task,
    contract: &'g Contract<'g>,
    layers: &'g [write::DenseLayer<'g>],
) -> write::PolicyGraph<'g> {
    let head =
        write::Head { squash: write::Squash::Tanh, scale: task.head_scale(), offset: task.head_offset() };
    write::PolicyGraph { normalizer: None, layers, head, contract }
}

fn weights(count: usize) -> Vec<f32> {
    (0..count).map(|index| ((index * 7919 % 101) as f32 - 50.0) * 2e-3).collect()
}

fn bias(contract: &Contract) -> Vec<f32> {
    vec![0.0; contract.action_size()]
}
