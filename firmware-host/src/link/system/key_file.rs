//! The secret that a host and a robot share, on disk: 64 hexadecimal digits in a file that only its owner can read.

use crate::wire::authentication::Key;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It cannot be read or written.
    #[error("key {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others can read or write it.
    #[error("key {path}: its mode is {found:04o}, expected 0600: nobody but its owner may read a key")]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its mode.
        found: u32,
    },
    /// It is somebody else's.
    #[error("key {path}: it belongs to user {found}, expected {expected}, who runs this program")]
    Owner {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: u32,
        /// Who runs this.
        expected: u32,
    },
    /// It holds something else.
    #[error("key {path}: found {found}, expected 64 hexadecimal digits that are not all alike")]
    Content {
        /// The file.
        path: PathBuf,
        /// What it holds, without saying it.
        found: String,
    },
    /// The operating system has no entropy.
    #[error("no entropy: {reason}")]
    Entropy {
        /// Why.
        reason: String,
    },
}

/// Reads a key.
///
/// # Errors
/// It cannot be read, others can read it, it belongs to somebody else, or it is no key.
pub fn read_key(path: &Path) -> Result<Key, KeyError> {
    let text = read_secret(path)?;
    parse(&text).map(Key::new).ok_or_else(|| KeyError::Content {
        path: path.to_owned(),
        found: format!("{} characters", text.chars().count()),
    })
}

/// The text of a file that nobody but its owner can read.
pub(crate) fn read_secret(path: &Path) -> Result<String, KeyError> {
    let failed = |source| KeyError::File { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    // Of the file that is open, so that none takes its place between the check and the reading.
    let metadata = file.metadata().map_err(failed)?;
    let (mode, owner, user) = (metadata.mode() & 0o7777, metadata.uid(), rustix::process::geteuid().as_raw());
    if !metadata.is_file() || mode & 0o177 != 0 {
        return Err(KeyError::Mode { path: path.to_owned(), found: mode });
    }
    if owner != user {
        return Err(KeyError::Owner { path: path.to_owned(), found: owner, expected: user });
    }
    let mut text = String::new();
    // A key and some white space; what is larger is something else.
    file.take(256).read_to_string(&mut text).map_err(failed)?;
    Ok(text.trim().to_owned())
}

/// Writes a new key into a file that must not exist.
///
/// # Errors
/// The file exists or cannot be written, or the operating system has no entropy.
pub fn write_key(path: &Path) -> Result<(), KeyError> {
    write_new(path, &digits(&fresh_nonce()?), 0o600)
}

/// Writes a line into a file that must not exist.
pub(crate) fn write_new(path: &Path, line: &str, mode: u32) -> Result<(), KeyError> {
    let failed = |source| KeyError::File { path: path.to_owned(), source };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    writeln!(file, "{line}").and_then(|()| file.sync_all()).map_err(failed)
}

/// Two hexadecimal digits for each byte.
pub(crate) fn digits(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// 32 bytes that nobody can guess.
///
/// # Errors
/// The operating system has none.
pub fn fresh_nonce() -> Result<[u8; 32], KeyError> {
    let mut bytes = [0; 32];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => Err(KeyError::Entropy { reason: error.to_string() }),
    }
}

/// Reads exactly as many bytes as are wanted.
pub(crate) fn parse_digits<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != BYTES || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let digit = |digit: &u8| char::from(*digit).to_digit(16);
        *byte = (digit(high)? << 4 | digit(low)?) as u8;
    }
    Some(bytes)
}

fn parse(text: &str) -> Option<[u8; 32]> {
    let key: [u8; 32] = parse_digits(text)?;
    key.iter().any(|byte| *byte != key[0]).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    fn path(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("sinew-key-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path
    }

    #[test]
    fn a_written_key_reads_back_and_is_not_overwritten() {
        let path = path("written");
        write_key(&path).unwrap();
        assert!(read_key(&path).is_ok());
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(write_key(&path).unwrap_err().to_string().contains("File exists"));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn what_others_can_read_or_what_is_no_key_is_refused_with_the_reason() {
        let path = path("bad");
        let error = |text: &str, mode: u32| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let error = read_key(&path).unwrap_err().to_string();
            error.replace(path.to_str().unwrap(), "F")
        };
        let key = "0123456789abcdef".repeat(4);
        for mode in [0o644, 0o660, 0o700, 0o602] {
            let expected =
                format!("key F: its mode is {mode:04o}, expected 0600: nobody but its owner may read a key");
            assert_eq!(error(&key, mode), expected);
        }
        let expected = "expected 64 hexadecimal digits that are not all alike";
        assert_eq!(error(&key[1..], 0o600), format!("key F: found 63 characters, {expected}"));
        for text in ["zz".repeat(32), "00".repeat(32), "0123456789abcdef".repeat(3) + "é123456789abcdé"] {
            assert!(error(&text, 0o600).ends_with(expected), "{text}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(read_key(&path).unwrap_err().to_string().contains("No such file"));
    }
}
