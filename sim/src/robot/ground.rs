//! What a robot stands on: a level floor, or one of the task's terrains with level ground around it.
//!
//! rapier's height fields rise along y and run along x and z; turned by a quarter turn about x they rise along z. Every
//! world shares the shapes, so that picking one at a reset copies no heights.

use super::model::{FRICTION, RobotModel, either};
use crate::terrain::{Terrain, TerrainSet};
use rapier3d::dynamics::{RigidBodyBuilder, RigidBodyHandle};
use rapier3d::geometry::{ColliderBuilder, ColliderHandle, InteractionGroups, SharedShape};
use rapier3d::math::{Pose, Rotation, Vector};
use rapier3d::parry::shape::HeightFieldFlags;
use rapier3d::parry::utils::Array2;

/// The level ground's width and thickness. Boxes, so that it has bounds: nothing far from it costs anything.
const FLOOR_M: [f32; 2] = [200.0, 1.0];

/// The collider that takes the shape of an episode's terrain.
#[derive(Clone)]
pub(crate) struct Ground {
    pub(crate) collider: ColliderHandle,
    /// In the order of the task's terrains.
    pub(crate) shapes: Vec<SharedShape>,
    /// The level ground around it.
    pub(crate) around: [ColliderHandle; 4],
}

impl RobotModel {
    /// A level floor whose top is at height 0.
    pub(crate) fn add_floor(&mut self) {
        let body = self.bodies.insert(RigidBodyBuilder::fixed());
        self.add_slab(body, [0.0; 2], [FLOOR_M[0]; 2], 1.0);
    }

    /// The task's terrains; the first of them until an episode picks one.
    pub(crate) fn add_terrain(&mut self, terrains: &TerrainSet) {
        let shapes: Vec<SharedShape> = terrains.terrains().iter().map(|terrain| shape(terrain)).collect();
        let (Some(first), Some(terrain)) = (shapes.first(), terrains.terrains().first()) else { return };
        let friction = terrains.friction() as f32;
        let body = self.bodies.insert(RigidBodyBuilder::fixed());
        let quarter = Rotation::from_axis_angle(Vector::X, core::f32::consts::FRAC_PI_2);
        let ground = ColliderBuilder::new(first.clone())
            .position(Pose::from_rotation(quarter))
            .friction(friction)
            .friction_combine_rule(FRICTION)
            .collision_groups(either(InteractionGroups::all()));
        let collider = self.colliders.insert_with_parent(ground, body, &mut self.bodies);
        let [x, y] = terrain.size_m().map(|size| size as f32);
        let across = FLOOR_M[0];
        let (beside, behind) = (0.5 * (across - x), 0.5 * (across - y));
        let slabs = [
            ([0.25 * (across + x), 0.0], [beside, across]),
            ([-0.25 * (across + x), 0.0], [beside, across]),
            ([0.0, 0.25 * (across + y)], [x, behind]),
            ([0.0, -0.25 * (across + y)], [x, behind]),
        ];
        let around = slabs.map(|(middle, size)| self.add_slab(body, middle, size, friction));
        self.ground = Some(Ground { collider, shapes, around });
    }

    /// The colliders that stand fast, but for the terrain, the level ground around it and the task's objects.
    pub(crate) fn scenery(&self) -> Vec<ColliderHandle> {
        let ground = self.ground.as_ref();
        let is_ground = |handle| {
            ground.is_some_and(|ground| ground.collider == handle || ground.around.contains(&handle))
        };
        let fixed = self.colliders.iter().filter(|(_, collider)| {
            let body = collider.parent().and_then(|parent| self.bodies.get(parent));
            body.is_none_or(rapier3d::dynamics::RigidBody::is_fixed)
        });
        let is_object = |handle| self.objects.iter().any(|object| object.collider == handle);
        let fixed = fixed.map(|(handle, _)| handle);
        fixed.filter(|handle| !is_ground(*handle) && !is_object(*handle)).collect()
    }

