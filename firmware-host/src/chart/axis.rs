//! The axes of a chart: from values to a position between 0 and 1, with ticks at round numbers.
//!
//! An [`Axis`] exists only where there is something finite to show, so that no chart has to think about NaN.

use super::number;

/// Beyond this a value is a divergence, not a point to draw: differences of such numbers overflow.
const LARGEST: f64 = 1e100;
/// More ticks than this are never useful.
const TICKS_MAX: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spacing {
    Linear,
    Logarithmic,
}

/// A labelled place on an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Where.
    pub value: f64,
    /// What is written there.
    pub label: String,
}

/// One axis of a chart.
#[derive(Clone, Debug)]
pub struct Axis {
    min: f64,
    max: f64,
    spacing: Spacing,
    ticks: Vec<Tick>,
}

impl Axis {
    /// From the smallest to the largest of `values`; none where no value is finite.
    pub fn exact(values: impl IntoIterator<Item = f64>, ticks: usize) -> Option<Self> {
        let (min, max) = widened(extent(values)?);
        let step = round_step((max - min) / ticks.max(1) as f64);
        Some(Self { min, max, spacing: Spacing::Linear, ticks: round_ticks(min, max, step) })
    }

    /// As [`Self::exact`], extended outward to round numbers.
    pub fn rounded(values: impl IntoIterator<Item = f64>, ticks: usize) -> Option<Self> {
        let (min, max) = widened(extent(values)?);
        let step = round_step((max - min) / ticks.max(1) as f64);
        let (min, max) = ((min / step).floor() * step, (max / step).ceil() * step);
        Some(Self { min, max, spacing: Spacing::Linear, ticks: round_ticks(min, max, step) })
    }

    /// Whole powers of ten around the positive ones of `values`; none where no value is positive.
    pub fn logarithmic(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let (min, max) = extent(values.into_iter().filter(|value| *value > 0.0))?;
        let first = min.log10().floor() as i32;
        let last = (max.log10().ceil() as i32).max(first + 1);
        let power = |exponent: i32| 10f64.powi(exponent);
        let tick = |exponent| Tick { value: power(exponent), label: number::plain(power(exponent)) };
        Some(Self {
            min: power(first),
            max: power(last),
            spacing: Spacing::Logarithmic,
            ticks: (first..=last).map(tick).take(TICKS_MAX).collect(),
        })
    }

    /// The same axis, beginning a little lower so that its first value is not at the edge.
    #[must_use]
    pub fn with_room_below(self, factor: f64) -> Self {
        Self { min: self.min * factor, ..self }
    }

    /// Places at round numbers, ascending.
    pub fn ticks(&self) -> &[Tick] {
        &self.ticks
    }

    /// Where `value` lies between the ends, from 0 to 1; what lies beyond an end is drawn at the end.
    pub fn position(&self, value: f64) -> f64 {
        let share = match self.spacing {
            Spacing::Linear => (value - self.min) / (self.max - self.min),
            Spacing::Logarithmic => {
                let origin = self.min.log10();
                (value.max(self.min).log10() - origin) / (self.max.log10() - origin)
            }
        };
        if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
    }
}

/// Whether a value can be drawn.
pub fn drawable(value: f64) -> bool {
    value.is_finite() && value.abs() < LARGEST
}

fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let mut drawn = values.into_iter().filter(|value| drawable(*value));
    let first = drawn.next()?;
    Some(drawn.fold((first, first), |(min, max), value| (min.min(value), max.max(value))))
}

/// A constant still needs a range around it.
fn widened((min, max): (f64, f64)) -> (f64, f64) {
    let least = 1e-9 * (1.0 + min.abs().max(max.abs()));
    if max - min > least {
        (min, max)
    } else {
        let half = (0.1 * min.abs()).max(0.5);
        (min - half, max + half)
    }
}

/// The smallest of 1, 2, 2.5, 5, 10 times a power of ten that is at least `step`.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powi(step.log10().floor() as i32);
    let factors = [1.0, 2.0, 2.5, 5.0];
    // The tolerance keeps 0.1 from becoming 0.2 for a rounding error.
    let fits = |factor: &f64| factor * power >= step * (1.0 - 1e-9);
    factors.into_iter().find(fits).unwrap_or(10.0) * power
}

fn round_ticks(min: f64, max: f64, step: f64) -> Vec<Tick> {
    let decimals = decimals_of(step);
    let slack = 1e-6 * step;
    let first = ((min - slack) / step).ceil();
    let ticks = (0..TICKS_MAX).map(|index| (first + index as f64) * step);
    ticks
        .take_while(|value| *value <= max + slack)
        .map(|value| Tick { value, label: number::decimal(value, decimals) })
        .collect()
}

/// As many decimals as the step itself has.
fn decimals_of(step: f64) -> usize {
    let shown = |decimals: &usize| {
        let scaled = step * 10f64.powi(*decimals as i32);
        (scaled - scaled.round()).abs() < 1e-6 * scaled
    };
    (0..9).find(shown).unwrap_or(9)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks().iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn ticks_stand_at_round_numbers() {
        let axis = Axis::exact([0.0, 60_000.0], 6).unwrap();
        assert_eq!(labels(&axis), ["0", "10,000", "20,000", "30,000", "40,000", "50,000", "60,000"]);
        let axis = Axis::rounded([0.013, 0.47], 5).unwrap();
        assert_eq!(labels(&axis), ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5"]);
        assert_eq!((axis.position(0.0), axis.position(0.25), axis.position(0.5)), (0.0, 0.5, 1.0));
    }

    #[test]
    fn a_decade_takes_the_same_room_everywhere() {
        let axis = Axis::logarithmic([3.0, 700.0]).unwrap();
        assert_eq!(labels(&axis), ["1", "10", "100", "1,000"]);
        assert!((axis.position(100.0) - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(axis.position(0.0), 0.0);
    }

    #[test]
    fn what_cannot_be_drawn_is_ignored() {
        assert!(Axis::exact([f64::NAN, f64::INFINITY], 5).is_none());
        assert!(Axis::logarithmic([0.0, -1.0]).is_none());
        let axis = Axis::exact([f64::NAN, 2.0, -1e200, 4.0], 4).unwrap();
        assert_eq!((axis.min, axis.max), (2.0, 4.0));
    }

    #[test]
    fn a_constant_has_a_range_around_it() {
        let axis = Axis::rounded([-3.0], 4).unwrap();
        assert!(axis.min < -3.0 && axis.max > -3.0);
        assert!(Axis::rounded([1e99, 1e99], 4).unwrap().ticks().len() >= 2);
    }
}
