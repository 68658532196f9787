//! Scenes show what the models' files say, where the simulation has it.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use sinew_sim::robot::scene::{Form, Pose, Scene, Shape};
use sinew_sim::{Env, Randomization, SimulatedRobot, Task};

/// A task that drives one joint of a model, on a floor.
fn robot(model: &str, formulation: &str, joint: &str) -> SimulatedRobot {
    let mode = "mode = \"torque\"\nminimum = -1.0\nmaximum = 1.0\ndefault = 0.0\nhead_scale = 1.0\nhead_offset = 0.0";
    let text = format!(
        "name = \"{model}\"\nsummary = \"for tests\"\nsafe_action = \"zero_torque\"\n\n[dynamics]\nmodel = \"{model}.xml\"\n\
         formulation = \"{formulation}\"\nfloor = true\nphysics_period_s = 0.002\npolicy_period_s = 0.02\n\n\
         [episode]\ntraining_s = 1.0\nacceptance_s = 1.0\n\n[start]\n\n[[reward]]\nquantity = \"joint_speed\"\n\
         shape = \"squared\"\nweight = -1.0\n\n[[observation]]\nname = \"joint\"\nsource = \"sensor\"\nsensors = [\"{joint}\"]\n\
         max_age_s = 0.1\nfloor = 0.1\n\n[[sensors]]\nname = \"{joint}\"\nquantity = \"joint_position\"\njoint = \"{joint}\"\n\n\
         [[actuators]]\nname = \"{joint}\"\njoint = \"{joint}\"\n{mode}\n"
    );
    let task = Task::load(&support::write(&format!("scene-{model}-{formulation}"), &text)).unwrap();
    SimulatedRobot::new(&task, Randomization::Nominal).unwrap()
}

fn names(scene: &Scene) -> Vec<&str> {
    scene.bodies.iter().map(|body| body.name.as_str()).collect()
}

fn poses(robot: &SimulatedRobot) -> Vec<Pose> {
    let mut poses = Vec::new();
    robot.poses(&mut poses);
    poses
}

/// A point of a body's frame, in the world.
fn in_world(pose: &Pose, point: [f64; 3]) -> [f64; 3] {
    let [w, x, y, z] = pose.orientation;
    let cross = |a: [f64; 3], b: [f64; 3]| {
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    };
    let twice = cross([x, y, z], point).map(|value| 2.0 * value);
    let turned = cross([x, y, z], twice);
    [0, 1, 2].map(|i| pose.position_m[i] + point[i] + w * twice[i] + turned[i])
}

fn is_floor(shape: &Shape) -> bool {
    matches!(shape.form, Form::Box { half_extents_m: [x, _, z] } if x > 40.0 && (shape.pose.position_m[2] + z).abs() < 1e-6)
}

#[test]
fn a_quadrotor_has_its_rotors_and_hides_its_hull() {
    let mut environment =
        Env::new(&Task::load("quadrotor").unwrap(), Randomization::Acceptance, 1, 2).unwrap();
    let mut observation = vec![0.0; Task::load("quadrotor").unwrap().observation_size()];
    environment.reset(0, &mut observation).unwrap();
    let scene = environment.scene();
    assert_eq!(names(&scene), ["world", "quadrotor"]);
    assert!(scene.bodies[0].shapes.iter().any(is_floor));
    let body = &scene.bodies[1];
    let hull = body.shapes.iter().find(|shape| !shape.shown).unwrap();
    assert_eq!(hull.form, Form::Cylinder { radius_m: 0.06_f32.into(), half_length_m: 0.0125_f32.into() });
    // The engine's cylinders stand along y, these along z.
    assert!(in_world(&hull.pose, [0.0, 0.0, 1.0])[2] > 0.999_999);
    let rotors: Vec<(f64, bool)> = body
        .shapes
        .iter()
        .filter_map(|shape| match shape.form {
            Form::Rotor { radius_m, clockwise } => {
                assert!((shape.pose.position_m[0].abs() - 0.028_072_1).abs() < 1e-6);
                Some((radius_m, clockwise))
            }
            _ => None,
        })
        .collect();
    assert_eq!(rotors.len(), 4);
    assert!(rotors.iter().all(|(radius_m, _)| *radius_m > 0.02 && *radius_m < 0.028));
    assert_eq!(rotors.iter().filter(|(_, clockwise)| *clockwise).count(), 2);
    let red = body.shapes.iter().filter_map(|shape| shape.color).any(|[red, _, blue, _]| red > 4.0 * blue);
    assert!(red, "the front's mark has lost its colour");
    let mut poses = Vec::new();
    environment.poses(&mut poses);
    let base = environment.truth().base;
    assert_eq!((poses[1].position_m, poses[0]), (base.position_m, Pose::IDENTITY));
    assert_eq!(poses[1].orientation, base.orientation);
}

#[test]
fn a_quadruped_stands_on_its_feet_in_both_formulations() {
    let [one, other] = ["multibody", "joint_constraints"]
        .map(|formulation| robot("quadruped", formulation, "front_left_hip"));
    let scene = one.scene();
    assert_eq!(scene, other.scene());
    assert_eq!(scene.bodies.len(), 14);
    assert_eq!(scene.bodies[0].shapes.iter().filter(|shape| is_floor(shape)).count(), 1);
    for leg in ["front_left", "front_right", "rear_left", "rear_right"] {
        let find =
            |part: &str| names(&scene).iter().position(|name| *name == format!("{leg}_{part}")).unwrap();
        let (hip, thigh, calf) = (find("hip"), find("thigh"), find("calf"));
        assert_eq!(
            [hip, thigh, calf].map(|body| scene.bodies[body].parent),
            [Some(1), Some(hip), Some(thigh)]
        );
        let shapes = &scene.bodies[calf].shapes;
        // The shell, which touches nothing, and the foot.
        assert_eq!(shapes.len(), 2);
        let foot = shapes.iter().find(|shape| matches!(shape.form, Form::Sphere { .. })).unwrap();
        for robot in [&one, &other] {
            let place = in_world(&poses(robot)[calf], foot.pose.position_m);
            assert!(place[1].signum() == if leg.ends_with("left") { 1.0 } else { -1.0 }, "{leg} {place:?}");
        }
    }
    for (one, other) in poses(&one).iter().zip(poses(&other)) {
        let apart = [0, 1, 2].map(|i| (one.position_m[i] - other.position_m[i]).abs());
        assert!(apart.iter().all(|distance| *distance < 1e-5), "{one:?} {other:?}");
    }
}

#[test]
fn several_joints_of_one_body_are_one_body() {
    let hopper = robot("hopper", "multibody", "thigh");
    let scene = hopper.scene();
    assert_eq!(names(&scene), ["world", "torso", "thigh", "leg", "foot"]);
    let parents: Vec<Option<usize>> = scene.bodies.iter().map(|body| body.parent).collect();
    assert_eq!(parents, [None, Some(0), Some(1), Some(2), Some(3)]);
    // Upright, with the sole on the floor.
    let heights: Vec<f64> = poses(&hopper).iter().map(|pose| pose.position_m[2]).collect();
    assert!(heights[1] > 1.2 && heights[4] < 0.1, "{heights:?}");
}

#[test]
fn what_is_bolted_down_is_the_worlds() {
    let arm = robot("arm", "multibody", "elbow");
    let scene = arm.scene();
    assert_eq!(scene.bodies.len(), 7);
    let base =
        scene.bodies[0].shapes.iter().find(|shape| matches!(shape.form, Form::Cylinder { .. })).unwrap();
    assert!((base.pose.position_m[2] - 0.05).abs() < 1e-6);
}
