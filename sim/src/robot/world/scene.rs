//! What a world holds, as plain shapes and poses.

use super::{World, array};
use crate::robot::appearance::{BodyAppearance, Look};
use crate::robot::model::RobotModel;
use crate::robot::scene::{Body, Form, Pose, Scene, Shape};
use rapier3d::dynamics::RigidBodyHandle;
use rapier3d::geometry::{SharedShape, TypedShape};
use rapier3d::math::{Pose as Isometry, Rotation, Vector};
use std::collections::BTreeMap;

impl World {
    /// Every body with its shapes; what the model's file does not know of, such as a task's floor, is the world's.
    pub(crate) fn scene(&self, model: &RobotModel) -> Scene {
        let body = |appearance: &BodyAppearance| {
            let mut shapes = appearance.visuals.clone();
            if let Some(handle) = appearance.handle {
                shapes.extend(self.colliders_of(handle, &appearance.colliders));
            }
            Body { name: appearance.name.clone(), parent: appearance.parent, shapes }
        };
        let mut bodies: Vec<Body> = model.appearance.bodies.iter().map(body).collect();
        if let Some(world) = bodies.first_mut() {
            world.shapes.extend(self.strangers(model));
        }
        Scene { bodies }
    }

    fn colliders_of(&self, handle: RigidBodyHandle, looks: &[Look]) -> Vec<Shape> {
        let colliders = self.physics.bodies[handle].colliders().iter().enumerate();
        let shapes = colliders.flat_map(|(index, collider)| {
            let look = looks.get(index).copied().unwrap_or(Look::PLAIN);
            let collider = &self.physics.colliders[*collider];
            let pose = collider.position_wrt_parent().copied().unwrap_or(Isometry::IDENTITY);
            drawn(collider.shared_shape(), pose, look)
        });
        shapes.collect()
    }

    /// Colliders on no body of the model's file.
    fn strangers(&self, model: &RobotModel) -> Vec<Shape> {
        let strange = self.physics.colliders.iter().filter(|(_, collider)| {
            collider.parent().is_none_or(|parent| model.appearance.place(parent).is_none())
        });
        strange
            .flat_map(|(_, collider)| {
                // A collider's own place is up to date only once it was simulated.
                let parent = collider.parent().map(|parent| *self.physics.bodies[parent].position());
                let local = collider.position_wrt_parent().copied();
                let pose = parent.zip(local).map_or(*collider.position(), |(parent, local)| parent * local);
                drawn(collider.shared_shape(), pose, Look::PLAIN)
            })
            .collect()
    }

    /// Appends each body's pose, in the order of the scene.
    pub(crate) fn poses(&self, model: &RobotModel, poses: &mut Vec<Pose>) {
        poses.extend(model.appearance.bodies.iter().map(|body| {
            body.handle.map_or(Pose::IDENTITY, |handle| plain(*self.physics.bodies[handle].position()))
        }));
    }

    /// Of the floating base, m, body frame.
    pub(crate) fn base_centre_of_mass(&self, model: &RobotModel) -> [f64; 3] {
        model.base.map_or([0.0; 3], |base| array(self.physics.bodies[base].local_center_of_mass()))
    }
}

/// One of rapier's shapes at a pose; none of those that no model's file can name.
pub(crate) fn drawn(shape: &SharedShape, pose: Isometry, look: Look) -> Vec<Shape> {
    let turned = |axis: Vector| Isometry::from_rotation(Rotation::from_rotation_arc(Vector::Z, axis));
    let (form, own) = match shape.as_typed_shape() {
        TypedShape::Ball(ball) => (Form::Sphere { radius_m: ball.radius.into() }, Isometry::IDENTITY),
        TypedShape::Cuboid(cuboid) => {
            (Form::Box { half_extents_m: array(cuboid.half_extents) }, Isometry::IDENTITY)
        }
        TypedShape::Capsule(capsule) => {
            let [a, b] = [capsule.segment.a, capsule.segment.b];
            let half_length = 0.5 * (b - a).length();
            let axis = if half_length > 0.0 { (b - a) / (2.0 * half_length) } else { Vector::Z };
            let own = Isometry::from_translation(0.5 * (a + b)) * turned(axis);
            let form = Form::Capsule { radius_m: capsule.radius.into(), half_length_m: half_length.into() };
            (form, own)
        }
        TypedShape::Cylinder(cylinder) => {
            let (radius_m, half_length_m) = (cylinder.radius.into(), cylinder.half_height.into());
            (Form::Cylinder { radius_m, half_length_m }, turned(Vector::Y))
        }
        TypedShape::HalfSpace(space) => (Form::Plane, turned(space.normal)),
        TypedShape::TriMesh(mesh) => (welded(mesh.vertices(), mesh.indices()), Isometry::IDENTITY),
        TypedShape::ConvexPolyhedron(hull) => {
            let (vertices, triangles) = hull.to_trimesh();
            (welded(&vertices, &triangles), Isometry::IDENTITY)
        }
        TypedShape::HeightField(field) => {
            let (vertices, triangles) = field.to_trimesh();
            (welded(&vertices, &triangles), Isometry::IDENTITY)
        }
        TypedShape::Compound(compound) => {
            let parts = compound.shapes().iter();
            return parts.flat_map(|(part, shape)| drawn(shape, pose * *part, look)).collect();
        }
        _ => return Vec::new(),
    };
    vec![Shape { form, pose: plain(pose * own), color: look.color, shown: look.shown }]
}

