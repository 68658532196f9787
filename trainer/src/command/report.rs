//! `sinew report`.

use anyhow::{Context, anyhow};
use sinew_firmware_host::exit::{Failure, Outcome, failed, unusable};
use sinew_trainer::report::{RunReport, compare, html, terminal};
use sinew_trainer::run_directory::{RunDirectory, atomic_write};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Show a run's report again and rebuild its page, or draw the learning curves of several runs.
#[derive(clap::Args)]
pub(crate) struct Report {
    /// The run directory; with --compare all runs, or folders of --sweep-seeds.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Draw the learning curves of all runs as one picture, a line with its spread over seeds for each algorithm.
    #[arg(long, requires = "output")]
    compare: bool,
    /// The picture to write, an SVG file; it is replaced.
    #[arg(short, long, value_name = "F.svg", requires = "compare")]
    output: Option<PathBuf>,
}

impl Report {
    pub(crate) fn run(self) -> Outcome {
        if let Some(output) = self.output.as_deref().filter(|_| self.compare) {
            return draw(&self.runs, output);
        }
        let [path] = self.runs.as_slice() else {
            return Err(unusable(anyhow!("one run has a report; several can be drawn with --compare")));
        };
        let run = RunDirectory::open(path).map_err(unusable)?;
        show(&run, &load(&run)?)
    }
}

fn load(run: &RunDirectory) -> Result<RunReport, Failure> {
    let bytes =
        run.read("report.json").context("a run has a report once it has finished").map_err(unusable)?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is no report", run.file("report.json").display()))
        .map_err(unusable)
}

/// The learning curves of all runs; a folder that is no run stands for those in it.
fn draw(paths: &[PathBuf], output: &Path) -> Outcome {
    let mut reports = Vec::new();
    for path in paths {
        for run in runs_of(path)? {
            reports.push(load(&run)?);
        }
    }
    let picture = compare::svg(&reports)
        .context("none of these runs was evaluated while it trained: there is no curve to draw")
        .map_err(unusable)?;
    atomic_write(output, picture.as_bytes())
        .with_context(|| format!("cannot write {}", output.display()))
        .map_err(failed)?;
    eprintln!("{}: {} runs", output.display(), reports.len());
    Ok(())
}

fn runs_of(path: &Path) -> Result<Vec<RunDirectory>, Failure> {
    let own = RunDirectory::open(path);
    if own.is_ok() || !path.join("seeds.json").is_file() {
        return Ok(vec![own.map_err(unusable)?]);
    }
    let entries = std::fs::read_dir(path).map_err(unusable)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    paths.sort();
    Ok(paths.iter().filter_map(|path| RunDirectory::open(path).ok()).collect())
}

/// Keeps a report in the run's folder, and shows it.
pub(crate) fn keep(run: &RunDirectory, report: &RunReport) -> Outcome {
    record(run, report)?;
    show(run, report)
}

/// Keeps a report in the run's folder, with its page.
pub(crate) fn record(run: &RunDirectory, report: &RunReport) -> Outcome {
    let json = serde_json::to_vec_pretty(report).map_err(failed)?;
    run.write("report.json", &json).map_err(failed)?;
    run.write("report.html", html::page(report).as_bytes()).map_err(failed)
}

/// Prints a report and writes its page.
fn show(run: &RunDirectory, report: &RunReport) -> Outcome {
    eprintln!("{}", terminal::text(report, std::io::stderr().is_terminal()));
    run.write("report.html", html::page(report).as_bytes()).map_err(failed)?;
    eprintln!("{}", run.file("report.html").display());
    Ok(())
}
