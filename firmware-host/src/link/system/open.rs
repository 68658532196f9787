//! Opens either end of a link by its address.
//!
//! This is where it is decided that datagrams stay on loopback unless both ends hold a key, and that no link is opened that
//! cannot carry its traffic.

use super::{
    AuthenticatedLink, Link, LinkAddress, LinkError, PtyLink, SerialLink, Traffic, UdpLink, UnixLink,
};
use crate::wire::authentication::Key;

/// The end of a host, which connects.
///
/// # Errors
/// The link cannot be opened, cannot carry `traffic`, has no such end, or would need a key.
pub fn open_host_end(
    address: &LinkAddress,
    key: Option<Key>,
    traffic: &Traffic,
) -> Result<Box<dyn Link>, LinkError> {
    check(address, key.is_some(), traffic)?;
    Ok(match (address, key) {
        (LinkAddress::Udp(address), Some(key)) => {
            Box::new(AuthenticatedLink::connect(*address, key, traffic.datagrams_per_host_tick())?)
        }
        (LinkAddress::Udp(address), None) => Box::new(UdpLink::connect(*address)?),
        (LinkAddress::Pty(Some(path)), _) => Box::new(PtyLink::attach(path)?),
        (LinkAddress::Serial { device, baud }, _) => Box::new(SerialLink::open(device, *baud)?),
        (LinkAddress::Unix(path), _) => Box::new(UnixLink::connect(path)?),
        (LinkAddress::Pty(None) | LinkAddress::Inproc, _) => {
            let expected = "a host connects to udp:HOST:PORT, serial:DEVICE@BAUD, unix:PATH or pty:PATH";
            return Err(LinkError::Unusable { address: address.to_string(), expected });
        }
    })
}

/// The end of a robot that reads `reads_hz` times a second, which waits to be connected to; and the address under which a
/// host finds it.
///
/// # Errors
/// The link cannot be opened, cannot carry `traffic`, has no such end, or would need a key.
pub fn open_robot_end(
    address: &LinkAddress,
    key: Option<Key>,
    traffic: &Traffic,
    reads_hz: f64,
) -> Result<(Box<dyn Link>, LinkAddress), LinkError> {
    check(address, key.is_some(), traffic)?;
    Ok(match (address, key) {
        (LinkAddress::Udp(address), Some(key)) => {
            let link = AuthenticatedLink::bind(*address, key, traffic.datagrams_per_robot_read(reads_hz))?;
            let bound = LinkAddress::Udp(link.address()?);
            (Box::new(link), bound)
        }
        (LinkAddress::Udp(address), None) => {
            let link = UdpLink::bind(*address)?;
            let bound = LinkAddress::Udp(link.address()?);
            (Box::new(link), bound)
        }
        (LinkAddress::Pty(None), _) => {
            let (link, path) = PtyLink::open()?;
            (Box::new(link), LinkAddress::Pty(Some(path)))
        }
        (LinkAddress::Serial { device, baud }, _) => {
            (Box::new(SerialLink::open(device, *baud)?), address.clone())
        }
        (LinkAddress::Unix(path), _) => (Box::new(UnixLink::bind(path)?), address.clone()),
        (LinkAddress::Pty(Some(_)) | LinkAddress::Inproc, _) => {
            let expected =
                "a plant of its own process listens on udp:HOST:PORT, serial:DEVICE@BAUD, unix:PATH or pty";
            return Err(LinkError::Unusable { address: address.to_string(), expected });
        }
    })
}

/// Whether a link may be opened at all.
fn check(address: &LinkAddress, has_key: bool, traffic: &Traffic) -> Result<(), LinkError> {
    match address {
        LinkAddress::Udp(socket) if !has_key && !socket.ip().is_loopback() => {
            Err(LinkError::NotLoopback { address: address.to_string() })
        }
        LinkAddress::Udp(_) => traffic.check(address),
        _ if has_key => {
            let expected = "a key authenticates datagrams, which udp:HOST:PORT alone sends";
            Err(LinkError::Unusable { address: address.to_string(), expected })
        }
        _ => traffic.check(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sinew_policy_runtime::interface::Interface;

    fn refusal(address: &str, key: Option<Key>) -> String {
        let (address, traffic) =
            (address.parse().unwrap(), Traffic::new(&Interface::default(), 100.0, 100.0));
        let host = open_host_end(&address, key.clone(), &traffic).err().map(|error| error.to_string());
        let robot = open_robot_end(&address, key, &traffic, 100.0).err().map(|error| error.to_string());
        assert_eq!(host.is_some(), robot.is_some(), "{address}");
        host.unwrap_or_default()
    }

    #[test]
    fn datagrams_leave_loopback_only_with_a_key() {
        for address in ["udp:192.0.2.1:7000", "udp:0.0.0.0:0", "udp:[::]:0"] {
            let reason = "datagrams leave loopback only when they are authenticated; give a key";
            assert_eq!(refusal(address, None), format!("{address}: {reason}"));
        }
        assert_eq!(refusal("udp:127.0.0.1:0", None), "");
        assert_eq!(refusal("udp:127.0.0.1:0", Some(Key::new([3; 32]))), "");
    }

    #[test]
    fn a_key_for_a_link_without_datagrams_is_a_mistake() {
        let found = refusal("unix:no-such", Some(Key::new([3; 32])));
        assert_eq!(found, "unix:no-such: a key authenticates datagrams, which udp:HOST:PORT alone sends");
        assert!(refusal("inproc", None).starts_with("inproc: a host connects to udp:HOST:PORT"));
    }
}
