//! A stream of anything, cut anywhere: whatever becomes a message encodes to a frame that decodes to it again, and a robot and
//! an assembly of samples take it without harm.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sinew_firmware_host::wire::frame::{LARGEST_FRAME, decode};
use sinew_firmware_host::wire::message::{MAX_SAMPLE, ToHost};
use sinew_firmware_host::wire::sample::Assembly;
use sinew_firmware_host::wire::{Decoder, encode};

fuzz_target!(|input: &[u8]| {
    let Some((cut, stream)) = input.split_first() else { return };
    let mut assembly = Assembly::default();
    // As it came, which tries the framing, and as a frame's payload, which tries the messages.
    let framed = framed(stream);
    for stream in [stream, &framed[..]] {
        let mut decoder = Decoder::default();
        let at = usize::from(*cut).min(stream.len());
        for mut piece in [&stream[..at], &stream[at..]] {
            while let (Some(message), rest) = decoder.feed::<ToHost>(piece) {
                piece = rest;
                let mut frame = [0; LARGEST_FRAME];
                let length =
                    encode(&message, &mut frame).expect("a message that came in a frame fits one").len();
                let again: ToHost = decode(&mut frame[..length - 1]).expect("an encoded message decodes");
                // Compared as text: a NaN differs from itself.
                assert_eq!(format!("{again:?}"), format!("{message:?}"));
                if let ToHost::Sample(part) = message
                    && let Some(sample) = assembly.take(&part)
                {
                    assert!(sample.values.len() <= MAX_SAMPLE);
                }
            }
        }
    }
});

/// The bytes as a frame with a checksum that is right, which no fuzzer finds by itself.
fn framed(payload: &[u8]) -> Vec<u8> {
    struct Raw<'a>(&'a [u8]);
    impl serde::Serialize for Raw<'_> {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeTuple;
            let mut tuple = serializer.serialize_tuple(self.0.len())?;
            for byte in self.0 {
                tuple.serialize_element(byte)?;
            }
            tuple.end()
        }
    }
    encode(&Raw(payload), &mut [0; LARGEST_FRAME]).map(<[u8]>::to_vec).unwrap_or_default()
}
