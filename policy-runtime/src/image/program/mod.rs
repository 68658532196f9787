//! Assembles an image: operations on values become records with places in scratch.
//!
//! A [`Program`] is filled operation by operation, then [`Program::assemble`] drops what no output needs, folds a bias and
//! a function into the dense layer before them, gives every buffer a place in scratch that is free while it lives, packs
//! the weights and writes the bytes. Equal programs give equal bytes.

mod assemble;
mod fuse;
mod place;

use super::port::{Element, Role};
use crate::image::operation::Normalization;
use crate::kernel::scalar::Layout;
use crate::kernel::{Binary, Function, Reduction};

/// A run of values: a whole buffer, which operations write, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    buffer: usize,
    offset: usize,
    pub(crate) size: usize,
}

impl Value {
    /// A part of it; the caller keeps within its size.
    pub(crate) fn part(self, offset: usize, size: usize) -> Self {
        debug_assert!(offset + size <= self.size, "a part lies within the whole");
        Self { offset: self.offset + offset, size, ..self }
    }
}

/// What an operation reads. One value stands for as many as are needed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    Value(Value),
    Constant(Vec<f32>),
}

#[derive(Clone, Debug)]
enum Step {
    Dense { source: Value, rows: usize, weights: Vec<f32>, bias: Option<Vec<f32>>, function: Function },
    Function { source: Value, function: Function },
    Binary { binary: Binary, first: Value, second: Source },
    Select { condition: Value, first: Source, second: Source },
    Copy { source: Source, start: usize, layout: Layout },
    Gather { source: Value, table: Vec<f32> },
    Reduce { reduction: Reduction, source: Value },
    Softmax { logarithm: bool, source: Value, rows: usize },
    Normalize { shape: Normalization, source: Value, rows: usize, weights: Vec<f32> },
    Product { first: Value, second: Value, rows: usize },
}

#[derive(Clone, Debug)]
struct Node {
    step: Step,
    destination: Value,
}

impl Node {
    /// The values that it reads.
    fn sources(&self) -> impl Iterator<Item = Value> {
        let value = |source: &Source| match source {
            Source::Value(value) => Some(*value),
            Source::Constant(_) => None,
        };
        let sources = match &self.step {
            Step::Dense { source, .. }
            | Step::Function { source, .. }
            | Step::Gather { source, .. }
            | Step::Reduce { source, .. }
            | Step::Softmax { source, .. }
            | Step::Normalize { source, .. } => [Some(*source), None, None],
            Step::Binary { first, second, .. } => [Some(*first), value(second), None],
            Step::Select { condition, first, second } => [Some(*condition), value(first), value(second)],
            Step::Copy { source, .. } => [value(source), None, None],
            Step::Product { first, second, .. } => [Some(*first), Some(*second), None],
        };
        sources.into_iter().flatten()
    }
}

/// A named end of a program.
#[derive(Clone, Debug)]
pub(crate) struct Terminal {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) element: Element,
    pub(crate) value: Value,
    /// Of a state: the position of its other end.
    pub(crate) other_end: usize,
}

/// A policy as a list of operations; see the [module](self).
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    nodes: Vec<Node>,
    /// Values of each buffer.
    buffers: Vec<usize>,
    inputs: Vec<Terminal>,
    outputs: Vec<Terminal>,
}

impl Program {
    /// How many operations there are.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Another input.
    pub(crate) fn input(&mut self, name: &str, size: usize, role: Role, element: Element) -> Value {
        let value = self.reserve(size);
        self.inputs.push(Terminal { name: name.to_owned(), role, element, value, other_end: 0 });
        value
    }

    /// Another output. Of a state, `other_end` is the position of its input, which is told of this output.
    pub(crate) fn output(&mut self, end: Terminal) {
        if end.role == Role::State
            && let Some(input) = self.inputs.get_mut(end.other_end)
        {
            input.other_end = self.outputs.len();
        }
        // An output never lies where an input does: a state is copied from the one to the other.
        let is_input = self.inputs.iter().any(|input| input.value.buffer == end.value.buffer);
        let value = if is_input { self.copy_of(Source::Value(end.value), end.value.size) } else { end.value };
        self.outputs.push(Terminal { value, ..end });
    }

    /// Values of all inputs that are not state.
    pub(crate) fn observation_size(&self) -> usize {
        let observations = self.inputs.iter().filter(|input| input.role == Role::Observation);
        observations.map(|input| input.value.size).sum()
    }

