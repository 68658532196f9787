//! What this build can execute: all of it, or with the feature `feed-forward` what networks of dense layers consist of.
//!
//! Loading refuses the rest. The executor asks again wherever it chooses, among operations, functions and binary operations, because
//! the compiler leaves out only what cannot be chosen at that very place: asked once, where records are read, a Cortex-M's program
//! of dense layers takes 37,880 bytes of code in place of 23,024.

use super::Operation;
use crate::kernel::{Binary, Function};

/// Whether everything is there.
const EVERYTHING: bool = !cfg!(feature = "feed-forward");

impl Operation {
    /// Whether this build executes it.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "what is left out must be known where it is called")]
    pub(crate) fn is_built(&self) -> bool {
        EVERYTHING
            || match self {
                Self::Dense { function, .. } | Self::Function { function, .. } => function.is_built(),
                Self::Binary { binary, .. } => binary.is_built(),
                Self::Copy { .. } => true,
                _ => false,
            }
    }
}

impl Function {
    /// Whether this build computes it.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "what is left out must be known where it is called")]
    pub(crate) fn is_built(self) -> bool {
        EVERYTHING || matches!(self, Self::Activation(_))
    }
}

impl Binary {
    /// Whether this build computes it.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "what is left out must be known where it is called")]
    pub(crate) fn is_built(self) -> bool {
        let arithmetic =
            matches!(self, Self::Add | Self::Subtract | Self::SubtractFrom | Self::Multiply | Self::Divide);
        EVERYTHING || arithmetic || matches!(self, Self::Minimum | Self::Maximum)
    }
}
