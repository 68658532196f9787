//! Reads a policy from disk, whichever form it has.
//!
//! [`load_policy`] looks at the content, not at the name: an image is checked, an ONNX model is verified and lowered, and
//! anything else is refused with a sentence that says what it seems to be.

use crate::executor::{Executor, ExecutorError};
use crate::golden::GoldenError;
use crate::image::{self, AlignedImage, ImageError};
#[cfg(feature = "onnx")]
use crate::onnx::{self, OnnxError};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// Why a policy file cannot be used. Every message names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyFileError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is something else.
    #[error("{}: {found}, expected a policy.onnx or policy.img", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        found: &'static str,
    },
    /// It is an ONNX model, which this build cannot lower.
    #[error("{}: an ONNX model, but this build runs images alone; make one with `sinew compile`", path.display())]
    OnnxNotBuilt {
        /// The file.
        path: PathBuf,
    },
    /// It is an image that cannot be used.
    #[error("{}: {source}", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<ImageError>,
    },
    /// Its image cannot be run on this thread.
    #[error("{}: {source}", path.display())]
    Executor {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ExecutorError,
    },
    /// Its golden pairs do not hold here.
    #[error("{}: {source}", path.display())]
    Golden {
        /// The file.
        path: PathBuf,
        /// Which, and how.
        source: GoldenError,
    },
    /// It is an ONNX model that cannot be used.
    #[cfg(feature = "onnx")]
    #[error("{}: {source}", path.display())]
    Onnx {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<OnnxError>,
    },
}

/// Reads a `policy.onnx` or `policy.img`, and verifies everything in it, golden pairs included. A foreign `policy.onnx` gets its
/// contract from a `policy.toml` beside it, where there is one.
///
/// # Errors
/// See [`PolicyFileError`].
pub fn load_policy(path: impl AsRef<Path>) -> Result<AlignedImage, PolicyFileError> {
    let path = path.as_ref();
    load(path, &read_policy(path)?, path.parent().or(Some(Path::new(""))))
}

/// Loads the bytes of a policy's file that [`read_policy`] gave, and nothing that lies beside it: what a signature over
/// those bytes says then holds for all that runs. `path` is what messages name.
///
/// # Errors
/// See [`PolicyFileError`]; an ONNX model whose weights lie in a file of their own.
pub fn load_alone(path: &Path, bytes: &[u8]) -> Result<AlignedImage, PolicyFileError> {
    load(path, bytes, None)
}

/// Reads a policy's file without looking at what is in it.
///
/// # Errors
/// It cannot be read, or is larger than any policy.
pub fn read_policy(path: &Path) -> Result<Vec<u8>, PolicyFileError> {
    read(path).map_err(|source| PolicyFileError::Read { path: path.to_owned(), source })
}

fn load(path: &Path, bytes: &[u8], folder: Option<&Path>) -> Result<AlignedImage, PolicyFileError> {
    if image::has_magic(bytes) {
        return load_image(path, bytes);
    }
    match foreign(bytes) {
        Some(found) => Err(PolicyFileError::Foreign { path: path.to_owned(), found }),
        None => load_onnx(path, bytes, folder),
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more, so that a file that is too large is told from one that just fits.
    std::fs::File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let message = format!("more than {MAX_FILE_BYTES} bytes, which no policy needs");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

fn load_image(path: &Path, bytes: &[u8]) -> Result<AlignedImage, PolicyFileError> {
    let refuse = |error| PolicyFileError::Image { path: path.to_owned(), source: Box::new(error) };
    let aligned = AlignedImage::from_bytes(bytes).map_err(refuse)?;
    let view = aligned.image().map_err(refuse)?;
    view.contract().map_err(refuse)?;
    Executor::new(view, vec![0.0; view.scratch_len()])
        .map_err(|source| PolicyFileError::Executor { path: path.to_owned(), source })?
        .verify_golden()
        .map_err(|source| PolicyFileError::Golden { path: path.to_owned(), source })?;
    Ok(aligned)
}

#[cfg(feature = "onnx")]
fn load_onnx(path: &Path, bytes: &[u8], folder: Option<&Path>) -> Result<AlignedImage, PolicyFileError> {
    let document = path.with_extension("toml");
    match folder {
        None => onnx::load(bytes),
        Some(folder) if document != path && document.is_file() && onnx::is_foreign(bytes) => {
            onnx::foreign::load(bytes, folder, &document)
        }
        Some(folder) => onnx::load_with_folder(bytes, folder),
    }
    .map_err(|source| PolicyFileError::Onnx { path: path.to_owned(), source: Box::new(source) })
}

#[cfg(not(feature = "onnx"))]
fn load_onnx(path: &Path, _: &[u8], _: Option<&Path>) -> Result<AlignedImage, PolicyFileError> {
    Err(PolicyFileError::OnnxNotBuilt { path: path.to_owned() })
}

/// What a file seems to be that is neither an image nor an ONNX model; `None` if it may be a model.
fn foreign(bytes: &[u8]) -> Option<&'static str> {
    let starts = [
        (&b"PK\x03\x04"[..], "a ZIP archive, such as PyTorch and Stable-Baselines3 save"),
        (b"\x80\x02", "a Python pickle"),
        (b"\x80\x04", "a Python pickle"),
        (b"\x89HDF", "an HDF5 file"),
        (b"\x7fELF", "a program"),
        (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
    ];
    if let Some((_, found)) = starts.into_iter().find(|(start, _)| bytes.starts_with(start)) {
        return Some(found);
    }
    match bytes {
        [] => Some("an empty file"),
        [_, _, _, _, b'T', b'F', b'L', b'3', ..] => Some("a TensorFlow Lite model"),
        // The first field of every model that tools write is its version, the second byte a small number.
        [0x08, version, ..] if *version < 0x80 => None,
        // Written by hand or reordered, a model begins with the tag of another of its fields.
        [tag, ..] if matches!(tag >> 3, 1..=8) && matches!(tag & 7, 0 | 2) && !bytes.is_ascii() => None,
        _ => Some("neither an image nor an ONNX model"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str, content: &[u8]) -> String {
        let path = std::env::temp_dir().join(format!("sinew-{}-{name}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        let error = load_policy(&path).unwrap_err().to_string();
        std::fs::remove_file(&path).unwrap();
        error.replace(&path.display().to_string(), "FILE")
    }

    #[test]
    fn a_foreign_file_is_named_for_what_it_is() {
        assert_eq!(
            refusal("model.zip", b"PK\x03\x04 and so on"),
            "FILE: a ZIP archive, such as PyTorch and Stable-Baselines3 save, expected a policy.onnx or policy.img"
        );
        assert!(refusal("empty", b"").starts_with("FILE: an empty file"));
        assert!(refusal("text", b"[policy]\nname = 1\n").starts_with("FILE: neither an image nor an ONNX"));
    }

    #[test]
    fn a_truncated_image_says_so() {
        assert_eq!(
            refusal("short.img", b"SNWI\x01\0"),
            "FILE: the image has 6 bytes, expected 64: truncated or with something appended"
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = load_policy("no/such/policy.onnx").unwrap_err().to_string();
        assert!(error.starts_with("no/such/policy.onnx: "), "{error}");
    }
}
