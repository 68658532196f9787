//! Arm's MPS2 board with the Cortex-M4F of application note AN386, which QEMU emulates.
//!
//! [`Mps2`] is the [`Board`], with the first [`uart`] for text. Nothing outside this crate knows a register's address.

#![no_std]

pub mod uart;

pub use board_cortex_m::debugger::exit;

use board_cortex_m::clock::{self, Clock};
use board_cortex_m::stack::{self, Paint};
use sinew_firmware::board::Board;
use uart::Uart;

/// The board, taken once at the start.
pub struct Mps2 {
    console: Uart,
    clock: Clock,
    paint: Paint,
}

impl Mps2 {
    /// Paints the stack, starts the clock and opens the console.
    ///
    /// `None` the second time.
    pub fn take() -> Option<Self> {
        let paint = Paint::apply();
        let peripherals = cortex_m::Peripherals::take()?;
        Some(Self { console: Uart::console(), clock: Clock::start(peripherals.SYST), paint })
    }
}

impl Board for Mps2 {
    const TICKS_PER_S: u32 = 25_000_000;
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
