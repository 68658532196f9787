//! One robot in one rapier world: the boundary where rapier's glam and nalgebra meet this crate's arrays.
//!
//! No type of rapier leaves this module. A reset clones the model's sets into a fresh pipeline, so an episode cannot
//! depend on the one before it. Each episode's masses and frictions take effect before its first step.

mod force;
mod joints;
mod objects;
mod scene;
mod sight;
mod touch;
mod vary;

pub(crate) use scene::drawn;

pub(crate) use touch::Since;

use super::joint::Link;
use super::landmark::Site;
use super::model::RobotModel;
use crate::error::SimError;
use crate::randomization::Variation;
use crate::rotation;
use crate::truth::{BaseState, Truth};
use rapier3d::dynamics::{
    CCDSolver, ImpulseJointSet, IntegrationParameters, IslandManager, MultibodyJointSet, RigidBodyHandle,
    RigidBodySet,
};
use rapier3d::geometry::{BroadPhaseBvh, ColliderHandle, ColliderSet, NarrowPhase};
use rapier3d::math::{Pose, Rotation, Vector};
use rapier3d::pipeline::{PhysicsPipeline, PhysicsWorld};
use serde::{Deserialize, Serialize};

/// All of a [`World`] that a step changes: rapier's sets with their contacts and warm starts.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct WorldState {
    islands: IslandManager,
    broad_phase: BroadPhaseBvh,
    narrow_phase: NarrowPhase,
    bodies: RigidBodySet,
    colliders: ColliderSet,
    impulse_joints: ImpulseJointSet,
    multibody_joints: MultibodyJointSet,
    announced: bool,
}

/// One robot in one rapier world.
pub(crate) struct World {
    physics: PhysicsWorld,
    /// The model's links with this episode's sizes.
    links: Vec<Link>,
    /// The watched sites in bodies of these sizes.
    sites: Vec<Site>,
    physics_period_s: f64,
    /// What rays can meet beside the terrain.
    scenery: Vec<ColliderHandle>,
    /// The task's objects, which rays meet too.
    objects: Vec<ColliderHandle>,
    /// Whether rapier's list of changed bodies counts in the step to come: `force`.
    announced: bool,
}

impl World {
    pub(crate) fn new(model: &RobotModel, physics_period_s: f64, solver_iterations: u32) -> Self {
        let integration_parameters = IntegrationParameters {
            dt: physics_period_s as f32,
            // A task says how many: delays and actuators are resolved to the step, not to substeps of it.
            num_solver_iterations: solver_iterations as usize,
            max_ccd_substeps: 0,
            ..IntegrationParameters::default()
        };
        let physics =
            PhysicsWorld { gravity: model.gravity, integration_parameters, ..PhysicsWorld::default() };
        Self {
            physics,
            links: model.links.clone(),
            sites: model.landmarks.watched_sites.clone(),
            physics_period_s,
            scenery: model.scenery(),
            objects: model.objects.iter().map(|object| object.collider).collect(),
            announced: true,
        }
    }

    pub(crate) fn state(&self) -> WorldState {
        let physics = &self.physics;
        WorldState {
            islands: physics.islands.clone(),
            broad_phase: physics.broad_phase.clone(),
            narrow_phase: physics.narrow_phase.clone(),
            bodies: physics.bodies.clone(),
            colliders: physics.colliders.clone(),
            impulse_joints: physics.impulse_joints.clone(),
            multibody_joints: physics.multibody_joints.clone(),
            announced: self.announced,
        }
    }

    /// Goes on from the state of a world of the same model in an episode that drew the same; what rapier keeps beside it
    /// are workspaces.
    pub(crate) fn restore(
        &mut self,
        model: &RobotModel,
        variation: &Variation,
        state: &WorldState,
    ) -> Result<(), SimError> {
        self.vary_all(model, variation);
        let physics = &mut self.physics;
        SimError::check_lengths(&[
            ("bodies", physics.bodies.len(), state.bodies.len()),
            ("colliders", physics.colliders.len(), state.colliders.len()),
        ])?;
        physics.islands.clone_from(&state.islands);
        physics.broad_phase.clone_from(&state.broad_phase);
        physics.narrow_phase.clone_from(&state.narrow_phase);
        physics.bodies.clone_from(&state.bodies);
        physics.colliders.clone_from(&state.colliders);
        physics.impulse_joints.clone_from(&state.impulse_joints);
        physics.multibody_joints.clone_from(&state.multibody_joints);
        physics.ccd_solver = CCDSolver::new();
        physics.physics_pipeline = PhysicsPipeline::new();
        self.announced = state.announced;
        Ok(())
    }

