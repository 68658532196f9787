//! How the watched sites move and what the watched surfaces touch, after a physics step.

use super::{World, array, quaternion};
use crate::robot::landmark::Site;
use crate::robot::model::RobotModel;
use crate::rotation;
use crate::truth::{BaseState, ContactState, SiteState, Truth};
use rapier3d::dynamics::{RigidBody, RigidBodyHandle};
use rapier3d::geometry::{ColliderHandle, ContactManifold, ContactPair, NEW_CONTACT_BIT};
use rapier3d::math::{Pose, Vector};

/// What a velocity's difference to the one read before means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// Nothing: an episode starts.
    Start,
    /// A physics step.
    Step,
    /// A correction at the end of the same step.
    Correction,
}

impl World {
    /// Reads the sites and contacts that the task names.
    pub(crate) fn read_watched(&self, model: &RobotModel, since: Since, truth: &mut Truth) {
        for (site, state) in self.sites.iter().zip(&mut truth.sites) {
            self.read_site(site, since, state);
        }
        self.read_objects(model, since == Since::Start, truth);
        for (surface, state) in model.landmarks.watched_surfaces.iter().zip(&mut truth.contacts) {
            match since {
                Since::Start => *state = ContactState::default(),
                Since::Step => {
                    let impulse: f64 = surface.iter().map(|collider| self.normal_impulse(*collider)).sum();
                    *state = state.after(impulse / self.physics_period_s, self.physics_period_s);
                }
                Since::Correction => {}
            }
        }
    }

    fn read_site(&self, site: &Site, since: Since, state: &mut SiteState) {
        let before = state.motion.velocity_m_per_s;
        state.motion = match site.body {
            Some(body) => self.motion(body, site.pose),
            None => BaseState {
                position_m: array(site.pose.translation),
                orientation: quaternion(site.pose.rotation),
                ..BaseState::default()
            },
        };
        let velocity = state.motion.velocity_m_per_s;
        let gained = [0, 1, 2].map(|axis| (velocity[axis] - before[axis]) / self.physics_period_s);
        state.acceleration_m_per_s2 = match since {
            Since::Start => [0.0; 3],
            Since::Step => gained,
            Since::Correction => [0, 1, 2].map(|axis| state.acceleration_m_per_s2[axis] + gained[axis]),
        };
    }

    /// Motion of a frame that is fixed to a body.
    pub(super) fn motion(&self, handle: RigidBodyHandle, frame: Pose) -> BaseState {
        let body = &self.physics.bodies[handle];
        let pose = *body.position() * frame;
        let (linear, angular) = self.velocity(handle, body);
        let arm = pose.translation - body.center_of_mass();
        let orientation = quaternion(pose.rotation);
        BaseState {
            position_m: array(pose.translation),
            velocity_m_per_s: array(linear + angular.cross(arm)),
            orientation,
            angular_velocity_rad_per_s: rotation::to_body(orientation, array(angular)),
        }
    }

    /// Velocity of a body's centre of mass and angular velocity, world frame.
    ///
    /// A multibody's bodies keep the velocities that they had before the last solver iteration, so there the generalized
    /// velocities count, through the Jacobian at the present pose.
    fn velocity(&self, handle: RigidBodyHandle, body: &RigidBody) -> (Vector, Vector) {
        let joints = &self.physics.multibody_joints;
        let link = joints.rigid_body_link(handle);
        let Some((link, multibody)) =
            link.and_then(|link| Some((link, joints.get_multibody(link.multibody)?)))
        else {
            return (body.linvel(), body.angvel());
        };
        let mut rates = [0.0; 6];
        let speeds = multibody.generalized_velocity();
        for (column, speed) in multibody.body_jacobian(link.id).column_iter().zip(speeds.iter()) {
            rates.iter_mut().zip(column.iter()).for_each(|(rate, value)| *rate += value * speed);
        }
        let [x, y, z, roll, pitch, yaw] = rates;
        (Vector::new(x, y, z), Vector::new(roll, pitch, yaw))
    }

    /// Sum of the normal impulses over all contacts of a collider in the last physics step, N s.
    fn normal_impulse(&self, collider: ColliderHandle) -> f64 {
        let pairs = self.physics.narrow_phase.contact_pairs_with(collider);
        pairs.flat_map(ContactPair::solver_manifolds).map(manifold_impulse).sum()
    }
}

/// Points that the solver did not take keep the impulse of the step in which it last did: only those that it took count.
fn manifold_impulse(manifold: &ContactManifold) -> f64 {
    let taken = manifold
        .data
        .solver_contacts
        .iter()
        .filter_map(|contact| manifold.points.get((contact.contact_id[0] & !NEW_CONTACT_BIT) as usize));
    taken.map(|point| f64::from(point.data.impulse)).sum()
}
