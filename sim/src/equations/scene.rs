//! What moves by equations, drawn as a chain of rods and carts: equations have joints, and no bodies.
//!
//! Joints say by their names which mechanism they are; lengths and directions are those of its equations.

use crate::robot::scene::{Body, Form, Pose, Scene, Shape};
use crate::rotation;
use crate::truth::JointState;

/// Every rod of Gymnasium's mechanisms is 1 m long.
const LENGTH_M: f64 = 1.0;
const ROD_RADIUS_M: f64 = 0.02;
/// To either side, as in `CartPole-v1`.
const RAIL_M: f64 = 2.4;
const X: [f64; 3] = [1.0, 0.0, 0.0];
const Y: [f64; 3] = [0.0, 1.0, 0.0];

/// One joint and what it moves.
struct Part {
    name: &'static str,
    motion: Motion,
    /// Where the joint sits on the part that carries it, m.
    joint_m: [f64; 3],
    solid: Solid,
}

/// About or along an axis.
enum Motion {
    Turn([f64; 3]),
    Slide([f64; 3]),
}

enum Solid {
    /// From the joint along z, up or down, m.
    Rod(f64),
    /// About the joint.
    Cart,
}

const fn rod(name: &'static str, axis: [f64; 3], height_m: f64, length_m: f64) -> Part {
    Part { name, motion: Motion::Turn(axis), joint_m: [0.0, 0.0, height_m], solid: Solid::Rod(length_m) }
}

static PENDULUM: [Part; 1] = [rod("rod", X, 0.0, LENGTH_M)];
static CART_POLE: [Part; 2] = [
    Part { name: "cart", motion: Motion::Slide(X), joint_m: [0.0; 3], solid: Solid::Cart },
    rod("pole", Y, 0.0, LENGTH_M),
];
static ACROBOT: [Part; 2] =
    [rod("upper link", X, 0.0, -LENGTH_M), rod("lower link", X, -LENGTH_M, -LENGTH_M)];

/// The mechanism with these joints; nothing of one that is not known.
fn parts(joint_names: &[String]) -> &'static [Part] {
    let names: Vec<&str> = joint_names.iter().map(String::as_str).collect();
    match names[..] {
        ["hinge"] => &PENDULUM,
        ["cart", "pole"] => &CART_POLE,
        ["shoulder", "elbow"] => &ACROBOT,
        _ => &[],
    }
}

/// The world, and one body for each joint.
pub(crate) fn scene(joint_names: &[String]) -> Scene {
    let held = parts(joint_names).first().map(Part::holder);
    let world = Body { name: "world".to_owned(), parent: None, shapes: held.into_iter().collect() };
    let moving = parts(joint_names).iter().enumerate().map(|(index, part)| Body {
        name: part.name.to_owned(),
        parent: Some(index),
        shapes: vec![part.shape()],
    });
    Scene { bodies: std::iter::once(world).chain(moving).collect() }
}

/// Replaces `poses` with those of the bodies of [`scene`], body to world.
pub(crate) fn poses(joint_names: &[String], joints: &[JointState], poses: &mut Vec<Pose>) {
    poses.clear();
    poses.push(Pose::IDENTITY);
    let mut pose = Pose::IDENTITY;
    for (part, joint) in parts(joint_names).iter().zip(joints) {
        let (shift, turn) = match part.motion {
            Motion::Turn(axis) => (part.joint_m, axis.map(|value| value * joint.position)),
            Motion::Slide(axis) => ([0, 1, 2].map(|i| part.joint_m[i] + axis[i] * joint.position), [0.0; 3]),
        };
        let shift = rotation::to_world(pose.orientation, shift);
        pose = Pose {
            position_m: [0, 1, 2].map(|i| pose.position_m[i] + shift[i]),
            orientation: rotation::multiply(pose.orientation, rotation::from_rotation_vector(turn)),
        };
        poses.push(pose);
    }
}

impl Part {
    /// What holds the first joint: a pivot, or a rail.
    fn holder(&self) -> Shape {
        let form = match self.motion {
            Motion::Turn(_) => Form::Sphere { radius_m: 1.5 * ROD_RADIUS_M },
            Motion::Slide(_) => Form::Box { half_extents_m: [RAIL_M, 0.01, 0.01] },
        };
        Shape { form, pose: Pose::IDENTITY, color: None, shown: true }
    }

    fn shape(&self) -> Shape {
        let (form, centre_m) = match self.solid {
            Solid::Rod(length_m) => {
                let form = Form::Capsule { radius_m: ROD_RADIUS_M, half_length_m: 0.5 * length_m.abs() };
                (form, [0.0, 0.0, 0.5 * length_m])
            }
            Solid::Cart => (Form::Box { half_extents_m: [0.1, 0.06, 0.05] }, [0.0; 3]),
        };
        let pose = Pose { position_m: centre_m, ..Pose::IDENTITY };
        Shape { form, pose, color: None, shown: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::f64::consts::FRAC_PI_2;

    /// Where the far end of the last part is.
    fn tip(names: &[&str], positions: &[f64]) -> [f64; 3] {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let joints = positions.iter().map(|position| JointState { position: *position, velocity: 0.0 });
        let joints: Vec<JointState> = joints.collect();
        let mut placed = Vec::new();
        poses(&names, &joints, &mut placed);
        let scene = scene(&names);
        assert_eq!(placed.len(), scene.bodies.len());
        let (pose, body) = (placed[placed.len() - 1], &scene.bodies[placed.len() - 1]);
        let end = rotation::to_world(pose.orientation, body.shapes[0].pose.position_m.map(|v| 2.0 * v));
        [0, 1, 2].map(|i| (1e12 * (pose.position_m[i] + end[i])).round() / 1e12)
    }

    #[test]
    fn tips_are_where_the_equations_put_them() {
        // Upright at 0, counter-clockwise as seen from +x.
        assert_eq!(tip(&["hinge"], &[0.0]), [0.0, 0.0, 1.0]);
        assert_eq!(tip(&["hinge"], &[FRAC_PI_2]), [0.0, -1.0, 0.0]);
        // Upright at 0, leaning towards positive displacements.
        assert_eq!(tip(&["cart", "pole"], &[0.5, FRAC_PI_2]), [1.5, 0.0, 0.0]);
        // Hanging at 0; the second angle counts from the first link.
        assert_eq!(tip(&["shoulder", "elbow"], &[0.0, 0.0]), [0.0, 0.0, -2.0]);
        assert_eq!(tip(&["shoulder", "elbow"], &[FRAC_PI_2, FRAC_PI_2]), [0.0, 1.0, 1.0]);
    }

    #[test]
    fn of_unknown_joints_nothing_is_drawn() {
        let mut placed = vec![Pose::IDENTITY; 7];
        poses(&["knee".to_owned()], &[JointState::default()], &mut placed);
        assert_eq!((placed.len(), scene(&["knee".to_owned()]).bodies.len()), (1, 1));
    }
}
