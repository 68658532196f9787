//! A board around any Cortex-M: [`CoreBoard`] is all but what a maker's [`Chip`] has of its own.

use crate::clock::{self, Clock};
use crate::debugger;
use crate::interrupts;
use crate::line::{self, Port, SerialLine};
use crate::stack::{self, Paint};
use core::marker::PhantomData;
use cortex_m::peripheral::SCB;
pub use sinew_firmware::board::Board;

/// What a maker adds to the core: a port to another chip implements this.
pub trait Chip {
    /// Its serial ports.
    type Port: Port;
    /// Of the core, and of its timer, Hz; whole megahertz.
    const CLOCK_HZ: u32;
    /// The ports of the robot's line and of the one beside it, and the interrupts of their receivers.
    const LINES: [Self::Port; 2];
    /// See [`Self::LINES`].
    const RECEIVE_INTERRUPTS: [u16; 2];

    /// Opens the port for text.
    fn console() -> Self::Port;

    /// Opens the port of a line, with an interrupt for each byte that arrives.
    fn open_line(line: Self::Port);

    /// Another number than at every other start: entropy, or a count that outlives the loss of power.
    fn start_number() -> u64;
}

/// The board, taken once at the start.
pub struct CoreBoard<C: Chip> {
    console: C::Port,
    clock: Clock,
    paint: Paint,
    lines_taken: bool,
    chip: PhantomData<C>,
}

impl<C: Chip> CoreBoard<C> {
    /// Paints the stack, starts the clock and opens the console.
    ///
    /// `None` the second time.
    pub fn take() -> Option<Self> {
        let paint = Paint::apply();
        let peripherals = cortex_m::Peripherals::take()?;
        let clock = Clock::start(peripherals.SYST);
        Some(Self { console: C::console(), clock, paint, lines_taken: false, chip: PhantomData })
    }

    /// Keeps what has arrived on the lines. For their interrupts.
    pub fn keep() {
        line::keep::<C>();
    }
}

impl<C: Chip> Board for CoreBoard<C> {
    const TICKS_PER_S: u32 = C::CLOCK_HZ;
    const LARGEST_TICK: u32 = clock::LARGEST_TICK;
    type Line = SerialLine<C::Port>;

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.console.put(*byte);
        }
    }

    fn ticks(&mut self) -> u32 {
        self.clock.ticks()
    }

    fn time_us(&mut self) -> u64 {
        self.clock.long_ticks() / const { C::CLOCK_HZ as u64 / 1_000_000 }
    }

    fn lines(&mut self) -> Option<[Self::Line; 2]> {
        if self.lines_taken {
            return None;
        }
        self.lines_taken = true;
        self.clock.count_rounds();
        C::LINES.into_iter().for_each(C::open_line);
        interrupts::admit(C::RECEIVE_INTERRUPTS);
        Some(SerialLine::pair(C::LINES))
    }

    fn rest(&mut self) {
        line::rest();
    }

    fn start_number(&mut self) -> u64 {
        C::start_number()
    }

    fn stack_used(&self) -> usize {
        self.paint.used()
    }

    fn static_bytes(&self) -> usize {
        stack::static_bytes()
    }

    fn restart(&mut self) -> ! {
        SCB::sys_reset()
    }

    fn finish(&mut self, success: bool) -> ! {
        debugger::exit(success)
    }
}
