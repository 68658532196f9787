//! One operation over scratch.
#![allow(clippy::inline_always, reason = "work is compiled into the function that enters an instruction set")]

use super::Place;
use crate::image::operation::{BinaryRecord, DenseRecord, FunctionRecord, Operand, Operation, Record};
use crate::kernel::{Vectors, Work, scalar};

/// Runs one operation and says whether every value it computed is finite, `None` if a range leaves its memory.
///
/// Compiled into the walk over all operations, for its instruction set. What few policies need is in functions of their own.
#[inline(always)]
pub(super) fn execute<V: Vectors>(
    vectors: V,
    record: &Record,
    weights: &[f32],
    scratch: &mut [f32],
) -> Option<bool> {
    match DenseRecord::read(record) {
        Some(layer) => dense(vectors, layer, weights, scratch),
        None => vectors.enter(Rest { record, weights, scratch }),
    }
}

#[inline(always)]
fn dense<V: Vectors>(vectors: V, layer: DenseRecord, weights: &[f32], scratch: &mut [f32]) -> Option<bool> {
    let DenseRecord { function, source, destination, rows, inputs, outputs, weights: start } = layer;
    let [rows, inputs, outputs] = [rows, inputs, outputs].map(|count| count as usize);
    let length = inputs.checked_add(1)?.checked_mul(outputs)?;
    let panels = weights.get(place(start, length))?;
    let size = |count: usize| count.checked_mul(rows);
    let (mut input, output) =
        apart(scratch, place(source, size(inputs)?), place(destination, size(outputs)?))?;
    let mut rest = &mut *output;
    // Without the divisions of equal chunks, which take time and link a panic on firmware.
    for _ in 0..rows {
        let (row, inputs_left) = input.split_at_checked(inputs)?;
        let (results, outputs_left) = rest.split_at_mut_checked(outputs)?;
        vectors.dense(row, panels, results);
        (input, rest) = (inputs_left, outputs_left);
    }
    vectors.enter(Apply(function, output))
}

/// A function of every value; gives whether all were finite before, `None` for an unknown function.
struct Apply<'v>(FunctionRecord, &'v mut [f32]);

impl Work for Apply<'_> {
    type Output = Option<bool>;

    #[inline(always)]
    fn run<V: Vectors>(self, vectors: V) -> Option<bool> {
        Some(vectors.apply(self.0.function()?, self.1))
    }
}

/// Every operation but dense layers.
struct Rest<'v> {
    record: &'v Record,
    weights: &'v [f32],
    scratch: &'v mut [f32],
}

impl Work for Rest<'_> {
    type Output = Option<bool>;

    #[inline(always)]
    fn run<V: Vectors>(self, vectors: V) -> Option<bool> {
        match BinaryRecord::read(self.record) {
            Some(operation) => binary(operation, self.weights, self.scratch),
            None => rest(vectors, &Operation::decode(self.record).ok()?, self.weights, self.scratch),
        }
    }
}

#[inline(always)]
fn rest<V: Vectors>(vectors: V, operation: &Operation, weights: &[f32], scratch: &mut [f32]) -> Option<bool> {
    if !operation.is_built() {
        return None;
    }
    match *operation {
        Operation::Dense { .. } | Operation::Binary { .. } => None,
        Operation::Function { function, source, destination, length } => {
            let values = moved(scratch, place(source, length as usize), place(destination, length as usize))?;
            let finite = vectors.apply(function, values);
            Some(finite & scalar::all_finite(values))
        }
        Operation::Select { .. } => select(operation, weights, scratch),
        Operation::Copy { .. } | Operation::Gather { .. } => movement(operation, weights, scratch),
        Operation::Reduce { reduction, source, destination, rows, size } => {
            let length = (rows as usize).checked_mul(size as usize)?;
            let (input, output) = apart(scratch, place(source, length), place(destination, rows as usize))?;
            scalar::reduce(reduction, input, output, size as usize);
            Some(scalar::all_finite(output))
        }
        Operation::Softmax { logarithm, source, destination, rows, size } => {
            let length = (rows as usize).checked_mul(size as usize)?;
            let values = moved(scratch, place(source, length), place(destination, length))?;
            scalar::softmax(values, size as usize, logarithm);
            Some(scalar::all_finite(values))
        }
        Operation::Normalize { shape, source, destination, rows, size, weights: start } => {
            let size = size as usize;
            let length = (rows as usize).checked_mul(size)?;
            let scale = weights.get(place(start, size))?;
            let bias_start = (start as usize).checked_add(size)?;
            let bias = if shape.has_bias {
                Some(weights.get(bias_start..bias_start.checked_add(size)?)?)
            } else {
                None
            };
            let values = moved(scratch, place(source, length), place(destination, length))?;
            scalar::normalize(values, scale, bias, shape.epsilon, shape.centered);
            Some(scalar::all_finite(values))
        }
        Operation::Product { first, second, destination, rows, inner, columns } => {
            let [rows, inner, columns] = [rows, inner, columns].map(|count| count as usize);
            let to = place(destination, rows.checked_mul(columns)?);
            let (low, output, high) = around(scratch, &to)?;
            let first = one_of(low, high, place(first, rows.checked_mul(inner)?), &to)?;
            let second = one_of(low, high, place(second, inner.checked_mul(columns)?), &to)?;
            scalar::product(first, second, output, inner, columns);
            Some(scalar::all_finite(output))
        }
    }
}

