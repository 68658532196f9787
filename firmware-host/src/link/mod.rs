//! Links: how frames travel between a host and a robot.
//!
//! A [`Link`] never blocks and never allocates once it is open, so a real-time tick can call it. Faults are injected by
//! [`FaultInjector`], a wrapper around the same trait, so what is tested is what flies.

mod address;
mod fault;
mod inproc;
mod pty;
mod udp;

pub use address::{AddressError, LinkAddress};
pub use fault::{
    Direction, FaultClock, FaultCounts, FaultInjector, FaultKind, FaultPlan, FaultPlanError, FaultWindow,
};
pub use inproc::inproc_pair;
pub use pty::PtyLink;
pub use udp::UdpLink;

use std::io;

/// Why a link could not carry a frame.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The link cannot be opened.
    #[error("cannot open {address}: {source}")]
    Open {
        /// Such as `udp:127.0.0.1:7000`.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Nobody has spoken on a link that answers to whoever does.
    #[error("nobody has connected yet")]
    NoPeer,
    /// The link's queue is full; the frame is lost.
    #[error("the link's queue is full")]
    Full,
    /// The frame is longer than the link carries.
    #[error("the frame is too long for the link")]
    TooLong,
}

/// Carries frames both ways.
pub trait Link: Send {
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

impl Link for Box<dyn Link> {
    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        (**self).send(frame)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        (**self).receive(buffer)
    }
}

/// Maps "nothing there yet" to an empty read.
fn nothing_yet(result: io::Result<usize>) -> Result<usize, LinkError> {
    match result {
        Ok(length) => Ok(length),
        // A refused datagram means that nobody listens yet: on loopback the sender hears of it on its next read.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionRefused) =>
        {
            Ok(0)
        }
        Err(error) => Err(error.into()),
    }
}
