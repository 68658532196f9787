//! Arm's MPS2 board with the Cortex-M4F of application note AN386, which QEMU emulates.
//!
//! [`Mps2`] is the [`Chip`]: the first [`uart`] for text, the second to the robot, the third beside it. Nothing outside this
//! crate knows a register's address.

#![no_std]

pub mod uart;

use board_cortex_m::board::{Chip, CoreBoard};
use board_cortex_m::debugger;
use uart::Uart;

/// The board, taken once at the start.
pub type Board = CoreBoard<Mps2>;

/// What the board has beside its core.
pub struct Mps2;

impl Chip for Mps2 {
    type Port = Uart;
    const CLOCK_HZ: u32 = 25_000_000;
    const LINES: [Uart; 2] = Uart::LINES;
    const RECEIVE_INTERRUPTS: [u16; 2] = [2, 4];

    fn console() -> Uart {
        Uart::CONSOLE.open_for_text()
    }

    fn open_line(line: Uart) {
        line.open_both_ways();
    }

    /// The board has neither entropy nor memory that outlives the loss of power, so whoever emulates it lends his clock.
    fn start_number() -> u64 {
        debugger::time_of_day_s().into()
    }
}
