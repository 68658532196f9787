//! Forces on bodies, set without rapier's noticing.
//!
//! rapier lists every body that was accessed mutably, and in the step after rebuilds its solver's tables: a quarter of what a lone
//! body's step costs. No force stands in those tables; forces are read anew in every step. So a force is set and its body
//! taken off the list again, which rapier empties when its mutable iterator is made. A body that was taken off stays marked as
//! listed: whatever else is changed of bodies is announced by [`World::announce`], which lists them all. Were rapier to
//! treat its list otherwise one day, forces would cost what they cost before and mean the same.
//!
//! Where joints are constraints every access counts: rapier then also assembles its joints anew, in an order that a restored
//! world could not repeat if it had been kept.

use super::{World, vector};
use crate::randomization::{Parameter, Variation};
use crate::robot::model::RobotModel;
use rapier3d::dynamics::{RigidBody, RigidBodyHandle};
use rapier3d::math::Vector;

impl World {
    /// Forgets the forces of the last step; rapier would keep applying them.
    pub(crate) fn clear_forces(&mut self, model: &RobotModel) {
        for handle in &model.moving {
            let body = &self.physics.bodies[*handle];
            if body.user_force() != Vector::ZERO || body.user_torque() != Vector::ZERO {
                self.act_on(*handle, |body| {
                    body.reset_forces(false);
                    body.reset_torques(false);
                });
            }
        }
        self.clear_joint_efforts(model);
    }

    /// Adds a force in N through the base's centre of mass and a torque in N m, world frame.
    pub(crate) fn add_base_wrench(&mut self, model: &RobotModel, force: [f64; 3], torque: [f64; 3]) {
        let Some(base) = model.base else { return };
        if force == [0.0; 3] && torque == [0.0; 3] {
            return;
        }
        self.act_on(base, |body| {
            body.add_force(vector(force), false);
            body.add_torque(vector(torque), false);
        });
    }

    /// Adds forces in N through the centres of mass of bodies, world frame.
    pub(crate) fn add_forces(&mut self, model: &RobotModel, variation: &Variation) {
        if !variation.has(Parameter::Force) {
            return;
        }
        for (index, (handle, _)) in model.masses.iter().enumerate() {
            if variation.covers(Parameter::Force, index) {
                let force = vector(variation.apply_vector(Parameter::Force, index, [0.0; 3]));
                self.act_on(*handle, |body| body.add_force(force, false));
            }
        }
    }

    /// Lets rapier know that bodies are about to be changed in more than the forces on them.
    pub(super) fn announce(&mut self) {
        if self.hides_forces && !self.announced {
            self.physics.bodies.iter_mut().for_each(drop);
        }
        self.announced = true;
    }

    /// Sets forces on a body.
    fn act_on(&mut self, handle: RigidBodyHandle, act: impl FnOnce(&mut RigidBody)) {
        act(&mut self.physics.bodies[handle]);
        if self.hides_forces && !self.announced {
            let _ = self.physics.bodies.iter_mut();
        }
    }
}
