//! Reads TOML that people write: an error names the file, the line, and the known key that looks most alike.
//!
//! Tasks, training configurations, robots and fault campaigns all come through [`parse`], so a mistyped key is the same
//! clear error everywhere and is never ignored. Types derive `Deserialize` with `deny_unknown_fields`.

use serde::de::DeserializeOwned;
use std::path::Path;
use std::string::{String, ToString};
use std::vec::Vec;

/// Why a document cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// The file cannot be read, or is not text.
    #[error("cannot read {file}: {reason}")]
    Read {
        /// The file.
        file: String,
        /// What the system says.
        reason: String,
    },
    /// A key or a name that the format does not have.
    #[error("{file}:{line}: unknown {what} {found:?}{}; known: {}", hint(.nearest.as_deref()), .known.join(", "))]
    Unknown {
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
    #[error("{file}:{line}: {message}, in {text:?}")]
    Syntax {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
        /// The line's text.
        text: String,
    },
}

/// The text of `file`.
///
/// # Errors
/// The file cannot be read, or is not text.
pub fn read(file: impl AsRef<Path>) -> Result<String, DocumentError> {
    let file = file.as_ref();
    std::fs::read_to_string(file)
        .map_err(|error| DocumentError::Read { file: file.display().to_string(), reason: error.to_string() })
}

/// Reads `text`, which came from `file`.
///
/// # Errors
/// See [`DocumentError`].
pub fn parse<T: DeserializeOwned>(text: &str, file: &str) -> Result<T, DocumentError> {
    toml::from_str(text).map_err(|error| explain(&error, text, file))
}

/// The candidate that looks most like `name`, if any looks alike.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(score, _)| *score > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_string())
}

/// `, did you mean "…"?`, where there is something to mean.
pub fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| std::format!(", did you mean {name:?}?"))
}

fn explain(error: &toml::de::Error, text: &str, file: &str) -> DocumentError {
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = 1 + text[..start].matches('\n').count();
    let (file, message) = (file.to_string(), error.message());
    // serde words it: unknown field `found`, expected one of `a`, `b`.
    for (prefix, what) in [("unknown field", "key"), ("unknown variant", "value")] {
        if message.starts_with(prefix) {
            let mut quoted = message.split('`').skip(1).step_by(2).map(ToString::to_string);
            let found = quoted.next().unwrap_or_default();
            let known: Vec<String> = quoted.collect();
            let nearest = nearest(&found, known.iter().map(String::as_str));
            return DocumentError::Unknown { file, line, what, found, nearest, known };
        }
    }
    let text = text.lines().nth(line - 1).unwrap_or_default().trim().to_string();
    DocumentError::Syntax { file, line, message: message.to_string(), text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        #[serde(rename = "learning_rate")]
        _learning_rate: f32,
    }

    #[test]
    fn an_unknown_key_names_its_line_and_the_nearest_known_one() {
        let error = parse::<Example>("learning_rate = 1.0\nlerning_rate = 2.0\n", "run.toml").unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("run.toml:2: unknown key \"lerning_rate\", did you mean \"learning_rate\"?"),
            "{text}"
        );
    }

    #[test]
    fn a_mistyped_value_names_its_line() {
        let text = parse::<Example>("\nlearning_rate = \"fast\"\n", "run.toml").unwrap_err().to_string();
        assert!(text.starts_with("run.toml:2: invalid type: string \"fast\""), "{text}");
    }
}
