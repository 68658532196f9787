//! Objects in a world: where an episode places them, how they move, and what rays meet of them.

use super::vary::grow;
use super::{World, vector};
use crate::randomization::{Parameter, Variation};
use crate::robot::model::RobotModel;
use crate::rotation;
use crate::truth::{BaseState, Truth};
use rapier3d::geometry::Ray;
use rapier3d::math::{Pose, Rotation};

impl World {
    /// Puts every object where this episode has it and makes it as large; `ground` is the ground's height at a point.
    pub(crate) fn place_objects(
        &mut self,
        model: &RobotModel,
        variation: &Variation,
        ground: impl Fn(f64, f64) -> f64,
    ) {
        for (index, object) in model.objects.iter().enumerate() {
            let shift = variation.apply_vector(Parameter::ObjectPosition, index, [0.0; 3]);
            let [x, y, z] = [0, 1, 2].map(|axis| object.position_m[axis] + shift[axis]);
            let yaw = variation.apply(Parameter::ObjectYaw, index, 0.0);
            let turned =
                rotation::multiply(rotation::from_rotation_vector([0.0, 0.0, yaw]), object.orientation);
            let pose = pose([x, y, z + ground(x, y)], turned);
            let physics = &mut self.physics;
            physics.bodies[object.body].set_position(pose, false);
            let Some(collider) = physics.colliders.get_mut(object.collider) else { continue };
            if variation.has(Parameter::ObjectSize) {
                grow(collider, variation.apply(Parameter::ObjectSize, index, 1.0) as f32);
            }
            let place = collider.position_wrt_parent().copied().unwrap_or(Pose::IDENTITY);
            collider.set_position(pose * place);
        }
    }

    /// Reads how objects move; those that stand fast only where an episode `starts`.
    pub(super) fn read_objects(&self, model: &RobotModel, starts: bool, truth: &mut Truth) {
        for (object, state) in model.objects.iter().zip(&mut truth.objects) {
            if object.is_free || starts {
                *state = self.motion(object.body, Pose::IDENTITY);
            }
        }
    }

    /// The distance at which a ray first meets an object, m; `objects` says where they are.
    pub(super) fn cast_at_objects(&self, ray: &Ray, range_m: f32, objects: &[BaseState]) -> Option<f32> {
        let met = self.objects.iter().zip(objects).filter_map(|(handle, state)| {
            let collider = self.physics.colliders.get(*handle)?;
            let place = collider.position_wrt_parent().copied().unwrap_or(Pose::IDENTITY);
            let pose = pose(state.position_m, state.orientation) * place;
            collider.shape().cast_ray(&pose, ray, range_m, true)
        });
        met.reduce(|nearest, distance| if distance < nearest { distance } else { nearest })
    }
}

fn pose(position_m: [f64; 3], orientation: [f64; 4]) -> Pose {
    let [w, x, y, z] = orientation.map(|value| value as f32);
    Pose::from_parts(vector(position_m), Rotation::from_xyzw(x, y, z, w))
}
