//! A damaged or hostile file is refused; it never becomes another policy, and never a panic.
#![cfg(feature = "onnx")]
#![allow(clippy::unwrap_used, reason = "statics and helpers of tests are not tests by themselves")]

mod policies;

use policies::Shape;
use proptest::prelude::*;
use sinew_policy_runtime::image::{AlignedImage, Image, ImageError};
use sinew_policy_runtime::onnx;
use sinew_policy_runtime::onnx::write::Activation;
use std::sync::LazyLock;

static MODEL: LazyLock<Vec<u8>> =
    LazyLock::new(|| Shape::new(&[3, 9, 2], Activation::Elu { alpha: 1.0 }).onnx());
static IMAGE: LazyLock<AlignedImage> = LazyLock::new(|| onnx::load(&MODEL).unwrap());

/// Where `needle` last lies in the model.
fn place(needle: &[u8]) -> usize {
    MODEL.windows(needle.len()).rposition(|window| window == needle).unwrap()
}

#[test]
fn every_flipped_byte_of_contract_weights_and_golden_pairs_is_refused() {
    let contract = place(b"{\"actions\"");
    let golden = place(b"sinew.golden") + 16;
    // The initializer's name is followed by tag and length of its data.
    let weights = place(b"layer0.weights") + 14 + 2;
    for (start, length) in [(contract, 700), (golden, 1500), (weights, 27 * 4)] {
        for offset in start..start + length {
            for flip in [0x01, 0x20, 0x80] {
                let mut damaged = MODEL.clone();
                damaged[offset] ^= flip;
                if let Ok(image) = onnx::load(&damaged) {
                    panic!("byte {offset} ^ {flip:#x} loads, same image: {}", image == *IMAGE);
                }
            }
        }
    }
}

#[test]
fn no_flipped_byte_anywhere_makes_another_policy() {
    for offset in 0..MODEL.len() {
        let mut damaged = MODEL.clone();
        damaged[offset] ^= 1 << (offset % 8);
        // What a policy does not depend on, such as the name of the tool that wrote it, may change.
        if let Ok(image) = onnx::load(&damaged) {
            assert!(image == *IMAGE, "byte {offset}");
        }
    }
}

#[test]
fn every_flipped_byte_of_an_image_is_refused() {
    let bytes = IMAGE.as_bytes();
    for offset in 0..bytes.len() {
        let mut damaged = bytes.to_vec();
        damaged[offset] ^= 1 << (offset % 8);
        assert!(AlignedImage::from_bytes(&damaged).is_err(), "byte {offset}");
    }
}

#[test]
fn every_truncation_is_refused() {
    for length in 0..MODEL.len() {
        assert!(onnx::load(&MODEL[..length]).is_err(), "{length}");
    }
    for length in 0..IMAGE.as_bytes().len() {
        assert!(AlignedImage::from_bytes(&IMAGE.as_bytes()[..length]).is_err(), "{length}");
    }
}

#[test]
fn a_misaligned_image_is_refused() {
    let mut buffer = vec![0; IMAGE.as_bytes().len() + 128];
    let start = 64 - buffer.as_ptr().addr() % 64 + 4;
    let place = &mut buffer[start..start + IMAGE.as_bytes().len()];
    place.copy_from_slice(IMAGE.as_bytes());
    assert_eq!(Image::parse(place).unwrap_err(), ImageError::Misaligned { remainder: 4 });
}

#[test]
fn a_file_that_lost_a_part_of_its_metadata_is_refused() {
    for key in [&b"sinew.contract"[..], b"sinew.golden", b"sinew.sha256"] {
        let mut damaged = MODEL.clone();
        damaged[place(key)] = b'z';
        let error = onnx::load(&damaged).unwrap_err().to_string();
        assert!(error.ends_with("is missing from a file of Sinew's: truncated or stripped"), "{error}");
    }
}

/// Rewrites the checksum, so that damage reaches the checks behind it.
fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let digest = Sha256::new().chain_update(&bytes[..8]).chain_update(&bytes[16..]).finalize();
    bytes[8..16].copy_from_slice(&digest[..8]);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_image_with_a_matching_checksum_and_hostile_fields_never_panics(
        changes in prop::collection::vec((16..400_usize, any::<u8>()), 1..6),
        observation in prop::collection::vec(-10.0..10.0_f32, 3),
    ) {
        let mut bytes = IMAGE.as_bytes().to_vec();
        for (offset, value) in changes {
            bytes[offset] = value;
        }
        let Ok(aligned) = AlignedImage::from_bytes(&with_checksum(bytes)) else { return Ok(()) };
        let image = aligned.image().unwrap();
        let _ = image.contract();
        if image.scratch_len() < 1 << 20 {
            let mut executor =
                sinew_policy_runtime::executor::Executor::new(image, vec![0.0; image.scratch_len()]).unwrap();
            let _ = executor.verify_golden();
            let _ = executor.infer(&observation);
        }
    }

    #[test]
    fn a_mutated_model_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = MODEL.clone();
        for (index, value) in changes {
            bytes[index.index(MODEL.len())] = value;
        }
        // Without its metadata and its producer's name the file is a foreign one, and damage reaches the lowering.
        let producer = MODEL.windows(5).position(|window| window == b"sinew").unwrap();
        let keys = [&b"sinew.contract"[..], b"sinew.golden", b"sinew.sha256"];
        for start in keys.into_iter().map(place).chain([producer]) {
            bytes[start] = b'z';
        }
        let _ = onnx::load(&bytes);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(AlignedImage::from_bytes(&bytes).is_err());
        let _ = onnx::load(&bytes);
    }
}
