//! What a reader makes of a file, [`Description`], and what can be said of it before anything is inserted into rapier's sets.

use crate::robot::appearance::Appearance;
use crate::robot::joint::JointKind;
use rapier3d_mjcf::{MjcfBody, MjcfDofKind, MjcfJoint, MjcfRobot};

/// What a reader makes of a file. MJCF can say all that a URDF can, so rapier's form of it serves both.
pub(super) struct Description {
    pub(super) robot: MjcfRobot,
    pub(super) appearance: Appearance,
    /// Of each of the robot's joints, what rapier has no place for.
    pub(super) stated: Vec<Stated>,
    pub(super) sites: Vec<Site>,
    /// By places among the robot's joints.
    pub(super) couplings: Vec<Coupling>,
}

/// What a file says about a joint and rapier has no place for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stated {
    pub(super) effort: Option<f64>,
    pub(super) velocity: Option<f64>,
    pub(super) soft_position: Option<[f64; 2]>,
}

impl Stated {
    /// With the range that rapier knows of the joint.
    pub(super) fn limits(self, joint: &MjcfJoint, kind: JointKind) -> JointLimits {
        let Self { effort, velocity, soft_position } = self;
        let position = joint.joint.limits(kind.axis()).map(|limits| [limits.min.into(), limits.max.into()]);
        JointLimits { position, soft_position, effort, velocity }
    }
}

/// A named point of a body, with axes.
pub(in crate::robot) struct Site {
    pub(in crate::robot) name: String,
    /// Among the robot's bodies.
    pub(in crate::robot) body: usize,
    /// m, body frame.
    pub(in crate::robot) position: [f64; 3],
    /// To the body's frame, w, x, y, z.
    pub(in crate::robot) orientation: [f64; 4],
}

/// What a joint's file allows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct JointLimits {
    /// rad or m.
    pub(crate) position: Option<[f64; 2]>,
    /// rad or m: where a URDF's safety controller starts to brake. Nothing in the simulation does.
    pub(crate) soft_position: Option<[f64; 2]>,
    /// N m or N: the largest that an actuator on it may have.
    pub(crate) effort: Option<f64>,
    /// rad/s or m/s. Nothing in the simulation enforces it.
    pub(crate) velocity: Option<f64>,
}

/// One joint that another follows: position = offset + multiplier x position of the leader.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coupling {
    pub(super) leader: usize,
    pub(super) follower: usize,
    pub(super) multiplier: f64,
    pub(super) offset: f64,
}

/// A body's name, or its place in the file.
pub(super) fn body_name(body: &MjcfBody) -> String {
    body.name.clone().unwrap_or_else(|| format!("body{}", body.mjcf_body_id))
}

/// Joint constraints have one joint for each body and no springs, and neither armature on slides nor followers.
pub(super) fn fits_constraints(robot: &MjcfRobot, written: &[MjcfJoint]) -> Result<(), String> {
    let name = |joint: &MjcfJoint| joint.name.clone().unwrap_or_default();
    if let Some(spacer) = robot.bodies.iter().find(|body| body.is_intermediate) {
        let own = |body: &&MjcfBody| !body.is_intermediate && body.mjcf_body_id == spacer.mjcf_body_id;
        let name = robot.bodies.iter().find(own).map(body_name).unwrap_or_default();
        return Err(format!(
            "body {name:?}: two joints of one body, which joint constraints cannot hold; use multibody"
        ));
    }
    for (index, kind) in jointed(robot) {
        let joint = &written[index];
        if kind == JointKind::Slide && joint.armature_per_dof > 0.0 {
            let name = name(joint);
            return Err(format!(
                "joint {name:?}: a slide with armature, which joint constraints cannot have; use multibody"
            ));
        }
        if joint.spring_stiffness_per_dof > 0.0 || joint.springdamper.is_some() {
            let name = name(joint);
            return Err(format!(
                "joint {name:?}: a spring, which joint constraints cannot have; use multibody"
            ));
        }
    }
    Ok(())
}

/// The same couplings by places among the joints that move.
pub(super) fn among_joints(couplings: &[Coupling], jointed: &[(usize, JointKind)]) -> Vec<Coupling> {
    let place = |joint: usize| jointed.iter().position(|(index, _)| *index == joint);
    let coupling = couplings.iter().filter_map(|coupling| {
        let (leader, follower) = (place(coupling.leader)?, place(coupling.follower)?);
        Some(Coupling { leader, follower, ..*coupling })
    });
    coupling.collect()
}

/// Every joint's place among the robot's joints, and its kind; a floating base is none.
pub(super) fn jointed(robot: &MjcfRobot) -> impl Iterator<Item = (usize, JointKind)> {
    robot.qpos_dofs.iter().filter_map(|dof| {
        let kind = if dof.kind == MjcfDofKind::Slide { JointKind::Slide } else { JointKind::Hinge };
        Some((dof.joint?, kind))
    })
}

/// Names of the joints: tasks refer to them, so each has one of its own.
pub(super) fn names(robot: &MjcfRobot) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = Vec::new();
    for (index, _) in jointed(robot) {
        let name = robot.joints[index].name.clone().unwrap_or_default();
        if name.is_empty() || names.contains(&name) {
            return Err(format!("joint {name:?}: expected a name of its own"));
        }
        names.push(name);
    }
    Ok(names)
}

/// Each joint's position in the keyframe "default", 0 where there is none.
pub(super) fn default_pose(robot: &MjcfRobot) -> Result<Vec<f64>, String> {
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
            pose.push(own[0] - f64::from(dof.reference));
        }
    }
    Ok(pose)
}
