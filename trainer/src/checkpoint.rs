//! Checkpoint files: a fixed header with a checksum, then the state in postcard.

use crate::run_directory::{RunDirectory, RunDirectoryError};
use crate::training::Checkpoint;
use std::fs;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"SINEWCKP";
const VERSION: u32 = 1;
const HEADER: usize = 16;
/// Checkpoints that a run keeps: the newest, and two to go back to should it have diverged by then.
const KEPT: usize = 3;
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

/// Writes a checkpoint into the run's folder under its number of steps, and removes all but the newest three.
///
/// # Errors
/// The state cannot be encoded, or the file system refused; earlier checkpoints are then untouched.
pub fn save(run: &RunDirectory, checkpoint: &Checkpoint) -> std::io::Result<()> {
    let bytes = encode(checkpoint).map_err(std::io::Error::other)?;
    let name = format!("checkpoints/step-{:012}.ckpt", checkpoint.steps);
    run.write(&name, &bytes).map_err(|error| match error {
        RunDirectoryError::Io { source, .. } => source,
        other => std::io::Error::other(other),
    })?;
    let files = list(&run.file("checkpoints"))?;
    files.iter().rev().skip(KEPT).try_for_each(fs::remove_file)
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
    let newest = list(&folder).map_err(failed(&folder))?.pop();
    let path = newest.ok_or(CheckpointError::None { path: folder })?;
    let bytes = fs::read(&path).map_err(failed(&path))?;
    decode(&bytes, &path)
}

/// The checkpoints in a folder, the newest last: names carry the steps with leading zeros.
fn list(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let paths: std::io::Result<Vec<PathBuf>> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "ckpt"));
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::sac::{Sac, SacConfig};
    use crate::normalizer::Normalizer;
    use crate::replay::TransitionSizes;
    use crate::training::{OffPolicy, Surroundings};

    fn checkpoint(steps: u64) -> Checkpoint {
        let config = SacConfig { hidden: vec![4], batch_size: 2, ..SacConfig::default() };
        let sizes = TransitionSizes { observation: 3, privileged: 0, action: 1 };
        let sac = Sac::new(&config, Surroundings { environments: 1, sizes }, 7);
        let normalizer = Normalizer::new(&[0.1; 3]);
        let actor = sac.actor(Some(&normalizer), steps);
        let learning = postcard::to_stdvec(&sac.state()).unwrap();
        Checkpoint { steps, actor, networks: Vec::new(), normalizer: Some(normalizer), learning }
    }

    fn refusal(bytes: &[u8]) -> String {
        decode(bytes, Path::new("a.ckpt")).unwrap_err().to_string()
    }

    #[test]
    fn a_checkpoint_reads_back_to_the_same_bytes() {
        let bytes = encode(&checkpoint(20_000)).unwrap();
        let read_back = decode(&bytes, Path::new("a.ckpt")).unwrap();
        assert_eq!((read_back.steps, &read_back.actor), (20_000, &checkpoint(20_000).actor));
        assert_eq!(encode(&read_back).unwrap(), bytes);
    }

    #[test]
    fn a_truncated_changed_or_foreign_file_is_refused_for_what_it_is() {
        let bytes = encode(&checkpoint(1)).unwrap();
        assert!(refusal(&bytes[..9]).ends_with("9 bytes, a header alone has 16"));
        assert!(refusal(&bytes[..bytes.len() - 1]).ends_with("truncated or changed"));
        assert!(refusal(&[0; 64]).ends_with("it does not begin with SINEWCKP"));
        let mut newer = bytes.clone();
        newer[8] = 2;
        assert!(refusal(&newer).ends_with("version 2, this build reads 1"));
        for index in [12, HEADER, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            assert!(refusal(&changed).ends_with("truncated or changed"), "byte {index}");
        }
    }

    #[test]
    fn the_newest_checkpoints_are_kept_and_the_newest_is_loaded() {
        let path = std::env::temp_dir().join(format!("sinew-checkpoints-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        let run = RunDirectory::create(&path).unwrap();
        assert!(matches!(load_newest(&run), Err(CheckpointError::None { .. })));
        // As text, 1,000,000 would come before 900,000.
        for steps in [800_000, 900_000, 1_000_000, 1_100_000] {
            save(&run, &checkpoint(steps)).unwrap();
        }
        assert_eq!(load_newest(&run).unwrap().steps, 1_100_000);
        let kept: Vec<_> = list(&run.file("checkpoints")).unwrap();
        let names = kept.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
        let expected = ["step-000000900000.ckpt", "step-000001000000.ckpt", "step-000001100000.ckpt"];
        assert!(names.eq(expected), "{kept:?}");
        fs::remove_dir_all(path).unwrap();
    }
}
