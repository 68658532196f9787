//! Messages as bytes: postcard, then a CRC-32C, then COBS, ended by a zero.
//!
//! COBS leaves no zero inside a frame, so after any damage the next zero is a place to begin again. [`Decoder`] takes a
//! stream in pieces of any size and yields the frames that are whole; a damaged one is counted and skipped.

#[cfg(feature = "host")]
mod memory;

#[cfg(feature = "host")]
pub(crate) use memory::DecoderMemory;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Largest number of bytes in a frame, its zero included.
pub const LARGEST_FRAME: usize = 1024;
const CRC_32C: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);
const CRC_BYTES: usize = 4;
/// COBS adds one byte in 254 and one at the start; one more for the zero.
const LARGEST_PAYLOAD: usize = LARGEST_FRAME - LARGEST_FRAME / 254 - 3;

/// Why bytes are no message, or a message has no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The message does not fit a frame.
    #[error("the message does not fit a frame of {LARGEST_FRAME} bytes")]
    TooLong,
    /// No COBS.
    #[error("the frame is no COBS")]
    Cobs,
    /// Damaged on the way.
    #[error("the frame's checksum differs")]
    Checksum,
    /// Another protocol.
    #[error("the frame holds no message of this protocol")]
    Message,
}

/// Writes `message` as a frame into `frame` and returns the part that is used.
///
/// # Errors
/// The message is too long.
pub fn encode<'f, M: Serialize>(
    message: &M,
    frame: &'f mut [u8; LARGEST_FRAME],
) -> Result<&'f [u8], FrameError> {
    let mut payload = [0; LARGEST_PAYLOAD];
    let length = postcard::to_slice(message, &mut payload[..LARGEST_PAYLOAD - CRC_BYTES])
        .map_err(|_| FrameError::TooLong)?
        .len();
    let (message, after) = payload.split_at_mut_checked(length).ok_or(FrameError::TooLong)?;
    let checksum = CRC_32C.checksum(message);
    *after.first_chunk_mut().ok_or(FrameError::TooLong)? = checksum.to_le_bytes();
    let checked = payload.get(..length + CRC_BYTES).ok_or(FrameError::TooLong)?;
    let encoded = cobs::try_encode(checked, frame).map_err(|_| FrameError::TooLong)?;
    *frame.get_mut(encoded).ok_or(FrameError::TooLong)? = 0;
    frame.get(..=encoded).ok_or(FrameError::TooLong)
}

/// Collects a stream's bytes into frames.
#[derive(Clone, Debug)]
pub struct Decoder {
    buffer: [u8; LARGEST_FRAME],
    length: usize,
    /// Whether the bytes up to the next zero belong to a frame that was too long.
    skipping: bool,
    damaged: u64,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { buffer: [0; LARGEST_FRAME], length: 0, skipping: false, damaged: 0 }
    }
}

impl Decoder {
    /// Frames that were damaged, too long, or of another protocol.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Takes bytes until a message is whole.
    ///
    /// Returns the message, if one came to its end, and the bytes behind it, to be fed next; `(None, [])` when all bytes
    /// are taken.
    pub fn feed<'b, M: DeserializeOwned>(&mut self, mut bytes: &'b [u8]) -> (Option<M>, &'b [u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == 0) {
            let (piece, rest) = bytes.split_at_checked(end).unwrap_or_default();
            let rest = rest.split_first().map_or(&[][..], |(_, rest)| rest);
            self.append(piece);
            let message = self.finish();
            bytes = rest;
            if message.is_some() {
                return (message, rest);
            }
        }
        self.append(bytes);
        (None, &[])
    }

    fn append(&mut self, piece: &[u8]) {
        let end = self.length.saturating_add(piece.len());
        match self.buffer.get_mut(self.length..end) {
            Some(place) if place.len() == piece.len() => {
                place.copy_from_slice(piece);
                self.length = end;
            }
            _ => self.skipping = true,
        }
    }

    /// The message in the buffer, which is empty afterwards.
    fn finish<M: DeserializeOwned>(&mut self) -> Option<M> {
        let (length, skipping) = (self.length, self.skipping);
        (self.length, self.skipping) = (0, false);
        if length == 0 && !skipping {
            // Two zeros in a row: a sender's way to begin anew.
            return None;
        }
        let frame = self.buffer.get_mut(..length).filter(|_| !skipping);
        let message = frame.map_or(Err(FrameError::TooLong), decode);
        self.damaged += u64::from(message.is_err());
        message.ok()
    }
}

