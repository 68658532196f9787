//! How long the exchange with the robot takes, by the host's clock alone.

use crate::timing::Histogram;

/// Counted since the start; it decides nothing.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    /// From a frame's departure to the arrival of the first sample that echoes it, without the time that the robot held it.
    pub round_trip: Histogram,
    /// A bound on a sample's age when the policy uses it.
    pub age: Histogram,
}

impl Latencies {
    /// A sample has come that is at most so old. Allocates nothing.
    pub(super) fn arrived(&mut self, age_us: u64) {
        self.round_trip.record_ns(age_us.saturating_mul(1000));
    }

    /// The policy has used a sample that is at most so old. Allocates nothing.
    pub(super) fn used(&mut self, age_us: u64) {
        self.age.record_ns(age_us.saturating_mul(1000));
    }
}
