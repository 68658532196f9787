//! `sinew report`.

use super::{Outcome, failed, unusable};
use anyhow::Context;
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
        let bytes = run.read("report.json").map_err(unusable)?;
        let report: RunReport = serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is no report", run.file("report.json").display()))
            .map_err(unusable)?;
        show(&run, &report)
    }
}

/// Prints a report and writes its page.
pub(crate) fn show(run: &RunDirectory, report: &RunReport) -> Outcome {
    println!("{}", terminal::text(report, std::io::stdout().is_terminal()));
    run.write("report.html", html::page(report).as_bytes()).map_err(failed)?;
    println!("{}", run.file("report.html").display());
    Ok(())
}
