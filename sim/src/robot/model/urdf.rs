//! Reads URDF: `rapier3d-urdf` builds bodies and joints, and what it leaves out is taken from the same parsed file.
//!
//! Links that fixed joints hold together are one body here, as in MuJoCo: a welded link then costs nothing, needs no mass of
//! its own, and cannot shake. What moves is brought into the form that MJCF has, so that everything after is common.

mod check;
mod frame;
mod mesh;
mod weld;

use super::text::{self, MAX_BODIES};
use super::{Base, Coupling, Description, Stated};
use crate::robot::appearance::Appearance;
use rapier3d::dynamics::{JointAxesMask, JointAxis, RigidBodyBuilder};
use rapier3d::geometry::{Collider, ColliderBuilder};
use rapier3d::math::Vector;
use rapier3d_mjcf::mjcf_rs::extras::Keyframe;
use rapier3d_mjcf::{MjcfBody, MjcfDofKind, MjcfJoint, MjcfQposDof, MjcfRobot};
use rapier3d_urdf::urdf_rs::{self, JointType, Robot};
use rapier3d_urdf::{UrdfLoaderOptions, UrdfRobot};
use std::path::Path;

/// URDF says nothing of gravity.
const GRAVITY: f32 = -9.81;

/// Reads URDF text; `folder` is where its meshes lie.
pub(super) fn read(text: &str, folder: &Path, base: Base) -> Result<Description, String> {
    let text = text::declare_prefixes(text.to_owned(), "robot")?;
    let document = text::parse(&text)?;
    check::document(&document)?;
    let written =
        urdf_rs::read_from_string(&text).map_err(|error| format!("not readable as URDF: {error}"))?;
    check::robot(&written)?;
    let mut welded = weld::welded(&written, base == Base::Floating)?;
    if welded.links.len() > MAX_BODIES {
        return Err(format!("{} links that move, expected at most {MAX_BODIES}", welded.links.len()));
    }
    let hulls = mesh::take_hulls(&mut welded, folder)?;
    let blueprint = ColliderBuilder::default().density(0.0).friction(1.0);
    let options = UrdfLoaderOptions {
        make_roots_fixed: base == Base::Fixed,
        squeeze_empty_fixed_links: false,
        collider_blueprint: blueprint,
        rigid_body_blueprint: RigidBodyBuilder::dynamic().can_sleep(false),
        ..UrdfLoaderOptions::default()
    };
    let loaded = UrdfRobot::from_robot(&welded, options, folder);
    Ok(describe(&welded, loaded, hulls, base))
}

/// The robot in MJCF's form: the world first, joints in the file's order but parents before children.
fn describe(written: &Robot, loaded: UrdfRobot, hulls: Vec<Vec<Collider>>, base: Base) -> Description {
    let mut robot = MjcfRobot { name: Some(written.name.clone()), ..MjcfRobot::default() };
    robot.gravity = Vector::new(0.0, 0.0, GRAVITY);
    robot.bodies.push(body(None, 0, RigidBodyBuilder::fixed().build(), Vec::new()));
    for ((link, hulls), urdf) in loaded.links.into_iter().zip(hulls).zip(&written.links) {
        let own = link.colliders.into_iter().map(|collider| collider.collider);
        let index = robot.bodies.len();
        robot.bodies.push(body(Some(&urdf.name), index, link.body, own.chain(hulls).collect()));
    }
    let mut stated = Vec::new();
    if base == Base::Floating {
        robot.qpos_dofs.push(dof(MjcfDofKind::Free, None, weld::ROOT + 1));
    }
    for joint in loaded.joints {
        let urdf = &written.joints[joint.urdf_joint_index];
        let (parent, child) = (joint.link1 + 1, joint.link2 + 1);
        let kind = match urdf.joint_type {
            JointType::Floating => {
                robot.qpos_dofs.push(dof(MjcfDofKind::Free, None, child));
                continue;
            }
            JointType::Prismatic => MjcfDofKind::Slide,
            _ => MjcfDofKind::Hinge,
        };
        let dynamics = urdf.dynamics.clone().unwrap_or_default();
        let mut generic = joint.joint;
        if urdf.joint_type == JointType::Continuous {
            generic.limit_axes = JointAxesMask::empty();
        }
        robot.qpos_dofs.push(dof(kind, Some(robot.joints.len()), child));
        robot.joints.push(MjcfJoint {
            name: Some(urdf.name.clone()),
            link1: parent,
            link2: child,
            joint: generic,
            damping_per_dof: dynamics.damping as f32,
            armature_per_dof: 0.0,
            frictionloss_per_dof: dynamics.friction as f32,
            spring_stiffness_per_dof: 0.0,
            spring_ref: 0.0,
            springdamper: None,
        });
        stated.push(limits(urdf));
    }
    robot.keyframes.push(default_pose(&robot));
    let couplings = couplings(written, &robot);
    let appearance = Appearance::read(&robot, None);
    Description { robot, appearance, stated, sites: Vec::new(), couplings }
}

