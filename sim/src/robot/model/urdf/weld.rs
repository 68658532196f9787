//! Makes one link of all that fixed joints hold together: [`welded`].
//!
//! Masses add up, inertias by the parallel-axis theorem, and what hung from a welded link hangs from the one that took it
//! in. The inertia of every link comes out in the link's own axes, because rapier's loader leaves out how an `<inertial>` is
//! turned.

use super::check::tensor;
use super::frame::Frame;
use nalgebra::{Matrix3, Vector3};
use rapier3d_urdf::urdf_rs::{Inertia, Inertial, Joint, JointType, Link, Mass, Robot};
use std::collections::BTreeMap;

/// Where the root stands among the welded links.
pub(super) const ROOT: usize = 0;

/// Where a link went: into which welded one, and where it lies there.
type Place = BTreeMap<String, (usize, Frame)>;

/// The robot without its fixed joints; parents come before children. It has been checked to be a tree.
pub(super) fn welded(robot: &Robot, floating: bool) -> Result<Robot, String> {
    let mut from: BTreeMap<&str, Vec<&Joint>> = BTreeMap::new();
    for joint in &robot.joints {
        from.entry(&joint.parent.link).or_default().push(joint);
    }
    let held = |link: &&Link| robot.joints.iter().any(|joint| joint.child.link == link.name);
    let root = robot.links.iter().find(|link| !held(link)).ok_or("<robot>: no root")?;
    let mut welded = Robot { links: Vec::new(), joints: Vec::new(), ..robot.clone() };
    let mut places = Place::new();
    let mut waiting = vec![(root.name.as_str(), None)];
    while let Some((name, joint)) = waiting.pop() {
        let link = robot.links.iter().find(|link| link.name == name).ok_or("<robot>: a link is lost")?;
        place(link, joint, &mut welded, &mut places);
        let children = from.get(name).into_iter().flatten().rev();
        waiting.extend(children.map(|joint| (joint.child.link.as_str(), Some(*joint))));
    }
    check(&welded, floating)?;
    Ok(welded)
}

/// Adds a link, which `joint` holds, to the link that it is welded to, or as one of its own.
fn place(link: &Link, joint: Option<&Joint>, welded: &mut Robot, places: &mut Place) {
    let above = joint.and_then(|joint| {
        let (parent, frame) = places.get(&joint.parent.link)?;
        Some((joint, *parent, frame.then(&Frame::of(&joint.origin))))
    });
    let (index, frame) = match above {
        Some((joint, parent, frame)) if joint.joint_type == JointType::Fixed => (parent, frame),
        _ => {
            if let Some((joint, parent, frame)) = above {
                let mut joint = joint.clone();
                joint.parent.link.clone_from(&welded.links[parent].name);
                joint.origin = frame.origin();
                welded.joints.push(joint);
            }
            let empty = Link {
                name: link.name.clone(),
                inertial: Inertial::default(),
                visual: Vec::new(),
                collision: Vec::new(),
            };
            welded.links.push(empty);
            (welded.links.len() - 1, Frame::identity())
        }
    };
    places.insert(link.name.clone(), (index, frame));
    let whole = &mut welded.links[index];
    whole.inertial = together(&whole.inertial, &link.inertial, &frame);
    whole.collision.extend(link.collision.iter().map(|collision| {
        let mut collision = collision.clone();
        collision.origin = frame.then(&Frame::of(&collision.origin)).origin();
        collision
    }));
}

/// The inertia of two bodies as one, in the axes of the first, which are those of its link.
fn together(first: &Inertial, second: &Inertial, frame: &Frame) -> Inertial {
    let at = frame.then(&Frame::of(&second.origin));
    let parts = [
        (first.mass.value, Vector3::from(first.origin.xyz.0), tensor(first)),
        (second.mass.value, at.translation, at.rotation * tensor(second) * at.rotation.transpose()),
    ];
    let mass = parts[0].0 + parts[1].0;
    let weighted = parts[0].1 * parts[0].0 + parts[1].1 * parts[1].0;
    let com = if mass > 0.0 { weighted / mass } else { Vector3::zeros() };
    let mut sum = Matrix3::zeros();
    for (mass, place, tensor) in parts {
        let arm = place - com;
        sum += tensor + (Matrix3::identity() * arm.norm_squared() - arm * arm.transpose()) * mass;
    }
    let mut whole = Inertial { mass: Mass { value: mass }, ..Inertial::default() };
    whole.origin.xyz.0 = com.into();
    whole.inertia = Inertia {
        ixx: sum[(0, 0)],
        ixy: sum[(0, 1)],
        ixz: sum[(0, 2)],
        iyy: sum[(1, 1)],
        iyz: sum[(1, 2)],
        izz: sum[(2, 2)],
    };
    whole
}

/// What moves has mass, and at most one link floats.
fn check(welded: &Robot, floating: bool) -> Result<(), String> {
    let moving = if floating { &welded.links[..] } else { &welded.links[ROOT + 1..] };
    for link in moving {
        if !(link.inertial.mass.value > 0.0) {
            return Err(format!("<link name={:?}>: it moves and has no mass", link.name));
        }
    }
    let mut free = welded.joints.iter().filter(|joint| joint.joint_type == JointType::Floating);
    for joint in free.by_ref() {
        let name = &joint.name;
        if floating {
            return Err(format!("<joint name={name:?}>: floating, and so is the base"));
        }
        if joint.parent.link != welded.links[ROOT].name {
            return Err(format!("<joint name={name:?}>: floating, expected only from the root"));
        }
    }
    Ok(())
}
