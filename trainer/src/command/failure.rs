//! How a command ends: exit code 0 done, 1 the run failed, 2 unusable arguments, files or contract.

/// What a command returns.
pub(crate) type Outcome = Result<(), Failure>;

/// Why a command ended, and with which exit code.
pub(crate) struct Failure {
    pub(crate) error: anyhow::Error,
    pub(crate) code: u8,
}

/// The run failed: exit code 1.
pub(crate) fn failed(error: impl Into<anyhow::Error>) -> Failure {
    Failure { error: error.into(), code: 1 }
}

/// Arguments, files or contract cannot be used: exit code 2.
pub(crate) fn unusable(error: impl Into<anyhow::Error>) -> Failure {
    Failure { error: error.into(), code: 2 }
}
