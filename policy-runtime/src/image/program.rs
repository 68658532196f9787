//! Assembles an image: operations on named values become records with places in scratch.
//!
//! A [`Program`] is filled operation by operation, then [`Program::assemble`] folds a bias and an activation into the dense
//! layer before them, gives every value a place in scratch that is free while it lives, packs the weights and writes the
//! bytes. Equal programs give equal bytes.

use super::header::{self, HEADER_BYTES, Header};
use super::operation::{Kind, Operation, RECORD_BYTES};
use super::{ALIGNMENT, AlignedImage, ImageError, view};
use crate::kernel::{Activation, Binary, panel};

/// Values of scratch on one cache line; every value starts on a line of its own.
const LINE: usize = ALIGNMENT / size_of::<f32>();

/// A vector that one operation writes and others read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    index: usize,
    pub(crate) size: usize,
}

#[derive(Clone, Debug)]
enum Step {
    Dense { weights: Vec<f32>, bias: Option<Vec<f32>>, activation: Activation },
    Function(Activation),
    Constant(Binary, Vec<f32>),
    Choose(Vec<f32>),
}

#[derive(Clone, Debug)]
struct Node {
    step: Step,
    source: Value,
    destination: Value,
}

/// A policy as a list of operations; see the [module](self).
#[derive(Clone, Debug)]
pub(crate) struct Program {
    nodes: Vec<Node>,
    input: Value,
    sizes: usize,
    action: Value,
    raw_action: Value,
}

impl Program {
    /// The identity of an input of `input_size` values.
    pub(crate) fn new(input_size: usize) -> Self {
        let input = Value { index: 0, size: input_size };
        Self { nodes: Vec::new(), input, sizes: 1, action: input, raw_action: input }
    }

    pub(crate) fn input(&self) -> Value {
        self.input
    }

    pub(crate) fn action(&self) -> Value {
        self.action
    }

    /// Whether there is a second output.
    pub(crate) fn has_raw_action(&self) -> bool {
        self.raw_action != self.action
    }

    /// A dense layer with `weights [inputs, outputs]`; without a bias, a following addition may become it.
    pub(crate) fn dense(
        &mut self,
        source: Value,
        outputs: usize,
        weights: Vec<f32>,
        bias: Option<Vec<f32>>,
    ) -> Value {
        self.push(Step::Dense { weights, bias, activation: Activation::Identity }, source, outputs)
    }

    /// `activation(source)`.
    pub(crate) fn function(&mut self, source: Value, activation: Activation) -> Value {
        self.push(Step::Function(activation), source, source.size)
    }

    /// `source ∘ constant`, which has as many values.
    pub(crate) fn constant(&mut self, source: Value, binary: Binary, constant: Vec<f32>) -> Value {
        self.push(Step::Constant(binary, constant), source, source.size)
    }

    /// The row of `table [source, size]` at the place of the largest value of `source`.
    pub(crate) fn choose(&mut self, source: Value, table: Vec<f32>) -> Value {
        let size = table.len() / source.size;
        self.push(Step::Choose(table), source, size)
    }

    /// What the policy puts out. Both have the same size.
    pub(crate) fn outputs(&mut self, action: Value, raw_action: Value) {
        (self.action, self.raw_action) = (action, raw_action);
    }

    fn push(&mut self, step: Step, source: Value, size: usize) -> Value {
        let destination = Value { index: self.sizes, size };
        self.sizes += 1;
        self.nodes.push(Node { step, source, destination });
        destination
    }

    /// The image's bytes, on their boundary and checked.
    pub(crate) fn assemble(&self, contract: &[u8], golden: &[f32]) -> Result<AlignedImage, ImageError> {
        let nodes = self.fused();
        let (places, scratch_len) = self.places(&nodes);
        let mut weights = Vec::new();
        let mut records = Vec::with_capacity(nodes.len() * RECORD_BYTES);
        for node in &nodes {
            let start = weights.len();
            let kind = match &node.step {
                Step::Dense { weights: matrix, bias, activation } => {
                    let zeros = vec![0.0; node.destination.size];
                    weights.extend(panel::pack(matrix, bias.as_ref().unwrap_or(&zeros)));
                    Kind::Dense(*activation)
                }
                Step::Function(activation) => Kind::Function(*activation),
                Step::Constant(binary, constant) => {
                    weights.extend(constant);
                    Kind::Constant(*binary)
                }
                Step::Choose(table) => {
                    weights.extend(table);
                    Kind::Choose
                }
            };
            let has_weights = weights.len() > start;
            weights.resize(weights.len().next_multiple_of(LINE), 0.0);
            let operation = Operation {
                kind,
                source: word(places[node.source.index], "source")?,
                destination: word(places[node.destination.index], "destination")?,
                inputs: word(node.source.size, "inputs")?,
                outputs: word(node.destination.size, "outputs")?,
                weights: if has_weights { word(start, "weights")? } else { 0 },
            };
            records.extend(operation.encode());
        }
        let header = Header {
            input_size: word(self.input.size, "input size")?,
            output_size: word(self.action.size, "output size")?,
            scratch_len: word(scratch_len, "scratch length")?,
            action: word(places[self.action.index], "action")?,
            raw_action: word(places[self.raw_action.index], "raw action")?,
            operation_count: word(nodes.len(), "number of operations")?,
            golden_count: u16::try_from(golden.len() / (self.input.size + self.action.size).max(1))
                .map_err(|_| too_large("number of golden pairs"))?,
            ..Header::default()
        };
        write_sections(header, &records, golden, contract, &weights)
    }

