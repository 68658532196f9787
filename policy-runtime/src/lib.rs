//! Runs a learned policy on a robot host or a microcontroller: deterministic, allocation-free, one control path.
//!
//! Data flows top-down through these layers:
//!
//! - [`interface`]: what a robot offers, its named sensors and actuators with units, frames and limits;
//! - [`contract`]: what a policy and a robot must agree on;
//! - [`observation`]: sensor samples become the policy's input;
//! - [`action`]: the policy's output becomes actuator commands.
//!
//! Between observation and action runs the policy itself:
//!
//! - `onnx` (feature `onnx`): writes, verifies and lowers `policy.onnx`, contract and golden pairs included;
//! - `policy_file` (feature `std`): reads either form from disk;
//! - `signature` (feature `signature`): who released the file, before anything in it is believed;
//! - [`image`]: the flat form that is executed in place;
//! - [`executor`]: one inference, over the arithmetic of [`kernel`] and [`math`], on a thread whose
//!   [`float_environment`] is IEEE 754's default;
//! - [`golden`]: the input and output pairs that prove an executor, bit for bit.
//!
//! Beside them stands what keeps a robot safe from the policy:
//!
//! - [`guard`]: sensors that say what the robot's owner does not allow;
//! - [`supervisor`]: who may command the robot;
//! - [`fallback`] and [`safe_action`]: what the host, and what the robot itself, does when the policy may not.
//!
//! Everything here is `no_std`, and nothing allocates, reads a clock, locks or panics after load: time and I/O are
//! passed in. The simulator calls the same code, so training and deployment cannot differ.

#![cfg_attr(not(feature = "std"), no_std)]

pub mod action;
pub mod contract;
pub mod controller;
#[cfg(feature = "std")]
pub mod document;
pub mod executor;
pub mod fallback;
pub mod float_environment;
pub mod golden;
pub mod guard;
mod hexadecimal;
pub mod image;
pub mod interface;
pub mod kernel;
pub mod math;
pub mod observation;
#[cfg(feature = "onnx")]
pub mod onnx;
#[cfg(feature = "std")]
pub mod policy_file;
pub mod safe_action;
#[cfg(feature = "signature")]
pub mod signature;
pub mod supervisor;

#[cfg(test)]
mod testing;
