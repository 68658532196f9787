//! A pseudo-terminal: what a serial line looks like to both ends, without the wire.
//!
//! A terminal may take half a frame. [`PtyLink`] keeps the other half and sends it first next time, so a reader that falls
//! behind loses whole frames and never the one behind a half.

use super::{Link, LinkError, nothing_yet};
use crate::wire::frame::LARGEST_FRAME;
use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::OptionalActions;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;

/// One end of a pseudo-terminal in raw mode.
pub struct PtyLink {
    file: File,
    /// What the terminal has not taken yet of a frame that it began.
    unsent: [u8; LARGEST_FRAME],
    unsent_length: usize,
    /// Kept open by the robot's end, so that the terminal outlives hosts that come and go.
    _other: Option<OwnedFd>,
}

impl PtyLink {
    /// The robot's end, and the path to which a host attaches.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn open() -> Result<(Self, String), LinkError> {
        let failed =
            |error: rustix::io::Errno| LinkError::Open { address: "pty".to_owned(), source: error.into() };
        let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).map_err(failed)?;
        rustix::pty::grantpt(&master).map_err(failed)?;
        rustix::pty::unlockpt(&master).map_err(failed)?;
        let path = rustix::pty::ptsname(&master, Vec::new()).map_err(failed)?.to_string_lossy().into_owned();
        let slave = open_raw(&path).map_err(failed)?;
        rustix::io::ioctl_fionbio(&master, true).map_err(failed)?;
        Ok((Self::new(master, Some(slave)), path))
    }

    /// The host's end.
    ///
    /// # Errors
    /// There is no such terminal.
    pub fn attach(path: &str) -> Result<Self, LinkError> {
        let failed = |error: rustix::io::Errno| LinkError::Open {
            address: format!("pty:{path}"),
            source: error.into(),
        };
        Ok(Self::new(open_raw(path).map_err(failed)?, None))
    }

    fn new(end: OwnedFd, other: Option<OwnedFd>) -> Self {
        Self { file: File::from(end), unsent: [0; LARGEST_FRAME], unsent_length: 0, _other: other }
    }

    /// Sends what is left of a frame that was begun.
    fn flush(&mut self) -> Result<(), LinkError> {
        if self.unsent_length > 0 {
            let written = taken(self.file.write(&self.unsent[..self.unsent_length]))?;
            self.unsent.copy_within(written..self.unsent_length, 0);
            self.unsent_length -= written;
        }
        Ok(())
    }
}

/// How many bytes a terminal took; none where it is full or was interrupted.
fn taken(result: io::Result<usize>) -> Result<usize, LinkError> {
    match result {
        Ok(written) => Ok(written),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
        Err(error) => Err(error.into()),
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
        if frame.len() > LARGEST_FRAME {
            return Err(LinkError::TooLong);
        }
        self.flush()?;
        let written = if self.unsent_length == 0 { taken(self.file.write(frame))? } else { 0 };
        if written == 0 {
            return Err(LinkError::Full);
        }
        let rest = &frame[written..];
        self.unsent[..rest.len()].copy_from_slice(rest);
        self.unsent_length = rest.len();
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        self.flush()?;
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
    fn a_reader_that_falls_behind_loses_whole_frames_alone() {
        let (mut robot, path) = PtyLink::open().unwrap();
        let mut host = PtyLink::attach(&path).unwrap();
        // No divisor of any buffer's size, so that some frame is cut.
        let frame = |number: u8| [number; 1021];
        let mut accepted = Vec::new();
        for number in (1..=255).cycle() {
            match robot.send(&frame(number)) {
                Ok(()) => accepted.extend_from_slice(&frame(number)),
                Err(LinkError::Full) => break,
                Err(error) => panic!("{error}"),
            }
        }
        // A zero marks the end, as soon as there is room for it again.
        let (mut received, mut buffer, mut ended) = (Vec::new(), [0; 512], false);
        while received.last() != Some(&0) {
            let length = host.receive(&mut buffer).unwrap();
            received.extend_from_slice(&buffer[..length]);
            ended |= !ended && robot.send(&[0]).is_ok();
        }
        received.pop();
        assert!(received == accepted, "{} bytes of {}", received.len(), accepted.len());
    }

    #[test]
    fn a_terminal_that_does_not_exist_names_its_path() {
        let error =
            PtyLink::attach("/dev/pts/no-such").err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("pty:/dev/pts/no-such"), "{error}");
    }
}
