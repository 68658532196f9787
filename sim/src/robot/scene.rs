//! What a simulated robot looks like and where its bodies are: for pictures, never for physics.
//!
//! A [`Scene`] is what does not change in an episode, [`Pose`]s are what does; both are plain numbers, so that no picture
//! depends on the physics engine. Shapes are those that collide and those that a model's file only shows, marked as its
//! own viewer would: a coarse shape that stands in for a fine one in contact is there, and not [`Shape::shown`].

use super::SimulatedRobot;
use super::model::Attachment;
use crate::task::Spin;

/// A rotor's radius as a share of the distance to its nearest neighbour: it is drawn clear of it.
const ROTOR_SHARE: f64 = 0.42;
/// A rotor without a neighbour, m.
const LONE_ROTOR_RADIUS_M: f64 = 0.1;

/// A place and an orientation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    /// m.
    pub position_m: [f64; 3],
    /// To the frame in which the pose is given, w x y z.
    pub orientation: [f64; 4],
}

impl Pose {
    /// No displacement, no rotation.
    pub const IDENTITY: Self = Self { position_m: [0.0; 3], orientation: [1.0, 0.0, 0.0, 0.0] };
}

/// All that can be seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// The world itself comes first, then every body after the one that carries it.
    pub bodies: Vec<Body>,
}

/// What moves as one.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// Unique in the scene.
    pub name: String,
    /// Place in the scene of the body that carries this one; absent of the world.
    pub parent: Option<usize>,
    /// In the body's frame.
    pub shapes: Vec<Shape>,
}

/// A solid.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Its form, about its own origin.
    pub form: Form,
    /// In the body's frame.
    pub pose: Pose,
    /// Red, green, blue and opacity, 0 to 1, where the model's file says one.
    pub color: Option<[f64; 4]>,
    /// Whether the model's file means it to be looked at, or only to be touched.
    pub shown: bool,
}

/// Forms of solids; whatever has an axis has it along z.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// From the centre to each face, m.
    Box {
        /// m.
        half_extents_m: [f64; 3],
    },
    /// A ball.
    Sphere {
        /// m.
        radius_m: f64,
    },
    /// A cylinder with a half ball on either end.
    Capsule {
        /// m.
        radius_m: f64,
        /// From the centre to the centre of either half ball, m.
        half_length_m: f64,
    },
    /// A cylinder.
    Cylinder {
        /// m.
        radius_m: f64,
        /// From the centre to either end, m.
        half_length_m: f64,
    },
    /// Everything below z = 0, without end.
    Plane,
    /// A surface, or several.
    Triangles {
        /// m.
        vertices_m: Vec<[f64; 3]>,
        /// Three vertices each, counter-clockwise as seen from outside.
        triangles: Vec<[u32; 3]>,
    },
    /// The disc that a rotor sweeps.
    Rotor {
        /// m.
        radius_m: f64,
        /// As seen from above.
        clockwise: bool,
    },
}

impl SimulatedRobot {
    /// What there is to see in the present episode.
    pub fn scene(&self) -> Scene {
        let Some(model) = self.task.model() else { return Scene { bodies: Vec::new() } };
        let mut scene = self.world.scene(model);
        let base = model.base.and_then(|base| model.appearance.place(base));
        if let Some(body) = base.and_then(|place| scene.bodies.get_mut(place)) {
            body.shapes.extend(self.rotors());
        }
        scene
    }

    /// Replaces `poses` with every body's, body to world, in the order of the scene.
    pub fn poses(&self, poses: &mut Vec<Pose>) {
        poses.clear();
        if let Some(model) = self.task.model() {
            self.world.poses(model, poses);
        }
    }

    fn rotors(&self) -> Vec<Shape> {
        let Some(model) = self.task.model() else { return Vec::new() };
        let centre_m = self.world.base_centre_of_mass(model);
        let sites = self.task.actuators().iter().zip(&model.attachments);
        let sites = sites.filter_map(|(actuator, attachment)| match (actuator.rotor, attachment) {
            (Some(rotor), Attachment::Base(arm)) => {
                Some(([0, 1, 2].map(|axis| centre_m[axis] + arm[axis]), rotor.spin))
            }
            _ => None,
        });
        let sites: Vec<([f64; 3], Spin)> = sites.collect();
        let places: Vec<[f64; 3]> = sites.iter().map(|site| site.0).collect();
        let radius_m = rotor_radius_m(&places);
        let rotor = |(position_m, spin)| Shape {
            form: Form::Rotor { radius_m, clockwise: spin == Spin::Clockwise },
            pose: Pose { position_m, ..Pose::IDENTITY },
            color: None,
            shown: true,
        };
        sites.into_iter().map(rotor).collect()
    }
}

/// The model's file does not say how large rotors are.
fn rotor_radius_m(places: &[[f64; 3]]) -> f64 {
    let distance = |a: &[f64; 3], b: &[f64; 3]| crate::rotation::length([0, 1, 2].map(|i| a[i] - b[i]));
    let pairs = places.iter().enumerate().flat_map(|(index, a)| places[..index].iter().map(move |b| (a, b)));
    let nearest = pairs.map(|(a, b)| distance(a, b)).fold(f64::INFINITY, f64::min);
    if nearest.is_finite() { ROTOR_SHARE * nearest } else { LONE_ROTOR_RADIUS_M }
}
