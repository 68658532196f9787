//! An image in the repository, written once, runs on every target and with no feature.
//!
//! It is that of the `write_policy` example for the widths 3, 5 and 2.

use sinew_policy_runtime::executor::{Executor, ExecutorError};
use sinew_policy_runtime::image::Image;
use sinew_policy_runtime::kernel::InstructionSet;

static POLICY: &[u8] = sinew_policy_runtime::include_image!("data/known.img");

#[test]
fn the_golden_pairs_of_an_embedded_image_hold_on_this_target() {
    let image = Image::parse(POLICY).unwrap();
    assert_eq!((image.input_size(), image.output_size(), image.golden().len()), (5, 2, 64));
    assert_eq!(image.contract().unwrap().unwrap().task, "test");
    let mut scratch = [0.0; 64];
    for set in InstructionSet::all() {
        let mut executor = Executor::with_instruction_set(image, &mut scratch[..], set).unwrap();
        executor.verify_golden().unwrap();
    }
}

#[test]
fn too_little_scratch_is_refused() {
    let image = Image::parse(POLICY).unwrap();
    let expected = image.scratch_len();
    let mut scratch = [0.0; 64];
    let found = Executor::new(image, &mut scratch[..expected - 1]).unwrap_err();
    assert_eq!(found, ExecutorError::Scratch { expected, found: expected - 1 });
}

#[cfg(feature = "onnx")]
mod policies;

#[cfg(feature = "onnx")]
#[test]
fn lowering_gives_the_same_image_as_ever() {
    use sinew_policy_runtime::onnx::{load, write::Activation};
    let shape = policies::Shape {
        previous_action: true,
        ..policies::Shape::new(&[3, 5, 2], Activation::Elu { alpha: 1.0 })
    };
    assert!(load(&shape.onnx()).unwrap().as_bytes() == POLICY);
}
