//! Equations of motion without a physics engine, for comparing algorithms with published scores.
//!
//! `Equations` names those that a task's file may choose. Each has a file of its own with a `Mechanism`, all that the rest of
//! the program needs to know of it: its joints, its step, and which joint is driven. One more is one more file, and a line here.

pub mod acrobot;
pub mod cart_pole;
mod mechanism;
pub mod pendulum;
pub(crate) mod scene;

pub(crate) use mechanism::{Mechanism, SimulatedMechanism};

use serde::Deserialize;

/// The equations that a task's file may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum Equations {
    /// Gymnasium's Pendulum-v1.
    #[serde(rename = "pendulum-v1")]
    PendulumV1,
    /// Gymnasium's CartPole-v1.
    #[serde(rename = "cartpole-v1")]
    CartPoleV1,
    /// Gymnasium's Acrobot-v1.
    #[serde(rename = "acrobot-v1")]
    AcrobotV1,
}

impl Equations {
    /// What moves by them.
    pub(crate) const fn mechanism(self) -> &'static Mechanism {
        match self {
            Self::PendulumV1 => &pendulum::MECHANISM,
            Self::CartPoleV1 => &cart_pole::MECHANISM,
            Self::AcrobotV1 => &acrobot::MECHANISM,
        }
    }
}
