//! How a randomized number is distributed: [`Distribution`], as a task's file writes it.
//!
//! Every draw is computed here from a [`Stream`]'s uniform and normal values, so it has the same bits on every platform.

use crate::random::Stream;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A distribution of one number.
#[derive(Clone, Debug, PartialEq)]
pub enum Distribution {
    /// Always the same: `0.5`.
    Constant(f64),
    /// Uniform from low to high: `[0.7, 1.3]`.
    Uniform {
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
    },
    /// The logarithm is uniform: as many values from 0.1 to 1 as from 1 to 10.
    LogUniform {
        /// Smallest value, above 0.
        low: f64,
        /// Largest value.
        high: f64,
    },
    /// Normal, without ends.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        deviation: f64,
    },
    /// Normal, drawn again until it lies within its ends.
    TruncatedNormal {
        /// Mean before truncation, within the ends.
        mean: f64,
        /// Standard deviation before truncation.
        deviation: f64,
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
    },
    /// One of some values.
    Choice {
        /// The values.
        values: Vec<f64>,
        /// How likely each is, beside the others.
        weights: Vec<f64>,
    },
}

/// The ends of a normal distribution as they are reported: this many deviations on either side.
const NORMAL_REACH: f64 = 3.0;

impl Distribution {
    /// Draws a value.
    pub(crate) fn draw(&self, stream: &mut Stream) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Uniform { low, high } => stream.uniform(*low, *high),
            Self::LogUniform { low, high } => {
                let value = libm::exp(stream.uniform(libm::log(*low), libm::log(*high)));
                // Rounding may step over an end.
                let raised = if value < *low { *low } else { value };
                if raised > *high { *high } else { raised }
            }
            Self::Normal { mean, deviation } => mean + deviation * stream.normal(),
            Self::TruncatedNormal { mean, deviation, low, high } => {
                truncated_normal(stream, *mean, *deviation, *low, *high)
            }
            Self::Choice { values, weights } => {
                let mut rest = stream.uniform(0.0, weights.iter().sum());
                let chosen = values.iter().zip(weights).find(|(_, weight)| {
                    rest -= **weight;
                    rest < 0.0
                });
                chosen.map_or(values[values.len() - 1], |(value, _)| *value)
            }
        }
    }

    /// Smallest and largest value; of a normal distribution three deviations on either side.
    pub fn ends(&self) -> (f64, f64) {
        match self {
            Self::Constant(value) => (*value, *value),
            Self::Uniform { low, high }
            | Self::LogUniform { low, high }
            | Self::TruncatedNormal { low, high, .. } => (*low, *high),
            Self::Normal { mean, deviation } => {
                (mean - NORMAL_REACH * deviation, mean + NORMAL_REACH * deviation)
            }
            Self::Choice { values, .. } => {
                values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                    (low.min(*value), high.max(*value))
                })
            }
        }
    }

    /// What is wrong with its numbers, if anything is: found and expected.
    fn problem(&self) -> Option<String> {
        let ordered = |low: f64, high: f64| low.is_finite() && high.is_finite() && low <= high;
        match self {
            Self::Constant(value) if !value.is_finite() => Some(format!("{value}, expected a finite number")),
            Self::Uniform { low, high } if !ordered(*low, *high) => {
                Some(format!("[{low}, {high}], expected [low, high] with low <= high"))
            }
            Self::LogUniform { low, high } if !(ordered(*low, *high) && *low > 0.0) => {
                Some(format!("low {low} and high {high}, expected 0 < low <= high"))
            }
            Self::Normal { mean, deviation }
                if !(mean.is_finite() && *deviation >= 0.0 && deviation.is_finite()) =>
            {
                Some(format!(
                    "mean {mean} and deviation {deviation}, expected finite numbers, deviation >= 0"
                ))
            }
            Self::TruncatedNormal { mean, deviation, low, high }
                if !(ordered(*low, *high)
                    && low <= mean
                    && mean <= high
                    && *deviation > 0.0
                    && deviation.is_finite()) =>
            {
                let found = format!("mean {mean}, deviation {deviation}, low {low}, high {high}");
                Some(format!("{found}, expected low <= mean <= high and deviation > 0"))
            }
            Self::Choice { values, weights } => {
                let weighted = weights.iter().all(|weight| *weight > 0.0 && weight.is_finite());
                let usable = !values.is_empty() && values.iter().all(|value| value.is_finite());
                (!(usable && weighted && values.len() == weights.len())).then(|| {
                    format!("values {values:?} and weights {weights:?}, expected as many finite values as positive weights")
                })
            }
            _ => None,
        }
    }

    fn checked<E: Error>(self) -> Result<Self, E> {
        match self.problem() {
            None => Ok(self),
            Some(problem) => Err(E::custom(problem)),
        }
    }
}

