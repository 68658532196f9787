//! A robot read from MJCF: its bodies, joints and rotor sites, ready to be cloned into worlds.
//!
//! `rapier3d-mjcf` builds the bodies; everything that its defaults would add to the physics (damping that no file asked
//! for, sleeping) is taken away here, and everything a task refers to by name is resolved here.

use super::appearance::Appearance;
use super::joint::{Formulation, Holder, JointKind, Link, ModelJoint};
use crate::task::{ActuatorDocument, TaskError};
use rapier3d::dynamics::{
    CoefficientCombineRule, GenericJointBuilder, ImpulseJointSet, JointAxesMask, MassProperties,
    MultibodyJointSet, RigidBodyBuilder, RigidBodyHandle, RigidBodySet,
};
use rapier3d::geometry::{ColliderBuilder, ColliderSet};
use rapier3d::math::{Matrix, Vector};
use rapier3d_mjcf::mjcf_rs::model::Model;
use rapier3d_mjcf::{
    MjcfDofKind, MjcfJoint, MjcfJointHandle, MjcfLoaderOptions, MjcfMultibodyOptions, MjcfRobot,
};
use sinew_policy_runtime::interface::ActuatorMode;

/// Of two surfaces that touch the rougher one counts, as in MuJoCo; rapier's default is their mean.
const FRICTION: CoefficientCombineRule = CoefficientCombineRule::Max;
/// A floor's width and thickness. A box, so that it has bounds: nothing far from it costs anything.
const FLOOR_M: [f32; 2] = [200.0, 1.0];

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
    /// Every connection between two bodies, from the base outwards.
    pub(crate) links: Vec<Link>,
    pub(crate) joints: Vec<ModelJoint>,
    /// Of each joint: the file's keyframe "default", or 0.
    default_pose: Vec<f64>,
    pub(crate) base: Option<RigidBodyHandle>,
    /// For each of the task's actuators, where it acts.
    pub(crate) attachments: Vec<Attachment>,
    joint_names: Vec<String>,
    pub(crate) appearance: Appearance,
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
    pub(crate) fn parse(
        xml: &str,
        name: &str,
        formulation: Formulation,
        actuators: &[ActuatorDocument],
    ) -> Result<Self, TaskError> {
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
        let appearance = Appearance::read(&robot, &document);
        let mut model = Self::insert(robot, formulation, appearance).map_err(fail)?;
        model.attachments = actuators
            .iter()
            .map(|actuator| model.attach(actuator, &document))
            .collect::<Result<_, _>>()
            .map_err(fail)?;
        Ok(model)
    }

    /// A level floor whose top is at height 0.
    pub(crate) fn add_floor(&mut self) {
        let [across, thickness] = FLOOR_M;
        let body = RigidBodyBuilder::fixed().translation(Vector::new(0.0, 0.0, -0.5 * thickness));
        let body = self.bodies.insert(body);
        let floor = ColliderBuilder::cuboid(0.5 * across, 0.5 * across, 0.5 * thickness)
            .friction(1.0)
            .friction_combine_rule(FRICTION);
        self.colliders.insert_with_parent(floor, body, &mut self.bodies);
    }

    /// Whether the robot's base moves freely.
    pub(crate) fn has_floating_base(&self) -> bool {
        self.base.is_some()
    }

    /// Each joint's position, rad or m, in the pose that the robot's file calls "default".
    pub(crate) fn default_pose(&self) -> &[f64] {
        &self.default_pose
    }

    /// How the joint moves that has this place among the joints.
    pub(crate) fn joint_kind(&self, joint: usize) -> JointKind {
        self.joints[joint].kind
    }

    /// Names of the joints, in the file's order.
    pub(crate) fn joint_names(&self) -> &[String] {
        &self.joint_names
    }

    fn insert(robot: MjcfRobot, formulation: Formulation, appearance: Appearance) -> Result<Self, String> {
        let gravity = robot.gravity;
        let free: Vec<usize> =
            robot.qpos_dofs.iter().filter(|dof| dof.kind == MjcfDofKind::Free).map(|dof| dof.body).collect();
        let joint_names = names(&robot)?;
        let default_pose = default_pose(&robot)?;
        let written = robot.joints.clone();
        let jointed: Vec<(usize, JointKind)> = jointed(&robot).collect();
        let spacers: Vec<bool> = robot.bodies.iter().map(|body| body.is_intermediate).collect();
        let mut inserted = Inserted::new(robot, &written, formulation)?;
        for (_, collider) in inserted.colliders.iter_mut() {
            collider.set_friction_combine_rule(FRICTION);
        }
        let links = written.iter().zip(&inserted.ends).map(|(joint, (parent, child))| Link {
            parent: *parent,
            child: *child,
            frames: [joint.joint.local_frame1, joint.joint.local_frame2],
        });
        let links: Vec<Link> = links.collect();
        let joint = |(index, kind): (usize, JointKind)| ModelJoint {
            kind,
            holder: inserted.holders[index],
            link: index,
            damping: written[index].damping_per_dof.into(),
            friction: written[index].frictionloss_per_dof.into(),
            armature: written[index].armature_per_dof.into(),
        };
        let joints: Vec<ModelJoint> = jointed.into_iter().map(joint).collect();
        let base = match free[..] {
            [] => None,
            [body] => inserted.bodies_of_file[body],
            _ => return Err(format!("{} floating bodies, expected at most 1", free.len())),
        };
        let of_file = inserted.bodies_of_file.iter().zip(spacers);
        let spacers: Vec<RigidBodyHandle> =
            of_file.filter_map(|(body, spacer)| body.filter(|_| spacer)).collect();
        if formulation == Formulation::JointConstraints {
            if !spacers.is_empty() {
                return Err(
                    "two joints of one body, which joint constraints cannot hold; use multibody".to_owned()
                );
            }
            if joints.iter().any(|joint| joint.kind == JointKind::Slide && joint.armature > 0.0) {
                return Err(
                    "a slide with armature, which joint constraints cannot have; use multibody".to_owned()
                );
            }
        }
        Ok(Self {
            moving: inserted
                .bodies
                .iter()
                .filter(|(_, body)| body.is_dynamic())
                .map(|(handle, _)| handle)
                .collect(),
            masses: masses(&mut inserted.bodies, &inserted.colliders, &spacers)?,
            bodies: inserted.bodies,
            colliders: inserted.colliders,
            impulse_joints: inserted.impulse_joints,
            multibody_joints: inserted.multibody_joints,
            gravity,
            links,
            joints,
            default_pose,
            base,
            attachments: Vec::new(),
            joint_names,
            appearance: appearance.bind(&inserted.bodies_of_file),
        })
    }

    /// A body's mass properties with the rotors of the joints that it hangs from.
    ///
    /// A multibody has armature of its own. A constraint has not: there the rotor's inertia turns with the child about the
    /// joint's axis, which is exact for a joint on a fixed parent, and close where a gear makes the rotor's inertia count.
    pub(crate) fn with_armature(&self, body: RigidBodyHandle, properties: MassProperties) -> MassProperties {
        let rotors = self.joints.iter().filter(|joint| {
            matches!(joint.holder, Holder::Constraint { .. })
                && joint.armature > 0.0
                && self.links[joint.link].child == body
        });
        rotors.fold(properties, |properties, joint| {
            let axis = self.links[joint.link].frames[1].rotation * Vector::X;
            let [x, y, z] = [axis * axis.x, axis * axis.y, axis * axis.z];
            let rotor = Matrix::from_cols(x, y, z) * joint.armature as f32;
            let inertia = properties.reconstruct_inertia_matrix() + rotor;
            MassProperties::with_inertia_matrix(properties.local_com, properties.mass(), inertia)
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

/// A robot in rapier's sets.
struct Inserted {
    bodies: RigidBodySet,
    colliders: ColliderSet,
    impulse_joints: ImpulseJointSet,
    multibody_joints: MultibodyJointSet,
    bodies_of_file: Vec<Option<RigidBodyHandle>>,
    /// Parent and child of each of the robot's joints.
    ends: Vec<(RigidBodyHandle, RigidBodyHandle)>,
    /// Of each of the robot's joints.
    holders: Vec<Holder>,
}

impl Inserted {
    /// `written` are the robot's joints, which insertion consumes.
    fn new(robot: MjcfRobot, written: &[MjcfJoint], formulation: Formulation) -> Result<Self, String> {
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
}

/// Parent and child of each joint.
fn ends<H>(joints: &[MjcfJointHandle<H>]) -> Vec<(RigidBodyHandle, RigidBodyHandle)> {
    joints.iter().map(|joint| (joint.link1, joint.link2)).collect()
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

/// Each joint's position in the keyframe "default", 0 where there is none.
fn default_pose(robot: &MjcfRobot) -> Result<Vec<f64>, String> {
    let Some(keyframe) = robot.keyframes.iter().find(|key| key.name.as_deref() == Some("default")) else {
        return Ok(vec![0.0; jointed(robot).count()]);
    };
    let expected: usize = robot.qpos_dofs.iter().map(|dof| dof.kind.qpos_width()).sum();
    if keyframe.qpos.len() != expected {
        let found = keyframe.qpos.len();
        return Err(format!("the keyframe \"default\" has {found} positions, expected {expected}"));
    }
    let mut rest = &keyframe.qpos[..];
    let mut pose = Vec::new();
    for dof in &robot.qpos_dofs {
        let (own, others) = rest.split_at(dof.kind.qpos_width());
        rest = others;
        if dof.joint.is_some() {
            pose.push(own[0]);
        }
    }
    Ok(pose)
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
        let Holder::Multibody(handle) = model.joints[0].holder else { panic!("not the default") };
        let (multibody, link) = model.multibody_joints.get(handle).unwrap();
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
