//! When the ranges of adaptive terms move.

use super::Check;
use crate::randomization::{AdaptationRule, Performance};
use crate::task::error::TaskError;

impl Check<'_> {
    pub(super) fn adaptive(&self) -> Result<(), TaskError> {
        let terms = self.document.randomization.iter().filter(|term| term.adaptive.is_some()).count();
        let rule = match self.document.adaptive_randomization {
            None if terms == 0 => return Ok(()),
            None => {
                let expected = "the table: a term of randomization is adaptive";
                return self.fail("adaptive_randomization", "absent", expected);
            }
            Some(_) if terms == 0 => {
                let expected = "none: no term of randomization is adaptive";
                return self.fail("adaptive_randomization", "present", expected);
            }
            Some(rule) => rule,
        };
        let AdaptationRule { measure, raise_above, lower_below, episodes, boundary_probability } = rule;
        let field = |key: &str| format!("adaptive_randomization.{key}");
        let (lowest, highest) = match measure {
            Performance::Success => (0.0, 1.0),
            Performance::Return => (-1e12, 1e12),
        };
        self.within(field("raise_above"), raise_above, lowest, highest)?;
        self.within(field("lower_below"), lower_below, lowest, highest)?;
        if lower_below >= raise_above {
            let expected = format!("less than raise_above = {raise_above}");
            return self.fail(field("lower_below"), lower_below, expected);
        }
        self.within(field("episodes"), episodes, 1, 1_000_000)?;
        self.within(field("boundary_probability"), boundary_probability, 1e-6, 1.0)?;
        if measure == Performance::Success { self.judged_in_training() } else { Ok(()) }
    }

    /// A training episode is long enough to succeed.
    fn judged_in_training(&self) -> Result<(), TaskError> {
        let field = "adaptive_randomization.measure";
        let Some(success) = &self.document.success else {
            return self.fail(field, "success", "return: the task has no [success]");
        };
        let steps = |time_s: f64| libm::round(time_s / self.document.dynamics.policy_period_s);
        let training_s = self.document.episode.training_s;
        if steps(success.window_s) < steps(training_s) {
            return Ok(());
        }
        let found = format!("success over {} s in episodes of {training_s} s", success.window_s);
        self.fail(field, found, "return, or longer training episodes: these are too short to succeed")
    }
}
