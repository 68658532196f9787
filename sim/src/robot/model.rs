//! A robot read from MJCF: its bodies, joints and rotor sites, ready to be cloned into worlds.
//!
//! `rapier3d-mjcf` builds the bodies; everything that its defaults would add to the physics (damping that no file asked
//! for, sleeping) is taken away here, and everything a task refers to by name is resolved here.

use crate::task::{ActuatorDocument, TaskError};
use rapier3d::dynamics::{
    ImpulseJointSet, MassProperties, MultibodyJointHandle, MultibodyJointSet, RigidBodyBuilder,
    RigidBodyHandle, RigidBodySet,
};
use rapier3d::geometry::ColliderSet;
use rapier3d::math::Vector;
use rapier3d_mjcf::mjcf_rs::model::Model;
use rapier3d_mjcf::{MjcfDofKind, MjcfLoaderOptions, MjcfMultibodyOptions, MjcfRobot};
use sinew_policy_runtime::interface::ActuatorMode;

/// A robot that worlds are cloned from.
pub(crate) struct RobotModel {
    pub(crate) bodies: RigidBodySet,
    pub(crate) colliders: ColliderSet,
    pub(crate) impulse_joints: ImpulseJointSet,
    pub(crate) multibody_joints: MultibodyJointSet,
    pub(crate) gravity: Vector,
    /// Every body that moves; one that only stands between two joints of the same body has no mass.
    pub(crate) moving: Vec<RigidBodyHandle>,
    /// Dynamic bodies with the mass properties that the file states.
    pub(crate) masses: Vec<(RigidBodyHandle, MassProperties)>,
    pub(crate) joints: Vec<ModelJoint>,
    pub(crate) base: Option<RigidBodyHandle>,
    /// For each of the task's actuators, where it acts.
    pub(crate) attachments: Vec<Attachment>,
    joint_names: Vec<String>,
}

/// How a joint moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JointKind {
    /// About an axis: rad, N m.
    Hinge,
    /// Along an axis: m, N.
    Slide,
}

/// A joint of one degree of freedom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ModelJoint {
    pub(crate) kind: JointKind,
    pub(crate) handle: MultibodyJointHandle,
    pub(crate) parent: RigidBodyHandle,
    pub(crate) child: RigidBodyHandle,
    /// Viscous friction in the file, N m s/rad or N s/m.
    pub(crate) damping: f64,
    /// Dry friction in the file, N m or N.
    pub(crate) friction: f64,
}

/// Where an actuator acts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Attachment {
    /// On a joint, by its position among the joints.
    Joint(usize),
    /// On the base, at a point relative to its centre of mass, m, body frame.
    Base([f64; 3]),
}

impl std::fmt::Debug for RobotModel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RobotModel")
            .field("joint_names", &self.joint_names)
            .field("attachments", &self.attachments)
            .finish_non_exhaustive()
    }
}

impl RobotModel {
    /// Reads a model; `name` stands in errors.
    pub(crate) fn parse(xml: &str, name: &str, actuators: &[ActuatorDocument]) -> Result<Self, TaskError> {
        let fail = |reason: String| TaskError::Model { model: name.to_owned(), reason };
        let options = MjcfLoaderOptions {
            rigid_body_blueprint: RigidBodyBuilder::dynamic().can_sleep(false),
            skip_plane_geoms: false,
            disable_joint_motors: true,
            ..MjcfLoaderOptions::default()
        };
        let (robot, document) =
            MjcfRobot::from_str(xml, options, ".").map_err(|error| fail(format!("{error:#}")))?;
        if robot.qpos_dofs.iter().any(|dof| dof.kind == MjcfDofKind::Ball) {
            return Err(fail("a ball joint, expected hinge, slide or free joints".to_owned()));
        }
        let mut model = Self::insert(robot).map_err(fail)?;
        model.attachments = actuators
            .iter()
            .map(|actuator| model.attach(actuator, &document))
            .collect::<Result<_, _>>()
            .map_err(fail)?;
        Ok(model)
    }

