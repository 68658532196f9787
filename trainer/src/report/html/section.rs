//! The page's sections, in the order of a run: it learns, is tested, flies in real time, and is proven.

use super::element::{Column, figure, section, side_by_side, subheading, table};
use crate::report::axis::Axis;
use crate::report::chart::{Histogram, Labelled, LineChart, Marker, Size};
use crate::report::verdict::{ERROR_LIMIT_M, SUCCESS_RATE_MIN};
use crate::report::{EvaluationReport, FlightReport, PolicyReport, RunReport, number};
use crate::training::EvaluationPoint;

const WIDE: Size = Size { width: 960.0, height: 300.0 };
const HALF: Size = Size { width: 468.0, height: 270.0 };
/// Two points a pixel are as many as can be seen.
const TRACE_COLUMNS: usize = 900;

/// The learning curve; nothing where there is none.
pub(super) fn learning(report: &RunReport) -> String {
    let curve = &report.curve;
    let judged = curve.iter().any(|point| point.success_rate.is_some());
    let returns = return_chart(curve, if judged { HALF } else { WIDE });
    let successes = judged.then(|| success_chart(curve)).flatten();
    if returns.is_none() && successes.is_none() {
        return String::new();
    }
    let charts = [
        figure(returns, "Mean return of evaluation episodes; the band is one standard deviation."),
        figure(successes, "Share of evaluation episodes that succeeded."),
    ];
    let note = "The exported policy without exploration, on the ranges that it was trained on.";
    let content = if judged { side_by_side(&charts) } else { charts.concat() };
    section("Learning", note, &[content])
}

fn steps_axis(curve: &[EvaluationPoint], ticks: usize) -> Option<Labelled> {
    let steps = curve.iter().map(|point| point.steps as f64);
    let axis = Axis::exact(steps.chain([0.0]), ticks)?;
    Some(Labelled { axis, label: "environment steps" })
}

fn return_chart(curve: &[EvaluationPoint], size: Size) -> Option<String> {
    let x = steps_axis(curve, (size.width / 110.0) as usize)?;
    let reach = |point: &EvaluationPoint| {
        let spread = if point.return_std.is_finite() { point.return_std } else { 0.0 };
        [point.return_mean - spread, point.return_mean + spread]
    };
    let axis = Axis::rounded(curve.iter().flat_map(reach), 5)?;
    let chart = LineChart {
        description: "Mean return over training steps".to_owned(),
        size,
        x,
        y: Labelled { axis, label: "return" },
        points: curve.iter().map(|point| (point.steps as f64, point.return_mean)).collect(),
        spread: curve.iter().map(|point| point.return_std).collect(),
        windows: Vec::new(),
        limit: None,
        segments: Vec::new(),
    };
    Some(chart.svg())
}

fn success_chart(curve: &[EvaluationPoint]) -> Option<String> {
    // The vertical axis is the same for every run, so whether there is anything to draw is asked apart.
    Axis::exact(curve.iter().filter_map(|point| point.success_rate), 1)?;
    let percent = |point: &EvaluationPoint| {
        (point.steps as f64, point.success_rate.map_or(f64::NAN, |rate| 100.0 * rate))
    };
    let chart = LineChart {
        description: "Share of successful episodes over training steps".to_owned(),
        size: HALF,
        x: steps_axis(curve, 4)?,
        y: Labelled { axis: Axis::exact([0.0, 100.0], 4)?, label: "success, %" },
        points: curve.iter().map(percent).collect(),
        spread: Vec::new(),
        windows: Vec::new(),
        limit: None,
        segments: Vec::new(),
    };
    Some(chart.svg())
}

/// Success and metrics on the acceptance ranges.
pub(super) fn robustness(evaluation: &EvaluationReport) -> String {
    let summary = format!(
        "{} episodes on the acceptance ranges of the task: return {} ± {}.",
        evaluation.episodes,
        number::significant(evaluation.return_mean),
        number::significant(evaluation.return_std)
    );
    let rows: Vec<[String; 3]> = evaluation
        .metrics
        .iter()
        .map(|metric| {
            [metric.name.clone(), number::significant(metric.median), number::significant(metric.p90)]
        })
        .collect();
    let columns = [Column("Metric", false), Column("Median", true), Column("90th percentile", true)];
    let metrics = if rows.is_empty() { String::new() } else { table(&columns, &rows) };
    let meter = evaluation.success_rate.map(meter).unwrap_or_default();
    section("Robustness", &summary, &[meter, metrics])
}

fn meter(rate: f64) -> String {
    let shown = number::percent(rate);
    // Not `clamp`: an undefined rate shall give an empty bar.
    let width = (100.0 * rate).max(0.0).min(100.0);
    format!(
        "<div class=\"meter\" role=\"img\" aria-label=\"{shown} % succeeded\"><div style=\"width:{width:.1}%\"></div></div>\n\
         <p><strong>{shown} %</strong> succeeded; {} % are needed.</p>\n",
        number::percent(SUCCESS_RATE_MIN)
    )
}

/// The true position error over time, and the faults.
pub(super) fn flight(flight: &FlightReport) -> String {
    let note = format!(
        "{} s at {} Hz over {}, mode {}: {}.",
        number::significant(flight.duration_s),
        number::significant(flight.rate_hz),
        flight.link,
        flight.mode,
        flight.outcome
    );
    let caption = format!(
        "True distance to the goal, from the plant and not from the sensors: root mean square {} m, largest {} m. \
         Shaded: faults, numbered as below. The strip shows what the robot did: obey, or act on its own.",
        number::decimal(flight.error_rms_m, 3),
        number::decimal(flight.error_max_m, 3)
    );
    section("Flight", &note, &[figure(error_chart(flight), &caption), faults(flight)])
}

