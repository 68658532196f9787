//! The board's serial ports: Arm's CMSDK UART.
#![allow(unsafe_code, reason = "registers")]

use board_cortex_m::line::Port;
use core::ptr::{read_volatile, write_volatile};

/// Registers, bytes behind a port's address.
const DATA: usize = 0x00;
const STATE: usize = 0x04;
const CONTROL: usize = 0x08;
const INTERRUPT_CLEAR: usize = 0x0c;
const BAUD_DIVIDER: usize = 0x10;
const STATE_TRANSMIT_FULL: u32 = 1;
const STATE_RECEIVE_FULL: u32 = 1 << 1;
const CONTROL_TRANSMIT: u32 = 1;
const CONTROL_RECEIVE: u32 = 1 << 1;
const CONTROL_RECEIVE_INTERRUPT: u32 = 1 << 3;
const INTERRUPT_RECEIVE: u32 = 1 << 1;
/// The smallest that the port takes: 1.5 Mbaud at 25 MHz.
const SMALLEST_DIVIDER: u32 = 16;

/// One serial port, by its registers' address.
#[derive(Clone, Copy)]
pub struct Uart(usize);

impl Uart {
    /// The first port, for text.
    pub(crate) const CONSOLE: Self = Self(0x4000_4000);
    /// The second to the robot, the third beside it.
    pub(crate) const LINES: [Self; 2] = [Self(0x4000_5000), Self(0x4000_6000)];

    /// Opens it to send alone.
    pub(crate) fn open_for_text(self) -> Self {
        self.open(CONTROL_TRANSMIT)
    }

    /// Opens it to send and to receive, with an interrupt for each byte that arrives.
    pub(crate) fn open_both_ways(self) -> Self {
        self.open(CONTROL_TRANSMIT | CONTROL_RECEIVE | CONTROL_RECEIVE_INTERRUPT)
    }

    fn open(self, control: u32) -> Self {
        self.set(BAUD_DIVIDER, SMALLEST_DIVIDER);
        self.set(CONTROL, control);
        self
    }

    fn get(self, register: usize) -> u32 {
        // SAFETY: a register of a port that this board has; reading has no effect on memory.
        unsafe { read_volatile((self.0 + register) as *const u32) }
    }

    fn set(self, register: usize, value: u32) {
        // SAFETY: a register of a port that this board has; it moves bytes out of the port alone.
        unsafe { write_volatile((self.0 + register) as *mut u32, value) };
    }
}

impl Port for Uart {
    fn put(self, byte: u8) {
        while self.get(STATE) & STATE_TRANSMIT_FULL != 0 {}
        self.set(DATA, u32::from(byte));
    }

    fn take(self) -> Option<u8> {
        // Cleared first: a byte that arrives once this one is taken asks for an interrupt of its own.
        self.set(INTERRUPT_CLEAR, INTERRUPT_RECEIVE);
        (self.get(STATE) & STATE_RECEIVE_FULL != 0).then(|| self.get(DATA) as u8)
    }
}
