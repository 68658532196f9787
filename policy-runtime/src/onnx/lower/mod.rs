//! Lowers a graph to a [`Program`], from the operators that the ONNX specification defines.
//!
//! Only what the outputs in use depend on is lowered, so a critic or a value head beside the actor costs nothing. A
//! [`Vector`] flows from the input through the nodes; everything else must be a constant. Whatever does not fit is
//! refused with the node, its operator and what would be needed.

mod choice;
mod dense;
mod element_wise;
mod shape;

use super::OnnxError;
use super::graph::{ACTION, Graph, MAX_WIDTH, RAW_ACTION, is_standard};
use super::tensor::{Elements, Tensor};
use crate::image::program::{Program, Value};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use tract_onnx::pb::{ModelProto, NodeProto};

/// Most weights and constants of a policy, so that a small file cannot ask for much memory by using one tensor often.
const MAX_WEIGHTS: usize = 64 << 20;

/// Operators that lower, for the error that names them.
const OPERATORS: &str = "Add, ArgMax, Clip, Constant, Div, Elu, Flatten, Gather, Gemm, Identity, LeakyRelu, MatMul, Mul, Relu, \
                         Reshape, Sigmoid, Softplus, Squeeze, Sub, Tanh";

/// A value that depends on the observation: `[n]`, or `[batch, n]` with the batch of one that the runtime runs.
#[derive(Clone, Copy, Debug)]
struct Vector {
    value: Value,
    rank: usize,
}

/// The place of a vector's largest value: `[batch]` or a scalar, or with the axis kept one dimension more.
#[derive(Clone, Copy, Debug)]
struct Choice {
    values: Value,
    rank: usize,
}

#[derive(Clone, Debug)]
enum Operand {
    Vector(Vector),
    Choice(Choice),
    Constant(Rc<Tensor>),
}

/// What a [`Choice`] is for.
const CHOICE: &str = "which only Gather takes, from a constant table";

/// Lowers a model's graph.
pub(super) fn lower(model: &ModelProto) -> Result<Program, OnnxError> {
    let graph = Graph::new(model)?;
    let mut lowering = Lowering {
        program: Program::new(graph.input_size),
        operands: HashMap::new(),
        operator_set: graph.operator_set,
        weights: 0,
    };
    let input = Vector { value: lowering.program.input(), rank: graph.input_rank };
    lowering.operands.insert(graph.input, Operand::Vector(input));
    let needed = needed(&graph);
    for proto in graph.proto.initializer.iter().filter(|tensor| needed.contains(tensor.name.as_str())) {
        let operand = Operand::Constant(Rc::new(Tensor::read(proto)?));
        if lowering.operands.insert(&proto.name, operand).is_some() {
            return Err(repeated(&proto.name));
        }
    }
    for node in &graph.proto.node {
        if node.output.iter().any(|output| needed.contains(output.as_str())) {
            lowering.node(node)?;
        }
    }
    let action = lowering.output(graph.action, ACTION)?;
    let raw_action = graph.raw_action.map_or(Ok(action), |name| lowering.output(name, RAW_ACTION))?;
    if raw_action.size != action.size {
        let sizes = (action.size, raw_action.size);
        return Err(unfit("size of raw_action", &sizes.0.to_string(), &sizes.1.to_string()));
    }
    lowering.program.outputs(action, raw_action);
    Ok(lowering.program)
}

/// Every value that the outputs in use depend on.
fn needed<'m>(graph: &Graph<'m>) -> HashSet<&'m str> {
    let mut needed: HashSet<&str> = graph.raw_action.into_iter().chain([graph.action]).collect();
    for node in graph.proto.node.iter().rev() {
        if node.output.iter().any(|output| needed.contains(output.as_str())) {
            needed.extend(node.input.iter().map(String::as_str));
        }
    }
    needed
}

/// The state of lowering.
struct Lowering<'m> {
    program: Program,
    operands: HashMap<&'m str, Operand>,
    operator_set: i64,
    /// Weights and constants so far.
    weights: usize,
}

impl<'m> Lowering<'m> {
    fn node(&mut self, node: &'m NodeProto) -> Result<(), OnnxError> {
        let refuse = |reason| OnnxError::Node {
            node: if node.name.is_empty() { node.output.join(", ") } else { node.name.clone() },
            operator: node.op_type.clone(),
            reason,
        };
        let operand = self.operand_of(node).map_err(refuse)?;
        let [output] = &node.output[..] else {
            return Err(refuse(format!("has {} outputs, expected 1", node.output.len())));
        };
        match self.operands.insert(output, operand) {
            None => Ok(()),
            Some(_) => Err(repeated(output)),
        }
    }

