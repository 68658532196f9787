//! Which of a model's sites and surfaces a task names anywhere: only these are computed in a physics step.

use super::Task;
use super::document::{SensorDocument, SensorQuantity, TaskDocument};
use crate::robot::BASE_SITE;

/// The names, each once, in the order in which the task first names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Watched {
    pub(super) sites: Vec<String>,
    pub(super) contacts: Vec<String>,
}

impl Watched {
    /// Collects the names of a task that was checked.
    pub(super) fn new(document: &TaskDocument) -> Self {
        let mut watched = Self::default();
        for sensor in document.sensors.iter().chain(&document.privileged.sensors) {
            add(&mut watched.sites, site(sensor));
            add(&mut watched.contacts, sensor.geom.as_deref());
        }
        for term in &document.reward {
            add(&mut watched.sites, term.site.as_deref());
            term.contacts.iter().for_each(|name| add(&mut watched.contacts, Some(name)));
        }
        for termination in &document.termination {
            add(&mut watched.sites, termination.site.as_deref());
            termination.contacts.iter().for_each(|name| add(&mut watched.contacts, Some(name)));
        }
        add(&mut watched.sites, document.success.as_ref().and_then(|success| success.site.as_deref()));
        document.truth.sites.iter().for_each(|name| add(&mut watched.sites, Some(name)));
        document.truth.contacts.iter().for_each(|name| add(&mut watched.contacts, Some(name)));
        watched
    }
}

fn add(names: &mut Vec<String>, name: Option<&str>) {
    if let Some(name) = name.filter(|name| names.iter().all(|known| known != name)) {
        names.push(name.to_owned());
    }
}

/// The site of which a sensor reads more than the base tells.
pub(super) fn site(sensor: &SensorDocument) -> Option<&str> {
    let accelerometer = sensor.quantity == SensorQuantity::BaseAcceleration;
    sensor.site.as_deref().or(accelerometer.then_some(BASE_SITE))
}

impl Task {
    /// Names of the sites in [`crate::Truth::sites`].
    pub fn site_names(&self) -> &[String] {
        &self.inner.watched.sites
    }

    /// Names of the geoms and bodies in [`crate::Truth::contacts`].
    pub fn contact_names(&self) -> &[String] {
        &self.inner.watched.contacts
    }
}
