//! A robot's identity: SHA-256 over a canonical encoding of what its file resolved to.
//!
//! Two files that say the same in other words, or with other comments, have one hash; a changed number has another, as far
//! as single precision tells it. The encoding: every string as its length (u64) and bytes, every list as its length and
//! items, numbers little-endian, in the order below.

use super::{JointLimits, RobotModel};
use crate::robot::joint::JointKind;
use rapier3d::dynamics::GenericJoint;
use rapier3d::geometry::{Collider, ColliderHandle, TypedShape};
use rapier3d::math::{Pose, Vector};
use rapier3d_mjcf::MjcfJoint;
use sha2::{Digest, Sha256};

/// The encoding's own name, so that another version never gives the same hash.
const VERSION: &str = "sinew robot 1";

/// What ties two of the robot's bodies together beside its joints, and whether it does.
pub(super) type Closure = (usize, usize, bool, GenericJoint);

/// The hash of a model; `written` are the file's joints, `apart` the pairs of bodies that never touch.
pub(super) fn of(
    model: &RobotModel,
    body_names: &[String],
    written: &[MjcfJoint],
    closures: &[Closure],
    apart: &[(usize, usize)],
) -> [u8; 32] {
    let mut canonical = Canonical(Sha256::new());
    canonical.text(VERSION);
    canonical.vector(model.gravity);
    canonical.length(body_names.len());
    for (name, handle) in body_names.iter().zip(&model.bodies_of_file) {
        canonical.text(name);
        let Some(handle) = handle else { continue };
        let body = &model.bodies[*handle];
        canonical.length(usize::from(body.is_dynamic()));
        canonical.pose(*body.position());
        if let Some((_, mass)) = model.masses.iter().find(|(massive, _)| massive == handle) {
            canonical.number(mass.mass());
            canonical.vector(mass.local_com);
            canonical.vector(mass.principal_inertia());
            canonical.pose(Pose::from_parts(Vector::ZERO, mass.principal_inertia_local_frame));
        }
        let mut colliders: Vec<ColliderHandle> = body.colliders().to_vec();
        colliders.sort_by_key(|collider| collider.into_raw_parts());
        canonical.length(colliders.len());
        for collider in &colliders {
            canonical.collider(&model.colliders[*collider]);
        }
    }
    canonical.length(written.len());
    for joint in written {
        canonical.written(joint);
    }
    canonical.length(closures.len());
    for (first, second, active, joint) in closures {
        canonical.length(*first);
        canonical.length(*second);
        canonical.length(usize::from(*active));
        canonical.frames(joint);
    }
    for (((name, joint), limits), default) in
        model.joint_names.iter().zip(&model.joints).zip(&model.limits).zip(&model.default_pose)
    {
        canonical.text(name);
        canonical.length(usize::from(joint.kind == JointKind::Slide));
        canonical.limits(limits);
        canonical.numbers(&[*default]);
    }
    for coupling in &model.couplings {
        canonical.length(coupling.leader);
        canonical.length(coupling.follower);
        canonical.numbers(&[coupling.multiplier, coupling.offset]);
    }
    for site in &model.sites {
        canonical.text(&site.name);
        canonical.length(site.body);
        canonical.numbers(&site.position);
    }
    for (first, second) in apart {
        canonical.length(*first);
        canonical.length(*second);
    }
    canonical.0.finalize().into()
}

struct Canonical(Sha256);

impl Canonical {
    fn length(&mut self, length: usize) {
        self.0.update((length as u64).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.update(text.as_bytes());
    }

    fn number(&mut self, number: f32) {
        // Both zeros are one number.
        self.0.update((number + 0.0).to_le_bytes());
    }

    fn numbers(&mut self, numbers: &[f64]) {
        self.length(numbers.len());
        for number in numbers {
            self.0.update((number + 0.0).to_le_bytes());
        }
    }

    fn vector(&mut self, vector: Vector) {
        vector.to_array().into_iter().for_each(|number| self.number(number));
    }

    fn pose(&mut self, pose: Pose) {
        self.vector(pose.translation);
        pose.rotation.to_array().iter().for_each(|number| self.number(*number));
    }

    fn limits(&mut self, limits: &JointLimits) {
        let JointLimits { position, soft_position, effort, velocity } = limits;
        for range in [position, soft_position] {
            self.numbers(range.as_ref().map_or(&[], |range| &range[..]));
        }
        for limit in [effort, velocity] {
            self.numbers(limit.as_ref().map_or(&[], std::slice::from_ref));
        }
    }

    fn frames(&mut self, joint: &GenericJoint) {
        self.length(joint.locked_axes.bits().into());
        self.pose(joint.local_frame1);
        self.pose(joint.local_frame2);
    }

    /// A joint of the file, with or without freedom.
    fn written(&mut self, joint: &MjcfJoint) {
        self.length(joint.link1);
        self.length(joint.link2);
        self.frames(&joint.joint);
        let (time, ratio) = joint.springdamper.unwrap_or_default();
        for number in [
            joint.damping_per_dof,
            joint.armature_per_dof,
            joint.frictionloss_per_dof,
            joint.spring_stiffness_per_dof,
            joint.spring_ref,
            time,
            ratio,
        ] {
            self.number(number);
        }
    }

    fn collider(&mut self, collider: &Collider) {
        self.pose(collider.position_wrt_parent().copied().unwrap_or(*collider.position()));
        self.number(collider.friction());
        self.number(collider.contact_skin());
        let groups = collider.collision_groups();
        self.length(groups.memberships.bits() as usize);
        self.length(groups.filter.bits() as usize);
        match collider.shape().as_typed_shape() {
            TypedShape::Ball(ball) => {
                self.text("ball");
                self.number(ball.radius);
            }
            TypedShape::Cuboid(cuboid) => {
                self.text("cuboid");
                self.vector(cuboid.half_extents);
            }
            TypedShape::Capsule(capsule) => {
                self.text("capsule");
                self.vector(capsule.segment.a);
                self.vector(capsule.segment.b);
                self.number(capsule.radius);
            }
            TypedShape::Cylinder(cylinder) => {
                self.text("cylinder");
                self.number(cylinder.half_height);
                self.number(cylinder.radius);
            }
            TypedShape::HalfSpace(plane) => {
                self.text("plane");
                self.vector(plane.normal);
            }
            TypedShape::ConvexPolyhedron(hull) => {
                self.text("hull");
                self.length(hull.points().len());
                hull.points().iter().for_each(|point| self.vector(*point));
            }
            // The readers make no other; its box at least would tell two apart.
            _ => {
                let bounds = collider.shape().compute_local_aabb();
                self.text("other");
                self.vector(bounds.mins);
                self.vector(bounds.maxs);
            }
        }
    }
}
