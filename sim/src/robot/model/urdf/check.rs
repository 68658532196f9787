//! What makes a URDF unusable, before rapier's loader, which looks links up without asking whether they exist, sees it.

use super::super::inertia;
use super::super::text::{self, place};
use rapier3d_urdf::urdf_rs::{Geometry, Inertial, Joint, JointType, Link, Robot};
use roxmltree::{Document, Node};
use std::collections::{BTreeMap, BTreeSet};

/// Attributes that hold numbers and nothing else.
const NUMERIC: [&str; 22] = [
    "damping",
    "effort",
    "friction",
    "ixx",
    "ixy",
    "ixz",
    "iyy",
    "iyz",
    "izz",
    "k_position",
    "k_velocity",
    "length",
    "lower",
    "multiplier",
    "offset",
    "radius",
    "rpy",
    "soft_lower_limit",
    "soft_upper_limit",
    "upper",
    "velocity",
    "xyz",
];

/// Checks the document as XML: what the parser would skip or report without a place.
pub(super) fn document(document: &Document) -> Result<(), String> {
    let root = document.root_element();
    if !root.has_tag_name("robot") {
        return Err(format!("{}: expected <robot>", place(root)));
    }
    for node in document.descendants().filter(Node::is_element) {
        if node.tag_name().namespace().is_some_and(|namespace| namespace.contains("xacro")) {
            return Err(format!("{}: a xacro macro, expected a file that xacro has expanded", place(node)));
        }
    }
    text::check_numbers(document, &NUMERIC)?;
    let links = root.children().filter(|node| node.has_tag_name("link"));
    for node in links.chain(root.children().filter(|node| node.has_tag_name("joint"))) {
        required(node)?;
    }
    // Only the root's: transmissions and Gazebo have elements called joint, too, which refer to these.
    for tag in ["link", "joint"] {
        let mut names = BTreeSet::new();
        for node in root.children().filter(|node| node.has_tag_name(tag)) {
            if !names.insert(node.attribute("name")) {
                return Err(format!("{}: the name stands twice", place(node)));
            }
        }
    }
    Ok(())
}

fn required(node: Node) -> Result<(), String> {
    let tag = node.tag_name().name();
    let child = |tag: &str, attribute: &str| {
        let child = node.children().find(|child| child.has_tag_name(tag));
        child.and_then(|child| child.attribute(attribute)).map(str::to_owned)
    };
    let absent = |what: &str| Err(format!("{}: no {what}", place(node)));
    if node.attribute("name").is_none_or(str::is_empty) {
        return absent("name");
    }
    if tag == "link" {
        return sized(node);
    }
    let kinds = ["revolute", "continuous", "prismatic", "fixed", "floating"];
    let kind = node.attribute("type").unwrap_or_default();
    if !kinds.contains(&kind) {
        return Err(format!("{}: type {kind:?}, expected one of {}", place(node), kinds.join(", ")));
    }
    for end in ["parent", "child"] {
        if child(end, "link").is_none() {
            return absent(&format!("<{end} link=\"…\">"));
        }
    }
    if matches!(kind, "revolute" | "prismatic") && !node.children().any(|child| child.has_tag_name("limit")) {
        return absent(&format!("<limit>, which a {kind} joint needs"));
    }
    Ok(())
}

/// A mass, an inertia and a mesh are whole or absent.
fn sized(link: Node) -> Result<(), String> {
    for inertial in link.children().filter(|node| node.has_tag_name("inertial")) {
        for part in ["mass", "inertia"] {
            if !inertial.children().any(|node| node.has_tag_name(part)) {
                return Err(format!("{}: no <{part}>", place(inertial)));
            }
        }
        // Elsewhere, a value need not be a number.
        for mass in inertial.children().filter(|node| node.has_tag_name("mass")) {
            let value = mass.attribute("value").unwrap_or_default();
            if !value.trim().parse().is_ok_and(|mass: f64| mass.abs() <= text::MAX_NUMBER) {
                return Err(format!("{}: value {value:?}, expected a number", place(mass)));
            }
        }
    }
    Ok(())
}

/// Checks what was read: physical links, joints that make one tree.
pub(super) fn robot(robot: &Robot) -> Result<(), String> {
    if robot.links.is_empty() {
        return Err("<robot>: no links".to_owned());
    }
    robot.links.iter().try_for_each(link)?;
    robot.joints.iter().try_for_each(|joint| {
        self::joint(joint, robot).map_err(|reason| format!("<joint name={:?}>: {reason}", joint.name))
    })?;
    tree(robot)
}

