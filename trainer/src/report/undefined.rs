//! Reads numbers that JSON cannot write.
//!
//! JSON has no NaN and no infinity: `serde_json` writes `null` for them. A percentile of no samples is NaN, and a report
//! with one must still open, so `null` is read back as NaN.

use serde::{Deserialize, Deserializer};

/// A number, NaN where it is `null`; a binary form, such as a checkpoint's, can hold a NaN.
pub(crate) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    if !deserializer.is_human_readable() {
        return f64::deserialize(deserializer);
    }
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// Two numbers, NaN where one is `null`.
pub(crate) fn interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[f64; 2], D::Error> {
    if !deserializer.is_human_readable() {
        return <[f64; 2]>::deserialize(deserializer);
    }
    Ok(<[Option<f64>; 2]>::deserialize(deserializer)?.map(|value| value.unwrap_or(f64::NAN)))
}

/// A number of which nothing is known.
pub(crate) fn nothing() -> f64 {
    f64::NAN
}

/// An interval of which nothing is known: what a file from before there were any says.
pub(crate) fn nothing_known() -> [f64; 2] {
    [f64::NAN; 2]
}

/// Four numbers, NaN where one is `null`.
pub(crate) fn quantiles<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[f64; 4], D::Error> {
    Ok(<[Option<f64>; 4]>::deserialize(deserializer)?.map(|value| value.unwrap_or(f64::NAN)))
}
