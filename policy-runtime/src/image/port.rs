//! Named inputs and outputs, records of 32 bytes that are read in place.
//!
//! | byte | field |
//! |---|---|
//! | 0 | role: of an input 0 observation, 1 state; of an output 0 action, 1 raw action, 2 state, 3 another |
//! | 1 | what its values stand for: 0 numbers, 1 whole numbers, 2 truth values |
//! | 2 | two zero bytes |
//! | 4 | u32 first value in scratch |
//! | 8 | u32 number of values |
//! | 12 | u32 the other end of a state: position of the output among outputs, or of the input among inputs |
//! | 16 | u32 offset of the name in the image |
//! | 20 | u32 length of the name in bytes |
//! | 24 | eight zero bytes |

use core::ops::Range;

/// Size of a record.
pub(crate) const PORT_BYTES: usize = 32;
/// Most inputs, and most outputs, of an image.
pub const MAX_PORTS: usize = 64;

/// What an input or output is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Given anew for every inference.
    Observation,
    /// Carried over from one inference to the next.
    State,
    /// What actuators are commanded by.
    Action,
    /// Before scaling: what a previous action term observes.
    RawAction,
    /// Another output.
    Other,
}

/// What a port's values stand for; all of them are f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// Any number.
    Number,
    /// Whole numbers.
    Integer,
    /// 0 or 1.
    Truth,
}

/// A named input or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port<'a> {
    /// In the graph.
    pub name: &'a str,
    /// What it is for.
    pub role: Role,
    /// What its values stand for.
    pub element: Element,
    /// Number of values.
    pub size: usize,
    /// First value in scratch.
    pub(crate) start: usize,
    /// Of a state: the position of its other end.
    pub(crate) other_end: usize,
}

impl Port<'_> {
    /// Of a state, the position of its other end: among outputs for an input, among inputs for an output. 0 otherwise.
    pub fn other_end(&self) -> usize {
        self.other_end
    }

    /// Its values in scratch.
    pub(crate) fn place(&self) -> Range<usize> {
        self.start..self.start.saturating_add(self.size)
    }
}

/// A port's record without its name, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PortRecord {
    pub(crate) role: Role,
    pub(crate) element: Element,
    pub(crate) start: u32,
    pub(crate) size: u32,
    pub(crate) other_end: u32,
    pub(crate) name_offset: u32,
    pub(crate) name_length: u32,
}

const ELEMENTS: [Element; 3] = [Element::Number, Element::Integer, Element::Truth];
const INPUT_ROLES: [Role; 2] = [Role::Observation, Role::State];
const OUTPUT_ROLES: [Role; 4] = [Role::Action, Role::RawAction, Role::State, Role::Other];

impl PortRecord {
    #[cfg(feature = "onnx")]
    pub(crate) fn encode(&self, is_input: bool) -> [u8; PORT_BYTES] {
        let roles = if is_input { &INPUT_ROLES[..] } else { &OUTPUT_ROLES };
        let role = roles.iter().position(|role| *role == self.role).unwrap_or(usize::from(u8::MAX));
        let element = ELEMENTS.iter().position(|element| *element == self.element).unwrap_or(0);
        let mut bytes = [0; PORT_BYTES];
        (bytes[0], bytes[1]) = (role as u8, element as u8);
        let words = [self.start, self.size, self.other_end, self.name_offset, self.name_length];
        for (slot, word) in bytes[4..].chunks_exact_mut(4).zip(words) {
            slot.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    #[inline]
    pub(crate) fn decode(bytes: &[u8; PORT_BYTES], is_input: bool) -> Option<Self> {
        let roles = if is_input { &INPUT_ROLES[..] } else { &OUTPUT_ROLES };
        let [_, start, size, other_end, name_offset, name_length, _, _] = *bytes.as_chunks::<4>().0 else {
            return None;
        };
        Some(Self {
            role: *roles.get(usize::from(bytes[0]))?,
            element: *ELEMENTS.get(usize::from(bytes[1]))?,
            start: u32::from_le_bytes(start),
            size: u32::from_le_bytes(size),
            other_end: u32::from_le_bytes(other_end),
            name_offset: u32::from_le_bytes(name_offset),
            name_length: u32::from_le_bytes(name_length),
        })
    }
}