#[inline(always)]
fn binary(operation: BinaryRecord, weights: &[f32], scratch: &mut [f32]) -> Option<bool> {
    let BinaryRecord { binary, first, second, destination, length } = operation;
    let length = length as usize;
    let to = place(destination, length);
    // What is in place is `x`; a second operand that is in place exchanges the two.
    let exchanged = !second.in_weights && !second.is_single && second.place == destination;
    let (binary, source, other) = if exchanged {
        (binary.exchanged(), to.clone(), Operand { place: first, in_weights: false, is_single: false })
    } else {
        (binary, place(first, length), second)
    };
    moved(scratch, source, to.clone())?;
    let (low, values, high) = around(scratch, &to)?;
    if other.is_single {
        scalar::combine_with_one(binary, values, *read(other, 1, weights, low, high, &to)?.first()?);
    } else {
        scalar::combine(binary, values, read(other, length, weights, low, high, &to)?);
    }
    Some(scalar::all_finite(values))
}

#[inline(always)]
fn select(operation: &Operation, weights: &[f32], scratch: &mut [f32]) -> Option<bool> {
    let Operation::Select { condition, first, second, destination, length } = *operation else { return None };
    let length = length as usize;
    let to = place(destination, length);
    let (low, values, high) = around(scratch, &to)?;
    let condition = one_of(low, high, place(condition, length), &to)?;
    if second.is_single {
        values.fill(*read(second, 1, weights, low, high, &to)?.first()?);
    } else {
        let second = read(second, length, weights, low, high, &to)?;
        (second.len() == values.len()).then(|| values.copy_from_slice(second))?;
    }
    if first.is_single {
        let first = read(first, 1, weights, low, high, &to)?.first()?;
        scalar::select(values, condition, core::iter::repeat(first));
    } else {
        scalar::select(values, condition, read(first, length, weights, low, high, &to)?.iter());
    }
    Some(scalar::all_finite(values))
}

/// Copies and gathers: what was finite stays so.
#[inline(always)]
fn movement(operation: &Operation, weights: &[f32], scratch: &mut [f32]) -> Option<bool> {
    match *operation {
        Operation::Copy { source, destination, layout } => {
            let reach = usize::try_from(layout.destination_reach()).ok()?.checked_add(1)?;
            let to = place(destination, reach);
            let (low, values, high) = around(scratch, &to)?;
            let start = source.place as usize;
            let (source, start) = if source.in_weights {
                (weights, start)
            } else if start < to.start {
                (low, start)
            } else {
                (high, start.checked_sub(to.end)?)
            };
            scalar::place(&layout, source, start, values)?;
        }
        Operation::Gather { source, source_length, destination, length, table } => {
            let (from, to) = (place(source, source_length as usize), place(destination, length as usize));
            let table = weights.get(place(table, length as usize))?;
            let (source, values) = apart(scratch, from, to)?;
            scalar::gather(source, table, values)?;
        }
        _ => return None,
    }
    Some(true)
}

/// Saturates, so that a range beyond the address space is longer than any slice.
#[inline(always)]
fn place(start: u32, length: usize) -> Place {
    start as usize..(start as usize).saturating_add(length)
}

/// An operand's values.
#[inline(always)]
fn read<'v>(
    operand: Operand,
    length: usize,
    weights: &'v [f32],
    low: &'v [f32],
    high: &'v [f32],
    destination: &Place,
) -> Option<&'v [f32]> {
    let place = place(operand.place, length);
    if operand.in_weights { weights.get(place) } else { one_of(low, high, place, destination) }
}

/// A place that lies wholly below or wholly above the destination.
#[inline(always)]
fn one_of<'v>(low: &'v [f32], high: &'v [f32], place: Place, destination: &Place) -> Option<&'v [f32]> {
    if place.end <= destination.start {
        low.get(place)
    } else {
        high.get(place.start.checked_sub(destination.end)?..place.end.checked_sub(destination.end)?)
    }
}

/// Scratch below the destination, the destination, and above it.
#[inline(always)]
fn around<'v>(scratch: &'v mut [f32], destination: &Place) -> Option<(&'v [f32], &'v mut [f32], &'v [f32])> {
    let (low, rest) = scratch.split_at_mut_checked(destination.start)?;
    let (values, high) = rest.split_at_mut_checked(destination.len())?;
    Some((&*low, values, &*high))
}

/// Two places of scratch at once, `None` unless both lie within it and apart.
#[inline(always)]
fn apart(scratch: &mut [f32], source: Place, destination: Place) -> Option<(&[f32], &mut [f32])> {
    let (low, values, high) = around(scratch, &destination)?;
    Some((one_of(low, high, source, &destination)?, values))
}

/// Copies the source to its destination, which lies apart.
#[inline(always)]
pub(super) fn copy(scratch: &mut [f32], source: Place, destination: Place) -> Option<()> {
    let (from, to) = apart(scratch, source, destination)?;
    (from.len() == to.len()).then(|| to.copy_from_slice(from))
}

/// Copies the source to its destination, unless they are the same, and lends the destination.
#[inline(always)]
fn moved(scratch: &mut [f32], source: Place, destination: Place) -> Option<&mut [f32]> {
    if source != destination {
        copy(scratch, source, destination.clone())?;
    }
    scratch.get_mut(destination)
}
