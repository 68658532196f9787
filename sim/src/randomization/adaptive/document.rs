//! Adaptive randomization as a task's file writes it: a term's [`AdaptiveDocument`] and the task's [`AdaptationRule`].

use super::super::distribution::Distribution;
use super::super::range::Range;
use super::super::term::{Moment, Refusal};
use serde::Deserialize;

/// `adaptive` of a term: where its range begins and how far a bound moves at a time.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdaptiveDocument {
    pub(crate) start: Range,
    pub(crate) step: f64,
}

/// `[adaptive_randomization]`: when a bound moves, for all adaptive terms of a task.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdaptationRule {
    pub(crate) measure: Performance,
    /// Mean performance from which a bound moves outwards; a larger one asks for more mastery first.
    pub(crate) raise_above: f64,
    /// Mean performance down to which a bound moves inwards.
    pub(crate) lower_below: f64,
    /// How many performances are averaged at a bound; more judge better and adapt more slowly.
    pub(crate) episodes: u32,
    /// Share of the episodes that stand at a boundary; the others train on the whole range.
    #[serde(default = "half")]
    pub(crate) boundary_probability: f64,
}

/// What an episode's performance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Performance {
    /// 1 for a success, 0 for none.
    Success,
    /// The undiscounted sum of rewards.
    Return,
}

/// A term's `adaptive`, checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Adaptation {
    /// The narrowest range, with which training starts.
    pub(crate) start: [f64; 2],
    /// The widest range.
    pub(crate) widest: [f64; 2],
    /// How far a bound moves at a time, in the drawn number's unit.
    pub(crate) step: f64,
}

fn half() -> f64 {
    0.5
}

impl AdaptiveDocument {
    /// Refuses what cannot adapt.
    pub(crate) fn check(&self, moment: Moment, training: &Distribution) -> Result<Adaptation, Refusal> {
        let refuse =
            |field: &str, found: String, expected: String| Err((format!("adaptive{field}"), found, expected));
        if moment != Moment::Reset {
            let found = format!("a term with moment = \"{}\"", format!("{moment:?}").to_lowercase());
            return refuse("", found, "moment = \"reset\"".to_owned());
        }
        let Distribution::Uniform { low, high } = *training else {
            let expected = "training = [low, high], the widest range".to_owned();
            return refuse("", format!("training = {training}"), expected);
        };
        let Range { low: start_low, high: start_high } = self.start;
        let found = format!("[{start_low}, {start_high}]");
        if !(low <= start_low && start_low <= start_high && start_high <= high) {
            let expected = format!("[low, high] with {low} <= low <= high <= {high}, within training");
            return refuse(".start", found, expected);
        }
        if start_low <= low && start_high >= high {
            return refuse(".start", found, format!("a narrower range than training = [{low}, {high}]"));
        }
        if !(self.step > 0.0 && self.step <= high - low) {
            let expected = format!("a number above 0 and at most {}, training's width", high - low);
            return refuse(".step", self.step.to_string(), expected);
        }
        Ok(Adaptation { start: [start_low, start_high], widest: [low, high], step: self.step })
    }
}
