//! Links: how frames travel between a host and a robot.
//!
//! A [`Link`] never blocks and never allocates once it is open, so a real-time tick can call it. Faults are injected by
//! [`FaultInjector`], a wrapper around the same trait, so what is tested is what flies. A microcontroller has the trait alone,
//! around a serial port of its board.

#[cfg(feature = "host")]
mod system;

#[cfg(feature = "host")]
pub(crate) use system::key_file;
#[cfg(feature = "host")]
pub use system::*;

use serde::{Deserialize, Serialize};
#[cfg(feature = "host")]
use std::io;

/// Why a link could not carry a frame.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The link cannot be opened.
    #[cfg(feature = "host")]
    #[error("cannot open {address}: {source}")]
    Open {
        /// Such as `udp:127.0.0.1:7000`.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The operating system refused.
    #[cfg(feature = "host")]
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A key is missing or cannot be used.
    #[cfg(feature = "host")]
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Datagrams would leave loopback without a key.
    #[cfg(feature = "host")]
    #[error("{address}: datagrams leave loopback only when they are authenticated; give a key")]
    NotLoopback {
        /// Such as `udp:192.168.1.2:7000`.
        address: String,
    },
    /// The link would be too full.
    #[cfg(feature = "host")]
    #[error(
        "{address}: {needed:.0} bytes/s {direction} at the longest frames, expected at most 80 % of the link's {capacity:.0} bytes/s; lower the rates or use a faster link"
    )]
    Bandwidth {
        /// The link.
        address: String,
        /// Which way.
        direction: &'static str,
        /// Bytes a second.
        needed: f64,
        /// Bytes a second.
        capacity: f64,
    },
    /// A link of this kind has no such end.
    #[cfg(feature = "host")]
    #[error("{address}: {expected}")]
    Unusable {
        /// The link.
        address: String,
        /// What can be used.
        expected: &'static str,
    },
    /// Nobody is at the other end, or nobody has proved to be.
    #[error("nobody has connected yet")]
    NoPeer,
    /// The other end has gone.
    #[error("the other end has gone")]
    Lost,
    /// The link's queue is full; the frame is lost.
    #[error("the link's queue is full")]
    Full,
    /// The frame is longer than the link carries.
    #[error("the frame is too long for the link")]
    TooLong,
}

/// What happened to the datagrams of a link; zeros where it counts nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkCounters {
    /// Datagrams or connections' pieces that were taken.
    pub received: u64,
    /// Shorter or longer than what they said that they were.
    pub truncated: u64,
    /// Changed on their way, or made with another key.
    pub forged: u64,
    /// Repeated or overtaken.
    pub replayed: u64,
    /// Of no session, or not awaited.
    pub unexpected: u64,
    /// Ticks in which more came than a tick looks at.
    pub flooded_ticks: u64,
    /// Handshakes that both ends completed, or connections that were made.
    pub sessions: u64,
}

/// Carries frames both ways.
pub trait Link: Send {
    /// A tick begins: what a link does for each tick it may do again. Never blocks, never allocates.
    fn begin_tick(&mut self) {}

    /// What happened so far.
    fn counters(&self) -> LinkCounters {
        LinkCounters::default()
    }

    /// Sends one frame, which ends in a zero, without blocking or allocating.
    ///
    /// # Errors
    /// The frame is lost; a later one may pass.
    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError>;

    /// Copies received bytes into `buffer` and says how many; 0 where there are none. Never blocks, never allocates.
    ///
    /// # Errors
    /// The operating system refused; a later call may succeed.
    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError>;
}
