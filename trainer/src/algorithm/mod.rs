//! The algorithms: one readable file each, sharing networks, optimizers, distributions and buffers.

pub mod a2c;
pub mod npg;
pub mod ppo;
pub mod reinforce;
pub mod sac;
pub mod trpo;
