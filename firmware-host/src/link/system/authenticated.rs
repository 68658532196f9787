//! Datagrams that may leave loopback, because both ends prove themselves.
//!
//! [`AuthenticatedLink`] carries frames through a [`Channel`] that a handshake opens, over any UDP socket. While the other end
//! is heard, nothing else is listened to: a handshake begins only after silence, so a stranger can neither take a session
//! over nor make either end work for him. The number of datagrams that a tick looks at is bounded before anything is
//! verified, so a flood may silence a link, which is a fault like any other, and never makes a tick late.

use super::key_file::fresh_nonce;
use super::{Link, LinkCounters, LinkError};
use crate::rt::monotonic_ns;
use crate::wire::authentication::handshake::{
    CONFIRM_BYTES, INITIATE_BYTES, Initiator, RESPOND_BYTES, Responder,
};
use crate::wire::authentication::{Channel, Key, LARGEST_DATAGRAM, Rejected, kind};
use crate::wire::frame::LARGEST_FRAME;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Who has not been heard for so long is taken for gone, ns.
const SILENCE_NS: u64 = 500_000_000;
/// Between two attempts of a handshake, ns.
const ATTEMPT_NS: u64 = 50_000_000;
/// Steps of a handshake that a tick looks at: each takes some ten hashes, where a frame takes one pass.
const STEPS_PER_TICK: u32 = 2;

/// One end of a datagram link whose ends prove themselves: every frame is encrypted, authenticated and counted.
pub struct AuthenticatedLink {
    socket: UdpSocket,
    key: Key,
    side: Side,
    channel: Option<Channel>,
    heard_ns: u64,
    datagrams_per_tick: u32,
    /// Datagrams that this tick may still look at.
    budget: u32,
    /// And those among them that may be steps of a handshake.
    steps: u32,
    counters: LinkCounters,
}

enum Side {
    Host {
        handshake: Option<Initiator>,
        attempted_ns: u64,
        /// Sent along until the robot is heard: it may have been lost.
        confirmation: Option<[u8; CONFIRM_BYTES]>,
    },
    Robot {
        responder: Responder,
        /// Where the newest authentic datagram came from.
        peer: Option<SocketAddr>,
    },
}

