//! Neural networks with hand-written backward passes on preallocated buffers.
//!
//! The main types are [`mlp::Mlp`] and, for actors and critics that may remember, [`sequence::SequenceNetwork`]. A network is a shape; its parameters are one flat slice, so that the optimizer, target
//! averaging and checkpoints each are one loop over one slice and no tensor type is needed.

pub mod activation;
mod elementary;
pub mod gru;
#[cfg(test)]
mod instruction_sets;
pub mod matrix;
pub mod mlp;
mod orthogonal;
pub mod regularizer;
pub mod sequence;
