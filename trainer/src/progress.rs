//! What a person sees of a training run, and what the run directory keeps of it.

use crate::checkpoint;
use crate::metrics::MetricsFile;
use crate::ranges::RangesFile;
use crate::report::RangeCurve;
use crate::run_directory::{RunDirectory, atomic_write};
use crate::training::{Checkpoint, EvaluationPoint, Progress, TrainingObserver};
use indicatif::{ProgressBar, ProgressStyle};
use sinew_sim::Fault;
use sinew_sim::randomization::AdaptiveRanges;
use std::io::{self, IsTerminal};

/// Without a terminal, progress is a line each time this share of the run is done.
const LINES: u64 = 10;
/// Faults that are kept and shown: one shows what is wrong, and a broken model makes thousands.
const KEPT_FAULTS: u64 = 100;

/// Shows a progress bar on stderr, or a few lines where it is no terminal, and writes metrics and checkpoints.
pub struct ConsoleObserver {
    run: RunDirectory,
    metrics: MetricsFile,
    /// Created with the first row.
    ranges: Option<RangesFile>,
    bar: Option<ProgressBar>,
    total_steps: u64,
    curve: Vec<EvaluationPoint>,
    range_curves: Vec<RangeCurve>,
    last: Option<Progress>,
    /// What could not be written ends the run at the next checkpoint.
    write_error: Option<io::Error>,
}

impl ConsoleObserver {
    /// Creates `metrics.csv` in the run's folder.
    ///
    /// # Errors
    /// The file system refused.
    pub fn new(run: &RunDirectory, total_steps: u64) -> io::Result<Self> {
        let metrics = MetricsFile::create(&run.file("metrics.csv"))?;
        let bar = io::stderr().is_terminal().then(|| {
            let template = "{bar:30.cyan} {pos}/{len} steps  {msg}  {elapsed} of about {duration}";
            let style =
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(total_steps).with_style(style)
        });
        Ok(Self {
            run: run.clone(),
            metrics,
            ranges: None,
            bar,
            total_steps,
            curve: Vec::new(),
            range_curves: Vec::new(),
            last: None,
            write_error: None,
        })
    }

    /// The learning curve so far.
    pub fn curve(&self) -> &[EvaluationPoint] {
        &self.curve
    }

    /// The adaptive ranges so far; none where nothing adapts.
    pub fn ranges(&self) -> &[RangeCurve] {
        &self.range_curves
    }

    /// The last report of progress.
    pub fn last(&self) -> Option<&Progress> {
        self.last.as_ref()
    }

    fn write_ranges(&mut self, steps: u64, ranges: &AdaptiveRanges) -> io::Result<()> {
        let file = match &mut self.ranges {
            Some(file) => file,
            none => none.insert(RangesFile::create(&self.run.file("ranges.csv"), ranges)?),
        };
        file.append(steps, ranges)
    }

    /// A line above the bar.
    fn print(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl TrainingObserver for ConsoleObserver {
    fn on_progress(&mut self, progress: &Progress) {
        let before = self.last.as_ref().map_or(0, |last| last.steps);
        self.last = Some(progress.clone());
        if let Err(error) = self.metrics.append(progress) {
            self.write_error.get_or_insert(error);
        }
        let message = format!("return {:.1}  {:.0} steps/s", progress.return_mean, progress.steps_per_s);
        if let Some(bar) = &self.bar {
            bar.set_position(progress.steps);
            bar.set_message(message);
        } else {
            let share = (self.total_steps / LINES).max(1);
            if before / share < progress.steps / share {
                eprintln!("{:>8} steps  {message}", progress.steps);
            }
        }
    }

    fn on_ranges(&mut self, steps: u64, ranges: &AdaptiveRanges) {
        RangeCurve::record(&mut self.range_curves, steps, ranges);
        if let Err(error) = self.write_ranges(steps, ranges) {
            self.write_error.get_or_insert(error);
        }
    }

    fn on_fault(&mut self, count: u64, fault: &Fault) {
        if count > KEPT_FAULTS {
            return;
        }
        let name = format!("faults/{count}.json");
        let Fault { environment, episode, time_s, cause, .. } = fault;
        self.print(&format!(
            "fault {count}: environment {environment}, episode {episode}, {time_s:.3} s: {cause}; see {name}"
        ));
        let written = serde_json::to_vec(fault).map_err(io::Error::from).and_then(|json| {
            std::fs::create_dir_all(self.run.file("faults"))?;
            atomic_write(&self.run.file(&name), &json)
        });
        if let Err(error) = written {
            self.write_error.get_or_insert(error);
        }
    }

    fn on_evaluation(&mut self, point: &EvaluationPoint) {
        self.curve.push(*point);
        let success =
            point.success_rate.map_or_else(String::new, |rate| format!("  success {:.0} %", 100.0 * rate));
        self.print(&format!("{:>8} steps  evaluated {:.1}{success}", point.steps, point.return_mean));
    }

    fn on_checkpoint(&mut self, checkpoint: &Checkpoint) -> io::Result<()> {
        match self.write_error.take() {
            Some(error) => Err(error),
            None => checkpoint::save(&self.run, checkpoint),
        }
    }
}
