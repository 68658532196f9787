//! `policy.img`: the flat form of a policy that the runtime executes in place.
//!
//! An [`Image`] borrows the bytes, from a mapped file or from flash, and copies nothing. [`Image::parse`] checks
//! everything once, so that the executor can neither panic nor leave its memory: sizes, checksum, every operation's
//! ranges, every weight. The layout is the same on every target:
//!
//! | offset | content, little-endian |
//! |---|---|
//! | 0 | magic `SNWI`, u16 version 1, u16 number of golden pairs |
//! | 8 | checksum: the first 8 bytes of the SHA-256 of bytes 0..8 and 16.. |
//! | 16 | u32 each: length of the image in bytes; values of input, output and scratch; places of action and raw action in scratch |
//! | 40 | u32 each: number of operations; offsets of golden pairs and contract; length of the contract; offset of the weights |
//! | 60 | four zero bytes |
//! | 64 | operations of 32 bytes |
//! | golden offset | per golden pair: the input, then the output, as f32 |
//! | contract offset | the contract in postcard's encoding; absent for a policy without one |
//! | weights offset | f32 up to the end, on a 64-byte boundary; dense layers packed as [`crate::kernel::panel`] says |
//!
//! A checksum detects accidents. It does not answer an attacker.

#[cfg(feature = "std")]
mod aligned;
mod header;
pub(crate) mod operation;
#[cfg(feature = "onnx")]
pub(crate) mod program;
mod view;

#[cfg(feature = "std")]
pub use aligned::AlignedImage;

use crate::contract::Contract;
use crate::golden::GoldenPairs;
use core::fmt::Write as _;
use header::{HEADER_BYTES, Header};
use operation::{Kind, Operation, RECORD_BYTES};
use sha2::{Digest, Sha256};

/// Alignment of an image in memory, in bytes.
pub const ALIGNMENT: usize = 64;

/// Whether `bytes` begin like an image; says nothing about the rest.
pub fn has_magic(bytes: &[u8]) -> bool {
    bytes.starts_with(&header::MAGIC)
}

/// Why bytes are not a usable image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The first byte is not on a 64-byte boundary.
    #[error(
        "the image lies {remainder} bytes beyond a {ALIGNMENT}-byte boundary; embed it with include_image!"
    )]
    Misaligned {
        /// Bytes beyond the boundary.
        remainder: usize,
    },
    /// Too short or too long.
    #[error("the image has {found} bytes, expected {expected}: truncated or with something appended")]
    Length {
        /// As the header says, or the size of a header.
        expected: usize,
        /// Given.
        found: usize,
    },
    /// Not an image.
    #[error("not a policy image: it begins with {found:02x?}, expected \"SNWI\"")]
    Magic {
        /// The first four bytes.
        found: [u8; 4],
    },
    /// Another layout.
    #[error("image version {found}, this build reads {}", header::VERSION)]
    Version {
        /// In the file.
        found: u16,
    },
    /// Changed since it was written.
    #[error("the image's checksum does not match: it was changed or damaged")]
    Checksum,
    /// A part that does not lie within the image or is not aligned.
    #[error("{section} at offset {offset} does not fit the image or its alignment")]
    Section {
        /// Which part.
        section: &'static str,
        /// Its offset in bytes.
        offset: u32,
    },
    /// A size in the header that cannot be.
    #[error("header field {field} is {found}, which does not fit the others")]
    Header {
        /// The field.
        field: &'static str,
        /// Its value.
        found: u32,
    },
    /// An operation that cannot be executed.
    #[error("operation {index}: {field} is {found}, which is unknown or outside scratch or weights")]
    Operation {
        /// Position in the image.
        index: usize,
        /// The field.
        field: &'static str,
        /// Its value.
        found: u32,
    },
    /// NaN or an infinity among the weights.
    #[error("weight {index} is not finite")]
    Weight {
        /// Position among the weights.
        index: usize,
    },
    /// The contract cannot be used.
    #[error("the image's contract cannot be used: {reason}")]
    Contract {
        /// The field, what was expected and what was found, as far as it fits.
        reason: heapless::String<88>,
    },
}

/// What an image costs to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Products of an input and a weight in one inference.
    pub multiply_adds: u64,
    /// Weights and constants, bytes.
    pub weight_bytes: usize,
    /// Working memory, bytes.
    pub scratch_bytes: usize,
}

