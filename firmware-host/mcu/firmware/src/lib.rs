//! What a microcontroller runs, for any board.
//!
//! - [`board`]: what a board must offer;
//! - [`console`]: text without the cost of formatting;
//! - [`conformance`]: real exports, whose bits a workstation compares;
//! - [`inference`]: what one inference costs;
//! - [`control`]: decode, tick, encode, without a panic anywhere;
//! - [`host`]: a robot's host on a serial line.
//!
//! Nothing here touches a register: a board's crate holds `main`, lends its memory and its peripherals, and calls one of
//! these.

#![no_std]

pub mod board;
pub mod conformance;
pub mod console;
pub mod control;
pub mod host;
pub mod inference;
