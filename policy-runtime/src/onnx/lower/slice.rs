//! Parts of a tensor: Slice, Split, Gather and its like by points.

use super::super::attribute::Attributes;
use super::super::tensor::Tensor;
use super::Lowering;
use super::operand::{Flow, Operand, axis_of, check_count};
use super::view::View;
use crate::image::Element;
use crate::image::program::Source;
use crate::kernel::Binary;
use crate::onnx::protobuf::NodeProto;

/// Rows among which a position that depends on the inputs may choose: each costs a comparison.
const MAX_CHOICES: usize = 256;

impl Lowering<'_> {
    /// A range of some axes, each with a step.
    pub(super) fn slice(&mut self, node: &NodeProto) -> Result<Operand, String> {
        let operand = self.operand(node, 0)?;
        let (starts, ends, axes, steps) = if self.operator_set < 10 {
            let attributes = Attributes::new(node, &["starts", "ends", "axes"])?;
            (attributes.integers("starts")?, attributes.integers("ends")?, attributes.integers("axes")?, None)
        } else {
            Attributes::new(node, &[])?;
            let input = |position| self.integers(node, position);
            (input(1)?, input(2)?, input(3)?, input(4)?)
        };
        let starts = starts.ok_or("its starts are missing")?;
        let ends = ends.ok_or("its ends are missing")?;
        let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
        if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
            return Err("its starts, ends, axes and steps differ in number".to_owned());
        }
        let mut view = View::whole(operand.dims());
        let mut sliced = vec![false; operand.dims().len()];
        for (((start, end), axis), step) in starts.iter().zip(ends).zip(axes).zip(steps) {
            let axis = axis_of(axis, operand.dims().len())?;
            if std::mem::replace(&mut sliced[axis], true) {
                return Err(format!("slices axis {axis} twice"));
            }
            let (first, count) = range(*start, end, step, operand.dims()[axis] as i64)?;
            view = view.sliced(axis, first, step as isize, count);
        }
        self.rearranged(&operand, &view)
    }

    /// Pieces along an axis, of given or equal sizes.
    pub(super) fn split(&mut self, node: &NodeProto) -> Result<Vec<Operand>, String> {
        let attributes = Attributes::new(node, &["axis", "split", "num_outputs"])?;
        let operand = self.operand(node, 0)?;
        let axis = axis_of(attributes.integer("axis", 0)?, operand.dims().len())?;
        let dim = operand.dims()[axis];
        let sizes = match attributes.integers("split")? {
            Some(sizes) => Some(sizes),
            None => self.integers(node, 1)?,
        };
        let pieces = node.output.len().max(1);
        let sizes = if let Some(sizes) = sizes {
            super::shape::dims_of_any(&sizes)?
        } else {
            // The last piece is the smaller one.
            let size = dim.div_ceil(pieces);
            (0..pieces).map(|piece| dim.saturating_sub(piece * size).min(size)).collect()
        };
        if sizes.len() != pieces
            || sizes.iter().try_fold(0_usize, |sum, size| sum.checked_add(*size)) != Some(dim)
        {
            return Err(format!("splits axis {axis} of {dim} into {sizes:?} for {pieces} outputs"));
        }
        let mut first = 0;
        let mut parts = Vec::with_capacity(sizes.len());
        for size in sizes {
            let view = View::whole(operand.dims()).sliced(axis, first, 1, size);
            parts.push(self.rearranged(&operand, &view)?);
            first += size;
        }
        Ok(parts)
    }

    /// A constant's row at a position that depends on the inputs, chosen by comparing it with each: what a discrete policy
    /// commands.
    fn looked_up(&mut self, table: &Tensor, place: &Flow) -> Result<Operand, String> {
        let (count, width) = (table.dims[0], table.dims[1..].iter().product::<usize>());
        if place.value.size != 1 || place.element != Element::Integer {
            let found = (place.value.size, place.element);
            return Err(format!("takes {found:?} as positions in a constant, expected one whole number"));
        }
        if count == 0 || count > MAX_CHOICES {
            return Err(format!("chooses among {count} rows of a constant, expected 1 to {MAX_CHOICES}"));
        }
        let dims = [&place.dims[..], &table.dims[1..]].concat();
        check_count(dims.iter().copied())?;
        self.check_width(width)?;
        self.spend(count.saturating_mul(width))?;
        let rows = table.elements.to_floats()?;
        let place = self.program.gather(place.value, &vec![0; width]);
        let mut chosen = Source::Constant(rows[..width].to_vec());
        for (index, row) in rows.chunks_exact(width).enumerate().skip(1) {
            // A position counts from the end where it is negative.
            let is_either = [index as f32, index as f32 - count as f32]
                .map(|position| self.program.binary(Binary::Equal, place, Source::Constant(vec![position])));
            let here = self.program.binary(Binary::Or, is_either[0], Source::Value(is_either[1]));
            chosen = Source::Value(self.program.select(here, Source::Constant(row.to_vec()), chosen));
        }
        let value = match chosen {
            Source::Value(value) => value,
            constant @ Source::Constant(_) => self.program.copy_of(constant, width),
        };
        Ok(Operand::Flow(Flow { value, dims, element: table.elements.element() }))
    }

    /// Elements of one axis by constant positions.
    pub(super) fn gather(&mut self, node: &NodeProto) -> Result<Operand, String> {
        let axis = Attributes::new(node, &["axis"])?.integer("axis", 0)?;
        let operand = self.operand(node, 0)?;
        let axis = axis_of(axis, operand.dims().len())?;
        let dim = operand.dims()[axis];
        if let (Operand::Constant(table), 0, Operand::Flow(place)) = (&operand, axis, self.operand(node, 1)?)
        {
            return self.looked_up(table, &place);
        }
        let indices = self.constant(node, 1)?.ok_or("input 1 is missing")?;
        let positions = self.integers(node, 1)?.unwrap_or_default();
        let positions = positions.iter().map(|index| axis_of(*index, dim)).collect::<Result<Vec<_>, _>>()?;
        let (outer, inner) = (&operand.dims()[..axis], &operand.dims()[axis + 1..]);
        let dims = [outer, &indices.dims, inner].concat();
        check_count(dims.iter().copied())?;
        if let Some((first, step)) = regular(&positions) {
            let view = View::whole(operand.dims()).sliced(axis, first, step, positions.len());
            return Ok(self.rearranged(&operand, &view)?.with_dims(dims));
        }
        let (outer, inner) = (outer.iter().product::<usize>(), inner.iter().product::<usize>());
        let rows = (0..outer).flat_map(|row| positions.iter().map(move |position| row * dim + position));
        let table: Vec<usize> =
            rows.flat_map(|start| (0..inner).map(move |offset| start * inner + offset)).collect();
        self.gathered(operand, &table, dims)
    }

    /// Slices by constant positions along the first axes, the last axis of the positions naming one on each.
    pub(super) fn gather_points(&mut self, node: &NodeProto) -> Result<Operand, String> {
        Attributes::new(node, &["batch_dims"])?.expect("batch_dims", 0, 0)?;
        let operand = self.operand(node, 0)?;
        let points = self.constant(node, 1)?.ok_or("input 1 is missing")?;
        let positions = self.integers(node, 1)?.unwrap_or_default();
        let depth = points.dims.last().copied().unwrap_or(0);
        if depth == 0 || depth > operand.dims().len() {
            return Err(format!("has positions of shape {:?} in {:?}", points.dims, operand.dims()));
        }
        let (axes, inner) = operand.dims().split_at(depth);
        let dims = [&points.dims[..points.dims.len() - 1], inner].concat();
        check_count(dims.iter().copied())?;
        let inner: usize = inner.iter().product();
        let mut table = Vec::new();
        for point in positions.chunks_exact(depth) {
            let mut row = 0;
            for (position, dim) in point.iter().zip(axes) {
                row = row * dim + axis_of(*position, *dim)?;
            }
            table.extend(row * inner..(row + 1) * inner);
        }
        self.gathered(operand, &table, dims)
    }

    fn gathered(&mut self, operand: Operand, table: &[usize], dims: Vec<usize>) -> Result<Operand, String> {
        self.spend(table.len())?;
        match operand {
            Operand::Constant(tensor) => Ok(Operand::constant(dims, tensor.elements.pick(table))),
            Operand::Flow(flow) => {
                self.check_width(table.len())?;
                let value = self.program.gather(flow.value, table);
                Ok(Operand::Flow(Flow { value, dims, element: flow.element }))
            }
        }
    }
}

