//! A watchdog that is petted only while all checks pass.
//!
//! [`Watchdog`] writes a byte to a device: the kernel's `/dev/watchdog`, or a line that a safety relay listens to. It writes from
//! the control loop itself, so that a loop that hangs, or is late for good, falls silent with everything else that is wrong.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The kernel's watchdogs take this byte for an orderly end; every other one pets them.
const RELEASE: u8 = b'V';
const PET: u8 = b'.';

/// Why there is no watchdog.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the watchdog {}: {reason}", path.display())]
pub struct WatchdogError {
    /// The device.
    pub path: PathBuf,
    /// Why not.
    pub reason: std::io::Error,
}

/// A watchdog, or none; see the [module](self).
#[derive(Debug, Default)]
pub struct Watchdog {
    device: Option<File>,
    refused: u64,
}

impl Watchdog {
    /// Opens a device that is there.
    ///
    /// # Errors
    /// It cannot be written to.
    pub fn open(path: &Path) -> Result<Self, WatchdogError> {
        let mut options = OpenOptions::new();
        // A device that takes nothing must not make a tick wait, and none becomes this process's terminal.
        let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY).bits();
        let device = options.write(true).custom_flags(flags.cast_signed()).open(path);
        let device = device.map_err(|reason| WatchdogError { path: path.to_owned(), reason })?;
        Ok(Self { device: Some(device), refused: 0 })
    }

    /// Says that all checks pass. Allocates nothing.
    pub fn pet(&mut self) {
        self.write(PET);
    }

    /// Ends its watch, after a run that ended as it should. Without this a watchdog barks once it has heard nothing for too
    /// long.
    pub fn release(&mut self) {
        self.write(RELEASE);
    }

    /// How often the device took nothing.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    fn write(&mut self, byte: u8) {
        if let Some(device) = &mut self.device {
            self.refused += u64::from(device.write(&[byte]).is_err());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_hears_each_pet_and_a_release_and_one_that_is_not_there_is_refused() {
        let path = std::env::temp_dir().join(format!("sinew-watchdog-{}", std::process::id()));
        let error = Watchdog::open(&path).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot open the watchdog {}", path.display())), "{error}");
        std::fs::write(&path, "").unwrap();
        let mut watchdog = Watchdog::open(&path).unwrap();
        watchdog.pet();
        watchdog.pet();
        watchdog.release();
        assert_eq!((std::fs::read(&path).unwrap(), watchdog.refused()), (b"..V".to_vec(), 0));
        std::fs::remove_file(path).unwrap();
        // None at all is silent.
        Watchdog::default().pet();
    }
}
