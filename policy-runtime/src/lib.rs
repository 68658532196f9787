//! Runs a learned policy on a robot host or a microcontroller: deterministic, allocation-free, one control path.
//!
//! Data flows top-down through these layers:
//!
//! - [`interface`]: what a robot offers, its named sensors and actuators with units, frames and limits;
//! - [`contract`]: what a policy and a robot must agree on;
//! - [`observation`]: sensor samples become the policy's input;
//! - [`action`]: the policy's output becomes actuator commands.
//!
//! Everything here is `no_std`, and nothing allocates, reads a clock, locks or panics after load: time and I/O are
//! passed in. The simulator calls the same code, so training and deployment cannot differ.

#![cfg_attr(not(feature = "std"), no_std)]

pub mod action;
pub mod contract;
pub mod interface;
pub mod math;
pub mod observation;

#[cfg(test)]
mod testing;
