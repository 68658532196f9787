//! Arm's MPS2 board with the Cortex-M4F of application note AN386, which QEMU emulates.
//!
//! [`Mps2`] is the [`Board`]: [`uart`] for text, [`clock`] for time, [`stack`] for how much of it was used. Nothing outside this
//! crate knows a register's address.

#![no_std]

pub mod clock;
pub mod stack;
pub mod uart;

use clock::Clock;
use cortex_m::asm;
use sinew_firmware::board::Board;
use stack::Paint;
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
    const TICK_NS: u32 = clock::TICK_NS;
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

/// Asks the emulator to end, through semihosting.
#[allow(unsafe_code, reason = "the emulator is called by a breakpoint")]
pub fn exit(success: bool) -> ! {
    const SYS_EXIT: u32 = 0x18;
    const STOPPED_APPLICATION_EXIT: u32 = 0x2_0026;
    const STOPPED_RUN_TIME_ERROR: u32 = 0x2_0023;
    let reason = if success { STOPPED_APPLICATION_EXIT } else { STOPPED_RUN_TIME_ERROR };
    // SAFETY: this call of semihosting reads the two registers and no memory.
    unsafe { asm::semihosting_syscall(SYS_EXIT, reason) };
    loop {
        asm::wfi();
    }
}