    /// Folds an addition into a dense layer without bias, and a function into a dense layer without one, where nothing
    /// else reads what the layer put out.
    fn fused(&self) -> Vec<Node> {
        let mut readers = vec![0_usize; self.sizes];
        for value in self.nodes.iter().map(|node| node.source).chain([self.action, self.raw_action]) {
            readers[value.index] += 1;
        }
        let mut fused: Vec<Node> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let layer = fused
                .last_mut()
                .filter(|last| last.destination == node.source && readers[last.destination.index] == 1);
            if let Some(Node { step: Step::Dense { bias, activation, .. }, destination, .. }) = layer
                && *activation == Activation::Identity
            {
                match &node.step {
                    Step::Function(function) => {
                        *activation = *function;
                        *destination = node.destination;
                        continue;
                    }
                    Step::Constant(Binary::Add, constant) if bias.is_none() => {
                        *bias = Some(constant.clone());
                        *destination = node.destination;
                        continue;
                    }
                    _ => {}
                }
            }
            fused.push(node.clone());
        }
        fused
    }

    /// Every value's first place in scratch, and the length of scratch.
    fn places(&self, nodes: &[Node]) -> (Vec<usize>, usize) {
        let mut last_read = vec![0; self.sizes];
        for (step, node) in nodes.iter().enumerate() {
            last_read[node.source.index] = step;
        }
        // The outputs live on; the input is written before the first operation.
        for output in [self.action, self.raw_action] {
            last_read[output.index] = nodes.len();
        }
        let mut places = vec![0; self.sizes];
        let mut living = vec![(0, self.input)];
        let mut scratch_len = lines(self.input.size);
        for (step, node) in nodes.iter().enumerate() {
            let dies = |value: Value| last_read[value.index] <= step;
            let source_place = places[node.source.index];
            let in_place = !matches!(node.step, Step::Dense { .. } | Step::Choose(_)) && dies(node.source);
            let place =
                if in_place { source_place } else { first_free(&living, lines(node.destination.size)) };
            living.retain(|(_, value)| !dies(*value));
            places[node.destination.index] = place;
            living.push((place, node.destination));
            living.sort_unstable_by_key(|(place, _)| *place);
            scratch_len = scratch_len.max(place + lines(node.destination.size));
        }
        (places, scratch_len)
    }
}

/// Whole cache lines for `size` values.
fn lines(size: usize) -> usize {
    size.next_multiple_of(LINE)
}

/// The first gap of `size` values between `living`, which are in order.
fn first_free(living: &[(usize, Value)], size: usize) -> usize {
    let mut start = 0;
    for (place, value) in living {
        if start + size <= *place {
            break;
        }
        start = start.max(place + lines(value.size));
    }
    start
}

fn write_sections(
    header: Header,
    records: &[u8],
    golden: &[f32],
    contract: &[u8],
    weights: &[f32],
) -> Result<AlignedImage, ImageError> {
    let golden_offset = HEADER_BYTES + records.len();
    let contract_offset = golden_offset + size_of_val(golden);
    let weights_offset = (contract_offset + contract.len()).next_multiple_of(ALIGNMENT);
    let header = Header {
        length: word(weights_offset + size_of_val(weights), "length")?,
        golden_offset: word(golden_offset, "golden offset")?,
        contract_offset: word(contract_offset, "contract offset")?,
        contract_length: word(contract.len(), "contract length")?,
        weights_offset: word(weights_offset, "weights offset")?,
        ..header
    };
    let mut bytes = Vec::with_capacity(header.length as usize);
    bytes.extend(header.encode());
    bytes.extend(records);
    bytes.extend(view::bytes(golden));
    bytes.extend(contract);
    bytes.resize(weights_offset, 0);
    bytes.extend(view::bytes(weights));
    let checksum = header::checksum(&bytes);
    bytes[8..16].copy_from_slice(&checksum);
    AlignedImage::from_bytes(&bytes)
}

fn word(number: usize, field: &'static str) -> Result<u32, ImageError> {
    u32::try_from(number).map_err(|_| too_large(field))
}

fn too_large(field: &'static str) -> ImageError {
    ImageError::Header { field, found: u32::MAX }
}
