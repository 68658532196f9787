//! `metrics.csv`: one row for each report of progress, readable while the run goes on.

use crate::training::Progress;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

const HEADER: &str =
    "steps,seconds,steps_per_s,episodes,return_mean,critic_loss,actor_loss,alpha,entropy,q_mean";

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
            "{},{:.3},{:.1},{},{},{},{},{},{},{}",
            progress.steps,
            progress.seconds,
            progress.steps_per_s,
            progress.episodes,
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
