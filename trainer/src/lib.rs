//! Trains policies in simulation and turns them into files that a robot runs.
//!
//! Data flows top-down through these layers:
//!
//! - [`config`]: what to train and how, from TOML;
//! - [`training`]: collects transitions and learns from them;
//! - [`algorithm`]: one readable file for each algorithm, on [`replay`], [`normalizer`], [`distribution`] and [`optimizer`],
//!   or on [`rollout`], [`advantage`], [`stochastic_actor`], [`value_function`] and [`minibatch`];
//! - [`network`]: multilayer perceptrons with hand-written gradients, on matrix products of their own;
//! - [`evaluation`]: runs the exported policy, as a robot would, and scores it;
//! - [`inference`]: a policy run by hand, named inputs in and named outputs out;
//! - [`playback`]: an episode to look at, as a page or as a log;
//! - [`proof`]: runs its golden pairs, and compares it with an independent engine.
//!
//! The same binary, configuration, seed and instruction set give the same policy file for any number of threads:
//! randomness comes from one [`random`] stream for each purpose, and [`parallel`] work never shares state.

#[cfg(test)]
use sinew_firmware_host::allocation::CountingAllocator;

/// Counts, so that tests can tell what allocates.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

pub mod action_space;
pub mod actor;
pub mod actor_critic;
pub mod advantage;
pub mod algorithm;
pub mod categorical;
pub mod checkpoint;
pub mod choice_distribution;
pub mod config;
pub mod diagonal_gaussian;
pub mod distribution;
pub mod end;
pub mod evaluation;
pub mod exploration;
pub mod gradient_shard;
pub mod inference;
mod memories;
pub mod metrics;
pub mod minibatch;
pub mod natural_gradient;
pub mod network;
pub mod normalizer;
pub mod optimizer;
pub mod parallel;
pub mod playback;
pub mod progress;
pub mod proof;
pub mod random;
pub mod ranges;
pub mod replay;
pub mod report;
pub mod rollout;
pub mod run_directory;
pub mod statistics;
pub mod stochastic_actor;
pub mod sweep;
pub mod tensorboard;
pub mod training;
pub mod value_function;
pub mod value_regression;
