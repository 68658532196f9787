//! Things beside the robot that a task places: [`ModelObject`], fixed ones to stumble over and free ones to push.
//!
//! A free object is one more body of the model's, so that what randomization does to bodies it does to objects by their names.
//! None of this is part of the robot's identity, its hash.

use super::appearance::{BodyAppearance, Look};
use super::model::{FRICTION, RobotModel, either};
use crate::task::{ObjectDocument, Solid};
use rapier3d::dynamics::{MassProperties, RigidBodyBuilder, RigidBodyHandle};
use rapier3d::geometry::{ColliderBuilder, ColliderHandle, InteractionGroups, SharedShape};
use rapier3d::math::{Pose, Rotation, Vector};

/// An object in a model.
#[derive(Clone, Debug)]
pub(crate) struct ModelObject {
    pub(crate) body: RigidBodyHandle,
    pub(crate) collider: ColliderHandle,
    /// Where the file places it, before anything is drawn.
    pub(crate) position_m: [f64; 3],
    pub(crate) orientation: [f64; 4],
    pub(crate) is_free: bool,
}

impl RobotModel {
    /// Adds objects that were checked.
    ///
    /// # Errors
    /// The name of one that the model has already.
    pub(crate) fn add_objects(&mut self, objects: &[ObjectDocument]) -> Result<(), String> {
        for object in objects {
            let taken = self.body_names.iter().map(String::as_str).chain(self.surface_names());
            if taken.chain(["world"]).any(|name| name == object.name) {
                return Err(object.name.clone());
            }
            self.add_object(object);
        }
        Ok(())
    }

    fn add_object(&mut self, object: &ObjectDocument) {
        let (shape, place) = solid(object.solid());
        let builder =
            if object.mass_kg.is_some() { RigidBodyBuilder::dynamic() } else { RigidBodyBuilder::fixed() };
        let pose = Pose::from_parts(vector(object.position_m), rotation(object.orientation));
        let body = self.bodies.insert(builder.pose(pose).can_sleep(false));
        let properties = object.mass_kg.map(|mass| mass_properties(&shape, place, mass));
        let collider = ColliderBuilder::new(shape)
            .position(place)
            .density(0.0)
            .friction(object.friction as f32)
            .restitution(object.restitution as f32)
            .friction_combine_rule(FRICTION)
            .collision_groups(either(InteractionGroups::all()));
        let collider = self.colliders.insert_with_parent(collider, body, &mut self.bodies);
        if let Some(properties) = properties {
            self.bodies[body].set_additional_mass_properties(properties, false);
            self.bodies[body].recompute_mass_properties_from_colliders(&self.colliders);
            self.moving.push(body);
            self.masses.push((body, properties));
            self.body_names.push(object.name.clone());
            self.free_objects.push(self.objects.len());
        }
        self.landmarks.add_surface(&object.name, collider);
        let look = Look { color: object.color, shown: true };
        self.appearance.bodies.push(BodyAppearance::of_object(&object.name, body, look));
        self.objects.push(ModelObject {
            body,
            collider,
            position_m: object.position_m,
            orientation: object.orientation,
            is_free: object.mass_kg.is_some(),
        });
    }

    /// How many of the moving bodies are the robot's: they come first.
    pub(crate) fn robot_bodies(&self) -> usize {
        self.masses.len() - self.free_objects.len()
    }

    /// The object that a moving body is, if it is none of the robot's.
    pub(crate) fn object_of(&self, body: usize) -> Option<usize> {
        body.checked_sub(self.robot_bodies()).and_then(|place| self.free_objects.get(place)).copied()
    }
}

/// rapier's shape, and its place in a body whose z axis is the shape's.
fn solid(solid: Solid) -> (SharedShape, Pose) {
    let upright = Pose::from_rotation(Rotation::from_rotation_arc(Vector::Y, Vector::Z));
    match solid {
        Solid::Box([x, y, z]) => (SharedShape::cuboid(x as f32, y as f32, z as f32), Pose::IDENTITY),
        Solid::Sphere(radius) => (SharedShape::ball(radius as f32), Pose::IDENTITY),
        Solid::Capsule { radius, half_length } => {
            (SharedShape::capsule_z(half_length as f32, radius as f32), Pose::IDENTITY)
        }
        Solid::Cylinder { radius, half_length } => {
            (SharedShape::cylinder(half_length as f32, radius as f32), upright)
        }
    }
}

/// Of a homogeneous solid.
fn mass_properties(shape: &SharedShape, place: Pose, mass_kg: f64) -> MassProperties {
    let unit = shape.mass_properties(1.0);
    let factor = mass_kg as f32 / unit.mass();
    MassProperties::with_principal_inertia_frame(
        Vector::ZERO,
        mass_kg as f32,
        unit.principal_inertia() * factor,
        place.rotation * unit.principal_inertia_local_frame,
    )
}

fn vector(v: [f64; 3]) -> Vector {
    Vector::from_array(v.map(|value| value as f32))
}

fn rotation([w, x, y, z]: [f64; 4]) -> Rotation {
    Rotation::from_xyzw(x as f32, y as f32, z as f32, w as f32).normalize()
}
