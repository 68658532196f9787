//! `sinew report`.

use anyhow::Context;
use sinew_firmware_host::exit::{Outcome, failed, unusable};
use sinew_trainer::report::{RunReport, html, terminal};
use sinew_trainer::run_directory::RunDirectory;
use std::io::IsTerminal;
use std::path::PathBuf;

/// Show a run's report again and rebuild its page.
#[derive(clap::Args)]
pub(crate) struct Report {
    /// The run directory.
    run: PathBuf,
}

impl Report {
    pub(crate) fn run(self) -> Outcome {
        let run = RunDirectory::open(&self.run).map_err(unusable)?;
        let bytes =
            run.read("report.json").context("a run has a report once it has finished").map_err(unusable)?;
        let report: RunReport = serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is no report", run.file("report.json").display()))
            .map_err(unusable)?;
        show(&run, &report)
    }
}

/// Keeps a report in the run's folder, and shows it.
pub(crate) fn keep(run: &RunDirectory, report: &RunReport) -> Outcome {
    let json = serde_json::to_vec_pretty(report).map_err(failed)?;
    run.write("report.json", &json).map_err(failed)?;
    show(run, report)
}

/// Prints a report and writes its page.
fn show(run: &RunDirectory, report: &RunReport) -> Outcome {
    eprintln!("{}", terminal::text(report, std::io::stderr().is_terminal()));
    run.write("report.html", html::page(report).as_bytes()).map_err(failed)?;
    eprintln!("{}", run.file("report.html").display());
    Ok(())
}
