//! Reads numbers that JSON cannot write.
//!
//! JSON has no NaN and no infinity: `serde_json` writes `null` for them. A percentile of no samples is NaN, and a report
//! with one must still open, so `null` is read back as NaN.

use serde::{Deserialize, Deserializer};

/// A number, NaN where it is `null`.
pub(crate) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// Four numbers, NaN where one is `null`.
pub(crate) fn quantiles<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[f64; 4], D::Error> {
    Ok(<[Option<f64>; 4]>::deserialize(deserializer)?.map(|value| value.unwrap_or(f64::NAN)))
}
