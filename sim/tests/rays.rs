//! What scans, range finders and cameras measure is what geometry says.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use sinew_sim::{BaseState, Env, JointState, Randomization, SimulatedRobot, Task, Truth};
use support::world::{floating, nominal, read, sensor};

const SLOPE: &str = "[terrain]\nsize_m = [8.0, 8.0]\nresolution_m = 0.05\nplatform_m = 0.0\nlevels = 1\nvariants = 1\n\n\
    [[terrain.kinds]]\nkind = \"slope\"\nslope = [0.3, 0.3]\n\n";
const GRID: &str =
    "[sensors.grid]\nx_m = [-0.8, 0.8]\ny_m = [-0.5, 0.5]\ncolumns = 17\nrows = 11\nclip_m = [-1.0, 2.0]";

/// A floating body among things that are fixed to the world.
fn world(name: &str, things: &str, dynamics: &str, rest: &str) -> Result<Task, String> {
    let model = floating(1.0, "<geom type=\"sphere\" size=\"0.05\"/><site name=\"eye\" pos=\"0.1 0 0.05\"/>")
        .replace("<worldbody>", &format!("<worldbody>{things}"));
    support::world::task(name, &model, "fin", dynamics, rest)
}

fn turned(axis: [f64; 3], angle: f64) -> [f64; 4] {
    let (sine, cosine) = libm::sincos(0.5 * angle);
    [cosine, sine * axis[0], sine * axis[1], sine * axis[2]]
}

fn product(a: [f64; 4], b: [f64; 4]) -> [f64; 4] {
    [
        a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3],
        a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2],
        a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1],
        a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0],
    ]
}

fn place(
    robot: &mut SimulatedRobot,
    position_m: [f64; 3],
    orientation: [f64; 4],
    velocity_m_per_s: [f64; 3],
) {
    let base = BaseState { position_m, orientation, velocity_m_per_s, ..BaseState::default() };
    robot.place(&Truth { base, joints: vec![JointState::default()], ..Truth::default() });
}

#[test]
fn a_height_scan_over_a_slope_is_the_plane_below_it_in_any_attitude() {
    let task =
        world("scan-slope", "", "", &(SLOPE.to_owned() + &sensor("scan", "height_scan", GRID))).unwrap();
    let mut robot = nominal(&task);
    // Up towards the middle... the first variant falls to it: at x > |y| the height is 0.3 (x - 4).
    let plane = |x: f64| 0.3 * (x - 4.0);
    for (yaw, tilt) in [(0.0, 0.0), (0.7, 0.0), (-2.0, 0.3)] {
        let attitude = product(turned([0.0, 0.0, 1.0], yaw), turned([0.0, 1.0, 0.0], tilt));
        let [x, y, z] = [2.2, 0.1, plane(2.2) + 0.4];
        place(&mut robot, [x, y, z], attitude, [0.0; 3]);
        let scan = read(&mut robot, &task, "scan");
        assert_eq!(scan.len(), 187);
        for (index, found) in scan.iter().enumerate() {
            let (ahead, left) = (-0.8 + 0.1 * (index % 17) as f64, -0.5 + 0.1 * (index / 17) as f64);
            let expected = z - plane(x + libm::cos(yaw) * ahead - libm::sin(yaw) * left);
            assert!(
                (found - expected).abs() < 1e-5,
                "{yaw}, {tilt}, point {index}: {found}, expected {expected}"
            );
        }
    }
}

#[test]
fn a_height_scan_over_a_step_knows_both_levels_and_its_limits() {
    let step = "<geom type=\"box\" pos=\"1 0 0.1\" size=\"0.5 2 0.1\"/><geom type=\"box\" pos=\"-1 0 1\" size=\"0.2 2 1\"/>";
    let line =
        "[sensors.grid]\nx_m = [-1.0, 1.0]\ny_m = [0.0, 0.0]\ncolumns = 9\nrows = 1\nclip_m = [-0.5, 0.35]";
    let task = world("scan-step", step, "floor = true", &sensor("scan", "height_scan", line)).unwrap();
    let mut robot = nominal(&task);
    for height in [0.3, 0.9] {
        place(&mut robot, [0.0, 0.0, height], [1.0, 0.0, 0.0, 0.0], [0.0; 3]);
        let scan = read(&mut robot, &task, "scan");
        for (index, found) in scan.iter().enumerate() {
            let x = -1.0 + 0.25 * index as f64;
            let surface = if x > 0.5 {
                0.2
            } else if x < -0.8 {
                2.0
            } else {
                0.0
            };
            if (x - 0.5).abs() < 1e-9 {
                // On the edge.
                continue;
            }
            let expected = (height - surface).clamp(-0.5, 0.35);
            assert!((found - expected).abs() < 1e-6, "{height}, x {x}: {found}, expected {expected}");
        }
    }
}

