//! What this build can execute: all of it, or with the feature `feed-forward` what networks of dense layers consist of.
//!
//! The rest has no meaning in a record: whoever reads one gets nothing, loading and the executor alike. So an image that needs it
//! is refused when it is loaded, and the compiler leaves out what can never be chosen.

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
