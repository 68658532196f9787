//! `policy.img`: the flat form of a policy that the runtime executes in place.
//!
//! An [`Image`] borrows the bytes, from a mapped file or from flash, and copies nothing. [`Image::parse`] checks
//! everything once, so that the executor can neither panic nor leave its memory: sizes, checksum, every operation's
//! ranges, every weight. The layout is the same on every target:
//!
//! | offset | content, little-endian |
//! |---|---|
//! | 0 | magic `SNWI`, u16 version 2, u16 number of golden pairs |
//! | 8 | checksum: the first 8 bytes of the SHA-256 of bytes 0..8 and 16.. |
//! | 16 | u32 each: length of the image in bytes; values of scratch; number of operations |
//! | 28 | u16 each: number of inputs, number of outputs |
//! | 32 | u32 each: offsets of golden pairs and contract; length of the contract; offset of the weights |
//! | 48 | 16 zero bytes |
//! | 64 | operations of 64 bytes, then inputs and outputs of 32 bytes, then their names |
//! | golden offset | per golden pair: all inputs, then all outputs but the raw action, as f32 |
//! | contract offset | the contract in postcard's encoding; absent for a policy without one |
//! | weights offset | f32 up to the end, on a 64-byte boundary; dense layers packed as [`crate::kernel::panel`] says |
//!
//! A policy has named inputs and outputs ([`Port`]). State of a recurrent one is an input and an output that belong
//! together: the executor carries the one over to the other. The golden pairs of such a policy are a sequence from reset,
//! each with the state that it began with.
//!
//! A checksum detects accidents. It does not answer an attacker.

#[cfg(feature = "std")]
mod aligned;
mod cost;
mod embed;
mod error;
mod header;
pub(crate) mod operation;
pub(crate) mod port;
mod ports;
#[cfg(feature = "onnx")]
pub(crate) mod program;
mod view;

#[cfg(feature = "std")]
pub use aligned::AlignedImage;
pub use cost::{Cost, MAX_WORK};
#[doc(hidden)]
pub use embed::Aligned;
pub use error::ImageError;
pub use port::{Element, MAX_PORTS, Port, Role};

use crate::contract::Contract;
use crate::golden::GoldenPairs;
use core::ops::Range;
use header::{HEADER_BYTES, Header};
use operation::{Operation, RECORD_BYTES, Record};
use port::PORT_BYTES;
use sha2::{Digest, Sha256};

/// Alignment of an image in memory, in bytes.
pub const ALIGNMENT: usize = 64;

/// Whether `bytes` begin like an image; says nothing about the rest.
pub fn has_magic(bytes: &[u8]) -> bool {
    bytes.starts_with(&header::MAGIC)
}

/// A checked policy, in place; see the [module](self).
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    bytes: &'a [u8],
    header: Header,
    operations: &'a [Record],
    inputs: &'a [[u8; PORT_BYTES]],
    outputs: &'a [[u8; PORT_BYTES]],
    golden: &'a [f32],
    contract: &'a [u8],
    weights: &'a [f32],
    sizes: Sizes,
}

/// What follows from the ports.
#[derive(Clone, Copy, Debug, Default)]
struct Sizes {
    /// Values of all observations.
    observation: usize,
    /// Where they begin in scratch, if they lie one after the other.
    observation_start: Option<usize>,
    /// Whether an input is a state.
    recurrent: bool,
    /// Values of a golden pair's inputs and outputs.
    golden_input: usize,
    golden_output: usize,
    /// Where actions lie in scratch, and their size.
    action: usize,
    raw_action: usize,
    action_size: usize,
}

