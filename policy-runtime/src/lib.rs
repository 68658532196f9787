//! Runs a learned policy on a robot host or a microcontroller: deterministic, allocation-free, one control path.
//!
//! A policy arrives as one file: `policy.onnx`, any ONNX model that carries a [`contract`], or `policy.img`, the flat form that is
//! executed in place; `sinew compile` makes the second of the first. Using it takes three steps everywhere:
//!
//! 1. **load** the image, which checks every byte of it once, so that nothing after it can panic or leave its memory;
//! 2. **verify** that this machine computes the bits that the file promises, and that policy and robot belong together;
//! 3. **tick**: once each policy period, samples in, actuator commands out.
//!
//! # On a robot host
//!
//! ```
//! # #[cfg(feature = "std")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use sinew_policy_runtime::controller::{Controller, Storage};
//! use sinew_policy_runtime::executor::Executor;
//! use sinew_policy_runtime::interface::Interface;
//! use sinew_policy_runtime::observation::SensorFrame;
//! use sinew_policy_runtime::policy_file::load_policy;
//!
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/pendulum.img");
//! // Load. Either form will do; an ONNX model needs the feature `onnx`.
//! let policy = load_policy(path)?;
//! let image = policy.image()?;
//!
//! // Verify. The golden pairs must hold bit for bit on this processor.
//! Executor::new(image, vec![0.0; image.scratch_len()])?.verify_golden()?;
//! // The contract says what the policy senses and commands.
//! let contract = image.contract()?.ok_or("a policy without a contract")?;
//! // The robot's own side, which a host reads from `robot.toml`.
//! let robot = Interface {
//!     sensors: contract.sensors.clone(),
//!     actuators: contract.actions.clone(),
//! };
//! // All memory is lent. Names, units, limits and sizes are compared.
//! let [history, observation, scratch] =
//!     Controller::<Vec<f32>>::storage(&image, &contract);
//! let storage = Storage {
//!     history: vec![0.0; history],
//!     observation: vec![0.0; observation],
//!     scratch: vec![0.0; scratch],
//! };
//! let mut controller = Controller::new(image, &contract, &robot, storage)
//!     .map_err(|mismatch| mismatch.to_string())?;
//!
//! // Tick, once each `contract.periods.policy_period_s`.
//! // From here on nothing allocates, locks or reads a clock.
//! let values = vec![0.1; robot.sample_size()];
//! let ages_us = vec![400; robot.sensors.len()];
//! let goal = vec![0.0; contract.command_size()];
//! for _ in 0..3 {
//!     let sample = SensorFrame { values: &values, ages_us: &ages_us };
//!     let (commands, saturated) = controller.step(&sample, &goal)?;
//!     assert_eq!((commands.len(), saturated), (robot.actuators.len(), 0));
//! }
//!
//! // A sample that is not finite, or too old, gives a fault and no command.
//! let stale = vec![u32::MAX; robot.sensors.len()];
//! let sample = SensorFrame { values: &values, ages_us: &stale };
//! assert!(controller.step(&sample, &goal).is_err());
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "std"))]
//! # fn main() {}
//! ```
//!
//! [`supervisor::Supervisor`] decides whether such a command may reach the robot. `sinew-host run` is this loop with links, a real-time
//! thread, an operator and a log around it.
//!
//! # On a microcontroller
//!
//! The same crate without any feature: no standard library, no allocator. The image stays in flash and scratch is an array, whose
//! length `sinew inspect` tells; too short a one is an error, not a fault later. With the feature `feed-forward` the executor holds
//! nothing but what networks of dense layers use, in a few kilobytes of code.
//!
//! ```
//! use sinew_policy_runtime::executor::Executor;
//! use sinew_policy_runtime::image::Image;
//!
//! // On the 64-byte boundary that its weights need.
//! # macro_rules! include_image { ($name:literal) => {
//! #     sinew_policy_runtime::include_image!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/", $name)) } }
//! static POLICY: &[u8] = include_image!("pendulum.img");
//!
//! fn first_action(scratch: &mut [f32]) -> Option<f32> {
//!     let image = Image::parse(POLICY).ok()?;
//!     let mut executor = Executor::new(image, scratch).ok()?;
//!     // At boot: what computes otherwise is found before anything moves.
//!     executor.verify_golden().ok()?;
//!     let observation = [0.1; 4];
//!     Some(executor.infer(&observation).ok()?.action[0])
//! }
//!
//! let mut scratch = [0.0; 256];
//! assert!(first_action(&mut scratch).is_some_and(f32::is_finite));
//! assert!(first_action(&mut scratch[..8]).is_none());
//! ```
//!
//! [`Controller`](controller::Controller) works there as well, over `&mut [f32]` in place of vectors. `firmware-host/mcu` is firmware
//! around it, with a board's `main`, and `policy-runtime/capi` the same for C and C++.
//!
//! # Layers
//!
//! Data flows top-down:
//!
//! - [`interface`]: what a robot offers, its named sensors and actuators with units, frames and limits;
//! - [`contract`]: what a policy and a robot must agree on;
//! - [`observation`]: sensor samples become the policy's input;
//! - [`action`]: the policy's output becomes actuator commands;
//! - [`controller`]: the two and the policy between them, one period at a time.
//!
//! Between observation and action runs the policy itself:
//!
//! - `onnx` (feature `onnx`): writes, verifies and lowers `policy.onnx`;
//! - `policy_file` (feature `std`): reads either form from disk; `document`: TOML whose errors name the line and the nearest key;
//! - `signature` (feature `signature`): who released the file, before anything in it is believed;
//! - [`image`]: the flat form that is executed in place;
//! - [`executor`]: one inference, over the arithmetic of [`kernel`] and [`math`], on a thread whose
//!   [`float_environment`] is IEEE 754's default;
//! - [`golden`]: the input and output pairs that prove an executor, bit for bit.
//!
//! Beside them stands what keeps a robot safe from the policy:
//!
//! - [`guard`]: sensors that say what the robot's owner does not allow;
//! - [`supervisor`]: who may command the robot;
//! - [`fallback`] and [`safe_action`]: what the host, and what the robot itself, does when the policy may not.
//!
//! Nothing allocates, reads a clock, locks or panics after load: time and I/O are passed in. The simulator calls the same code,
//! so training and deployment cannot differ. Every processor gives the same bits, as [`kernel`] explains; how fast each is,
//! `docs/inference.md` says.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | none | everything that a microcontroller needs |
//! | `std` | owned images, files, documents |
//! | `onnx` | `policy.onnx` and other tools' models; includes `std` |
//! | `signature` | Ed25519 signatures, without the standard library |
//! | `feed-forward` | takes away: what networks of dense layers have no use for |

#![cfg_attr(not(feature = "std"), no_std)]

pub mod action;
pub mod contract;
pub mod controller;
#[cfg(feature = "std")]
pub mod document;
pub mod executor;
pub mod fallback;
pub mod float_environment;
pub mod golden;
pub mod guard;
mod hexadecimal;
pub mod image;
pub mod interface;
pub mod kernel;
pub mod math;
pub mod observation;
#[cfg(feature = "onnx")]
pub mod onnx;
#[cfg(feature = "std")]
pub mod policy_file;
pub mod safe_action;
#[cfg(feature = "signature")]
pub mod signature;
pub mod supervisor;

#[cfg(test)]
mod testing;
