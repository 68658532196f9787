//! What a microcontroller's host is told beside its policy: `robot.toml` and the host's options, as bytes for its flash.
//!
//! [`Settings`] are written by `sinew-host firmware` and borrowed where they lie. A microcontroller reads no TOML, so what a
//! workstation checks when it loads a robot is checked before it is written.

use super::{HostOptions, Protection};
#[cfg(feature = "host")]
use crate::robot::{FallbackController, Robot, RobotError};
use serde::{Deserialize, Serialize};
#[cfg(feature = "host")]
use sinew_policy_runtime::contract::Contract;
use sinew_policy_runtime::interface::Interface;

/// Raised by any change of the bytes.
const VERSION: u16 = 3;
const CRC_32C: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);

/// A robot, and how its host behaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings<'a> {
    /// The robot's sensors and actuators.
    #[serde(borrow)]
    pub interface: Interface<'a>,
    /// How long the robot obeys an actuator command, µs.
    pub valid_for_us: u32,
    /// The session is another one at each start, whatever stands here.
    pub options: HostOptions,
    /// What sensors may say, and who commands in a fallback.
    pub protection: Protection,
}

/// Why bytes are no settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// They are damaged.
    #[error("the settings' checksum differs")]
    Checksum,
    /// They were written for another version of the firmware.
    #[error("the settings are of version {found}, expected {VERSION}")]
    Version {
        /// Theirs.
        found: u16,
    },
    /// They do not hold what this version writes.
    #[error("the settings cannot be read")]
    Content,
}

impl<'a> Settings<'a> {
    /// Of a robot, its policy and how its host is to behave.
    ///
    /// # Errors
    /// A fallback by a second policy, for which a microcontroller has no room, or one that policy and robot leave open.
    #[cfg(feature = "host")]
    pub fn new(robot: &'a Robot, contract: &Contract, options: HostOptions) -> Result<Self, RobotError> {
        if robot.fallback.as_ref().is_some_and(|fallback| fallback.controller == FallbackController::Policy) {
            return Err(RobotError::Value {
                file: robot.name.clone(),
                field: "fallback.controller".to_owned(),
                found: "policy".to_owned(),
                expected: "hold, damp or descend: a microcontroller has room for one policy".to_owned(),
            });
        }
        Ok(Self {
            interface: robot.interface(),
            valid_for_us: robot.valid_for_us(),
            options,
            protection: Protection::new(robot, contract)?,
        })
    }

    /// Reads settings where they lie.
    ///
    /// # Errors
    /// Damaged, or of another version.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, SettingsError> {
        let (content, checksum) = bytes.split_last_chunk().ok_or(SettingsError::Checksum)?;
        if CRC_32C.checksum(content) != u32::from_le_bytes(*checksum) {
            return Err(SettingsError::Checksum);
        }
        let (found, content) =
            postcard::take_from_bytes::<u16>(content).map_err(|_| SettingsError::Content)?;
        if found != VERSION {
            return Err(SettingsError::Version { found });
        }
        match postcard::take_from_bytes(content) {
            Ok((settings, [])) => Ok(settings),
            _ => Err(SettingsError::Content),
        }
    }

    /// The bytes for a flash: version, settings in postcard's format, CRC-32C.
    ///
    /// # Errors
    /// Nothing that settings can hold.
    #[cfg(feature = "host")]
    pub fn to_bytes(&self) -> Result<Vec<u8>, postcard::Error> {
        let mut room = 1024;
        loop {
            let mut bytes = vec![0; room];
            match postcard::to_slice(&(VERSION, self), &mut bytes) {
                Ok(used) => {
                    let used = used.len();
                    bytes.truncate(used);
                    bytes.extend(CRC_32C.checksum(&bytes).to_le_bytes());
                    return Ok(bytes);
                }
                Err(postcard::Error::SerializeBufferFull) => room *= 2,
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sinew_policy_runtime::fallback::{Fallback, HeldJoint, JointFallback};
    use sinew_policy_runtime::guard::{Guard, Guards, Measure};
    use sinew_policy_runtime::interface::{Actuator, ActuatorMode, Frame, Sensor, Unit};
    use sinew_policy_runtime::supervisor::{Cause, Limits};

    fn settings() -> Settings<'static> {
        let mut interface = Interface::default();
        let sensor = Sensor { name: "hinge_position", size: 1, unit: Unit::Radian, frame: Frame::Joint };
        let actuator = Actuator {
            name: "hinge",
            mode: ActuatorMode::Torque,
            minimum: -2.0,
            maximum: 2.0,
            max_rate_per_s: None,
            stiffness: 0.0,
            damping: 0.0,
        };
        interface.sensors.push(sensor).unwrap();
        interface.actuators.push(actuator).unwrap();
        let goal = [0.5].into_iter().collect();
        let options = HostOptions { session: 0, tick_period_s: 0.02, goal, limits: Limits::immediate() };
        let mut guards = Guards::default();
        let guard = Guard {
            cause: Cause::SensorRange,
            measure: Measure::Value,
            sensor: 0,
            first: 0,
            bounds: &[[-3.0, 3.0]],
            tolerated_samples: 2,
        };
        guards.push(&guard).unwrap();
        let joint = HeldJoint { pose: 0.5, stiffness: 20.0, damping: 1.0 };
        let fallback = JointFallback { joints: [joint].into_iter().collect(), ramp_s: 0.5, hold_s: 2.0 };
        let protection = Protection::of(guards, Some(Fallback::Joints(fallback)));
        Settings { interface, valid_for_us: 50_000, options, protection }
    }

    #[test]
    fn settings_are_read_as_they_were_written() {
        let bytes = settings().to_bytes().unwrap();
        assert_eq!(Settings::parse(&bytes), Ok(settings()));
    }

    #[test]
    fn damage_and_another_version_are_told_apart() {
        let bytes = settings().to_bytes().unwrap();
        for position in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[position] ^= 4;
            assert_eq!(Settings::parse(&damaged), Err(SettingsError::Checksum), "{position}");
        }
        let mut newer = bytes[..bytes.len() - 4].to_vec();
        newer[0] = 4;
        newer.extend(CRC_32C.checksum(&newer).to_le_bytes());
        assert_eq!(Settings::parse(&newer), Err(SettingsError::Version { found: 4 }));
        assert_eq!(Settings::parse(&[]), Err(SettingsError::Checksum));
    }
}
