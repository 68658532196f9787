//! `metrics.csv`: one row for each report of progress, readable while the run goes on.

use crate::run_directory::atomic_write;
use crate::training::Progress;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// What every algorithm's rows begin with; the names of its own metrics follow.
const HEADER: &str = "steps,seconds,steps_per_s,episodes,faults,return_mean";

/// Appends rows to `metrics.csv`.
pub struct MetricsFile {
    writer: BufWriter<File>,
    /// The header is written with the first row, which says what the algorithm reports.
    empty: bool,
}

impl MetricsFile {
    /// Creates the file.
    ///
    /// # Errors
    /// The file system refused.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { writer: BufWriter::new(File::create_new(path)?), empty: true })
    }

    /// Goes on with the rows of the first `steps` steps, and says how many seconds the run had taken by then.
    ///
    /// # Errors
    /// The file system refused.
    pub fn resume(path: &Path, steps: u64) -> io::Result<(Self, f64)> {
        let kept = keep_rows(path, steps)?;
        let last = kept.lines().skip(1).last();
        let seconds = last.and_then(|row| row.split(',').nth(1)?.parse().ok()).unwrap_or(0.0);
        let file = File::options().create(true).append(true).open(path)?;
        Ok((Self { writer: BufWriter::new(file), empty: kept.is_empty() }, seconds))
    }

    /// Appends a row and hands it to the operating system, so that a killed run leaves every row.
    ///
    /// # Errors
    /// The file system refused.
    pub fn append(&mut self, progress: &Progress) -> io::Result<()> {
        if self.empty {
            write!(self.writer, "{HEADER}")?;
            progress.metrics.iter().try_for_each(|metric| write!(self.writer, ",{}", metric.name))?;
            writeln!(self.writer)?;
            self.empty = false;
        }
        write!(
            self.writer,
            "{},{:.3},{:.1},{},{},{}",
            progress.steps,
            progress.seconds,
            progress.steps_per_s,
            progress.episodes,
            progress.faults,
            progress.return_mean,
        )?;
        // As `f32`, which is what most of them are: no digits that say nothing.
        progress.metrics.iter().try_for_each(|metric| write!(self.writer, ",{}", metric.value as f32))?;
        writeln!(self.writer)?;
        self.writer.flush()
    }
}

/// Removes from a file of rows that begin with their steps all that a run had not saved by `steps`, a row that was cut off
/// among them, and returns what is left: nothing where not even one row is.
pub(crate) fn keep_rows(path: &Path, steps: u64) -> io::Result<String> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        read => read?,
    };
    let mut rows = text.split_inclusive('\n').filter(|row| row.ends_with('\n'));
    let header = rows.next().unwrap_or_default();
    let saved = |row: &&str| {
        row.split(',').next().and_then(|own| own.parse().ok()).is_some_and(|own: u64| own <= steps)
    };
    let rows: String = rows.filter(saved).collect();
    let kept = if rows.is_empty() { String::new() } else { format!("{header}{rows}") };
    atomic_write(path, kept.as_bytes())?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::Metric;

    fn progress(steps: u64) -> Progress {
        Progress {
            steps,
            total_steps: 1_000,
            seconds: 1.5,
            steps_per_s: 333.3,
            return_mean: -12.5,
            episode_steps_mean: 200.0,
            faults: 0,
            episodes: 2,
            metrics: vec![Metric::new("critic_loss", 0.25), Metric::new("alpha", 0.1)],
        }
    }

    #[test]
    fn every_row_is_on_disk_at_once_and_has_the_headers_columns() {
        let path = std::env::temp_dir().join(format!("sinew-metrics-{}.csv", std::process::id()));
        let _ = fs::remove_file(&path);
        let mut file = MetricsFile::create(&path).unwrap();
        for steps in [500, 1_000] {
            file.append(&progress(steps)).unwrap();
        }
        // The file is still open: what is read here is what a killed run would leave.
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], format!("{HEADER},critic_loss,alpha"));
        assert_eq!(lines.len(), 3);
        for (line, expected) in lines[1..]
            .iter()
            .zip(["500,1.500,333.3,2,0,-12.5,0.25,0.1", "1000,1.500,333.3,2,0,-12.5,0.25,0.1"])
        {
            assert_eq!(*line, expected);
        }
        assert!(MetricsFile::create(&path).is_err(), "an existing file must not be overwritten");
        fs::remove_file(path).unwrap();
    }
    #[test]
    fn a_resumed_run_goes_on_after_the_rows_that_its_checkpoint_knew() {
        let path = std::env::temp_dir().join(format!("sinew-metrics-resumed-{}.csv", std::process::id()));
        let _ = fs::remove_file(&path);
        let mut file = MetricsFile::create(&path).unwrap();
        for steps in [500, 1_000, 1_500] {
            file.append(&progress(steps)).unwrap();
        }
        let whole = fs::read_to_string(&path).unwrap();
        // Killed within a row.
        fs::write(&path, format!("{whole}2000,1.5")).unwrap();
        let (mut file, seconds) = MetricsFile::resume(&path, 1_200).unwrap();
        assert_eq!(seconds, 1.5);
        file.append(&progress(1_500)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), whole);
        // Saved before the first row: the header comes again with it.
        let (mut file, seconds) = MetricsFile::resume(&path, 100).unwrap();
        assert_eq!(seconds, 0.0);
        for steps in [500, 1_000, 1_500] {
            file.append(&progress(steps)).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), whole);
        fs::remove_file(path).unwrap();
    }
}
