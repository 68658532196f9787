//! A socket in the file system: two processes on one machine, reliable and in order.
//!
//! The robot's end listens and serves one host at a time; the next one waits until the first has gone. Only the owner may
//! connect: the socket's file has mode 0600.

use super::stream::{Reconnecting, Stream};
use super::{Link, LinkCounters, LinkError};
use std::fs::{File, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

/// One end of a socket.
pub struct UnixLink(End);

enum End {
    Robot(Box<Listening>),
    Host(Box<Reconnecting>),
}

/// The robot's end; a host that connects costs it no memory.
struct Listening {
    listener: UnixListener,
    path: PathBuf,
    stream: Option<Stream>,
    counters: LinkCounters,
}

impl UnixLink {
    /// The robot's end. A socket that nobody listens on any more is replaced.
    ///
    /// # Errors
    /// The path is taken by a socket in use or by another kind of file, or cannot be made.
    pub fn bind(path: &str) -> Result<Self, LinkError> {
        let listener =
            listen(path).map_err(|source| LinkError::Open { address: format!("unix:{path}"), source })?;
        let (path, counters) = (PathBuf::from(path), LinkCounters::default());
        Ok(Self(End::Robot(Box::new(Listening { listener, path, stream: None, counters }))))
    }

    /// The host's end; it connects again when the robot's end has gone and come back.
    ///
    /// # Errors
    /// Nobody listens there.
    pub fn connect(path: &str) -> Result<Self, LinkError> {
        let (address, path) = (format!("unix:{path}"), path.to_owned());
        let open = move || file(UnixStream::connect(&path)?);
        Ok(Self(End::Host(Box::new(Reconnecting::open(address, open)?))))
    }
}

fn listen(path: &str) -> io::Result<UnixListener> {
    let left_behind = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if left_behind
        && UnixStream::connect(path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn file(stream: UnixStream) -> io::Result<File> {
    stream.set_nonblocking(true)?;
    Ok(File::from(OwnedFd::from(stream)))
}

impl Listening {
    /// The stream of the host that has connected, if one has.
    fn accepted(&mut self) -> Option<&mut Stream> {
        if self.stream.is_none()
            && let Ok((connected, _)) = self.listener.accept()
            && let Ok(file) = file(connected)
        {
            self.counters.sessions += 1;
            self.stream = Some(Stream::new(file));
        }
        self.stream.as_mut()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // Whoever comes next replaces it otherwise.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Link for Listening {
    fn counters(&self) -> LinkCounters {
        self.counters
    }

    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        let sent = self.accepted().ok_or(LinkError::NoPeer)?.send(frame);
        if matches!(sent, Err(LinkError::Io(_))) {
            self.stream = None;
        }
        sent
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        let Some(stream) = self.accepted() else { return Ok(0) };
        match stream.receive(buffer) {
            Err(LinkError::Io(_) | LinkError::Lost) => {
                self.stream = None;
                // What is left of a frame of the host that went ends here.
                buffer.first_mut().map_or(Ok(0), |first| {
                    *first = 0;
                    Ok(1)
                })
            }
            received => {
                self.counters.received += u64::from(matches!(received, Ok(1..)));
                received
            }
        }
    }
}

impl Link for UnixLink {
    fn counters(&self) -> LinkCounters {
        match &self.0 {
            End::Robot(link) => link.counters(),
            End::Host(link) => link.counters(),
        }
    }

    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        match &mut self.0 {
            End::Robot(link) => link.send(frame),
            End::Host(link) => link.send(frame),
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        match &mut self.0 {
            End::Robot(link) => link.receive(buffer),
            End::Host(link) => link.receive(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn path(name: &str) -> String {
        let file = format!("sinew-{name}-{}.socket", std::process::id());
        std::env::temp_dir().join(file).to_str().unwrap().to_owned()
    }

    /// The first frame of `length` bytes that arrives, while `keep_sending` is called.
    fn awaited(link: &mut UnixLink, length: usize, mut keep_sending: impl FnMut()) -> Vec<u8> {
        let (begun, mut received, mut buffer) = (Instant::now(), Vec::new(), [0; 64]);
        while received.len() < length && begun.elapsed() < Duration::from_secs(10) {
            keep_sending();
            let count = link.receive(&mut buffer).unwrap();
            received.extend_from_slice(&buffer[..count]);
            std::thread::sleep(Duration::from_millis(1));
        }
        received
    }

    #[test]
    fn frames_travel_both_ways_and_only_the_owner_may_connect() {
        let path = path("both");
        let mut robot = UnixLink::bind(&path).unwrap();
        assert!(matches!(robot.send(&[1, 0]), Err(LinkError::NoPeer)));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let mut host = UnixLink::connect(&path).unwrap();
        host.send(&[1, 2, 0]).unwrap();
        assert_eq!(awaited(&mut robot, 3, || ()), [1, 2, 0]);
        robot.send(&[9, 0]).unwrap();
        assert_eq!(awaited(&mut host, 2, || ()), [9, 0]);
    }

    #[test]
    fn the_second_host_waits_until_the_first_has_gone() {
        let path = path("second");
        let mut robot = UnixLink::bind(&path).unwrap();
        let mut first = UnixLink::connect(&path).unwrap();
        first.send(&[1, 0]).unwrap();
        assert_eq!(awaited(&mut robot, 2, || ()), [1, 0]);
        let mut second = UnixLink::connect(&path).unwrap();
        second.send(&[2, 0]).unwrap();
        first.send(&[3]).unwrap();
        assert_eq!(awaited(&mut robot, 1, || ()), [3]);
        drop(first);
        // The half frame of the first ends before the second's begins.
        assert_eq!(awaited(&mut robot, 3, || ()), [0, 2, 0]);
    }

    #[test]
    fn a_host_connects_again_and_a_socket_that_was_left_behind_is_replaced() {
        let path = path("again");
        let mut robot = UnixLink::bind(&path).unwrap();
        let mut host = UnixLink::connect(&path).unwrap();
        host.send(&[1, 0]).unwrap();
        assert_eq!(awaited(&mut robot, 2, || ()), [1, 0]);
        drop(robot);
        // As a process leaves it that was killed.
        drop(UnixListener::bind(&path).unwrap());
        let mut robot = UnixLink::bind(&path).unwrap();
        let found = awaited(&mut robot, 3, || {
            let _ = host.send(&[2, 0]);
            let _ = host.receive(&mut [0; 8]);
        });
        assert_eq!(found[..3], [0, 2, 0], "the zero ends what was cut off");
        assert!(host.counters().sessions >= 2);
    }

    #[test]
    fn a_path_in_use_or_without_a_listener_is_named() {
        let path = path("taken");
        let error = UnixLink::connect(&path).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.starts_with(&format!("cannot open unix:{path}: No such file")), "{error}");
        let _robot = UnixLink::bind(&path).unwrap();
        let error = UnixLink::bind(&path).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.starts_with(&format!("cannot open unix:{path}: Address")), "{error}");
    }
}
