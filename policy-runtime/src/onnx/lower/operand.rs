//! What nodes give each other: constants, and values in flow that depend on the inputs.

use super::super::tensor::{Elements, Tensor};
use super::view::View;
use super::{Lowering, MAX_CONSTANT, MAX_WIDTH};
use crate::image::Element;
use crate::image::program::{Source, Value};
use crate::onnx::protobuf::NodeProto;
use std::rc::Rc;

/// A value that depends on the inputs, row-major.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) value: Value,
    pub(super) dims: Vec<usize>,
    pub(super) element: Element,
}

impl Flow {
    /// Numbers.
    pub(super) fn new(value: Value, dims: Vec<usize>) -> Self {
        Self { value, dims, element: Element::Number }
    }

    /// The same values under other dimensions.
    pub(super) fn with_dims(self, dims: Vec<usize>) -> Self {
        Self { dims, ..self }
    }

    pub(super) fn of(self, element: Element) -> Self {
        Self { element, ..self }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    Flow(Flow),
    Constant(Rc<Tensor>),
}

impl Operand {
    pub(super) fn constant(dims: Vec<usize>, elements: Elements) -> Self {
        Self::Constant(Rc::new(Tensor { dims, elements }))
    }

    pub(super) fn dims(&self) -> &[usize] {
        match self {
            Self::Flow(flow) => &flow.dims,
            Self::Constant(tensor) => &tensor.dims,
        }
    }

    pub(super) fn element(&self) -> Element {
        match self {
            Self::Flow(flow) => flow.element,
            Self::Constant(tensor) => tensor.elements.element(),
        }
    }

