//! What a loop hands over to be saved, and why a saved state cannot be gone on from.
//!
//! A checkpoint takes a loop apart: its networks by name, its normalizer, its replay buffer, its environments and its
//! episodes are saved for every loop alike, and `Loop::state` holds the rest. So an algorithm says in a few lines what it
//! is made of, and a new run can start from some of an old one's networks.

use sinew_sim::SimError;

/// One set of parameters of a learner.
pub(crate) struct Network<'n> {
    /// Such as `actor`, `critic 1` or `target critic 1`; `actor` is the network that ships.
    pub(crate) name: String,
    /// All of its parameters.
    pub(crate) parameters: &'n mut [f32],
}

impl<'n> Network<'n> {
    pub(crate) fn new(name: impl Into<String>, parameters: &'n mut [f32]) -> Self {
        Self { name: name.into(), parameters }
    }
}

/// Why a saved state cannot be written or gone on from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// It cannot be encoded or decoded.
    #[error("the state of learning cannot be coded: {0}")]
    Codec(#[from] postcard::Error),
    /// A part of another size.
    #[error("{what} has {found} values, expected {expected}")]
    Length {
        /// Which part.
        what: String,
        /// What the run has.
        expected: usize,
        /// What was saved.
        found: usize,
    },
    /// A part that the run has and the saved state has not, or the other way round.
    #[error("{what} is {found}, expected {expected}")]
    Part {
        /// Which part.
        what: String,
        /// What the run has.
        expected: String,
        /// What was saved.
        found: String,
    },
    /// The environments cannot go on from it.
    #[error(transparent)]
    Simulation(#[from] SimError),
}

impl StateError {
    /// Refuses a part of another size.
    pub(crate) fn check_length(what: impl Into<String>, expected: usize, found: usize) -> Result<(), Self> {
        if expected == found { Ok(()) } else { Err(Self::Length { what: what.into(), expected, found }) }
    }
}