/// Triangles whose equal vertices are one.
fn welded(vertices: &[Vector], triangles: &[[u32; 3]]) -> Form {
    let mut places = BTreeMap::new();
    let mut kept = Vec::new();
    let mut place = |vertex: &Vector| -> u32 {
        // Adding 0 makes both zeros one.
        let key = [vertex.x, vertex.y, vertex.z].map(|value| (value + 0.0).to_bits());
        *places.entry(key).or_insert_with(|| {
            kept.push(array(*vertex));
            kept.len() as u32 - 1
        })
    };
    let triangles =
        triangles.iter().map(|corners| corners.map(|corner| place(&vertices[corner as usize]))).collect();
    Form::Triangles { vertices_m: kept, triangles }
}

fn plain(pose: Isometry) -> Pose {
    let rotation = pose.rotation;
    let orientation = [rotation.w, rotation.x, rotation.y, rotation.z].map(f64::from);
    Pose { position_m: array(pose.translation), orientation }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rapier3d::geometry::{Collider, ColliderBuilder};

    fn one(collider: impl Into<Collider>) -> Shape {
        let collider: Collider = collider.into();
        let mut shapes = drawn(collider.shared_shape(), *collider.position(), Look::PLAIN);
        assert_eq!(shapes.len(), 1);
        shapes.remove(0)
    }

    /// Where a shape's z axis points.
    fn axis(shape: &Shape) -> [f64; 3] {
        crate::rotation::to_world(shape.pose.orientation, [0.0, 0.0, 1.0])
    }

    fn close(found: [f64; 3], expected: [f64; 3]) {
        let apart = [0, 1, 2].map(|i| found[i] - expected[i]);
        assert!(crate::rotation::length(apart) < 1e-6, "{found:?}, expected {expected:?}");
    }

    #[test]
    fn whatever_has_an_axis_has_it_along_z() {
        let leaning = Rotation::from_rotation_x(0.3);
        let turned = |builder: ColliderBuilder| builder.rotation(leaning.to_scaled_axis());
        close(axis(&one(turned(ColliderBuilder::cylinder(0.5, 0.1)))), array(leaning * Vector::Y));
        close(axis(&one(turned(ColliderBuilder::capsule_x(0.5, 0.1)))), array(leaning * Vector::X));
        close(
            axis(&one(turned(ColliderBuilder::halfspace(nalgebra::Unit::new_unchecked(Vector::Y))))),
            array(leaning * Vector::Y),
        );
        let capsule =
            one(ColliderBuilder::capsule_from_endpoints(Vector::ZERO, Vector::new(0.0, 3.0, 4.0), 0.5));
        assert_eq!(capsule.form, Form::Capsule { radius_m: 0.5, half_length_m: 2.5 });
        close(capsule.pose.position_m, [0.0, 1.5, 2.0]);
        close(axis(&capsule), [0.0, 0.6, 0.8]);
    }

    #[test]
    fn surfaces_are_triangles_with_shared_vertices() {
        let corners = [0.0_f32, 1.0].map(|z| [[0.0, 0.0, z], [1.0, 0.0, z], [0.0, 1.0, z]]).concat();
        let corners: Vec<Vector> = corners.into_iter().map(Vector::from_array).collect();
        let hull = one(ColliderBuilder::convex_hull(&corners).unwrap());
        let Form::Triangles { vertices_m, triangles } = hull.form else { panic!("{hull:?}") };
        assert_eq!((vertices_m.len(), triangles.len()), (6, 8));
        // Seen from outside they turn counter-clockwise: the volume is positive.
        let volume: f64 = triangles
            .iter()
            .map(|corners| {
                let [a, b, c] = corners.map(|corner| vertices_m[corner as usize]);
                let across = crate::rotation::cross(b, c);
                (a[0] * across[0] + a[1] * across[1] + a[2] * across[2]) / 6.0
            })
            .sum();
        assert!((volume - 0.5).abs() < 1e-6, "{volume}");
    }

    #[test]
    fn a_compound_is_its_parts() {
        let ball = |x: f32| (Isometry::from_translation(Vector::X * x), SharedShape::ball(0.5));
        let collider: Collider = ColliderBuilder::compound(vec![ball(-1.0), ball(2.0)]).build();
        let shapes = drawn(collider.shared_shape(), Isometry::from_translation(Vector::Y), Look::PLAIN);
        let places: Vec<[f64; 3]> = shapes.iter().map(|shape| shape.pose.position_m).collect();
        assert_eq!(places, [[-1.0, 1.0, 0.0], [2.0, 1.0, 0.0]]);
    }
}
