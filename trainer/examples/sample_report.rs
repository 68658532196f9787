//! Draws a made-up run, to look at the report without training: `cargo run --example sample_report -- page.html`.

#[path = "../src/report/tests/sample.rs"]
mod sample;

use sinew_trainer::evaluation::MetricSummary;
use sinew_trainer::report::{
    EvaluationReport, FaultLine, FlightReport, PolicyReport, RangeCurve, RangePoint, RunReport, TracePoint,
    html, terminal,
};
use sinew_trainer::training::EvaluationPoint;
use std::io::{self, IsTerminal};

fn main() -> io::Result<()> {
    let report = sample::report();
    if let Some(path) = std::env::args_os().nth(1) {
        std::fs::write(path, html::page(&report))?;
    }
    print!("{}", terminal::text(&report, io::stdout().is_terminal()));
    Ok(())
}