/// First position and number of elements of a slice, by the rules of numpy.
fn range(start: i64, end: i64, step: i64, dim: i64) -> Result<(usize, usize), String> {
    if step == 0 || step.unsigned_abs() > i32::MAX as u64 {
        return Err(format!("its step is {step}"));
    }
    let counted = |position: i64| if position < 0 { position.saturating_add(dim) } else { position };
    let (low, high) = if step > 0 { (0, dim) } else { (-1, dim - 1) };
    let first = counted(start).clamp(low.max(0), high.max(0));
    let last = counted(end).clamp(low, high);
    let distance = if step > 0 { last - first } else { first - last };
    let count = if distance <= 0 { 0 } else { (distance as u64).div_ceil(step.unsigned_abs()) };
    Ok((first as usize, count as usize))
}

/// First position and step of positions that are equally far apart.
fn regular(positions: &[usize]) -> Option<(usize, isize)> {
    let (first, second) = match positions {
        [] => return None,
        [only] => return Some((*only, 1)),
        [first, second, ..] => (*first as isize, *second as isize),
    };
    let step = second - first;
    let is_regular = positions.windows(2).all(|pair| pair[1] as isize - pair[0] as isize == step);
    is_regular.then_some((first as usize, step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_numpy() {
        for (start, end, step, expected) in [
            (0, i64::MAX, 1, (0, 5)),
            (1, -1, 1, (1, 3)),
            (-2, i64::MAX, 1, (3, 2)),
            (4, i64::MIN, -1, (4, 5)),
            (-1, 0, -2, (4, 2)),
            (3, 3, 1, (3, 0)),
            (0, 5, 3, (0, 2)),
        ] {
            assert_eq!(range(start, end, step, 5), Ok(expected), "{start}:{end}:{step}");
        }
        assert!(range(0, 1, 0, 5).is_err());
    }

    #[test]
    fn regular_positions_are_a_slice() {
        assert_eq!(regular(&[3, 1]), Some((3, -2)));
        assert_eq!(regular(&[2, 2, 2]), Some((2, 0)));
        assert_eq!(regular(&[0, 1, 3]), None);
    }
}
