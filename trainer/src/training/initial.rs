//! What a new run may start from: the networks of an earlier run, or an exported actor.
//!
//! Networks and the statistics that their inputs are normalized by belong together and are taken together; optimizers, streams,
//! transitions and episodes are the new run's own.

use super::snapshot::copy_networks;
use super::{Checkpoint, Loop, StateError};
use crate::actor::TrainedActor;
use crate::normalizer::Normalizer;

/// Samples that the statistics of an exported policy count as, since the file does not say: enough that the first
/// observations of the new run do not overrule them, and few enough that the run's own soon do.
const IMPORTED_SAMPLES: f64 = 10_000.0;

/// What a new run starts from.
pub enum Initialization {
    /// All networks of a run of the same algorithm.
    Run(Box<Checkpoint>),
    /// An exported actor; critics, and the deviations with which the actor explores, start fresh.
    Policy(Box<TrainedActor>),
}

impl Initialization {
    /// Puts it into a loop that has not begun.
    pub(super) fn apply(&self, learning: &mut dyn Loop) -> Result<(), StateError> {
        match self {
            Self::Run(checkpoint) => {
                copy_networks(learning, &checkpoint.learning.networks)?;
                let saved = checkpoint.learning.normalizer.as_ref();
                take_statistics(learning, saved, |own, saved| {
                    StateError::check_length(
                        "the observation normalizer",
                        own.mean().len(),
                        saved.mean().len(),
                    )?;
                    own.clone_from(saved);
                    Ok(())
                })
            }
            Self::Policy(actor) => {
                take_actor(learning, actor)?;
                take_statistics(learning, actor.statistics(), |own, (mean, deviation)| {
                    StateError::check_length("the observation normalizer", own.mean().len(), mean.len())?;
                    own.start_from(mean, deviation, IMPORTED_SAMPLES);
                    Ok(())
                })
            }
        }
    }
}

/// A policy that was trained on normalized observations sees nothing that it knows in raw ones, and the other way round.
fn take_statistics<T>(
    learning: &mut dyn Loop,
    saved: Option<T>,
    take: impl FnOnce(&mut Normalizer, T) -> Result<(), StateError>,
) -> Result<(), StateError> {
    let word = |present: bool| if present { "used" } else { "not used" }.to_owned();
    match (learning.normalizer(), saved) {
        (Some(own), Some(saved)) => take(own, saved),
        (None, None) => Ok(()),
        (own, saved) => Err(StateError::Part {
            what: "normalization of observations (normalize_observations)".to_owned(),
            expected: word(own.is_some()),
            found: word(saved.is_some()),
        }),
    }
}

/// Copies an actor's layers into the network called `actor`. Its parameters are the memory's, where there is one, then each layer's weights `[inputs, outputs]` and
/// bias; the last layer may have more outputs than ship, or a deviation for each action behind it.
fn take_actor(learning: &mut dyn Loop, actor: &TrainedActor) -> Result<(), StateError> {
    let present = learning.actor();
    let own: Vec<[usize; 2]> = present.layer_sizes().collect();
    let saved: Vec<[usize; 2]> = actor.layer_sizes().collect();
    if own != saved {
        let text = |sizes: &[[usize; 2]]| {
            let sizes: Vec<String> =
                sizes.iter().map(|[inputs, outputs]| format!("{inputs} to {outputs}")).collect();
            sizes.join(", ")
        };
        let (expected, found) = (text(&own), text(&saved));
        return Err(StateError::Part { what: "the actor's layers".to_owned(), expected, found });
    }
    let mut networks = learning.networks();
    let network = networks.iter_mut().find(|network| network.name == "actor");
    let Some(network) = network else {
        let (expected, found) = ("a network of its own".to_owned(), "part of another".to_owned());
        return Err(StateError::Part { what: "the actor".to_owned(), expected, found });
    };
    let total = network.parameters.len();
    let (memory, own_memory) = (actor.memory(), present.memory());
    StateError::check_length("the actor's memory", own_memory.len(), memory.len())?;
    let (remembering, mut rest) = network.parameters.split_at_mut(memory.len());
    remembering.copy_from_slice(&memory);
    for (index, [inputs, outputs]) in own.iter().enumerate() {
        let exact = (inputs + 1) * outputs;
        let widest = rest.len() / (inputs + 1);
        let last = index + 1 == own.len();
        let behind = rest.len() == exact + outputs;
        let width = if last && !behind && rest.len() == widest * (inputs + 1) { widest } else { *outputs };
        StateError::check_length("network \"actor\"", total, total.max(total - rest.len() + exact))?;
        let (layer, others) = rest.split_at_mut((inputs + 1) * width);
        let (weights, bias) = actor.layer(index);
        for (row, saved) in layer.chunks_exact_mut(width).zip(weights.chunks_exact(*outputs).chain([bias])) {
            row[..*outputs].copy_from_slice(saved);
        }
        rest = others;
    }
    Ok(())
}
