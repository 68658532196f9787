//! The algorithms: one readable file each, sharing networks, optimizers, distributions and buffers.
//!
//! The off-policy ones also share [`critic`]s, in a [`critic_pair`] where two are read together, a
//! [`deterministic_actor`], and [`learned`] parameters with their slow copy; what acts for them while they learn is a
//! [`squashed_explorer`], a [`noisy_explorer`] or a [`value_explorer`]. The two that follow the natural gradient are built on
//! [`natural`].

pub mod a2c;
mod acting_network;
pub mod critic;
pub mod critic_pair;
pub mod ddpg;
pub mod deterministic_actor;
pub mod dqn;
pub mod learned;
pub mod natural;
pub mod noisy_explorer;
pub mod npg;
pub mod ppo;
pub mod q_network;
pub mod reinforce;
pub mod sac;
pub mod squashed_explorer;
pub mod td3;
pub mod trpo;
pub mod value_explorer;
