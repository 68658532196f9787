//! What of a model a task refers to beside its joints: sites, and surfaces whose contacts are felt.
//!
//! [`Landmarks`] knows every name of the file; a task picks those that it names, and only these are computed in a step.

use super::model::{self, RobotModel};
use rapier3d::dynamics::{RigidBodyHandle, RigidBodySet};
use rapier3d::geometry::ColliderHandle;
use rapier3d::math::{Pose, Rotation, Vector};
use rapier3d_mjcf::MjcfRobot;
use std::collections::BTreeMap;

/// The site that every model with a floating base has: the base's origin and axes.
pub(crate) const BASE_SITE: &str = "base";

/// A point with axes, fixed to a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    /// Absent where it is fixed to the ground.
    pub(crate) body: Option<RigidBodyHandle>,
    /// In the body.
    pub(crate) pose: Pose,
}

/// Everything of a model that has a name, and what a task picked of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Landmarks {
    sites: BTreeMap<String, Site>,
    /// The colliders of each named geom and of each named body; a geom goes before a body of the same name.
    surfaces: BTreeMap<String, Vec<ColliderHandle>>,
    pub(crate) watched_sites: Vec<Site>,
    pub(crate) watched_surfaces: Vec<Vec<ColliderHandle>>,
}

/// The names of a file's robot, which its insertion into a world consumes.
pub(crate) struct FileNames {
    /// Each body's place in the document, and its name; absent for one that only stands between two joints.
    bodies: Vec<Option<(usize, Option<String>)>>,
    /// Each geom's body and place in that body.
    geoms: BTreeMap<String, (usize, usize)>,
}

impl FileNames {
    pub(crate) fn new(robot: &MjcfRobot) -> Self {
        let body = |body: &rapier3d_mjcf::MjcfBody| {
            (!body.is_intermediate).then(|| (body.mjcf_body_id, body.name.clone()))
        };
        let geoms = robot.geom_name_to_collider.iter().map(|(name, place)| (name.clone(), *place));
        Self { bodies: robot.bodies.iter().map(body).collect(), geoms: geoms.collect() }
    }

    /// Finds what the names belong to; `inserted` are the robot's bodies.
    pub(crate) fn locate(
        &self,
        sites: &[model::Site],
        inserted: &[Option<RigidBodyHandle>],
        bodies: &RigidBodySet,
        base: Option<RigidBodyHandle>,
    ) -> Landmarks {
        let mut landmarks = Landmarks::default();
        if let Some(base) = base {
            let origin = Site { body: Some(base), pose: Pose::IDENTITY };
            landmarks.sites.insert(BASE_SITE.to_owned(), origin);
        }
        for (index, (named, handle)) in self.bodies.iter().zip(inserted).enumerate() {
            let Some((place, name)) = named else { continue };
            for site in sites.iter().filter(|site| site.body == index) {
                let [w, x, y, z] = site.orientation.map(|part| part as f32);
                let translation = Vector::from_array(site.position.map(|part| part as f32));
                let pose = Pose::from_parts(translation, Rotation::from_xyzw(x, y, z, w));
                // The world's own body is inserted only where something hangs from it.
                let body = handle.filter(|_| *place != 0);
                landmarks.sites.insert(site.name.clone(), Site { body, pose });
            }
            let colliders = handle.map_or(&[][..], |handle| bodies[handle].colliders());
            if let Some(name) = name.as_ref().filter(|_| !colliders.is_empty()) {
                landmarks.surfaces.insert(name.clone(), colliders.to_vec());
            }
        }
        for (name, (body, place)) in &self.geoms {
            let body = inserted.get(*body).copied().flatten();
            if let Some(collider) = body.and_then(|body| bodies[body].colliders().get(*place)) {
                landmarks.surfaces.insert(name.clone(), vec![*collider]);
            }
        }
        landmarks
    }
}

impl Landmarks {
    /// Names one more surface.
    pub(crate) fn add_surface(&mut self, name: &str, collider: ColliderHandle) {
        self.surfaces.insert(name.to_owned(), vec![collider]);
    }
}

impl RobotModel {
    /// Names of the sites.
    pub(crate) fn site_names(&self) -> impl Iterator<Item = &str> {
        self.landmarks.sites.keys().map(String::as_str)
    }

    /// Names of the geoms that collide, and of the bodies that carry such.
    pub(crate) fn surface_names(&self) -> impl Iterator<Item = &str> {
        self.landmarks.surfaces.keys().map(String::as_str)
    }

    /// From now on these sites and surfaces are read in every step; names that the model lacks are left out.
    pub(crate) fn watch(&mut self, sites: &[String], surfaces: &[String]) {
        let marks = &mut self.landmarks;
        marks.watched_sites = sites.iter().filter_map(|name| marks.sites.get(name)).copied().collect();
        marks.watched_surfaces =
            surfaces.iter().filter_map(|name| marks.surfaces.get(name)).cloned().collect();
    }
}
