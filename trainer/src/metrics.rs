//! `metrics.csv`: one row for each report of progress, readable while the run goes on.

use crate::training::Progress;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

const HEADER: &str =
    "steps,seconds,steps_per_s,episodes,faults,return_mean,critic_loss,actor_loss,alpha,entropy,q_mean";

/// Appends rows to `metrics.csv`.
pub struct MetricsFile {
    writer: BufWriter<File>,
}

impl MetricsFile {
    /// Creates the file with its header.
    ///
    /// # Errors
    /// The file system refused.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut writer = BufWriter::new(File::create_new(path)?);
        writeln!(writer, "{HEADER}")?;
        Ok(Self { writer })
    }

    /// Appends a row and hands it to the operating system, so that a killed run leaves every row.
    ///
    /// # Errors
    /// The file system refused.
    pub fn append(&mut self, progress: &Progress) -> io::Result<()> {
        let metrics = &progress.metrics;
        writeln!(
            self.writer,
            "{},{:.3},{:.1},{},{},{},{},{},{},{},{}",
            progress.steps,
            progress.seconds,
            progress.steps_per_s,
            progress.episodes,
            progress.faults,
            progress.return_mean,
            metrics.critic_loss,
            metrics.actor_loss,
            metrics.alpha,
            metrics.entropy,
            metrics.q_mean
        )?;
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::sac::SacMetrics;

    fn progress(steps: u64) -> Progress {
        Progress {
            steps,
            total_steps: 1_000,
            seconds: 1.5,
            steps_per_s: 333.3,
            return_mean: -12.5,
            faults: 0,
            episodes: 2,
            metrics: SacMetrics::default(),
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
        assert_eq!(lines[0], HEADER);
        assert_eq!(lines.len(), 3);
        for (line, start) in
            lines[1..].iter().zip(["500,1.500,333.3,2,0,-12.5,", "1000,1.500,333.3,2,0,-12.5,"])
        {
            assert!(line.starts_with(start), "{line}");
            assert_eq!(line.split(',').count(), HEADER.split(',').count());
        }
        assert!(MetricsFile::create(&path).is_err(), "an existing file must not be overwritten");
        std::fs::remove_file(path).unwrap();
    }
}
