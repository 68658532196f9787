//! Robots stand on the ground that the task describes, wherever they stand and however hard it is.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use sinew_sim::random::Stream;
use sinew_sim::terrain::Terrain;
use sinew_sim::{BaseState, Env, JointState, Randomization, SimulatedRobot, Task, Truth, VecEnv};
use std::fmt::Write as _;
use support::world::{floating, nominal, sensor};

const RADIUS: f64 = 0.1;
const KINDS: [&str; 6] = [
    "kind = \"flat\"",
    "kind = \"slope\"\nslope = [0.0, 0.6]",
    "kind = \"stairs\"\nheight_m = [0.02, 0.2]\nwidth_m = [0.4, 0.3]",
    "kind = \"stones\"\nheight_m = [0.3, 0.3]\nwidth_m = [0.6, 0.4]\ngap_m = [0.05, 0.3]",
    "kind = \"boxes\"\nheight_m = [0.0, 0.2]\nwidth_m = [0.5, 0.5]\ngap_m = [0.2, 0.2]",
    "kind = \"noise\"\nheight_m = [0.0, 0.15]\nwidth_m = [0.8, 0.6]",
];

fn table(kinds: &[&str]) -> String {
    let mut text = String::from("[terrain]\nsize_m = [6.0, 6.0]\nresolution_m = 0.05\nlevels = 3\n\n");
    for kind in kinds {
        write!(text, "[[terrain.kinds]]\n{kind}\n\n").unwrap();
    }
    text
}

/// A ball on these kinds of ground.
fn ball(name: &str, kinds: &[&str]) -> Task {
    let model = floating(1.0, &format!("<geom name=\"ball\" type=\"sphere\" size=\"{RADIUS}\"/>"));
    let rest = table(kinds) + "[truth]\ncontacts = [\"ball\"]\n";
    support::world::task(name, &model, "fin", "", &rest).unwrap()
}

/// Distance of the nearest ground from a point.
fn distance(terrain: &Terrain, [x, y, z]: [f64; 3]) -> f64 {
    let mut nearest = f64::INFINITY;
    for column in -60..=60 {
        for row in -60..=60 {
            let (dx, dy) = (0.0025 * f64::from(column), 0.0025 * f64::from(row));
            let dz = terrain.height(x + dx, y + dy) - z;
            nearest = nearest.min((dx * dx + dy * dy + dz * dz).sqrt());
        }
    }
    nearest
}

fn placed(robot: &mut SimulatedRobot, position: [f64; 3]) {
    let base = BaseState { position_m: position, ..BaseState::default() };
    robot.place(&Truth { base, joints: vec![JointState::default()], ..Truth::default() });
}

#[test]
fn a_ball_touches_each_ground_where_its_height_says() {
    for (index, kind) in KINDS.iter().enumerate() {
        let task = ball(&format!("ball-{index}"), &[kind]);
        let mut robot = nominal(&task);
        let mut stream = Stream::new(17, index as u64, 0);
        robot.set_difficulty(Some(1.0));
        for episode in 0..12 {
            robot.reset(1, 0, episode);
            let terrain = robot.terrain().unwrap().clone();
            let (x, y) = (stream.uniform(-3.2, 3.2), stream.uniform(-3.2, 3.2));
            let mut z = terrain.highest(x, y, 0.15) + RADIUS + 0.001;
            // Down to where it all but touches.
            while distance(&terrain, [x, y, z]) > RADIUS + 0.002 {
                z -= 0.0005;
            }
            placed(&mut robot, [x, y, z]);
            robot.advance(4);
            assert!(!robot.truth().contacts[0].touches(), "{kind} at {x}, {y}: it floats");
            for _ in 0..60 {
                robot.advance(1);
                let found = distance(&terrain, robot.truth().base.position_m);
                assert!(found > RADIUS - 0.0015, "{kind} at {x}, {y}: sunk in to {found} m");
            }
            assert!(
                robot.truth().contacts[0].contact_time_s + robot.truth().contacts[0].last_air_time_s > 0.0,
                "{kind} at {x}, {y}"
            );
        }
    }
}

