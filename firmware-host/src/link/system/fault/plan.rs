//! A fault campaign: which faults act when, read from TOML.
//!
//! A [`FaultPlan`] holds windows in seconds since the robot was armed rather than events, because a campaign says "lose half
//! of the commands for a second" and must mean the same at any rate.

use serde::{Deserialize, Serialize};
use sinew_policy_runtime::document::{self, DocumentError};

/// What is done to frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Lost.
    Drop,
    /// Passed twice.
    Duplicate,
    /// Passed late by `delay_s`.
    Delay,
    /// Overtaken by the next frame; without a next one, it never arrives.
    Reorder,
    /// One bit changed.
    Corrupt,
}

/// Whose frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Commands.
    ToRobot,
    /// Samples.
    ToHost,
    /// All.
    #[default]
    Both,
}

/// One fault over a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultWindow {
    /// Seconds after the clock's start.
    pub at_s: f64,
    /// Seconds.
    pub duration_s: f64,
    /// What happens.
    pub kind: FaultKind,
    /// To which share of the frames, 0 to 1; 1 unless given.
    #[serde(default = "always")]
    pub probability: f64,
    /// To whose frames; all unless given.
    #[serde(default)]
    pub direction: Direction,
    /// Seconds; for [`FaultKind::Delay`], which needs it, and for no other.
    #[serde(default)]
    pub delay_s: f64,
}

fn always() -> f64 {
    1.0
}

/// A campaign: faults over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPlan {
    /// In any order; where windows overlap, each acts.
    #[serde(default)]
    pub faults: Vec<FaultWindow>,
}

/// Why a campaign cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultPlanError {
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A value that means nothing.
    #[error("{file}: faults[{index}].{key} = {found}: expected {expected}")]
    Value {
        /// The file.
        file: String,
        /// Of the window, from 0.
        index: usize,
        /// Such as `duration_s`.
        key: &'static str,
        /// What was written.
        found: f64,
        /// What is possible.
        expected: &'static str,
    },
}

impl FaultPlan {
    /// Reads a campaign; `file` stands in errors.
    ///
    /// # Errors
    /// See [`FaultPlanError`].
    pub fn parse(text: &str, file: &str) -> Result<Self, FaultPlanError> {
        let plan: Self = document::parse(text, file)?;
        for (index, window) in plan.faults.iter().enumerate() {
            if let Some((key, found, expected)) = window.mistake() {
                return Err(FaultPlanError::Value { file: file.to_owned(), index, key, found, expected });
            }
        }
        Ok(plan)
    }
}

impl FaultWindow {
    /// Whether it acts on a frame in `direction` at `now_s`.
    pub(super) fn concerns(&self, direction: Direction, now_s: f64) -> bool {
        let concerned = self.direction == Direction::Both || self.direction == direction;
        concerned && now_s >= self.at_s && now_s < self.at_s + self.duration_s
    }

    /// Key, value and what was expected. NaN fails each comparison, so it is a mistake everywhere.
    fn mistake(&self) -> Option<(&'static str, f64, &'static str)> {
        let delays = self.kind == FaultKind::Delay;
        let delay_fits =
            if delays { self.delay_s > 0.0 && self.delay_s.is_finite() } else { self.delay_s == 0.0 };
        let expected_delay =
            if delays { "a positive delay in seconds" } else { "no delay but for kind = \"delay\"" };
        [
            ("at_s", self.at_s, self.at_s >= 0.0, "0 or more seconds"),
            ("duration_s", self.duration_s, self.duration_s > 0.0, "more than 0 seconds"),
            ("probability", self.probability, (0.0..=1.0).contains(&self.probability), "0 to 1"),
            ("delay_s", self.delay_s, delay_fits, expected_delay),
        ]
        .into_iter()
        .find(|(_, _, fits, _)| !fits)
        .map(|(key, found, _, expected)| (key, found, expected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        FaultPlan::parse(text, "faults.toml").unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_names_its_line_and_the_nearest_known_one() {
        let text = refusal("[[faults]]\nat_s = 1.0\nduratoin_s = 2.0\nkind = \"drop\"\n");
        assert!(
            text.starts_with("faults.toml:3: unknown key \"duratoin_s\", did you mean \"duration_s\"?"),
            "{text}"
        );
        let text = refusal("[[faults]]\nat_s = 1.0\nduration_s = 2.0\nkind = \"drpo\"\n");
        assert!(text.starts_with("faults.toml:4: unknown value \"drpo\", did you mean \"drop\"?"), "{text}");
    }

    #[test]
    fn a_value_that_means_nothing_names_its_place_and_what_was_expected() {
        let window = |keys: &str| format!("[[faults]]\nkind = \"delay\"\n{keys}\n");
        for (keys, expected) in [
            (
                "at_s = -1.0\nduration_s = 1.0\ndelay_s = 0.1",
                "faults[0].at_s = -1: expected 0 or more seconds",
            ),
            (
                "at_s = 0.0\nduration_s = nan\ndelay_s = 0.1",
                "faults[0].duration_s = NaN: expected more than 0 seconds",
            ),
            (
                "at_s = 0.0\nduration_s = 1.0\ndelay_s = 0.1\nprobability = 1.5",
                "faults[0].probability = 1.5: expected 0 to 1",
            ),
            ("at_s = 0.0\nduration_s = 1.0", "faults[0].delay_s = 0: expected a positive delay in seconds"),
        ] {
            assert_eq!(refusal(&window(keys)), format!("faults.toml: {expected}"));
        }
        let other_kind = "[[faults]]\nkind = \"drop\"\nat_s = 0.0\nduration_s = 1.0\ndelay_s = 0.1\n";
        assert!(refusal(other_kind).ends_with("expected no delay but for kind = \"delay\""));
    }
}
