//! `ranges.csv`: how far the adaptive ranges of a task have come, a row for each report of progress.
//!
//! It is a file of its own beside `metrics.csv`, because its columns are the task's terms; a task without adaptive terms
//! leaves none.

use crate::metrics::keep_rows;
use sinew_sim::randomization::AdaptiveRanges;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Appends rows to `ranges.csv`.
pub struct RangesFile {
    writer: BufWriter<File>,
}

impl RangesFile {
    /// Creates the file with its header: `steps`, `adr_entropy`, and each term's low and high.
    ///
    /// # Errors
    /// The file system refused.
    pub fn create(path: &Path, ranges: &AdaptiveRanges) -> io::Result<Self> {
        let mut writer = BufWriter::new(File::create_new(path)?);
        write!(writer, "steps,adr_entropy")?;
        for (term, _) in ranges.ranges() {
            // A target's name is the model's own and may hold anything.
            let term = term.replace('"', "\"\"");
            write!(writer, ",\"{term} low\",\"{term} high\"")?;
        }
        writeln!(writer)?;
        Ok(Self { writer })
    }

    /// Goes on with the rows of the first `steps` steps.
    ///
    /// # Errors
    /// The file system refused.
    pub fn resume(path: &Path, steps: u64, ranges: &AdaptiveRanges) -> io::Result<Self> {
        if keep_rows(path, steps)?.is_empty() {
            if path.exists() {
                std::fs::remove_file(path)?;
            }
            return Self::create(path, ranges);
        }
        Ok(Self { writer: BufWriter::new(File::options().append(true).open(path)?) })
    }

    /// Appends a row and hands it to the operating system, so that a killed run leaves every row.
    ///
    /// # Errors
    /// The file system refused.
    pub fn append(&mut self, steps: u64, ranges: &AdaptiveRanges) -> io::Result<()> {
        write!(self.writer, "{steps},{}", ranges.entropy())?;
        for (_, [low, high]) in ranges.ranges() {
            write!(self.writer, ",{low},{high}")?;
        }
        writeln!(self.writer)?;
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sinew_sim::{Randomization, Task, VecEnv};

    #[test]
    fn a_row_holds_the_entropy_and_both_bounds_of_every_term() {
        let folder = std::env::temp_dir().join(format!("sinew-ranges-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sim");
        std::fs::copy(sources.join("robots/pendulum.xml"), folder.join("pendulum.xml")).unwrap();
        let text = std::fs::read_to_string(sources.join("tasks/pendulum.toml")).unwrap();
        let mass = "operation = \"scale\"\ntraining = [0.9, 1.1]\n";
        let adaptive =
            format!("target = [\"rod\"]\n{mass}adaptive = {{ start = [0.9375, 1.0625], step = 0.01 }}\n");
        let rule = "[adaptive_randomization]\nmeasure = \"return\"\nraise_above = 0.0\nlower_below = -9.0\nepisodes = 9\n";
        std::fs::write(folder.join("task.toml"), format!("{}\n{rule}", text.replacen(mass, &adaptive, 1)))
            .unwrap();
        let task = Task::load(folder.join("task.toml").to_str().unwrap()).unwrap();
        let environments = VecEnv::new(&task, Randomization::Training, 1, 1, 1).unwrap();
        let ranges = environments.adaptive_ranges().unwrap();
        let path = folder.join("ranges.csv");
        let mut file = RangesFile::create(&path, ranges).unwrap();
        file.append(500, ranges).unwrap();
        // ln 0.125.
        let expected = "steps,adr_entropy,\"mass_scale/rod low\",\"mass_scale/rod high\"\n\
                        500,-2.0794415416798357,0.9375,1.0625\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
