//! A trained actor: the part of a learner that ships.
//!
//! The graph that is exported takes raw observations in SI units, normalizes them, runs the network, squashes, and
//! scales to actuator commands in SI units; what it remembers comes and goes as a second input and output. So nothing that the robot needs is left behind in the trainer.

mod import;

pub use import::ImportError;

use crate::network::activation::Activation;
use crate::network::gru::GruParameters;
use crate::network::mlp::LayerParameters;
use crate::normalizer::{CLIP, Normalizer};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::contract::Provenance;
use sinew_policy_runtime::image::AlignedImage;
use sinew_policy_runtime::onnx;
use sinew_policy_runtime::onnx::write::{
    DenseLayer, GatedMemory, Head, NormalizerConstants, PolicyGraph, Squash,
};
use sinew_sim::Task;

/// A trained actor with everything that export needs beside the task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainedActor {
    /// What the first layer reads, where the actor remembers.
    memory: Option<ActorMemory>,
    layers: Vec<ActorLayer>,
    normalizer: Option<ObservationStatistics>,
    head: ActorHead,
    algorithm: String,
    steps: u64,
    seed: u64,
}

/// What becomes of the last layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum ActorHead {
    /// Squashed by tanh.
    Tanh,
    /// Clipped.
    Clip,
    /// The largest value's row is the action, `[values, action]`.
    Choose(Vec<f32>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ActorLayer {
    /// `[inputs, outputs]`.
    weights: Vec<f32>,
    /// `[outputs]`.
    bias: Vec<f32>,
    activation: Option<Activation>,
}

impl ActorLayer {
    fn dense(&self) -> DenseLayer<'_> {
        DenseLayer { weights: &self.weights, bias: &self.bias, activation: self.activation.map(Into::into) }
    }
}

/// A gated recurrent unit, laid out as [`GruParameters`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ActorMemory {
    weights: Vec<f32>,
    bias: Vec<f32>,
    state_weights: Vec<f32>,
    state_bias: Vec<f32>,
}