    /// Whether the robot's base moves freely.
    pub(crate) fn has_floating_base(&self) -> bool {
        self.base.is_some()
    }

    /// Of each joint, in the file's order.
    pub(crate) fn joint_kinds(&self) -> impl Iterator<Item = JointKind> {
        self.joints.iter().map(|joint| joint.kind)
    }

    /// Names of the joints, in the file's order.
    pub(crate) fn joint_names(&self) -> &[String] {
        &self.joint_names
    }

    fn insert(robot: MjcfRobot) -> Result<Self, String> {
        let (mut bodies, mut colliders) = (RigidBodySet::new(), ColliderSet::new());
        let (mut impulse_joints, mut multibody_joints) = (ImpulseJointSet::new(), MultibodyJointSet::new());
        let gravity = robot.gravity;
        let free: Vec<usize> =
            robot.qpos_dofs.iter().filter(|dof| dof.kind == MjcfDofKind::Free).map(|dof| dof.body).collect();
        let joint_names = names(&robot)?;
        let written: Vec<(usize, JointKind, f64, f64)> = jointed(&robot)
            .map(|(index, kind)| {
                let joint = &robot.joints[index];
                (index, kind, joint.damping_per_dof.into(), joint.frictionloss_per_dof.into())
            })
            .collect();
        let spacers: Vec<bool> = robot.bodies.iter().map(|body| body.is_intermediate).collect();
        let handles = robot.insert_using_multibody_joints(
            &mut bodies,
            &mut colliders,
            &mut multibody_joints,
            &mut impulse_joints,
            MjcfMultibodyOptions::empty(),
        );
        let mut joints = Vec::new();
        for ((index, kind, damping, friction), name) in written.into_iter().zip(&joint_names) {
            let inserted = &handles.joints[index];
            let handle = inserted.joint.ok_or_else(|| format!("joint {name:?} closes a loop"))?;
            let (parent, child) = (inserted.link1, inserted.link2);
            joints.push(ModelJoint { kind, handle, parent, child, damping, friction });
        }
        let base = match free[..] {
            [] => None,
            [body] => handles.bodies[body].as_ref().map(|inserted| inserted.body),
            _ => return Err(format!("{} floating bodies, expected at most 1", free.len())),
        };
        let spacers: Vec<RigidBodyHandle> = handles
            .bodies
            .iter()
            .zip(spacers)
            .filter_map(|(body, spacer)| body.as_ref().filter(|_| spacer).map(|body| body.body))
            .collect();
        Ok(Self {
            moving: bodies.iter().filter(|(_, body)| body.is_dynamic()).map(|(handle, _)| handle).collect(),
            masses: masses(&mut bodies, &colliders, &spacers)?,
            bodies,
            colliders,
            impulse_joints,
            multibody_joints,
            gravity,
            joints,
            base,
            attachments: Vec::new(),
            joint_names,
        })
    }

    fn attach(&self, actuator: &ActuatorDocument, document: &Model) -> Result<Attachment, String> {
        if actuator.mode != ActuatorMode::RotorSpeed {
            let name = actuator.joint.as_deref().unwrap_or_default();
            let index = self.joint_names.iter().position(|joint| joint == name);
            return index.map(Attachment::Joint).ok_or_else(|| {
                format!(
                    "actuator {:?} drives joint {name:?}; the model has {:?}",
                    actuator.name, self.joint_names
                )
            });
        }
        let name = actuator.site.as_deref().unwrap_or_default();
        let Some((body, site)) = document.site_by_name(name) else {
            return Err(format!("actuator {:?} sits at site {name:?}, which the model lacks", actuator.name));
        };
        let base = self.base.ok_or_else(|| format!("rotor {:?} needs a floating base", actuator.name))?;
        let entry = &document.bodies[body].body;
        let position = entry.sites[site].pose.translation;
        let com = self.bodies[base].local_center_of_mass();
        Ok(Attachment::Base([
            position.x - f64::from(com.x),
            position.y - f64::from(com.y),
            position.z - f64::from(com.z),
        ]))
    }
}

