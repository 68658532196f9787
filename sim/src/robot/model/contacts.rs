//! Which bodies of a robot never touch: those that a file excludes, and neighbours, as in MuJoCo.
//!
//! MuJoCo takes bodies that are welded together for one, and lets one pass through the one that it hangs from, unless that
//! is the world. rapier knows only of the two bodies of one joint; the pairs between are found here.

use super::text::MAX_BODIES;
use rapier3d::dynamics::JointAxesMask;
use rapier3d_mjcf::MjcfRobot;
use std::collections::BTreeSet;

/// Refuses a robot of more bodies than a mass matrix should have rows.
pub(super) fn check_count(robot: &MjcfRobot) -> Result<(), String> {
    let found = robot.bodies.len() - 1;
    if found > MAX_BODIES {
        return Err(format!("{found} bodies, one for each joint, expected at most {MAX_BODIES}"));
    }
    Ok(())
}

/// Pairs of the robot's bodies that pass through each other and that no single joint of rapier's says so of.
pub(super) fn kept_apart(robot: &MjcfRobot) -> Result<Vec<(usize, usize)>, String> {
    let mut pairs = BTreeSet::new();
    for exclude in &robot.contact_excludes {
        let body = |name: &str| {
            let found = robot.body_name_to_idx.get(name).copied();
            found.ok_or_else(|| format!("<exclude> names body {name:?}, which the model lacks"))
        };
        pairs.insert(ordered(body(&exclude.body1)?, body(&exclude.body2)?));
    }
    let welds = welds(robot);
    let members = |weld: usize| (0..welds.len()).filter(|body| welds[*body] == weld).collect::<Vec<usize>>();
    for joint in &robot.joints {
        let (above, below) = (welds[carrier(robot, joint.link1)], welds[joint.link2]);
        if above == 0 || below == 0 {
            continue;
        }
        for first in members(above) {
            pairs.extend(members(below).into_iter().map(|second| ordered(first, second)));
        }
    }
    let solid = |body: usize| !robot.bodies[body].colliders.is_empty();
    let joined: BTreeSet<_> = robot.joints.iter().map(|joint| ordered(joint.link1, joint.link2)).collect();
    pairs.retain(|pair| pair.0 != pair.1 && solid(pair.0) && solid(pair.1) && !joined.contains(pair));
    Ok(pairs.into_iter().collect())
}

fn ordered(first: usize, second: usize) -> (usize, usize) {
    (first.min(second), first.max(second))
}

/// For each body the first of those that it is welded to; 0 for the world.
fn welds(robot: &MjcfRobot) -> Vec<usize> {
    let fixed = |body: usize| robot.bodies[body].body.is_fixed();
    let mut welds: Vec<usize> =
        (0..robot.bodies.len()).map(|body| if fixed(body) { 0 } else { body }).collect();
    // Parents come before their children.
    for joint in &robot.joints {
        if joint.joint.locked_axes == JointAxesMask::LOCKED_FIXED_AXES {
            welds[joint.link2] = welds[joint.link1];
        }
    }
    welds
}

/// The body of the file that carries another: not one that only stands between two joints of one body.
fn carrier(robot: &MjcfRobot, mut body: usize) -> usize {
    while robot.bodies[body].is_intermediate
        && let Some(joint) = robot.joints.iter().find(|joint| joint.link2 == body)
    {
        body = joint.link1;
    }
    body
}
