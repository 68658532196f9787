//! What a task places beside the robot falls, stands, is felt, seen and drawn as physics and its file say.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use sinew_sim::robot::scene::{Form, Pose};
use sinew_sim::{BaseState, JointState, Randomization, SimulatedRobot, Task, Truth, VecEnv, VecEnvState};
use support::term;
use support::world::{floating, nominal, read, sensor};

/// A floating body, out of the way at height 50 unless it is placed, and an eye that is fixed to the world at height 1.
fn world(name: &str, dynamics: &str, rest: &str) -> Result<Task, String> {
    let model = floating(1.5, "<geom name=\"ball\" type=\"sphere\" size=\"0.05\"/>")
        .replace("<worldbody>", "<worldbody><site name=\"eye\" pos=\"0 0 1\"/>");
    support::world::task(name, &model, "fin", dynamics, rest)
}

fn object(name: &str, lines: &str) -> String {
    format!("[[objects]]\nname = \"{name}\"\n{lines}\n\n")
}

fn placed(robot: &mut SimulatedRobot, position_m: [f64; 3]) {
    let base = BaseState { position_m, ..BaseState::default() };
    robot.place(&Truth { base, joints: vec![JointState::default()], ..Truth::default() });
}

fn drawn(task: &Task, episode: u64) -> SimulatedRobot {
    let mut robot = SimulatedRobot::new(task, Randomization::Training).unwrap();
    robot.reset(5, 0, episode);
    placed(&mut robot, [0.0, 0.0, 50.0]);
    robot
}

const SHAPES: [(&str, f64); 4] = [
    ("shape = \"box\"\nsize_m = [0.2, 0.3, 0.1]", 0.05),
    ("shape = \"sphere\"\nradius_m = 0.1", 0.1),
    ("shape = \"capsule\"\nradius_m = 0.08\nlength_m = 0.1", 0.13),
    ("shape = \"cylinder\"\nradius_m = 0.1\nlength_m = 0.16", 0.08),
];

#[test]
fn every_shape_comes_to_rest_at_its_height_and_is_felt_with_its_weight() {
    for (index, (shape, height)) in SHAPES.into_iter().enumerate() {
        for size in [1.0, 1.5] {
            let lines =
                format!("{shape}\nposition_m = [1.0, 0.0, {:?}]\nmass_kg = 2.0", size * height + 0.002);
            let rest = object("thing", &lines)
                + &sensor("weight", "contact_force", "geom = \"thing\"")
                + &term("object_size", "scale", &format!("{size:?}"));
            let task = world(&format!("rest-{index}-{size}"), "floor = true", &rest).unwrap();
            let mut robot = drawn(&task, 0);
            robot.advance(1000);
            let thing = robot.truth().objects[0];
            let found = thing.position_m[2];
            assert!((found - size * height).abs() < 2e-3, "{shape} x {size}: {found}");
            let force = read(&mut robot, &task, "weight")[0];
            assert!((force - 2.0 * 9.81).abs() < 0.2, "{shape} x {size}: {force} N");
        }
    }
}

#[test]
fn a_free_object_has_the_mass_and_feels_the_force_that_were_drawn() {
    let crate_lines =
        object("crate", &format!("{}\nposition_m = [1.0, 0.0, 20.0]\nmass_kg = 2.0", SHAPES[0].0));
    let named = |line: String| line + "target = [\"crate\"]\n";
    for (name, lines, acceleration) in [
        ("force", named(term("force", "add", "3.0")), 1.5),
        ("heavy", named(term("force", "add", "3.0")) + &named(term("mass", "scale", "2.0")), 0.75),
        // Without names, a term is about the robot.
        ("robot", named(term("force", "add", "3.0")) + &term("mass", "scale", "2.0"), 1.5),
    ] {
        let mut robot =
            drawn(&world(&format!("object-{name}"), "", &(crate_lines.clone() + &lines)).unwrap(), 0);
        robot.advance(100);
        let [x, y, z] = robot.truth().objects[0].velocity_m_per_s;
        let found = (x * x + y * y + (z + 0.981) * (z + 0.981)).sqrt() / 0.1;
        assert!((found / acceleration - 1.0).abs() < 0.01, "{name}: {found}, expected {acceleration}");
    }
}

