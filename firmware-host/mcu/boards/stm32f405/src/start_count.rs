//! How often the board was started: a count in a register of the clock that its battery keeps.
//!
//! Without a battery on VBAT the count begins anew when power is lost. A robot that outlives that takes the repeated session for
//! the old one and drops its frames as old, until it has disarmed itself: nothing moves that should not.

use crate::register::{change, get, set};

/// Clocks of peripherals: the power controller.
const CLOCKS: usize = 0x4002_3840;
const POWER: (u32, u32) = (1 << 28, 1 << 28);
/// Lifts the write protection of what the battery keeps.
const POWER_CONTROL: usize = 0x4000_7000;
const UNPROTECTED: (u32, u32) = (1 << 8, 1 << 8);
/// The first register that is for programs.
const COUNT: usize = 0x4000_2850;

/// Counts a start, and says which it is.
pub(crate) fn next() -> u64 {
    change(CLOCKS, POWER);
    change(POWER_CONTROL, UNPROTECTED);
    set(COUNT, get(COUNT).wrapping_add(1));
    get(COUNT).into()
}
