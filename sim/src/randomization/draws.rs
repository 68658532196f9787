//! The numbers that one robot has drawn: [`Draws`], and when each is drawn again.

use super::adaptive::{AdaptationRule, Boundary, BoundarySampling, BoundarySamplingState};
use super::parameter::{Components, Operation, Parameter};
use super::term::{Moment, Targets, Term};
use super::{Distribution, Randomization, Variation};
use crate::error::SimError;
use crate::random::Stream;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What is drawn once for each environment comes from a stream of its own, so that it is the same in every episode.
const STARTUP_SEED_OFFSET: u64 = 0x57a7_0000_0000;

/// Which parameters have been drawn anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Touched(u64);

impl Touched {
    pub(crate) fn contains(self, parameter: Parameter) -> bool {
        self.0 & (1 << parameter as u64) != 0
    }

    pub(crate) fn any_of(self, parameters: &[Parameter]) -> bool {
        parameters.iter().any(|parameter| self.contains(*parameter))
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn insert(&mut self, parameter: Parameter) {
        self.0 |= 1 << parameter as u64;
    }
}

/// The terms of one level and one robot's present numbers.
#[derive(Clone, Debug)]
pub(crate) struct Draws {
    /// Terms with their distribution; none for a nominal robot.
    terms: Arc<[(Term, Distribution)]>,
    /// One term's numbers after the other's.
    values: Vec<f64>,
    /// For each term, the physics step from which it is due again.
    due: Vec<u64>,
    /// Where in a physics step commands arrive and samples are taken, as fractions of it.
    phases: [f64; 2],
    sampling: BoundarySampling,
    variation: Variation,
    /// What each of the task's numbers is between in training.
    ranges_in_training: Vec<[f64; 2]>,
    /// Where each stands there: [`Self::revealed`].
    revealed: Vec<f64>,
}

/// All of [`Draws`] that its task does not say.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DrawsState {
    values: Vec<f64>,
    due: Vec<u64>,
    phases: [f64; 2],
    sampling: BoundarySamplingState,
}

impl Draws {
    /// Of one level; nominal until [`Self::reset`]. In training, adaptive terms follow the task's `rule`.
    pub(crate) fn new(
        terms: &[Term],
        targets: &Targets,
        randomization: Randomization,
        rule: Option<AdaptationRule>,
    ) -> Self {
        let ranges_in_training: Vec<_> =
            terms.iter().flat_map(|term| std::iter::repeat_n(range_in_training(term), term.size())).collect();
        let of_level = |term: &Term| Some((term.clone(), term.distribution(randomization)?.clone()));
        let terms: Arc<[(Term, Distribution)]> = terms.iter().filter_map(of_level).collect();
        let size = terms.iter().map(|(term, _)| term.size()).sum();
        let sampling = match rule {
            Some(rule) if randomization == Randomization::Training => {
                BoundarySampling::new(terms.iter().map(|(term, _)| term), rule.boundary_probability)
            }
            _ => BoundarySampling::none(),
        };
        Self {
            values: vec![0.0; size],
            due: vec![0; terms.len()],
            phases: [0.0; 2],
            sampling,
            variation: Variation::new(targets),
            terms,
            revealed: vec![0.0; ranges_in_training.len()],
            ranges_in_training,
        }
    }

    /// Starts an episode: everything is drawn, in the order of the file.
    pub(crate) fn reset(&mut self, seed: u64, environment: u64, stream: &mut Stream, physics_period_s: f64) {
        let mut startup = Stream::new(seed.wrapping_add(STARTUP_SEED_OFFSET), environment, 0);
        self.sampling.begin(stream);
        let mut rest = &mut self.values[..];
        for (index, ((term, distribution), due)) in self.terms.iter().zip(&mut self.due).enumerate() {
            let (own, others) = rest.split_at_mut(term.size());
            rest = others;
            let adapted = self.sampling.distribution(index);
            let distribution = adapted.as_ref().unwrap_or(distribution);
            if term.moment == Moment::Startup {
                draw(term, distribution, &mut startup, own);
            } else {
                draw(term, distribution, stream, own);
            }
            if term.parameter == Parameter::Push {
                own.fill(0.0);
            }
            *due = next_due(term, 0, stream, physics_period_s);
        }
        self.phases = [stream.uniform(0.0, 1.0), stream.uniform(0.0, 1.0)];
        self.compose();
    }

    /// At the start of the policy period that begins at physics step `now`: draws what is due.
    pub(crate) fn advance(&mut self, now: u64, stream: &mut Stream, physics_period_s: f64) -> Touched {
        let mut touched = Touched::default();
        if self.due.iter().all(|due| now < *due) {
            return touched;
        }
        let mut rest = &mut self.values[..];
        for ((term, distribution), due) in self.terms.iter().zip(&mut self.due) {
            let (own, others) = rest.split_at_mut(term.size());
            rest = others;
            if now >= *due {
                draw(term, distribution, stream, own);
                *due = next_due(term, now, stream, physics_period_s);
                touched.insert(term.parameter);
            }
        }
        if !touched.is_empty() {
            self.compose();
        }
        touched
    }