    /// Values of the action; 0 without one.
    pub(crate) fn action_size(&self) -> usize {
        self.size_of(Role::Action)
    }

    /// Whether there is a raw action.
    pub(crate) fn has_raw_action(&self) -> bool {
        self.size_of(Role::RawAction) > 0
    }

    fn size_of(&self, role: Role) -> usize {
        self.outputs.iter().find(|output| output.role == role).map_or(0, |output| output.value.size)
    }

    /// Values of a golden pair's inputs and outputs.
    pub(crate) fn golden_sizes(&self) -> (usize, usize) {
        let outputs = self.outputs.iter().filter(|output| output.role != Role::RawAction);
        let size = |end: &Terminal| end.value.size;
        (self.inputs.iter().map(size).sum(), outputs.map(size).sum())
    }

    /// A buffer that copies fill.
    pub(crate) fn reserve(&mut self, size: usize) -> Value {
        self.buffers.push(size);
        Value { buffer: self.buffers.len() - 1, offset: 0, size }
    }

    /// A dense layer with `weights [inputs, outputs]` over each row; without a bias, a following addition may become it.
    pub(crate) fn dense(
        &mut self,
        source: Value,
        [rows, outputs]: [usize; 2],
        weights: Vec<f32>,
        bias: Option<Vec<f32>>,
    ) -> Value {
        let function = Function::IDENTITY;
        self.push(Step::Dense { source, rows, weights, bias, function }, rows * outputs)
    }

    /// `function(source)`.
    pub(crate) fn function(&mut self, source: Value, function: Function) -> Value {
        self.push(Step::Function { source, function }, source.size)
    }

    /// `first ∘ second`, which has as many values or one.
    pub(crate) fn binary(&mut self, binary: Binary, first: Value, second: Source) -> Value {
        self.push(Step::Binary { binary, first, second }, first.size)
    }

    /// `first` where the condition is not 0, else `second`.
    pub(crate) fn select(&mut self, condition: Value, first: Source, second: Source) -> Value {
        self.push(Step::Select { condition, first, second }, condition.size)
    }

    /// Copies a part of `source` into a part of `destination`, each beginning at its place of index 0.
    pub(crate) fn copy(&mut self, source: Source, start: usize, destination: Value, layout: Layout) {
        self.nodes.push(Node { step: Step::Copy { source, start, layout }, destination });
    }

    /// A copy in a buffer of its own.
    pub(crate) fn copy_of(&mut self, source: Source, size: usize) -> Value {
        let destination = self.reserve(size);
        self.copy(source, 0, destination, contiguous(size));
        destination
    }

    /// `source[table[i]]`.
    pub(crate) fn gather(&mut self, source: Value, table: &[usize]) -> Value {
        let table: Vec<f32> = table.iter().map(|position| *position as f32).collect();
        let size = table.len();
        self.push(Step::Gather { source, table }, size)
    }

    /// Each row of `source` to one value.
    pub(crate) fn reduce(&mut self, reduction: Reduction, source: Value, rows: usize) -> Value {
        self.push(Step::Reduce { reduction, source }, rows)
    }

    /// Softmax of each row, or its logarithm.
    pub(crate) fn softmax(&mut self, logarithm: bool, source: Value, rows: usize) -> Value {
        self.push(Step::Softmax { logarithm, source, rows }, source.size)
    }

    /// Normalizes each row; `weights` are scale, then bias.
    pub(crate) fn normalize(
        &mut self,
        shape: Normalization,
        source: Value,
        rows: usize,
        weights: Vec<f32>,
    ) -> Value {
        self.push(Step::Normalize { shape, source, rows, weights }, source.size)
    }

    /// `[rows, inner] · [inner, columns]`.
    pub(crate) fn product(&mut self, first: Value, second: Value, [rows, columns]: [usize; 2]) -> Value {
        self.push(Step::Product { first, second, rows }, rows * columns)
    }

    fn push(&mut self, step: Step, size: usize) -> Value {
        let destination = self.reserve(size);
        self.nodes.push(Node { step, destination });
        destination
    }
}

/// The layout that copies `size` values as they lie.
pub(crate) fn contiguous(size: usize) -> Layout {
    Layout { dims: [1, 1, 1, size as u32], source_strides: [0, 0, 0, 1], destination_strides: [0, 0, 0, 1] }
}
