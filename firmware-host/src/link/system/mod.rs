//! The links of a host with an operating system, and what is injected into them, merged or measured.

mod address;
mod authenticated;
mod fault;
mod inproc;
pub(crate) mod key_file;
mod merged;
mod open;
mod pty;
mod serial;
mod stream;
mod traffic;
mod udp;
mod unix;

pub use address::{AddressError, LinkAddress};
pub use authenticated::AuthenticatedLink;
pub use fault::{
    Direction, FaultClock, FaultCounts, FaultInjector, FaultKind, FaultPlan, FaultPlanError, FaultWindow,
};
pub use inproc::inproc_pair;
pub use key_file::{KeyError, fresh_nonce, read_key, write_key};
pub use merged::MergedLink;
pub use open::{open_host_end, open_robot_end};
pub use pty::PtyLink;
pub use serial::SerialLink;
pub use traffic::{LARGEST_SHARE, Traffic};
pub use udp::UdpLink;
pub use unix::UnixLink;

use super::{Link, LinkCounters, LinkError};
use std::io;

impl Link for Box<dyn Link> {
    fn begin_tick(&mut self) {
        (**self).begin_tick();
    }

    fn counters(&self) -> LinkCounters {
        (**self).counters()
    }

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
