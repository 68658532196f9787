//! Registers by their addresses.
#![allow(unsafe_code, reason = "registers")]

use core::ptr::{read_volatile, write_volatile};

/// Gives the bits of a mask their value.
pub(crate) fn change(register: usize, (mask, value): (u32, u32)) {
    set(register, get(register) & !mask | value);
}

pub(crate) fn get(register: usize) -> u32 {
    // SAFETY: a register that this processor has; reading has no effect on memory.
    unsafe { read_volatile(register as *const u32) }
}

pub(crate) fn set(register: usize, value: u32) {
    // SAFETY: a register that this processor has, of a peripheral that moves nothing to memory.
    unsafe { write_volatile(register as *mut u32, value) };
}
