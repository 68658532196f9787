//! The frame around every file of a checkpoint: magic, version, CRC-32C of the payload, payload.

use super::CheckpointError;
use std::path::Path;

pub(super) const HEADER: usize = 16;
const CRC_32C: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);

/// What kind of file it is.
pub(super) struct Kind {
    pub(super) magic: &'static str,
    pub(super) version: u32,
}

impl Kind {
    pub(super) fn frame(&self, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + payload.len());
        bytes.extend_from_slice(self.magic.as_bytes());
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes.extend_from_slice(&CRC_32C.checksum(payload).to_le_bytes());
        bytes.extend_from_slice(payload);
        bytes
    }

    /// The payload; `path` stands in errors.
    pub(super) fn open<'b>(&self, bytes: &'b [u8], path: &Path) -> Result<&'b [u8], CheckpointError> {
        let damaged = |reason: String| CheckpointError::Damaged { path: path.to_owned(), reason };
        let Some((header, payload)) = bytes.split_first_chunk::<HEADER>() else {
            return Err(damaged(format!("{} bytes, a header alone has {HEADER}", bytes.len())));
        };
        if &header[..8] != self.magic.as_bytes() {
            return Err(damaged(format!("it does not begin with {}", self.magic)));
        }
        let word =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        if word(8) != self.version {
            return Err(damaged(format!("version {}, this build reads {}", word(8), self.version)));
        }
        if word(12) != CRC_32C.checksum(payload) {
            return Err(damaged("the checksum differs: truncated or changed".to_owned()));
        }
        Ok(payload)
    }
}
