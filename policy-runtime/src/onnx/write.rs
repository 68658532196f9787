//! Writes a policy as ordinary ONNX: normalizer, dense layers, head, with contract, golden pairs and hash.
//!
//! [`write()`] takes a [`PolicyGraph`] and gives the bytes of `policy.onnx`. Everything between the raw observation and the
//! actuators' units is in the graph, so a robot needs nothing of the trainer beside the file. Equal graphs give equal
//! bytes. [`write_with_memory()`] puts a memory in front of the layers.

mod memory;

pub use memory::{GatedMemory, write_with_memory};

use super::canonical;
use super::golden::{self, Scale};
use super::graph::{ACTION, RAW_ACTION};
use super::metadata::{Metadata, PRODUCER};
use super::{OnnxError, check_sizes, lower};
use crate::contract::Contract;
pub use crate::kernel::Activation;
use crate::onnx::protobuf::attribute_proto::AttributeType;
use crate::onnx::protobuf::tensor_proto::DataType;
use crate::onnx::protobuf::tensor_shape_proto::{Dimension, dimension};
use crate::onnx::protobuf::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TypeProto, ValueInfoProto, type_proto,
};
use prost::Message;

/// The operator set and file version that are written: the newest that all of the field's tools read.
const OPERATOR_SET: i64 = 17;
const IR_VERSION: i64 = 8;
const INPUT: &str = "observation";

/// The normalizer: `clip((x - mean) / deviation, -clip, clip)`.
#[derive(Clone, Copy, Debug)]
pub struct NormalizerConstants<'a> {
    /// Of each observation value, in its unit.
    pub mean: &'a [f32],
    /// Of each observation value, in its unit; positive.
    pub deviation: &'a [f32],
    /// In deviations; positive.
    pub clip: f32,
}

/// A dense layer: `activation(x · weights + bias)`.
#[derive(Clone, Copy, Debug)]
pub struct DenseLayer<'a> {
    /// `[inputs, outputs]`, row-major.
    pub weights: &'a [f32],
    /// `[outputs]`.
    pub bias: &'a [f32],
    /// Of every output; `None` for none.
    pub activation: Option<Activation>,
}

/// How the last layer becomes a normalized action, within [-1, 1].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Squash<'a> {
    /// Hyperbolic tangent.
    Tanh,
    /// Compare-select.
    Clip,
    /// The layer puts out one value for each row of a table of normalized actions, `[values, action]`; the row of the largest
    /// is taken, the first among equals.
    Choose(&'a [f32]),
}

/// Turns the last layer into actuator commands: `squash(x) · scale + offset`.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The bound.
    pub squash: Squash<'a>,
    /// Actuators' units per normalized action.
    pub scale: &'a [f32],
    /// Actuator command at the normalized action 0.
    pub offset: &'a [f32],
}

/// A policy to be written.
#[derive(Clone, Copy, Debug)]
pub struct PolicyGraph<'a> {
    /// Applied to the raw observation first; `None` for none.
    pub normalizer: Option<NormalizerConstants<'a>>,
    /// The network, input side first.
    pub layers: &'a [DenseLayer<'a>],
    /// From the last layer to actuator commands.
    pub head: Head<'a>,
    /// What the policy and a robot must agree on.
    pub contract: &'a Contract<'a>,
}

/// Why a policy cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A slice of the wrong length.
    #[error("{what} has {found} values, expected {expected}")]
    Length {
        /// Which.
        what: String,
        /// What was expected.
        expected: usize,
        /// What was found.
        found: usize,
    },
    /// A deviation or clip that is not positive.
    #[error("normalizer {what} is {found}, expected a positive number")]
    NotPositive {
        /// Which.
        what: &'static str,
        /// Its value.
        found: f32,
    },
    /// The graph does not lower, or its golden pairs overflow: it could not be loaded either.
    #[error(transparent)]
    Graph(#[from] OnnxError),
}

/// The bytes of `policy.onnx`.
///
/// # Errors
/// Slices that do not fit each other or the contract, an invalid contract, numbers that are not finite, or a network that
/// overflows on observations within the normalizer's clip.
pub fn write(graph: &PolicyGraph) -> Result<Vec<u8>, WriteError> {
    write_graph(graph, None)
}

