//! The wire protocol between a host and a robot.
//!
//! A frame is `COBS(postcard(message) ++ CRC-32C) ++ 0x00`: [`message`] says what is sent, [`frame`] how it becomes
//! bytes, [`sample`] how the sensors of one instant travel in several frames, [`robot_session`] what a robot does with what
//! it is told, [`host_session`] what a host makes of what a robot says, and [`authentication`] how datagrams prove who sent them. Nothing here allocates, reads a clock or does I/O:
//! a microcontroller runs the same code. `docs/protocol.md` of this crate specifies it for peers in other languages.

pub mod authentication;
pub mod frame;
#[cfg(test)]
mod golden;
pub mod host_session;
pub mod message;
pub mod robot_session;
pub mod sample;

pub use frame::{Decoder, FrameError, encode};
pub use message::{PROTOCOL_REVISION, PROTOCOL_VERSION, ToHost, ToRobot};
