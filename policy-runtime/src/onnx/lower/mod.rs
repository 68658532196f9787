//! Lowers a graph to a [`Program`], from the operators that the ONNX specification defines.
//!
//! Only what the outputs in use depend on is lowered, so a critic or a value head beside the actor costs nothing. Every
//! dimension is known, because free ones are pinned to one; what depends on constants alone is computed beforehand.
//! Whatever does not fit is refused with the node, its operator and what would be needed.

mod choice;
mod convolution;
mod dense;
mod element_wise;
mod fold;
mod join;
mod normalization;
mod operand;
mod recurrent;
mod reduction;
mod shape;
mod slice;
mod view;

use super::OnnxError;
use super::graph::{Graph, MAX_RANK, MAX_WIDTH, is_standard};
use super::tensor::Tensor;
use crate::image::program::{Program, Terminal};
use crate::image::{Element, Role};
use crate::onnx::protobuf::{ModelProto, NodeProto};
use operand::{Flow, Operand};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Most weights and constants of a policy, so that a small file cannot ask for much memory by using one tensor often.
const MAX_WEIGHTS: usize = 64 << 20;
/// Most values of one constant, and of one tensor that is computed from constants.
const MAX_CONSTANT: usize = 16 << 20;
/// Most operations of a program.
const MAX_OPERATIONS: usize = 1 << 14;

/// Operators that lower, for the error that names them.
const OPERATORS: &str = "Abs, Add, And, ArgMax, ArgMin, AveragePool, BatchNormalization, Cast, Ceil, Celu, Clip, Concat, \
                         Constant, ConstantOfShape, Conv, Cos, Div, Dropout, Elu, Equal, Erf, Exp, Expand, Flatten, \
                         Floor, GRU, Gather, GatherND, Gelu, Gemm, GlobalAveragePool, GlobalMaxPool, Greater, GreaterOrEqual, \
                         HardSigmoid, HardSwish, Identity, LSTM, LayerNormalization, LeakyRelu, Less, LessOrEqual, Log, \
                         LogSoftmax, MatMul, Max, MaxPool, Mean, Min, Mish, Mod, Mul, Neg, Not, Or, PRelu, Pad, Pow, \
                         RMSNormalization, Range, Reciprocal, ReduceL1, ReduceL2, ReduceLogSumExp, ReduceMax, \
                         ReduceMean, ReduceMin, ReduceProd, ReduceSum, ReduceSumSquare, Relu, Reshape, Round, Selu, \
                         Shape, Sigmoid, Sign, Sin, Size, Slice, Softmax, Softplus, Softsign, Split, Sqrt, Squeeze, \
                         Sub, Sum, Swish, Tanh, ThresholdedRelu, Tile, Transpose, Unsqueeze, Where, Xor";

/// Lowers a model's graph: with `all_outputs` every output, else the actions and the states.
pub(super) fn lower(model: &ModelProto, all_outputs: bool) -> Result<Program, OnnxError> {
    let graph = Graph::new(model)?;
    let mut lowering = Lowering {
        program: Program::default(),
        operands: HashMap::new(),
        operator_set: graph.operator_set,
        weights: 0,
        folded_work: 0,
        is_folding: false,
    };
    for input in &graph.inputs {
        let role = if input.state.is_some() { Role::State } else { Role::Observation };
        let value = lowering.program.input(input.name, input.size(), role, input.element);
        let flow = Flow { value, dims: input.dims.clone(), element: input.element };
        if lowering.operands.insert(input.name, Operand::Flow(flow)).is_some() {
            return Err(repeated(input.name));
        }
    }
    let is_state = |name: &str| graph.inputs.iter().any(|input| input.state == Some(name));
    let in_use = |name: &&str| {
        all_outputs || *name == graph.action || Some(*name) == graph.raw_action || is_state(name)
    };
    let outputs: Vec<&str> = graph.outputs.iter().copied().filter(in_use).collect();
    lowering.nodes(&graph, &outputs)?;
    for name in outputs {
        lowering.end(&graph, name)?;
    }
    Ok(lowering.program)
}

