//! An ONNX model of any bytes: it is refused with a sentence, or it becomes an image that verifies itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sinew_policy_runtime::onnx;

fuzz_target!(|input: &[u8]| match onnx::load(input) {
    Ok(image) => assert!(image.image().is_ok()),
    Err(error) => assert!(!error.to_string().is_empty()),
});