    /// What a node computes.
    fn operand_of(&mut self, node: &NodeProto) -> Result<Operand, String> {
        if !is_standard(&node.domain) {
            return Err(format!("domain {:?} is not lowered, only ONNX's own operators are", node.domain));
        }
        let vector = match node.op_type.as_str() {
            "Constant" => return shape::constant(node).map(|tensor| Operand::Constant(Rc::new(tensor))),
            "Identity" => return self.identity(node),
            "ArgMax" => return self.arg_max(node).map(Operand::Choice),
            "Gather" => self.gather(node)?,
            "Gemm" => self.gemm(node)?,
            "MatMul" => self.matrix_product(node)?,
            "Add" | "Sub" | "Mul" | "Div" => self.with_constant(node)?,
            "Clip" => self.clip(node)?,
            "Relu" | "Tanh" | "Sigmoid" | "Softplus" | "Elu" | "LeakyRelu" => self.function(node)?,
            "Flatten" => self.flatten(node)?,
            "Reshape" => self.reshape(node)?,
            "Squeeze" => self.squeeze(node)?,
            _ => return Err(format!("is not lowered; these operators are: {OPERATORS}")),
        };
        Ok(Operand::Vector(vector))
    }

    /// The node's input at a position; `None` where an optional one is left out.
    fn operand(&self, node: &NodeProto, position: usize) -> Result<Option<Operand>, String> {
        match node.input.get(position) {
            None => Ok(None),
            Some(name) if name.is_empty() => Ok(None),
            Some(name) => self.operands.get(name.as_str()).cloned().map(Some).ok_or_else(|| {
                format!(
                    "reads {name:?}, which no input, initializer or earlier node gives: missing, or a cycle"
                )
            }),
        }
    }

    fn vector(&self, node: &NodeProto, position: usize) -> Result<Vector, String> {
        match self.operand(node, position)? {
            Some(Operand::Vector(vector)) => Ok(vector),
            Some(Operand::Choice(_)) => {
                Err(format!("input {position} is the place of a largest value, {CHOICE}"))
            }
            Some(Operand::Constant(_)) => Err(format!(
                "input {position} is a constant, expected a value that depends on the observation"
            )),
            None => Err(format!("input {position} is missing")),
        }
    }

    fn constant(&self, node: &NodeProto, position: usize) -> Result<Option<Rc<Tensor>>, String> {
        match self.operand(node, position)? {
            Some(Operand::Constant(tensor)) => Ok(Some(tensor)),
            Some(Operand::Vector(_) | Operand::Choice(_)) => {
                Err(format!("input {position} depends on the observation, expected a constant"))
            }
            None => Ok(None),
        }
    }

    fn output(&self, name: &str, what: &'static str) -> Result<Value, OnnxError> {
        match self.operands.get(name) {
            Some(Operand::Vector(vector)) => Ok(vector.value),
            Some(Operand::Choice(_)) => Err(unfit(what, "a vector", "the place of a largest value")),
            Some(Operand::Constant(_)) => Err(unfit(what, "a function of the observation", "a constant")),
            None => Err(unfit(what, "computed by a node", &format!("no node that gives {name:?}"))),
        }
    }

    /// Counts the weights of one more layer.
    fn spend(&mut self, weights: usize) -> Result<(), String> {
        self.weights = self.weights.saturating_add(weights);
        if self.weights <= MAX_WEIGHTS {
            return Ok(());
        }
        Err(format!("the policy has more than {MAX_WEIGHTS} weights and constants, which is the most"))
    }
}

/// A constant's numbers.
fn floats(tensor: &Tensor) -> Result<&[f32], String> {
    match &tensor.elements {
        Elements::Float(values) => Ok(values),
        Elements::Integer(_) => Err("has an INT64 constant where numbers are needed".to_owned()),
    }
}

/// A constant broadcast over a vector of `size` values.
fn broadcast(tensor: &Tensor, size: usize) -> Result<Vec<f32>, String> {
    let values = floats(tensor)?;
    let (last, leading) = tensor.dims.split_last().unwrap_or((&1, &[]));
    let fits = leading.iter().all(|dim| *dim == 1) && leading.len() < 2;
    match values {
        [value] if fits => Ok(vec![*value; size]),
        _ if fits && *last == size => Ok(values.to_vec()),
        _ => Err(format!(
            "a constant of shape {:?} does not broadcast to [{size}] or [1, {size}]",
            tensor.dims
        )),
    }
}

fn check_width(size: usize) -> Result<(), String> {
    if (1..=MAX_WIDTH).contains(&size) {
        return Ok(());
    }
    Err(format!("gives {size} values, expected 1 to {MAX_WIDTH}"))
}

fn repeated(name: &str) -> OnnxError {
    unfit("value", "given once", &format!("{name:?} given twice"))
}

fn unfit(what: &'static str, expected: &str, found: &str) -> OnnxError {
    OnnxError::Model { what, expected: expected.to_owned(), found: found.to_owned() }
}