#[test]
fn a_robot_stands_on_what_stands_fast_and_pushes_what_does_not() {
    let table = object("table", "shape = \"box\"\nsize_m = [1.0, 1.0, 0.4]\nposition_m = [0.0, 0.0, 0.2]");
    let feels = sensor("table", "contact_force", "geom = \"table\"");
    let task = world("table", "floor = true", &(table + &feels)).unwrap();
    let mut robot = nominal(&task);
    placed(&mut robot, [0.1, 0.0, 0.452]);
    robot.advance(1000);
    assert!((robot.truth().base.position_m[2] - 0.45).abs() < 2e-3, "{:?}", robot.truth().base);
    let force = read(&mut robot, &task, "table")[0];
    assert!((force - 1.5 * 9.81).abs() < 0.15, "{force}");

    // A ball of 1.5 kg meets one of 0.5 kg of its size that rests: momentum is kept.
    let ball =
        "shape = \"sphere\"\nradius_m = 0.05\nposition_m = [0.3, 0.0, 30.0]\nmass_kg = 0.5\nfriction = 0.0";
    let task = world("push", "", &object("ball two", ball)).unwrap();
    let mut robot = nominal(&task);
    let mut truth = Truth { joints: vec![JointState::default()], ..Truth::default() };
    truth.base.position_m = [0.0, 0.0, 30.0];
    truth.base.velocity_m_per_s = [1.0, 0.0, 0.0];
    robot.place(&truth);
    robot.advance(300);
    let (base, other) =
        (robot.truth().base.velocity_m_per_s[0], robot.truth().objects[0].velocity_m_per_s[0]);
    assert!(other > 0.5, "{other}");
    assert!((1.5 * base + 0.5 * other - 1.5).abs() < 0.02, "{base}, {other}");
}

#[test]
fn objects_start_where_and_as_they_were_drawn() {
    let wall = object("wall", "shape = \"box\"\nsize_m = [0.2, 4.0, 4.0]\nposition_m = [2.0, 0.0, 1.0]");
    let lines =
        wall + &sensor(
            "ahead",
            "range",
            "site = \"eye\"\nbeams = { directions = [[1.0, 0.0, 0.0]], largest_m = 9.0 }",
        ) + &term("object_position", "add", "[-0.5, 0.5]")
            + &term("object_yaw", "add", "[-0.6, 0.6]")
            + &term("object_size", "scale", "[0.5, 1.5]");
    let task = world("wall", "", &lines).unwrap();
    let (mut shifts, mut yaws) = (Vec::new(), Vec::new());
    for episode in 0..200 {
        let mut robot = drawn(&task, episode);
        let numbers: Vec<Vec<f64>> = robot.drawn().map(|(_, values)| values.to_vec()).collect();
        let [shift, yaw, size] = [&numbers[0], &numbers[1], &numbers[2]];
        let wall = robot.truth().objects[0];
        for axis in 0..3 {
            assert!((wall.position_m[axis] - [2.0, 0.0, 1.0][axis] - shift[axis]).abs() < 1e-6);
        }
        assert!((2.0 * libm::atan2(wall.orientation[3], wall.orientation[0]) - yaw[0]).abs() < 1e-6);
        // Along x to the near face: its plane is turned by the yaw, half a thickness before the centre.
        let [dx, dy] = [2.0 + shift[0], shift[1]];
        let expected = dx + dy * libm::tan(yaw[0]) - 0.1 * size[0] / libm::cos(yaw[0]);
        let found = read(&mut robot, &task, "ahead")[0];
        assert!((found - expected).abs() < 1e-4, "{found}, expected {expected}");
        robot.advance(5);
        assert_eq!(robot.truth().objects[0], wall, "it stands fast");
        shifts.push(shift[0]);
        yaws.push(yaw[0]);
    }
    for (values, width) in [(shifts, 1.0), (yaws, 1.2)] {
        let mean = values.iter().sum::<f64>() / 200.0;
        let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / 200.0;
        assert!(mean.abs() < 0.11 * width && (variance * 12.0 / (width * width) - 1.0).abs() < 0.3);
    }
}

#[test]
fn a_delayed_ray_shows_a_falling_object_where_it_was() {
    let ball =
        object("ball two", "shape = \"sphere\"\nradius_m = 0.1\nposition_m = [0.0, 0.0, 4.0]\nmass_kg = 0.3");
    let beam = "site = \"eye\"\nbeams = { directions = [[0.0, 0.0, 1.0]], largest_m = 9.0 }";
    let rest = ball
        + &sensor("now", "range", beam)
        + &sensor("late", "range", beam)
        + "[[randomization]]\nterm = \"observation_delay\"\noperation = \"add\"\ntarget = [\"late\"]\ntraining = 0.02\n";
    let task = world("fall", "", &rest).unwrap();
    let mut robot = drawn(&task, 0);
    let mut seen = Vec::new();
    for step in 1..=300 {
        robot.advance(1);
        let now = read(&mut robot, &task, "now")[0];
        let time = f64::from(step) * 1e-3;
        assert!((now - (2.9 - 0.5 * 9.81 * time * time)).abs() < 5e-3, "{now} after {time} s");
        seen.push(now);
        if step > 25 {
            let late = read(&mut robot, &task, "late")[0];
            // The random phase of the delay is less than a step.
            assert!(seen[step as usize - 21..=step as usize - 20].contains(&late), "{step}: {late}");
        }
    }
}