/// The message of a frame without its zero; decodes in place.
///
/// # Errors
/// Damaged, or of another protocol.
pub fn decode<M: DeserializeOwned>(frame: &mut [u8]) -> Result<M, FrameError> {
    let length = unstuff(frame).ok_or(FrameError::Cobs)?;
    let decoded = frame.get(..length).ok_or(FrameError::Cobs)?;
    let (message, checksum) = decoded.split_last_chunk::<CRC_BYTES>().ok_or(FrameError::Checksum)?;
    if CRC_32C.checksum(message) != u32::from_le_bytes(*checksum) {
        return Err(FrameError::Checksum);
    }
    payload(message)
}

/// Undoes COBS in place and says how many bytes are left; `None` for what is no COBS. Our own because that of the crate that
/// encodes is compiled with a panic in it.
fn unstuff(frame: &mut [u8]) -> Option<usize> {
    let (mut read, mut written) = (0, 0);
    while let Some(code) = frame.get(read).copied() {
        let block = read..read.saturating_add(usize::from(code));
        // A block is its code and the bytes up to the zero for which it stands, none of which is one.
        let bytes = frame.get(block.clone())?;
        if bytes.contains(&0) || bytes.is_empty() {
            return None;
        }
        read = block.end;
        for from in block.skip(1) {
            let byte = *frame.get(from)?;
            *frame.get_mut(written)? = byte;
            written += 1;
        }
        if code != u8::MAX && read < frame.len() {
            *frame.get_mut(written)? = 0;
            written += 1;
        }
    }
    Some(written)
}

/// The message of a frame's payload, without its checksum.
///
/// # Errors
/// Of another protocol, or followed by more.
pub fn payload<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, FrameError> {
    let (message, rest) = postcard::take_from_bytes(bytes).map_err(|_| FrameError::Message)?;
    if rest.is_empty() { Ok(message) } else { Err(FrameError::Message) }
}

#[cfg(test)]
mod tests {
    use super::super::message::{Header, ToRobot};
    use super::*;
    use proptest::prelude::*;
    use sinew_policy_runtime::interface::Setpoint;

    fn command(sequence: u64) -> ToRobot {
        ToRobot::Command {
            header: Header { session: 7, sequence, ..Header::default() },
            sample_sequence: 300,
            valid_for_us: 50_000,
            setpoints: heapless::Vec::from_slice(&[Setpoint::Rotor(1500.0), Setpoint::Rotor(0.0)]).unwrap(),
        }
    }

    #[test]
    fn frames_survive_any_cut_of_the_stream() {
        let mut stream = Vec::new();
        let mut frame = [0; LARGEST_FRAME];
        for sequence in 1..=3 {
            stream.extend_from_slice(encode(&command(sequence), &mut frame).unwrap());
        }
        for cut in 0..stream.len() {
            let mut decoder = Decoder::default();
            let mut found = Vec::new();
            for mut piece in [&stream[..cut], &stream[cut..]] {
                while let (Some(message), rest) = decoder.feed::<ToRobot>(piece) {
                    found.push(message);
                    piece = rest;
                }
            }
            assert_eq!(found, [command(1), command(2), command(3)], "cut at {cut}");
        }
    }

    proptest! {
        #[test]
        fn a_changed_byte_never_becomes_a_message(position in 0_usize..40, flip in 1_u8..=255) {
            let mut frame = [0; LARGEST_FRAME];
            let mut bytes = encode(&command(5), &mut frame).unwrap().to_vec();
            let position = position % (bytes.len() - 1);
            bytes[position] ^= flip;
            let mut decoder = Decoder::default();
            let mut rest = &bytes[..];
            while let (message @ Some(_), behind) = decoder.feed::<ToRobot>(rest) {
                prop_assert_eq!(message, None);
                rest = behind;
            }
            prop_assert!(decoder.damaged() > 0);
        }

        #[test]
        fn cobs_is_undone_as_the_crate_that_encodes_undoes_it(
            bytes in prop::collection::vec(prop_oneof![1..4_u8, 1..=255_u8, Just(255)], 1..700),
        ) {
            let (mut ours, mut theirs) = (bytes.clone(), bytes);
            let expected = cobs::decode_in_place(&mut theirs).ok();
            prop_assert_eq!(unstuff(&mut ours), expected);
            let length = expected.unwrap_or(0);
            prop_assert_eq!(&ours[..length], &theirs[..length]);
        }

        #[test]
        fn random_bytes_never_panic_and_never_become_a_message(bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
            let mut decoder = Decoder::default();
            prop_assert_eq!(decoder.feed::<ToRobot>(&bytes).0, None);
        }
    }
}
