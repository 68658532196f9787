//! Domain randomization: how the robots of a task differ, and what one episode draws.
//!
//! A task lists terms: a [`Parameter`], whose it is, how a drawn number changes it, when it is drawn, and its
//! [`Distribution`]. One robot's draws hold the present numbers and the variation that they amount to. By default a
//! number is drawn once for each episode, so that the policy meets a consistent robot that it can come to know, never a
//! mean one. What no term names is nominal. A term may be adaptive: in training its range is one of [`AdaptiveRanges`],
//! and starts narrow.

mod adaptive;
mod distribution;
mod draws;
mod parameter;
mod range;
mod term;
mod variation;

pub(crate) use adaptive::{AdaptationRule, AdaptiveRangesState, Performance};
pub use adaptive::{AdaptiveRanges, Boundary, Side};
pub use distribution::Distribution;
pub(crate) use draws::{Draws, DrawsState, Touched};
pub use parameter::{Operation, Parameter};
pub(crate) use range::Range;
pub use term::Moment;
pub(crate) use term::{Targets, Term, TermDocument, WORLD};
pub(crate) use variation::Variation;

/// Which of a task's distributions an environment draws from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Randomization {
    /// Those of training.
    Training,
    /// Those under which a policy is accepted.
    Acceptance,
    /// None: the model as written, no delay, perfect sensors. Start states are still random.
    Nominal,
}

/// A delay in whole physics steps.
///
/// Commands and samples fall anywhere within a physics step; `phase` says where, so a delay between two whole numbers of
/// steps becomes either of them, with the right mean over episodes.
pub(crate) fn delay_steps(delay_s: f64, phase: f64, physics_period_s: f64) -> u32 {
    // A cast saturates: what randomization made negative is no delay.
    (delay_s / physics_period_s + phase) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_between_two_steps_becomes_either_with_the_right_mean() {
        assert_eq!(delay_steps(0.02, 0.99, 0.002), 10);
        assert_eq!(delay_steps(0.0, 0.99, 0.002), 0);
        assert_eq!(delay_steps(-0.01, 0.99, 0.002), 0);
        let total: u32 = (0..100).map(|index| delay_steps(0.005, f64::from(index) / 100.0, 0.002)).sum();
        assert_eq!(total, 250);
    }
}
