//! What acts while the learner learns from the rollout before: a [`Behaviour`], there only with a lag.
//!
//! Two rollouts are under way at a time, each normalized by statistics of its own. The networks that collect are those of the
//! learner as it was before it learned from the older rollout; they have taken up the change of statistics that the newer one began
//! with, which the learner takes up one round later, before it learns from that rollout. So every network always sees
//! observations that are normalized as its first layer expects.

use super::collector::Collector;
use crate::actor_critic::ActorCritic;
use crate::normalizer::{Normalizer, Rescaling};
use crate::rollout::Rollout;
use crate::training::StateError;
use serde::{Deserialize, Serialize};

/// The policy that collects, and what the learner is left behind with.
pub(super) struct Behaviour {
    /// They have the learner's parameters of the round's beginning, and memories of their own.
    pub(super) networks: ActorCritic,
    /// What the learner learns from meanwhile.
    pub(super) rollout: Rollout,
    /// Of observations and of what only the critic sees, as the learner's networks expect them.
    pub(super) normalizers: [Normalizer; 2],
}

/// What a lag leaves in a checkpoint: the rollout that is not learned from yet, and the statistics that it was collected with.
#[derive(Serialize, Deserialize)]
pub(super) struct BehaviourState {
    rollout: Rollout,
    normalizers: [Normalizer; 2],
}

impl Behaviour {
    pub(super) fn new(learner: &ActorCritic, collector: &Collector) -> Self {
        Self {
            networks: learner.clone(),
            rollout: Rollout::new(learner.shape),
            normalizers: collector.normalizers.clone(),
        }
    }

    /// Before the first rollout: collecting begins with the statistics that the learner's networks expect, which may be an
    /// earlier run's.
    pub(super) fn begin(&mut self, learner: &ActorCritic, collector: &mut Collector) {
        for (collecting, own) in collector.normalizers.iter_mut().zip(&self.normalizers) {
            collecting.copy_from(own);
        }
        self.networks.follow(learner);
    }

    /// Before every other: the learner moves on to the statistics of the newest rollout, and collecting to newer ones. `absorb` says
    /// of each of the two changes whether networks are to keep acting alike.
    pub(super) fn renew(
        &mut self,
        learner: &mut ActorCritic,
        collector: &mut Collector,
        changes: &mut [Rescaling; 2],
        absorb: [bool; 2],
    ) {
        for ((own, collecting), change) in
            self.normalizers.iter_mut().zip(&collector.normalizers).zip(changes.iter_mut())
        {
            own.copy_from_with(collecting, change);
        }
        if absorb[0] {
            learner.absorb(&changes[0], &changes[1]);
        }
        self.networks.follow(learner);
        collector.refresh(changes);
        if absorb[1] {
            self.networks.absorb(&changes[0], &changes[1]);
        }
    }
}

impl BehaviourState {
    pub(super) fn of(newest: &Rollout, collector: &Collector) -> Self {
        Self { rollout: newest.clone(), normalizers: collector.normalizers.clone() }
    }

    pub(super) fn restore(self, newest: &mut Rollout, collector: &mut Collector) -> Result<(), StateError> {
        newest.restore(self.rollout)?;
        let whose = ["the newest rollout's statistics", "the newest rollout's privileged statistics"];
        for ((collecting, saved), whose) in collector.normalizers.iter_mut().zip(self.normalizers).zip(whose)
        {
            collecting.restore(whose, saved)?;
        }
        Ok(())
    }
}