impl AuthenticatedLink {
    /// The host's end.
    ///
    /// # Errors
    /// The operating system refused, or has no entropy.
    pub fn connect(address: SocketAddr, key: Key, datagrams_per_tick: u32) -> Result<Self, LinkError> {
        let open = |source| LinkError::Open { address: format!("udp:{address}"), source };
        let any: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).map_err(open)?;
        socket.connect(address).map_err(open)?;
        // A machine without entropy is refused here and not in flight.
        fresh_nonce()?;
        let side = Side::Host { handshake: None, attempted_ns: 0, confirmation: None };
        Self::new(socket, key, side, datagrams_per_tick).map_err(open)
    }

    /// The robot's end. Port 0 takes a free one.
    ///
    /// # Errors
    /// The address is taken or not this machine's, or the operating system has no entropy.
    pub fn bind(address: SocketAddr, key: Key, datagrams_per_tick: u32) -> Result<Self, LinkError> {
        let open = |source| LinkError::Open { address: format!("udp:{address}"), source };
        let socket = UdpSocket::bind(address).map_err(open)?;
        let side = Side::Robot { responder: Responder::new(key.clone(), fresh_nonce()?), peer: None };
        Self::new(socket, key, side, datagrams_per_tick).map_err(open)
    }

    fn new(socket: UdpSocket, key: Key, side: Side, datagrams_per_tick: u32) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            key,
            side,
            channel: None,
            heard_ns: 0,
            datagrams_per_tick,
            budget: datagrams_per_tick,
            steps: STEPS_PER_TICK,
            counters: LinkCounters::default(),
        })
    }

    /// The own address.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn address(&self) -> Result<SocketAddr, LinkError> {
        Ok(self.socket.local_addr()?)
    }

    /// Whether the other end was heard lately.
    fn is_alive(&self, now_ns: u64) -> bool {
        self.channel.is_some() && now_ns.saturating_sub(self.heard_ns) <= SILENCE_NS
    }

    /// The host begins a handshake, or repeats its first datagram, after silence.
    fn initiate(&mut self, now_ns: u64) {
        let alive = self.is_alive(now_ns);
        let Side::Host { handshake, attempted_ns, .. } = &mut self.side else { return };
        if alive || now_ns.saturating_sub(*attempted_ns) < ATTEMPT_NS {
            return;
        }
        if handshake.is_none() {
            // Entropy was there when the link was opened; without it the link stays silent.
            *handshake = fresh_nonce().ok().map(|nonce| Initiator::new(self.key.clone(), nonce));
        }
        if let Some(handshake) = handshake {
            *attempted_ns = now_ns;
            let _ = self.socket.send(&handshake.initiate());
        }
    }

    /// What one datagram says: a frame, whose length in `datagram` is returned, or a step of a handshake.
    fn take(
        &mut self,
        now_ns: u64,
        datagram: &mut [u8],
        sender: SocketAddr,
        frame: &mut [u8],
    ) -> Result<Option<usize>, Rejected> {
        let alive = self.is_alive(now_ns);
        if datagram[0] != kind::DATA {
            self.steps = self.steps.checked_sub(1).ok_or(Rejected::Unexpected)?;
        }
        match (&mut self.side, datagram.len()) {
            (Side::Host { handshake, confirmation, .. }, RESPOND_BYTES) if datagram[0] == kind::RESPOND => {
                let begun = handshake.as_ref().ok_or(Rejected::Unexpected)?;
                let (channel, confirm) = begun.finish(datagram)?;
                let _ = self.socket.send(&confirm);
                (*handshake, *confirmation) = (None, Some(confirm));
                (self.channel, self.heard_ns) = (Some(channel), now_ns);
                Ok(None)
            }
            (Side::Robot { responder, .. }, INITIATE_BYTES) if datagram[0] == kind::INITIATE => {
                if alive {
                    return Err(Rejected::Unexpected);
                }
                let _ = self.socket.send_to(&responder.respond(datagram)?, sender);
                Ok(None)
            }
            (Side::Robot { responder, peer }, CONFIRM_BYTES) if datagram[0] == kind::CONFIRM => {
                if alive {
                    return Err(Rejected::Unexpected);
                }
                let next = fresh_nonce().map_err(|_| Rejected::Unexpected)?;
                let channel = responder.confirm(datagram, next)?;
                *peer = Some(sender);
                (self.channel, self.heard_ns) = (Some(channel), now_ns);
                self.counters.sessions += 1;
                Ok(None)
            }
            (side, _) => {
                let channel = self.channel.as_mut().ok_or(Rejected::Unexpected)?;
                let first = !channel.has_heard();
                let opened = channel.open(datagram)?;
                let place = frame.get_mut(..opened.len()).ok_or(Rejected::Truncated)?;
                place.copy_from_slice(opened);
                self.heard_ns = now_ns;
                match side {
                    Side::Host { handshake, confirmation, .. } => {
                        self.counters.sessions += u64::from(first);
                        (*handshake, *confirmation) = (None, None);
                    }
                    Side::Robot { peer, .. } => *peer = Some(sender),
                }
                Ok(Some(opened.len()))
            }
        }
    }

    fn count(&mut self, rejected: Rejected) {
        let counter = match rejected {
            Rejected::Truncated => &mut self.counters.truncated,
            Rejected::Forged => &mut self.counters.forged,
            Rejected::Replayed => &mut self.counters.replayed,
            Rejected::Unexpected => &mut self.counters.unexpected,
        };
        *counter += 1;
    }
}

impl Link for AuthenticatedLink {
    fn begin_tick(&mut self) {
        self.counters.flooded_ticks += u64::from(self.budget == 0);
        (self.budget, self.steps) = (self.datagrams_per_tick, STEPS_PER_TICK);
        self.initiate(monotonic_ns());
    }

