//! Checkpoint files: a fixed header with a checksum, then the state in postcard.

use crate::run_directory::{RunDirectory, RunDirectoryError};
use crate::training::Checkpoint;
use std::fs;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"SINEWCKP";
const VERSION: u32 = 1;
const HEADER: usize = 16;
const CRC_32C: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);

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
        source: std::io::Error,
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

/// The bytes of a checkpoint file: magic, version, CRC-32C of the payload, payload.
///
/// # Errors
/// The state cannot be encoded.
pub fn encode(checkpoint: &Checkpoint) -> Result<Vec<u8>, CheckpointError> {
    let payload = postcard::to_stdvec(checkpoint).map_err(CheckpointError::Encode)?;
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&CRC_32C.checksum(&payload).to_le_bytes());
    bytes.extend_from_slice(&payload);
    Ok(bytes)
}

/// Reads what [`encode`] wrote; `path` stands in errors.
///
/// # Errors
/// Not a checkpoint, another version, truncated or changed.
pub fn decode(bytes: &[u8], path: &Path) -> Result<Checkpoint, CheckpointError> {
    let damaged = |reason: String| CheckpointError::Damaged { path: path.to_owned(), reason };
    let Some((header, payload)) = bytes.split_first_chunk::<HEADER>() else {
        return Err(damaged(format!("{} bytes, a header alone has {HEADER}", bytes.len())));
    };
    if &header[..8] != MAGIC {
        return Err(damaged("it does not begin with SINEWCKP".to_owned()));
    }
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if word(8) != VERSION {
        return Err(damaged(format!("version {}, this build reads {VERSION}", word(8))));
    }
    if word(12) != CRC_32C.checksum(payload) {
        return Err(damaged("the checksum differs: truncated or changed".to_owned()));
    }
    postcard::from_bytes(payload).map_err(|error| damaged(error.to_string()))
}

/// Writes a checkpoint into the run's folder under its number of steps.
///
/// # Errors
/// The state cannot be encoded, or the file system refused; earlier checkpoints are untouched.
pub fn save(run: &RunDirectory, checkpoint: &Checkpoint) -> std::io::Result<()> {
    let bytes = encode(checkpoint).map_err(std::io::Error::other)?;
    let name = format!("checkpoints/step-{:012}.ckpt", checkpoint.steps);
    run.write(&name, &bytes).map_err(|error| match error {
        RunDirectoryError::Io { source, .. } => source,
        other => std::io::Error::other(other),
    })
}

/// The run's newest checkpoint.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn load_newest(run: &RunDirectory) -> Result<Checkpoint, CheckpointError> {
    let folder = run.file("checkpoints");
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| CheckpointError::Io { path, source }
    };
    let entries = fs::read_dir(&folder).map_err(failed(&folder))?;
    let files = entries.flatten().map(|entry| entry.path());
    // Names carry the steps with leading zeros, so the last in order is the newest.
    let newest = files.filter(|path| path.extension().is_some_and(|extension| extension == "ckpt")).max();
    let path = newest.ok_or(CheckpointError::None { path: folder })?;
    let bytes = fs::read(&path).map_err(failed(&path))?;
    decode(&bytes, &path)
}
