//! Where a link leads, as written on a command line.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkAddress {
    /// `udp:HOST:PORT`; the plant binds, the host connects. Beyond loopback with a key alone.
    Udp(SocketAddr),
    /// `serial:DEVICE@BAUD`.
    Serial {
        /// Such as `/dev/serial/by-id/…`.
        device: String,
        /// Bits a second.
        baud: u32,
    },
    /// `unix:PATH`: a socket in the file system; the plant listens, the host connects.
    Unix(String),
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
    #[error("link {found:?}: expected udp:HOST:PORT, serial:DEVICE@BAUD, unix:PATH, pty or inproc")]
    Unknown {
        /// What was written.
        found: String,
    },
    /// Not HOST:PORT.
    #[error("link {found:?}: expected udp:HOST:PORT with a numeric host, such as udp:127.0.0.1:7000")]
    Udp {
        /// What was written.
        found: String,
    },
    /// Not DEVICE@BAUD.
    #[error("link {found:?}: expected serial:DEVICE@BAUD, such as serial:/dev/ttyUSB0@921600")]
    Serial {
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
                address.parse().map(Self::Udp).map_err(|_| AddressError::Udp { found })
            }
            Some(("pty", path)) if !path.is_empty() => Ok(Self::Pty(Some(path.to_owned()))),
            Some(("serial", line)) => {
                // A device's own name may hold an @.
                let parts = line.rsplit_once('@').filter(|(device, _)| !device.is_empty());
                let parsed = parts.and_then(|(device, baud)| {
                    let baud = baud.parse().ok().filter(|baud| *baud > 0)?;
                    Some(Self::Serial { device: device.to_owned(), baud })
                });
                parsed.ok_or(AddressError::Serial { found })
            }
            Some(("unix", path)) if !path.is_empty() => Ok(Self::Unix(path.to_owned())),
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
            Self::Serial { device, baud } => write!(formatter, "serial:{device}@{baud}"),
            Self::Unix(path) => write!(formatter, "unix:{path}"),
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
        for text in [
            "udp:127.0.0.1:7000",
            "udp:192.168.1.2:0",
            "udp:[::1]:7000",
            "serial:/dev/ttyUSB0@921600",
            "serial:/dev/serial/by-id/a@b@9600",
            "unix:/run/robot",
            "pty",
            "pty:/dev/pts/3",
            "inproc",
        ] {
            assert_eq!(text.parse::<LinkAddress>().unwrap().to_string(), text);
        }
        assert_eq!("udp:localhost:7000".parse::<LinkAddress>().unwrap().to_string(), "udp:127.0.0.1:7000");
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_the_reason() {
        let error = |text: &str| text.parse::<LinkAddress>().unwrap_err().to_string();
        assert!(error("udp:robot").contains("udp:127.0.0.1:7000"));
        for line in
            ["serial:/dev/ttyUSB0", "serial:@9600", "serial:/dev/ttyUSB0@fast", "serial:/dev/ttyUSB0@0"]
        {
            let expected =
                format!("link {line:?}: expected serial:DEVICE@BAUD, such as serial:/dev/ttyUSB0@921600");
            assert_eq!(error(line), expected);
        }
        for unknown in ["telnet:robot", "pty:", "", "inproc:1", "UDP:127.0.0.1:7000", "unix:"] {
            let expected = "expected udp:HOST:PORT, serial:DEVICE@BAUD, unix:PATH, pty or inproc";
            assert_eq!(error(unknown), format!("link {unknown:?}: {expected}"));
        }
    }
}
