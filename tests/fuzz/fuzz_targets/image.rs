//! An image of any bytes: with its length and checksum put right, so that everything behind them is reached, it is refused, or it
//! runs on any input without a fault of memory, and a second time with the same bits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use sinew_policy_runtime::executor::Executor;
use sinew_policy_runtime::image::AlignedImage;
use sinew_policy_runtime::kernel::InstructionSet;

/// Beyond them an input is only slow.
const MOST_WORK: u64 = 1 << 20;
const MOST_SCRATCH: usize = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let mut bytes = input.to_vec();
    if bytes.len() >= 64 {
        bytes[..6].copy_from_slice(b"SNWI\x02\0");
        let length = (bytes.len() as u32).to_le_bytes();
        bytes[16..20].copy_from_slice(&length);
        let mut hash = Sha256::new();
        hash.update(&bytes[..8]);
        hash.update(&bytes[16..]);
        bytes[8..16].copy_from_slice(&hash.finalize()[..8]);
    }
    let Ok(aligned) = AlignedImage::from_bytes(&bytes) else { return };
    let image = aligned.image().expect("it was one a moment ago");
    let _ = image.contract();
    let cost = image.cost();
    let runs = 1 + image.golden().len() as u64;
    if (cost.multiply_adds + cost.elements) * runs > MOST_WORK || image.scratch_len() > MOST_SCRATCH {
        return;
    }
    let mut results = Vec::new();
    for set in InstructionSet::all() {
        let scratch = vec![0.0; image.scratch_len()];
        let mut executor = Executor::with_instruction_set(image, scratch, set).expect("enough scratch");
        let _ = executor.verify_golden();
        let observation: Vec<f32> = (0..image.input_size()).map(|index| (index as f32).sin()).collect();
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        executor.reset();
        results.push(executor.infer(&observation).map(|inference| bits(inference.action)));
    }
    // Whatever is not finite is a fault, so what comes out has no NaN whose bits could differ.
    assert!(results.iter().all(|result| *result == results[0]), "{results:?}");
});
