//! Reading, placing and driving joints, in reduced coordinates and as constraints alike.

use super::World;
use crate::quantity::wrapped;
use crate::robot::joint::{Holder, JointKind, Link, ModelJoint};
use crate::robot::model::RobotModel;
use crate::truth::JointState;
use rapier3d::dynamics::{MultibodyLink, RigidBodySet};
use rapier3d::math::{Pose, Vector};

/// Stiffness of the spring that carries an effort in reduced coordinates, N m/rad or N/m: its other end is so far away that the
/// joint's own position and speed change no bit of its force. A power of two, so that the way to that end is exact.
const CARRIER_STIFFNESS: f32 = 1.0 / (1_u64 << 60) as f32;

impl World {
    /// Puts joints into a state; the base is where it belongs already.
    pub(crate) fn set_joints(&mut self, model: &RobotModel, states: &[JointState]) {
        for (joint, state) in model.joints.iter().zip(states) {
            if let Holder::Multibody(handle) = joint.holder {
                let physics = &mut self.physics;
                let Some((multibody, link_id)) = physics.multibody_joints.get_mut(handle) else { continue };
                let Some(link) = multibody.link_mut(link_id) else { continue };
                let displacement = state.position as f32 - link.joint.coords()[joint.kind.coordinate()];
                link.joint.apply_displacement(&[displacement]);
                let row = link.assembly_id();
                multibody.generalized_velocity_mut()[row] = state.velocity as f32;
            }
        }
        self.place_multibodies(model);
        if model.joints.iter().any(|joint| matches!(joint.holder, Holder::Constraint { .. })) {
            self.place_links(model, states);
        }
    }

    /// Brings the bodies of every multibody to where its coordinates say.
    fn place_multibodies(&mut self, model: &RobotModel) {
        let physics = &mut self.physics;
        let mut placed = None;
        for joint in &model.joints {
            let child = self.links[joint.link].child;
            let index = physics.multibody_joints.rigid_body_link(child).map(|link| link.multibody);
            // A multibody's joints stand together: once is enough for all of them.
            if index == placed {
                continue;
            }
            placed = index;
            if let Some(multibody) = index.and_then(|index| physics.multibody_joints.get_multibody_mut(index))
            {
                multibody.forward_kinematics(&physics.bodies, true);
                multibody.update_rigid_bodies(&mut physics.bodies, false);
            }
        }
    }

    /// Forward kinematics, link by link from the base outwards: poses and velocities that satisfy every constraint.
    fn place_links(&mut self, model: &RobotModel, states: &[JointState]) {
        let bodies = &mut self.physics.bodies;
        for (index, Link { parent, child, frames: [frame1, frame2] }) in self.links.iter().enumerate() {
            let jointed = model.joints.iter().zip(states).find(|(joint, _)| joint.link == index);
            let motion =
                jointed.map_or(Pose::IDENTITY, |(joint, state)| joint.kind.motion(state.position as f32));
            let above = &bodies[*parent];
            let frame = *above.position() * *frame1;
            let pose = frame * motion * frame2.inverse();
            let axis = frame.rotation * Vector::X;
            let anchor = (frame * motion).translation;
            let (mut angular, mut linear) = (above.angvel(), above.velocity_at_point(anchor));
            if let Some((joint, state)) = jointed {
                match joint.kind {
                    JointKind::Hinge => angular += axis * state.velocity as f32,
                    JointKind::Slide => linear += axis * state.velocity as f32,
                }
            }
            let body = &mut bodies[*child];
            body.set_position(pose, false);
            body.set_angvel(angular, false);
            // rapier's velocity is that of the centre of mass.
            let arm = body.center_of_mass() - anchor;
            body.set_linvel(linear + angular.cross(arm), false);
        }
    }

    /// A joint's state; `before` says how many turns a hinge has made.
    pub(super) fn joint_state(&self, joint: &ModelJoint, before: JointState) -> JointState {
        match joint.holder {
            Holder::Multibody(handle) => {
                if let Some((multibody, link)) = self.physics.multibody_joints.get(handle)
                    && let Some(link) = multibody.link(link)
                {
                    return JointState {
                        position: link.joint.coords()[joint.kind.coordinate()].into(),
                        velocity: multibody.joint_velocity(link)[0].into(),
                    };
                }
                before
            }
            Holder::Constraint { .. } => {
                measured(&self.physics.bodies, &self.links[joint.link], joint.kind, before)
            }
        }
    }

