//! ST's STM32F405, a Cortex-M4F with 1 MB of flash, as it comes out of reset: on its internal oscillator.
//!
//! [`Stm32`] is the [`Chip`]: USART1 on the pin PA9 for text, USART2 on PA2 and PA3 to the robot, USART3 on PB10 and PB11 beside
//! it. Nothing outside this crate knows a register's address. The machine `netduinoplus2` of QEMU has this processor.

#![no_std]

mod register;
mod start_count;
pub mod usart;

use board_cortex_m::board::{Chip, CoreBoard};
use usart::Usart;

/// The board, taken once at the start.
pub type Board = CoreBoard<Stm32>;

/// What the board has beside its core.
pub struct Stm32;

impl Chip for Stm32 {
    type Port = Usart;
    /// The internal oscillator's, which drives core and buses after a reset.
    const CLOCK_HZ: u32 = 16_000_000;
    const LINES: [Usart; 2] = Usart::LINES;
    const RECEIVE_INTERRUPTS: [u16; 2] = [38, 39];

    fn console() -> Usart {
        Usart::CONSOLE.open_for_text(Self::CLOCK_HZ)
    }

    fn open_line(line: Usart) {
        line.open_both_ways(Self::CLOCK_HZ);
    }

    fn start_number() -> u64 {
        start_count::next()
    }
}
