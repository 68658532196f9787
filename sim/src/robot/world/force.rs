//! Forces on bodies, set without rapier's noticing.
//!
//! rapier lists every body that was accessed mutably, and in the step after rebuilds its solver's tables: a quarter of what a lone
//! body's step costs. No force stands in those tables; forces are read anew in every step. So forces are set and the list is
//! emptied before the step, as rapier does when its mutable iterator is made. A body that was taken off stays marked as
//! listed: whatever else is changed of bodies is announced by [`World::announce`], which lists them all. Were rapier to
//! treat its list otherwise one day, forces would cost what they cost before and mean the same.
//!
//! Where joints are constraints rapier also keeps their assembly, in an order that depends on the contacts there were when it
//! was made; a world that is restored assembles anew. Both agree because every policy period begins with an assembly, and
//! states are taken between periods.

use super::{World, vector};
use crate::randomization::{Parameter, Variation};
use crate::robot::model::RobotModel;
use rapier3d::math::Vector;

impl World {
    /// Forgets the forces of the last step; rapier would keep applying them.
    pub(crate) fn clear_forces(&mut self, model: &RobotModel) {
        for handle in &model.moving {
            let body = &self.physics.bodies[*handle];
            if body.user_force() != Vector::ZERO || body.user_torque() != Vector::ZERO {
                let body = &mut self.physics.bodies[*handle];
                body.reset_forces(false);
                body.reset_torques(false);
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
        let body = &mut self.physics.bodies[base];
        body.add_force(vector(force), false);
        body.add_torque(vector(torque), false);
    }

    /// Adds forces in N through the centres of mass of bodies, world frame.
    pub(crate) fn add_forces(&mut self, model: &RobotModel, variation: &Variation) {
        if !variation.has(Parameter::Force) {
            return;
        }
        for (index, (handle, _)) in model.masses.iter().enumerate() {
            if variation.covers(Parameter::Force, index) {
                let force = vector(variation.apply_vector(Parameter::Force, index, [0.0; 3]));
                self.physics.bodies[*handle].add_force(force, false);
            }
        }
    }

    /// At the start of a policy period.
    pub(crate) fn begin_period(&mut self, model: &RobotModel) {
        if !model.impulse_joints.is_empty() {
            self.announce();
        }
    }

    /// Lets rapier know that bodies are about to be changed in more than the forces on them.
    pub(super) fn announce(&mut self) {
        if !self.announced {
            self.physics.bodies.iter_mut().for_each(drop);
        }
        self.announced = true;
    }

    /// Takes the bodies off rapier's list whose forces alone were changed.
    pub(super) fn hide_forces(&mut self) {
        if !self.announced {
            let _ = self.physics.bodies.iter_mut();
        }
    }
}
