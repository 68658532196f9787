//! Equations of motion without a physics engine, for comparing algorithms with published scores.

mod pendulum;

pub(crate) use pendulum::Pendulum;
