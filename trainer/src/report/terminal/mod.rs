//! A run at a glance: at most 80 columns, about 60 lines, to be read right after the command that made it.
//!
//! [`text`] puts the parts together, `plot` draws the two charts, `style` colours. Width is counted before colour is
//! added, so that colour never moves anything.

mod plot;
mod style;

use super::{Check, EvaluationReport, FlightReport, PolicyReport, RunReport, Verdict, number};
use plot::{curve, strip};
use style::{Ink, Style, clipped, wrapped};

/// Columns of a line, margin included.
pub(super) const WIDTH: usize = 80;
/// Columns left of everything.
const MARGIN: &str = "  ";
/// Column at which a named line's text starts, after the margin.
const NAME: usize = 12;
/// Text that needs more lines than this is for the page.
const WRAP_MAX: usize = 2;
/// Columns of a fault's span of time, after the margin.
const SPAN: usize = 18;
/// More lines of a kind than this are for the page.
const LIST_MAX: usize = 4;

/// The text of a run, with ANSI colours where `color` is set.
pub fn text(report: &RunReport, color: bool) -> String {
    let style = Style::new(color);
    let verdict = report.verdict();
    let parts = [
        heading(report, &verdict, style),
        overview(report, style),
        curve(&report.curve, style),
        report.evaluation.as_ref().map(|evaluation| metrics(evaluation, style)).unwrap_or_default(),
        report.flight.as_ref().map(|flight| strip(flight, style)).unwrap_or_default(),
        report.flight.as_ref().map(|flight| faults(flight, style)).unwrap_or_default(),
        report.flight.as_ref().map(|flight| real_time(flight, style)).unwrap_or_default(),
        closing(&verdict, style),
    ];
    let parts: Vec<String> =
        parts.into_iter().filter(|part| !part.is_empty()).map(|part| part.join("\n")).collect();
    parts.join("\n\n") + "\n"
}

fn heading(report: &RunReport, verdict: &Verdict, style: Style) -> Vec<String> {
    let word = verdict.word().to_uppercase();
    let room = WIDTH - 2 * MARGIN.len() - word.len();
    let title = format!("{} · {} · seed {}", report.task, report.algorithm, report.seed);
    let title = format!("{:<room$}", clipped(&title, room - 1));
    let ink = verdict_ink(verdict);
    let rule = "─".repeat(WIDTH - 2 * MARGIN.len());
    vec![
        format!("{MARGIN}{}{}", style.paint(Ink::Strong, &title), style.paint(ink, &word)),
        format!("{MARGIN}{}", style.paint(Ink::Faint, &rule)),
    ]
}

fn verdict_ink(verdict: &Verdict) -> Ink {
    match (verdict.checks(), verdict.passed()) {
        ([], _) => Ink::Strong,
        (_, true) => Ink::Good,
        (_, false) => Ink::Bad,
    }
}

fn overview(report: &RunReport, style: Style) -> Vec<String> {
    let trained = format!(
        "{} steps in {} s, {} steps/s",
        number::count(report.steps),
        number::significant(report.seconds),
        number::decimal(report.steps_per_s, 0)
    );
    let mut lines = named("Training", &trained, style);
    if let Some(policy) = &report.policy {
        lines.extend(policy_lines(policy, style));
    }
    if let Some(evaluation) = &report.evaluation {
        lines.extend(named("Evaluation", &evaluated(evaluation), style));
    }
    if let Some(flight) = &report.flight {
        let flown = format!(
            "{} s at {} Hz, {}, {}: {}",
            number::significant(flight.duration_s),
            number::significant(flight.rate_hz),
            flight.mode,
            flight.link,
            flight.outcome
        );
        lines.extend(named("Flight", &flown, style));
    }
    lines
}

fn policy_lines(policy: &PolicyReport, style: Style) -> Vec<String> {
    let size = format!(
        "{}, {} multiply-adds, {} µs an inference",
        number::bytes(policy.bytes),
        number::count(policy.multiply_adds),
        number::significant(policy.inference_us)
    );
    let exact = if policy.golden_exact { "exact" } else { "WRONG" };
    let proof = format!(
        "{} golden pairs {exact}, within {} of {}",
        policy.golden_pairs,
        number::significant(policy.reference_error),
        policy.reference
    );
    [named("Policy", &size, style), named("", &proof, style)].concat()
}

fn evaluated(evaluation: &EvaluationReport) -> String {
    let success = evaluation
        .success_rate
        .map_or_else(String::new, |rate| format!("{} % success, ", number::percent(rate)));
    format!(
        "{success}return {} ± {} over {} episodes{}",
        number::significant(evaluation.return_mean),
        number::significant(evaluation.return_std),
        evaluation.episodes,
        certainty(evaluation),
    )
}

/// Where the true mean and share lie with 95 % confidence, as far as that is known.
fn certainty(evaluation: &EvaluationReport) -> String {
    let [low, high] = evaluation.return_interval;
    if !(low.is_finite() && high.is_finite()) {
        return String::new();
    }
    let success = evaluation.success_interval.map_or_else(String::new, |[low, high]| {
        format!(", success {} to {} %", number::percent(low), number::percent(high))
    });
    format!("; 95 %: return {} to {}{success}", number::significant(low), number::significant(high))
}

