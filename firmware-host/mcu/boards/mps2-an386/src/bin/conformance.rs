//! Real exports from flash, their bits to the console; see `sinew_firmware::conformance`.

#![no_std]
#![no_main]

use cortex_m_rt::entry;
use mps2_an386::{Mps2, exit};
use sinew_firmware::board::Board;
use sinew_firmware::conformance::{self, Model, Suite};

/// As many values as the largest model needs.
const SCRATCH: usize = 16 * 1024;

#[allow(clippy::unreadable_literal, reason = "written by a program")]
static SUITE: Suite = include!(concat!(env!("SINEW_MICROCONTROLLER_MODELS"), "/models.rs"));
static TANH: &[u8] =
    sinew_policy_runtime::include_image!(concat!(env!("SINEW_MICROCONTROLLER_MODELS"), "/tanh.img"));

#[allow(clippy::large_stack_arrays, reason = "a variable, which never lies on the stack")]
#[entry]
fn main() -> ! {
    let scratch = cortex_m::singleton!(: [f32; SCRATCH] = [0.0; SCRATCH]);
    let (Some(mut board), Some(scratch)) = (Mps2::take(), scratch) else { exit(false) };
    let complete = conformance::run(&mut board, &SUITE, scratch);
    let same = conformance::sweep_tanh(&mut board, TANH, scratch);
    board.finish(complete && same)
}

#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(false)
}
