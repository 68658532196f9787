//! What a person sees of a training run, and what the run directory keeps of it.

use crate::checkpoint::CheckpointStore;
use crate::config::RunConfig;
use crate::metrics::MetricsFile;
use crate::ranges::RangesFile;
use crate::replay::Replay;
use crate::report::RangeCurve;
use crate::run_directory::{RunDirectory, atomic_write};
use crate::tensorboard::EventFile;
use crate::training::{Checkpoint, EvaluationPoint, Progress, TrainingObserver};
use indicatif::{ProgressBar, ProgressStyle};
use sinew_sim::Fault;
use sinew_sim::randomization::AdaptiveRanges;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Without a terminal, progress is a line each time this share of the run is done.
const LINES: u64 = 10;
/// Faults that are kept and shown: one shows what is wrong, and a broken model makes thousands.
const KEPT_FAULTS: u64 = 100;

/// Shows a progress bar on stderr, or a few lines where it is no terminal, and writes metrics, events and checkpoints.
pub struct ConsoleObserver {
    run: RunDirectory,
    metrics: MetricsFile,
    /// Created with the first row.
    ranges: Option<RangesFile>,
    events: EventFile,
    checkpoints: CheckpointStore,
    bar: Option<ProgressBar>,
    total_steps: u64,
    /// Where an earlier process left the run.
    resumed_at: Option<u64>,
    earlier_seconds: f64,
    curve: Vec<EvaluationPoint>,
    range_curves: Vec<RangeCurve>,
    last: Option<Progress>,
    /// Set by whoever wants the run saved and stopped.
    stop: Arc<AtomicBool>,
    /// What could not be written ends the run at once.
    write_error: Option<io::Error>,
}

impl ConsoleObserver {
    /// Of a new run: creates its files in the run's folder.
    ///
    /// # Errors
    /// The file system refused.
    pub fn new(run: &RunDirectory, config: &RunConfig) -> io::Result<Self> {
        let metrics = MetricsFile::create(&run.file("metrics.csv"))?;
        let checkpoints = CheckpointStore::new(run, config.keep_checkpoints);
        Self::with(run, config, metrics, checkpoints, None)
    }

    /// Of a run that goes on: drops the rows that its checkpoint did not know, all of them where there is none, and appends to
    /// the rest.
    ///
    /// # Errors
    /// The file system refused.
    pub fn resume(
        run: &RunDirectory,
        config: &RunConfig,
        checkpoints: CheckpointStore,
        checkpoint: Option<&Checkpoint>,
    ) -> io::Result<Self> {
        let steps = checkpoint.map_or(0, |checkpoint| checkpoint.steps);
        let curve = checkpoint.map(|checkpoint| checkpoint.curve.clone()).unwrap_or_default();
        let (metrics, earlier_seconds) = MetricsFile::resume(&run.file("metrics.csv"), steps)?;
        let observer = Self::with(run, config, metrics, checkpoints, Some(steps))?;
        Ok(Self { earlier_seconds, curve, ..observer })
    }

    fn with(
        run: &RunDirectory,
        config: &RunConfig,
        metrics: MetricsFile,
        checkpoints: CheckpointStore,
        resumed_at: Option<u64>,
    ) -> io::Result<Self> {
        let bar = io::stderr().is_terminal().then(|| {
            let template = "{bar:30.cyan} {pos}/{len} steps  {msg}  {elapsed} of about {duration}";
            let style =
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(config.steps).with_style(style).with_position(resumed_at.unwrap_or(0))
        });
        Ok(Self {
            run: run.clone(),
            metrics,
            ranges: None,
            events: EventFile::create(run.path(), resumed_at)?,
            checkpoints,
            bar,
            total_steps: config.steps,
            resumed_at,
            earlier_seconds: 0.0,
            curve: Vec::new(),
            range_curves: Vec::new(),
            last: None,
            stop: Arc::default(),
            write_error: None,
        })
    }

    /// Stops the run, saved, as soon as `stop` is set.
    #[must_use]
    pub fn stopping_on(self, stop: Arc<AtomicBool>) -> Self {
        Self { stop, ..self }
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

    fn write_progress(&mut self, progress: &Progress) -> io::Result<()> {
        self.metrics.append(progress)?;
        self.events.progress(progress)
    }

    fn write_ranges(&mut self, steps: u64, ranges: &AdaptiveRanges) -> io::Result<()> {
        let path = self.run.file("ranges.csv");
        let file = match (&mut self.ranges, self.resumed_at) {
            (Some(file), _) => file,
            (none, Some(steps)) => none.insert(RangesFile::resume(&path, steps, ranges)?),
            (none, None) => none.insert(RangesFile::create(&path, ranges)?),
        };
        file.append(steps, ranges)?;
        self.events.ranges(steps, ranges)
    }

    fn write_fault(&self, name: &str, fault: &Fault) -> io::Result<()> {
        let json = serde_json::to_vec(fault)?;
        std::fs::create_dir_all(self.run.file("faults"))?;
        atomic_write(&self.run.file(name), &json)
    }

    /// Remembers the first error, which ends the run.
    fn note(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.write_error.get_or_insert(error);
        }
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
        let mut progress = progress.clone();
        progress.seconds += self.earlier_seconds;
        let before = self.last.as_ref().map_or(self.resumed_at.unwrap_or(0), |last| last.steps);
        // At the end the same step is told again, with the time of the last evaluation.
        if before < progress.steps {
            let written = self.write_progress(&progress);
            self.note(written);
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
        self.last = Some(progress);
    }

    fn on_ranges(&mut self, steps: u64, ranges: &AdaptiveRanges) {
        RangeCurve::record(&mut self.range_curves, steps, ranges);
        let written = self.write_ranges(steps, ranges);
        self.note(written);
    }

    fn on_exact_simulation(&mut self, steps: u64) {
        self.print(&format!("{steps:>8} steps  from here in the formulation that the task is accepted in"));
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
        let written = self.write_fault(&name, fault);
        self.note(written);
    }

    fn on_evaluation(&mut self, point: &EvaluationPoint) {
        self.curve.push(*point);
        let success =
            point.success_rate.map_or_else(String::new, |rate| format!("  success {:.0} %", 100.0 * rate));
        let reach = 0.5 * (point.return_interval[1] - point.return_interval[0]);
        let reach = if reach.is_finite() { format!(" ± {reach:.1}") } else { String::new() };
        self.print(&format!("{:>8} steps  evaluated {:.1}{reach}{success}", point.steps, point.return_mean));
        let written = self.events.evaluation(point);
        self.note(written);
    }

    fn on_checkpoint(&mut self, checkpoint: &Checkpoint, replay: Option<&Replay>) -> io::Result<()> {
        match self.write_error.take() {
            Some(error) => Err(error),
            None => self.checkpoints.save(checkpoint, replay),
        }
    }

    /// What cannot be written asks for a checkpoint, which then fails: the run ends with the last good one.
    fn interrupted(&mut self) -> bool {
        self.write_error.is_some() || self.stop.load(Ordering::Relaxed)
    }
}
