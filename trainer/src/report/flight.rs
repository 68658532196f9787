//! What both drawings of a flight need: its faults and modes as spans of time, and its trace at the drawing's resolution.

use super::axis::drawable;
use super::chart::{Bar, Segment, Window};
use super::{FlightReport, TracePoint};

/// Ratio of a bucket's edges where its neighbour does not tell.
const BUCKET_RATIO: f64 = 1.25;

impl FlightReport {
    /// When the flight was over: its duration, or the trace's end where that is later.
    pub(super) fn end_s(&self) -> f64 {
        let times = self.trace.iter().map(|point| point.time_s);
        times.filter(|time| drawable(*time)).fold(self.duration_s, f64::max)
    }

    /// The faults as windows, numbered from 1 as in the table of faults.
    pub(super) fn fault_windows(&self) -> Vec<Window> {
        let end = self.end_s();
        let window = |(index, fault): (usize, &super::FaultLine)| {
            drawable(fault.at_s).then(|| Window {
                from: fault.at_s,
                until: fault.until_s.unwrap_or(end),
                number: index + 1,
                label: fault.cause.clone(),
            })
        };
        self.faults.iter().enumerate().filter_map(window).collect()
    }

    /// Consecutive points of the trace in the same mode, each lasting until the next begins.
    pub(super) fn mode_segments(&self) -> Vec<Segment> {
        let mut segments: Vec<Segment> = Vec::new();
        for point in self.trace.iter().filter(|point| drawable(point.time_s)) {
            if let Some(last) = segments.last_mut() {
                last.until = point.time_s;
                if last.label == point.mode {
                    continue;
                }
            }
            segments.push(Segment {
                from: point.time_s,
                until: point.time_s,
                label: point.mode.clone(),
                nominal: !matches!(point.mode.as_str(), "fallback" | "stopped"),
            });
        }
        segments
    }

    /// Time and error, at most two points for each of `columns`: the smallest and the largest error in it.
    pub(super) fn thinned_trace(&self, columns: usize) -> Vec<(f64, f64)> {
        let span = self.trace.len().div_ceil(columns.max(1)).max(2);
        let extremes = |points: &[TracePoint]| -> Vec<(f64, f64)> {
            let drawn = |point: &&TracePoint| drawable(point.error_m) && drawable(point.time_s);
            let by_error = |a: &&TracePoint, b: &&TracePoint| a.error_m.total_cmp(&b.error_m);
            let lowest = points.iter().filter(drawn).min_by(by_error);
            let highest = points.iter().filter(drawn).max_by(by_error);
            let mut kept: Vec<(f64, f64)> =
                lowest.into_iter().chain(highest).map(|point| (point.time_s, point.error_m)).collect();
            kept.sort_by(|a, b| a.0.total_cmp(&b.0));
            kept.dedup();
            kept
        };
        self.trace.chunks(span).flat_map(extremes).collect()
    }

    /// The buckets of the wake-up histogram with both edges; an open last bucket is as wide as the one before.
    pub(super) fn wake_up_bars(&self) -> Vec<Bar> {
        let edges = &self.wake_up_histogram;
        let bar = |(index, (lower, count)): (usize, &(f64, u64))| {
            let next = edges.get(index + 1).map(|(edge, _)| *edge);
            let ratio = match index.checked_sub(1).map(|before| edges[before].0) {
                Some(before) if before > 0.0 => lower / before,
                _ => BUCKET_RATIO,
            };
            let upper = next.unwrap_or(lower * ratio.clamp(1.01, 2.0));
            Bar { lower: *lower, upper, count: *count }
        };
        edges.iter().enumerate().map(bar).collect()
    }
}
