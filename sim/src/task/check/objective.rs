//! Checks of rewards, terminations and success, and what their names refer to.

use super::Check;
use crate::equations::Equations;
use crate::objective::{Objective, RewardTerm, Success, Termination};
use crate::quantity::{Measure, Quantity};
use crate::robot::RobotModel;
use crate::task::document::{RewardDocument, SuccessDocument, TerminationDocument};
use crate::task::error::TaskError;
use crate::task::watched::Watched;

/// What a term of the objective names.
struct Named<'a> {
    quantity: Quantity,
    joint: Option<&'a String>,
    site: Option<&'a String>,
    contacts: &'a [String],
    target: f64,
}

impl Check<'_> {
    pub(super) fn objective(&self) -> Result<Objective, TaskError> {
        let document = self.document;
        let watched = Watched::new(document);
        let mut objective = Objective::default();
        if document.reward.is_empty() {
            return self.fail("reward", "empty", "at least one [[reward]] term");
        }
        for (index, term) in document.reward.iter().enumerate() {
            let field = format!("reward {}", index + 1);
            let RewardDocument {
                quantity, joint, site, contacts, target, shape, weight, scale, sample, ..
            } = term;
            self.within(format!("{field}: weight"), *weight, -1e6, 1e6)?;
            self.within(format!("{field}: scale"), *scale, 1e-9, 1e9)?;
            let (joint, site) = (joint.as_ref(), site.as_ref());
            let named = Named { quantity: *quantity, joint, site, contacts, target: *target };
            let measure = self.measure(&field, &named, &watched)?;
            let (shape, weight, scale, sample) = (*shape, *weight, *scale, *sample);
            objective.rewards.push(RewardTerm { measure, shape, weight, scale, sample });
        }
        for (index, termination) in document.termination.iter().enumerate() {
            let field = format!("termination {}", index + 1);
            objective.terminations.push(self.termination(&field, termination, &watched)?);
        }
        if let Some(success) = &document.success {
            let SuccessDocument { quantity, joint, site, target, statistic, limit, window_s } = success;
            self.within("success: limit", *limit, 0.0, f64::MAX)?;
            let shortest_s = document.dynamics.policy_period_s;
            self.within("success: window_s", *window_s, shortest_s, document.episode.acceptance_s)?;
            let (joint, site) = (joint.as_ref(), site.as_ref());
            let named = Named { quantity: *quantity, joint, site, contacts: &[], target: *target };
            let measure = self.measure("success", &named, &watched)?;
            let (statistic, limit, window_s) = (*statistic, *limit, *window_s);
            objective.success = Some(Success { measure, statistic, limit, window_s });
        }
        Ok(objective)
    }

    fn termination(
        &self,
        field: &str,
        document: &TerminationDocument,
        watched: &Watched,
    ) -> Result<Termination, TaskError> {
        let TerminationDocument { quantity, joint, site, contacts, above, below, reward } = document;
        if above.is_none() && below.is_none() {
            return self.fail(format!("{field}: above"), "absent, as is below", "at least one of them");
        }
        for (key, bound) in [("above", above), ("below", below)] {
            self.within(format!("{field}: {key}"), bound.unwrap_or_default(), f64::MIN, f64::MAX)?;
        }
        self.within(format!("{field}: reward"), *reward, -1e6, 1e6)?;
        let (joint, site) = (joint.as_ref(), site.as_ref());
        let named = Named { quantity: *quantity, joint, site, contacts, target: 0.0 };
        Ok(Termination {
            measure: self.measure(field, &named, watched)?,
            above: above.unwrap_or(f64::INFINITY),
            below: below.unwrap_or(f64::NEG_INFINITY),
            reward: *reward,
        })
    }

    fn measure(&self, field: &str, named: &Named, watched: &Watched) -> Result<Measure, TaskError> {
        let Named { quantity, joint, site, contacts, target } = *named;
        for (key, present, legal) in [
            ("joint", joint.is_some(), quantity.is_of_joints()),
            ("site", site.is_some(), quantity.is_of_sites()),
            ("contacts", !contacts.is_empty(), quantity.is_of_contacts()),
        ] {
            if present && !legal {
                let expected = format!("none: {} has no {key}", quantity.name());
                return self.fail(format!("{field}: {key}"), "present", expected);
            }
        }
        self.within(format!("{field}: target"), target, -1e9, 1e9)?;
        self.fits(field, quantity)?;
        self.landmarks(&format!("{field}: site"), site.into_iter(), RobotModel::site_names)?;
        self.landmarks(&format!("{field}: contacts"), contacts.iter(), RobotModel::surface_names)?;
        if quantity.is_of_contacts() && contacts.is_empty() {
            return self.fail(
                format!("{field}: contacts"),
                "absent",
                "geoms or bodies of the model that collide",
            );
        }
        let joint = match joint {
            None if !quantity.is_of_one_joint() => None,
            joint => Some(self.joint(&format!("{field}: joint"), joint)?),
        };
        let site = site.and_then(|name| watched.sites.iter().position(|known| known == name));
        let place = |name: &String| watched.contacts.iter().position(|known| known == name);
        let contacts = contacts.iter().filter_map(place).fold(0, |bits, place| bits | (1 << place));
        Ok(Measure { quantity, joint, site, contacts, target })
    }

    /// The task has what the quantity is about.
    fn fits(&self, field: &str, quantity: Quantity) -> Result<(), TaskError> {
        if quantity == Quantity::TipHeight && self.document.dynamics.equations != Some(Equations::AcrobotV1) {
            let expected = "another: only the equations of acrobot-v1 say how long links are";
            return self.fail(format!("{field}: quantity"), quantity.name(), expected);
        }
        if matches!(quantity, Quantity::Effort | Quantity::Power) && self.model.is_none() {
            let expected = "another: equations do not say what their actuators apply";
            return self.fail(format!("{field}: quantity"), quantity.name(), expected);
        }
        let goal = self.document.commands.first().is_some_and(|command| command.value.len() == 3);
        if quantity.needs_goal() && !goal {
            let expected = format!("a first command of 3 values for {}", quantity.name());
            return self.fail("commands", "without one", expected);
        }
        Ok(())
    }
}
