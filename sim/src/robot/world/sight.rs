//! What rays meet in a world beside its terrain.

use super::{World, vector};
use crate::truth::BaseState;
use rapier3d::geometry::Ray;

impl World {
    /// The distance at which a ray first meets something that stands fast, or one of the task's objects where they are given, m,
    /// within `range_m`; 0 where it starts in it.
    pub(crate) fn cast(
        &self,
        origin_m: [f64; 3],
        direction: [f64; 3],
        range_m: f64,
        objects: &[BaseState],
    ) -> Option<f64> {
        let ray = Ray::new(vector(origin_m), vector(direction));
        let met = self.scenery.iter().filter_map(|handle| {
            let collider = self.physics.colliders.get(*handle)?;
            collider.shape().cast_ray(collider.position(), &ray, range_m as f32, true)
        });
        let met = met.chain(self.cast_at_objects(&ray, range_m as f32, objects));
        met.map(f64::from).reduce(|nearest, distance| if distance < nearest { distance } else { nearest })
    }
}
