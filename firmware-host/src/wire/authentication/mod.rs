//! Datagrams that prove who sent them.
//!
//! A [`handshake`] of three datagrams proves to each end that the other one holds the shared [`Key`] now, and leaves both with
//! a [`Channel`]: one key for each direction, and a counter that only grows. The robot keeps no state for a host that has not
//! proved itself, so nobody can exhaust or confuse it; whatever is forged, cut or repeated is refused for a [`Rejected`]
//! reason that can be counted.

mod channel;
pub mod handshake;

pub use channel::Channel;

use core::fmt;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Of the handshake and the channel; in every handshake's datagram.
pub const AUTHENTICATION_VERSION: u8 = 1;
/// Bytes that a channel adds to a frame: type, counter, tag.
pub const OVERHEAD_BYTES: usize = 1 + 8 + 16;
/// The largest datagram: a frame in a channel.
pub const LARGEST_DATAGRAM: usize = super::frame::LARGEST_FRAME + OVERHEAD_BYTES;

/// What a datagram's first byte says that it is.
pub mod kind {
    /// The first of a handshake.
    pub const INITIATE: u8 = 1;
    /// The second.
    pub const RESPOND: u8 = 2;
    /// The third.
    pub const CONFIRM: u8 = 3;
    /// A frame in a channel.
    pub const DATA: u8 = 4;
}

/// A number that is used once.
pub type Nonce = [u8; 32];

/// The secret that a host and a robot share.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl Key {
    /// 32 bytes that nobody can guess.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Nonces for a board without entropy: its `boot` counter is stored and raised before it is used, so no nonce comes
    /// twice. A board that has neither entropy nor such a counter must not take part.
    pub fn counted_nonce(&self, boot: u64, count: u64) -> Nonce {
        let (boot, count) = (boot.to_le_bytes(), count.to_le_bytes());
        expand(&Hkdf::new(None, &self.0), &[b"sinew datagram v1 nonce", &boot, &count])
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(secret)")
    }
}

/// Why a datagram is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// Shorter or longer than what it says that it is.
    #[error("the datagram is cut")]
    Truncated,
    /// Its tag is not one that a holder of the key would have made: changed on its way, or made with another key.
    #[error("the datagram is forged")]
    Forged,
    /// Its counter is not above all before it.
    #[error("the datagram is repeated")]
    Replayed,
    /// Not what is awaited: of another version, or an answer to nothing.
    #[error("the datagram is not awaited")]
    Unexpected,
}

/// 32 bytes from a key and what they are for.
fn expand(source: &Hkdf<Sha256>, info: &[&[u8]]) -> [u8; 32] {
    let mut bytes = [0; 32];
    // HKDF refuses lengths beyond 255 hashes alone.
    let _ = source.expand_multi_info(info, &mut bytes);
    bytes
}

/// An HMAC over the pieces, to be finished or verified.
fn authenticate(key: &[u8; 32], pieces: &[&[u8]]) -> Hmac<Sha256> {
    // A key shorter than SHA-256's block is padded with zeros, says RFC 2104.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    let mut code = <Hmac<Sha256> as KeyInit>::new(&block.into());
    for piece in pieces {
        code.update(piece);
    }
    code
}
