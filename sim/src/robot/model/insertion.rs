//! Puts a robot into rapier's sets, in either formulation: [`Inserted`].

use crate::robot::joint::{Formulation, Holder};
use rapier3d::dynamics::{
    GenericJointBuilder, ImpulseJointSet, JointAxesMask, MassProperties, MultibodyJointSet, RigidBodyHandle,
    RigidBodySet,
};
use rapier3d::geometry::ColliderSet;
use rapier3d_mjcf::{MjcfJoint, MjcfJointHandle, MjcfMultibodyOptions, MjcfRobot};

/// A robot in rapier's sets.
pub(super) struct Inserted {
    pub(super) bodies: RigidBodySet,
    pub(super) colliders: ColliderSet,
    pub(super) impulse_joints: ImpulseJointSet,
    pub(super) multibody_joints: MultibodyJointSet,
    pub(super) bodies_of_file: Vec<Option<RigidBodyHandle>>,
    /// Parent and child of each of the robot's joints.
    pub(super) ends: Vec<(RigidBodyHandle, RigidBodyHandle)>,
    /// Of each of the robot's joints.
    pub(super) holders: Vec<Holder>,
}

impl Inserted {
    /// `written` are the robot's joints, which insertion consumes.
    pub(super) fn new(
        robot: MjcfRobot,
        written: &[MjcfJoint],
        formulation: Formulation,
    ) -> Result<Self, String> {
        let (mut bodies, mut colliders) = (RigidBodySet::new(), ColliderSet::new());
        let (mut impulse_joints, mut multibody_joints) = (ImpulseJointSet::new(), MultibodyJointSet::new());
        let (bodies_of_file, ends, holders): (Vec<_>, Vec<_>, Vec<_>) = match formulation {
            Formulation::Multibody => {
                let handles = robot.insert_using_multibody_joints(
                    &mut bodies,
                    &mut colliders,
                    &mut multibody_joints,
                    &mut impulse_joints,
                    MjcfMultibodyOptions::empty(),
                );
                let closes = |joint: &MjcfJoint| format!("joint {:?} closes a loop", joint.name);
                let holders = handles.joints.iter().zip(written).map(|(inserted, joint)| {
                    Ok(Holder::Multibody(inserted.joint.ok_or_else(|| closes(joint))?))
                });
                let holders = holders.collect::<Result<_, String>>()?;
                (handles.bodies, ends(&handles.joints), holders)
            }
            Formulation::JointConstraints => {
                let handles =
                    robot.insert_using_impulse_joints(&mut bodies, &mut colliders, &mut impulse_joints);
                let mut friction = |inserted: &MjcfJointHandle<_>, joint: &MjcfJoint| {
                    let free = GenericJointBuilder::new(JointAxesMask::empty())
                        .contacts_enabled(false)
                        .local_frame1(joint.joint.local_frame1)
                        .local_frame2(joint.joint.local_frame2);
                    impulse_joints.insert(inserted.link1, inserted.link2, free, false)
                };
                let holders = handles.joints.iter().zip(written).map(|(inserted, joint)| {
                    Holder::Constraint { joint: inserted.joint, friction: friction(inserted, joint) }
                });
                let holders = holders.collect();
                (handles.bodies, ends(&handles.joints), holders)
            }
        };
        let bodies_of_file = bodies_of_file.into_iter().map(|body| body.map(|body| body.body)).collect();
        Ok(Self { bodies, colliders, impulse_joints, multibody_joints, bodies_of_file, ends, holders })
    }

    /// Lets pairs of the file's bodies pass through each other: a joint that holds nothing says so.
    pub(super) fn keep_apart(&mut self, pairs: &[(usize, usize)]) {
        for (first, second) in pairs {
            if let (Some(first), Some(second)) = (self.bodies_of_file[*first], self.bodies_of_file[*second]) {
                let free = GenericJointBuilder::new(JointAxesMask::empty()).contacts_enabled(false);
                self.impulse_joints.insert(first, second, free, false);
            }
        }
    }
}

/// Parent and child of each joint.
fn ends<H>(joints: &[MjcfJointHandle<H>]) -> Vec<(RigidBodyHandle, RigidBodyHandle)> {
    joints.iter().map(|joint| (joint.link1, joint.link2)).collect()
}

/// Makes every body's mass properties effective and reads them back; `spacers` have none.
pub(super) fn masses<'a>(
    bodies: &mut RigidBodySet,
    colliders: &ColliderSet,
    spacers: &[RigidBodyHandle],
    name: impl Fn(RigidBodyHandle) -> &'a str,
) -> Result<Vec<(RigidBodyHandle, MassProperties)>, String> {
    let mut masses = Vec::new();
    for (handle, body) in bodies.iter_mut() {
        if !body.is_dynamic() || spacers.contains(&handle) {
            continue;
        }
        body.recompute_mass_properties_from_colliders(colliders);
        let properties = body.mass_properties().local_mprops;
        let moments = properties.principal_inertia();
        if !(body.mass() > 0.0 && body.mass().is_finite()) {
            return Err(format!("a moving body without mass: {:?}", name(handle)));
        }
        if !(moments.min_element() > 0.0 && moments.is_finite()) {
            return Err(format!(
                "body {:?} moves and has moments of inertia of {moments} kg m²",
                name(handle)
            ));
        }
        masses.push((handle, properties));
    }
    Ok(masses)
}
