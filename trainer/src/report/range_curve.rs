//! How far the adaptive ranges of a task came over a run: [`RangeCurve`], one for each term.

use super::undefined;
use serde::{Deserialize, Serialize};
use sinew_sim::randomization::AdaptiveRanges;

/// One adaptive term's range over the steps of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RangeCurve {
    /// The term, as in `ranges.csv`.
    pub term: String,
    /// In order of steps; between two points nothing moved.
    pub points: Vec<RangePoint>,
}

/// A range at one step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RangePoint {
    /// Environment steps trained.
    pub steps: u64,
    /// Smallest number that was drawn.
    #[serde(deserialize_with = "undefined::number")]
    pub low: f64,
    /// Largest number that was drawn.
    #[serde(deserialize_with = "undefined::number")]
    pub high: f64,
}

impl RangeCurve {
    /// Adds the present ranges to the curves of all terms, which are made with the first.
    pub fn record(curves: &mut Vec<Self>, steps: u64, ranges: &AdaptiveRanges) {
        if curves.is_empty() {
            let empty = |(term, _): (&str, _)| Self { term: term.to_owned(), points: Vec::new() };
            curves.extend(ranges.ranges().map(empty));
        }
        for (curve, (_, [low, high])) in curves.iter_mut().zip(ranges.ranges()) {
            curve.push(RangePoint { steps, low, high });
        }
    }

    /// A run of equal ranges is its first and its last point.
    fn push(&mut self, point: RangePoint) {
        let same = |other: &RangePoint| other.low == point.low && other.high == point.high;
        if let [.., before, last] = &mut self.points[..]
            && same(before)
            && same(last)
        {
            last.steps = point.steps;
        } else {
            self.points.push(point);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_that_rests_is_two_points_however_long() {
        let mut curve = RangeCurve { term: "mass_scale".to_owned(), points: Vec::new() };
        for (steps, high) in [(1, 1.0), (2, 1.0), (3, 1.0), (4, 1.25), (5, 1.25), (6, 1.25), (7, 1.0)] {
            curve.push(RangePoint { steps, low: 0.5, high });
        }
        let points: Vec<(u64, f64)> = curve.points.iter().map(|point| (point.steps, point.high)).collect();
        assert_eq!(points, [(1, 1.0), (3, 1.0), (4, 1.25), (6, 1.25), (7, 1.0)]);
    }
}
