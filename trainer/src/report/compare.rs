//! Learning curves of several runs in one picture: a line for each task and algorithm, with its spread over seeds.

use super::RunReport;
use super::axis::Axis;
use super::chart::{Curve, CurvesChart, Labelled, Size};
use crate::statistics::mean_and_deviation;
use std::collections::BTreeMap;

const SIZE: Size = Size { width: 860.0, height: 420.0 };
/// Runs so many times as long as others would press those against the edge of a linear axis.
const LONGEST_OVER_SHORTEST: f64 = 10.0;

/// The runs of one algorithm on one task: returns of the seeds that were evaluated at each number of steps.
type Group = BTreeMap<u64, Vec<f64>>;

/// The picture of `reports` as an SVG file; none where no run has a learning curve.
///
/// Runs of the same task and algorithm are one line: the mean return over their seeds at each evaluation, with a band of one
/// standard deviation over seeds where there are at least two. Lines stand in the order in which they end, the best first.
pub fn svg(reports: &[RunReport]) -> Option<String> {
    let tasks: Vec<&str> = reports.iter().map(|report| report.task.as_str()).collect();
    let one_task = tasks.iter().all(|task| *task == tasks[0]);
    let mut groups: BTreeMap<String, (Group, usize)> = BTreeMap::new();
    for report in reports {
        let name = if one_task {
            report.algorithm.clone()
        } else {
            format!("{} · {}", report.task, report.algorithm)
        };
        let (group, seeds) = groups.entry(name).or_default();
        *seeds += 1;
        for point in report.curve.iter().filter(|point| point.return_mean.is_finite()) {
            group.entry(point.steps).or_default().push(point.return_mean);
        }
    }
    let mut curves: Vec<Curve> =
        groups.iter().map(|(name, (group, seeds))| curve(name, group, *seeds)).collect();
    let last = |curve: &Curve| curve.points.last().map_or(f64::NEG_INFINITY, |[_, mean, _]| *mean);
    curves.sort_by(|first, second| last(second).total_cmp(&last(first)));
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let x = steps_axis(&curves)?;
    let reach = |[_, mean, spread]: &[f64; 3]| {
        let spread = if spread.is_finite() { *spread } else { 0.0 };
        [mean - spread, mean + spread]
    };
    let y = Axis::rounded(points().flat_map(reach), 6)?;
    let title =
        if one_task { format!("Learning curves on {}", tasks[0]) } else { "Learning curves".to_owned() };
    let chart = CurvesChart {
        title,
        size: SIZE,
        x: Labelled { axis: x, label: "environment steps" },
        y: Labelled {
            axis: y,
            label: "mean return of evaluation episodes; band: standard deviation over seeds",
        },
        curves,
    };
    Some(chart.svg())
}

/// From 0 on, or by powers of ten where some runs are far longer than others.
fn steps_axis(curves: &[Curve]) -> Option<Axis> {
    let ends = || curves.iter().filter_map(|curve| curve.points.last()).map(|[steps, ..]| *steps);
    let shortest = ends().fold(f64::INFINITY, f64::min);
    let longest = ends().fold(0.0, f64::max);
    let all = curves.iter().flat_map(|curve| &curve.points).map(|[steps, ..]| *steps);
    if longest >= LONGEST_OVER_SHORTEST * shortest {
        Axis::logarithmic(all)
    } else {
        Axis::exact(all.chain([0.0]), 6)
    }
}

fn curve(name: &str, group: &Group, seeds: usize) -> Curve {
    let point = |(steps, returns): (&u64, &Vec<f64>)| {
        let (mean, deviation) = mean_and_deviation(returns);
        [*steps as f64, mean, deviation]
    };
    let seeds = if seeds == 1 { "1 seed".to_owned() } else { format!("{seeds} seeds") };
    Curve { name: format!("{name} ({seeds})"), points: group.iter().map(point).collect() }
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn runs_of_one_algorithm_are_one_line_with_their_spread() {
        let first = sample::report();
        let mut second = RunReport { seed: 8, ..first.clone() };
        second.curve.iter_mut().for_each(|point| point.return_mean += 10.0);
        let other = RunReport { algorithm: "ppo".to_owned(), ..first.clone() };
        let picture = svg(&[first.clone(), second, other]).unwrap();
        assert_eq!(picture.matches("<polyline").count(), 2);
        // The one seed of the other algorithm has no spread to show.
        assert_eq!(picture.matches("<polygon").count(), 1);
        for text in ["sac (2 seeds)", "ppo (1 seed)", "environment steps", "Learning curves on quadrotor"] {
            assert!(picture.contains(text), "{text}");
        }
        // Two curves that lie 10 apart: the mean is 5 above the first, the deviation 10 / √2.
        let group: Group = [(100, vec![1.0, 11.0])].into();
        let [steps, mean, deviation] = curve("SAC", &group, 2).points[0];
        assert!(steps == 100.0 && mean == 6.0 && (deviation - 50_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn runs_of_very_different_lengths_share_a_logarithmic_axis() {
        let line =
            |steps: f64| Curve { name: String::new(), points: vec![[1000.0, 0.0, 0.0], [steps, 0.0, 0.0]] };
        let alike = steps_axis(&[line(20_000.0), line(100_000.0)]).unwrap();
        assert!((alike.position(50_000.0) - 0.5).abs() < 1e-9);
        let apart = steps_axis(&[line(20_000.0), line(1_000_000.0)]).unwrap();
        assert!((apart.position(10_000.0) - 1.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn runs_without_a_curve_have_no_picture() {
        assert!(svg(&[RunReport { curve: Vec::new(), ..sample::report() }]).is_none());
        assert!(svg(&[]).is_none());
    }
}
