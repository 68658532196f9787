//! The replay buffer on disk: segments of transitions that are written once and shared by checkpoints.
//!
//! A buffer of a million transitions is hundreds of megabytes, of which a few thousand are new at a checkpoint. So each
//! checkpoint writes one segment with the transitions since the last, and lists the segments that its buffer needs; a
//! segment goes when every transition in it has left the buffer of every checkpoint that is kept.

use super::CheckpointError;
use super::frame::Kind;
use crate::replay::Replay;
use crate::run_directory::{RunDirectory, RunDirectoryError};
use crate::training::SavedTransitions;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::ops::Range;

const KIND: Kind = Kind { magic: "SINEWROW", version: 1 };
/// Of the folder of checkpoints.
const EXTENSION: &str = "rows";

/// The transitions of one checkpoint's buffer, and where they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ReplayIndex {
    /// Numbers of the transitions that the buffer held.
    pub(super) numbers: Range<u64>,
    /// Values of one transition.
    width: u64,
    /// Numbers of the transitions in each segment, in order; the first may begin before the buffer did.
    pub(super) segments: Vec<Range<u64>>,
}

impl ReplayIndex {
    /// Writes the transitions that `before` does not have, and gives the index of all.
    pub(super) fn write(run: &RunDirectory, before: Option<&Self>, replay: &Replay) -> io::Result<Self> {
        let numbers = replay.numbers();
        let mut segments = before.map_or_else(Vec::new, |before| before.segments.clone());
        segments.retain(|segment| segment.end > numbers.start);
        let saved = segments.last().map_or(numbers.start, |last| last.end);
        let fresh = saved.max(numbers.start)..numbers.end;
        if !fresh.is_empty() {
            write_segment(run, fresh.clone(), replay)?;
            segments.push(fresh);
        }
        Ok(Self { numbers, width: replay.width() as u64, segments })
    }

    /// Reads every transition of the buffer.
    pub(super) fn read(&self, run: &RunDirectory) -> Result<SavedTransitions, CheckpointError> {
        let held = self.numbers.end.saturating_sub(self.numbers.start);
        let mut rows = Vec::with_capacity((held * self.width) as usize);
        let mut next = self.numbers.start;
        for segment in &self.segments {
            let wanted = next.max(segment.start)..segment.end;
            let path = run.file(&name(segment));
            let bytes =
                fs::read(&path).map_err(|source| CheckpointError::Io { path: path.clone(), source })?;
            let payload = KIND.open(&bytes, &path)?;
            let expected = (segment.end - segment.start) * self.width * 4;
            if payload.len() as u64 != expected || wanted.start != next {
                let reason = format!(
                    "{} bytes of transitions from {}, expected {expected} from {next}",
                    payload.len(),
                    wanted.start
                );
                return Err(CheckpointError::Damaged { path, reason });
            }
            let skipped = ((wanted.start - segment.start) * self.width * 4) as usize;
            let (values, _) = payload[skipped..].as_chunks::<4>();
            rows.extend(values.iter().map(|bytes| f32::from_le_bytes(*bytes)));
            next = segment.end;
        }
        Ok(SavedTransitions { numbers: self.numbers.clone(), rows })
    }
}

/// Removes every segment that none of `kept` needs.
pub(super) fn prune<'k>(run: &RunDirectory, kept: impl Iterator<Item = &'k ReplayIndex>) -> io::Result<()> {
    let needed: BTreeSet<String> = kept.flat_map(|index| index.segments.iter().map(name)).collect();
    for entry in fs::read_dir(run.file("checkpoints"))? {
        let path = entry?.path();
        let own = path.extension().is_some_and(|extension| extension == EXTENSION);
        let file = path.file_name().map(|file| format!("checkpoints/{}", file.to_string_lossy()));
        if own && file.is_some_and(|file| !needed.contains(&file)) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn write_segment(run: &RunDirectory, numbers: Range<u64>, replay: &Replay) -> io::Result<()> {
    let rows = numbers.clone().flat_map(|number| replay.transition(number));
    let payload: Vec<u8> = rows.flat_map(|value| value.to_le_bytes()).collect();
    run.write(&name(&numbers), &KIND.frame(&payload)).map_err(RunDirectoryError::into_io)
}

fn name(numbers: &Range<u64>) -> String {
    format!("checkpoints/transitions-{:012}-{:012}.{EXTENSION}", numbers.start, numbers.end)
}
