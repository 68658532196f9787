//! The one place that reads bytes as numbers without copying them.

#![allow(unsafe_code, reason = "zero-copy views of little-endian f32 and of aligned blocks")]

#[cfg(target_endian = "big")]
compile_error!("images hold little-endian numbers that are used in place");

/// The bytes as f32, or `None` where they are not aligned to 4 or not a whole number of values.
pub(super) fn floats(bytes: &[u8]) -> Option<&[f32]> {
    // SAFETY: every bit pattern is an f32, and `align_to` itself keeps to alignment and bounds.
    let (before, values, after) = unsafe { bytes.align_to::<f32>() };
    (before.is_empty() && after.is_empty()).then_some(values)
}

/// The bytes as records of words, or `None` where they are not aligned to 4 or not a whole number of records.
pub(super) fn records<const WORDS: usize>(bytes: &[u8]) -> Option<&[[u32; WORDS]]> {
    // SAFETY: every bit pattern is a word, and `align_to` itself keeps to alignment and bounds.
    let (before, words, after) = unsafe { bytes.align_to::<u32>() };
    let (records, rest) = words.as_chunks();
    (before.is_empty() && after.is_empty() && rest.is_empty()).then_some(records)
}

/// The floats as little-endian bytes.
#[cfg(feature = "onnx")]
pub(super) fn bytes(values: &[f32]) -> &[u8] {
    // SAFETY: an f32 has no padding, a byte has no alignment, and the lengths are the same memory.
    unsafe { core::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}

/// 64 bytes on a 64-byte boundary.
#[cfg(feature = "std")]
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Block(pub(super) [u8; 64]);

/// The blocks' bytes.
#[cfg(feature = "std")]
pub(super) fn block_bytes(blocks: &[Block]) -> &[u8] {
    // SAFETY: a block is 64 bytes without padding, so the slice covers exactly the blocks' memory.
    unsafe { core::slice::from_raw_parts(blocks.as_ptr().cast(), size_of_val(blocks)) }
}
