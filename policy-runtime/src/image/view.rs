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

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(if cfg!(miri) { 24 } else { 2048 })
        })]

        /// Whatever the address, the length and the bytes: the numbers that safe code reads, or nothing where the memory is not a
        /// whole number of them on their boundary.
        #[test]
        fn bytes_are_the_numbers_that_safe_code_reads(
            content in prop::collection::vec(any::<u8>(), 0..300),
            offset in 0_usize..8,
        ) {
            let blocks = vec![Block([0xa5; 64]); (offset + content.len()).div_ceil(64)];
            let mut memory = blocks;
            for (index, byte) in content.iter().enumerate() {
                memory[(offset + index) / 64].0[(offset + index) % 64] = *byte;
            }
            let whole = block_bytes(&memory);
            prop_assert_eq!(whole.len(), 64 * memory.len());
            prop_assert!(whole.as_ptr().addr().is_multiple_of(64) || memory.is_empty());
            let seen = &whole[offset.min(whole.len())..whole.len().min(offset + content.len())];
            prop_assert_eq!(seen, &content[..]);
            let words: Vec<u32> = seen.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
            let fits = |size: usize| seen.len().is_multiple_of(size) && (offset.is_multiple_of(4) || seen.is_empty());
            let found = floats(seen).map(|found| found.iter().map(|value| value.to_bits()).collect::<Vec<_>>());
            prop_assert_eq!(found, fits(4).then(|| words.clone()));
            let found = records::<3>(seen).map(<[[u32; 3]]>::concat);
            prop_assert_eq!(found, fits(12).then_some(words));
        }
    }

    #[cfg(feature = "onnx")]
    #[test]
    fn floats_as_bytes_are_those_that_safe_code_writes() {
        let values = [0.0, -0.0, 1.5, f32::NAN, f32::INFINITY, f32::from_bits(1)];
        for length in 0..=values.len() {
            let expected: Vec<u8> = values[..length].iter().flat_map(|value| value.to_le_bytes()).collect();
            assert_eq!(bytes(&values[..length]), expected);
        }
    }
}