    fn counters(&self) -> LinkCounters {
        self.counters
    }

    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        if frame.len() > LARGEST_FRAME {
            return Err(LinkError::TooLong);
        }
        let channel = self.channel.as_mut().ok_or(LinkError::NoPeer)?;
        let mut buffer = [0; LARGEST_DATAGRAM];
        let datagram = channel.seal(frame, &mut buffer).ok_or(LinkError::TooLong)?;
        let sent = match &self.side {
            Side::Host { confirmation, .. } => {
                if let Some(confirmation) = confirmation {
                    let _ = self.socket.send(confirmation);
                }
                self.socket.send(datagram)
            }
            Side::Robot { peer, .. } => self.socket.send_to(datagram, peer.ok_or(LinkError::NoPeer)?),
        };
        match sent {
            Ok(_) => Ok(()),
            // The answer to an earlier datagram: nobody listened then, or nobody was in reach.
            Err(error) if is_absence(&error) => Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(LinkError::Full),
            Err(error) => Err(error.into()),
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        // One byte more than the largest datagram, so that a longer one is seen to be.
        let mut datagram = [0; LARGEST_DATAGRAM + 1];
        while self.budget > 0 {
            let (length, sender) = match self.socket.recv_from(&mut datagram) {
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
                Err(error) if is_absence(&error) => {
                    self.budget -= 1;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            self.budget -= 1;
            let taken = if length == 0 || length > LARGEST_DATAGRAM {
                Err(Rejected::Truncated)
            } else {
                self.take(monotonic_ns(), &mut datagram[..length], sender, buffer)
            };
            match taken {
                Ok(Some(length)) => {
                    self.counters.received += 1;
                    return Ok(length);
                }
                Ok(None) => {}
                Err(rejected) => self.count(rejected),
            }
        }
        Ok(0)
    }
}

/// What the network says of an earlier datagram; to those that follow it means nothing.
fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    const KEY: [u8; 32] = [3; 32];
    const BUDGET: u32 = 32;

    fn robot() -> AuthenticatedLink {
        AuthenticatedLink::bind((Ipv4Addr::LOCALHOST, 0).into(), Key::new(KEY), BUDGET).unwrap()
    }

    fn host_of(robot: &AuthenticatedLink, key: [u8; 32]) -> AuthenticatedLink {
        AuthenticatedLink::connect(robot.address().unwrap(), Key::new(key), BUDGET).unwrap()
    }

    /// Ticks both ends, which send their number, until `done` says so; false where that takes too long.
    fn tick_until(
        host: &mut AuthenticatedLink,
        robot: &mut AuthenticatedLink,
        mut done: impl FnMut(&AuthenticatedLink, &AuthenticatedLink) -> bool,
    ) -> bool {
        let begun = Instant::now();
        let mut buffer = [0; LARGEST_FRAME];
        while begun.elapsed() < Duration::from_secs(5) {
            for (link, own, other) in [(&mut *host, 1, 2), (&mut *robot, 2, 1)] {
                link.begin_tick();
                let _ = link.send(&[own, 0]);
                while link.receive(&mut buffer).unwrap() > 0 {
                    assert_eq!(buffer[..2], [other, 0]);
                }
            }
            if done(host, robot) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        false
    }

    fn established() -> (AuthenticatedLink, AuthenticatedLink) {
        let mut robot = robot();
        let mut host = host_of(&robot, KEY);
        let both = |host: &AuthenticatedLink, robot: &AuthenticatedLink| {
            host.counters.received > 3 && robot.counters.received > 3
        };
        assert!(tick_until(&mut host, &mut robot, both), "{:?} {:?}", host.counters, robot.counters);
        assert_eq!((host.counters.sessions, robot.counters.sessions), (1, 1));
        (host, robot)
    }

    #[test]
    fn frames_pass_once_both_ends_have_proved_themselves() {
        let (host, robot) = established();
        for counters in [host.counters, robot.counters] {
            assert_eq!((counters.forged, counters.truncated, counters.replayed), (0, 0, 0));
        }
    }

    #[test]
    fn a_host_with_another_key_hears_nothing() {
        let mut robot = robot();
        let mut host = host_of(&robot, [4; 32]);
        let never = |host: &AuthenticatedLink, robot: &AuthenticatedLink| {
            host.counters.received + robot.counters.received > 0 || robot.counters.forged > 3
        };
        assert!(tick_until(&mut host, &mut robot, never));
        assert_eq!((host.counters.received, robot.counters.received), (0, 0));
    }

    #[test]
    fn a_robot_and_a_host_that_begin_again_find_each_other() {
        let (mut host, robot) = established();
        let address = robot.address().unwrap();
        drop(robot);
        let mut robot = AuthenticatedLink::bind(address, Key::new(KEY), BUDGET).unwrap();
        assert!(tick_until(&mut host, &mut robot, |host, robot| {
            host.counters.sessions == 2 && robot.counters.received > 3
        }));
        // A host on another port takes over only once the one before has been silent.
        let mut next = host_of(&robot, KEY);
        let begun = Instant::now();
        assert!(tick_until(&mut next, &mut robot, |_, robot| robot.counters.sessions == 2));
        assert!(begun.elapsed() >= Duration::from_nanos(SILENCE_NS - ATTEMPT_NS));
    }

    #[test]
    fn hostile_datagrams_are_dropped_and_counted_and_the_session_goes_on() {
        let (mut host, mut robot) = established();
        let mut buffer = [0; LARGEST_FRAME];
        while robot.receive(&mut buffer).unwrap() > 0 {}
        let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let to = robot.address().unwrap();
        // What an eavesdropper could have: a datagram that passed, one that is changed, one of another key.
        let mut passed = [0; LARGEST_DATAGRAM];
        let passed = host.channel.as_mut().unwrap().seal(&[1, 0], &mut passed).unwrap().to_vec();
        host.socket.send(&passed).unwrap();
        assert!(tick_until(&mut host, &mut robot, |_, robot| robot.counters.received > 5));
        let before = robot.counters;
        let mut changed = passed.clone();
        changed[1..9].copy_from_slice(&u64::MAX.to_le_bytes());
        let initiation = Initiator::new(Key::new([4; 32]), [1; 32]).initiate();
        for datagram in [&passed[..], &changed, &passed[..20], &[], &[9; 2000], &initiation] {
            stranger.send_to(datagram, to).unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
        assert!(tick_until(&mut host, &mut robot, |_, robot| robot.counters.received > before.received + 5));
        let counters = robot.counters;
        let found = [
            counters.replayed - before.replayed,
            counters.forged - before.forged,
            counters.truncated - before.truncated,
            counters.unexpected - before.unexpected,
        ];
        assert_eq!(found, [1, 1, 3, 1], "{counters:?}");
        assert_eq!((counters.sessions, host.counters.sessions), (1, 1));
    }

    #[test]
    fn a_tick_looks_at_no_more_datagrams_than_its_budget() {
        let (mut host, mut robot) = established();
        let mut buffer = [0; LARGEST_FRAME];
        while robot.receive(&mut buffer).unwrap() > 0 {}
        let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        for _ in 0..3 * BUDGET {
            stranger.send_to(&[4; 40], robot.address().unwrap()).unwrap();
        }
        let dropped = |counters: LinkCounters| counters.forged + counters.replayed;
        let before = dropped(robot.counters);
        robot.begin_tick();
        assert_eq!(robot.receive(&mut buffer).unwrap(), 0);
        assert_eq!(dropped(robot.counters) - before, u64::from(BUDGET));
        assert_eq!(robot.receive(&mut buffer).unwrap(), 0);
        robot.begin_tick();
        assert_eq!((robot.counters.flooded_ticks, dropped(robot.counters) - before), (1, u64::from(BUDGET)));
        assert!(tick_until(&mut host, &mut robot, |_, robot| dropped(robot.counters) - before == 96));
    }
}
