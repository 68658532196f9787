//! The wire protocol between a host and a robot.
//!
//! A frame is `COBS(postcard(message) ++ CRC-32C) ++ 0x00`: [`message`] says what is sent, [`frame`] how it becomes
//! bytes. Nothing here allocates. `docs/protocol.md` of this crate specifies it for peers in other languages.

pub mod frame;
pub mod message;

pub use frame::{Decoder, FrameError, encode};
pub use message::{PROTOCOL_VERSION, ToHost, ToRobot};
