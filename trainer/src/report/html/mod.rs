//! One self-contained page: no script, no font, no picture from elsewhere, so that it opens the same in ten years.
//!
//! [`page`] writes the headline and the key numbers; `section` writes what follows; `element` knows the tags.
//! Everything that comes from a report passes through `escape`.

mod element;
mod ranges;
mod section;

pub(crate) use element::escape;

use super::{EvaluationReport, RunReport, Verdict, number};
use element::{Tile, tiles};

/// The page of a run.
pub fn page(report: &RunReport) -> String {
    let title = format!("{} · {} · seed {}", report.task, report.algorithm, report.seed);
    let sections = [
        header(report, &report.verdict()),
        tiles(&key_numbers(report)),
        section::learning(report),
        ranges::adaptation(&report.ranges),
        report.evaluation.as_ref().map(section::robustness).unwrap_or_default(),
        report.flight.as_ref().map(section::flight).unwrap_or_default(),
        report.flight.as_ref().map(section::real_time).unwrap_or_default(),
        report.policy.as_ref().map(section::proof).unwrap_or_default(),
    ];
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<style>\n{PALETTE}{}</style>\n</head>\n<body>\n<main>\n{}{FOOTER}</main>\n</body>\n</html>\n",
        escape(&title),
        include_str!("page.css"),
        sections.concat()
    )
}

/// Colours of every page, in light and in dark.
pub(crate) const PALETTE: &str = include_str!("palette.css");

const FOOTER: &str = "<footer class=\"note\">SI units. Written by Sinew from report.json; \
    <code>sinew report</code> writes it again.</footer>\n";

fn header(report: &RunReport, verdict: &Verdict) -> String {
    let check = |check: &super::Check| {
        let class = if check.passed { "passed" } else { "failed" };
        format!("<li class=\"{class}\">{}</li>\n", escape(&check.finding))
    };
    let checks: Vec<String> = verdict.checks().iter().map(check).collect();
    let checks = match checks.as_slice() {
        [] => String::new(),
        checks => format!("<ul class=\"checks\">\n{}</ul>\n", checks.concat()),
    };
    format!(
        "<header>\n<p class=\"eyebrow\">Trained with {} from seed {}</p>\n\
         <h1>{} <span class=\"badge {word}\">{word}</span></h1>\n<p class=\"lead\">{}</p>\n{checks}</header>\n",
        escape(&report.algorithm.to_uppercase()),
        report.seed,
        escape(&report.task),
        escape(&verdict.sentence()),
        word = verdict.word(),
    )
}

/// Where the true mean lies, as far as that is known.
fn mean_interval(evaluation: &EvaluationReport) -> String {
    let [low, high] = evaluation.return_interval;
    let known = low.is_finite() && high.is_finite();
    let text = || format!("; mean {} to {} (95 %)", number::significant(low), number::significant(high));
    if known { text() } else { String::new() }
}

/// Where the true share of successes lies, as far as that is known.
fn share_interval(evaluation: &EvaluationReport) -> String {
    evaluation.success_interval.map_or_else(String::new, |[low, high]| {
        format!("; {} to {} % (95 %)", number::percent(low), number::percent(high))
    })
}

fn key_numbers(report: &RunReport) -> Vec<Tile> {
    let mut tiles = vec![Tile::new("Training", number::significant(report.seconds), "s").detail(format!(
        "{} steps, {} steps/s",
        number::count(report.steps),
        number::decimal(report.steps_per_s, 0)
    ))];
    if let Some(evaluation) = &report.evaluation {
        tiles.push(Tile::new("Return", number::significant(evaluation.return_mean), "").detail(format!(
            "± {} over episodes{}",
            number::significant(evaluation.return_std),
            mean_interval(evaluation)
        )));
        if let Some(rate) = evaluation.success_rate {
            tiles.push(Tile::new("Success", number::percent(rate), "%").detail(format!(
                "of {} acceptance episodes{}",
                evaluation.episodes,
                share_interval(evaluation)
            )));
        }
    }
    if let Some(policy) = &report.policy {
        tiles.push(
            Tile::new("Inference", number::significant(policy.inference_us), "µs")
                .detail(format!("{} multiply-adds", number::count(policy.multiply_adds))),
        );
    }
    if let Some(flight) = &report.flight {
        let [_, p99, p999, _] = flight.wake_up_us.map(number::significant);
        tiles.extend([
            Tile::new("Largest error in flight", number::decimal(flight.error_max_m, 3), "m")
                .detail(format!("root mean square {} m", number::decimal(flight.error_rms_m, 3))),
            Tile::new("Wake-up, 99.9th percentile", p999, "µs").detail(format!("99th {p99} µs")),
            Tile::new("Overruns", number::count(flight.overruns), "")
                .detail(format!("of {} ticks", number::count(flight.ticks))),
            Tile::new("Allocations", number::count(flight.allocations), "")
                .detail("on the real-time thread after start".to_owned()),
        ]);
    }
    tiles
}
