//! Settings in two forms: what a file says, every key optional, and what a run uses, every key set.
//!
//! [`settings!`] declares both from one list of documented fields with their defaults, so that a key cannot exist in
//! one and be forgotten in the other.

use super::ConfigError;
use serde::{Deserialize, Serialize};
use std::fmt::Display;

/// Declares a configuration with defaults, the document that may be laid over it, and how that is done.
macro_rules! settings {
    (
        $(#[$meta:meta])*
        pub struct $config:ident, $document:ident {
            $($(#[$field_meta:meta])* $field:ident: $type:ty = $default:expr,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize)]
        pub struct $config {
            $($(#[$field_meta])* pub $field: $type,)+
        }

        impl Default for $config {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        /// What a file may say of them; every key is optional.
        #[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $document {
            $($field: Option<$type>,)+
        }

        impl $config {
            /// Overwrites each field that the document sets.
            pub(crate) fn merge(&mut self, document: $document) {
                $(if let Some(value) = document.$field { self.$field = value; })+
            }
        }
    };
}
pub(crate) use settings;

/// Refuses a count of 0.
pub(crate) fn at_least_one(key: &'static str, count: u64) -> Result<(), ConfigError> {
    require(count > 0, key, count, "at least 1")
}

/// Refuses what is not above 0 and at most 1.
pub(crate) fn share(key: &'static str, value: f32) -> Result<(), ConfigError> {
    require(value > 0.0 && value <= 1.0, key, value, "above 0 and at most 1")
}

/// Refuses what is not above 0 and finite.
pub(crate) fn positive(key: &'static str, value: f64) -> Result<(), ConfigError> {
    require(value > 0.0 && value.is_finite(), key, value, "positive and finite")
}

/// Refuses what is below 0 or not finite.
pub(crate) fn not_negative(key: &'static str, value: f32) -> Result<(), ConfigError> {
    require(value >= 0.0 && value.is_finite(), key, value, "at least 0 and finite")
}

/// Refuses a network without hidden layers, or with an empty one.
pub(crate) fn widths(key: &'static str, widths: &[usize]) -> Result<(), ConfigError> {
    let usable = !widths.is_empty() && widths.iter().all(|width| *width > 0);
    require(usable, key, format!("{widths:?}"), "at least one width, each at least 1")
}

/// Refuses `found` unless `usable`.
pub(crate) fn require(
    usable: bool,
    key: &'static str,
    found: impl Display,
    expected: &'static str,
) -> Result<(), ConfigError> {
    if usable { Ok(()) } else { Err(ConfigError::Value { key, found: found.to_string(), expected }) }
}

/// A number, or `"auto"` where the algorithm has one of its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected \"auto\" or a number")]
pub enum NumberOrAuto {
    /// This number.
    Number(f32),
    /// The algorithm's own.
    Auto(Auto),
}

/// The word `"auto"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auto {
    /// `"auto"`.
    Auto,
}

impl NumberOrAuto {
    /// `"auto"`.
    pub const AUTO: Self = Self::Auto(Auto::Auto);

    /// The number, if one was given.
    pub fn number(self) -> Option<f32> {
        match self {
            Self::Number(number) => Some(number),
            Self::Auto(_) => None,
        }
    }
}
