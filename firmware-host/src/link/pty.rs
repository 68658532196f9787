//! A pseudo-terminal: what a serial line looks like to both ends, without the wire.

use super::{Link, LinkError, nothing_yet};
use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::OptionalActions;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;

/// One end of a pseudo-terminal in raw mode.
pub struct PtyLink {
    file: File,
    /// Kept open by the robot's end, so that the terminal outlives hosts that come and go.
    _other: Option<OwnedFd>,
}

impl PtyLink {
    /// The robot's end, and the path to which a host attaches.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn open() -> Result<(Self, String), LinkError> {
        let failed = |error: rustix::io::Errno| LinkError::Open { address: "pty".to_owned(), source: error.into() };
        let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).map_err(failed)?;
        rustix::pty::grantpt(&master).map_err(failed)?;
        rustix::pty::unlockpt(&master).map_err(failed)?;
        let path = rustix::pty::ptsname(&master, Vec::new()).map_err(failed)?.to_string_lossy().into_owned();
        let slave = open_raw(&path).map_err(failed)?;
        rustix::io::ioctl_fionbio(&master, true).map_err(failed)?;
        Ok((Self { file: File::from(master), _other: Some(slave) }, path))
    }

    /// The host's end.
    ///
    /// # Errors
    /// There is no such terminal.
    pub fn attach(path: &str) -> Result<Self, LinkError> {
        let failed =
            |error: rustix::io::Errno| LinkError::Open { address: format!("pty:{path}"), source: error.into() };
        Ok(Self { file: File::from(open_raw(path).map_err(failed)?), _other: None })
    }
}

/// Opens a terminal that passes every byte unchanged and never blocks.
fn open_raw(path: &str) -> rustix::io::Result<OwnedFd> {
    let terminal = rustix::fs::open(path, OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK, Mode::empty())?;
    let mut settings = rustix::termios::tcgetattr(&terminal)?;
    settings.make_raw();
    rustix::termios::tcsetattr(&terminal, OptionalActions::Now, &settings)?;
    Ok(terminal)
}

impl Link for PtyLink {
    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        match self.file.write(frame) {
            Ok(written) if written == frame.len() => Ok(()),
            // The rest would have to block: the receiver drops the part by its checksum.
            Ok(_) => Err(LinkError::Full),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(LinkError::Full),
            Err(error) => Err(error.into()),
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        nothing_yet(self.file.read(buffer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_value_passes_unchanged_both_ways() {
        let (mut robot, path) = PtyLink::open().unwrap();
        let mut host = PtyLink::attach(&path).unwrap();
        let bytes: Vec<u8> = (0..=255).collect();
        for (from, to) in [(true, "host to robot"), (false, "robot to host")] {
            let mut received = Vec::new();
            let mut buffer = [0; 512];
            let (sender, receiver): (&mut PtyLink, &mut PtyLink) =
                if from { (&mut host, &mut robot) } else { (&mut robot, &mut host) };
            sender.send(&bytes).unwrap();
            while received.len() < bytes.len() {
                let length = receiver.receive(&mut buffer).unwrap();
                received.extend_from_slice(&buffer[..length]);
            }
            assert_eq!(received, bytes, "{to}");
        }
    }

    #[test]
    fn a_terminal_that_does_not_exist_names_its_path() {
        let error = PtyLink::attach("/dev/pts/no-such").err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("pty:/dev/pts/no-such"), "{error}");
    }
}
