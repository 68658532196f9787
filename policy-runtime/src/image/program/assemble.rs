//! Writes an image's bytes.

use super::super::header::{self, HEADER_BYTES, Header};
use super::super::operation::{Operand, Operation, RECORD_BYTES};
use super::super::port::{PORT_BYTES, PortRecord};
use super::super::{ALIGNMENT, AlignedImage, ImageError, view};
use super::place::{LINE, Places};
use super::{Node, Program, Source, Step, Terminal, Value};
use crate::kernel::panel;

impl Program {
    /// The image's bytes, on their boundary and checked.
    pub(crate) fn assemble(&self, contract: &[u8], golden: &[f32]) -> Result<AlignedImage, ImageError> {
        let nodes = self.fused();
        let mut writer = Writer { places: self.places(&nodes), weights: Vec::new() };
        let mut records = Vec::with_capacity(nodes.len() * RECORD_BYTES);
        for node in &nodes {
            records.extend(writer.operation(node)?.encode().map(u32::to_le_bytes).as_flattened());
        }
        let (inputs, outputs) = self.golden_sizes();
        let count = golden.len() / (inputs + outputs).max(1);
        let header = Header {
            golden_count: u16::try_from(count).map_err(|_| too_large("number of golden pairs"))?,
            input_count: u16::try_from(self.inputs.len()).map_err(|_| too_large("number of inputs"))?,
            output_count: u16::try_from(self.outputs.len()).map_err(|_| too_large("number of outputs"))?,
            scratch_len: word(writer.places.scratch_len, "scratch length")?,
            operation_count: word(nodes.len(), "number of operations")?,
            ..Header::default()
        };
        records.extend(self.ports(HEADER_BYTES + records.len(), &writer.places)?);
        write_sections(header, &records, golden, contract, &writer.weights)
    }

    /// The ports' records and names, which begin at `offset`.
    fn ports(&self, offset: usize, places: &Places) -> Result<Vec<u8>, ImageError> {
        let ends =
            || self.inputs.iter().map(|end| (end, true)).chain(self.outputs.iter().map(|end| (end, false)));
        let mut name_offset = offset + ends().count() * PORT_BYTES;
        let mut bytes = Vec::new();
        for (end, is_input) in ends() {
            let Terminal { name, role, element, value, other_end } = end;
            let record = PortRecord {
                role: *role,
                element: *element,
                start: word(places.start(*value), "port")?,
                size: word(value.size, "port size")?,
                other_end: word(*other_end, "port")?,
                name_offset: word(name_offset, "name offset")?,
                name_length: word(name.len(), "name length")?,
            };
            bytes.extend(record.encode(is_input));
            name_offset += name.len();
        }
        ends().for_each(|(end, _)| bytes.extend(end.name.as_bytes()));
        // Golden pairs follow, which are f32.
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        Ok(bytes)
    }
}

impl Places {
    fn start(&self, value: Value) -> usize {
        self.starts[value.buffer] + value.offset
    }
}

struct Writer {
    places: Places,
    weights: Vec<f32>,
}

impl Writer {
    fn operation(&mut self, node: &Node) -> Result<Operation, ImageError> {
        let destination = self.place(node.destination)?;
        let length = word(node.destination.size, "length")?;
        Ok(match &node.step {
            Step::Dense { source, rows, weights, bias, function } => {
                let outputs = node.destination.size / rows;
                let zeros = vec![0.0; outputs];
                let start = self.weights.len();
                self.weights.extend(panel::pack(weights, bias.as_ref().unwrap_or(&zeros)));
                Operation::Dense {
                    function: *function,
                    source: self.place(*source)?,
                    destination,
                    rows: word(*rows, "rows")?,
                    inputs: word(source.size / rows, "inputs")?,
                    outputs: word(outputs, "outputs")?,
                    weights: self.end_of(start)?,
                }
            }
            Step::Function { source, function } => {
                Operation::Function { function: *function, source: self.place(*source)?, destination, length }
            }
            Step::Binary { binary, first, second } => Operation::Binary {
                binary: *binary,
                first: self.place(*first)?,
                second: self.operand(second, node.destination.size)?,
                destination,
                length,
            },
            Step::Select { condition, first, second } => Operation::Select {
                condition: self.place(*condition)?,
                first: self.operand(first, node.destination.size)?,
                second: self.operand(second, node.destination.size)?,
                destination,
                length,
            },
            Step::Copy { source, start, layout } => {
                let operand = self.operand(source, usize::MAX)?;
                let place = word(operand.place as usize + start, "source")?;
                let source = Operand { place, is_single: false, ..operand };
                Operation::Copy { source, destination, layout: *layout }
            }
            Step::Gather { source, table } => Operation::Gather {
                source: self.place(*source)?,
                source_length: word(source.size, "source length")?,
                destination,
                length,
                table: self.constant(table)?,
            },
            Step::Reduce { reduction, source } => Operation::Reduce {
                reduction: *reduction,
                source: self.place(*source)?,
                destination,
                rows: length,
                size: word(source.size / node.destination.size, "size")?,
            },
            Step::Softmax { logarithm, source, rows } => Operation::Softmax {
                logarithm: *logarithm,
                source: self.place(*source)?,
                destination,
                rows: word(*rows, "rows")?,
                size: word(source.size / rows, "size")?,
            },
            Step::Normalize { shape, source, rows, weights } => Operation::Normalize {
                shape: *shape,
                source: self.place(*source)?,
                destination,
                rows: word(*rows, "rows")?,
                size: word(source.size / rows, "size")?,
                weights: self.constant(weights)?,
            },
            Step::Product { first, second, rows } => Operation::Product {
                first: self.place(*first)?,
                second: self.place(*second)?,
                destination,
                rows: word(*rows, "rows")?,
                inner: word(first.size / rows, "inner size")?,
                columns: word(node.destination.size / rows, "columns")?,
            },
        })
    }

    fn place(&self, value: Value) -> Result<u32, ImageError> {
        word(self.places.start(value), "place")
    }

    fn operand(&mut self, source: &Source, length: usize) -> Result<Operand, ImageError> {
        Ok(match source {
            Source::Value(value) => Operand {
                place: self.place(*value)?,
                in_weights: false,
                is_single: value.size == 1 && length != 1,
            },
            Source::Constant(values) => Operand {
                place: self.constant(values)?,
                in_weights: true,
                is_single: values.len() == 1 && length != 1,
            },
        })
    }

    fn constant(&mut self, values: &[f32]) -> Result<u32, ImageError> {
        let start = self.weights.len();
        self.weights.extend(values);
        self.end_of(start)
    }

    /// Fills up the cache line, so that what follows begins on one.
    fn end_of(&mut self, start: usize) -> Result<u32, ImageError> {
        self.weights.resize(self.weights.len().next_multiple_of(LINE), 0.0);
        word(start, "weights")
    }
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
