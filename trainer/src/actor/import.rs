//! An exported actor read back from `policy.onnx`: its layers and its normalizer, to start another training from.
//!
//! Export names its initializers, and what is read here are those names; the file is verified by the runtime first. A file
//! from elsewhere has other names and is refused.

use super::{ActorHead, ActorLayer, ActorMemory, ObservationStatistics, TrainedActor};
use prost::Message;
use sinew_policy_runtime::onnx::protobuf::{GraphProto, ModelProto};
use sinew_policy_runtime::onnx::{self, OnnxError};

/// Why an actor cannot be read back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The runtime refuses the file.
    #[error(transparent)]
    Load(#[from] OnnxError),
    /// A part of the graph is not as export writes it.
    #[error(
        "the policy's {part} is {found}, expected {expected}: only a policy that Sinew exported can be trained on"
    )]
    Part {
        /// Which part.
        part: String,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
}

impl TrainedActor {
    /// The actor of an exported file. Activations and origin are not read: a new training has its own.
    ///
    /// # Errors
    /// See [`ImportError`].
    pub fn import(bytes: &[u8]) -> Result<Self, ImportError> {
        onnx::load(bytes)?;
        let part = |part: &str, found: &str, expected: &str| ImportError::Part {
            part: part.to_owned(),
            found: found.to_owned(),
            expected: expected.to_owned(),
        };
        let model =
            ModelProto::decode(bytes).map_err(|error| part("file", &error.to_string(), "an ONNX model"))?;
        let graph = model.graph.unwrap_or_default();
        let mut layers = Vec::new();
        while let Some(weights) = values(&graph, &format!("layer{}.weights", layers.len())) {
            let name = format!("layer{}.bias", layers.len());
            let bias = values(&graph, &name).ok_or_else(|| part(&name, "absent", "present"))?;
            if bias.is_empty() || weights.len() % bias.len() != 0 {
                return Err(part(&name, &format!("{} values", bias.len()), "a divisor of its weights"));
            }
            layers.push(ActorLayer { weights, bias, activation: None });
        }
        if layers.is_empty() {
            return Err(part("first layer, layer0.weights,", "absent", "present"));
        }
        let squashes = graph.node.iter().any(|node| node.op_type == "Tanh" && node.name == "raw_action");
        let head = match values(&graph, "actions") {
            Some(table) => ActorHead::Choose(table),
            None if squashes => ActorHead::Tanh,
            None => ActorHead::Clip,
        };
        let mean = values(&graph, "normalizer.mean");
        let normalizer = mean.zip(values(&graph, "normalizer.deviation"));
        Ok(Self {
            memory: memory(&graph),
            layers,
            normalizer: normalizer.map(|(mean, deviation)| ObservationStatistics { mean, deviation }),
            head,
            algorithm: String::new(),
            steps: 0,
            seed: 0,
        })
    }
}

/// The memory, where there is one. ONNX keeps its weights transposed, and both biases in one; the file has been run, so they fit.
fn memory(graph: &GraphProto) -> Option<ActorMemory> {
    let (weights, state_weights) = (values(graph, "memory.weights")?, values(graph, "memory.state_weights")?);
    let mut bias = values(graph, "memory.bias")?;
    let state_bias = bias.split_off(bias.len() / 2);
    let gates = bias.len().max(1);
    let transposed = |values: Vec<f32>| {
        let width = values.len() / gates;
        (0..values.len()).map(|place| values[place % gates * width + place / gates]).collect()
    };
    let (weights, state_weights) = (transposed(weights), transposed(state_weights));
    Some(ActorMemory { weights, bias, state_weights, state_bias })
}

/// The numbers of an initializer of f32; absent where there is none.
fn values(graph: &GraphProto, name: &str) -> Option<Vec<f32>> {
    let tensor = graph.initializer.iter().find(|tensor| tensor.name == name)?;
    let (values, rest) = tensor.raw_data.as_chunks::<4>();
    rest.is_empty().then(|| values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}
