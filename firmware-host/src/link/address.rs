//! Where a link leads, as written on a command line.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkAddress {
    /// `udp:HOST:PORT`; the plant binds, the host connects. Loopback alone.
    Udp(SocketAddr),
    /// `pty`: the plant opens a pseudo-terminal and says its path; `pty:PATH` attaches to it.
    Pty(Option<String>),
    /// `inproc`: within one process.
    Inproc,
}

/// Why a link's address cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// No such kind of link.
    #[error("link {found:?}: expected udp:HOST:PORT, pty or inproc")]
    Unknown {
        /// What was written.
        found: String,
    },
    /// A kind that is specified and not built yet.
    #[error("link {found:?}: {kind} links are not in this version; use udp:HOST:PORT, pty or inproc")]
    NotInThisVersion {
        /// What was written.
        found: String,
        /// `serial` or `unix`.
        kind: &'static str,
    },
    /// Not HOST:PORT.
    #[error("link {found:?}: expected udp:HOST:PORT with a numeric host, such as udp:127.0.0.1:7000")]
    Udp {
        /// What was written.
        found: String,
    },
    /// Datagrams are not authenticated.
    #[error(
        "link {found:?}: datagrams leave loopback only when they are authenticated, which this version cannot do; use a loopback address such as 127.0.0.1"
    )]
    NotLoopback {
        /// What was written.
        found: String,
    },
}

impl FromStr for LinkAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let found = text.to_owned();
        match text.split_once(':') {
            Some(("udp", address)) => {
                let address = match address.strip_prefix("localhost:") {
                    Some(port) => format!("127.0.0.1:{port}"),
                    None => address.to_owned(),
                };
                let address: SocketAddr =
                    address.parse().map_err(|_| AddressError::Udp { found: found.clone() })?;
                if address.ip().is_loopback() {
                    Ok(Self::Udp(address))
                } else {
                    Err(AddressError::NotLoopback { found })
                }
            }
            Some(("pty", path)) if !path.is_empty() => Ok(Self::Pty(Some(path.to_owned()))),
            Some(("serial", _)) => Err(AddressError::NotInThisVersion { found, kind: "serial" }),
            Some(("unix", _)) => Err(AddressError::NotInThisVersion { found, kind: "unix" }),
            None if text == "pty" => Ok(Self::Pty(None)),
            None if text == "inproc" => Ok(Self::Inproc),
            _ => Err(AddressError::Unknown { found }),
        }
    }
}

impl fmt::Display for LinkAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(address) => match address.ip() {
                IpAddr::V4(host) => write!(formatter, "udp:{host}:{}", address.port()),
                IpAddr::V6(host) => write!(formatter, "udp:[{host}]:{}", address.port()),
            },
            Self::Pty(Some(path)) => write!(formatter, "pty:{path}"),
            Self::Pty(None) => formatter.write_str("pty"),
            Self::Inproc => formatter.write_str("inproc"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_back_as_they_are_written() {
        for text in
            ["udp:127.0.0.1:7000", "udp:127.3.0.1:0", "udp:[::1]:7000", "pty", "pty:/dev/pts/3", "inproc"]
        {
            assert_eq!(text.parse::<LinkAddress>().unwrap().to_string(), text);
        }
        assert_eq!("udp:localhost:7000".parse::<LinkAddress>().unwrap().to_string(), "udp:127.0.0.1:7000");
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_the_reason() {
        let error = |text: &str| text.parse::<LinkAddress>().unwrap_err().to_string();
        assert!(error("udp:192.168.1.2:7000").contains("leave loopback only when they are authenticated"));
        assert!(error("udp:robot").contains("udp:127.0.0.1:7000"));
        assert!(error("udp:[::]:7000").contains("leave loopback only when they are authenticated"));
        for unknown in ["telnet:robot", "pty:", "", "inproc:1", "UDP:127.0.0.1:7000"] {
            assert_eq!(error(unknown), format!("link {unknown:?}: expected udp:HOST:PORT, pty or inproc"));
        }
        assert!(error("serial:/dev/ttyUSB0@921600").contains("serial links are not in this version"));
        assert!(error("unix:/run/robot").contains("unix links are not in this version"));
    }
}
