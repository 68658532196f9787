//! What one inference costs: instructions, and memory besides the weights.
//!
//! On an emulator whose instructions take a nanosecond each, the board's clock counts instructions. It ticks once in many of
//! them, so an inference is repeated on each input until one instruction more in it would move the result by more than
//! a tick; inputs then differ by no more than a tick exactly if every inference takes as many.

#[path = "../../../../policy-runtime/tests/observations/mod.rs"]
mod observations;

use crate::board::Board;
use crate::console::{decimal, hexadecimal, text};
use core::hint::black_box;
use observations::draw;
use sinew_policy_runtime::executor::{Executor, Inference, InferenceFault};
use sinew_policy_runtime::image::Image;

/// Different inputs.
const INPUTS: u32 = 200;

/// What was found, or why it could not be.
enum Failure {
    Image,
    Executor,
    Golden,
    Size,
    Inference,
}

impl From<InferenceFault> for Failure {
    fn from(_: InferenceFault) -> Self {
        Self::Inference
    }
}

/// Measures and reports; says whether every inference took as many instructions.
pub fn run(board: &mut impl Board, image: &'static [u8], scratch: &mut [f32]) -> bool {
    let failure = match measure(board, image, scratch) {
        Ok(constant) => return constant,
        Err(failure) => failure,
    };
    text(
        board,
        match failure {
            Failure::Image => "the image cannot be read\n",
            Failure::Executor => "no executor could be made\n",
            Failure::Golden => "a golden pair does not hold\n",
            Failure::Size => "the policy needs more memory than this program has\n",
            Failure::Inference => "an inference failed\n",
        },
    );
    false
}

fn measure<B: Board>(board: &mut B, image: &'static [u8], scratch: &mut [f32]) -> Result<bool, Failure> {
    let image = Image::parse(image).map_err(|_| Failure::Image)?;
    let mut executor = Executor::new(image, scratch).map_err(|_| Failure::Executor)?;
    executor.verify_golden().map_err(|_| Failure::Golden)?;
    let mut observation = [0.0; 16];
    let observation = observation.get_mut(..image.input_size()).ok_or(Failure::Size)?;
    let instructions_per_tick = 1e9 / B::TICKS_PER_S as f32;
    let repeats = (2.0 * instructions_per_tick) as u32;
    let (mut fewest, mut most) = (u32::MAX, 0);
    let mut state = 1;
    for _ in 0..INPUTS {
        observation.fill_with(|| draw(&mut state));
        let ticks = time(board, || {
            for _ in 0..repeats {
                black_box(executor.infer(black_box(&*observation))?.action);
            }
            Ok(())
        })?;
        (fewest, most) = (fewest.min(ticks), most.max(ticks));
        say_action(board, executor.infer(observation)?);
    }
    let cost = image.cost();
    report(board, "multiply-adds", cost.multiply_adds as u32);
    let instructions = 0.5 * (fewest + most) as f32 * instructions_per_tick / repeats as f32;
    report(board, "instructions", (instructions + 0.5) as u32);
    report(board, "ticks between inputs", most - fewest);
    report(board, "weight bytes", cost.weight_bytes as u32);
    report(board, "image bytes", image.as_bytes().len() as u32);
    report(board, "scratch bytes", cost.scratch_bytes as u32);
    let (statics, stack) = (board.static_bytes(), board.stack_used());
    report(board, "static bytes", statics as u32);
    report(board, "stack bytes", stack as u32);
    Ok(most - fewest <= 1)
}

/// Ticks that `work` takes, from the beginning of one.
fn time<B: Board>(
    board: &mut B,
    mut work: impl FnMut() -> Result<(), InferenceFault>,
) -> Result<u32, InferenceFault> {
    let before = board.ticks();
    let mut start = board.ticks();
    while start == before {
        start = board.ticks();
    }
    work()?;
    Ok(board.ticks().wrapping_sub(start) & B::LARGEST_TICK)
}

fn say_action(board: &mut impl Board, inference: Inference) {
    for value in inference.action {
        text(board, "action ");
        hexadecimal(board, value.to_bits());
        text(board, "\n");
    }
}

fn report(board: &mut impl Board, name: &str, value: u32) {
    text(board, name);
    text(board, ": ");
    decimal(board, value);
    text(board, "\n");
}