    /// Limits a joint's speed, rad/s or m/s; returns whether it was beyond.
    pub(crate) fn clip_joint_speed(&mut self, model: &RobotModel, joint: usize, limit: f64) -> bool {
        let ends = &model.joints[joint];
        let state = self.joint_state(ends, JointState::default());
        if state.velocity.abs() <= limit {
            return false;
        }
        let clipped = limit.copysign(state.velocity);
        match ends.holder {
            Holder::Multibody(handle) => {
                if let Some((multibody, link)) = self.physics.multibody_joints.get_mut(handle)
                    && let Some(row) = multibody.link(link).map(MultibodyLink::assembly_id)
                {
                    multibody.generalized_velocity_mut()[row] = clipped as f32;
                }
            }
            Holder::Constraint { .. } => {
                let Link { child, frames: [_, frame2], .. } = self.links[ends.link];
                let body = &mut self.physics.bodies[child];
                let frame = *body.position() * frame2;
                let change = frame.rotation * Vector::X * (clipped - state.velocity) as f32;
                match ends.kind {
                    JointKind::Hinge => {
                        let arm = body.center_of_mass() - frame.translation;
                        body.set_angvel(body.angvel() + change, false);
                        body.set_linvel(body.linvel() + change.cross(arm), false);
                    }
                    JointKind::Slide => body.set_linvel(body.linvel() + change, false),
                }
            }
        }
        true
    }

    /// Adds a hinge's torque in N m or a slide's force in N.
    ///
    /// rapier has no generalized force, but a spring on a multibody's coordinate: its force enters the same sum as gravity's, and
    /// no body is touched, after which rapier would rebuild its solver's tables. A constraint takes the effort on the child and
    /// its opposite on the parent.
    pub(crate) fn add_joint_effort(&mut self, model: &RobotModel, joint: usize, effort: f64) {
        let joint = &model.joints[joint];
        let effort = effort as f32;
        match joint.holder {
            Holder::Multibody(handle) => {
                if let Some((multibody, link)) = self.physics.multibody_joints.get_mut(handle)
                    && let Some(link) = multibody.link_mut(link)
                {
                    let axis = joint.kind.coordinate();
                    let (own, rest) = link.joint.spring(axis);
                    let stiffness = if own > 0.0 { own } else { CARRIER_STIFFNESS };
                    link.joint.set_spring(axis, stiffness, rest + effort / stiffness);
                }
            }
            Holder::Constraint { .. } => {
                self.add_effort_to_bodies(self.links[joint.link], joint.kind, effort);
            }
        }
    }

    fn add_effort_to_bodies(&mut self, link: Link, kind: JointKind, effort: f32) {
        let Link { parent, child, frames: [_, frame2] } = link;
        let frame = *self.physics.bodies[child].position() * frame2;
        let effort = frame.rotation * Vector::X * effort;
        for (body, effort) in [(child, effort), (parent, -effort)] {
            let body = &mut self.physics.bodies[body];
            match kind {
                JointKind::Hinge => body.add_torque(effort, false),
                JointKind::Slide => body.add_force_at_point(effort, frame.translation, false),
            }
        }
    }

    /// Leaves every multibody joint with the spring of its file alone.
    pub(super) fn clear_joint_efforts(&mut self, model: &RobotModel) {
        for joint in &model.joints {
            if let Holder::Multibody(handle) = joint.holder
                && let Some((nominal, id)) = model.multibody_joints.get(handle)
                && let Some(nominal) = nominal.link(id)
                && let Some((multibody, _)) = self.physics.multibody_joints.get_mut(handle)
                && let Some(link) = multibody.link_mut(id)
            {
                let axis = joint.kind.coordinate();
                let (stiffness, rest) = nominal.joint.spring(axis);
                link.joint.set_spring(axis, stiffness, rest);
            }
        }
    }
}

/// Position and velocity of a joint from the poses and velocities of its two bodies.
fn measured(bodies: &RigidBodySet, link: &Link, kind: JointKind, before: JointState) -> JointState {
    let Link { parent, child, frames: [frame1, frame2] } = *link;
    let (above, below) = (&bodies[parent], &bodies[child]);
    let (first, second) = (*above.position() * frame1, *below.position() * frame2);
    let relative = first.inverse() * second;
    let axis = first.rotation * Vector::X;
    match kind {
        JointKind::Hinge => {
            let turn = relative.rotation;
            let angle = 2.0 * libm::atan2(turn.x.into(), turn.w.into());
            JointState {
                position: before.position + wrapped(angle - before.position),
                velocity: axis.dot(below.angvel() - above.angvel()).into(),
            }
        }
        JointKind::Slide => {
            let anchor = second.translation;
            let velocity = below.velocity_at_point(anchor) - above.velocity_at_point(anchor);
            JointState { position: relative.translation.x.into(), velocity: axis.dot(velocity).into() }
        }
    }
}
