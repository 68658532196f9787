//! An image in memory of its own.

use super::view::{Block, block_bytes};
use super::{Image, ImageError};

/// Owned image bytes on a 64-byte boundary. They are checked whenever a view is taken.
#[derive(Clone)]
pub struct AlignedImage {
    blocks: Vec<Block>,
    length: usize,
}

impl AlignedImage {
    /// Copies `bytes` and checks them.
    ///
    /// # Errors
    /// See [`Image::parse`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ImageError> {
        let blocks = bytes
            .chunks(64)
            .map(|chunk| {
                let mut block = [0; 64];
                block[..chunk.len()].copy_from_slice(chunk);
                Block(block)
            })
            .collect();
        let image = Self { blocks, length: bytes.len() };
        image.image()?;
        Ok(image)
    }

    /// The bytes, as `policy.img` holds them.
    pub fn as_bytes(&self) -> &[u8] {
        &block_bytes(&self.blocks)[..self.length]
    }

    /// The checked view.
    ///
    /// # Errors
    /// See [`Image::parse`]; none for bytes that [`Self::from_bytes`] took.
    pub fn image(&self) -> Result<Image<'_>, ImageError> {
        Image::parse(self.as_bytes())
    }
}

impl PartialEq for AlignedImage {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl core::fmt::Debug for AlignedImage {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_struct("AlignedImage").field("length", &self.length).finish_non_exhaustive()
    }
}