    /// The model at rest in its file's pose on a terrain, with all that this episode drew.
    pub(crate) fn reset(&mut self, model: &RobotModel, terrain: usize, variation: &Variation) {
        let physics = &mut self.physics;
        // Every body of a model is new.
        self.announced = true;
        physics.bodies.clone_from(&model.bodies);
        physics.colliders.clone_from(&model.colliders);
        physics.impulse_joints.clone_from(&model.impulse_joints);
        physics.multibody_joints.clone_from(&model.multibody_joints);
        physics.islands = IslandManager::new();
        physics.broad_phase = BroadPhaseBvh::new();
        physics.narrow_phase = NarrowPhase::new();
        physics.ccd_solver = CCDSolver::new();
        physics.physics_pipeline = PhysicsPipeline::new();
        if let Some(ground) = &model.ground
            && let (Some(collider), Some(shape)) =
                (physics.colliders.get_mut(ground.collider), ground.shapes.get(terrain))
        {
            collider.set_shape(shape.clone());
        }
        self.vary_all(model, variation);
    }

    /// Puts the floating base into a state.
    pub(crate) fn set_base(&mut self, model: &RobotModel, state: &BaseState) {
        let Some(base) = model.base else { return };
        let [w, x, y, z] = state.orientation.map(|value| value as f32);
        let pose = Pose::from_parts(vector(state.position_m), Rotation::from_xyzw(x, y, z, w));
        let angular = rotation::to_world(state.orientation, state.angular_velocity_rad_per_s);
        let body = &mut self.physics.bodies[base];
        body.set_position(pose, false);
        body.set_angvel(vector(angular), false);
        // rapier's velocity is that of the centre of mass.
        let arm = body.center_of_mass() - body.translation();
        body.set_linvel(vector(state.velocity_m_per_s) + vector(angular).cross(arm), false);
        self.set_multibody_root(base, vector(state.velocity_m_per_s), vector(angular));
    }

    /// A base that carries joints is the root of a multibody, whose own coordinates rule the body's.
    fn set_multibody_root(&mut self, base: RigidBodyHandle, linear: Vector, angular: Vector) {
        let physics = &mut self.physics;
        let Some(index) = physics.multibody_joints.rigid_body_link(base).map(|link| link.multibody) else {
            return;
        };
        let Some(multibody) = physics.multibody_joints.get_multibody_mut(index) else { return };
        multibody.forward_kinematics(&physics.bodies, true);
        let mut velocities = multibody.generalized_velocity_mut();
        let root = [linear.x, linear.y, linear.z, angular.x, angular.y, angular.z];
        velocities.iter_mut().zip(root).for_each(|(velocity, value)| *velocity = value);
        multibody.update_rigid_bodies(&mut physics.bodies, false);
    }

    /// Changes the base's velocity, m/s, world frame.
    fn push_base(&mut self, model: &RobotModel, change: [f64; 3]) {
        let Some(base) = model.base else { return };
        let physics = &mut self.physics;
        let body = &mut physics.bodies[base];
        body.set_linvel(body.linvel() + vector(change), false);
        let Some(index) = physics.multibody_joints.rigid_body_link(base).map(|link| link.multibody) else {
            return;
        };
        if let Some(multibody) = physics.multibody_joints.get_multibody_mut(index) {
            let mut velocities = multibody.generalized_velocity_mut();
            velocities.iter_mut().zip(change).for_each(|(velocity, value)| *velocity += value as f32);
            multibody.update_rigid_bodies(&mut physics.bodies, false);
        }
    }

    /// Advances by one physics step; whether everything stayed finite. What did not, rapier puts back to where it was and stops.
    pub(crate) fn step(&mut self) -> bool {
        self.hide_forces();
        self.physics.step();
        self.announced = false;
        let finite = self.physics.quarantine().is_empty();
        if !finite {
            self.announce();
        }
        finite
    }

    /// Present gravity, world frame.
    pub(crate) fn gravity_m_per_s2(&self) -> [f64; 3] {
        array(self.physics.gravity)
    }

    /// Reads the true state.
    pub(crate) fn read(&self, model: &RobotModel, truth: &mut Truth) {
        if let Some(base) = model.base {
            truth.base = self.motion(base, Pose::IDENTITY);
        }
        for (joint, state) in model.joints.iter().zip(&mut truth.joints) {
            *state = self.joint_state(joint, *state);
        }
    }
}

fn vector(v: [f64; 3]) -> Vector {
    Vector::new(v[0] as f32, v[1] as f32, v[2] as f32)
}

fn array(v: Vector) -> [f64; 3] {
    [v.x, v.y, v.z].map(f64::from)
}

fn quaternion(rotation: Rotation) -> [f64; 4] {
    [rotation.w, rotation.x, rotation.y, rotation.z].map(f64::from)
}