/// Every value that the outputs depend on.
fn needed<'m>(graph: &Graph<'m>, outputs: &[&'m str]) -> HashSet<&'m str> {
    let mut needed: HashSet<&str> = outputs.iter().copied().collect();
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
    /// Element operations of constants that were computed so far.
    folded_work: u64,
    /// Whether the program at hand computes constants.
    is_folding: bool,
}

impl<'m> Lowering<'m> {
    fn nodes(&mut self, graph: &Graph<'m>, outputs: &[&'m str]) -> Result<(), OnnxError> {
        let needed = needed(graph, outputs);
        for proto in graph.proto.initializer.iter().filter(|tensor| needed.contains(tensor.name.as_str())) {
            let operand = Operand::Constant(Rc::new(Tensor::read(proto)?));
            if self.operands.insert(&proto.name, operand).is_some() {
                return Err(repeated(&proto.name));
            }
        }
        for node in &graph.proto.node {
            if node.output.iter().any(|output| needed.contains(output.as_str())) {
                self.node(node)?;
            }
        }
        Ok(())
    }

    fn node(&mut self, node: &'m NodeProto) -> Result<(), OnnxError> {
        let refuse = |reason| OnnxError::Node {
            node: if node.name.is_empty() { node.output.join(", ") } else { node.name.clone() },
            operator: node.op_type.clone(),
            reason,
        };
        let folds = self.reads_constants_alone(node);
        let results = if folds { self.folded(node) } else { self.operands_of(node) }.map_err(refuse)?;
        if self.program.len() > MAX_OPERATIONS {
            return Err(refuse(format!(
                "the policy needs more than {MAX_OPERATIONS} operations, which is the most"
            )));
        }
        for (position, output) in node.output.iter().enumerate().filter(|(_, output)| !output.is_empty()) {
            // An output that is not given is refused where it is read.
            let Some(result) = results.get(position) else { continue };
            if result.dims().len() > MAX_RANK {
                return Err(refuse(format!(
                    "gives {} dimensions, at most {MAX_RANK} are run",
                    result.dims().len()
                )));
            }
            if self.operands.insert(output, result.clone()).is_some() {
                return Err(repeated(output));
            }
        }
        Ok(())
    }

    /// What a node computes, output by output.
    fn operands_of(&mut self, node: &NodeProto) -> Result<Vec<Operand>, String> {
        if !is_standard(&node.domain) {
            return Err(format!("domain {:?} is not lowered, only ONNX's own operators are", node.domain));
        }
        if node.input.len() > MAX_INPUTS || node.output.len() > MAX_INPUTS {
            return Err(format!("has more than {MAX_INPUTS} inputs or outputs, which is the most"));
        }
        match node.op_type.as_str() {
            "Split" => return self.split(node),
            "GRU" => return self.gru(node),
            "LSTM" => return self.lstm(node),
            _ => {}
        }
        let operand = match node.op_type.as_str() {
            "Constant" => shape::constant(node)?,
            "Identity" | "Dropout" => self.identity(node)?,
            "Cast" | "CastLike" => self.cast(node)?,
            "Shape" | "Size" => self.shape(node)?,
            "ConstantOfShape" => self.constant_of_shape(node)?,
            "Range" => self.range(node)?,
            "Flatten" => self.flatten(node)?,
            "Reshape" => self.reshape(node)?,
            "Squeeze" => self.squeeze(node)?,
            "Unsqueeze" => self.unsqueeze(node)?,
            "Transpose" => self.transpose(node)?,
            "Expand" => self.expand(node)?,
            "Tile" => self.tile(node)?,
            "Slice" => self.slice(node)?,
            "Gather" => self.gather(node)?,
            "GatherND" => self.gather_points(node)?,
            "Concat" => self.concat(node)?,
            "Pad" => self.pad(node)?,
            _ => Operand::Flow(self.computed(node)?),
        };
        Ok(vec![operand])
    }

    /// What an operator gives that computes rather than rearranges.
    fn computed(&mut self, node: &NodeProto) -> Result<Flow, String> {
        match node.op_type.as_str() {
            "Gemm" => self.gemm(node),
            "MatMul" => self.matrix_product(node),
            "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Mod" | "Less" | "LessOrEqual" | "Greater"
            | "GreaterOrEqual" | "Equal" | "And" | "Or" | "Xor" | "PRelu" => self.binary(node),
            "Min" | "Max" | "Sum" | "Mean" => self.several(node),
            "Clip" => self.clip(node),
            "Where" => self.choose(node),
            "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceL1" | "ReduceL2"
            | "ReduceProd" | "ReduceSumSquare" | "ReduceLogSumExp" => self.reduce(node),
            "ArgMax" | "ArgMin" => self.arg_extreme(node),
            "Softmax" | "LogSoftmax" => self.softmax(node),
            "LayerNormalization" | "RMSNormalization" => self.row_normalization(node),
            "BatchNormalization" => self.batch_normalization(node),
            "Conv" => self.convolution(node),
            "MaxPool" | "AveragePool" => self.pool(node),
            "GlobalMaxPool" | "GlobalAveragePool" => self.global_pool(node),
            operator
                if operator.contains("uantize")
                    || operator.contains("Integer")
                    || operator.starts_with("QLinear") =>
            {
                Err("is of a quantized graph, which is not run; export the model in FLOAT".to_owned())
            }
            _ => self.function(node),
        }
    }

    fn end(&mut self, graph: &Graph, name: &str) -> Result<(), OnnxError> {
        let found = self.operands.get(name).cloned();
        let flow = match found {
            Some(Operand::Flow(flow)) => flow,
            Some(Operand::Constant(_)) => {
                return Err(unfit("output", "a function of the inputs", &format!("a constant, {name:?}")));
            }
            None => {
                return Err(unfit("output", "computed by a node", &format!("no node that gives {name:?}")));
            }
        };
        let state = graph.inputs.iter().position(|input| input.state == Some(name));
        let role = match state {
            Some(_) => Role::State,
            None if name == graph.action => Role::Action,
            None if Some(name) == graph.raw_action => Role::RawAction,
            None => Role::Other,
        };
        let other_end = state.unwrap_or(0);
        if role == Role::State && graph.inputs[other_end].size() != flow.value.size {
            let sizes = (graph.inputs[other_end].size(), flow.value.size);
            return Err(unfit(
                "size of a state's output",
                &sizes.0.to_string(),
                &format!("{} for {name:?}", sizes.1),
            ));
        }
        if role == Role::RawAction
            && self.program.action_size() != 0
            && self.program.action_size() != flow.value.size
        {
            let sizes = (self.program.action_size(), flow.value.size);
            return Err(unfit("size of raw_action", &sizes.0.to_string(), &sizes.1.to_string()));
        }
        self.program.output(Terminal {
            name: name.to_owned(),
            role,
            element: flow.element,
            value: flow.value,
            other_end,
        });
        Ok(())
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

/// Most inputs or outputs of a node.
const MAX_INPUTS: usize = 1024;

/// Refuses an element type that an operator does not take.
fn expect_numbers(operand: &Operand, what: &str) -> Result<(), String> {
    match operand.element() {
        Element::Number => Ok(()),
        other => Err(format!("{what} is {other:?}, expected FLOAT")),
    }
}

fn repeated(name: &str) -> OnnxError {
    unfit("value", "given once", &format!("{name:?} given twice"))
}

fn unfit(what: &'static str, expected: &str, found: &str) -> OnnxError {
    OnnxError::Model { what, expected: expected.to_owned(), found: found.to_owned() }
}
