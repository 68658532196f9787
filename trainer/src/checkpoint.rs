//! Checkpoints on disk: [`CheckpointStore`] writes them, keeps the newest and the best, and finds the one to go on from.
//!
//! A checkpoint is one file with a checksum, `checkpoints/step-….ckpt`, and the segments of transitions that it lists.
//! Segments are complete and synced before the file that lists them gets its name, and are removed only after every file
//! that lists them is gone: so a process killed at any instant leaves the last checkpoint whole.

mod frame;
mod segment;

use crate::replay::Replay;
use crate::run_directory::{RunDirectory, RunDirectoryError};
use crate::training::{Checkpoint, SavedRun};
use frame::Kind;
use segment::ReplayIndex;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const KIND: Kind = Kind { magic: "SINEWCKP", version: 6 };

/// Why a checkpoint cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The run has none.
    #[error("{path} holds no checkpoint")]
    None {
        /// The folder.
        path: PathBuf,
    },
    /// Not a checkpoint, another version, truncated or changed.
    #[error("{path} is no usable checkpoint: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The state cannot be encoded.
    #[error("the checkpoint cannot be encoded: {0}")]
    Encode(postcard::Error),
}

/// What a checkpoint's file holds.
#[derive(Serialize, Deserialize)]
struct Saved {
    checkpoint: Checkpoint,
    replay: Option<ReplayIndex>,
}

/// A checkpoint that is kept.
struct Kept {
    steps: u64,
    path: PathBuf,
    replay: Option<ReplayIndex>,
}

/// The checkpoints of one run.
pub struct CheckpointStore {
    run: RunDirectory,
    /// How many of the newest are kept.
    newest: usize,
    /// In order of steps.
    kept: Vec<Kept>,
}

impl CheckpointStore {
    /// Of a new run; `newest` checkpoints are kept beside the best evaluation's.
    pub fn new(run: &RunDirectory, newest: usize) -> Self {
        Self { run: run.clone(), newest, kept: Vec::new() }
    }

    /// Of a run that goes on, with all from which it does: its newest checkpoint that can be read. What is newer and
    /// damaged is told by `warn` and made again in time.
    ///
    /// # Errors
    /// None can be read.
    pub fn resume(
        run: &RunDirectory,
        newest: usize,
        mut warn: impl FnMut(&CheckpointError),
    ) -> Result<(Self, SavedRun), CheckpointError> {
        let mut store = Self::new(run, newest);
        let mut resumed: Option<SavedRun> = None;
        let mut first_error = None;
        for path in list(run)?.into_iter().rev() {
            let read = read(&path).and_then(|saved| {
                let wanted = saved.replay.as_ref().filter(|_| resumed.is_none());
                let transitions = wanted.map(|index| index.read(run)).transpose()?;
                Ok((saved, transitions))
            });
            match read {
                Ok((Saved { checkpoint, replay }, transitions)) => {
                    store.kept.insert(0, Kept { steps: checkpoint.steps, path, replay });
                    resumed.get_or_insert(SavedRun { checkpoint, transitions });
                }
                Err(error) => {
                    warn(&error);
                    first_error.get_or_insert(error);
                }
            }
        }
        match (resumed, first_error) {
            (Some(saved), _) => Ok((store, saved)),
            (None, Some(error)) => Err(error),
            (None, None) => Err(CheckpointError::None { path: run.file("checkpoints") }),
        }
    }

    /// Writes a checkpoint under its number of steps, and removes those that are not kept.
    ///
    /// # Errors
    /// The state cannot be encoded, or the file system refused; earlier checkpoints are then untouched.
    pub fn save(&mut self, checkpoint: &Checkpoint, replay: Option<&Replay>) -> io::Result<()> {
        let before = self.kept.last().and_then(|kept| kept.replay.as_ref());
        let replay = replay.map(|replay| ReplayIndex::write(&self.run, before, replay)).transpose()?;
        let bytes = encode(checkpoint, replay.as_ref()).map_err(io::Error::other)?;
        let name = format!("checkpoints/step-{:012}.ckpt", checkpoint.steps);
        self.run.write(&name, &bytes).map_err(RunDirectoryError::into_io)?;
        self.kept.retain(|kept| kept.steps < checkpoint.steps);
        self.kept.push(Kept { steps: checkpoint.steps, path: self.run.file(&name), replay });
        self.prune(checkpoint.best.map(|(steps, _)| steps))
    }

    fn prune(&mut self, best: Option<u64>) -> io::Result<()> {
        let first_new = self.kept.len().saturating_sub(self.newest);
        let mut index = 0;
        self.kept.retain(|kept| {
            index += 1;
            index > first_new || Some(kept.steps) == best
        });
        for path in list(&self.run).map_err(io::Error::other)? {
            if self.kept.iter().all(|kept| kept.path != path) {
                fs::remove_file(path)?;
            }
        }
        segment::prune(&self.run, self.kept.iter().filter_map(|kept| kept.replay.as_ref()))
    }
}

/// The run's newest checkpoint that can be read, without the transitions of its replay buffer.
///
/// # Errors
/// There is none.
pub fn load_newest(run: &RunDirectory) -> Result<Checkpoint, CheckpointError> {
    let mut first_error = None;
    for path in list(run)?.iter().rev() {
        match read(path) {
            Ok(saved) => return Ok(saved.checkpoint),
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    Err(first_error.unwrap_or(CheckpointError::None { path: run.file("checkpoints") }))
}

fn encode(checkpoint: &Checkpoint, replay: Option<&ReplayIndex>) -> Result<Vec<u8>, CheckpointError> {
    // A tuple and a structure of the same fields are the same bytes, and nothing needs to be cloned.
    let payload = postcard::to_stdvec(&(checkpoint, replay)).map_err(CheckpointError::Encode)?;
    Ok(KIND.frame(&payload))
}

fn read(path: &Path) -> Result<Saved, CheckpointError> {
    let bytes = fs::read(path).map_err(|source| CheckpointError::Io { path: path.to_owned(), source })?;
    decode(&bytes, path)
}

/// Reads what [`encode`] wrote; `path` stands in errors.
fn decode(bytes: &[u8], path: &Path) -> Result<Saved, CheckpointError> {
    let payload = KIND.open(bytes, path)?;
    postcard::from_bytes(payload)
        .map_err(|error| CheckpointError::Damaged { path: path.to_owned(), reason: error.to_string() })
}

/// The checkpoints of a run, the newest last: names carry the steps with leading zeros.
fn list(run: &RunDirectory) -> Result<Vec<PathBuf>, CheckpointError> {
    let folder = run.file("checkpoints");
    let failed = |source| CheckpointError::Io { path: folder.clone(), source };
    let entries = fs::read_dir(&folder).map_err(failed)?;
    let paths: io::Result<Vec<PathBuf>> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(failed)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "ckpt"));
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests;
