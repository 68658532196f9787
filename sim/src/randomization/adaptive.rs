//! Automatic domain randomization: [`AdaptiveRanges`], which widen as a policy masters them and shrink where it fails.
//!
//! After "Solving Rubik's Cube with a Robot Hand" (2019, arXiv 1910.07113), section 5 and algorithm 1. Each adaptive
//! term has one range, from which its numbers are drawn uniformly. Some episodes stand at a boundary instead: one term's
//! numbers are one of its range's two bounds. What such episodes came to is averaged, and the average moves that bound:
//!
//! ```text
//! with probability p_b, for a range i and a side chosen uniformly:
//!     λ_i = the bound φ_i of that side, every other λ_j drawn from [φ_j low, φ_j high]
//!     append the episode's performance to the bound's buffer D_i
//!     if D_i holds m performances:
//!         p = mean(D_i), empty D_i
//!         p >= t_H: φ_i one step outwards
//!         p <= t_L: φ_i one step inwards
//! ```
//!
//! | paper | here |
//! |---|---|
//! | `p_b` | `boundary_probability` |
//! | `m` | `episodes` |
//! | `t_H`, `t_L` | `raise_above`, `lower_below` |
//! | `Δ` | a term's `step` |
//!
//! Deviations, each because one process steps all environments and the file is to bound what is drawn:
//! - a bound never leaves `training` and never moves inside `start`;
//! - a bound that `start` and `training` share cannot move, so no episode is spent on it;
//! - a performance counts only if the bound is still where the episode stood: environments that began before it moved
//!   say nothing about where it is now;
//! - a bound is `start` and a whole number of steps, so one that comes back is where it was to the last bit.

mod document;
mod sampling;

pub(crate) use document::{Adaptation, AdaptationRule, AdaptiveDocument, Performance};
pub(crate) use sampling::{BoundarySampling, BoundarySamplingState};

use crate::error::SimError;
use serde::{Deserialize, Serialize};

/// One of a range's two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// The smallest number.
    Low,
    /// The largest number.
    High,
}

/// Where an episode stands: at one bound of one range, at the value that the bound had when the episode began.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Boundary {
    /// The range's place among the adaptive ones, in the order of the file.
    pub range: usize,
    /// Which of its bounds.
    pub side: Side,
    /// The bound's value.
    pub value: f64,
}

/// The present ranges of a task's adaptive terms, and what episodes at their bounds came to.
#[derive(Clone, Debug)]
pub struct AdaptiveRanges {
    rule: AdaptationRule,
    ranges: Vec<AdaptiveRange>,
    /// Each range's `[low, high]`, as environments take them.
    present: Vec<[f64; 2]>,
}

/// One adaptive term's range.
#[derive(Clone, Debug)]
struct AdaptiveRange {
    label: String,
    adaptation: Adaptation,
    /// Low and high.
    bounds: [Bound; 2],
}

/// How far a bound has moved, and its buffer, of which only the mean is ever asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Bound {
    /// Outwards from the start.
    steps: u32,
    episodes: u32,
    performance_sum: f64,
}

/// All of [`AdaptiveRanges`] that its task does not say.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AdaptiveRangesState {
    bounds: Vec<[Bound; 2]>,
}

impl AdaptiveRanges {
    /// Every range at its start; `ranges` are the adaptive terms' labels and what their file says.
    pub(crate) fn new(rule: AdaptationRule, ranges: impl Iterator<Item = (String, Adaptation)>) -> Self {
        let still = [Bound::default(); 2];
        let ranges = ranges.map(|(label, adaptation)| AdaptiveRange { label, adaptation, bounds: still });
        let ranges: Vec<AdaptiveRange> = ranges.collect();
        Self { rule, present: ranges.iter().map(AdaptiveRange::present).collect(), ranges }
    }

    /// Puts every range back to its start and empties the buffers.
    pub(crate) fn reset(&mut self) {
        for (range, present) in self.ranges.iter_mut().zip(&mut self.present) {
            range.bounds = [Bound::default(); 2];
            *present = range.present();
        }
    }