#[test]
fn pictures_show_objects_where_they_are() {
    let lines = format!("{}\nposition_m = [1.0, 2.0, 3.0]\ncolor = [1.0, 0.5, 0.0, 1.0]", SHAPES[0].0);
    let lines =
        object("crate", &lines) + &object("can", &format!("{}\nposition_m = [0.0, 3.0, 1.0]", SHAPES[3].0));
    let robot = nominal(&world("scene", "", &lines).unwrap());
    let (scene, mut poses) = (robot.scene(), Vec::new());
    robot.poses(&mut poses);
    let find = |name: &str| scene.bodies.iter().position(|body| body.name == name).unwrap();
    let [shape] = &scene.bodies[find("crate")].shapes[..] else { panic!("{scene:?}") };
    let Form::Box { half_extents_m } = shape.form else { panic!("{shape:?}") };
    assert!(
        half_extents_m.iter().zip([0.1, 0.15, 0.05]).all(|(found, expected)| (found - expected).abs() < 1e-7)
    );
    assert_eq!((shape.color, shape.pose, shape.shown), (Some([1.0, 0.5, 0.0, 1.0]), Pose::IDENTITY, true));
    assert_eq!(poses[find("crate")].position_m, [1.0, 2.0, 3.0]);
    let [can] = &scene.bodies[find("can")].shapes[..] else { panic!("{scene:?}") };
    assert!(
        matches!(can.form, Form::Cylinder { .. }) && (can.pose.orientation[0].abs() - 1.0).abs() < 1e-6,
        "{can:?}"
    );
    assert_eq!(scene.bodies[0].shapes.len(), 0, "{:?}", scene.bodies[0]);
}

/// A robot that falls among things that fall with it.
#[test]
fn a_restored_simulation_with_objects_goes_on_with_the_same_bits() {
    let mut rest = String::new();
    for (index, (shape, _)) in SHAPES.into_iter().enumerate() {
        let place = format!("position_m = [{}, 0.05, {}]", 0.1 * index as f64, 0.3 + 0.25 * index as f64);
        rest += &object(&format!("thing {index}"), &format!("{shape}\n{place}\nmass_kg = 0.5"));
    }
    rest += &object("step", "shape = \"box\"\nsize_m = [0.5, 0.5, 0.2]\nposition_m = [0.3, 0.0, 0.1]");
    rest += "[[commands]]\nname = \"place\"\nunit = \"meter\"\nframe = \"world\"\nminimum = [-5.0, -5.0, 0.0]\n\
        maximum = [5.0, 5.0, 2.0]\nsafe_value = [0.0, 0.0, 0.3]\nmax_age_s = 1.0\nvalue = [0.1, 0.0, 1.6]\n\n\
        [start.base]\nposition_offset_m = 0.1\ntilt_rad = 1.0\nspeed_m_per_s = 1.0\nangular_speed_rad_per_s = 5.0\n\n";
    rest += &(term("object_position", "add", "[-0.1, 0.1]") + &term("force", "add", "[0.0, 1.0]"));
    let task = world("objects-snapshot", "floor = true", &rest).unwrap();
    let new = |threads| VecEnv::new(&task, Randomization::Training, 3, 5, threads).unwrap();
    let run = |environments: &mut VecEnv, steps: u32| {
        let mut bits = Vec::new();
        for _ in 0..steps {
            environments.step(&[0.3, -0.2, 0.1]).unwrap();
            for environment in 0..3 {
                let truth = environments.env(environment).unwrap().truth();
                let objects = truth.objects.iter().flat_map(|object| object.position_m);
                bits.extend(objects.chain(truth.base.position_m).map(f64::to_bits));
            }
        }
        bits
    };
    let mut original = new(1);
    original.reset().unwrap();
    run(&mut original, 57);
    let saved = postcard::to_stdvec(&original.state().unwrap()).unwrap();
    let expected = run(&mut original, 500);
    for threads in 1..=2 {
        let state: VecEnvState = postcard::from_bytes(&saved).unwrap();
        let mut restored = new(threads);
        restored.restore(&state).unwrap();
        assert!(run(&mut restored, 500) == expected, "{threads} threads");
    }
}

