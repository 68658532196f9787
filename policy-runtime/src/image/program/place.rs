//! Gives every buffer a place in scratch.
//!
//! A buffer lives from the operation that first writes it to the last that reads it; where one ends, an element-wise
//! operation works in place, and others find the first gap. States live through a whole inference, so that a fault leaves
//! them as they were; outputs live to its end.

use super::super::ALIGNMENT;
use super::{Node, Program, Role, Source, Step};

/// Values of scratch on one cache line; every buffer starts on a line of its own.
pub(super) const LINE: usize = ALIGNMENT / size_of::<f32>();

/// Every buffer's first place, and the length of scratch.
pub(super) struct Places {
    pub(super) starts: Vec<usize>,
    pub(super) scratch_len: usize,
}

/// A buffer in scratch: its start and its index.
type Living = (usize, usize);

impl Program {
    pub(super) fn places(&self, nodes: &[Node]) -> Places {
        let last_read = self.last_reads(nodes);
        let mut places = Places { starts: vec![0; self.buffers.len()], scratch_len: 0 };
        let mut is_placed = vec![false; self.buffers.len()];
        let mut living: Vec<Living> = Vec::new();
        let size = |buffer: usize| self.buffers[buffer];
        for input in &self.inputs {
            let buffer = input.value.buffer;
            places.put(buffer, places.scratch_len, size(buffer), &mut living);
            is_placed[buffer] = true;
        }
        for (step, node) in nodes.iter().enumerate() {
            let buffer = node.destination.buffer;
            let dies = |other: usize| last_read[other] <= step;
            if !is_placed[buffer] {
                let in_place = self.heir(node).filter(|source| dies(*source));
                let start = in_place.map_or_else(
                    || first_free(&living, size(buffer), &self.buffers),
                    |source| places.starts[source],
                );
                living.retain(|(_, other)| !dies(*other));
                places.put(buffer, start, size(buffer), &mut living);
                is_placed[buffer] = true;
            }
        }
        places
    }

    /// The last operation that reads each buffer.
    fn last_reads(&self, nodes: &[Node]) -> Vec<usize> {
        let mut last_read = vec![0; self.buffers.len()];
        for (step, node) in nodes.iter().enumerate() {
            node.sources().for_each(|source| last_read[source.buffer] = step);
        }
        let states = self.inputs.iter().filter(|input| input.role == Role::State);
        for end in states.chain(&self.outputs) {
            last_read[end.value.buffer] = nodes.len();
        }
        last_read
    }

    /// The buffer in whose place an operation could write: one of the same size that it reads once, and wholly.
    fn heir(&self, node: &Node) -> Option<usize> {
        let candidates = match &node.step {
            Step::Function { source, .. } | Step::Softmax { source, .. } | Step::Normalize { source, .. } => {
                [Some(*source), None]
            }
            Step::Binary { first, second: Source::Value(second), .. } if first.buffer == second.buffer => {
                [None, None]
            }
            Step::Binary { first, second, .. } => match second {
                Source::Value(second) if second.size == first.size => [Some(*first), Some(*second)],
                _ => [Some(*first), None],
            },
            _ => [None, None],
        };
        let is_heir = |buffer: usize| {
            let whole = self.buffers[buffer] == node.destination.size;
            let states = self.inputs.iter().filter(|input| input.role == Role::State);
            whole && !states.chain(&self.outputs).any(|end| end.value.buffer == buffer)
        };
        candidates.into_iter().flatten().map(|value| value.buffer).find(|buffer| is_heir(*buffer))
    }
}

impl Places {
    fn put(&mut self, buffer: usize, start: usize, size: usize, living: &mut Vec<Living>) {
        self.starts[buffer] = start;
        let position = living.partition_point(|(other, _)| *other <= start);
        living.insert(position, (start, buffer));
        self.scratch_len = self.scratch_len.max(start + lines(size));
    }
}

/// Whole cache lines for `size` values.
fn lines(size: usize) -> usize {
    size.next_multiple_of(LINE)
}

/// The first gap of `size` values between `living`, which are in order.
fn first_free(living: &[Living], size: usize, buffers: &[usize]) -> usize {
    let mut start = 0;
    for (place, buffer) in living {
        if start + lines(size) <= *place {
            break;
        }
        start = start.max(place + lines(buffers[*buffer]));
    }
    start
}
