//! Histograms of a flight in real time, each a picture that stands alone.

use super::HilReport;
use crate::chart::axis::Axis;
use crate::chart::{Bar, Histogram, Labelled, Marker, Size, number};
use crate::timing::Quantiles;
use std::path::Path;

const SIZE: Size = Size { width: 760.0, height: 300.0 };
/// A bar is an eighth of a doubling wide: 2^(1/8).
const BAR_RATIO: f64 = 1.090_507_732_665_257_7;

impl HilReport {
    /// Writes `wake-up.svg`, `round-trip.svg` and `age.svg` into a folder, which is made where it is not there. A histogram in
    /// which nothing was counted is left out.
    ///
    /// # Errors
    /// The folder or a file cannot be written.
    pub fn write_histograms(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        for (name, picture) in self.histograms() {
            if let Some(picture) = picture {
                std::fs::write(folder.join(name), picture)?;
            }
        }
        Ok(())
    }

    fn histograms(&self) -> [(&'static str, Option<String>); 3] {
        [
            (
                "wake-up.svg",
                picture(
                    "Wake-up latency of the control loop",
                    "from deadline to the tick's start, µs",
                    "ticks",
                    &self.wake_up_histogram,
                    self.wake_up_us,
                ),
            ),
            (
                "round-trip.svg",
                picture(
                    "Round trip to the robot and back",
                    "from a frame's departure to its echo, without the robot's own time, µs",
                    "samples",
                    &self.round_trip_histogram,
                    self.round_trip_us,
                ),
            ),
            (
                "age.svg",
                picture(
                    "Age of a sample when the policy uses it",
                    "bound on the age by the host's clock, µs",
                    "inferences",
                    &self.age_histogram,
                    self.age_us,
                ),
            ),
        ]
    }
}

fn picture(
    description: &str,
    values: &'static str,
    counts: &'static str,
    buckets: &[(f64, u64)],
    quantiles: Quantiles,
) -> Option<String> {
    let bars = bars(buckets);
    let Quantiles { p50, p99, p999, max } = quantiles;
    let x = Axis::logarithmic(bars.iter().flat_map(|bar| [bar.lower, bar.upper]).chain([max]))?;
    let y = Axis::logarithmic(bars.iter().map(|bar| bar.count as f64).chain([1.0]))?.with_room_below(0.5);
    let marks = [("p50", p50), ("p99", p99), ("p99.9", p999), ("max", max)];
    let marker = |(name, value): (&str, f64)| {
        (value > 0.0).then(|| Marker { value, label: format!("{name} {} µs", number::significant(value)) })
    };
    let histogram = Histogram {
        description: description.to_owned(),
        size: SIZE,
        x: Labelled { axis: x, label: values },
        y: Labelled { axis: y, label: counts },
        bars,
        markers: marks.into_iter().filter_map(marker).collect(),
    };
    Some(histogram.file())
}

/// Bars of equal width on a logarithmic axis, from buckets that are finer. What took no time has no place there.
fn bars(buckets: &[(f64, u64)]) -> Vec<Bar> {
    let mut bars: Vec<Bar> = Vec::new();
    for (lower, count) in buckets.iter().copied().filter(|(lower, _)| *lower > 0.0) {
        match bars.last_mut() {
            Some(bar) if lower < bar.upper => bar.count += count,
            Some(Bar { upper, .. }) => {
                let mut edge = *upper;
                while edge * BAR_RATIO <= lower {
                    edge *= BAR_RATIO;
                }
                bars.push(Bar { lower: edge, upper: edge * BAR_RATIO, count });
            }
            None => bars.push(Bar { lower, upper: lower * BAR_RATIO, count }),
        }
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_of_equal_width_and_lose_nothing() {
        let buckets = [(0.0, 5), (10.0, 1), (10.5, 2), (11.0, 3), (40.0, 4), (1000.0, 7)];
        let bars = bars(&buckets);
        assert_eq!(bars.iter().map(|bar| bar.count).collect::<Vec<_>>(), [3, 3, 4, 7]);
        for bar in &bars {
            assert!((bar.upper / bar.lower - BAR_RATIO).abs() < 1e-12);
        }
        for (lower, _) in &buckets[1..] {
            assert!(bars.iter().any(|bar| bar.lower <= *lower && *lower < bar.upper), "{lower}");
        }
    }

    #[test]
    fn a_picture_marks_its_quantiles_and_names_its_units() {
        let quantiles = Quantiles { p50: 17.2, p99: 40.0, p999: 90.0, max: 3200.0 };
        let buckets = [(16.9, 990), (39.0, 9), (3199.0, 1)];
        let text = picture("Wake-up latency", "latency, µs", "ticks", &buckets, quantiles).unwrap();
        for mark in ["p50 17.2 µs", "p99 40.0 µs", "p99.9 90.0 µs", "max 3,200 µs", "latency, µs", "ticks"]
        {
            assert!(text.contains(mark), "{mark}: {text}");
        }
        assert!(picture("Nothing", "µs", "ticks", &[], Quantiles::default()).is_none());
    }
}