impl ActorMemory {
    fn gated(&self) -> GatedMemory<'_> {
        let Self { weights, bias, state_weights, state_bias } = self;
        GatedMemory { weights, bias, state_weights, state_bias }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ObservationStatistics {
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

/// Where an actor comes from, as its contract says.
#[derive(Clone, Copy, Debug)]
pub struct ActorOrigin {
    /// What trained it.
    pub algorithm: &'static str,
    /// Environment steps trained.
    pub steps: u64,
    /// The run's seed.
    pub seed: u64,
}

/// Why an actor could not be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The graph could not be written.
    #[error(transparent)]
    Write(#[from] onnx::write::WriteError),
    /// The file just written could not be loaded again.
    #[error("the exported policy does not load: {0}")]
    Load(#[from] onnx::OnnxError),
}

impl TrainedActor {
    /// The deterministic actor from a network's layers, of whose last the first `action_size` outputs are kept: means without
    /// their deviations.
    pub fn new(
        layers: &[LayerParameters],
        normalizer: Option<&Normalizer>,
        action_size: usize,
        squash: Squash,
        origin: ActorOrigin,
    ) -> Self {
        let head = if squash == Squash::Tanh { ActorHead::Tanh } else { ActorHead::Clip };
        Self::with_head(layers, normalizer, action_size, head, origin)
    }

    /// The actor that takes the row of the largest value, of a table of normalized actions `[values, action]`.
    pub fn choosing(
        layers: &[LayerParameters],
        normalizer: Option<&Normalizer>,
        rows: &[Vec<f32>],
        origin: ActorOrigin,
    ) -> Self {
        Self::with_head(layers, normalizer, rows.len(), ActorHead::Choose(rows.concat()), origin)
    }

    fn with_head(
        layers: &[LayerParameters],
        normalizer: Option<&Normalizer>,
        outputs: usize,
        head: ActorHead,
        origin: ActorOrigin,
    ) -> Self {
        let last = layers.len() - 1;
        let layer = |(index, layer): (usize, &LayerParameters)| {
            let width = layer.bias.len();
            let kept = if index == last { outputs } else { width };
            ActorLayer {
                weights: layer.weights.chunks_exact(width).flat_map(|row| &row[..kept]).copied().collect(),
                bias: layer.bias[..kept].to_vec(),
                activation: layer.activation,
            }
        };
        Self {
            memory: None,
            layers: layers.iter().enumerate().map(layer).collect(),
            normalizer: normalizer.map(|normalizer| ObservationStatistics {
                mean: normalizer.mean().to_vec(),
                deviation: normalizer.deviation().to_vec(),
            }),
            head,
            algorithm: origin.algorithm.to_owned(),
            steps: origin.steps,
            seed: origin.seed,
        }
    }

    /// The same actor, its first layer reading a memory of the observations.
    #[must_use]
    pub fn with_memory(self, memory: GruParameters<'_>) -> Self {
        let memory = ActorMemory {
            weights: memory.weights.to_vec(),
            bias: memory.bias.to_vec(),
            state_weights: memory.state_weights.to_vec(),
            state_bias: memory.state_bias.to_vec(),
        };
        Self { memory: Some(memory), ..self }
    }

    /// The memory's parameters, one part after the other; empty without one.
    pub(crate) fn memory(&self) -> Vec<f32> {
        self.memory.as_ref().map_or_else(Vec::new, |memory| {
            let ActorMemory { weights, bias, state_weights, state_bias } = memory;
            [&weights[..], bias, state_weights, state_bias].concat()
        })
    }

    /// Inputs and outputs of each layer, input side first.
    pub(crate) fn layer_sizes(&self) -> impl Iterator<Item = [usize; 2]> {
        self.layers.iter().map(|layer| [layer.weights.len() / layer.bias.len(), layer.bias.len()])
    }

    /// A layer's weights `[inputs, outputs]` and bias `[outputs]`.
    pub(crate) fn layer(&self, index: usize) -> (&[f32], &[f32]) {
        let layer = &self.layers[index];
        (&layer.weights, &layer.bias)
    }

    /// Mean and deviation that observations are normalized by, where they are.
    pub(crate) fn statistics(&self) -> Option<(&[f32], &[f32])> {
        let statistics = self.normalizer.as_ref()?;
        Some((&statistics.mean, &statistics.deviation))
    }

    /// The bytes of `policy.onnx`: graph, contract and golden pairs.
    ///
    /// # Errors
    /// A graph that cannot be written, such as one with non-finite weights.
    pub fn export(&self, task: &Task) -> Result<Vec<u8>, ExportError> {
        let version = env!("CARGO_PKG_VERSION");
        let contract = task.contract(Provenance::new(&self.algorithm, self.steps, self.seed, version));
        let layers: Vec<_> = self.layers.iter().map(ActorLayer::dense).collect();
        let squash = match &self.head {
            ActorHead::Tanh => Squash::Tanh,
            ActorHead::Clip => Squash::Clip,
            ActorHead::Choose(rows) => Squash::Choose(rows),
        };
        let graph = PolicyGraph {
            normalizer: self.normalizer.as_ref().map(|statistics| NormalizerConstants {
                mean: &statistics.mean,
                deviation: &statistics.deviation,
                clip: CLIP,
            }),
            layers: &layers,
            head: Head { squash, scale: task.head_scale(), offset: task.head_offset() },
            contract: &contract,
        };
        Ok(match &self.memory {
            Some(memory) => onnx::write::write_with_memory(&graph, &memory.gated())?,
            None => onnx::write::write(&graph)?,
        })
    }

    /// The runtime's image of the exported policy.
    ///
    /// # Errors
    /// See [`ExportError`].
    pub fn image(&self, task: &Task) -> Result<AlignedImage, ExportError> {
        Ok(onnx::load(&self.export(task)?)?)
    }
}
