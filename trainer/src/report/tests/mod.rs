//! What both drawings promise, whatever they are given.

pub(super) mod sample;

use super::*;
use sample::report;

/// Elements that have no end.
const VOID: [&str; 1] = ["meta"];

/// Every tag that is opened is closed, in order; gives the number of elements.
fn assert_well_formed(page: &str) -> usize {
    let body = page.split_once("<html").map(|(_, body)| format!("<html{body}")).unwrap();
    let mut open = Vec::new();
    let mut elements = 0;
    for tag in body.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').unwrap_or_else(|| panic!("<{tag} has no end"));
        assert!(!text.contains('>') || open.last() == Some(&"style"), "bare > in {text:?}");
        assert_eq!(tag.matches('"').count() % 2, 0, "odd quotes in <{tag}>");
        let name = tag.split([' ', '/']).next().unwrap();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "closed out of order");
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
            elements += 1;
        }
    }
    assert!(open.is_empty(), "never closed: {open:?}");
    elements
}

fn assert_fits(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= terminal::WIDTH, "{} wide: {line}", line.chars().count());
    }
    assert!(text.lines().count() <= 62, "{} lines", text.lines().count());
}

/// The sample with every part removed that a run may lack.
fn bare() -> RunReport {
    RunReport {
        curve: Vec::new(),
        ranges: Vec::new(),
        evaluation: None,
        policy: None,
        flight: None,
        ..report()
    }
}

/// The sample with every measurement undefined.
fn undefined() -> RunReport {
    let mut report = report();
    (report.seconds, report.steps_per_s) = (f64::NAN, f64::INFINITY);
    for point in &mut report.curve {
        (point.return_mean, point.return_std, point.success_rate) = (f64::NAN, f64::NAN, Some(f64::NAN));
    }
    for point in report.ranges.iter_mut().flat_map(|curve| &mut curve.points) {
        (point.low, point.high) = (f64::NAN, f64::NAN);
    }
    let evaluation = report.evaluation.as_mut().unwrap();
    (evaluation.return_mean, evaluation.success_rate) = (f64::NAN, Some(f64::NAN));
    evaluation.metrics[0].median = f64::NAN;
    let flight = report.flight.as_mut().unwrap();
    (flight.duration_s, flight.error_max_m, flight.error_rms_m) = (f64::NAN, f64::NAN, f64::NAN);
    (flight.wake_up_us, flight.compute_us) = ([f64::NAN; 4], [f64::NAN; 4]);
    flight.wake_up_histogram = vec![(f64::NAN, 3), (f64::INFINITY, 2)];
    for point in &mut flight.trace {
        (point.time_s, point.error_m) = (f64::NAN, f64::NEG_INFINITY);
    }
    flight.faults[0].at_s = f64::NAN;
    flight.faults[1].until_s = Some(f64::NAN);
    report
}