impl<'a> Image<'a> {
    /// Checks `bytes` and borrows them.
    ///
    /// # Errors
    /// The first thing that makes them unusable.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ImageError> {
        let remainder = bytes.as_ptr().addr() % ALIGNMENT;
        if remainder != 0 {
            return Err(ImageError::Misaligned { remainder });
        }
        let header = Header::decode(bytes)?;
        let image = Self::sections(bytes, header)?;
        image.check_scratch()?;
        ports::check(&image)?;
        let mut work = 0_u64;
        for (index, record) in image.operations.iter().enumerate() {
            let refuse = |(field, found)| ImageError::Operation { index, field, found };
            let operation = Operation::decode(record).map_err(refuse)?;
            operation.check(image.scratch_len(), image.weights).map_err(refuse)?;
            work = work.saturating_add(operation.footprint().work());
        }
        cost::check(work, header.golden_count)?;
        match image.weights.iter().position(|weight| !weight.is_finite()) {
            Some(index) => Err(ImageError::Weight { index }),
            None => Ok(image),
        }
    }

    fn sections(bytes: &'a [u8], header: Header) -> Result<Self, ImageError> {
        let section = |name, offset: u32, length: usize| {
            let start = offset as usize;
            let end = start.saturating_add(length);
            bytes.get(start..end).ok_or(ImageError::Section { section: name, offset })
        };
        let misplaced = |section, offset| ImageError::Section { section, offset };
        let records = (header.operation_count as usize).saturating_mul(RECORD_BYTES);
        let operations = section("operations", HEADER_BYTES as u32, records)?;
        let ports_offset = u32::try_from(HEADER_BYTES.saturating_add(records)).unwrap_or(u32::MAX);
        let (inputs, outputs) = (usize::from(header.input_count), usize::from(header.output_count));
        let ports = section("inputs and outputs", ports_offset, (inputs + outputs) * PORT_BYTES)?;
        let (inputs, outputs) = ports.as_chunks().0.split_at(inputs);
        let sizes = ports::sizes(inputs, outputs)?;
        let pair = sizes.golden_input.saturating_add(sizes.golden_output);
        let golden_bytes = pair.saturating_mul(4 * usize::from(header.golden_count));
        let golden = section("golden pairs", header.golden_offset, golden_bytes)?;
        let contract = section("contract", header.contract_offset, header.contract_length as usize)?;
        let weights_length = bytes.len().saturating_sub(header.weights_offset as usize);
        let weights = section("weights", header.weights_offset, weights_length)?;
        if !(header.weights_offset as usize).is_multiple_of(ALIGNMENT) {
            return Err(misplaced("weights", header.weights_offset));
        }
        Ok(Self {
            bytes,
            header,
            operations: view::records(operations).ok_or(misplaced("operations", HEADER_BYTES as u32))?,
            inputs,
            outputs,
            golden: view::floats(golden).ok_or(misplaced("golden pairs", header.golden_offset))?,
            contract,
            weights: view::floats(weights).ok_or(misplaced("weights", header.weights_offset))?,
            sizes,
        })
    }

    fn check_scratch(&self) -> Result<(), ImageError> {
        let found = self.header.scratch_len;
        if found as usize > isize::MAX as usize / 4 {
            return Err(ImageError::Header { field: "scratch length", found });
        }
        Ok(())
    }

    /// The contract, decoded and validated; `None` for a policy without one.
    ///
    /// # Errors
    /// A contract that cannot be read, is not valid, or whose sizes are not the image's.
    pub fn contract(&self) -> Result<Option<Contract<'a>>, ImageError> {
        if self.contract.is_empty() {
            return Ok(None);
        }
        let contract: Contract<'a> =
            postcard::from_bytes(self.contract).map_err(|error| ImageError::contract(&error))?;
        contract.validate().map_err(|error| ImageError::contract(&error))?;
        let sizes = [
            ("observation", contract.observation_size(), self.input_size()),
            ("action", contract.action_size(), self.output_size()),
        ];
        for (name, expected, found) in sizes {
            if expected != found {
                return Err(ImageError::contract(&format_args!(
                    "its {name} has {expected} values, the graph's has {found}"
                )));
            }
        }
        Ok(Some(contract))
    }

    /// Values of an observation: of all inputs that are not state, one after the other.
    pub fn input_size(&self) -> usize {
        self.sizes.observation
    }

    /// Values of an action.
    pub fn output_size(&self) -> usize {
        self.sizes.action_size
    }

    /// Values of scratch that an executor needs.
    pub fn scratch_len(&self) -> usize {
        self.header.scratch_len as usize
    }

    /// The inputs, in the graph's order.
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = Port<'a>> + use<'a> {
        ports::read(self.bytes, self.inputs, true)
    }

    /// The outputs, in the graph's order.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = Port<'a>> + use<'a> {
        ports::read(self.bytes, self.outputs, false)
    }

    /// Whether something is carried over from one inference to the next.
    pub fn is_recurrent(&self) -> bool {
        self.sizes.recurrent
    }

    /// Whether the graph has a second output, the raw action before scaling.
    pub fn has_raw_action(&self) -> bool {
        self.outputs().any(|output| output.role == Role::RawAction)
    }

    /// Inputs with the outputs that any executor must give, bit for bit.
    pub fn golden(&self) -> GoldenPairs<'a> {
        GoldenPairs::new(self.golden, self.sizes.golden_input, self.sizes.golden_output)
    }

    /// SHA-256 of all bytes: which policy ran.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.bytes).into()
    }

    /// SHA-256 of the contract's encoding: what two ends of a link compare before anything moves. That of no bytes for a
    /// policy without a contract.
    pub fn contract_hash(&self) -> [u8; 32] {
        Sha256::digest(self.contract).into()
    }

    /// The bytes that were parsed.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn operations(&self) -> &'a [Record] {
        self.operations
    }

    pub(crate) fn weights(&self) -> &'a [f32] {
        self.weights
    }

    /// Where all observations lie one after the other, in order; `None` where they lie apart. They are then copied at once: record by
    /// record would cost the smallest policy a twentieth of its time.
    pub(crate) fn observation_place(&self) -> Option<Range<usize>> {
        let start = self.sizes.observation_start?;
        Some(start..start.saturating_add(self.sizes.observation))
    }

    pub(crate) fn action_start(&self) -> usize {
        self.sizes.action
    }

    pub(crate) fn raw_action_start(&self) -> usize {
        self.sizes.raw_action
    }

    pub(crate) fn input_records(&self) -> &'a [[u8; PORT_BYTES]] {
        self.inputs
    }
}
