//! How much stack was used: the free part is painted at the start, and what has lost its paint was in use.
#![allow(unsafe_code, reason = "memory between the variables and the stack's present end")]

use core::ptr::{addr_of, read_volatile, write_volatile};

const PAINT: u32 = 0x5a5a_5a5a;
/// Painted below the stack's end at the start, bytes: more than any program here needs.
const PAINTED: usize = 256 * 1024;

unsafe extern "C" {
    /// The stack's highest address, where it begins.
    static _stack_start: u32;
    /// The end of all variables.
    static __sheap: u32;
    /// The beginning of all variables.
    static __sdata: u32;
}

/// The painted memory.
pub struct Paint {
    lowest: usize,
}

impl Paint {
    /// Paints below the caller's frame. To be called once, at the start.
    #[inline(never)]
    pub fn apply() -> Self {
        let end = cortex_m::register::msp::read() as usize;
        let variables = addr_of!(__sheap) as usize;
        let lowest = variables.max(end.saturating_sub(PAINTED));
        // Not this function's own frame.
        for address in (lowest..end.saturating_sub(64)).step_by(4) {
            // SAFETY: aligned memory above all variables and below everything that is on the stack.
            unsafe { write_volatile(address as *mut u32, PAINT) };
        }
        Self { lowest }
    }

    /// From the stack's beginning to the lowest word that has lost its paint, bytes.
    pub fn used(&self) -> usize {
        let start = addr_of!(_stack_start) as usize;
        let mut address = self.lowest;
        // SAFETY: aligned memory between the variables and the stack's beginning.
        while address < start && unsafe { read_volatile(address as *const u32) } == PAINT {
            address += 4;
        }
        start - address
    }
}

/// Bytes of all variables.
pub fn static_bytes() -> usize {
    addr_of!(__sheap) as usize - addr_of!(__sdata) as usize
}
