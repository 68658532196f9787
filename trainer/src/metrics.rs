//! `metrics.csv`: one row for each report of progress, readable while the run goes on.

use crate::training::Progress;
use std::fs::File;
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
            faults: 0,
            episodes: 2,
            metrics: vec![Metric::new("critic_loss", 0.25), Metric::new("alpha", 0.1)],
        }
    }

    #[test]
    fn every_row_is_on_disk_at_once_and_has_the_headers_columns() {
        let path = std::env::temp_dir().join(format!("sinew-metrics-{}.csv", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let mut file = MetricsFile::create(&path).unwrap();
        for steps in [500, 1_000] {
            file.append(&progress(steps)).unwrap();
        }
        // The file is still open: what is read here is what a killed run would leave.
        let text = std::fs::read_to_string(&path).unwrap();
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
        std::fs::remove_file(path).unwrap();
    }
}
