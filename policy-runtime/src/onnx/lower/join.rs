//! Tensors put together: Concat and Pad.

use super::super::attribute::Attributes;
use super::super::tensor::Elements;
use super::Lowering;
use super::operand::{Flow, Operand, axis_of, check_count};
use super::view::View;
use crate::image::Element;
use crate::image::program::{Source, Value};
use crate::kernel::scalar::Layout;
use crate::onnx::protobuf::NodeProto;

impl Lowering<'_> {
    /// Tensors one after the other along an axis.
    pub(super) fn concat(&mut self, node: &NodeProto) -> Result<Operand, String> {
        let axis = Attributes::new(node, &["axis"])?.integer("axis", 1)?;
        let parts = (0..node.input.len())
            .map(|position| self.operand(node, position))
            .collect::<Result<Vec<_>, _>>()?;
        let first = parts.first().ok_or("has no inputs")?;
        let (mut dims, element) = (first.dims().to_vec(), first.element());
        let axis = axis_of(axis, dims.len())?;
        let mut total = 0_usize;
        for part in &parts {
            let fits = part.dims().len() == dims.len()
                && part.dims().iter().zip(&dims).enumerate().all(|(other, (a, b))| other == axis || a == b)
                && part.element() == element;
            if !fits {
                return Err(format!("shapes {:?} and {dims:?} do not join along axis {axis}", part.dims()));
            }
            total = total.saturating_add(part.dims()[axis]);
        }
        dims[axis] = total;
        let count = check_count(dims.iter().copied())?;
        let outer: usize = dims[..axis].iter().product();
        let row: usize = dims[axis..].iter().product();
        if let Some(constants) = constants(&parts, outer, axis) {
            self.spend(count)?;
            return Ok(Operand::constant(dims, constants?));
        }
        self.check_width(count)?;
        let destination = self.program.reserve(count);
        let mut offset = 0;
        for part in parts {
            let run: usize = part.dims()[axis..].iter().product();
            if run * outer > 0 {
                let source = match part {
                    Operand::Flow(flow) => Source::Value(flow.value),
                    Operand::Constant(tensor) => {
                        self.spend(tensor.len())?;
                        Source::Constant(tensor.elements.to_floats()?)
                    }
                };
                let layout = Layout {
                    dims: [1, 1, outer as u32, run as u32],
                    source_strides: [0, 0, run as i32, 1],
                    destination_strides: [0, 0, row as u32, 1],
                };
                self.program.copy(source, 0, destination.part(offset, (outer - 1) * row + run), layout);
            }
            offset += run;
        }
        Ok(Operand::Flow(Flow { value: destination, dims, element }))
    }

    /// Elements around a tensor.
    pub(super) fn pad(&mut self, node: &NodeProto) -> Result<Operand, String> {
        let attributes = Attributes::new(node, &["mode", "pads", "value"])?;
        let mode = attributes.text("mode", "constant")?;
        if mode != "constant" {
            return Err(format!("pads by mode {mode:?}, expected \"constant\""));
        }
        let operand = self.operand(node, 0)?;
        let rank = operand.dims().len();
        let (pads, value, axes) = if self.operator_set < 11 {
            (attributes.integers("pads")?, attributes.float("value", 0.0)?, None)
        } else {
            let value = match self.weights(node, 2)?.as_deref().map(|tensor| &tensor.elements) {
                Some(Elements::Float(values)) if values.len() == 1 => values[0],
                None => 0.0,
                Some(_) => return Err("input 2 is not one number".to_owned()),
            };
            (self.integers(node, 1)?, value, self.integers(node, 3)?)
        };
        let pads = pads.ok_or("its pads are missing")?;
        let axes = match axes {
            None => (0..rank).collect(),
            Some(axes) => axes.iter().map(|axis| axis_of(*axis, rank)).collect::<Result<Vec<_>, _>>()?,
        };
        if pads.len() != 2 * axes.len() {
            return Err(format!("has {} pads for {} axes", pads.len(), axes.len()));
        }
        let mut around = vec![[0; 2]; rank];
        for (position, axis) in axes.iter().enumerate() {
            let size =
                |pad: i64| usize::try_from(pad).map_err(|_| format!("pads {pads:?} cut, expected a Slice"));
            around[*axis] = [size(pads[position])?, size(pads[axes.len() + position])?];
        }
        super::expect_numbers(&operand, "input 0")?;
        let flow = self.flowing(operand)?;
        self.padded(&flow, &around, value).map(Operand::Flow)
    }

    /// A tensor with `around[axis]` elements of one value before and after.
    pub(super) fn padded(&mut self, flow: &Flow, around: &[[usize; 2]], value: f32) -> Result<Flow, String> {
        if around.iter().all(|sides| *sides == [0, 0]) {
            return Ok(flow.clone());
        }
        let sides = flow.dims.iter().zip(around);
        let dims: Vec<usize> =
            sides.map(|(dim, [before, after])| dim.saturating_add(*before).saturating_add(*after)).collect();
        let count = check_count(dims.iter().copied())?;
        self.check_width(count)?;
        let destination = self.program.reserve(count);
        let fill = Layout {
            dims: [1, 1, 1, count as u32],
            source_strides: [0; 4],
            destination_strides: [0, 0, 0, 1],
        };
        self.program.copy(Source::Constant(vec![value]), 0, destination, fill);
        self.copy_inside(flow, around, destination, &dims)?;
        Ok(Flow { value: destination, dims, element: Element::Number })
    }

    /// Copies a tensor into a larger one.
    fn copy_inside(
        &mut self,
        flow: &Flow,
        around: &[[usize; 2]],
        destination: Value,
        dims: &[usize],
    ) -> Result<(), String> {
        let rank = dims.len();
        let missing = 4_usize.checked_sub(rank).ok_or("pads more than four dimensions")?;
        let (from, to) = (View::whole(&flow.dims), View::whole(dims));
        let mut layout = Layout { dims: [1; 4], source_strides: [0; 4], destination_strides: [0; 4] };
        let (mut start, mut end) = (0, 0);
        for (axis, [before, _]) in around.iter().enumerate() {
            layout.dims[missing + axis] = flow.dims[axis] as u32;
            layout.source_strides[missing + axis] = from.strides[axis] as i32;
            layout.destination_strides[missing + axis] = to.strides[axis] as u32;
            start += before * to.strides[axis] as usize;
            end += (flow.dims[axis] - 1) * to.strides[axis] as usize;
        }
        self.program.copy(Source::Value(flow.value), 0, destination.part(start, end + 1), layout);
        Ok(())
    }
}

/// The constants row by row, `None` unless all are constants.
fn constants(parts: &[Operand], outer: usize, axis: usize) -> Option<Result<Elements, String>> {
    let tensors: Option<Vec<_>> = parts
        .iter()
        .map(|part| match part {
            Operand::Constant(tensor) => Some(tensor),
            Operand::Flow(_) => None,
        })
        .collect();
    let tensors = tensors?;
    let mut joined: Option<Elements> = None;
    for row in 0..outer {
        for tensor in &tensors {
            let run: usize = tensor.dims[axis..].iter().product();
            let positions: Vec<usize> = (row * run..(row + 1) * run).collect();
            let part = tensor.elements.pick(&positions);
            match (&mut joined, part) {
                (Some(Elements::Float(all)), Elements::Float(part)) => all.extend(part),
                (Some(Elements::Integer(all)), Elements::Integer(part)) => all.extend(part),
                (Some(Elements::Truth(all)), Elements::Truth(part)) => all.extend(part),
                (none @ None, part) => *none = Some(part),
                _ => return Some(Err("joins different types".to_owned())),
            }
        }
    }
    Some(joined.ok_or_else(|| "joins nothing".to_owned()))
}