    /// A level box whose top is at height 0.
    fn add_slab(
        &mut self,
        body: RigidBodyHandle,
        middle: [f32; 2],
        size: [f32; 2],
        friction: f32,
    ) -> ColliderHandle {
        let thickness = FLOOR_M[1];
        let slab = ColliderBuilder::cuboid(0.5 * size[0], 0.5 * size[1], 0.5 * thickness)
            .translation(Vector::new(middle[0], middle[1], -0.5 * thickness))
            .friction(friction)
            .friction_combine_rule(FRICTION)
            .collision_groups(either(InteractionGroups::all()));
        self.colliders.insert_with_parent(slab, body, &mut self.bodies)
    }
}

/// A height field: its rows run against the terrain's y, its columns along x, and both split cells along the same diagonal.
fn shape(terrain: &Terrain) -> SharedShape {
    let [columns, rows] = terrain.cells();
    let heights =
        Array2::from_fn(rows + 1, columns + 1, |row, column| terrain.grid_height(column, rows - row));
    let [x, y] = terrain.size_m().map(|size| size as f32);
    // Without it a foot that slides over level ground would stumble over the edges between triangles.
    let flags = HeightFieldFlags::FIX_INTERNAL_EDGES;
    SharedShape::heightfield_with_flags(heights, Vector::new(x, 1.0, y), flags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;
    use rapier3d::parry::query::Ray;

    fn rough() -> Terrain {
        let height = |x: f64, y: f64| 0.3 * libm::sin(2.0 * x) * libm::cos(3.0 * y) + 0.05 * x;
        Terrain::new([6.0, 4.0], 0.1, height)
    }

    fn turned() -> Pose {
        Pose::from_rotation(Rotation::from_axis_angle(Vector::X, core::f32::consts::FRAC_PI_2))
    }

    #[test]
    fn rapiers_height_field_is_the_terrain() {
        let (terrain, mut stream) = (rough(), Stream::new(2, 0, 0));
        let (shape, mut same, mut others) = (shape(&terrain), 0, 0);
        for _ in 0..3000 {
            let origin = [stream.uniform(-2.8, 2.8), stream.uniform(-1.8, 1.8), stream.uniform(0.5, 2.0)];
            let direction = stream.direction();
            let vector = |v: [f64; 3]| Vector::from_array(v.map(|value| value as f32));
            let ray = Ray::new(vector(origin), vector(direction));
            let theirs = shape.cast_ray(&turned(), &ray, 8.0, true).map(f64::from);
            let ours = terrain.cast(origin, direction, 8.0);
            // Beyond the field there is other ground.
            let Some(theirs) = theirs else { continue };
            let ours = ours.unwrap_or(f64::INFINITY);
            if (theirs - ours).abs() < 1e-4 {
                same += 1;
            } else {
                others += 1;
            }
        }
        // Where a ray grazes the ground, rounding decides how far it goes.
        assert!(same > 700 && others < 4, "{same} the same, {others} others");
    }

    /// Why [`Terrain::cast`] exists: rapier's rays slip through between the triangles.
    #[test]
    fn rapiers_rays_on_edges_can_miss() {
        let (terrain, mut missed) = (rough(), 0);
        let shape = shape(&terrain);
        for column in -29..=29 {
            for row in -19..=19 {
                let (x, y) = (0.1 * column as f32, 0.1 * row as f32);
                let ray = Ray::new(Vector::new(x, y, 2.0), Vector::new(0.0, 0.0, -1.0));
                match shape.cast_ray(&turned(), &ray, 8.0, true) {
                    Some(distance) => {
                        let height = terrain.height(x.into(), y.into());
                        assert!((2.0 - f64::from(distance) - height).abs() < 1e-4);
                    }
                    None => missed += 1,
                }
            }
        }
        assert!(missed > 0, "rapier's rays miss nothing any more: Terrain::cast can go");
    }
}
