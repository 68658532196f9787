//! What an algorithm reports of its last update.

use std::fmt;

/// A named number, such as `critic_loss`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// The column in `metrics.csv`.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
}

impl Metric {
    /// A metric from an update's own precision.
    pub fn new(name: &'static str, value: f32) -> Self {
        Self { name, value: f64::from(value) }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.name, self.value)
    }
}
