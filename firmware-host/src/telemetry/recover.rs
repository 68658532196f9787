//! Restores the index of a log that was cut. The original is only read.

use super::file::{self, End, Entry, FileError};
use super::writer::options;
use mcap::{McapError, Writer};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, ErrorKind};
use std::path::{Path, PathBuf};

/// Why a log was not recovered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// The log cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The log needs no recovery.
    #[error("{} is complete and has its index: there is nothing to recover", path.display())]
    Complete {
        /// The file.
        path: PathBuf,
    },
    /// There is nothing in it.
    #[error("{} was cut before its first message: there is nothing to recover", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The new file would overwrite one.
    #[error("{} exists already and is left as it is: name another file", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The new file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<McapError>,
    },
}

/// What was recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Messages in the new file.
    pub messages: u64,
    /// Time of the last one, ns.
    pub last_ns: u64,
    /// Chunks that were left out because their checksum is wrong.
    pub damaged_chunks: u64,
    /// Where the original stopped making sense, in bytes.
    pub cut_at: u64,
}

/// Writes all that can be read of the log at `path` into a new file at `out`, with an index.
///
/// `out` appears when it is complete.
///
/// # Errors
/// The log is complete, is empty or cannot be read, or `out` exists or cannot be written; then `out` is left alone.
pub fn recover(path: &Path, out: &Path) -> Result<Recovery, RecoverError> {
    let failed = |source: McapError| RecoverError::Write { path: out.to_owned(), source: Box::new(source) };
    let exists = || RecoverError::Exists { path: out.to_owned() };
    if out.exists() {
        return Err(exists());
    }
    let mut partial = out.as_os_str().to_owned();
    partial.push(format!(".{}.partial", std::process::id()));
    let partial = PathBuf::from(partial);
    let file = File::create_new(&partial).map_err(|error| failed(error.into()))?;
    // A link is made only where nothing is, so even a file that appeared meanwhile is left alone.
    let recovered = copy(path, out, file).and_then(|recovery| {
        std::fs::hard_link(&partial, out).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => exists(),
            _ => failed(error.into()),
        })?;
        Ok(recovery)
    });
    // What is left behind would be a second name of the new file, or of nothing that anyone needs.
    let _ = std::fs::remove_file(&partial);
    recovered
}

fn copy(path: &Path, out: &Path, file: File) -> Result<Recovery, RecoverError> {
    let failed = |source: McapError| RecoverError::Write { path: out.to_owned(), source: Box::new(source) };
    let mut writer = options().create(BufWriter::new(file)).map_err(failed)?;
    let mut channels = BTreeMap::new();
    let mut recovery = Recovery { messages: 0, last_ns: 0, damaged_chunks: 0, cut_at: 0 };
    let end = file::read(path, |entry| {
        match entry {
            Entry::Channel { id, topic, encoding, schema } => {
                let new = channel(&mut writer, topic, encoding, schema).map_err(failed)?;
                channels.insert(id, new);
            }
            Entry::Message { mut header, data } => {
                // A message whose channel is not there cannot be read by anyone.
                let Some(new) = channels.get(&header.channel_id) else { return Ok(()) };
                header.channel_id = *new;
                writer.write_to_known_channel(&header, data).map_err(failed)?;
                recovery.messages += 1;
                recovery.last_ns = recovery.last_ns.max(header.log_time);
            }
            Entry::Lost => recovery.damaged_chunks += 1,
        }
        Ok::<(), RecoverError>(())
    })?;
    match end {
        End::Complete => return Err(RecoverError::Complete { path: path.to_owned() }),
        End::Cut { at } => recovery.cut_at = at,
    }
    if recovery.messages == 0 {
        return Err(RecoverError::Empty { path: path.to_owned() });
    }
    writer.finish().map_err(failed)?;
    let file = writer.into_inner().into_inner().map_err(|error| failed(error.into_error().into()))?;
    file.sync_all().map_err(|error| failed(error.into()))?;
    Ok(recovery)
}

fn channel(
    writer: &mut Writer<BufWriter<File>>,
    topic: &str,
    encoding: &str,
    schema: Option<(&str, &str, &[u8])>,
) -> Result<u16, McapError> {
    let schema = match schema {
        Some((name, encoding, text)) => writer.add_schema(name, encoding, text)?,
        // MCAP's way to say that there is none.
        None => 0,
    };
    writer.add_channel(schema, topic, encoding, &BTreeMap::new())
}
