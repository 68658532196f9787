//! Why a task cannot be used: [`TaskError`] names the place, what was found and what was expected.

use sinew_policy_runtime::document::{DocumentError, hint};

/// Why a task cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// Neither a built-in task nor a file.
    #[error("no task {name:?}{}; built-in tasks: {}; a path must end in .toml", hint(.nearest.as_deref()), .builtin.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        builtin: Vec<String>,
        /// The built-in name that looks most alike.
        nearest: Option<String>,
    },
    /// A file that cannot be read, not TOML, an unknown key, a missing one, or a value of the wrong type.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A value that cannot be used.
    #[error("{file}: {field} is {found}, expected {expected}")]
    Value {
        /// The file.
        file: String,
        /// The field, with the name of what it belongs to.
        field: String,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// The robot's model cannot be used.
    #[error("model {model}: {reason}")]
    Model {
        /// The model's file.
        model: String,
        /// What is wrong.
        reason: String,
    },
    /// The contract that follows from the task cannot be used.
    #[error("{file}: {reason}")]
    Contract {
        /// The task's file.
        file: String,
        /// The field, what was expected and what was found.
        reason: String,
    },
}