#[test]
fn a_depth_camera_before_a_wall_sees_its_plane() {
    let wall = "<geom type=\"box\" pos=\"3 0 0\" size=\"0.5 20 20\"/>";
    // A thing in front of the wall, 0.4 m wide.
    let post = "<geom type=\"box\" pos=\"1.6 0 0\" size=\"0.1 0.2 20\"/>";
    for (index, pitch) in [0.0, 0.35].into_iter().enumerate() {
        let [w, _, y, _] = turned([0.0, 1.0, 0.0], pitch);
        let table = format!(
            "site = \"eye\"\n[sensors.camera]\nposition_m = [0.1, 0.0, -0.05]\norientation = [{w:?}, 0.0, {y:?}, 0.0]\ncolumns = 16\n\
             rows = 12\nfield_of_view_rad = 1.2\nnear_m = 0.2\nfar_m = 4.0"
        );
        let task =
            world(&format!("camera-{index}"), wall, "", &sensor("camera", "depth_camera", &table)).unwrap();
        let mut robot = nominal(&task);
        place(&mut robot, [0.5, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0; 3]);
        let image = read(&mut robot, &task, "camera");
        assert_eq!(image.len(), 16 * 12);
        // The camera is at x = 0.7, the wall's face at 2.5.
        let pixel = 2.0 * libm::tan(0.6) / 16.0;
        for (place, depth) in image.iter().enumerate() {
            let up = (5.5 - (place / 16) as f64) * pixel;
            // Of the ray (1, left, up), its part along the world's x when the camera looks down by the pitch.
            let ahead = libm::cos(pitch) + up * libm::sin(pitch);
            let expected = (1.8 / ahead).clamp(0.2, 4.0);
            assert!(
                (depth - expected).abs() < 1e-5,
                "pitch {pitch}, pixel {place}: {depth}, expected {expected}"
            );
        }
    }
    let table = "[sensors.camera]\ncolumns = 9\nrows = 1\nfield_of_view_rad = 1.0\nnear_m = 0.2\nfar_m = 2.0";
    let task =
        world("camera-post", &format!("{wall}{post}"), "", &sensor("camera", "depth_camera", table)).unwrap();
    let mut robot = nominal(&task);
    place(&mut robot, [0.0; 3], [1.0, 0.0, 0.0, 0.0], [0.0; 3]);
    let found: Vec<f32> = read(&mut robot, &task, "camera").iter().map(|depth| *depth as f32).collect();
    // The post hides two tenths to each side at 1.5 m; the wall is beyond the camera's range.
    assert_eq!(found, [2.0, 2.0, 2.0, 1.5, 1.5, 1.5, 2.0, 2.0, 2.0]);
}

#[test]
fn beams_measure_along_the_axes_of_their_site_and_stop_at_their_range() {
    let wall = "<geom type=\"box\" pos=\"3 0 0\" size=\"0.5 20 20\"/>";
    let beams = "site = \"eye\"\n[sensors.beams]\ndirections = [[1.0, 0.0, 0.0], [2.0, 2.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, -1.0]]\n\
        largest_m = 10.0";
    let task = world("beams", wall, "floor = true", &sensor("range", "range", beams)).unwrap();
    let mut robot = nominal(&task);
    place(&mut robot, [0.4, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0], [0.0; 3]);
    let near = |found: &[f64], expected: [f64; 4]| {
        found
            .iter()
            .zip(expected)
            .for_each(|(found, expected)| assert!((found - expected).abs() < 1e-5, "{found}, {expected}"));
    };
    near(&read(&mut robot, &task, "range"), [2.0, 2.0 * 2.0_f64.sqrt(), 10.0, 1.05]);
    // Turned by a quarter to the right, the beam to the left meets the wall, from a site at y = -0.1.
    place(&mut robot, [0.4, 0.0, 1.0], turned([0.0, 0.0, 1.0], -std::f64::consts::FRAC_PI_2), [0.0; 3]);
    near(&read(&mut robot, &task, "range"), [10.0, 2.1 * 2.0_f64.sqrt(), 2.1, 1.05]);
}

