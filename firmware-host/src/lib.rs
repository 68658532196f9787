//! Runs a policy on a robot at a fixed rate, and tests it against a simulated one over the same links.
//!
//! Data flows top-down through these layers:
//!
//! - [`link`]: how frames travel, and the faults that can be injected on their way;
//! - [`wire`]: what host and robot tell each other, and the bytes;
//! - [`robot`]: what the host knows about a robot that it has no simulator for;
//! - [`operator`]: what a person at a distance wants;
//! - [`host`]: one tick, from received bytes to the actuator command;
//! - [`telemetry`]: the log of a run, and what is made of it: recovery and replay;
//! - [`control_loop`]: ticks at absolute deadlines, on a thread with the privileges of [`rt`], measured by [`timing`] and
//!   [`allocation`];
//! - [`watchdog`]: hears from the loop only while all checks pass;
//! - [`jog`]: the signs and zero offsets of a robot's joints, checked before any policy may have it;
//! - [`release`]: the keys and signatures that say which policies a robot believes;
//! - `plant` (feature `sim`): the simulated robot behind a link;
//! - `hil` (feature `sim`): both together, with a report;
//! - [`chart`]: histograms as pictures;
//! - [`doctor`]: what a machine grants a control loop, and what would help;
//! - [`exit`]: how commands end, for both command lines.
//!
//! Without the feature `host` the crate is `no_std` and holds what a microcontroller runs at either end of a link: [`wire`],
//! [`host`] and [`operator`], with the trait of [`link`].

#![cfg_attr(not(any(feature = "host", test)), no_std)]

#[cfg(feature = "host")]
pub mod allocation;
#[cfg(feature = "host")]
pub mod chart;
#[cfg(feature = "host")]
pub mod control_loop;
#[cfg(feature = "host")]
pub mod doctor;
#[cfg(feature = "host")]
pub mod exit;
#[cfg(feature = "sim")]
pub mod hil;
pub mod host;
#[cfg(feature = "host")]
pub mod jog;
pub mod link;
pub mod operator;
#[cfg(feature = "sim")]
pub mod plant;
#[cfg(feature = "host")]
pub mod release;
#[cfg(feature = "host")]
pub mod robot;
#[cfg(feature = "host")]
pub mod rt;
#[cfg(feature = "host")]
pub mod telemetry;
#[cfg(feature = "host")]
pub mod timing;
#[cfg(feature = "host")]
pub mod watchdog;
pub mod wire;