    /// Adds the performance of an episode that stood at a boundary to that bound's buffer; `true` where the bound moved.
    ///
    /// What was measured where the bound no longer is counts for nothing.
    pub fn record(&mut self, boundary: Boundary, performance: f64) -> bool {
        let Boundary { range: place, side, value } = boundary;
        let Some(range) = self.ranges.get_mut(place) else { return false };
        let before = range.value(side);
        if value.to_bits() != before.to_bits() {
            return false;
        }
        let bound = &mut range.bounds[side as usize];
        bound.episodes += 1;
        bound.performance_sum += performance;
        if bound.episodes < self.rule.episodes {
            return false;
        }
        let mean = bound.performance_sum / f64::from(bound.episodes);
        let at_limit = before.to_bits() == range.adaptation.widest[side as usize].to_bits();
        let steps = match bound.steps {
            steps if mean >= self.rule.raise_above && !at_limit => steps.saturating_add(1),
            steps if mean <= self.rule.lower_below => steps.saturating_sub(1),
            steps => steps,
        };
        *bound = Bound { steps, ..Bound::default() };
        self.present[place] = range.present();
        self.present[place][side as usize].to_bits() != before.to_bits()
    }

    /// Each adaptive term's name and present `[low, high]`, in the order of the file.
    pub fn ranges(&self) -> impl Iterator<Item = (&str, [f64; 2])> {
        self.ranges.iter().map(|range| range.label.as_str()).zip(self.present.iter().copied())
    }

    /// How much the robots differ: the mean over the ranges of ln(high - low), nats for each dimension, as in the paper;
    /// minus infinity while a range is a single number.
    pub fn entropy(&self) -> f64 {
        let widths = self.present.iter().map(|[low, high]| high - low);
        widths.fold(0.0, |sum, width| sum + libm::log(width)) / self.present.len() as f64
    }

    /// What an episode's performance is.
    pub(crate) fn performance(&self) -> Performance {
        self.rule.measure
    }

    /// Every range's `[low, high]`.
    pub(crate) fn present(&self) -> &[[f64; 2]] {
        &self.present
    }

    pub(crate) fn state(&self) -> AdaptiveRangesState {
        AdaptiveRangesState { bounds: self.ranges.iter().map(|range| range.bounds).collect() }
    }

    /// Goes on from the state of the same task's ranges.
    pub(crate) fn restore(&mut self, state: &AdaptiveRangesState) -> Result<(), SimError> {
        SimError::check_lengths(&[("adaptive ranges", self.ranges.len(), state.bounds.len())])?;
        for ((range, present), bounds) in self.ranges.iter_mut().zip(&mut self.present).zip(&state.bounds) {
            range.bounds = *bounds;
            *present = range.present();
        }
        Ok(())
    }
}

impl AdaptiveRange {
    fn present(&self) -> [f64; 2] {
        [self.value(Side::Low), self.value(Side::High)]
    }