/// A range to a wall ahead and the way made towards it belong to the same instant.
#[test]
fn rays_are_delayed_with_the_other_sensors() {
    let wall = "<geom type=\"box\" pos=\"30.5 0 0\" size=\"0.5 20 20\"/>";
    let beams = "[sensors.beams]\ndirections = [[1.0, 0.0, 0.0]]\nlargest_m = 100.0";
    let rest = sensor("range", "range", beams)
        + &sensor("place", "base_position", "")
        + &support::term("observation_delay", "add", "0.0203");
    let task = world("delayed", wall, "", &rest).unwrap();
    let mut robot = SimulatedRobot::new(&task, Randomization::Acceptance).unwrap();
    place(&mut robot, [0.0; 3], [1.0, 0.0, 0.0, 0.0], [3.0, 0.0, 0.0]);
    for _ in 0..20 {
        robot.advance(7);
        let (range, place) = (read(&mut robot, &task, "range")[0], read(&mut robot, &task, "place")[0]);
        assert!((range + place - 30.0).abs() < 1e-5, "{range} m, {place} m");
        let behind = robot.truth().base.position_m[0] - place;
        let steps = (behind / 3e-3).round();
        assert!(robot.time_s() < 0.025 || steps == 20.0 || steps == 21.0, "{steps} steps behind");
    }
}

#[test]
fn a_scan_is_an_observation_like_any_other() {
    let term = "[[observation]]\nname = \"scan\"\nsource = \"sensor\"\nsensors = [\"scan\"]\nmax_age_s = 0.1\nfloor = 0.01\n\n";
    let errors = support::term("sensor_noise", "set", "0.01") + &support::term("sensor_bias", "set", "0.05");
    let rest = SLOPE.to_owned() + &sensor("scan", "height_scan", GRID) + term + &errors;
    let task = world("scan-term", "", "", &rest).unwrap();
    assert_eq!(task.observation_size(), 188);
    let observe = |randomization| {
        let mut env = Env::new(&task, randomization, 1, 0).unwrap();
        let mut observation = vec![0.0; 188];
        env.reset(3, &mut observation).unwrap();
        observation
    };
    let (exact, wrong) = (observe(Randomization::Nominal), observe(Randomization::Training));
    // The first observation comes before any physics step.
    assert!(exact[1..].iter().all(|value| (-1.0..=2.0).contains(value) && *value != 2.0), "{exact:?}");
    let errors: Vec<f64> = exact.iter().zip(&wrong).skip(1).map(|(a, b)| f64::from(b - a)).collect();
    let mean = errors.iter().sum::<f64>() / 187.0;
    let deviation = (errors.iter().map(|error| (error - mean).powi(2)).sum::<f64>() / 187.0).sqrt();
    assert!(mean.abs() > 0.003 && mean.abs() < 0.053, "one bias for all rays: {mean}");
    assert!((deviation - 0.01).abs() < 0.002, "noise of each ray: {deviation}");
}

#[test]
fn unusable_rays_are_refused() {
    let refusal = |sensor: String| world("rays-refused", "", "", &sensor).unwrap_err();
    for (found, expected) in [
        (sensor("scan", "height_scan", ""), "FILE: sensor \"scan\": grid is absent, expected [sensors.grid]"),
        (
            sensor("scan", "range", GRID),
            "FILE: sensor \"scan\": grid is present, expected none for this quantity",
        ),
        (
            sensor("scan", "height_scan", &GRID.replace("columns = 17", "columns = 0")),
            "FILE: sensor \"scan\": number of rays is 0, expected a number from 1 to 16384",
        ),
        (
            sensor("scan", "range", "[sensors.beams]\ndirections = [[0.0, 0.0, 0.0]]\nlargest_m = 1.0"),
            "FILE: sensor \"scan\": beams.directions: squared length is 0, expected a number from",
        ),
    ] {
        let error = refusal(found);
        assert!(error.starts_with(expected), "{error}");
    }
}
