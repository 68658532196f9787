//! What every Cortex-M has beside its maker's peripherals, for the boards' crates.
//!
//! - [`clock`]: the core's timer;
//! - [`stack`]: how much of it was used;
//! - [`debugger`]: the end of a program under an emulator or a debugger.

#![no_std]

pub mod clock;
pub mod debugger;
pub mod stack;
