//! What every Cortex-M has beside its maker's peripherals, for the boards' crates.
//!
//! - [`board`]: the board around a maker's chip, which is all that a port writes;
//! - [`line`]: serial lines, whose interrupts fill a [`ring`];
//! - [`clock`]: the core's timer;
//! - [`stack`]: how much of it was used;
//! - [`debugger`]: the end of a program under an emulator or a debugger;
//! - `program`: `main` of each program, as a macro.

#![no_std]

pub mod board;
pub mod clock;
pub mod debugger;
mod interrupts;
pub mod line;
mod program;
pub mod ring;
pub mod stack;

pub use sinew_firmware::{conformance, control, host, inference};