/// Every joint at 0, or at the nearest position that its limits allow.
fn default_pose(robot: &MjcfRobot) -> Keyframe {
    let mut pose = Keyframe { name: Some("default".to_owned()), ..Keyframe::default() };
    for dof in &robot.qpos_dofs {
        let axis = if dof.kind == MjcfDofKind::Slide { JointAxis::LinX } else { JointAxis::AngX };
        let limits = dof.joint.and_then(|joint| robot.joints[joint].joint.limits(axis));
        let [low, high] = limits.map_or([0.0, 0.0], |limits| [limits.min.into(), limits.max.into()]);
        let nearest = if low > 0.0 { low } else { 0.0 };
        let nearest = if high < 0.0 { high } else { nearest };
        pose.qpos.extend(std::iter::repeat_n(nearest, dof.kind.qpos_width()));
    }
    pose
}

fn body(
    name: Option<&str>,
    index: usize,
    body: rapier3d::dynamics::RigidBody,
    colliders: Vec<Collider>,
) -> MjcfBody {
    MjcfBody {
        name: name.map(str::to_owned),
        is_intermediate: false,
        mjcf_body_id: index,
        body,
        colliders,
        gravcomp: 0.0,
        mass: 0.0,
        visual_meshes: Vec::new(),
    }
}

fn dof(kind: MjcfDofKind, joint: Option<usize>, body: usize) -> MjcfQposDof {
    MjcfQposDof { kind, joint, body, reference: 0.0, scale: 1.0 }
}

/// What of a joint rapier ignores. Exporters write 0 where nobody filled in an effort or a velocity: no limit then.
fn limits(joint: &urdf_rs::Joint) -> Stated {
    let stated = |limit: f64| (limit > 0.0).then_some(limit);
    let soft = joint.safety_controller.as_ref();
    let soft = soft.map(|safety| [safety.soft_lower_limit, safety.soft_upper_limit]);
    Stated {
        effort: stated(joint.limit.effort),
        velocity: stated(joint.limit.velocity),
        soft_position: soft.filter(|[low, high]| low < high),
    }
}

fn couplings(written: &Robot, robot: &MjcfRobot) -> Vec<Coupling> {
    let place = |name: &str| robot.joints.iter().position(|joint| joint.name.as_deref() == Some(name));
    let following = written.joints.iter().filter_map(|joint| Some((joint, joint.mimic.as_ref()?)));
    let coupling = following.filter_map(|(joint, mimic)| {
        Some(Coupling {
            leader: place(&mimic.joint)?,
            follower: place(&joint.name)?,
            multiplier: mimic.multiplier.unwrap_or(1.0),
            offset: mimic.offset.unwrap_or(0.0),
        })
    });
    coupling.collect()
}
