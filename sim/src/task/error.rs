//! Why a task cannot be used: [`TaskError`] names the place, what was found and what was expected.

/// Why a task cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// Neither a built-in task nor a file.
    #[error("no task {name:?}: built-in tasks are {}{}; a path must end in .toml", .builtin.join(", "), hint(.nearest.as_deref()))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        builtin: Vec<String>,
        /// The built-in name that looks most alike.
        nearest: Option<String>,
    },
    /// A file that cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A key or a name that the format does not have.
    #[error("{file}:{line}: unknown {what} {found:?}{}; known: {}", hint(.nearest.as_deref()), .known.join(", "))]
    UnknownKey {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Key or value.
        what: &'static str,
        /// What was found.
        found: String,
        /// The known one that looks most alike.
        nearest: Option<String>,
        /// All known ones.
        known: Vec<String>,
    },
    /// Not TOML, a missing key, or a value of the wrong type.
    #[error("{file}:{line}: {message}, at `{text}`")]
    Syntax {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
        /// The line.
        text: String,
    },
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

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(", did you mean {name:?}?"))
}

/// The candidate that looks most like `name`, if any looks alike.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(score, _)| *score > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}
