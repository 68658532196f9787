//! A pseudo-terminal: what a serial line looks like to both ends, without the wire.
//!
//! The robot's end keeps the terminal open, so that it outlives hosts that come and go; a host whose terminal vanished
//! attaches again when there is one under its path.

use super::stream::{Reconnecting, Stream};
use super::{Link, LinkCounters, LinkError};
use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::OptionalActions;
use std::fs::File;
use std::os::fd::OwnedFd;

/// One end of a pseudo-terminal in raw mode.
pub struct PtyLink(End);

enum End {
    Robot {
        stream: Box<Stream>,
        /// Kept open, so that the terminal outlives hosts that come and go.
        _other: OwnedFd,
    },
    Host(Box<Reconnecting>),
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
        let stream = Box::new(Stream::new(File::from(master)));
        Ok((Self(End::Robot { stream, _other: slave }), path))
    }

    /// The host's end.
    ///
    /// # Errors
    /// There is no such terminal.
    pub fn attach(path: &str) -> Result<Self, LinkError> {
        let device = path.to_owned();
        let open = move || Ok(File::from(open_raw(&device)?));
        Ok(Self(End::Host(Box::new(Reconnecting::open(format!("pty:{path}"), open)?))))
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
    fn counters(&self) -> LinkCounters {
        match &self.0 {
            End::Robot { .. } => LinkCounters::default(),
            End::Host(link) => link.counters(),
        }
    }

    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        match &mut self.0 {
            End::Robot { stream, .. } => stream.send(frame),
            End::Host(link) => link.send(frame),
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        match &mut self.0 {
            End::Robot { stream, .. } => stream.receive(buffer),
            End::Host(link) => link.receive(buffer),
        }
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
