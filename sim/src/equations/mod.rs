//! Equations of motion without a physics engine, for comparing algorithms with published scores.

pub mod pendulum;
pub(crate) mod scene;

pub(crate) use pendulum::Pendulum;
