//! Which policies a robot believes: key files, signature files, and the loading of a policy that must be signed.
//!
//! A signing key is a line `sinew-signing-key` and 64 hexadecimal digits in a file that only its owner can read; the public key
//! that goes to robots is a line `sinew-public-key` and 64 digits in a file that only its owner and root can write. The words in front
//! tell them from each other and from a link's secret, so that none can be taken for another. The signature of `policy.img` is 128 digits
//! in `policy.img.sig`. [`load_policy`] reads the policy once: what was checked is what runs.

use crate::link::KeyError;
use crate::link::key_file::{digits, fresh_nonce, parse_digits, read_secret, write_new};
use sinew_policy_runtime::image::AlignedImage;
use sinew_policy_runtime::policy_file::{self, PolicyFileError};
use sinew_policy_runtime::signature::{Signature, SignatureError, SigningKey, VerifyingKey};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const SIGNING: &str = "sinew-signing-key ";
const PUBLIC: &str = "sinew-public-key ";

/// Why a policy is not released, or not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// A key's file cannot be read or written, or others can read it.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A file holds something else.
    #[error("{}: found {found}, expected {expected}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What it holds, without saying a secret.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// Whoever can write the public key decides which policies are believed.
    #[error(
        "{}: its mode is {mode:04o} and it belongs to user {owner}; nobody but {user}, who runs this program, and root may write it",
        path.display()
    )]
    Writable {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// Whose it is.
        owner: u32,
        /// Who runs this.
        user: u32,
    },
    /// A key or signature cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A policy without a signature.
    #[error("{}: no signature in {}; a signed policy was required", policy.display(), signature.display())]
    Missing {
        /// The policy.
        policy: PathBuf,
        /// Where its signature was looked for.
        signature: PathBuf,
    },
    /// A signature that does not fit, or no key.
    #[error("{}: {source}", path.display())]
    Signature {
        /// The policy or the key.
        path: PathBuf,
        /// Why.
        source: SignatureError,
    },
    /// The policy cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyFileError),
}

/// Loads a policy; where `required` names a public key's file, only one that was signed with its signing key.
///
/// # Errors
/// The key cannot be used, the signature is missing or does not fit, or the policy cannot be loaded. A policy whose weights lie
/// in a file of their own is refused where a signature is required, because it says nothing of that file.
pub fn load_policy(path: &Path, required: Option<&Path>) -> Result<AlignedImage, ReleaseError> {
    let Some(key) = required else { return Ok(policy_file::load_policy(path)?) };
    let key = read_public_key(key)?;
    let bytes = policy_file::read_policy(path)?;
    let signature = read_signature(path)?;
    key.verify(&bytes, &signature)
        .map_err(|source| ReleaseError::Signature { path: path.to_owned(), source })?;
    Ok(policy_file::load_alone(path, &bytes)?)
}

/// Where the signature of a policy lies: beside it, with `.sig` appended to its name.
pub fn signature_path(policy: &Path) -> PathBuf {
    appended(policy, ".sig")
}

/// Where [`write_signing_key`] writes the public half: with `.pub` appended.
pub fn public_key_path(key: &Path) -> PathBuf {
    appended(key, ".pub")
}

fn appended(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Makes a new signing key and its public half, in files that must not exist.
///
/// # Errors
/// A file exists or cannot be written, or the operating system has no entropy.
pub fn write_signing_key(path: &Path) -> Result<(), ReleaseError> {
    let secret = fresh_nonce()?;
    let public = SigningKey::from_bytes(&secret).verifying_key();
    write_new(path, &format!("{SIGNING}{}", digits(&secret)), 0o600)?;
    let line = format!("{PUBLIC}{}", digits(&public.to_bytes()));
    Ok(write_new(&public_key_path(path), &line, 0o644)?)
}

/// Signs a policy that loads, into the file of [`signature_path`], which must not exist.
///
/// # Errors
/// The key or the policy cannot be used, the policy is not all in its one file, or the signature exists.
pub fn sign(policy: &Path, key: &Path) -> Result<PathBuf, ReleaseError> {
    let key = read_signing_key(key)?;
    let bytes = policy_file::read_policy(policy)?;
    policy_file::load_alone(policy, &bytes)?;
    let path = signature_path(policy);
    write_new(&path, &digits(&key.sign(&bytes)), 0o644)?;
    Ok(path)
}

fn read_signing_key(path: &Path) -> Result<SigningKey, ReleaseError> {
    let text = read_secret(path)?;
    let secret = text.strip_prefix(SIGNING).and_then(parse_digits);
    secret.map(|secret| SigningKey::from_bytes(&secret)).ok_or_else(|| ReleaseError::Content {
        path: path.to_owned(),
        found: describe(&text),
        expected: "sinew-signing-key and 64 hexadecimal digits, as `sinew sign --new-key` writes them",
    })
}

/// Reads a public key.
///
/// # Errors
/// It cannot be read, others can write it, or it is no public key.
pub fn read_public_key(path: &Path) -> Result<VerifyingKey, ReleaseError> {
    let failed = |source| ReleaseError::File { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    // Of the file that is open, so that none takes its place between the check and the reading.
    let metadata = file.metadata().map_err(failed)?;
    let (mode, owner, user) = (metadata.mode() & 0o7777, metadata.uid(), rustix::process::geteuid().as_raw());
    if mode & 0o022 != 0 || (owner != user && owner != 0) {
        return Err(ReleaseError::Writable { path: path.to_owned(), mode, owner, user });
    }
    let text = read_line(file).map_err(failed)?;
    let bytes = text.strip_prefix(PUBLIC).and_then(parse_digits).ok_or_else(|| ReleaseError::Content {
        path: path.to_owned(),
        found: describe(&text),
        expected: "sinew-public-key and 64 hexadecimal digits, the .pub of a signing key",
    })?;
    VerifyingKey::from_bytes(&bytes)
        .map_err(|source| ReleaseError::Signature { path: path.to_owned(), source })
}

fn read_signature(policy: &Path) -> Result<Signature, ReleaseError> {
    let path = signature_path(policy);
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ReleaseError::Missing { policy: policy.to_owned(), signature: path });
        }
        opened => opened,
    };
    match file.and_then(read_line) {
        Err(source) => Err(ReleaseError::File { path, source }),
        Ok(text) => parse_digits(&text).ok_or_else(|| ReleaseError::Content {
            found: describe(&text),
            path,
            expected: "128 hexadecimal digits, as `sinew sign` writes them",
        }),
    }
}

/// The first characters of a file, which are all that a key or signature has.
fn read_line(file: File) -> io::Result<String> {
    let mut text = String::new();
    file.take(256).read_to_string(&mut text)?;
    Ok(text.trim().to_owned())
}

/// What a file seems to be, without saying what may be a secret.
fn describe(text: &str) -> String {
    let known = [(SIGNING, "a signing key"), (PUBLIC, "a public key")];
    match known.iter().find(|(start, _)| text.starts_with(start)) {
        Some((_, name)) => format!("{name} of {} characters", text.chars().count()),
        None => format!("{} characters", text.chars().count()),
    }
}