/// The inertia tensor about the centre of mass, in the axes of the inertial's own frame.
pub(super) fn tensor(inertial: &Inertial) -> nalgebra::Matrix3<f64> {
    let own = &inertial.inertia;
    inertia::matrix([own.ixx, own.iyy, own.izz, own.ixy, own.ixz, own.iyz])
}

fn link(link: &Link) -> Result<(), String> {
    let fail = |element: &str, reason: String| Err(format!("<{element}> of link {:?}: {reason}", link.name));
    if let Err(reason) = inertia::check(link.inertial.mass.value, tensor(&link.inertial)) {
        return fail("inertial", reason);
    }
    for collision in &link.collision {
        let sizes: &[f64] = match &collision.geometry {
            Geometry::Box { size } => &size.0,
            Geometry::Cylinder { radius, length } | Geometry::Capsule { radius, length } => {
                &[*radius, *length]
            }
            Geometry::Sphere { radius } => &[*radius],
            Geometry::Mesh { scale, .. } => &scale.map_or([1.0; 3], |scale| scale.0.map(f64::abs)),
        };
        if let Some(size) = sizes.iter().find(|size| !(**size > 0.0 && size.is_finite())) {
            return fail("collision", format!("a size of {size} m, expected more than 0"));
        }
    }
    Ok(())
}

fn joint(joint: &Joint, robot: &Robot) -> Result<(), String> {
    for (end, link) in [("parent", &joint.parent.link), ("child", &joint.child.link)] {
        if !robot.links.iter().any(|known| known.name == *link) {
            return Err(format!("{end} link {link:?}, which the robot lacks"));
        }
    }
    if matches!(joint.joint_type, JointType::Fixed | JointType::Floating) {
        return Ok(());
    }
    let axis = joint.axis.xyz.0;
    if !(axis.iter().map(|part| part * part).sum::<f64>() > 1e-20) {
        return Err(format!("axis {axis:?}, expected a direction"));
    }
    let (low, high) = (joint.limit.lower, joint.limit.upper);
    if joint.joint_type != JointType::Continuous && low > high {
        return Err(format!("limit {low} to {high}, expected lower first"));
    }
    let dynamics = joint.dynamics.clone().unwrap_or_default();
    for (name, value) in [
        ("damping", dynamics.damping),
        ("friction", dynamics.friction),
        ("effort", joint.limit.effort),
        ("velocity", joint.limit.velocity),
    ] {
        if value < 0.0 {
            return Err(format!("{name} {value}, expected none below 0"));
        }
    }
    if let Some(safety) = &joint.safety_controller
        && safety.soft_lower_limit > safety.soft_upper_limit
    {
        let (low, high) = (safety.soft_lower_limit, safety.soft_upper_limit);
        return Err(format!("soft limits {low} to {high}, expected the lower first"));
    }
    joint.mimic.as_ref().map_or(Ok(()), |mimic| {
        let leader = robot.joints.iter().find(|known| known.name == mimic.joint);
        match leader.map(|leader| (&leader.joint_type, leader.mimic.is_some())) {
            Some((JointType::Revolute | JointType::Continuous | JointType::Prismatic, false)) => Ok(()),
            Some((_, true)) => Err(format!("mimics {:?}, which mimics itself or another", mimic.joint)),
            Some(_) => Err(format!("mimics {:?}, which has no axis", mimic.joint)),
            None => Err(format!("mimics {:?}, which the robot lacks", mimic.joint)),
        }
    })
}

/// Every link hangs from one joint but the root, from which all can be reached.
fn tree(robot: &Robot) -> Result<(), String> {
    let mut above: BTreeMap<&str, &Joint> = BTreeMap::new();
    for joint in &robot.joints {
        if let Some(other) = above.insert(&joint.child.link, joint) {
            let (link, other, name) = (&joint.child.link, &other.name, &joint.name);
            return Err(format!("<link name={link:?}>: two joints hold it, {other:?} and {name:?}"));
        }
    }
    let roots: Vec<&str> = robot.links.iter().map(|link| link.name.as_str()).collect();
    let roots: Vec<&str> = roots.into_iter().filter(|link| !above.contains_key(link)).collect();
    match roots[..] {
        [] => return Err("<robot>: its joints close a loop, and no link is the root".to_owned()),
        [_] => {}
        _ => return Err(format!("<robot>: several roots, {}, expected one", roots.join(", "))),
    }
    for link in &robot.links {
        let mut current = link.name.as_str();
        for _ in 0..=robot.links.len() {
            let Some(joint) = above.get(current) else { break };
            current = &joint.parent.link;
        }
        if let Some(joint) = above.get(current) {
            return Err(format!("<joint name={:?}>: joints from it on close a loop", joint.name));
        }
    }
    Ok(())
}
