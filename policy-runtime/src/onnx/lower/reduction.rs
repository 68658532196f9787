//! Reductions along axes, softmax and the position of an extreme.

use super::super::attribute::Attributes;
use super::Lowering;
use super::operand::{Flow, Operand, axis_of};
use super::view::View;
use crate::image::Element;
use crate::kernel::{Binary, Function, Reduction};
use crate::onnx::protobuf::NodeProto;

impl Lowering<'_> {
    /// The reductions that the specification calls Reduce.
    pub(super) fn reduce(&mut self, node: &NodeProto) -> Result<Flow, String> {
        let attributes = Attributes::new(node, &["axes", "keepdims", "noop_with_empty_axes"])?;
        let flow = self.flow(node, 0)?;
        let axes = match attributes.integers("axes")? {
            Some(axes) => Some(axes),
            None => self.integers(node, 1)?,
        };
        let keeps_dims = attributes.integer("keepdims", 1)? != 0;
        let axes = match axes.filter(|axes| !axes.is_empty()) {
            None if attributes.flag("noop_with_empty_axes")? => return Ok(flow),
            None => (0..flow.dims.len()).collect(),
            Some(axes) => {
                axes.iter().map(|axis| axis_of(*axis, flow.dims.len())).collect::<Result<Vec<_>, _>>()?
            }
        };
        match node.op_type.as_str() {
            "ReduceMean" => self.reduced(Reduction::Mean, &flow, &axes, keeps_dims),
            "ReduceSum" => self.reduced(Reduction::Sum, &flow, &axes, keeps_dims),
            "ReduceMax" => self.reduced(Reduction::Maximum, &flow, &axes, keeps_dims),
            "ReduceMin" => self.reduced(Reduction::Minimum, &flow, &axes, keeps_dims),
            "ReduceL2" => self.reduced(Reduction::Norm2, &flow, &axes, keeps_dims),
            "ReduceSumSquare" => self.reduced(Reduction::SquareSum, &flow, &axes, keeps_dims),
            "ReduceProd" => self.reduced(Reduction::Product, &flow, &axes, keeps_dims),
            "ReduceL1" => {
                let value = self.program.function(flow.value, Function::Absolute);
                self.reduced(Reduction::Sum, &Flow { value, ..flow }, &axes, keeps_dims)
            }
            _ => self.logarithm_of_sum(flow, &axes, keeps_dims),
        }
    }

    /// `max + ln Σ e^(x - max)`.
    fn logarithm_of_sum(&mut self, flow: Flow, axes: &[usize], keeps_dims: bool) -> Result<Flow, String> {
        let largest = Operand::Flow(self.reduced(Reduction::Maximum, &flow, axes, true)?);
        let shifted = self.combined(Binary::Subtract, &Operand::Flow(flow), &largest)?;
        let powers = Flow { value: self.program.function(shifted.value, Function::Exponential), ..shifted };
        let sum = self.reduced(Reduction::Sum, &powers, axes, keeps_dims)?;
        let logarithm = Flow { value: self.program.function(sum.value, Function::Logarithm), ..sum };
        let largest = largest.with_dims(logarithm.dims.clone());
        self.combined(Binary::Add, &Operand::Flow(logarithm), &largest)
    }

    /// Reduces `axes`, which become 1 or vanish.
    pub(super) fn reduced(
        &mut self,
        reduction: Reduction,
        flow: &Flow,
        axes: &[usize],
        keeps_dims: bool,
    ) -> Result<Flow, String> {
        let rank = flow.dims.len();
        let (gone, kept): (Vec<usize>, Vec<usize>) = (0..rank).partition(|axis| axes.contains(axis));
        let order = [kept.clone(), gone].concat();
        let view = View::whole(&flow.dims).permuted(&order);
        let rows: usize = kept.iter().map(|axis| flow.dims[*axis]).product();
        let lying = self.flow_rearranged(flow, &view)?;
        let value = self.program.reduce(reduction, lying.value, rows);
        let dims = if keeps_dims {
            (0..rank).map(|axis| if axes.contains(&axis) { 1 } else { flow.dims[axis] }).collect()
        } else {
            kept.iter().map(|axis| flow.dims[*axis]).collect()
        };
        Ok(Flow { value, dims, element: flow.element })
    }

    /// The position of the largest or smallest along an axis.
    pub(super) fn arg_extreme(&mut self, node: &NodeProto) -> Result<Flow, String> {
        let attributes = Attributes::new(node, &["axis", "keepdims", "select_last_index"])?;
        attributes.expect("select_last_index", 0, 0)?;
        let flow = self.flow(node, 0)?;
        let axis = axis_of(attributes.integer("axis", 0)?, flow.dims.len())?;
        let keeps_dims = attributes.integer("keepdims", 1)? != 0;
        let reduction = if node.op_type == "ArgMax" { Reduction::ArgMaximum } else { Reduction::ArgMinimum };
        Ok(self.reduced(reduction, &flow, &[axis], keeps_dims)?.of(Element::Integer))
    }

    /// Along one axis since operator set 13; before, over all from an axis on.
    pub(super) fn softmax(&mut self, node: &NodeProto) -> Result<Flow, String> {
        let is_old = self.operator_set < 13;
        let axis = Attributes::new(node, &["axis"])?.integer("axis", if is_old { 1 } else { -1 })?;
        let flow = self.flow(node, 0)?;
        let axis = axis_of(axis, flow.dims.len())?;
        let logarithm = node.op_type == "LogSoftmax";
        let rank = flow.dims.len();
        if is_old || axis + 1 == rank {
            let rows = flow.dims[..axis].iter().product();
            let value = self.program.softmax(logarithm, flow.value, rows);
            return Ok(Flow { value, ..flow });
        }
        // The axis is brought to the end and back.
        let mut order: Vec<usize> = (0..rank).collect();
        order.swap(axis, rank - 1);
        let turned = self.flow_rearranged(&flow, &View::whole(&flow.dims).permuted(&order))?;
        let value = self.program.softmax(logarithm, turned.value, turned.value.size / flow.dims[axis]);
        let view = View::whole(&turned.dims).permuted(&order);
        self.flow_rearranged(&Flow { value, ..turned }, &view)
    }

    /// Over all axes but the first two.
    pub(super) fn global_pool(&mut self, node: &NodeProto) -> Result<Flow, String> {
        Attributes::new(node, &[])?;
        let flow = self.flow(node, 0)?;
        let axes: Vec<usize> = (2..flow.dims.len()).collect();
        let reduction = if node.op_type == "GlobalMaxPool" { Reduction::Maximum } else { Reduction::Mean };
        self.reduced(reduction, &flow, &axes, true)
    }
}
