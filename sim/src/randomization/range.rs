//! `[low, high]` in a task's file: [`Range`], drawn uniformly.

use crate::random::Stream;
use serde::Deserialize;

/// `[low, high]`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(from = "[f64; 2]")]
pub(crate) struct Range {
    /// Smallest value.
    pub(crate) low: f64,
    /// Largest value.
    pub(crate) high: f64,
}

impl From<[f64; 2]> for Range {
    fn from([low, high]: [f64; 2]) -> Self {
        Self { low, high }
    }
}

impl Range {
    pub(crate) fn draw(self, stream: &mut Stream) -> f64 {
        stream.uniform(self.low, self.high)
    }
}