fn error_chart(flight: &FlightReport) -> Option<String> {
    let errors = flight.trace.iter().map(|point| point.error_m);
    // Without a single error there is nothing to show, though the limit alone would make an axis.
    Axis::exact(errors.clone(), 1)?;
    let y = Axis::rounded(errors.chain([0.0, 1.1 * ERROR_LIMIT_M]), 5)?;
    let chart = LineChart {
        description: "True position error over the time of flight".to_owned(),
        size: WIDE,
        x: Labelled { axis: Axis::exact([0.0, flight.end_s()], 10)?, label: "time, s" },
        y: Labelled { axis: y, label: "position error, m" },
        points: flight.thinned_trace(TRACE_COLUMNS),
        spread: Vec::new(),
        windows: flight.fault_windows(),
        limit: Some((ERROR_LIMIT_M, format!("limit {ERROR_LIMIT_M} m"))),
        segments: flight.mode_segments(),
    };
    Some(chart.svg())
}

fn faults(flight: &FlightReport) -> String {
    if flight.faults.is_empty() {
        return "<p>No fault was seen.</p>\n".to_owned();
    }
    let row = |(index, fault): (usize, &crate::report::FaultLine)| {
        let until = fault.until_s.map_or("end".to_owned(), |until| number::decimal(until, 3));
        let number = (index + 1).to_string();
        [number, number::decimal(fault.at_s, 3), until, fault.cause.clone(), fault.handling.clone()]
    };
    let rows: Vec<[String; 5]> = flight.faults.iter().enumerate().map(row).collect();
    let columns = [
        Column("", false),
        Column("From, s", true),
        Column("Until, s", true),
        Column("Fault", false),
        Column("How it was handled", false),
    ];
    subheading("Faults") + &table(&columns, &rows)
}

/// How punctual the loop was, and what the machine granted it.
pub(super) fn real_time(flight: &FlightReport) -> String {
    let note = format!(
        "{} ticks, {} overruns, {} allocations, {} interventions by the supervisor, {} late steps of the plant.",
        number::count(flight.ticks),
        number::count(flight.overruns),
        number::count(flight.allocations),
        number::count(flight.interventions),
        number::count(flight.plant_late)
    );
    let caption = "How late the loop woke up, in ticks for each bucket; both axes are logarithmic.";
    let content =
        [figure(wake_up_chart(flight), caption), side_by_side(&[timing(flight), privileges(flight)])];
    section("Real time", &note, &content)
}

fn wake_up_chart(flight: &FlightReport) -> Option<String> {
    let bars = flight.wake_up_bars();
    let counted = || bars.iter().filter(|bar| bar.count > 0);
    // A first bucket from zero on has no place on a logarithmic axis; half its upper edge stands for it.
    let edges = counted().flat_map(|bar| [bar.lower.max(0.5 * bar.upper), bar.upper]);
    let x = Axis::logarithmic(edges)?;
    let y = Axis::logarithmic(counted().map(|bar| bar.count as f64).chain([1.0]))?.with_room_below(0.5);
    let names = ["median", "99 %", "99.9 %", "max"];
    let marker = |(name, value): (&str, f64)| {
        (value > 0.0).then(|| Marker { value, label: format!("{name} {} µs", number::significant(value)) })
    };
    let histogram = Histogram {
        description: "Wake-up latency of the real-time loop".to_owned(),
        size: WIDE,
        x: Labelled { axis: x, label: "wake-up latency, µs" },
        y: Labelled { axis: y, label: "ticks" },
        bars,
        markers: names.into_iter().zip(flight.wake_up_us).filter_map(marker).collect(),
    };
    Some(histogram.svg())
}

fn timing(flight: &FlightReport) -> String {
    let row = |name: &str, values: [f64; 4]| {
        let [p50, p99, p999, max] = values.map(number::significant);
        [name.to_owned(), p50, p99, p999, max]
    };
    let columns = [
        Column("µs", false),
        Column("median", true),
        Column("99 %", true),
        Column("99.9 %", true),
        Column("max", true),
    ];
    let rows = [row("Wake-up", flight.wake_up_us), row("Compute", flight.compute_us)];
    subheading("Timing") + &table(&columns, &rows)
}

fn privileges(flight: &FlightReport) -> String {
    if flight.rt.is_empty() {
        return String::new();
    }
    let row = |(what, asked, granted): &(String, String, bool)| {
        let answer = if *granted { "✓ granted" } else { "✗ refused" };
        [what.clone(), asked.clone(), answer.to_owned()]
    };
    let rows: Vec<[String; 3]> = flight.rt.iter().map(row).collect();
    let columns = [Column("Privilege", false), Column("Asked", false), Column("Answer", false)];
    subheading("Privileges") + &table(&columns, &rows)
}

/// What shows that the file computes what was trained.
pub(super) fn proof(policy: &PolicyReport) -> String {
    let outcome = if policy.golden_exact { "equal, bit for bit" } else { "different" };
    let row = |name: &str, found: String| [name.to_owned(), found];
    let difference = number::significant(policy.reference_error);
    let operations = number::count(policy.multiply_adds);
    let rows = [
        row("Golden pairs", format!("{} pairs, {outcome}", policy.golden_pairs)),
        row("Reference", format!("{}, largest difference {difference}", policy.reference)),
        row("Size", format!("{}, {operations} multiply-adds", number::bytes(policy.bytes))),
        row("Inference", format!("{} µs", number::significant(policy.inference_us))),
    ];
    let note = "The file carries its own test: inputs with the outputs that every target must give.";
    section("Proof", note, &[table(&[Column("Policy", false), Column("Found", false)], &rows)])
}