#[test]
fn a_camera_sees_what_the_pose_and_the_field_of_view_that_were_drawn_let_it_see() {
    let wall = object("wall", "shape = \"box\"\nsize_m = [0.2, 40.0, 40.0]\nposition_m = [3.1, 0.0, 1.0]");
    let post = object("post", "shape = \"box\"\nsize_m = [0.2, 0.8, 40.0]\nposition_m = [2.1, 0.0, 1.0]");
    let camera = "site = \"eye\"\n[sensors.camera]\ncolumns = 64\nrows = 8\nfield_of_view_rad = 1.0\nnear_m = 0.1\nfar_m = 9.0";
    let image = |name: &str, things: &str, terms: &str| {
        let rest = things.to_owned() + &sensor("eye", "depth_camera", camera) + terms;
        let task = world(&format!("camera-{name}"), "", &rest).unwrap();
        let mut robot = drawn(&task, 3);
        let numbers: Vec<f64> = robot.drawn().flat_map(|(_, values)| values.to_vec()).collect();
        (read(&mut robot, &task, "eye"), numbers)
    };
    // Moved by 0.25 m along every axis it is as much closer to a wall, wherever in the image.
    let (depths, _) = image("position", &wall, &term("camera_position", "add", "0.25"));
    assert!(depths.iter().all(|depth| (depth - 2.75).abs() < 1e-4), "{depths:?}");
    // Turned, the depth along its axis of each pixel is the plane's.
    let (depths, turn) = image("rotation", &wall, &term("camera_rotation", "add", "0.2"));
    let angle = turn.iter().map(|along| along * along).sum::<f64>().sqrt();
    assert!((angle - 0.2).abs() < 1e-9, "{turn:?}");
    let axis = [turn[0] / angle, turn[1] / angle, turn[2] / angle];
    let pixel = 2.0 * libm::tan(0.5) / 64.0;
    for (index, found) in depths.iter().enumerate() {
        let (column, row) = ((index % 64) as f64, (index / 64) as f64);
        let ray = [1.0, (31.5 - column) * pixel, (3.5 - row) * pixel];
        // Rodrigues: the part of the turned ray that runs along x.
        let along = axis[0] * ray[0] + axis[1] * ray[1] + axis[2] * ray[2];
        let turned = ray[0] * libm::cos(angle)
            + (axis[1] * ray[2] - axis[2] * ray[1]) * libm::sin(angle)
            + axis[0] * along * (1.0 - libm::cos(angle));
        assert!((found - 3.0 / turned).abs() < 1e-3, "pixel {index}: {found}, expected {}", 3.0 / turned);
    }
    // A post of 0.8 m at 2 m covers 0.4 of an image plane at 1 m, whose width the field of view says.
    for factor in [0.5, 1.0, 2.0] {
        let (depths, _) = image(
            "view",
            &(wall.clone() + &post),
            &term("camera_field_of_view", "scale", &format!("{factor:?}")),
        );
        let covered = depths[..64].iter().filter(|depth| **depth < 2.5).count() as f64;
        let expected = 64.0 * (0.4 / (2.0 * libm::tan(0.5 * factor))).min(1.0);
        assert!((covered - expected).abs() <= 1.0, "{factor}: {covered} columns, expected {expected}");
    }
}

#[test]
fn unusable_objects_and_cameras_are_refused() {
    let thing = |lines: &str| object("thing", lines);
    let flat = sensor(
        "height",
        "range",
        "site = \"eye\"\nbeams = { directions = [[1.0, 0.0, 0.0]], largest_m = 9.0 }",
    );
    for (lines, expected) in [
        (
            thing("shape = \"box\"\nradius_m = 1.0\nposition_m = [0.0, 0.0, 0.0]"),
            "object \"thing\": size_m is absent, expected present",
        ),
        (
            thing("shape = \"sphere\"\nradius_m = -1.0\nposition_m = [0.0, 0.0, 0.0]"),
            "object \"thing\": radius_m is -1, expected a number from 0.001 to 1000",
        ),
        (
            object("body", "shape = \"sphere\"\nradius_m = 1.0\nposition_m = [0.0, 0.0, 0.0]"),
            "objects: name is \"body\", expected a name that the model has not",
        ),
        (
            thing("shape = \"sphere\"\nradius_m = 1.0\nposition_m = [0.0, 0.0, 0.0]").repeat(2),
            "objects: name is \"thing\" again, expected names that differ",
        ),
        (
            term("object_size", "scale", "2.0"),
            "randomization 1: object_size: target is none, expected at least one",
        ),
        (
            flat + &term("camera_rotation", "add", "0.1"),
            "randomization 1: camera_rotation: target is none, expected at least one",
        ),
        (
            thing("shape = \"sphere\"\nradius_m = 1.0\nposition_m = [0.0, 0.0, 0.0]\nmass_kg = 1.0")
                + &term("body_size", "scale", "2.0")
                + "target = [\"thing\"]\n",
            "randomization 1: body_size: target is \"thing\", expected one of body",
        ),
    ] {
        let error = world("refused", "", &lines).unwrap_err();
        assert!(error.starts_with(&format!("FILE: {expected}")), "{error}");
    }
}