fn metrics(evaluation: &EvaluationReport, style: Style) -> Vec<String> {
    if evaluation.metrics.is_empty() {
        return Vec::new();
    }
    let header = format!("{:<40}{:>12}{:>12}", "Metric over the acceptance episodes", "median", "90 %");
    let mut lines = vec![format!("{MARGIN}{}", style.paint(Ink::Faint, &header))];
    for metric in evaluation.metrics.iter().take(LIST_MAX) {
        let (median, p90) = (number::significant(metric.median), number::significant(metric.p90));
        lines.push(format!("{MARGIN}{:<40}{median:>12}{p90:>12}", clipped(&metric.name, 38)));
    }
    lines.extend(more(evaluation.metrics.len(), style));
    lines
}

fn faults(flight: &FlightReport, style: Style) -> Vec<String> {
    let describe = |fault: &super::FaultLine| {
        let until = fault.until_s.map_or("end".to_owned(), |until| number::decimal(until, 2));
        let span = format!("{:>6}–{until} s", number::decimal(fault.at_s, 2));
        let what = format!("{} → {}", fault.cause, fault.handling);
        let spans = std::iter::once(clipped(&span, SPAN - 1)).chain(std::iter::repeat(String::new()));
        let line = |(span, what): (String, String)| {
            format!("{MARGIN}{}{what}", style.paint(Ink::Warning, &format!("{span:<SPAN$}")))
        };
        let lines = wrapped(&what, WIDTH - 2 * MARGIN.len() - SPAN, WRAP_MAX);
        spans.zip(lines).map(line).collect::<Vec<_>>()
    };
    let mut lines: Vec<String> = flight.faults.iter().take(LIST_MAX).flat_map(describe).collect();
    lines.extend(more(flight.faults.len(), style));
    lines
}

fn real_time(flight: &FlightReport, style: Style) -> Vec<String> {
    let header = format!("{:<NAME$}{:>12}{:>12}{:>12}{:>12}", "Real time", "median", "99 %", "99.9 %", "max");
    let row = |name: &str, values: [f64; 4]| {
        let [p50, p99, p999, max] = values.map(|value| format!("{} µs", number::significant(value)));
        format!("{MARGIN}{name:<NAME$}{p50:>12}{p99:>12}{p999:>12}{max:>12}")
    };
    let ticks = format!(
        "{} ticks, {} overruns, {} allocations",
        number::count(flight.ticks),
        number::count(flight.overruns),
        number::count(flight.allocations)
    );
    let outcomes = format!(
        "{} interventions by the supervisor, {} late steps of the plant",
        number::count(flight.interventions),
        number::count(flight.plant_late)
    );
    let mut lines = vec![
        format!("{MARGIN}{}", style.paint(Ink::Faint, &header)),
        row("Wake-up", flight.wake_up_us),
        row("Compute", flight.compute_us),
    ];
    lines.extend(named("Loop", &ticks, style));
    lines.extend(named("", &outcomes, style));
    for (name, granted) in [("Granted", true), ("Refused", false)] {
        let which: Vec<String> = flight
            .rt
            .iter()
            .filter(|privilege| privilege.2 == granted)
            .map(|(what, asked, _)| format!("{what} {asked}"))
            .collect();
        if !which.is_empty() {
            lines.extend(named(name, &which.join(", "), style));
        }
    }
    lines
}

fn closing(verdict: &Verdict, style: Style) -> Vec<String> {
    let check = |check: &Check| {
        let (sign, ink) = if check.passed { ("✓", Ink::Good) } else { ("✗", Ink::Bad) };
        let finding = clipped(&check.finding, WIDTH - 2 * MARGIN.len() - 2);
        format!("{MARGIN}{} {finding}", style.paint(ink, sign))
    };
    let mut lines: Vec<String> = verdict.checks().iter().map(check).collect();
    let sentence = wrapped(&verdict.sentence(), WIDTH - 2 * MARGIN.len(), WRAP_MAX);
    lines.extend(sentence.iter().map(|line| format!("{MARGIN}{}", style.paint(verdict_ink(verdict), line))));
    lines
}

/// Text with its name in front, in as many lines as it needs up to [`WRAP_MAX`].
fn named(name: &str, text: &str, style: Style) -> Vec<String> {
    let lines = wrapped(text, WIDTH - 2 * MARGIN.len() - NAME, WRAP_MAX);
    let names = std::iter::once(name).chain(std::iter::repeat(""));
    let line = |(name, line): (&str, &String)| {
        format!("{MARGIN}{}{line}", style.paint(Ink::Faint, &format!("{name:<NAME$}")))
    };
    names.zip(&lines).map(line).collect()
}

fn more(count: usize, style: Style) -> Option<String> {
    let hidden = count.checked_sub(LIST_MAX).filter(|hidden| *hidden > 0)?;
    Some(format!("{MARGIN}{}", style.paint(Ink::Faint, &format!("and {hidden} more in the page"))))
}
