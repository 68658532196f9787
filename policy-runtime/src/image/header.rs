//! The 64 bytes at the start of an image.

use super::ImageError;
use sha2::{Digest, Sha256};

/// Size of the header in bytes; the operations follow it.
pub(super) const HEADER_BYTES: usize = 64;
/// First bytes of every image.
pub(super) const MAGIC: [u8; 4] = *b"SNWI";
/// The layout that this version reads and writes.
pub(super) const VERSION: u16 = 2;

/// The header's fields. Offsets are in bytes from the start of the image, the size of scratch in values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) golden_count: u16,
    pub(super) input_count: u16,
    pub(super) output_count: u16,
    pub(super) length: u32,
    pub(super) scratch_len: u32,
    pub(super) operation_count: u32,
    pub(super) golden_offset: u32,
    pub(super) contract_offset: u32,
    /// In bytes; 0 for a policy without a contract.
    pub(super) contract_length: u32,
    pub(super) weights_offset: u32,
}

impl Header {
    /// Writes everything but the checksum.
    #[cfg(feature = "onnx")]
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..6].copy_from_slice(&VERSION.to_le_bytes());
        bytes[6..8].copy_from_slice(&self.golden_count.to_le_bytes());
        let words = [
            self.length,
            self.scratch_len,
            self.operation_count,
            u32::from(self.input_count) | (u32::from(self.output_count) << 16),
            self.golden_offset,
            self.contract_offset,
            self.contract_length,
            self.weights_offset,
        ];
        for (slot, word) in bytes[16..].chunks_exact_mut(4).zip(words) {
            slot.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// Reads the header of `image`, whose length and checksum it verifies.
    pub(super) fn decode(image: &[u8]) -> Result<Self, ImageError> {
        let truncated = ImageError::Length { expected: HEADER_BYTES, found: image.len() };
        let bytes = image.first_chunk::<HEADER_BYTES>().ok_or(truncated)?;
        let magic = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if magic != MAGIC {
            return Err(ImageError::Magic { found: magic });
        }
        let version = u16::from_le_bytes([bytes[4], bytes[5]]);
        if version != VERSION {
            return Err(ImageError::Version { found: version });
        }
        let mut words = [0; 8];
        for (word, chunk) in words.iter_mut().zip(bytes[16..].as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*chunk);
        }
        let [length, scratch_len, operation_count, ports, rest @ ..] = words;
        let [golden_offset, contract_offset, contract_length, weights_offset] = rest;
        if image.len() != length as usize {
            return Err(ImageError::Length { expected: length as usize, found: image.len() });
        }
        if checksum(image) != bytes[8..16] {
            return Err(ImageError::Checksum);
        }
        Ok(Self {
            golden_count: u16::from_le_bytes([bytes[6], bytes[7]]),
            input_count: ports as u16,
            output_count: (ports >> 16) as u16,
            length,
            scratch_len,
            operation_count,
            golden_offset,
            contract_offset,
            contract_length,
            weights_offset,
        })
    }
}

/// The first 8 bytes of the SHA-256 of everything but the checksum's own place. `image` holds a header.
pub(super) fn checksum(image: &[u8]) -> [u8; 8] {
    let mut hash = Sha256::new();
    hash.update(&image[..8]);
    hash.update(&image[16..]);
    let digest: [u8; 32] = hash.finalize().into();
    core::array::from_fn(|index| digest[index])
}
