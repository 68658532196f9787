//! What a graph as a whole must be: one input of known size, an output, operators of a known version.

use super::OnnxError;
use std::fmt::Display;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension;
use tract_onnx::pb::type_proto;
use tract_onnx::pb::{GraphProto, ModelProto, ValueInfoProto};

/// Versions of the ONNX operator set whose operators mean what the lowering computes.
pub(super) const OPERATOR_SETS: core::ops::RangeInclusive<i64> = 9..=24;
/// Name of the output in the actuators' units.
pub(super) const ACTION: &str = "action";
/// Name of the output before scaling.
pub(super) const RAW_ACTION: &str = "raw_action";
/// Most nodes that are read; a policy has tens.
const MAX_NODES: usize = 1024;
/// Most values of one vector.
pub(super) const MAX_WIDTH: usize = 65_536;

/// The parts of a checked graph.
pub(super) struct Graph<'m> {
    pub(super) proto: &'m GraphProto,
    pub(super) operator_set: i64,
    pub(super) input: &'m str,
    /// With a batch dimension, 2; without, 1.
    pub(super) input_rank: usize,
    pub(super) input_size: usize,
    pub(super) action: &'m str,
    pub(super) raw_action: Option<&'m str>,
}

impl<'m> Graph<'m> {
    pub(super) fn new(model: &'m ModelProto) -> Result<Self, OnnxError> {
        let graph = model.graph.as_ref().ok_or_else(|| unfit("graph", &"present", &"absent"))?;
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
        if graph.node.len() > MAX_NODES {
            return Err(unfit("number of nodes", &format_args!("at most {MAX_NODES}"), &graph.node.len()));
        }
        let is_constant = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
        // Old files list their initializers among the inputs.
        let inputs: Vec<_> = graph.input.iter().filter(|input| !is_constant(&input.name)).collect();
        let [input] = inputs[..] else {
            let names: Vec<_> = inputs.iter().map(|input| &input.name).collect();
            return Err(unfit("list of inputs", &"one observation", &format_args!("{names:?}")));
        };
        let (input_rank, input_size) = shape(input)?;
        let named = |name| graph.output.iter().map(|output| &output.name[..]).find(|output| *output == name);
        let first = graph.output.first().ok_or_else(|| unfit("number of outputs", &"at least 1", &0))?;
        let action = named(ACTION);
        Ok(Self {
            proto: graph,
            operator_set: operator_set(model)?,
            input: &input.name,
            input_rank,
            input_size,
            action: action.unwrap_or(&first.name),
            raw_action: action.and_then(|_| named(RAW_ACTION)),
        })
    }
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

/// Rank and values of the input: `[n]`, or `[batch, n]` with a free batch or one of 1.
fn shape(input: &ValueInfoProto) -> Result<(usize, usize), OnnxError> {
    let Some(type_proto::Value::TensorType(tensor)) =
        input.r#type.as_ref().and_then(|kind| kind.value.as_ref())
    else {
        return Err(unfit("type of the input", &"a tensor", &"absent"));
    };
    if tensor.elem_type != DataType::Float as i32 {
        let found = DataType::try_from(tensor.elem_type).map_or("unknown", |kind| kind.as_str_name());
        return Err(unfit("type of the input", &"FLOAT", &found));
    }
    let dims = tensor.shape.as_ref().map_or(&[][..], |shape| &shape.dim);
    let number = |dim: &dimension::Value| match dim {
        dimension::Value::DimValue(number) => Some(*number),
        dimension::Value::DimParam(_) => None,
    };
    let dims: Vec<_> = dims.iter().map(|dim| dim.value.as_ref().and_then(number)).collect();
    let expected = format!("[batch, n] or [n] with n from 1 to {MAX_WIDTH} and a free batch or one of 1");
    let fits = |size: i64| usize::try_from(size).ok().filter(|size| (1..=MAX_WIDTH).contains(size));
    match dims[..] {
        [None | Some(1), Some(size)] => fits(size).map(|size| (2, size)),
        [Some(size)] => fits(size).map(|size| (1, size)),
        _ => None,
    }
    .ok_or_else(|| unfit("shape of the input", &expected, &format_args!("{dims:?}")))
}

fn unfit(what: &'static str, expected: &dyn Display, found: &dyn Display) -> OnnxError {
    OnnxError::Model { what, expected: expected.to_string(), found: found.to_string() }
}
