//! What adaptive ranges make of one robot's episode: [`BoundarySampling`], the ranges that it draws from and the boundary
//! that it stands at.
//!
//! Ranges take effect with the next episode, so that one that is under way can be told apart and run again.

use super::super::distribution::Distribution;
use super::super::term::Term;
use super::{Boundary, Side};
use crate::error::SimError;
use crate::random::Stream;
use serde::{Deserialize, Serialize};

/// One robot's ranges and boundary.
#[derive(Clone, Debug)]
pub(crate) struct BoundarySampling {
    probability: f64,
    /// For each term, its place among the adaptive ones.
    places: Vec<Option<usize>>,
    /// The bounds that can move.
    movable: Vec<(usize, Side)>,
    state: BoundarySamplingState,
}

/// All of [`BoundarySampling`] that its task does not say.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct BoundarySamplingState {
    /// Of the episodes to come; none where each is as wide as the task allows.
    next: Vec<[f64; 2]>,
    /// Of this episode.
    present: Vec<[f64; 2]>,
    boundary: Option<Boundary>,
}

impl BoundarySampling {
    /// Of a level whose ranges do not adapt.
    pub(crate) fn none() -> Self {
        Self {
            probability: 0.0,
            places: Vec::new(),
            movable: Vec::new(),
            state: BoundarySamplingState::default(),
        }
    }

    /// Of terms, a share `probability` of whose episodes stand at a boundary once there are ranges.
    pub(crate) fn new<'t>(terms: impl Iterator<Item = &'t Term>, probability: f64) -> Self {
        let mut sampling = Self { probability, ..Self::none() };
        let mut place = 0;
        for term in terms {
            sampling.places.push(term.adaptive.map(|_| place));
            let Some(adaptation) = term.adaptive else { continue };
            for side in [Side::Low, Side::High] {
                let end = side as usize;
                if adaptation.start[end].to_bits() != adaptation.widest[end].to_bits() {
                    sampling.movable.push((place, side));
                }
            }
            place += 1;
        }
        sampling.state.next.reserve_exact(place);
        sampling.state.present.reserve_exact(place);
        sampling
    }

    /// Sets the ranges of the episodes to come; none for those of the task.
    pub(crate) fn set_ranges(&mut self, ranges: &[[f64; 2]]) -> Result<(), SimError> {
        self.check(ranges)?;
        self.state.next.clear();
        self.state.next.extend_from_slice(ranges);
        Ok(())
    }

    /// Starts an episode: chooses whether it stands at a boundary, and at which.
    pub(crate) fn begin(&mut self, stream: &mut Stream) {
        let BoundarySamplingState { next, present, boundary } = &mut self.state;
        present.clear();
        present.extend_from_slice(next);
        *boundary = None;
        if !present.is_empty() && stream.uniform(0.0, 1.0) < self.probability {
            let chosen = stream.uniform(0.0, self.movable.len() as f64) as usize;
            *boundary = self.movable.get(chosen).map(|&(range, side)| {
                let value = present[range][side as usize];
                Boundary { range, side, value }
            });
        }
    }

    /// What the numbers of the term at a place in the file are drawn from in this episode; absent where its own distribution
    /// says it.
    pub(crate) fn distribution(&self, term: usize) -> Option<Distribution> {
        let place = (*self.places.get(term)?)?;
        let [low, high] = *self.state.present.get(place)?;
        Some(match self.state.boundary {
            Some(Boundary { range, value, .. }) if range == place => Distribution::Constant(value),
            _ => Distribution::Uniform { low, high },
        })
    }

    /// The ranges that this episode draws from; none where they are the task's.
    pub(crate) fn ranges(&self) -> &[[f64; 2]] {
        &self.state.present
    }

    /// Where this episode stands, if at a boundary.
    pub(crate) fn boundary(&self) -> Option<Boundary> {
        self.state.boundary
    }

    pub(crate) fn state(&self) -> BoundarySamplingState {
        self.state.clone()
    }

    /// Goes on from the state of the same terms.
    pub(crate) fn restore(&mut self, state: &BoundarySamplingState) -> Result<(), SimError> {
        self.check(&state.next)?;
        self.check(&state.present)?;
        self.state.clone_from(state);
        Ok(())
    }

    fn check(&self, ranges: &[[f64; 2]]) -> Result<(), SimError> {
        let adaptive = self.places.iter().flatten().count();
        if ranges.is_empty() {
            return Ok(());
        }
        SimError::check_lengths(&[("adaptive ranges", adaptive, ranges.len())])
    }
}
