//! A serial line: 8 data bits, no parity, one stop bit, no flow control.
//!
//! An adapter that is pulled out is an interruption, not the end: the device is opened again when it is back. Names below
//! `/dev/serial/by-id` stay the same then; `/dev/ttyUSB0` may become `/dev/ttyUSB1`.

use super::stream::Reconnecting;
use super::{Link, LinkCounters, LinkError};
use serial2::SerialPort;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

/// An open serial line.
pub struct SerialLink(Reconnecting);

impl SerialLink {
    /// Opens `device` at `baud` bits a second.
    ///
    /// # Errors
    /// There is no such device, or it does not take that rate.
    pub fn open(device: &str, baud: u32) -> Result<Self, LinkError> {
        let path = device.to_owned();
        Ok(Self(Reconnecting::open(format!("serial:{device}@{baud}"), move || open(&path, baud))?))
    }
}

/// `serial2` opens without blocking and in raw mode; reads and writes then go to the file itself, which never waits.
fn open(device: &str, baud: u32) -> io::Result<File> {
    let port = SerialPort::open(device, baud)?;
    // What came before belongs to nobody.
    port.discard_buffers()?;
    Ok(File::from(OwnedFd::from(port)))
}

impl Link for SerialLink {
    fn counters(&self) -> LinkCounters {
        self.0.counters()
    }

    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        self.0.send(frame)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        self.0.receive(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::super::PtyLink;
    use super::*;
    use std::time::{Duration, Instant};

    /// Sends `frame` until it arrives at the other end, as a host that ticks does.
    fn passes(from: &mut dyn Link, to: &mut dyn Link, frame: &[u8]) {
        let (begun, mut received, mut buffer) = (Instant::now(), Vec::new(), [0; 64]);
        while begun.elapsed() < Duration::from_secs(10) {
            let _ = from.send(frame);
            if let Ok(length) = to.receive(&mut buffer) {
                received.extend_from_slice(&buffer[..length]);
            }
            if received.windows(frame.len()).any(|window| window == frame) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("nothing arrived");
    }

    #[test]
    fn frames_pass_both_ways_over_a_real_terminal() {
        let (mut robot, path) = PtyLink::open().unwrap();
        let mut host = SerialLink::open(&path, 921_600).unwrap();
        passes(&mut host, &mut robot, &[1, 2, 255, 17, 19, 0]);
        passes(&mut robot, &mut host, &[9, 8, 13, 10, 0]);
        assert_eq!(host.counters().sessions, 1);
    }

    #[test]
    fn a_device_that_comes_back_is_opened_again() {
        let folder = std::env::temp_dir().join(format!("sinew-serial-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let device = folder.join("adapter");
        let plug = || {
            let (robot, path) = PtyLink::open().unwrap();
            let _ = std::fs::remove_file(&device);
            std::os::unix::fs::symlink(path, &device).unwrap();
            robot
        };
        let mut robot = plug();
        let mut host = SerialLink::open(device.to_str().unwrap(), 115_200).unwrap();
        passes(&mut host, &mut robot, &[1, 0]);
        drop(robot);
        std::fs::remove_file(&device).unwrap();
        let mut buffer = [0; 64];
        for _ in 0..100 {
            // Silence and refusals, and no error that would end a loop.
            let _ = host.send(&[2, 0]);
            assert!(host.receive(&mut buffer).is_ok());
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut robot = plug();
        passes(&mut host, &mut robot, &[3, 0]);
        passes(&mut robot, &mut host, &[4, 0]);
        assert_eq!(host.counters().sessions, 2);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_device_that_does_not_exist_is_named() {
        let error = SerialLink::open("/dev/no-such", 9600).err().map(|error| error.to_string());
        assert!(error.unwrap_or_default().starts_with("cannot open serial:/dev/no-such@9600: No such file"));
    }
}
