//! What a graph as a whole must be: inputs of known sizes, outputs, operators of a known version.

use super::OnnxError;
use super::state;
use crate::image::{Element, MAX_PORTS};
use crate::onnx::protobuf::tensor_proto::DataType;
use crate::onnx::protobuf::tensor_shape_proto::dimension;
use crate::onnx::protobuf::type_proto;
use crate::onnx::protobuf::{GraphProto, ModelProto, ValueInfoProto};
use std::fmt::Display;

/// Versions of the ONNX operator set whose operators mean what the lowering computes.
pub(super) const OPERATOR_SETS: core::ops::RangeInclusive<i64> = 9..=24;
/// Name of the output in the actuators' units.
pub(super) const ACTION: &str = "action";
/// Name of the output before scaling.
pub(super) const RAW_ACTION: &str = "raw_action";
/// Most nodes that are read; a policy has tens, an unrolled sequence hundreds.
const MAX_NODES: usize = 4096;
/// Most initializers; a layer has two.
const MAX_INITIALIZERS: usize = 4096;
/// Most values of one tensor that depends on the inputs.
pub(super) const MAX_WIDTH: usize = 1 << 20;
/// Most dimensions of a tensor.
pub(super) const MAX_RANK: usize = 8;

/// An input of the graph.
pub(super) struct Input<'m> {
    pub(super) name: &'m str,
    pub(super) dims: Vec<usize>,
    pub(super) element: Element,
    /// The output that becomes this input of the next inference.
    pub(super) state: Option<&'m str>,
}

impl Input<'_> {
    pub(super) fn size(&self) -> usize {
        self.dims.iter().product()
    }
}

/// The parts of a checked graph.
pub(super) struct Graph<'m> {
    pub(super) proto: &'m GraphProto,
    pub(super) operator_set: i64,
    pub(super) inputs: Vec<Input<'m>>,
    /// All outputs, in order.
    pub(super) outputs: Vec<&'m str>,
    pub(super) action: &'m str,
    pub(super) raw_action: Option<&'m str>,
}

impl<'m> Graph<'m> {
    pub(super) fn new(model: &'m ModelProto) -> Result<Self, OnnxError> {
        let graph = model.graph.as_ref().ok_or_else(|| unfit("graph", &"present", &"absent"))?;
        check_counts(model, graph)?;
        let is_constant = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
        // Old files list their initializers among the inputs.
        let inputs = graph.input.iter().filter(|input| !is_constant(&input.name));
        let mut inputs = inputs.map(input).collect::<Result<Vec<_>, _>>()?;
        let outputs: Vec<&str> = graph.output.iter().map(|output| &output.name[..]).collect();
        for (what, found) in [("number of inputs", inputs.len()), ("number of outputs", outputs.len())] {
            if !(1..=MAX_PORTS).contains(&found) {
                return Err(unfit(what, &format_args!("1 to {MAX_PORTS}"), &found));
            }
        }
        let named = |name: &str| outputs.iter().copied().find(|output| *output == name);
        let action = named(ACTION);
        let raw_action = action.and_then(|_| named(RAW_ACTION));
        let action = action.unwrap_or(outputs[0]);
        state::pair(&mut inputs, &outputs, [Some(action), raw_action]);
        Ok(Self { proto: graph, operator_set: operator_set(model)?, inputs, outputs, action, raw_action })
    }
}

fn check_counts(model: &ModelProto, graph: &GraphProto) -> Result<(), OnnxError> {
    let counts = [
        ("number of training graphs", model.training_info.len(), 0),
        ("number of local functions", model.functions.len(), 0),
        ("number of sparse initializers", graph.sparse_initializer.len(), 0),
    ];
    for (what, found, expected) in counts {
        if found != expected {
            return Err(unfit(what, &expected, &found));
        }
    }
    let limits = [
        ("number of nodes", graph.node.len(), MAX_NODES),
        ("number of initializers", graph.initializer.len(), MAX_INITIALIZERS),
        ("number of inputs and initializers", graph.input.len(), MAX_INITIALIZERS + MAX_PORTS),
    ];
    for (what, found, limit) in limits {
        if found > limit {
            return Err(unfit(what, &format_args!("at most {limit}"), &found));
        }
    }
    Ok(())
}

fn operator_set(model: &ModelProto) -> Result<i64, OnnxError> {
    let version = model
        .opset_import
        .iter()
        .find(|import| is_standard(&import.domain))
        .map_or_else(|| Err(unfit("operator set", &"stated", &"absent")), |import| Ok(import.version))?;
    if OPERATOR_SETS.contains(&version) {
        return Ok(version);
    }
    Err(unfit("operator set", &format_args!("within {OPERATOR_SETS:?}"), &version))
}

/// Whether a domain is that of the operators that the ONNX specification defines.
pub(super) fn is_standard(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

/// Name, dimensions and type of an input. A free dimension, such as a batch or a sequence, is pinned to one: the runtime
/// makes one decision at a time.
fn input(input: &ValueInfoProto) -> Result<Input<'_>, OnnxError> {
    let Some(type_proto::Value::TensorType(tensor)) =
        input.r#type.as_ref().and_then(|kind| kind.value.as_ref())
    else {
        return Err(unfit("type of the input", &"a tensor", &"absent"));
    };
    let element = match DataType::try_from(tensor.elem_type) {
        Ok(DataType::Float) => Element::Number,
        Ok(DataType::Int64 | DataType::Int32) => Element::Integer,
        Ok(DataType::Bool) => Element::Truth,
        Ok(other) => {
            return Err(unfit("type of the input", &"FLOAT, INT64, INT32 or BOOL", &other));
        }
        Err(_) => return Err(unfit("type of the input", &"FLOAT", &"unknown")),
    };
    let dims = tensor.shape.as_ref().map(|shape| &shape.dim[..]);
    let dims = dims.ok_or_else(|| {
        unfit("shape of the input", &"stated", &format_args!("absent for {:?}", input.name))
    })?;
    let number = |dim: &dimension::Value| match dim {
        dimension::Value::DimValue(number) if *number > 0 => Some(*number),
        _ => None,
    };
    let sizes: Vec<_> = dims.iter().map(|dim| dim.value.as_ref().and_then(number)).collect();
    let pinned: Option<Vec<usize>> =
        sizes.iter().map(|size| usize::try_from(size.unwrap_or(1)).ok()).collect();
    let count = |dims: &Vec<usize>| dims.iter().try_fold(1_usize, |count, dim| count.checked_mul(*dim));
    let fits = |dims: &Vec<usize>| {
        dims.len() <= MAX_RANK && count(dims).is_some_and(|count| (1..=MAX_WIDTH).contains(&count))
    };
    let dims = pinned.filter(fits).ok_or_else(|| {
        let expected = format!("at most {MAX_RANK} dimensions and {MAX_WIDTH} values");
        unfit("shape of the input", &expected, &format_args!("{sizes:?}"))
    })?;
    Ok(Input { name: &input.name, dims, element, state: None })
}

fn unfit(what: &'static str, expected: &dyn Display, found: &dyn Display) -> OnnxError {
    OnnxError::Model { what, expected: expected.to_string(), found: found.to_string() }
}