fn write_graph(graph: &PolicyGraph, memory: Option<&GatedMemory>) -> Result<Vec<u8>, WriteError> {
    check(graph, memory)?;
    let mut model = model(graph, memory);
    let program = lower::lower(&model, false)?;
    check_sizes(graph.contract, &program)?;
    let scale = graph.normalizer.map(|normalizer| Scale {
        mean: normalizer.mean,
        deviation: normalizer.deviation,
        clip: normalizer.clip,
    });
    let observations = golden::spread(program.observation_size(), scale);
    let mut metadata = Metadata::new(graph.contract, golden::pairs(&program, &observations)?)?;
    metadata.hash = canonical::hash(&model, &metadata)?;
    model.metadata_props = metadata.entries();
    Ok(model.encode_to_vec())
}

fn check(graph: &PolicyGraph, memory: Option<&GatedMemory>) -> Result<(), WriteError> {
    let length = |what: String, expected: usize, found: usize| {
        if expected == found { Ok(()) } else { Err(WriteError::Length { what, expected, found }) }
    };
    let input_size = graph.contract.observation_size();
    if let Some(normalizer) = graph.normalizer {
        length("normalizer mean".into(), input_size, normalizer.mean.len())?;
        length("normalizer deviation".into(), input_size, normalizer.deviation.len())?;
        let deviations = normalizer.deviation.iter().map(|value| ("deviation", *value));
        for (what, found) in deviations.chain([("clip", normalizer.clip)]) {
            if found.is_nan() || found <= 0.0 {
                return Err(WriteError::NotPositive { what, found });
            }
        }
    }
    memory.map_or(Ok(()), |memory| memory.check(input_size))?;
    let mut width = memory.map_or(input_size, GatedMemory::size);
    for (index, layer) in graph.layers.iter().enumerate() {
        length(format!("layer {index} weights"), width * layer.bias.len(), layer.weights.len())?;
        width = layer.bias.len();
    }
    let action_size = graph.contract.action_size();
    match graph.head.squash {
        Squash::Tanh | Squash::Clip => length("last layer bias".into(), action_size, width)?,
        Squash::Choose(table) => length("table of actions".into(), action_size * width, table.len())?,
    }
    length("head scale".into(), action_size, graph.head.scale.len())?;
    length("head offset".into(), action_size, graph.head.offset.len())
}

fn model(graph: &PolicyGraph, memory: Option<&GatedMemory>) -> ModelProto {
    let mut builder = Builder::default();
    let observation_size = graph.contract.observation_size();
    let action_size = graph.contract.action_size();
    let mut last = INPUT.to_owned();
    if let Some(normalizer) = graph.normalizer {
        last = builder.with_constant("Sub", last, "normalizer.mean", normalizer.mean);
        last = builder.with_constant("Div", last, "normalizer.deviation", normalizer.deviation);
        last = builder.clip("normalizer.clip", last, -normalizer.clip, normalizer.clip);
    }
    if let Some(memory) = memory {
        last = memory.build(&mut builder, last);
    }
    for (index, layer) in graph.layers.iter().enumerate() {
        let name = format!("layer{index}");
        last = builder.dense(&name, last, layer);
        if let Some(activation) = layer.activation {
            last = builder.activation(&format!("{name}.activation"), last, activation);
        }
    }
    let squashed = match graph.head.squash {
        Squash::Tanh => builder.activation(RAW_ACTION, last, Activation::Tanh),
        Squash::Clip => builder.clip(RAW_ACTION, last, -1.0, 1.0),
        Squash::Choose(table) => builder.choice(RAW_ACTION, last, table, action_size),
    };
    let scaled = builder.with_constant("Mul", squashed, "head.scale", graph.head.scale);
    builder.initializer("head.offset", &[graph.head.offset.len()], graph.head.offset);
    builder.node("Add", ACTION, &[scaled, "head.offset".to_owned()], vec![]);
    let mut output = vec![value_info(ACTION, action_size)];
    if graph.contract.uses_previous_action() {
        output.push(value_info(RAW_ACTION, action_size));
    }
    let mut input = vec![value_info(INPUT, observation_size)];
    if let Some(memory) = memory {
        input.push(memory.value_info(memory::STATE_IN));
        output.push(memory.value_info(memory::STATE_OUT));
    }
    ModelProto {
        ir_version: IR_VERSION,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPERATOR_SET }],
        producer_name: PRODUCER.to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(GraphProto {
            name: "policy".to_owned(),
            node: builder.nodes,
            initializer: builder.initializers,
            input,
            output,
            ..GraphProto::default()
        }),
        ..ModelProto::default()
    }
}

