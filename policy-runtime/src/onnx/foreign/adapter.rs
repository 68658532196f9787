//! Puts what a foreign tool computes around its network into the network's own graph.
//!
//! A contract says that a graph takes SI units and gives actuator commands. Isaac Lab and mjlab keep offsets, clips and scales
//! outside; as nodes in front of and behind the graph they are lowered, proved by golden pairs and run like everything else.

use super::ForeignError;
use crate::onnx::protobuf::attribute_proto::AttributeType;
use crate::onnx::protobuf::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};

const FLOAT: i32 = 1;
const INT64: i32 = 7;
const ACTION: &str = "action";
const RAW_ACTION: &str = "raw_action";
/// The model's own output, once `action` is what comes of it.
const INNER: &str = "sinew.output";

/// What happens to each value, in this order; what changes nothing is left out of the graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Steps {
    /// Positions of the values that are taken, in order; empty for all.
    pub(super) order: Vec<i64>,
    pub(super) subtract: Vec<f32>,
    pub(super) multiply_first: Vec<f32>,
    pub(super) add: Vec<f32>,
    pub(super) low: Vec<f32>,
    pub(super) high: Vec<f32>,
    pub(super) multiply: Vec<f32>,
}

impl Steps {
    /// Nodes that lead from `source` to `destination`.
    fn write(&self, graph: &mut GraphProto, source: &str, destination: &str) -> Vec<NodeProto> {
        let mut nodes = Vec::new();
        let mut present = source.to_owned();
        let identity = (0..).take(self.order.len()).eq(self.order.iter().copied());
        if !self.order.is_empty() && !identity {
            let table = constant(graph, &format!("{destination}.order"), INT64, self.order.len());
            graph.initializer[table].int64_data.clone_from(&self.order);
            let mut gather = node(
                "Gather",
                &[&present, &graph.initializer[table].name],
                &format!("{destination}.ordered"),
            );
            gather.attribute.push(axis(-1));
            present.clone_from(&gather.output[0]);
            nodes.push(gather);
        }
        let steps = [
            ("Sub", &self.subtract, 0.0),
            ("Mul", &self.multiply_first, 1.0),
            ("Add", &self.add, 0.0),
            ("Max", &self.low, f32::MIN),
            ("Min", &self.high, f32::MAX),
            ("Mul", &self.multiply, 1.0),
        ];
        for (number, (operator, values, nothing)) in steps.into_iter().enumerate() {
            if values.iter().all(|value| *value == nothing) {
                continue;
            }
            let table = constant(graph, &format!("{destination}.{number}"), FLOAT, values.len());
            graph.initializer[table].float_data.clone_from(values);
            let name = graph.initializer[table].name.clone();
            let step = node(operator, &[&present, &name], &format!("{destination}.after.{number}"));
            present.clone_from(&step.output[0]);
            nodes.push(step);
        }
        nodes.push(node("Identity", &[&present], destination));
        nodes
    }
}

/// Changes the model's first input and its action; what the network itself gave stays as `raw_action` where it `is_observed`.
pub(super) fn adapt(
    model: &mut ModelProto,
    observation: &Steps,
    action: &Steps,
    is_observed: bool,
) -> Result<(), ForeignError> {
    let missing = |what| ForeignError::Model { what };
    let graph = model.graph.as_mut().ok_or(missing("graph"))?;
    let is_constant = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
    let input = graph.input.iter().find(|input| !is_constant(&input.name)).ok_or(missing("input"))?;
    let input = input.name.clone();
    let position = graph.output.iter().position(|output| output.name == ACTION).unwrap_or(0);
    let output = graph.output.get(position).ok_or(missing("output"))?.clone();
    let inner_input = "sinew.input";
    for node in &mut graph.node {
        rename(&mut node.input, &input, inner_input);
        rename(&mut node.input, &output.name, INNER);
        rename(&mut node.output, &output.name, INNER);
    }
    let front = observation.write(graph, &input, inner_input);
    let behind = action.write(graph, INNER, ACTION);
    graph.node.splice(0..0, front);
    graph.node.extend(behind);
    if is_observed {
        graph.node.push(node("Identity", &[INNER], RAW_ACTION));
    }
    graph.output.retain(|other| other.name != RAW_ACTION && other.name != output.name);
    let named = |name: &str| ValueInfoProto { name: name.to_owned(), ..output.clone() };
    graph.output.splice(0..0, [ACTION, RAW_ACTION].map(named).into_iter().take(1 + usize::from(is_observed)));
    Ok(())
}

fn rename(names: &mut [String], from: &str, to: &str) {
    for name in names.iter_mut().filter(|name| *name == from) {
        to.clone_into(name);
    }
}

/// Adds a vector without its values; gives its position among the initializers.
fn constant(graph: &mut GraphProto, name: &str, data_type: i32, length: usize) -> usize {
    let tensor =
        TensorProto { name: name.to_owned(), data_type, dims: vec![length as i64], ..TensorProto::default() };
    graph.initializer.push(tensor);
    graph.initializer.len() - 1
}

fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        name: output.to_owned(),
        op_type: operator.to_owned(),
        input: inputs.iter().map(|input| (*input).to_owned()).collect(),
        output: vec![output.to_owned()],
        ..NodeProto::default()
    }
}

fn axis(value: i64) -> AttributeProto {
    AttributeProto {
        name: "axis".to_owned(),
        r#type: AttributeType::Int.into(),
        i: value,
        ..AttributeProto::default()
    }
}