    fn value(&self, side: Side) -> f64 {
        let Adaptation { start, widest, step } = self.adaptation;
        let moved = step * f64::from(self.bounds[side as usize].steps);
        match side {
            Side::Low => (start[0] - moved).max(widest[0]),
            Side::High => (start[1] + moved).min(widest[1]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three episodes to a buffer; 0.75 widens, 0.25 narrows.
    fn ranges() -> AdaptiveRanges {
        let rule = AdaptationRule {
            measure: Performance::Success,
            raise_above: 0.75,
            lower_below: 0.25,
            episodes: 3,
            boundary_probability: 0.5,
        };
        // Binary fractions, so that what is computed by hand is exact.
        let mass = Adaptation { start: [0.75, 1.25], widest: [0.25, 2.0], step: 0.25 };
        let wind = Adaptation { start: [0.0, 1.0], widest: [0.0, 1.75], step: 0.5 };
        AdaptiveRanges::new(rule, [("mass".to_owned(), mass), ("wind".to_owned(), wind)].into_iter())
    }

    /// A buffer of performances at a bound, where it is.
    fn fill(ranges: &mut AdaptiveRanges, range: usize, side: Side, performances: [f64; 3]) -> [bool; 3] {
        performances.map(|performance| {
            let value = ranges.present()[range][side as usize];
            ranges.record(Boundary { range, side, value }, performance)
        })
    }

    #[test]
    fn a_full_buffer_moves_its_own_bound_by_one_step_and_is_empty_again() {
        let mut ranges = ranges();
        assert_eq!(fill(&mut ranges, 0, Side::Low, [1.0; 3]), [false, false, true]);
        assert_eq!(ranges.present(), [[0.5, 1.25], [0.0, 1.0]]);
        // Two performances move nothing; a third of another bound is not theirs.
        let low = Boundary { range: 0, side: Side::Low, value: 0.5 };
        assert!(!ranges.record(low, 1.0) && !ranges.record(low, 1.0));
        assert_eq!(fill(&mut ranges, 0, Side::High, [1.0; 3]), [false, false, true]);
        assert_eq!(ranges.present(), [[0.5, 1.5], [0.0, 1.0]]);
        assert!(ranges.record(low, 1.0));
        assert_eq!(ranges.present(), [[0.25, 1.5], [0.0, 1.0]]);
    }

    #[test]
    fn the_mean_decides_and_between_the_thresholds_a_bound_stays() {
        let mut ranges = ranges();
        // 2/3 lies between; 0.75 and 0.25 themselves move, as in the paper.
        assert_eq!(fill(&mut ranges, 0, Side::High, [1.0, 1.0, 0.0]), [false; 3]);
        assert_eq!(fill(&mut ranges, 0, Side::High, [0.75; 3]), [false, false, true]);
        assert_eq!(ranges.present()[0], [0.75, 1.5]);
        assert_eq!(fill(&mut ranges, 0, Side::High, [1.0, 0.0, 0.0]), [false; 3]);
        assert_eq!(fill(&mut ranges, 0, Side::High, [0.25; 3]), [false, false, true]);
        assert_eq!(ranges.present()[0], [0.75, 1.25]);
    }

    #[test]
    fn no_bound_leaves_the_widest_range_or_moves_inside_its_start() {
        let mut ranges = ranges();
        assert_eq!(fill(&mut ranges, 1, Side::High, [0.0; 3]), [false; 3]);
        assert_eq!(ranges.present()[1], [0.0, 1.0]);
        let mut highs = Vec::new();
        for performance in [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0] {
            fill(&mut ranges, 1, Side::High, [performance; 3]);
            highs.push(ranges.present()[1][1]);
        }
        // The second step is cut off at the limit, and one step back is one step from the start again.
        assert_eq!(highs, [1.5, 1.75, 1.75, 1.75, 1.5, 1.0, 1.0]);
    }

    #[test]
    fn what_was_measured_where_the_bound_no_longer_is_counts_for_nothing() {
        let mut ranges = ranges();
        let old = Boundary { range: 0, side: Side::High, value: 1.25 };
        fill(&mut ranges, 0, Side::High, [1.0; 3]);
        assert!((0..9).all(|_| !ranges.record(old, 1.0)));
        assert_eq!(ranges.present()[0], [0.75, 1.5]);
        assert!(!ranges.record(Boundary { range: 7, ..old }, 1.0));
    }

    #[test]
    fn entropy_is_the_mean_logarithm_of_the_widths() {
        let mut ranges = ranges();
        // (ln 0.5 + ln 1) / 2, then (ln 1 + ln 1) / 2.
        assert!((ranges.entropy() + 0.346_573_590_279_972_65).abs() < 1e-15, "{}", ranges.entropy());
        fill(&mut ranges, 0, Side::Low, [1.0; 3]);
        fill(&mut ranges, 0, Side::High, [1.0; 3]);
        assert_eq!(ranges.entropy(), 0.0);
    }

    #[test]
    fn a_restored_state_goes_on_with_half_full_buffers() {
        let mut original = ranges();
        fill(&mut original, 0, Side::Low, [1.0; 3]);
        let low = Boundary { range: 0, side: Side::Low, value: 0.5 };
        original.record(low, 1.0);
        let bytes = postcard::to_stdvec(&original.state()).unwrap();
        let mut restored = ranges();
        restored.restore(&postcard::from_bytes(&bytes).unwrap()).unwrap();
        for ranges in [&mut original, &mut restored] {
            assert_eq!(ranges.present()[0], [0.5, 1.25]);
            assert!(!ranges.record(low, 1.0) && ranges.record(low, 1.0));
            assert_eq!(ranges.present()[0], [0.25, 1.25]);
        }
        restored.reset();
        assert_eq!(restored.present(), ranges().present());
    }
}
