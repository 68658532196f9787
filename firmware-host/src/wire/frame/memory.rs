//! What a decoder carries from one tick to the next, so that a run can be taken up again in its middle.

use super::{Decoder, LARGEST_FRAME};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// All that the next bytes meet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct DecoderMemory<'m> {
    /// Of a frame that is not whole yet.
    unfinished: Cow<'m, [u8]>,
    skipping: bool,
    damaged: u64,
}

impl Decoder {
    /// What the next bytes meet. Copies no bytes.
    pub(crate) fn memory(&self) -> DecoderMemory<'_> {
        DecoderMemory {
            unfinished: self.buffer[..self.length].into(),
            skipping: self.skipping,
            damaged: self.damaged,
        }
    }

    /// A decoder that goes on from a [`Self::memory`]; `None` if that holds more than a decoder can.
    pub(crate) fn from_memory(memory: &DecoderMemory) -> Option<Self> {
        let unfinished = &memory.unfinished;
        let mut decoder = Self {
            buffer: [0; LARGEST_FRAME],
            length: unfinished.len(),
            skipping: memory.skipping,
            damaged: memory.damaged,
        };
        decoder.buffer.get_mut(..unfinished.len())?.copy_from_slice(unfinished);
        Some(decoder)
    }
}