/// A checked policy, in place; see the [module](self).
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    bytes: &'a [u8],
    header: Header,
    operations: &'a [[u8; RECORD_BYTES]],
    golden: &'a [f32],
    contract: &'a [u8],
    weights: &'a [f32],
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
        image.check_sizes()?;
        for (index, record) in image.operations.iter().enumerate() {
            Operation::decode(record)
                .and_then(|operation| operation.check(image.scratch_len(), image.weights.len()))
                .map_err(|(field, found)| ImageError::Operation { index, field, found })?;
        }
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
        let (operations, _) = section("operations", HEADER_BYTES as u32, records)?.as_chunks();
        let pair = (header.input_size as usize).saturating_add(header.output_size as usize);
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
            operations,
            golden: view::floats(golden).ok_or(misplaced("golden pairs", header.golden_offset))?,
            contract,
            weights: view::floats(weights).ok_or(misplaced("weights", header.weights_offset))?,
        })
    }

    fn check_sizes(&self) -> Result<(), ImageError> {
        let header = &self.header;
        let scratch = u64::from(header.scratch_len);
        let ends_outside = |start: u32| u64::from(start) + u64::from(header.output_size) > scratch;
        let faults = [
            ("input size", header.input_size, header.input_size == 0),
            ("input size", header.input_size, u64::from(header.input_size) > scratch),
            ("output size", header.output_size, header.output_size == 0),
            ("scratch length", header.scratch_len, header.scratch_len as usize > isize::MAX as usize / 4),
            ("action", header.action, ends_outside(header.action)),
            ("raw action", header.raw_action, ends_outside(header.raw_action)),
        ];
        match faults.into_iter().find(|(_, _, wrong)| *wrong) {
            Some((field, found, _)) => Err(ImageError::Header { field, found }),
            None => Ok(()),
        }
    }

    /// The contract, decoded and validated; `None` for a policy without one.
    ///
    /// # Errors
    /// A contract that cannot be read, is not valid, or whose sizes are not the image's.
    pub fn contract(&self) -> Result<Option<Contract<'a>>, ImageError> {
        if self.contract.is_empty() {
            return Ok(None);
        }
        let contract: Contract<'a> = postcard::from_bytes(self.contract).map_err(|error| refuse(&error))?;
        contract.validate().map_err(|error| refuse(&error))?;
        let sizes = [
            ("observation", contract.observation_size(), self.input_size()),
            ("action", contract.action_size(), self.output_size()),
        ];
        for (name, expected, found) in sizes {
            if expected != found {
                return Err(refuse(&format_args!(
                    "its {name} has {expected} values, the graph's has {found}"
                )));
            }
        }
        Ok(Some(contract))
    }

    /// Values of an observation.
    pub fn input_size(&self) -> usize {
        self.header.input_size as usize
    }

    /// Values of an action.
    pub fn output_size(&self) -> usize {
        self.header.output_size as usize
    }

    /// Values of scratch that an executor needs.
    pub fn scratch_len(&self) -> usize {
        self.header.scratch_len as usize
    }

    /// Whether the graph has a second output, the raw action before scaling.
    pub fn has_raw_action(&self) -> bool {
        self.header.raw_action != self.header.action
    }

    /// Inputs with the outputs that any executor must give, bit for bit.
    pub fn golden(&self) -> GoldenPairs<'a> {
        GoldenPairs::new(self.golden, self.input_size(), self.output_size())
    }

    /// What the image costs to run.
    pub fn cost(&self) -> Cost {
        let products = |record| match Operation::decode(record) {
            Ok(Operation { kind: Kind::Dense(_), inputs, outputs, .. }) => {
                u64::from(inputs) * u64::from(outputs)
            }
            _ => 0,
        };
        Cost {
            multiply_adds: self.operations.iter().map(products).sum(),
            weight_bytes: size_of_val(self.weights),
            scratch_bytes: self.scratch_len() * size_of::<f32>(),
        }
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

    pub(crate) fn operations(&self) -> &'a [[u8; RECORD_BYTES]] {
        self.operations
    }

    pub(crate) fn weights(&self) -> &'a [f32] {
        self.weights
    }

    pub(crate) fn action_start(&self) -> usize {
        self.header.action as usize
    }

    pub(crate) fn raw_action_start(&self) -> usize {
        self.header.raw_action as usize
    }
}

fn refuse(reason: &dyn core::fmt::Display) -> ImageError {
    let mut text = heapless::String::new();
    // What does not fit is cut.
    let _ = write!(Cut(&mut text), "{reason}");
    ImageError::Contract { reason: text }
}

/// Writes as many characters as fit.
struct Cut<'s, const LENGTH: usize>(&'s mut heapless::String<LENGTH>);

impl<const LENGTH: usize> core::fmt::Write for Cut<'_, LENGTH> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        text.chars().try_for_each(|character| self.0.push(character).map_err(|_| core::fmt::Error))
    }
}

/// Holds bytes on a 64-byte boundary; made by [`include_image!`](crate::include_image).
#[doc(hidden)]
#[repr(C, align(64))]
pub struct Aligned<B: ?Sized>(pub B);

/// Embeds a file's bytes on a 64-byte boundary, as a `&'static [u8]` for [`Image::parse`].
///
/// ```text
/// static POLICY: &[u8] = sinew_policy_runtime::include_image!("policy.img");
/// ```
#[macro_export]
macro_rules! include_image {
    ($path:expr) => {{
        static ALIGNED: &$crate::image::Aligned<[u8]> = &$crate::image::Aligned(*include_bytes!($path));
        &ALIGNED.0
    }};
}
