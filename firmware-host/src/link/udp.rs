//! Datagrams on loopback: one frame each.

use super::{Link, LinkError, nothing_yet};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

/// One end of a datagram link.
pub struct UdpLink {
    socket: UdpSocket,
    /// To whom frames go; the bound end learns it from the first datagram.
    peer: Option<SocketAddr>,
}

impl UdpLink {
    /// The robot's end: answers to whoever spoke last. Port 0 takes a free one.
    ///
    /// # Errors
    /// The address is taken or not this machine's.
    pub fn bind(address: SocketAddr) -> Result<Self, LinkError> {
        let open = |source| LinkError::Open { address: format!("udp:{address}"), source };
        let socket = UdpSocket::bind(address).map_err(open)?;
        socket.set_nonblocking(true).map_err(open)?;
        Ok(Self { socket, peer: None })
    }

    /// The host's end.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn connect(address: SocketAddr) -> Result<Self, LinkError> {
        let open = |source| LinkError::Open { address: format!("udp:{address}"), source };
        let own: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::LOCALHOST, 0).into(),
            SocketAddr::V6(_) => (std::net::Ipv6Addr::LOCALHOST, 0).into(),
        };
        let socket = UdpSocket::bind(own).map_err(open)?;
        socket.connect(address).map_err(open)?;
        socket.set_nonblocking(true).map_err(open)?;
        Ok(Self { socket, peer: Some(address) })
    }

    /// The own address.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn address(&self) -> Result<SocketAddr, LinkError> {
        Ok(self.socket.local_addr()?)
    }
}

impl Link for UdpLink {
    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        let peer = self.peer.ok_or(LinkError::NoPeer)?;
        let sent = match self.socket.peer_addr() {
            Ok(_) => self.socket.send(frame),
            Err(_) => self.socket.send_to(frame, peer),
        };
        nothing_yet(sent).map(|_| ())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        match self.socket.recv_from(buffer) {
            Ok((length, sender)) => {
                self.peer = Some(sender);
                Ok(length)
            }
            Err(error) => nothing_yet(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_travel_both_ways_and_the_bound_end_learns_its_peer() {
        let mut robot = UdpLink::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        assert!(matches!(robot.send(&[1, 0]), Err(LinkError::NoPeer)));
        let mut host = UdpLink::connect(robot.address().unwrap()).unwrap();
        host.send(&[1, 2, 0]).unwrap();
        let mut buffer = [0; 16];
        while robot.receive(&mut buffer).unwrap() == 0 {
            std::thread::yield_now();
        }
        assert_eq!(buffer[..3], [1, 2, 0]);
        robot.send(&[9, 0]).unwrap();
        while host.receive(&mut buffer).unwrap() == 0 {
            std::thread::yield_now();
        }
        assert_eq!(buffer[..2], [9, 0]);
    }
}
