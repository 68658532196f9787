//! Decode, tick, encode, on both ends of a link; see `sinew_firmware::control`.

#![no_std]
#![no_main]

use cortex_m::singleton;
use cortex_m_rt::entry;
use sinew_firmware::board::Board;
use sinew_firmware::control::{self, Ends};
use sinew_policy_runtime::controller::Storage;
use stm32f405::{Stm32, exit};

/// As many values as the policy needs.
const VALUES: usize = 128;

static POLICY: &[u8] =
    sinew_policy_runtime::include_image!(concat!(env!("SINEW_MICROCONTROLLER_MODELS"), "/tanh.img"));

#[entry]
fn main() -> ! {
    let history = singleton!(: [f32; VALUES] = [0.0; VALUES]);
    let observation = singleton!(: [f32; VALUES] = [0.0; VALUES]);
    let scratch = singleton!(: [f32; VALUES] = [0.0; VALUES]);
    let ends = singleton!(: Ends = Ends::default());
    let (Some(history), Some(observation), Some(scratch)) = (history, observation, scratch) else {
        exit(false)
    };
    let (Some(mut board), Some(ends)) = (Stm32::take(), ends) else { exit(false) };
    let storage =
        Storage { history: &mut history[..], observation: &mut observation[..], scratch: &mut scratch[..] };
    let obeyed = control::run(&mut board, POLICY, storage, ends);
    board.finish(obeyed)
}

#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(false)
}
