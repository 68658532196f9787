//! A robot read from a file: its bodies, joints and rotor sites, ready to be cloned into worlds.
//!
//! [`mjcf`] and [`urdf`] read one format each and give a [`Description`]; what follows from it is the same for both.
//! rapier's loaders build the bodies; everything that their defaults would add to the physics (damping that no file asked
//! for, sleeping) is taken away here, and everything a task refers to by name is resolved here.

mod contacts;
mod description;
mod hash;
mod inertia;
mod insertion;
mod mjcf;
mod text;
mod urdf;

pub(crate) use description::JointLimits;
pub(super) use description::Site;
pub(crate) use text::read_text;

use super::appearance::Appearance;
use super::ground::Ground;
use super::joint::{Formulation, Holder, JointKind, Link, ModelJoint};
use super::landmark::{FileNames, Landmarks};
use super::object::ModelObject;
use crate::randomization::{Parameter, Variation};
use crate::task::{ActuatorDocument, TaskError};
use crate::truth::JointState;
use description::{
    Coupling, Description, Stated, among_joints, body_name, default_pose, fits_constraints, jointed, names,
};
use hash::Closure;
use insertion::{Inserted, masses};
use rapier3d::dynamics::{
    CoefficientCombineRule, ImpulseJointSet, MassProperties, MultibodyDofCoupling, MultibodyJointSet,
    RigidBodyHandle, RigidBodySet,
};
use rapier3d::geometry::{ColliderSet, InteractionGroups, InteractionTestMode};
use rapier3d::math::{Matrix, Vector};
use rapier3d_mjcf::MjcfDofKind;
use serde::Deserialize;
use sinew_policy_runtime::interface::ActuatorMode;
use std::path::Path;

/// Of two surfaces that touch the rougher one counts, as in MuJoCo; rapier's default is their mean.
pub(super) const FRICTION: CoefficientCombineRule = CoefficientCombineRule::Max;

/// A model's file, before it is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ModelFile<'a> {
    /// Its name or path, which stands in errors; `.urdf` at its end tells a URDF from MJCF.
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
    /// Where the files lie that it names.
    pub(crate) folder: &'a Path,
}

