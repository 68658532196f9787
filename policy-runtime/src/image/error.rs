//! Why bytes are not a usable image: the field, what was found, and what to do about it where something can be done.

use super::ALIGNMENT;
use super::header::VERSION;

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
    #[error("image version {found}, this build reads {}; compile it anew from its ONNX file", VERSION)]
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
    /// An input or output that cannot be served.
    #[error(
        "input or output {index}: {field} is {found}, which is unknown or does not fit scratch or its other end"
    )]
    Port {
        /// Position, inputs first.
        index: usize,
        /// The field.
        field: &'static str,
        /// Its value.
        found: u32,
    },
    /// More than a control loop can do.
    #[error("{what} takes {found} element operations, at most {limit} are run")]
    Work {
        /// One inference, or all golden pairs.
        what: &'static str,
        /// As the image's operations add up.
        found: u64,
        /// What is run.
        limit: u64,
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

impl ImageError {
    /// A contract that cannot be used, and why. Without the standard library the reason is left out: numbers as text would take
    /// more flash than an executor.
    pub(super) fn contract(reason: &dyn core::fmt::Display) -> Self {
        let mut text = heapless::String::new();
        #[cfg(feature = "std")]
        {
            use core::fmt::Write as _;
            // What does not fit is cut.
            let _ = write!(Cut(&mut text), "{reason}");
        }
        #[cfg(not(feature = "std"))]
        {
            let _ = (reason, text.push_str("`sinew inspect` says why"));
        }
        Self::Contract { reason: text }
    }
}

/// Writes as many characters as fit.
#[cfg(feature = "std")]
struct Cut<'s, const LENGTH: usize>(&'s mut heapless::String<LENGTH>);

#[cfg(feature = "std")]
impl<const LENGTH: usize> core::fmt::Write for Cut<'_, LENGTH> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        text.chars().try_for_each(|character| self.0.push(character).map_err(|_| core::fmt::Error))
    }
}