    /// Sets the adaptive ranges of the episodes to come, in the order of the file; none for those of the task.
    pub(crate) fn set_ranges(&mut self, ranges: &[[f64; 2]]) -> Result<(), SimError> {
        self.sampling.set_ranges(ranges)
    }

    /// The adaptive ranges that this episode draws from; none where they are the task's.
    pub(crate) fn ranges(&self) -> &[[f64; 2]] {
        self.sampling.ranges()
    }

    /// Where this episode stands, if at the boundary of an adaptive range.
    pub(crate) fn boundary(&self) -> Option<Boundary> {
        self.sampling.boundary()
    }

    /// What the numbers amount to.
    pub(crate) fn variation(&self) -> &Variation {
        &self.variation
    }

    /// Where in a physics step commands arrive, as a fraction of it.
    pub(crate) fn action_phase(&self) -> f64 {
        self.phases[0]
    }

    /// Where in a physics step samples are taken, as a fraction of it.
    pub(crate) fn observation_phase(&self) -> f64 {
        self.phases[1]
    }

    /// Every term's label and present numbers.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&str, &[f64])> {
        let mut rest = &self.values[..];
        self.terms.iter().map(move |(term, _)| {
            let (own, others) = rest.split_at(term.size());
            rest = others;
            (term.label.as_str(), own)
        })
    }

    /// Every number of the task's terms, from -1 at its lowest to 1 at its highest in training. What a nominal robot does not
    /// draw, or what is always the same, is 0.
    pub(crate) fn revealed(&self) -> &[f64] {
        &self.revealed
    }

    pub(crate) fn state(&self) -> DrawsState {
        DrawsState {
            values: self.values.clone(),
            due: self.due.clone(),
            phases: self.phases,
            sampling: self.sampling.state(),
        }
    }

    /// Goes on from the state of the same terms.
    pub(crate) fn restore(&mut self, state: &DrawsState) -> Result<(), SimError> {
        SimError::check_lengths(&[
            ("drawn numbers", self.values.len(), state.values.len()),
            ("randomization terms", self.due.len(), state.due.len()),
        ])?;
        self.sampling.restore(&state.sampling)?;
        self.values.copy_from_slice(&state.values);
        self.due.copy_from_slice(&state.due);
        self.phases = state.phases;
        self.compose();
        Ok(())
    }

    fn compose(&mut self) {
        self.variation.compose(self.terms.iter().map(|(term, _)| term), &self.values);
        let drawn = self.values.iter().zip(&self.ranges_in_training);
        for (revealed, (value, [low, high])) in self.revealed.iter_mut().zip(drawn) {
            let span = high - low;
            *revealed = if span > 0.0 { (2.0 * value - low - high) / span } else { 0.0 };
        }
    }
}

/// Whether a term's numbers are lengths in random directions; a factor on a vector keeps its direction.
fn directed(term: &Term) -> bool {
    let vector = matches!(term.parameter.form().components, Components::Direction | Components::Horizontal);
    vector && term.operation != Operation::Scale
}

/// The lowest and the highest that a number of a term is in training.
fn range_in_training(term: &Term) -> [f64; 2] {
    let ends = term.distribution(Randomization::Training).map(Distribution::ends);
    let (low, high) = ends.unwrap_or_default();
    // The components of a vector of that length lie on both sides.
    [if directed(term) { -high } else { low }, high]
}

/// Fills a term's numbers.
fn draw(term: &Term, distribution: &Distribution, stream: &mut Stream, values: &mut [f64]) {
    let form = term.parameter.form();
    for set in values.chunks_exact_mut(form.components.count()) {
        match form.components {
            Components::Scalar | Components::Axes => set.fill_with(|| distribution.draw(stream)),
            _ if !directed(term) => set.fill(distribution.draw(stream)),
            Components::Direction => {
                let length = distribution.draw(stream);
                set.copy_from_slice(&stream.direction().map(|component| length * component));
            }
            Components::Horizontal => {
                let length = distribution.draw(stream);
                let (sine, cosine) =
                    libm::sincos(stream.uniform(-core::f64::consts::PI, core::f64::consts::PI));
                set.copy_from_slice(&[length * cosine, length * sine, 0.0]);
            }
        }
    }
}

fn next_due(term: &Term, now: u64, stream: &mut Stream, physics_period_s: f64) -> u64 {
    match term.moment {
        Moment::Startup | Moment::Reset => u64::MAX,
        Moment::Interval => now + (libm::round(term.every_s.draw(stream) / physics_period_s) as u64).max(1),
        Moment::Step => now + 1,
    }
}