/// Rejection, from the proposal of which at least four in ten are kept.
fn truncated_normal(stream: &mut Stream, mean: f64, deviation: f64, low: f64, high: f64) -> f64 {
    const WIDE: f64 = 2.5;
    loop {
        if high - low > WIDE * deviation {
            let value = mean + deviation * stream.normal();
            if value >= low && value <= high {
                return value;
            }
        } else {
            let value = stream.uniform(low, high);
            let distance = (value - mean) / deviation;
            if stream.uniform(0.0, 1.0) < libm::exp(-0.5 * distance * distance) {
                return value;
            }
        }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Constant(value) => write!(formatter, "{value}"),
            Self::Uniform { low, high } => write!(formatter, "{low} to {high}"),
            Self::LogUniform { low, high } => write!(formatter, "{low} to {high}, log-uniform"),
            Self::Normal { mean, deviation } => write!(formatter, "{mean} ± {deviation}, normal"),
            Self::TruncatedNormal { mean, deviation, low, high } => {
                write!(formatter, "{mean} ± {deviation} within {low} to {high}")
            }
            Self::Choice { values, .. } => {
                let words: Vec<String> = values.iter().map(f64::to_string).collect();
                write!(formatter, "one of {}", words.join(", "))
            }
        }
    }
}

/// The long form in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    distribution: Family,
    low: Option<f64>,
    high: Option<f64>,
    mean: Option<f64>,
    deviation: Option<f64>,
    values: Option<Vec<f64>>,
    weights: Option<Vec<f64>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Family {
    Uniform,
    LogUniform,
    Normal,
    TruncatedNormal,
    Choice,
}

impl Written {
    fn distribution<E: Error>(self) -> Result<Distribution, E> {
        let (ends, moments) = match self.distribution {
            Family::Uniform | Family::LogUniform => (true, false),
            Family::Normal => (false, true),
            Family::TruncatedNormal => (true, true),
            Family::Choice => (false, false),
        };
        let choice = self.distribution == Family::Choice;
        for (key, present, wanted) in [
            ("low", self.low.is_some(), ends),
            ("high", self.high.is_some(), ends),
            ("mean", self.mean.is_some(), moments),
            ("deviation", self.deviation.is_some(), moments),
            ("values", self.values.is_some(), choice),
            ("weights", self.weights.is_some(), choice && self.weights.is_some()),
        ] {
            if present != wanted {
                let problem = if wanted { "misses the key" } else { "has no key" };
                return Err(E::custom(format!("this distribution {problem} `{key}`")));
            }
        }
        // Absent numbers are not used by the family.
        let number = |value: Option<f64>| value.unwrap_or_default();
        let (low, high) = (number(self.low), number(self.high));
        let (mean, deviation) = (number(self.mean), number(self.deviation));
        match self.distribution {
            Family::Uniform => Distribution::Uniform { low, high },
            Family::LogUniform => Distribution::LogUniform { low, high },
            Family::Normal => Distribution::Normal { mean, deviation },
            Family::TruncatedNormal => Distribution::TruncatedNormal { mean, deviation, low, high },
            Family::Choice => {
                let values = self.values.unwrap_or_default();
                let weights = self.weights.unwrap_or_else(|| vec![1.0; values.len()]);
                Distribution::Choice { values, weights }
            }
        }
        .checked()
    }
}

