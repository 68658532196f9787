//! What stands first in a log: everything that a replay needs beside the policy's file.

use super::writer::LogError;
use crate::host::{Host, HostOptions};
use crate::robot::Robot;
use crate::rt::monotonic_ns;
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::image::Image;
use std::time::{SystemTime, UNIX_EPOCH};

/// Which clock a log's times come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogClock {
    /// The machine's; a full queue drops records.
    RealTime,
    /// The plant's, in lockstep: equal runs give equal logs, so nothing is dropped, the writer is waited for instead.
    Virtual,
}

/// A run's beginning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Of Sinew.
    pub version: String,
    /// SHA-256 of the policy's image.
    pub image: String,
    /// SHA-256 of its contract.
    pub contract: String,
    /// SHA-256 of the fallback policy's image, where the robot has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_policy: Option<String>,
    /// SHA-256 of the robot's interface.
    pub interface: String,
    /// How the host behaves.
    pub options: HostOptions,
    /// `robot.toml`.
    pub robot: String,
    /// The clock.
    pub clock: LogClock,
    /// Unix time at the run's time 0, ns; 0 in virtual time, and before the log begins.
    pub epoch_ns: u64,
}

impl Start {
    /// The beginning of a run of `host`.
    ///
    /// # Errors
    /// A number of robot or options that would not be the same after writing and reading.
    pub fn new(image: &Image, robot: &Robot, host: &Host, clock: LogClock) -> Result<Self, LogError> {
        let start = Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            image: digits(&image.hash()),
            contract: digits(&image.contract_hash()),
            fallback_policy: host.fallback_policy_hash().map(|hash| digits(&hash)),
            interface: digits(&robot.interface().hash()),
            options: host.options().clone(),
            robot: toml::to_string(robot).map_err(|error| LogError::Start { reason: error.to_string() })?,
            clock,
            epoch_ns: 0,
        };
        let read: Self = serde_json::to_string(&start)
            .and_then(|text| serde_json::from_str(&text))
            .map_err(|error| LogError::Start { reason: error.to_string() })?;
        let same_robot = Robot::parse(&read.robot, "robot").is_ok_and(|read| read == *robot);
        if read == start && same_robot {
            Ok(start)
        } else {
            let reason =
                "the robot's description or the host's options hold a number that no text gives back";
            Err(LogError::Start { reason: reason.to_owned() })
        }
    }

    /// Makes the present time 0 of the run, and says what the monotonic clock shows then, ns; `None` in virtual time.
    pub(super) fn begin(&mut self) -> Option<u64> {
        if self.clock == LogClock::Virtual {
            return None;
        }
        self.epoch_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
        Some(monotonic_ns())
    }

    /// The message's time in a log, ns.
    pub(super) fn log_time_ns(&self, time_us: u64) -> u64 {
        self.epoch_ns.saturating_add(time_us.saturating_mul(1000))
    }
}

/// Lowercase hexadecimal.
pub(super) fn digits(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16);
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(digit).collect()
}