    /// The same elements under other dimensions.
    pub(super) fn with_dims(self, dims: Vec<usize>) -> Self {
        match self {
            Self::Flow(flow) => Self::Flow(flow.with_dims(dims)),
            Self::Constant(tensor) => Self::constant(dims, tensor.elements.clone()),
        }
    }
}

impl Lowering<'_> {
    /// The node's input at a position; `None` where an optional one is left out.
    pub(super) fn optional(&self, node: &NodeProto, position: usize) -> Result<Option<Operand>, String> {
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

    pub(super) fn operand(&self, node: &NodeProto, position: usize) -> Result<Operand, String> {
        self.optional(node, position)?.ok_or_else(|| format!("input {position} is missing"))
    }

    /// An input as a value in flow, whatever it is.
    pub(super) fn flow(&mut self, node: &NodeProto, position: usize) -> Result<Flow, String> {
        let operand = self.operand(node, position)?;
        self.flowing(operand)
    }

    /// A constant becomes a value in flow by a copy.
    pub(super) fn flowing(&mut self, operand: Operand) -> Result<Flow, String> {
        match operand {
            Operand::Flow(flow) => Ok(flow),
            Operand::Constant(tensor) => {
                let values = tensor.elements.to_floats()?;
                self.check_width(values.len())?;
                self.spend(values.len())?;
                let size = values.len();
                let value = self.program.copy_of(Source::Constant(values), size);
                Ok(Flow { value, dims: tensor.dims.clone(), element: tensor.elements.element() })
            }
        }
    }

    pub(super) fn constant(&self, node: &NodeProto, position: usize) -> Result<Option<Rc<Tensor>>, String> {
        match self.optional(node, position)? {
            Some(Operand::Constant(tensor)) => Ok(Some(tensor)),
            Some(Operand::Flow(_)) => {
                Err(format!("input {position} depends on the observation, expected a constant"))
            }
            None => Ok(None),
        }
    }

    /// A constant list of whole numbers.
    pub(super) fn integers(&self, node: &NodeProto, position: usize) -> Result<Option<Vec<i64>>, String> {
        match self.constant(node, position)?.as_deref() {
            None => Ok(None),
            Some(Tensor { elements: Elements::Integer(values), .. }) => Ok(Some(values.clone())),
            Some(_) => Err(format!("input {position} holds no whole numbers, expected INT64")),
        }
    }

    /// A constant tensor of numbers.
    pub(super) fn weights(&self, node: &NodeProto, position: usize) -> Result<Option<Rc<Tensor>>, String> {
        match self.constant(node, position)? {
            Some(tensor) if tensor.elements.element() == Element::Number => Ok(Some(tensor)),
            Some(_) => Err(format!("input {position} is not FLOAT, which weights must be")),
            None => Ok(None),
        }
    }

    /// Rearranges an operand: a constant at once, a value in flow by a copy where it does not lie as needed.
    pub(super) fn rearranged(&mut self, operand: &Operand, view: &View) -> Result<Operand, String> {
        check_count(view.dims.iter().copied())?;
        match operand {
            Operand::Constant(tensor) => {
                self.spend(view.count())?;
                Ok(Operand::constant(view.dims.clone(), tensor.elements.pick(&view.positions())))
            }
            Operand::Flow(flow) => self.flow_rearranged(flow, view).map(Operand::Flow),
        }
    }

    pub(super) fn flow_rearranged(&mut self, flow: &Flow, view: &View) -> Result<Flow, String> {
        let count = check_count(view.dims.iter().copied())?;
        self.check_width(count)?;
        let value = if view.is_dense() {
            flow.value.part(view.start, count)
        } else if let Some(layout) = view.layout() {
            let destination = self.program.reserve(count);
            self.program.copy(Source::Value(flow.value), view.start, destination, layout);
            destination
        } else {
            self.spend(count)?;
            self.program.gather(flow.value, &view.positions())
        };
        Ok(Flow { value, dims: view.dims.clone(), element: flow.element })
    }

    /// Repeats an operand to `dims`, unless it is one value, which stands for all.
    pub(super) fn broadcast(&mut self, operand: &Operand, dims: &[usize]) -> Result<Source, String> {
        let own = operand.dims().to_vec();
        let fits = View::whole(&own).broadcast(dims);
        let view = fits.ok_or_else(|| format!("shape {own:?} does not broadcast to {dims:?}"))?;
        let is_single = own.iter().product::<usize>() == 1;
        match operand {
            Operand::Flow(flow) if is_single => Ok(Source::Value(flow.value)),
            Operand::Flow(flow) => Ok(Source::Value(self.flow_rearranged(flow, &view)?.value)),
            Operand::Constant(tensor) => {
                let values = tensor.elements.to_floats()?;
                if is_single {
                    return Ok(Source::Constant(values));
                }
                self.check_width(check_count(dims.iter().copied())?)?;
                self.spend(view.count())?;
                Ok(Source::Constant(view.positions().into_iter().map(|position| values[position]).collect()))
            }
        }
    }

    /// Refuses empty and too wide values in flow.
    pub(super) fn check_width(&self, size: usize) -> Result<(), String> {
        let limit = if self.is_folding { MAX_CONSTANT } else { MAX_WIDTH };
        if (1..=limit).contains(&size) {
            return Ok(());
        }
        Err(format!("gives {size} values, expected 1 to {limit}"))
    }
}

/// Elements of a tensor; refused beyond what any policy has.
pub(super) fn check_count(dims: impl IntoIterator<Item = usize>) -> Result<usize, String> {
    let count = dims.into_iter().try_fold(1_usize, usize::checked_mul);
    count
        .filter(|count| *count <= MAX_CONSTANT)
        .ok_or_else(|| format!("gives more than {MAX_CONSTANT} values, which is the most"))
}

/// The dimensions of two tensors broadcast against each other.
pub(super) fn common_dims(first: &[usize], second: &[usize]) -> Result<Vec<usize>, String> {
    let rank = first.len().max(second.len());
    let dim = |dims: &[usize], axis: usize| {
        (axis + dims.len()).checked_sub(rank).and_then(|axis| dims.get(axis)).copied().unwrap_or(1)
    };
    (0..rank)
        .map(|axis| match (dim(first, axis), dim(second, axis)) {
            (one, other) if one == other || other == 1 => Ok(one),
            (1, other) => Ok(other),
            _ => Err(format!("shapes {first:?} and {second:?} do not broadcast")),
        })
        .collect()
}

/// An axis counted from the front; negative ones count from the back.
pub(super) fn axis_of(axis: i64, rank: usize) -> Result<usize, String> {
    let counted = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(counted)
        .ok()
        .filter(|axis| *axis < rank)
        .ok_or_else(|| format!("axis {axis} does not exist in rank {rank}"))
}