/// How a URDF's root is held, which the file itself does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Base {
    /// It is part of the world.
    Fixed,
    /// It moves freely.
    Floating,
}

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
    /// Names of the same bodies; a body without one is called after its place in the file.
    pub(crate) body_names: Vec<String>,
    /// Every connection between two bodies, from the base outwards.
    pub(crate) links: Vec<Link>,
    pub(crate) joints: Vec<ModelJoint>,
    /// Of each joint: the file's keyframe "default", or 0.
    default_pose: Vec<f64>,
    pub(crate) base: Option<RigidBodyHandle>,
    /// For each of the task's actuators, where it acts.
    pub(crate) attachments: Vec<Attachment>,
    /// Named sites and surfaces, and those that the task watches.
    pub(crate) landmarks: Landmarks,
    /// What the task places beside the robot.
    pub(crate) objects: Vec<ModelObject>,
    /// Those of them that move, in the order of `masses`.
    pub(super) free_objects: Vec<usize>,
    /// Absent without terrains.
    pub(crate) ground: Option<Ground>,
    joint_names: Vec<String>,
    limits: Vec<JointLimits>,
    couplings: Vec<Coupling>,
    sites: Vec<Site>,
    /// Of each body of the file, where it stands among the bodies.
    bodies_of_file: Vec<Option<RigidBodyHandle>>,
    hash: [u8; 32],
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
    /// Reads a model; `base` is for files that do not say how their root is held.
    pub(crate) fn parse(
        file: ModelFile,
        formulation: Formulation,
        base: Option<Base>,
        actuators: &[ActuatorDocument],
    ) -> Result<Self, TaskError> {
        let model = Self::read(file, formulation, base, actuators);
        model.map_err(|reason| TaskError::Model { model: file.name.to_owned(), reason })
    }

    fn read(
        file: ModelFile,
        formulation: Formulation,
        base: Option<Base>,
        actuators: &[ActuatorDocument],
    ) -> Result<Self, String> {
        let is_urdf = Path::new(file.name).extension().is_some_and(|extension| extension == "urdf");
        let description = match (is_urdf, base) {
            (true, base) => urdf::read(file.text, file.folder, base.unwrap_or(Base::Fixed))?,
            (false, None) => mjcf::read(file.text, file.folder)?,
            (false, Some(_)) => {
                return Err("dynamics.base is for URDF; in MJCF a body's <freejoint> says it".to_owned());
            }
        };
        let mut model = Self::insert(description, formulation)?;
        let attachments: Result<_, String> =
            actuators.iter().map(|actuator| model.attach(actuator)).collect();
        model.attachments = attachments?;
        Ok(model)
    }

    /// Whether the robot's base moves freely.
    pub(crate) fn has_floating_base(&self) -> bool {
        self.base.is_some()
    }

    /// Where a rotor sits, m, from the base's present centre of mass; `arm` is from the nominal one.
    pub(crate) fn rotor_arm(&self, arm: [f64; 3], variation: &Variation) -> [f64; 3] {
        let Some(base) = self.masses.iter().position(|(handle, _)| Some(*handle) == self.base) else {
            return arm;
        };
        let size = variation.apply(Parameter::BodySize, base, 1.0);
        let shift = variation.apply_vector(Parameter::CenterOfMass, base, [0.0; 3]);
        [0, 1, 2].map(|axis| size * arm[axis] - shift[axis])
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

    /// What the file allows the joint that has this place among the joints.
    pub(crate) fn joint_limits(&self, joint: usize) -> JointLimits {
        self.limits[joint]
    }

    /// SHA-256 over all that the file resolved to, see [`hash`].
    pub(crate) fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// Puts joints that follow others to where their leaders are.
    pub(crate) fn follow(&self, joints: &mut [JointState]) {
        for Coupling { leader, follower, multiplier, offset } in &self.couplings {
            let JointState { position, velocity } = joints[*leader];
            joints[*follower] =
                JointState { position: offset + multiplier * position, velocity: multiplier * velocity };
        }
    }

    fn insert(description: Description, formulation: Formulation) -> Result<Self, String> {
        let Description { robot, appearance, stated, sites, couplings } = description;
        contacts::check_count(&robot)?;
        let gravity = robot.gravity;
        let apart = contacts::kept_apart(&robot)?;
        let body_names: Vec<String> = robot.bodies.iter().map(body_name).collect();
        let free: Vec<usize> =
            robot.qpos_dofs.iter().filter(|dof| dof.kind == MjcfDofKind::Free).map(|dof| dof.body).collect();
        let joint_names = names(&robot)?;
        let default_pose = default_pose(&robot)?;
        let written = robot.joints.clone();
        let closures: Vec<Closure> = robot
            .equality_joints
            .iter()
            .map(|closure| (closure.link1, closure.link2, closure.active, closure.joint))
            .collect();
        let jointed: Vec<(usize, JointKind)> = jointed(&robot).collect();
        let couplings = among_joints(&couplings, &jointed);
        if formulation == Formulation::JointConstraints {
            fits_constraints(&robot, &written)?;
            if let Some(coupling) = couplings.first() {
                let name = &joint_names[coupling.follower];
                return Err(format!(
                    "joint {name:?} follows another, which joint constraints cannot hold; use multibody"
                ));
            }
        }
        let spacers: Vec<bool> = robot.bodies.iter().map(|body| body.is_intermediate).collect();
        let file_names = FileNames::new(&robot);
        let mut inserted = Inserted::new(robot, &written, formulation)?;
        for (_, collider) in inserted.colliders.iter_mut() {
            collider.set_friction_combine_rule(FRICTION);
            collider.set_collision_groups(either(collider.collision_groups()));
        }
        inserted.keep_apart(&apart);
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
        let limits = jointed.iter().map(|(index, kind)| stated[*index].limits(&written[*index], *kind));
        let limits: Vec<JointLimits> = limits.collect();
        let joints: Vec<ModelJoint> = jointed.into_iter().map(joint).collect();
        let base = match free[..] {
            [] => None,
            [body] => inserted.bodies_of_file[body],
            _ => return Err(format!("{} floating bodies, expected at most 1", free.len())),
        };
        let of_file = inserted.bodies_of_file.iter().zip(spacers);
        let spacers: Vec<RigidBodyHandle> =
            of_file.filter_map(|(body, spacer)| body.filter(|_| spacer)).collect();
        let names = |handle: RigidBodyHandle| {
            let place = inserted.bodies_of_file.iter().position(|body| *body == Some(handle));
            place.map_or("the world", |place| body_names[place].as_str())
        };
        let masses = masses(&mut inserted.bodies, &inserted.colliders, &spacers, names)?;
        let landmarks = file_names.locate(&sites, &inserted.bodies_of_file, &inserted.bodies, base);
        let mut model = Self {
            body_names: masses.iter().map(|(handle, _)| names(*handle).to_owned()).collect(),
            moving: inserted
                .bodies
                .iter()
                .filter(|(_, body)| body.is_dynamic())
                .map(|(handle, _)| handle)
                .collect(),
            masses,
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
            landmarks,
            objects: Vec::new(),
            free_objects: Vec::new(),
            ground: None,
            joint_names,
            limits,
            couplings,
            sites,
            appearance: appearance.bind(&inserted.bodies_of_file),
            bodies_of_file: inserted.bodies_of_file,
            hash: [0; 32],
        };
        model.couple()?;
        model.hash = hash::of(&model, &body_names, &written, &closures, &apart);
        Ok(model)
    }

    /// Makes followers follow, in the default pose and in motion.
    fn couple(&mut self) -> Result<(), String> {
        for Coupling { leader, follower, multiplier, offset } in &self.couplings {
            self.default_pose[*follower] = offset + multiplier * self.default_pose[*leader];
            let link = |joint: usize| {
                let ModelJoint { kind, link, .. } = self.joints[joint];
                let place = self.multibody_joints.rigid_body_link(self.links[link].child);
                Some((*place?, kind.coordinate()))
            };
            let (Some((first, axis1)), Some((second, axis2))) = (link(*leader), link(*follower)) else {
                continue;
            };
            if first.multibody != second.multibody {
                let names = [*follower, *leader].map(|joint| &self.joint_names[joint]);
                return Err(format!(
                    "joint {:?} follows {:?}, which belongs to another robot",
                    names[0], names[1]
                ));
            }
            if let Some(multibody) = self.multibody_joints.get_multibody_mut(first.multibody) {
                multibody.add_dof_coupling(MultibodyDofCoupling {
                    link1: first.id,
                    dof1: 0,
                    axis1,
                    link2: second.id,
                    dof2: 0,
                    axis2,
                    coeff: *multiplier as f32,
                    offset: *offset as f32,
                });
            }
        }
        Ok(())
    }

    /// A body's mass properties with the rotors of the joints that it hangs from, whose present armature is asked for.
    ///
    /// A multibody has armature of its own. A constraint has not: there the rotor's inertia turns with the child about the
    /// joint's axis, which is exact for a joint on a fixed parent. On a moving one it resists the parent's turning too: tenths
    /// of a radian on limp legs, a hundredth under servos (`docs/work-precision.md`).
    pub(crate) fn with_armature(
        &self,
        body: RigidBodyHandle,
        properties: MassProperties,
        armature: impl Fn(usize, &ModelJoint) -> f64,
    ) -> MassProperties {
        let rotors = self.joints.iter().enumerate().filter(|(_, joint)| {
            matches!(joint.holder, Holder::Constraint { .. }) && self.links[joint.link].child == body
        });
        rotors.fold(properties, |properties, (index, joint)| {
            let armature = armature(index, joint) as f32;
            if !(armature > 0.0) {
                return properties;
            }
            let axis = self.links[joint.link].frames[1].rotation * Vector::X;
            let [x, y, z] = [axis * axis.x, axis * axis.y, axis * axis.z];
            let rotor = Matrix::from_cols(x, y, z) * armature;
            let inertia = properties.reconstruct_inertia_matrix() + rotor;
            MassProperties::with_inertia_matrix(properties.local_com, properties.mass(), inertia)
        })
    }

    fn attach(&self, actuator: &ActuatorDocument) -> Result<Attachment, String> {
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
        let Some(site) = self.sites.iter().find(|site| site.name == name) else {
            return Err(format!("actuator {:?} sits at site {name:?}, which the model lacks", actuator.name));
        };
        let base = self.base.ok_or_else(|| format!("rotor {:?} needs a floating base", actuator.name))?;
        if self.bodies_of_file[site.body] != Some(base) {
            return Err(format!("rotor {:?} sits at site {name:?}, expected one of the base", actuator.name));
        }
        let com = self.bodies[base].local_center_of_mass();
        let [x, y, z] = site.position;
        Ok(Attachment::Base([x - f64::from(com.x), y - f64::from(com.y), z - f64::from(com.z)]))
    }
}

/// Two surfaces touch where either one's kinds include the other, as MuJoCo's contype and conaffinity say.
pub(super) fn either(groups: InteractionGroups) -> InteractionGroups {
    InteractionGroups::new(groups.memberships, groups.filter, InteractionTestMode::Or)
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
