//! How far automatic domain randomization came: a chart for each adaptive term.

use super::element::{figure, section, side_by_side};
use crate::report::axis::Axis;
use crate::report::chart::{Labelled, LineChart, Size};
use crate::report::{RangeCurve, number};

const SIZE: Size = Size { width: 468.0, height: 230.0 };

/// The ranges over the steps; nothing where none adapted.
pub(super) fn adaptation(curves: &[RangeCurve]) -> String {
    let figures: Vec<String> = curves.iter().filter(|curve| !curve.points.is_empty()).map(drawn).collect();
    if figures.iter().all(String::is_empty) {
        return String::new();
    }
    let note = "Each adaptive term's range widened where the policy did well at its bound, and narrowed where it failed.";
    section("Automatic domain randomization", note, &[side_by_side(&figures)])
}

fn drawn(curve: &RangeCurve) -> String {
    let ends = |point: &crate::report::RangePoint| {
        format!("{} to {}", number::significant(point.low), number::significant(point.high))
    };
    let [first, .., last] = &curve.points[..] else { return figure(chart(curve), &curve.term) };
    figure(chart(curve), &format!("{}: from {}, in the end {}.", curve.term, ends(first), ends(last)))
}

fn chart(curve: &RangeCurve) -> Option<String> {
    let steps = curve.points.iter().map(|point| point.steps as f64);
    let values = curve.points.iter().flat_map(|point| [point.low, point.high]);
    let middle = |point: &crate::report::RangePoint| (point.steps as f64, 0.5 * (point.low + point.high));
    let chart = LineChart {
        description: format!("Range of {} over training steps", curve.term),
        size: SIZE,
        x: Labelled { axis: Axis::exact(steps.chain([0.0]), 4)?, label: "environment steps" },
        y: Labelled { axis: Axis::rounded(values, 4)?, label: "range, and its middle" },
        points: curve.points.iter().map(middle).collect(),
        spread: curve.points.iter().map(|point| 0.5 * (point.high - point.low)).collect(),
        windows: Vec::new(),
        limit: None,
        segments: Vec::new(),
    };
    Some(chart.svg())
}