#[test]
fn a_ball_comes_to_rest_on_level_ground_and_rolls_down_a_slope() {
    let task = ball("ball-roll", &[KINDS[1]]);
    let mut robot = nominal(&task);
    robot.set_difficulty(Some(0.5));
    for episode in 0..6 {
        robot.reset(1, 0, episode);
        let platform = robot.terrain().unwrap().height(0.0, 0.0);
        placed(&mut robot, [0.0, 0.0, platform + RADIUS]);
        robot.advance(500);
        assert!(
            (robot.truth().base.position_m[2] - platform - RADIUS).abs() < 1e-3,
            "{:?}",
            robot.truth().base
        );
        // Slope 0.3: a solid ball of inertia 0.01 rolls with g sin a / (1 + I / m r²).
        let down = if platform > 0.0 { 1.0 } else { -1.0 };
        let start = [1.2, 0.3];
        let height = robot.terrain().unwrap().height(start[0], start[1]);
        let angle = 0.3_f64.atan();
        let lifted = RADIUS / libm::cos(angle);
        placed(&mut robot, [start[0], start[1], height + lifted]);
        robot.advance(600);
        let base = robot.truth().base;
        let along = 0.5 * 9.81 * libm::sin(angle) / (1.0 + 0.01 / (RADIUS * RADIUS)) * 0.36;
        let expected = start[0] + down * along * libm::cos(angle);
        assert!((base.position_m[0] - expected).abs() < 0.03 * along, "{base:?}, expected x {expected}");
        assert!((base.position_m[1] - 0.3).abs() < 0.01, "{base:?}");
        let clear =
            base.position_m[2] - robot.terrain().unwrap().height(base.position_m[0], base.position_m[1]);
        assert!((clear - lifted).abs() < 2e-3, "{clear}, expected {lifted}");
    }
}

#[test]
fn a_ball_that_leaves_the_terrain_rolls_on_over_level_ground() {
    let task = ball("ball-leave", &[KINDS[0]]);
    let mut robot = nominal(&task);
    let base = BaseState {
        position_m: [2.5, 0.2, RADIUS],
        velocity_m_per_s: [2.0, 0.0, 0.0],
        angular_velocity_rad_per_s: [0.0, 2.0 / RADIUS, 0.0],
        ..BaseState::default()
    };
    robot.place(&Truth { base, joints: vec![JointState::default()], ..Truth::default() });
    for _ in 0..10 {
        robot.advance(100);
        let base = robot.truth().base;
        assert!((base.position_m[2] - RADIUS).abs() < 2e-3, "{base:?}");
    }
    assert!((robot.truth().base.position_m[0] - 4.5).abs() < 0.05, "{:?}", robot.truth().base);
}

fn grounds(task: &Task, seed: u64, difficulty: Option<f64>) -> Vec<Terrain> {
    let mut env = Env::new(task, Randomization::Nominal, seed, 0).unwrap();
    env.set_difficulty(difficulty);
    let mut observation = vec![0.0; task.observation_size()];
    let episodes = 0..40;
    let ground = |episode| {
        env.reset(episode, &mut observation).unwrap();
        env.robot().unwrap().terrain().unwrap().clone()
    };
    episodes.map(ground).collect()
}

#[test]
fn an_episode_always_meets_the_same_ground_and_a_harder_one_when_told() {
    let task = ball("ball-draw", &[KINDS[1], KINDS[2]]);
    assert_eq!(grounds(&task, 1, None), grounds(&task, 1, None));
    assert_ne!(grounds(&task, 1, None), grounds(&task, 2, None));
    let steepness = |difficulty| {
        let middle = |terrain: &Terrain| terrain.height(0.0, 0.0).abs();
        grounds(&task, 1, Some(difficulty)).iter().map(middle).sum::<f64>()
    };
    assert!(steepness(0.0) < steepness(0.5) && steepness(0.5) < steepness(1.0));
    let mut many = VecEnv::new(&task, Randomization::Nominal, 3, 1, 2).unwrap();
    many.set_difficulty(2, Some(1.0));
    many.reset().unwrap();
    let hard = many.env(2).unwrap().robot().unwrap().terrain().unwrap();
    let mut alone = Env::new(&task, Randomization::Nominal, 1, 2).unwrap();
    alone.set_difficulty(Some(1.0));
    alone.reset(0, &mut vec![0.0; task.observation_size()]).unwrap();
    alone.set_difficulty(None);
    assert_eq!(alone.robot().unwrap().difficulty(), Some(1.0), "this episode's, not the next one's");
    assert_eq!(hard, alone.robot().unwrap().terrain().unwrap());
}

