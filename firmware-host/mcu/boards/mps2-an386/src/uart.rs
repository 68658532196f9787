//! The board's serial ports: Arm's CMSDK UART.
#![allow(unsafe_code, reason = "registers")]

use core::ptr::{read_volatile, write_volatile};

/// Where the first port's registers lie.
const UART_0: usize = 0x4000_4000;
/// Registers, bytes behind the port's address.
const DATA: usize = 0x00;
const STATE: usize = 0x04;
const CONTROL: usize = 0x08;
const BAUD_DIVIDER: usize = 0x10;
const STATE_TRANSMIT_FULL: u32 = 1;
const CONTROL_TRANSMIT: u32 = 1;
/// The smallest that the port takes: 1.5 Mbaud at 25 MHz.
const SMALLEST_DIVIDER: u32 = 16;

/// One serial port.
pub struct Uart(usize);

impl Uart {
    /// The first port, for text.
    pub(crate) fn console() -> Self {
        let uart = Self(UART_0);
        uart.set(BAUD_DIVIDER, SMALLEST_DIVIDER);
        uart.set(CONTROL, CONTROL_TRANSMIT);
        uart
    }

    /// Sends bytes, waiting for each.
    pub fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            while self.get(STATE) & STATE_TRANSMIT_FULL != 0 {}
            self.set(DATA, u32::from(*byte));
        }
    }

    fn get(&self, register: usize) -> u32 {
        // SAFETY: a register of a port that this board has; reading has no effect on memory.
        unsafe { read_volatile((self.0 + register) as *const u32) }
    }

    fn set(&self, register: usize, value: u32) {
        // SAFETY: a register of a port that this board has; it moves bytes out of the port alone.
        unsafe { write_volatile((self.0 + register) as *mut u32, value) };
    }
}