/// Collects nodes and initializers. Every method gives the name of what its node puts out.
#[derive(Default)]
struct Builder {
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
}

impl Builder {
    fn node(
        &mut self,
        operator: &str,
        output: &str,
        input: &[String],
        attribute: Vec<AttributeProto>,
    ) -> String {
        self.nodes.push(NodeProto {
            name: output.to_owned(),
            op_type: operator.to_owned(),
            input: input.to_vec(),
            output: vec![output.to_owned()],
            attribute,
            ..NodeProto::default()
        });
        output.to_owned()
    }

    fn initializer(&mut self, name: &str, dims: &[usize], values: &[f32]) -> String {
        self.initializers.push(TensorProto {
            name: name.to_owned(),
            dims: dims.iter().map(|dim| *dim as i64).collect(),
            data_type: DataType::Float as i32,
            raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            ..TensorProto::default()
        });
        name.to_owned()
    }

    fn with_constant(&mut self, operator: &str, input: String, constant: &str, values: &[f32]) -> String {
        let constant = self.initializer(constant, &[values.len()], values);
        let output = format!("{constant}.{}", operator.to_lowercase());
        self.node(operator, &output, &[input, constant], vec![])
    }

    fn dense(&mut self, name: &str, input: String, layer: &DenseLayer) -> String {
        let outputs = layer.bias.len();
        let inputs = layer.weights.len() / outputs.max(1);
        let weights = self.initializer(&format!("{name}.weights"), &[inputs, outputs], layer.weights);
        let bias = self.initializer(&format!("{name}.bias"), &[outputs], layer.bias);
        self.node("Gemm", name, &[input, weights, bias], vec![])
    }

    /// The row of `table [values, width]` at the largest value.
    fn choice(&mut self, output: &str, values: String, table: &[f32], width: usize) -> String {
        let integer = |name: &str, i: i64| AttributeProto {
            name: name.to_owned(),
            i,
            r#type: AttributeType::Int as i32,
            ..AttributeProto::default()
        };
        let attribute = vec![integer("axis", 1), integer("keepdims", 0)];
        let place = self.node("ArgMax", "choice", &[values], attribute);
        let table = self.initializer("actions", &[table.len() / width.max(1), width], table);
        self.node("Gather", output, &[table, place], vec![integer("axis", 0)])
    }

    fn clip(&mut self, output: &str, input: String, minimum: f32, maximum: f32) -> String {
        let minimum = self.initializer(&format!("{output}.minimum"), &[], &[minimum]);
        let maximum = self.initializer(&format!("{output}.maximum"), &[], &[maximum]);
        self.node("Clip", output, &[input, minimum, maximum], vec![])
    }

    fn activation(&mut self, output: &str, input: String, activation: Activation) -> String {
        let alpha = |f: f32| AttributeProto {
            name: "alpha".to_owned(),
            f,
            r#type: AttributeType::Float as i32,
            ..AttributeProto::default()
        };
        let (operator, attribute) = match activation {
            Activation::Clip { minimum, maximum } => return self.clip(output, input, minimum, maximum),
            Activation::Identity => ("Identity", vec![]),
            Activation::Relu => ("Relu", vec![]),
            Activation::Tanh => ("Tanh", vec![]),
            Activation::Sigmoid => ("Sigmoid", vec![]),
            Activation::Softplus => ("Softplus", vec![]),
            Activation::Elu { alpha: limit } => ("Elu", vec![alpha(limit)]),
            Activation::LeakyRelu { slope } => ("LeakyRelu", vec![alpha(slope)]),
        };
        self.node(operator, output, &[input], attribute)
    }
}

/// A tensor `[batch, size]` of f32 with a free batch.
fn value_info(name: &str, size: usize) -> ValueInfoProto {
    let dims = [dimension::Value::DimParam("batch".to_owned()), dimension::Value::DimValue(size as i64)];
    let dim = dims.map(|value| Dimension { value: Some(value), ..Dimension::default() }).into();
    let tensor =
        type_proto::Tensor { elem_type: DataType::Float as i32, shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}