#[test]
fn the_page_is_well_formed_and_loads_nothing() {
    let page = html::page(&report());
    assert!(assert_well_formed(&page) > 100);
    for outside in ["http:", "https:", "src=", "href=", "<script", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn every_number_of_the_run_is_on_the_page() {
    let page = html::page(&report());
    let numbers = [
        "seed 7",
        "60,000 steps",
        "mass_scale: from 1.00 to 1.00, in the end 0.600 to 1.60.",
        "54.3",
        "1,184 steps/s",
        "371",
        "18.2",
        "95 %",
        "20 episodes",
        "position_error_max_m",
        "0.0840",
        "0.161",
        "64 pairs",
        "bit for bit",
        "tract 0.23",
        "4.2e-7",
        "0.213",
        "31.6 kB",
        "5,824",
        "sil",
        "udp:127.0.0.1:41723",
        "100 Hz",
        "1,003 ticks",
        "2 overruns",
        "11.4",
        "58.2",
        "412",
        "1,130",
        "7.90",
        "15.3",
        "88.1",
        "0 allocations",
        "3 interventions",
        "4 late steps",
        "SCHED_FIFO",
        "priority 80",
        "cpu_dma_latency",
        "✗ refused",
        "link_silent",
        "6.060",
        "engaged again",
        "0.037 m",
        "0.143",
        "limit 0.2 m",
        "flight completed",
    ];
    for number in numbers {
        assert!(page.contains(number), "{number} is missing");
    }
}

#[test]
fn every_number_of_the_run_is_in_the_terminal() {
    let text = terminal::text(&report(), false);
    let numbers = [
        "seed 7",
        "60,000 steps",
        "54.3 s",
        "1,184 steps/s",
        "371 ± 18.2",
        "95 %",
        "20 episodes",
        "position_error_max_m",
        "0.0840",
        "0.161",
        "64 golden pairs exact",
        "tract 0.23",
        "4.2e-7",
        "0.213 µs",
        "31.6 kB",
        "5,824",
        "udp:127.0.0.1:41723",
        "100 Hz",
        "1,003 ticks",
        "2 overruns",
        "11.4 µs",
        "58.2 µs",
        "412 µs",
        "1,130 µs",
        "88.1 µs",
        "0 allocations",
        "3 interventions",
        "4 late steps",
        "SCHED_FIFO priority 80",
        "cpu_dma_latency",
        "link_silent",
        "6.00–6.06 s",
        "0.037 m",
        "0.143 m",
        "flight completed",
        "Every check passed.",
        "▀",
    ];
    for number in numbers {
        assert!(text.contains(number), "{number} is missing from\n{text}");
    }
}

#[test]
fn the_text_fits_a_terminal_and_is_plain_without_color() {
    let plain = terminal::text(&report(), false);
    assert_fits(&plain);
    assert!(!plain.contains('\u{1b}'));
    let mut colored = terminal::text(&report(), true);
    assert!(colored.contains('\u{1b}'));
    for code in ["0", "1", "2", "36", "33", "1;32", "1;31"] {
        colored = colored.replace(&format!("\u{1b}[{code}m"), "");
    }
    assert_eq!(colored, plain);
}

#[test]
fn long_names_and_large_numbers_are_cut_to_the_width() {
    let mut report = report();
    report.task = "a_task_with_a_name_".repeat(9);
    (report.steps, report.seconds) = (u64::MAX, 1e300);
    let flight = report.flight.as_mut().unwrap();
    flight.link = "unix:/a/long/path".repeat(9);
    flight.ticks = u64::MAX;
    flight.wake_up_us = [f64::MAX; 4];
    flight.faults = vec![FaultLine { at_s: 1e9, until_s: Some(2e9), ..flight.faults[1].clone() }; 40];
    for point in &mut report.curve {
        (point.steps, point.return_mean) = (u64::MAX, point.return_mean * 1e20);
    }
    assert_fits(&terminal::text(&report, false));
    assert_well_formed(&html::page(&report));
}

#[test]
fn parts_that_did_not_happen_are_left_out() {
    let (page, text) = (html::page(&bare()), terminal::text(&bare(), false));
    assert_well_formed(&page);
    for part in ["<svg", "<h2", "NaN", "<table"] {
        assert!(!page.contains(part), "{part}");
    }
    assert!(page.contains("60,000 steps") && text.contains("60,000 steps"));
    assert!(!text.contains("Flight") && !text.contains("Policy") && !text.contains("│"));
    assert_eq!(bare().verdict().word(), "trained");
}

#[test]
fn undefined_measurements_are_drawn_as_absent_and_never_pass() {
    let report = undefined();
    let (page, text) = (html::page(&report), terminal::text(&report, false));
    assert_well_formed(&page);
    assert_fits(&text);
    for drawing in [&page, &text] {
        assert!(!drawing.contains("NaN") && !drawing.contains("inf\""), "{drawing}");
    }
    assert!(!page.contains("<svg"));
    assert_eq!(report.verdict().checks().iter().filter(|check| !check.passed).count(), 2);
}

#[test]
fn a_gap_in_the_measurements_is_a_gap_in_the_line() {
    let mut report = report();
    report.flight.as_mut().unwrap().trace[500].error_m = f64::NAN;
    report.curve[10].return_mean = f64::NAN;
    let page = html::page(&report);
    assert_well_formed(&page);
    assert!(!page.contains("NaN"));
    let line = page.split("class=\"line\" d=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(line.matches('M').count(), 2);
}

#[test]
fn text_from_outside_cannot_become_markup_or_steer_the_terminal() {
    let mut report = report();
    report.task = "<script>alert('x')</script> & \u{1b}[31m".to_owned();
    let flight = report.flight.as_mut().unwrap();
    flight.faults[0].cause = "\"><img onerror=x>\n".to_owned();
    flight.trace[700].mode = "</svg>".to_owned();
    flight.rt[0].0 = "<b>".to_owned();
    let (page, text) = (html::page(&report), terminal::text(&report, false));
    assert_well_formed(&page);
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script") && !page.contains("<img"));
    assert!(!page.contains('\u{1b}') && !text.contains('\u{1b}'));
}

#[test]
fn a_report_survives_its_file() {
    let written = serde_json::to_string(&report()).unwrap();
    assert_eq!(serde_json::from_str::<RunReport>(&written).unwrap(), report());
    let mut report = report();
    report.flight.as_mut().unwrap().wake_up_us = [1.0, 2.0, f64::NAN, f64::NAN];
    let written = serde_json::to_string(&report).unwrap();
    let read: RunReport = serde_json::from_str(&written).unwrap();
    assert_eq!(html::page(&read), html::page(&report));
}

#[test]
fn one_failed_check_fails_the_run_and_is_named() {
    let mut report = report();
    assert!(report.verdict().passed());
    report.flight.as_mut().unwrap().error_max_m = 0.201;
    let verdict = report.verdict();
    assert_eq!(verdict.word(), "failed");
    assert_eq!(
        verdict.sentence(),
        "One check failed: largest position error in flight 0.201 m (limit 0.2 m)."
    );
    assert!(terminal::text(&report, false).contains("FAILED"));
    assert!(html::page(&report).contains("badge failed"));
}

#[test]
fn a_flight_that_was_stopped_never_passes() {
    let mut report = report();
    report.flight.as_mut().unwrap().outcome = "ended in Stopped: NonFinite".to_owned();
    assert_eq!(report.verdict().sentence(), "One check failed: flight ended in Stopped: NonFinite.");
}