#[test]
fn a_base_starts_above_the_ground_that_it_reaches() {
    let model = floating(1.0, "<geom name=\"ball\" type=\"sphere\" size=\"0.1\"/>");
    let commands = "[[commands]]\nname = \"place\"\nunit = \"meter\"\nframe = \"world\"\nminimum = [-5.0, -5.0, 0.0]\n\
        maximum = [5.0, 5.0, 1.0]\nsafe_value = [0.0, 0.0, 0.3]\nmax_age_s = 1.0\nvalue = [0.0, 0.0, 0.3]\n\n";
    let start = "[start.base]\nposition_offset_m = 2.0\ntilt_rad = 0.0\nspeed_m_per_s = 0.0\nangular_speed_rad_per_s = 0.0\n\n";
    let rest = table(&KINDS[1..]) + commands + start;
    let task = support::world::task("ball-start", &model, "fin", "", &rest).unwrap();
    let mut robot = nominal(&task);
    for episode in 0..50 {
        robot.reset(3, 0, episode);
        let [x, y, z] = robot.truth().base.position_m;
        let highest = robot.terrain().unwrap().highest(x, y, 0.4);
        assert!(z > highest - 2.0 + 0.3 - 1e-5 && z < highest + 2.0 + 0.3 + 1e-5, "{z} above {highest}");
    }
}

/// A box that tumbles over rough ground, many triangles at a time.
#[test]
fn a_restored_simulation_on_rough_ground_goes_on_with_the_same_bits() {
    let parts =
        "<geom name=\"box\" type=\"box\" size=\"0.3 0.2 0.1\"/><site name=\"corner\" pos=\"0.3 0.2 0.1\"/>";
    let commands = "[[commands]]\nname = \"place\"\nunit = \"meter\"\nframe = \"world\"\nminimum = [-5.0, -5.0, 0.0]\n\
        maximum = [5.0, 5.0, 1.0]\nsafe_value = [0.0, 0.0, 0.3]\nmax_age_s = 1.0\nvalue = [0.0, 0.0, 0.3]\n\n";
    let start = "[start.base]\nposition_offset_m = 0.3\ntilt_rad = 1.0\nspeed_m_per_s = 2.0\nangular_speed_rad_per_s = 5.0\n\n";
    let sensors = sensor("corner", "base_acceleration", "site = \"corner\"")
        + &sensor("bump", "contact_force", "geom = \"box\"");
    let rest =
        table(&KINDS[2..]).replace("resolution_m = 0.05", "resolution_m = 0.1") + commands + start + &sensors;
    let task = support::world::task("box-snapshot", &floating(3.0, parts), "fin", "", &rest).unwrap();
    let run = |environments: &mut VecEnv, steps: u32| {
        let mut bits = Vec::new();
        for _ in 0..steps {
            environments.step(&[0.3, -0.2, 0.1]).unwrap();
            for environment in 0..3 {
                let truth = environments.env(environment).unwrap().truth();
                bits.extend(truth.base.position_m.map(f64::to_bits));
                bits.extend(truth.sites[0].acceleration_m_per_s2.map(f64::to_bits));
                bits.push(truth.contacts[0].normal_force_n.to_bits());
            }
        }
        bits
    };
    let new = || VecEnv::new(&task, Randomization::Training, 3, 5, 2).unwrap();
    let mut original = new();
    original.reset().unwrap();
    let before = run(&mut original, 41);
    let saved = postcard::to_stdvec(&original.state().unwrap()).unwrap();
    // Beyond the end of the episodes, on other ground.
    let expected = run(&mut original, 500);
    let mut restored = new();
    restored.restore(&postcard::from_bytes(&saved).unwrap()).unwrap();
    assert!(run(&mut restored, 500) == expected);
    restored.reset().unwrap();
    assert!(run(&mut restored, 41) == before);
}

#[test]
fn unusable_terrains_are_refused() {
    let refusal = |dynamics: &str, table: &str| {
        let model = floating(1.0, "");
        support::world::task("ball-refused", &model, "fin", dynamics, table).unwrap_err()
    };
    for (dynamics, from, to, expected) in [
        ("floor = true", "", "", "FILE: dynamics.floor is true, expected false"),
        (
            "",
            "slope = [0.0, 0.6]",
            "",
            "FILE: terrain.kinds 1: slope is absent, expected [at difficulty 0, at difficulty 1]",
        ),
        (
            "",
            "slope = [0.0, 0.6]",
            "slope = [0.0, 0.6]\ngap_m = [1.0, 1.0]",
            "FILE: terrain.kinds 1: gap_m is present, expected none",
        ),
        (
            "",
            "resolution_m = 0.05",
            "resolution_m = 0.0",
            "FILE: terrain.resolution_m is 0, expected a number from 0.005 to 3",
        ),
        ("", "levels = 3", "levels = 1000", "FILE: terrain.resolution_m: points of all grids is "),
    ] {
        let error = refusal(dynamics, &table(&[KINDS[1]]).replace(from, to));
        assert!(error.starts_with(expected), "{error}");
    }
}
