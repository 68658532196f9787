//! A run's folder: created once, never overwritten, every file complete or absent.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The folder of one training run.
#[derive(Clone, Debug)]
pub struct RunDirectory {
    path: PathBuf,
}

/// Why a run's folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunDirectoryError {
    /// There is something in it.
    #[error("{path} already holds {found}; nothing was overwritten, choose another --out")]
    Occupied {
        /// The folder.
        path: PathBuf,
        /// A file in it.
        found: String,
    },
    /// No run in it.
    #[error("{path} holds no run: {missing} is missing")]
    NoRun {
        /// The folder.
        path: PathBuf,
        /// What a run's folder has.
        missing: &'static str,
    },
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl RunDirectoryError {
    /// The file system's own error where there is one.
    pub(crate) fn into_io(self) -> io::Error {
        match self {
            Self::Io { source, path } => {
                io::Error::new(source.kind(), format!("{}: {source}", path.display()))
            }
            other => io::Error::other(other),
        }
    }
}

impl RunDirectory {
    /// Creates `path`, which must not exist or be empty.
    ///
    /// # Errors
    /// The folder holds anything, or cannot be created.
    pub fn create(path: &Path) -> Result<Self, RunDirectoryError> {
        let run = Self::create_for_several(path)?;
        let path = run.file("checkpoints");
        fs::create_dir(&path).map_err(|source| RunDirectoryError::Io { path, source })?;
        Ok(run)
    }

    /// Creates `path`, which must not exist or be empty, for runs in folders of their own.
    ///
    /// # Errors
    /// The folder holds anything, or cannot be created.
    pub fn create_for_several(path: &Path) -> Result<Self, RunDirectoryError> {
        let failed = |source| RunDirectoryError::Io { path: path.to_owned(), source };
        if let Some(entry) = fs::read_dir(path).ok().and_then(|mut entries| entries.next()) {
            let found = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
            return Err(RunDirectoryError::Occupied { path: path.to_owned(), found });
        }
        fs::create_dir_all(path).map_err(failed)?;
        Ok(Self { path: path.to_owned() })
    }

    /// Creates a run's folder `runs/name`, or `runs/name-2`, `runs/name-3`, … where that is taken.
    ///
    /// # Errors
    /// The folder cannot be created.
    pub fn create_unique(name: &str) -> Result<Self, RunDirectoryError> {
        Self::create(&Self::unique(name))
    }

    /// `runs/name`, or `runs/name-2`, `runs/name-3`, … where that is taken.
    pub fn unique(name: &str) -> PathBuf {
        let base = Path::new("runs");
        let mut path = base.join(name);
        let mut number = 2;
        while path.exists() {
            path = base.join(format!("{name}-{number}"));
            number += 1;
        }
        path
    }

    /// Opens the folder of an earlier run.
    ///
    /// # Errors
    /// The folder is none.
    pub fn open(path: &Path) -> Result<Self, RunDirectoryError> {
        let run = Self { path: path.to_owned() };
        if run.file("config.toml").is_file() {
            Ok(run)
        } else {
            Err(RunDirectoryError::NoRun { path: path.to_owned(), missing: "config.toml" })
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file of the run as [`atomic_write`] does.
    ///
    /// # Errors
    /// The file system refused.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), RunDirectoryError> {
        let path = self.file(name);
        atomic_write(&path, bytes).map_err(|source| RunDirectoryError::Io { path, source })
    }

    /// Reads a file of the run.
    ///
    /// # Errors
    /// The file system refused.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, RunDirectoryError> {
        let path = self.file(name);
        fs::read(&path).map_err(|source| RunDirectoryError::Io { path, source })
    }
}

/// Writes a file so that a crash at any instant leaves the old contents or the new, never a part.
///
/// The bytes go to a temporary name in the same folder, are synced, renamed over the target, and the folder is synced.
///
/// # Errors
/// The file system refused; the old contents are untouched.
pub fn atomic_write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or_else(|| io::Error::other("the path names no file"))?;
    let temporary = folder.join(format!(".{}.partial", name.to_string_lossy()));
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(folder)?.sync_all()
    });
    if written.is_err() {
        // The error to report is the first; a leftover partial file harms nothing.
        let _ = fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("sinew-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn a_folder_that_holds_a_run_is_refused_untouched() {
        let path = scratch("occupied");
        let run = RunDirectory::create(&path).unwrap();
        run.write("config.toml", b"old").unwrap();
        assert!(matches!(RunDirectory::create(&path), Err(RunDirectoryError::Occupied { .. })));
        assert_eq!(run.read("config.toml").unwrap(), b"old");
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn a_failed_write_leaves_the_old_contents() {
        let path = scratch("atomic");
        fs::create_dir_all(&path).unwrap();
        let file = path.join("policy.onnx");
        atomic_write(&file, b"old").unwrap();
        // The temporary name is taken by a folder, so the write fails before the rename.
        fs::create_dir(path.join(".policy.onnx.partial")).unwrap();
        assert!(atomic_write(&file, b"new").is_err());
        assert_eq!(fs::read(&file).unwrap(), b"old");
        fs::remove_dir_all(path).unwrap();
    }
}
