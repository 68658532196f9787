//! What an inference of a small policy costs; see `sinew_firmware::inference`.

#![no_std]
#![no_main]

use cortex_m_rt::entry;
use mps2_an386::{Mps2, exit};
use sinew_firmware::board::Board;
use sinew_firmware::inference;

/// As many values as the policy needs.
const SCRATCH: usize = 144;

static POLICY: &[u8] =
    sinew_policy_runtime::include_image!(concat!(env!("SINEW_MICROCONTROLLER_MODELS"), "/inference.img"));

#[entry]
fn main() -> ! {
    let scratch = cortex_m::singleton!(: [f32; SCRATCH] = [0.0; SCRATCH]);
    let (Some(mut board), Some(scratch)) = (Mps2::take(), scratch) else { exit(false) };
    let constant = inference::run(&mut board, POLICY, scratch);
    board.finish(constant)
}

#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(false)
}
