//! Serde form of a hash: 64 lowercase hexadecimal digits where people read it, 32 bytes where they do not.

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

type Hash = [u8; 32];

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The 64 digits of a hash.
pub(crate) fn digits(hash: &Hash) -> heapless::String<64> {
    hash.iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|nibble| char::from(DIGITS[usize::from(nibble)]))
        .collect()
}

/// Reads exactly 64 lowercase digits.
pub(crate) fn parse(text: &str) -> Option<Hash> {
    let digit = |byte: &u8| DIGITS.iter().position(|digit| digit == byte);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != 32 || !rest.is_empty() {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
        *byte = (digit(high)? << 4 | digit(low)?) as u8;
    }
    Some(hash)
}

/// For `#[serde(with)]`.
pub(crate) fn serialize<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        serializer.serialize_str(&digits(hash))
    } else {
        hash.serialize(serializer)
    }
}

/// For `#[serde(with)]`.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
    struct Digits;
    impl Visitor<'_> for Digits {
        type Value = Hash;
        fn expecting(&self, formatter: &mut core::fmt::Formatter) -> core::fmt::Result {
            formatter.write_str("64 lowercase hexadecimal digits")
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<Hash, E> {
            parse(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
        }
    }
    if deserializer.is_human_readable() {
        deserializer.deserialize_str(Digits)
    } else {
        Hash::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_read_back_and_nothing_else_is_read() {
        let hash: Hash = core::array::from_fn(|index| (index * 8 + 5) as u8);
        assert!(digits(&hash).starts_with("050d151d"));
        assert_eq!(parse(&digits(&hash)), Some(hash));
        assert_eq!(parse(&digits(&hash)[..62]), None);
        assert_eq!(parse(&"D5".repeat(32)), None);
    }
}