/// Every joint's place among the robot's joints, and its kind; a floating base is none.
fn jointed(robot: &MjcfRobot) -> impl Iterator<Item = (usize, JointKind)> {
    robot.qpos_dofs.iter().filter_map(|dof| {
        let kind = if dof.kind == MjcfDofKind::Slide { JointKind::Slide } else { JointKind::Hinge };
        Some((dof.joint?, kind))
    })
}

/// Names of the joints: tasks refer to them, so each has one of its own.
fn names(robot: &MjcfRobot) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = Vec::new();
    for (index, _) in jointed(robot) {
        let name = robot.joints[index].name.clone().unwrap_or_default();
        if name.is_empty() || names.contains(&name) {
            return Err(format!("joint {name:?}, expected a name of its own"));
        }
        names.push(name);
    }
    Ok(names)
}

/// Makes every body's mass properties effective and reads them back; `spacers` have none.
fn masses(
    bodies: &mut RigidBodySet,
    colliders: &ColliderSet,
    spacers: &[RigidBodyHandle],
) -> Result<Vec<(RigidBodyHandle, MassProperties)>, String> {
    let mut masses = Vec::new();
    for (handle, body) in bodies.iter_mut() {
        if !body.is_dynamic() || spacers.contains(&handle) {
            continue;
        }
        body.recompute_mass_properties_from_colliders(colliders);
        if body.mass() <= 0.0 || body.mass().is_nan() {
            return Err("a moving body without mass".to_owned());
        }
        masses.push((handle, body.mass_properties().local_mprops));
    }
    Ok(masses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Task;

    fn close(found: Vector, expected: [f32; 3], tolerance: f32) {
        assert!(
            (found - Vector::from_array(expected)).length() < tolerance,
            "{found}, expected {expected:?}"
        );
    }

    #[test]
    fn the_pendulum_has_the_masses_and_the_axis_of_its_file() {
        let task = Task::load("pendulum").unwrap();
        let model = task.model().unwrap();
        assert_eq!(
            (model.masses.len(), model.joint_names(), model.has_floating_base()),
            (1, &["hinge".to_owned()][..], false)
        );
        let mass = &model.masses[0].1;
        assert_eq!(mass.mass(), 1.0);
        close(mass.local_com, [0.0, 0.0, 0.5], 1e-7);
        close(mass.principal_inertia(), [1.0 / 12.0, 1.0 / 12.0, 1e-4], 1e-7);
        close(model.gravity, [0.0, 0.0, -10.0], 1e-6);
        let (multibody, link) = model.multibody_joints.get(model.joints[0].handle).unwrap();
        let joint = multibody.link(link).unwrap().joint.data;
        close(joint.local_frame2.rotation * Vector::X, [1.0, 0.0, 0.0], 1e-6);
        close(joint.local_frame2.translation, [0.0; 3], 1e-7);
        assert_eq!((model.joints[0].damping, model.joints[0].friction), (0.0, 0.0));
    }

    #[test]
    fn the_quadrotor_has_the_masses_and_the_sites_of_its_file() {
        let task = Task::load("quadrotor").unwrap();
        let model = task.model().unwrap();
        assert_eq!((model.masses.len(), model.joints.len(), model.has_floating_base()), (1, 0, true));
        let mass = &model.masses[0].1;
        assert_eq!(mass.mass(), 0.027);
        close(mass.local_com, [0.0; 3], 1e-9);
        close(mass.principal_inertia(), [1.4e-5, 1.4e-5, 2.17e-5], 1e-11);
        let arm = 0.028_072_1;
        let expected = [[arm, arm, 0.0], [arm, -arm, 0.0], [-arm, -arm, 0.0], [-arm, arm, 0.0]];
        assert_eq!(model.attachments, expected.map(Attachment::Base));
    }
}
