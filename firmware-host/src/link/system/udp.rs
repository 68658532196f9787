//! Datagrams on loopback: one frame each, without authentication.
//!
//! The robot's end of a [`UdpLink`] binds and answers to whoever spoke last, so a host that restarts on another port needs
//! no handshake here; which session the robot obeys is the wire protocol's matter.

use super::{Link, LinkAddress, LinkError, nothing_yet};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// One end of a datagram link.
pub struct UdpLink {
    socket: UdpSocket,
    peer: Peer,
}

/// To whom frames go.
#[derive(Clone, Copy)]
enum Peer {
    /// The socket's; it hears no other.
    Connected,
    /// Who spoke last, if anybody has.
    Learned(Option<SocketAddr>),
}

impl UdpLink {
    /// The robot's end: answers to whoever spoke last. Port 0 takes a free one.
    ///
    /// # Errors
    /// The address is not of loopback, or taken.
    pub fn bind(address: SocketAddr) -> Result<Self, LinkError> {
        loopback(address)?;
        let open = |source| LinkError::Open { address: format!("udp:{address}"), source };
        let socket = UdpSocket::bind(address).map_err(open)?;
        socket.set_nonblocking(true).map_err(open)?;
        Ok(Self { socket, peer: Peer::Learned(None) })
    }

    /// The host's end.
    ///
    /// # Errors
    /// The address is not of loopback, or the operating system refused.
    pub fn connect(address: SocketAddr) -> Result<Self, LinkError> {
        loopback(address)?;
        let open = |source| LinkError::Open { address: format!("udp:{address}"), source };
        let own: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let socket = UdpSocket::bind((own, 0)).map_err(open)?;
        socket.connect(address).map_err(open)?;
        socket.set_nonblocking(true).map_err(open)?;
        Ok(Self { socket, peer: Peer::Connected })
    }

    /// The own address.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn address(&self) -> Result<SocketAddr, LinkError> {
        Ok(self.socket.local_addr()?)
    }
}

/// Anybody could send what these links take, so nobody else may reach them.
fn loopback(address: SocketAddr) -> Result<(), LinkError> {
    if address.ip().is_loopback() {
        return Ok(());
    }
    Err(LinkError::NotLoopback { address: LinkAddress::Udp(address).to_string() })
}

impl Link for UdpLink {
    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        let sent = match self.peer {
            Peer::Connected => self.socket.send(frame),
            Peer::Learned(peer) => self.socket.send_to(frame, peer.ok_or(LinkError::NoPeer)?),
        };
        match sent {
            Ok(_) => Ok(()),
            // The answer to an earlier datagram: nobody listened then. This one is lost too, as one on a wire would be.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(LinkError::Full),
            Err(error) => Err(error.into()),
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        let received = self.socket.recv_from(buffer);
        if let (Ok((_, sender)), Peer::Learned(peer)) = (&received, &mut self.peer) {
            *peer = Some(*sender);
        }
        nothing_yet(received.map(|(length, _)| length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn await_bytes(link: &mut UdpLink, buffer: &mut [u8]) -> usize {
        loop {
            match link.receive(buffer).unwrap() {
                0 => std::thread::yield_now(),
                length => return length,
            }
        }
    }

    #[test]
    fn frames_travel_both_ways_and_the_bound_end_learns_its_peer() {
        let mut robot = UdpLink::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        assert!(matches!(robot.send(&[1, 0]), Err(LinkError::NoPeer)));
        let mut host = UdpLink::connect(robot.address().unwrap()).unwrap();
        host.send(&[1, 2, 0]).unwrap();
        let mut buffer = [0; 16];
        assert_eq!(await_bytes(&mut robot, &mut buffer), 3);
        assert_eq!(buffer[..3], [1, 2, 0]);
        robot.send(&[9, 0]).unwrap();
        assert_eq!(await_bytes(&mut host, &mut buffer), 2);
        assert_eq!(buffer[..2], [9, 0]);
    }

    #[test]
    fn the_bound_end_answers_to_whoever_spoke_last() {
        let mut robot = UdpLink::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = robot.address().unwrap();
        let mut buffer = [0; 16];
        for number in 1..=2 {
            let mut host = UdpLink::connect(address).unwrap();
            host.send(&[number, 0]).unwrap();
            await_bytes(&mut robot, &mut buffer);
            robot.send(&[number + 10, 0]).unwrap();
            await_bytes(&mut host, &mut buffer);
            assert_eq!(buffer[0], number + 10);
        }
    }

    #[test]
    fn a_robot_that_is_not_there_yet_is_silence_and_no_error() {
        let absent = UdpLink::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap().address().unwrap();
        let mut host = UdpLink::connect(absent).unwrap();
        let mut buffer = [0; 16];
        for _ in 0..10 {
            host.send(&[1, 0]).unwrap();
            assert_eq!(host.receive(&mut buffer).unwrap(), 0);
        }
    }

    #[test]
    fn an_address_that_is_taken_is_named() {
        let address = UdpLink::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let taken = address.address().unwrap();
        let error = UdpLink::bind(taken).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.starts_with(&format!("cannot open udp:{taken}: ")), "{error}");
    }
}
