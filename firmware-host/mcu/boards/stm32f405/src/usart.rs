//! The console: USART1, whose output is on the pin PA9.
#![allow(unsafe_code, reason = "registers")]

use core::ptr::{read_volatile, write_volatile};

const BAUD: u32 = 115_200;

/// Clocks of peripherals: port A, and USART1.
const CLOCKS_OF_PORTS: usize = 0x4002_3830;
const PORT_A: u32 = 1;
const CLOCKS_OF_SERIAL: usize = 0x4002_3844;
const USART_1: u32 = 1 << 4;

/// Port A: what a pin is, two bits each, and which function the upper eight have, four bits each.
const MODES: usize = 0x4002_0000;
const FUNCTIONS: usize = 0x4002_0024;
const PIN_9_MODE: (u32, u32) = (3 << 18, 2 << 18);
const PIN_9_FUNCTION: (u32, u32) = (15 << 4, 7 << 4);

/// USART1.
const STATUS: usize = 0x4001_1000;
const DATA: usize = 0x4001_1004;
const BAUD_DIVIDER: usize = 0x4001_1008;
const CONTROL: usize = 0x4001_100c;
const STATUS_TRANSMIT_EMPTY: u32 = 1 << 7;
const CONTROL_ENABLE: u32 = 1 << 13;
const CONTROL_TRANSMIT: u32 = 1 << 3;

/// The opened port.
pub struct Usart(());

impl Usart {
    /// Opens it, at 115,200 baud; `clock_hz` drives its bus.
    pub(crate) fn console(clock_hz: u32) -> Self {
        change(CLOCKS_OF_PORTS, (PORT_A, PORT_A));
        change(CLOCKS_OF_SERIAL, (USART_1, USART_1));
        change(FUNCTIONS, PIN_9_FUNCTION);
        change(MODES, PIN_9_MODE);
        set(BAUD_DIVIDER, (clock_hz + BAUD / 2) / BAUD);
        set(CONTROL, CONTROL_ENABLE | CONTROL_TRANSMIT);
        Self(())
    }

    /// Sends bytes, waiting for each.
    pub fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            while get(STATUS) & STATUS_TRANSMIT_EMPTY == 0 {}
            set(DATA, u32::from(*byte));
        }
    }
}

/// Gives the bits of a mask their value.
fn change(register: usize, (mask, value): (u32, u32)) {
    set(register, get(register) & !mask | value);
}

fn get(register: usize) -> u32 {
    // SAFETY: a register that this processor has; reading has no effect on memory.
    unsafe { read_volatile(register as *const u32) }
}

fn set(register: usize, value: u32) {
    // SAFETY: a register that this processor has, of a peripheral that moves nothing to memory.
    unsafe { write_volatile(register as *mut u32, value) };
}