impl<'de> Deserialize<'de> for Distribution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Distribution;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a number, [low, high], or a table with the key `distribution`")
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Distribution, E> {
                Distribution::Constant(value).checked()
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Distribution, E> {
                Ok(Distribution::Constant(value as f64))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut ends: A) -> Result<Distribution, A::Error> {
                let mut next = || ends.next_element::<f64>();
                match (next()?, next()?, next()?) {
                    (Some(low), Some(high), None) => Distribution::Uniform { low, high }.checked(),
                    _ => Err(A::Error::custom("expected two numbers, [low, high]")),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Distribution, A::Error> {
                Written::deserialize(serde::de::value::MapAccessDeserializer::new(map))?.distribution()
            }
        }
        deserializer.deserialize_any(Form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Document {
        x: Distribution,
    }

    fn read(value: &str) -> Result<Distribution, String> {
        let text = format!("x = {value}");
        let document = sinew_policy_runtime::document::parse::<Document>(&text, "t.toml");
        document.map(|document| document.x).map_err(|error| error.to_string())
    }

    /// Mean, variance, smallest and largest of many draws.
    fn moments(distribution: &Distribution) -> [f64; 4] {
        let mut stream = Stream::new(5, 0, 0);
        let values: Vec<f64> = (0..100_000).map(|_| distribution.draw(&mut stream)).collect();
        let mean = values.iter().sum::<f64>() / 1e5;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 1e5;
        let ends = values.iter().fold([f64::MAX, f64::MIN], |[low, high], v| [low.min(*v), high.max(*v)]);
        [mean, variance, ends[0], ends[1]]
    }

    #[test]
    fn draws_have_the_moments_of_what_was_asked_for() {
        const LN_100: f64 = 4.605_170_186;
        // Closed forms: uniform (b-a)²/12; log-uniform mean (b-a)/ln(b/a); the half normal's mean sqrt(2/pi).
        for (text, mean, variance, low, high) in [
            ("0.5", 0.5, 0.0, 0.5, 0.5),
            ("[1.0, 3.0]", 2.0, 1.0 / 3.0, 1.0, 3.0),
            (
                "{distribution = \"log_uniform\", low = 0.1, high = 10.0}",
                9.9 / LN_100,
                99.99 / (2.0 * LN_100) - (9.9 / LN_100).powi(2),
                0.1,
                10.0,
            ),
            ("{distribution = \"normal\", mean = 1.0, deviation = 2.0}", 1.0, 4.0, f64::MIN, f64::MAX),
            (
                "{distribution = \"truncated_normal\", mean = 0.0, deviation = 1.0, low = 0.0, high = 8.0}",
                0.797_884_56,
                0.363_380_23,
                0.0,
                8.0,
            ),
            (
                // Almost uniform: the deviation is ten times the width.
                "{distribution = \"truncated_normal\", mean = 0.5, deviation = 10.0, low = 0.0, high = 1.0}",
                0.5,
                1.0 / 12.0,
                0.0,
                1.0,
            ),
            ("{distribution = \"choice\", values = [1.0, 5.0], weights = [3.0, 1.0]}", 2.0, 3.0, 1.0, 5.0),
        ] {
            let distribution = read(text).unwrap();
            let found = moments(&distribution);
            // Five standard errors; the fourth moments are below ten times the square of the second here.
            let tolerance = 5.0 * (variance / 1e5_f64).sqrt() + 1e-12;
            assert!((found[0] - mean).abs() < tolerance, "{text}: mean {}", found[0]);
            assert!(
                (found[1] - variance).abs() < 5.0 * 3.0 * variance / 1e5_f64.sqrt() + 1e-12,
                "{text}: {found:?}"
            );
            assert!(found[2] >= low && found[3] <= high, "{text}: {found:?}");
        }
    }

    #[test]
    fn numbers_that_make_no_distribution_are_refused_with_line_and_cause() {
        for (text, expected) in [
            ("[1.0, 0.5]", "[1, 0.5], expected [low, high] with low <= high"),
            ("[1.0]", "expected two numbers, [low, high]"),
            ("nan", "NaN, expected a finite number"),
            ("\"wide\"", "expected a number, [low, high], or a table"),
            ("{distribution = \"log_uniform\", low = 0.0, high = 1.0}", "expected 0 < low <= high"),
            ("{distribution = \"normal\", mean = 0.0, deviation = -1.0}", "deviation >= 0"),
            ("{distribution = \"normal\", mean = 0.0}", "misses the key `deviation`"),
            ("{distribution = \"uniform\", low = 0.0, high = 1.0, mean = 0.5}", "has no key `mean`"),
            ("{distribution = \"normla\", mean = 0.0, deviation = 1.0}", "did you mean \"normal\"?"),
            (
                "{distribution = \"choice\", values = [], weights = []}",
                "as many finite values as positive weights",
            ),
            (
                "{distribution = \"choice\", values = [1.0], weights = [0.0]}",
                "as many finite values as positive weights",
            ),
        ] {
            let message = read(text).unwrap_err();
            assert!(message.contains(expected) && message.starts_with("t.toml:1"), "{text}: {message}");
        }
    }
}
