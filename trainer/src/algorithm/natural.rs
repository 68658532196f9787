//! What the natural policy gradient and trust region policy optimization share: everything but how far a step goes.
//!
//! `Natural::aim` judges a rollout and finds the direction, `Natural::step` goes a share of the way, `Natural::standing`
//! says what that came to, and `Natural::conclude` fits the critic.

use crate::action_space::ActionSpace;
use crate::actor_critic::{ActorCritic, Estimates, Estimation};
use crate::natural_gradient::{Descent, NaturalGradient, Standing};
use crate::parallel::Workers;
use crate::random::Stream;
use crate::rollout::{Rollout, RolloutShape};
use crate::stochastic_actor::ActorShape;
use crate::training::Metric;
use crate::value_regression::{Regression, ValueRegression};
use serde::{Deserialize, Serialize};

/// How advantages, steps and values are made.
#[derive(Clone, Copy, Debug)]
pub struct NaturalSettings {
    /// Of advantages.
    pub estimation: Estimation,
    /// Of steps.
    pub descent: Descent,
    /// Of values.
    pub regression: Regression,
}

/// What an update did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NaturalMetrics {
    /// `-mean ratio A` after the step.
    pub policy_loss: f32,
    /// `1/2 mean (V - R)²` over the critic's last pass, in its own unit.
    pub value_loss: f32,
    /// `mean KL(pi_old || pi)` after the step.
    pub kl: f32,
    /// Share of the targets' variance that the critic explained.
    pub explained_variance: f32,
}

/// Networks and buffers of a learner that follows the natural gradient.
pub(crate) struct Natural {
    estimation: Estimation,
    pub(crate) networks: ActorCritic,
    estimates: Estimates,
    descent: NaturalGradient,
    regression: ValueRegression,
    metrics: NaturalMetrics,
}

/// What learning has changed of [`Natural`] beside its networks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct NaturalState {
    shuffling: Stream,
    metrics: NaturalMetrics,
}

impl Natural {
    /// Fresh networks for a task's sizes; the same seed gives the same ones.
    pub(crate) fn new(
        settings: NaturalSettings,
        actor: &ActorShape<'_>,
        shape: RolloutShape,
        space: &ActionSpace,
        seed: u64,
    ) -> Self {
        let networks = ActorCritic::new(actor, shape, space, seed);
        Self {
            estimation: settings.estimation,
            estimates: Estimates::new(shape),
            descent: NaturalGradient::new(settings.descent, &networks),
            regression: ValueRegression::new(settings.regression, &networks, seed),
            networks,
            metrics: NaturalMetrics::default(),
        }
    }

    /// Judges the rollout and finds the step that gains most for the largest divergence; where the actor stands before it,
    /// or nothing if there is no experience.
    pub(crate) fn aim(&mut self, rollout: &Rollout, workers: &Workers) -> Option<Standing> {
        self.networks.estimate(rollout, self.estimation, &mut self.estimates);
        if self.estimates.order.rows().is_empty() {
            return None;
        }
        let before = self.standing(rollout, workers);
        self.descent.aim(&self.networks, workers);
        Some(before)
    }

    /// Puts the actor `share` of the step away from where it aimed.
    pub(crate) fn step(&mut self, share: f32) {
        self.descent.step(&mut self.networks, share);
    }

    /// What the present actor comes to on the rollout.
    pub(crate) fn standing(&mut self, rollout: &Rollout, workers: &Workers) -> Standing {
        self.descent.evaluate(&self.networks, rollout, &self.estimates, workers)
    }

    /// Fits the critic, after the actor's step has come to `after`.
    pub(crate) fn conclude(
        &mut self,
        rollout: &Rollout,
        after: Standing,
        rate_scale: f32,
        workers: &Workers,
    ) {
        let Self { regression, networks, estimates, .. } = self;
        let value_loss = regression.fit(networks, rollout, estimates, rate_scale, workers);
        self.metrics = NaturalMetrics {
            policy_loss: -after.gain,
            value_loss,
            kl: after.kl,
            explained_variance: self.estimates.explained_variance,
        };
    }

    /// Policy and value loss of the last update.
    pub(crate) fn losses(&self) -> [f32; 2] {
        [self.metrics.policy_loss, self.metrics.value_loss]
    }

    /// Of the last update.
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let NaturalMetrics { policy_loss, value_loss, kl, explained_variance } = self.metrics;
        vec![
            Metric::new("policy_loss", policy_loss),
            Metric::new("value_loss", value_loss),
            Metric::new("kl", kl),
            Metric::new("explained_variance", explained_variance),
        ]
    }

    /// What learning has changed beside the networks.
    pub(crate) fn state(&self) -> NaturalState {
        NaturalState { shuffling: self.regression.shuffling().clone(), metrics: self.metrics }
    }

    /// Goes on from a state.
    pub(crate) fn restore(&mut self, state: NaturalState) {
        self.regression.restore_shuffling(state.shuffling);
        self.metrics = state.metrics;
    }
}
