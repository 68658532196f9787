//! ST's STM32F405, a Cortex-M4F with 1 MB of flash, as it comes out of reset: on its internal oscillator.
//!
//! [`Stm32`] is the [`Board`], with USART1 on the pin PA9 for text. Nothing outside this crate knows a register's address. The
//! machine `netduinoplus2` of QEMU has this processor.

#![no_std]

pub mod usart;

pub use board_cortex_m::debugger::exit;

use board_cortex_m::clock::{self, Clock};
use board_cortex_m::stack::{self, Paint};
use sinew_firmware::board::Board;
use usart::Usart;

/// The internal oscillator's, which drives core and buses after a reset, Hz.
const CLOCK_HZ: u32 = 16_000_000;

/// The board, taken once at the start.
pub struct Stm32 {
    console: Usart,
    clock: Clock,
    paint: Paint,
}

impl Stm32 {
    /// Paints the stack, starts the clock and opens the console.
    ///
    /// `None` the second time.
    pub fn take() -> Option<Self> {
        let paint = Paint::apply();
        let peripherals = cortex_m::Peripherals::take()?;
        Some(Self { console: Usart::console(CLOCK_HZ), clock: Clock::start(peripherals.SYST), paint })
    }
}

impl Board for Stm32 {
    const TICKS_PER_S: u32 = CLOCK_HZ;
    const LARGEST_TICK: u32 = clock::LARGEST_TICK;

    fn write(&mut self, bytes: &[u8]) {
        self.console.write(bytes);
    }

    fn ticks(&mut self) -> u32 {
        self.clock.ticks()
    }

    fn stack_used(&self) -> usize {
        self.paint.used()
    }

    fn static_bytes(&self) -> usize {
        stack::static_bytes()
    }

    fn finish(&mut self, success: bool) -> ! {
        exit(success)
    }
}
