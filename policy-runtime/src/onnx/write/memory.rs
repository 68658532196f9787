//! A policy that remembers: a GRU between the normalizer and the dense layers, whose state is a second input and output.
//!
//! The node is ONNX's own `GRU` over one step, so any tool runs it; who runs the file feeds [`STATE_OUT`] back as [`STATE_IN`], and
//! begins an episode with zeros.

use super::{Builder, DataType, PolicyGraph, WriteError, write_graph};
use crate::onnx::protobuf::attribute_proto::AttributeType;
use crate::onnx::protobuf::tensor_shape_proto::{Dimension, dimension};
use crate::onnx::protobuf::{
    AttributeProto, NodeProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};

/// The state before the inference.
pub(super) const STATE_IN: &str = "memory_in";
/// The state after it.
pub(super) const STATE_OUT: &str = "memory_out";

/// A gated recurrent unit, its gates in ONNX's order: update, reset, candidate. The reset gate acts on the product with the
/// state (`linear_before_reset`).
#[derive(Clone, Copy, Debug)]
pub struct GatedMemory<'a> {
    /// `[inputs, 3 · size]`, row-major.
    pub weights: &'a [f32],
    /// `[3 · size]`.
    pub bias: &'a [f32],
    /// `[size, 3 · size]`, row-major.
    pub state_weights: &'a [f32],
    /// `[3 · size]`.
    pub state_bias: &'a [f32],
}

/// The bytes of a `policy.onnx` whose layers read a memory of the normalized observation.
///
/// # Errors
/// As [`super::write`], or a memory whose parts do not fit each other or the contract.
pub fn write_with_memory(graph: &PolicyGraph, memory: &GatedMemory) -> Result<Vec<u8>, WriteError> {
    write_graph(graph, Some(memory))
}

impl GatedMemory<'_> {
    /// Values of the state.
    pub(super) fn size(&self) -> usize {
        self.state_bias.len() / 3
    }

    /// Refuses parts that do not fit `inputs` values and each other.
    pub(super) fn check(&self, inputs: usize) -> Result<(), WriteError> {
        let gates = 3 * self.size();
        for (what, expected, found) in [
            ("memory state bias", gates.max(3), self.state_bias.len()),
            ("memory bias", gates, self.bias.len()),
            ("memory weights", inputs * gates, self.weights.len()),
            ("memory state weights", self.size() * gates, self.state_weights.len()),
        ] {
            if expected != found {
                return Err(WriteError::Length { what: what.to_owned(), expected, found });
            }
        }
        Ok(())
    }

    /// Nodes that lead from `input [batch, inputs]` to what the layers read, `[batch, size]`.
    pub(super) fn build(&self, builder: &mut Builder, input: String) -> String {
        let (size, gates) = (self.size(), 3 * self.size());
        let inputs = self.weights.len() / gates;
        builder.initializers.push(TensorProto {
            name: "memory.axis".to_owned(),
            dims: vec![1],
            data_type: DataType::Int64 as i32,
            raw_data: 0_i64.to_le_bytes().to_vec(),
            ..TensorProto::default()
        });
        let axis = || "memory.axis".to_owned();
        let weights = transposed(self.weights, [inputs, gates]);
        let weights = builder.initializer("memory.weights", &[1, gates, inputs], &weights);
        let state_weights = transposed(self.state_weights, [size, gates]);
        let state_weights = builder.initializer("memory.state_weights", &[1, gates, size], &state_weights);
        let biases = [self.bias, self.state_bias].concat();
        let biases = builder.initializer("memory.bias", &[1, 2 * gates], &biases);
        let step = builder.node("Unsqueeze", "memory.step", &[input, axis()], vec![]);
        let integer = |name: &str, i: i64| AttributeProto {
            name: name.to_owned(),
            i,
            r#type: AttributeType::Int as i32,
            ..AttributeProto::default()
        };
        builder.nodes.push(NodeProto {
            name: "memory".to_owned(),
            op_type: "GRU".to_owned(),
            // No lengths of sequences, which are all one step.
            input: vec![step, weights, state_weights, biases, String::new(), STATE_IN.to_owned()],
            output: vec![String::new(), STATE_OUT.to_owned()],
            attribute: vec![integer("hidden_size", size as i64), integer("linear_before_reset", 1)],
            ..NodeProto::default()
        });
        builder.node("Squeeze", "memory.state", &[STATE_OUT.to_owned(), axis()], vec![])
    }

    /// Either end of the state: `[1, batch, size]` with a free batch.
    pub(super) fn value_info(&self, name: &str) -> ValueInfoProto {
        let size = dimension::Value::DimValue(self.size() as i64);
        let dims = [dimension::Value::DimValue(1), dimension::Value::DimParam("batch".to_owned()), size];
        let dim = dims.map(|value| Dimension { value: Some(value), ..Dimension::default() }).into();
        let shape = Some(TensorShapeProto { dim });
        let tensor = type_proto::Tensor { elem_type: DataType::Float as i32, shape };
        let kind = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() };
        ValueInfoProto { name: name.to_owned(), r#type: Some(kind), ..ValueInfoProto::default() }
    }
}

/// `[rows, columns]` as `[columns, rows]`.
fn transposed(values: &[f32], [rows, columns]: [usize; 2]) -> Vec<f32> {
    (0..rows * columns).map(|place| values[place % rows * columns + place / rows]).collect()
}
