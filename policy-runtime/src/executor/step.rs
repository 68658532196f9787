//! One operation over scratch.

use super::Place;
use crate::image::operation::{Operand, Operation};
use crate::kernel::{Function, scalar};

/// Runs one operation and says whether every value it computed is finite, `None` if a range leaves its memory.
///
/// Never inlined: it holds the kernels, which this crate compiles in one codegen unit. In a caller's crate, whose profile
/// may split them from the functions that they call, they have been measured at a tenth of their speed.
#[inline(never)]
pub(super) fn execute(operation: &Operation, weights: &[f32], scratch: &mut [f32]) -> Option<bool> {
    match *operation {
        Operation::Dense { function, source, destination, rows, inputs, outputs, weights: start } => {
            let (inputs, outputs) = (inputs as usize, outputs as usize);
            let length = inputs.checked_add(1)?.checked_mul(outputs)?;
            let panels = weights.get(place(start, length))?;
            let size = |count: usize| count.checked_mul(rows as usize);
            let (input, output) =
                apart(scratch, place(source, size(inputs)?), place(destination, size(outputs)?))?;
            for (input, output) in
                input.chunks_exact(inputs.max(1)).zip(output.chunks_exact_mut(outputs.max(1)))
            {
                scalar::dense(input, panels, output);
            }
            let finite = scalar::all_finite(output);
            apply(function, output);
            Some(finite)
        }
        Operation::Function { function, source, destination, length } => {
            let values = moved(scratch, place(source, length as usize), place(destination, length as usize))?;
            apply(function, values);
            Some(scalar::all_finite(values))
        }
        Operation::Binary { .. } => binary(operation, weights, scratch),
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

/// Never inlined, so that a small target holds the functions once.
#[inline(never)]
fn apply(function: Function, values: &mut [f32]) {
    scalar::apply(function, values);
}

fn binary(operation: &Operation, weights: &[f32], scratch: &mut [f32]) -> Option<bool> {
    let Operation::Binary { binary, first, second, destination, length } = *operation else { return None };
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
#[inline]
fn place(start: u32, length: usize) -> Place {
    start as usize..(start as usize).saturating_add(length)
}

/// An operand's values.
#[inline]
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
#[inline]
fn one_of<'v>(low: &'v [f32], high: &'v [f32], place: Place, destination: &Place) -> Option<&'v [f32]> {
    if place.end <= destination.start {
        low.get(place)
    } else {
        high.get(place.start.checked_sub(destination.end)?..place.end.checked_sub(destination.end)?)
    }
}

/// Scratch below the destination, the destination, and above it.
#[inline]
fn around<'v>(scratch: &'v mut [f32], destination: &Place) -> Option<(&'v [f32], &'v mut [f32], &'v [f32])> {
    let (low, rest) = scratch.split_at_mut_checked(destination.start)?;
    let (values, high) = rest.split_at_mut_checked(destination.len())?;
    Some((&*low, values, &*high))
}

/// Two places of scratch at once, `None` unless both lie within it and apart.
#[inline]
fn apart(scratch: &mut [f32], source: Place, destination: Place) -> Option<(&[f32], &mut [f32])> {
    let (low, values, high) = around(scratch, &destination)?;
    Some((one_of(low, high, source, &destination)?, values))
}

/// Copies the source to its destination, which lies apart.
#[inline]
pub(super) fn copy(scratch: &mut [f32], source: Place, destination: Place) -> Option<()> {
    let (from, to) = apart(scratch, source, destination)?;
    (from.len() == to.len()).then(|| to.copy_from_slice(from))
}

/// Copies the source to its destination, unless they are the same, and lends the destination.
#[inline]
fn moved(scratch: &mut [f32], source: Place, destination: Place) -> Option<&mut [f32]> {
    if source != destination {
        copy(scratch, source, destination.clone())?;
    }
    scratch.get_mut(destination)
}
