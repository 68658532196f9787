//! What a model's file says of its bodies that no physics needs: [`Appearance`], names, colours, shapes that touch nothing.
//!
//! It is read once, beside the bodies themselves. Shapes that collide are not kept here: what a world draws of them is
//! what it simulates, terrain of an episode included.

use super::scene::Shape;
use super::world::drawn;
use rapier3d::dynamics::RigidBodyHandle;
use rapier3d_mjcf::mjcf_rs::body::Geom;
use rapier3d_mjcf::mjcf_rs::model::Model;
use rapier3d_mjcf::{MjcfBody, MjcfRobot};

/// MuJoCo's viewer shows geoms of the groups below it unless it is told otherwise.
const HIDDEN_GROUPS: i32 = 3;

/// How a model looks, body by body; the world comes first.
#[derive(Debug, Default)]
pub(crate) struct Appearance {
    pub(super) bodies: Vec<BodyAppearance>,
}

/// How a body looks.
#[derive(Debug)]
pub(super) struct BodyAppearance {
    pub(super) name: String,
    pub(super) parent: Option<usize>,
    /// Absent where the physics has no use for it.
    pub(super) handle: Option<RigidBodyHandle>,
    /// Of the body's colliders, in their order; empty where that order is not the file's.
    pub(super) colliders: Vec<Look>,
    /// Shapes that touch nothing.
    pub(super) visuals: Vec<Shape>,
    /// Among the loader's bodies.
    index: usize,
}

/// How a shape looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) color: Option<[f64; 4]>,
    pub(super) shown: bool,
}

impl Look {
    /// Of a shape of which no file says anything.
    pub(super) const PLAIN: Self = Self { color: None, shown: true };
}

impl BodyAppearance {
    /// Of an object that a task places.
    pub(super) fn of_object(name: &str, handle: RigidBodyHandle, look: Look) -> Self {
        Self {
            name: name.to_owned(),
            parent: Some(0),
            handle: Some(handle),
            colliders: vec![look],
            visuals: Vec::new(),
            index: usize::MAX,
        }
    }
}

impl Appearance {
    /// Reads what the loader and, where it is kept, the file's document say.
    pub(super) fn read(robot: &MjcfRobot, document: Option<&Model>) -> Self {
        // A body with several joints stands as several in physics, and as one here.
        let seen = || robot.bodies.iter().enumerate().filter(|(_, body)| !body.is_intermediate);
        let place = |id: usize| seen().position(|(_, body)| body.mjcf_body_id == id);
        let mut bodies: Vec<BodyAppearance> = Vec::new();
        for (index, body) in seen() {
            let entry = document.and_then(|document| document.bodies.get(body.mjcf_body_id));
            let geoms = entry.map_or(&[][..], |entry| &entry.body.geoms);
            bodies.push(BodyAppearance {
                name: unique(
                    body.name.as_deref().unwrap_or(if index == 0 { "world" } else { "body" }),
                    &bodies,
                ),
                parent: entry.and_then(|entry| entry.parent).and_then(place),
                handle: None,
                colliders: collider_looks(body, geoms, document),
                visuals: visuals(body, geoms),
                index,
            });
        }
        Self { bodies }
    }

    /// Ties the bodies to the physics', once they are inserted.
    pub(super) fn bind(mut self, of_file: &[Option<RigidBodyHandle>]) -> Self {
        for body in &mut self.bodies {
            body.handle = of_file.get(body.index).copied().flatten();
        }
        self
    }

    /// A body's place among the bodies.
    pub(super) fn place(&self, handle: RigidBodyHandle) -> Option<usize> {
        self.bodies.iter().position(|body| body.handle == Some(handle))
    }
}

/// Files need not name their bodies, and pictures need them told apart.
fn unique(name: &str, taken: &[BodyAppearance]) -> String {
    let free = |name: &String| taken.iter().all(|body| body.name != *name);
    let numbered = (2..=taken.len() + 1).map(|number| format!("{name} {number}"));
    std::iter::once(name.to_owned()).chain(numbered).find(free).unwrap_or_default()
}

fn collides(geom: &Geom) -> bool {
    geom.contype != 0 || geom.conaffinity != 0
}

fn collider_looks(body: &MjcfBody, geoms: &[Geom], document: Option<&Model>) -> Vec<Look> {
    let looks = geoms.iter().filter(|geom| collides(geom)).map(|geom| {
        let material = geom.material.as_deref().and_then(|name| document?.assets.material(name));
        Look {
            color: geom.rgba.or_else(|| material.and_then(|material| material.rgba)),
            shown: geom.group < HIDDEN_GROUPS,
        }
    });
    let looks: Vec<Look> = looks.collect();
    // The loader drops what it cannot build, and then nothing says which geom a collider came from.
    if looks.len() == body.colliders.len() { looks } else { Vec::new() }
}

fn visuals(body: &MjcfBody, geoms: &[Geom]) -> Vec<Shape> {
    let hidden: Vec<bool> =
        geoms.iter().filter(|geom| !collides(geom)).map(|geom| geom.group >= HIDDEN_GROUPS).collect();
    let known = hidden.len() == body.visual_meshes.len();
    let visuals = body.visual_meshes.iter().enumerate().flat_map(|(index, visual)| {
        let look =
            Look { color: visual.rgba.map(|color| color.map(f64::from)), shown: !(known && hidden[index]) };
        drawn(&visual.shape, visual.local_pose, look)
    });
    visuals.collect()
}
