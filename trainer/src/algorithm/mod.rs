//! The algorithms: one readable file each, sharing networks, optimizers, distributions and buffers.

pub mod ppo;
pub mod sac;
