//! How long things took, over a whole run and in fixed memory.
//!
//! A [`Histogram`] counts nanoseconds in log-linear buckets, 64 to each doubling: recording costs a shift and an addition
//! and allocates nothing, and a quantile is at most 1/64 (1.6 %) above the true one at any magnitude. Buckets of one width
//! would be too coarse for an inference or too many for a stall.

use serde::{Deserialize, Serialize};

/// Buckets to each doubling, as a power of two.
const RESOLUTION_BITS: u32 = 6;
/// Durations from 2^40 ns, 18 minutes, share the last bucket.
const LARGEST_NS: u64 = (1 << 40) - 1;
const BUCKETS: usize = bucket_of(LARGEST_NS) + 1;

/// Counts durations; see the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    counts: Box<[u64]>,
    total: u64,
    largest_ns: u64,
}

/// Quantiles by nearest rank, in µs; 0 where nothing was recorded.
///
/// Each is the upper edge of its bucket, so none is understated; `max` is exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantiles {
    /// The median, µs.
    pub p50: f64,
    /// 99 in 100 took no longer, µs.
    pub p99: f64,
    /// 999 in 1000 took no longer, µs.
    pub p999: f64,
    /// The longest, µs.
    pub max: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS].into_boxed_slice(), total: 0, largest_ns: 0 }
    }
}

impl Histogram {
    /// Counts one duration, ns. Allocates nothing.
    pub fn record_ns(&mut self, duration_ns: u64) {
        // The last bucket is that of the largest duration, by the definition of `BUCKETS`.
        self.counts[bucket_of(duration_ns.min(LARGEST_NS))] += 1;
        self.total += 1;
        self.largest_ns = self.largest_ns.max(duration_ns);
    }

    /// How many durations were recorded.
    pub fn len(&self) -> u64 {
        self.total
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The quantiles of what was recorded.
    pub fn quantiles(&self) -> Quantiles {
        Quantiles {
            p50: self.quantile_us(500),
            p99: self.quantile_us(990),
            p999: self.quantile_us(999),
            max: to_us(self.largest_ns),
        }
    }

    /// The buckets that are not empty, shortest first, as (lower edge in µs, count).
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let counted = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        counted.map(|(bucket, count)| (to_us(lower_edge_ns(bucket)), *count))
    }

    /// What `per_mille` of the durations did not exceed, µs.
    fn quantile_us(&self, per_mille: u128) -> f64 {
        let rank = (u128::from(self.total) * per_mille).div_ceil(1000);
        let mut counted = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            counted += u128::from(*count);
            if counted >= rank && *count > 0 {
                // The last bucket has no upper edge.
                let upper_ns = if bucket + 1 == BUCKETS { u64::MAX } else { lower_edge_ns(bucket + 1) - 1 };
                return to_us(upper_ns.min(self.largest_ns));
            }
        }
        0.0
    }
}

const fn bucket_of(duration_ns: u64) -> usize {
    // Below two octaves of buckets each nanosecond has its own.
    let shift = (u64::BITS - (duration_ns | 1).leading_zeros()).saturating_sub(RESOLUTION_BITS + 1);
    ((shift as usize) << RESOLUTION_BITS) + (duration_ns >> shift) as usize
}

const fn lower_edge_ns(bucket: usize) -> u64 {
    let shift = (bucket >> RESOLUTION_BITS).saturating_sub(1);
    ((bucket - (shift << RESOLUTION_BITS)) as u64) << shift
}

fn to_us(duration_ns: u64) -> f64 {
    duration_ns as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_the_nearest_ranks() {
        let mut histogram = Histogram::default();
        for duration_ns in 1..=100 {
            histogram.record_ns(duration_ns);
        }
        // Of 1 to 100 the ranks are 50, 99 and ceil(99.9); below 128 ns each nanosecond has its bucket.
        assert_eq!(histogram.quantiles(), Quantiles { p50: 0.050, p99: 0.099, p999: 0.100, max: 0.100 });
        assert_eq!(histogram.len(), 100);
    }

    #[test]
    fn one_slow_tick_in_a_thousand_shows_in_the_maximum_alone() {
        let mut histogram = Histogram::default();
        for _ in 0..999 {
            histogram.record_ns(17_000);
        }
        histogram.record_ns(3_200_000);
        let found = histogram.quantiles();
        // 17,000 lies in 2^14..2^15, in steps of 256: its bucket is 16,896..=17,151.
        assert_eq!((found.p50, found.p999), (17.151, 17.151));
        assert_eq!(found.max, 3200.0);
        assert_eq!(histogram.buckets().next(), Some((16.896, 999)));
        histogram.record_ns(3_200_000);
        assert_eq!(histogram.quantiles().p999, 3200.0);
    }

    #[test]
    fn buckets_leave_no_gap_and_are_narrow() {
        for bucket in 0..BUCKETS {
            let (lower, next) = (lower_edge_ns(bucket), lower_edge_ns(bucket + 1));
            assert_eq!((bucket_of(lower), bucket_of(next - 1)), (bucket, bucket));
            assert!(next - lower == 1 || (next - lower) * 64 <= lower, "{lower}..{next}");
        }
    }

    #[test]
    fn a_duration_beyond_the_last_bucket_is_kept_exactly() {
        let mut histogram = Histogram::default();
        histogram.record_ns(u64::MAX);
        assert_eq!(histogram.quantiles().p50, u64::MAX as f64 / 1000.0);
    }

    #[test]
    fn nothing_recorded_is_all_zeros() {
        let histogram = Histogram::default();
        assert_eq!(histogram.quantiles(), Quantiles::default());
        assert!(histogram.is_empty() && histogram.buckets().next().is_none());
    }
}
