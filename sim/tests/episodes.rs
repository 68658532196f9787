//! Episodes depend on seed, environment and actions alone, end properly, and lose nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use sinew_sim::random::Stream;
use sinew_sim::{CustomObjective, Env, Randomization, SimError, SimulatedRobot, Situation, Task, VecEnv};

/// Bits of everything that a run of random actions gives, folded into one number per environment.
fn fingerprints(task: &Task, environments: usize, threads: usize, steps: usize) -> Vec<u64> {
    let mut envs = VecEnv::new(task, Randomization::Training, environments, 11, threads).unwrap();
    let (width, actions) = (task.observation_size(), task.action_size());
    let mut streams: Vec<Stream> = (0..environments).map(|index| Stream::new(99, index as u64, 0)).collect();
    let mut hashes = vec![0xcbf2_9ce4_8422_2325_u64; environments];
    envs.reset().unwrap();
    for _ in 0..steps {
        let action: Vec<f32> = streams
            .iter_mut()
            .flat_map(|stream| (0..actions).map(|_| stream.uniform(-1.0, 1.0) as f32).collect::<Vec<_>>())
            .collect();
        envs.step(&action).unwrap();
        for (index, hash) in hashes.iter_mut().enumerate() {
            let rows = index * width..(index + 1) * width;
            let floats = envs.observations()[rows.clone()].iter().chain(&envs.final_observations()[rows]);
            let floats = floats.chain(&envs.rewards()[index..=index]).map(|value| value.to_bits());
            let flags = [u32::from(envs.terminated()[index]), u32::from(envs.truncated()[index])];
            for word in floats.chain(flags) {
                *hash = (*hash ^ u64::from(word)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    hashes
}

#[test]
fn neither_threads_nor_neighbours_change_an_environment() {
    for name in Task::builtin_names() {
        let task = Task::load(name).unwrap();
        let alone = fingerprints(&task, 5, 1, 250);
        for threads in [2, 3, 8] {
            assert_eq!(fingerprints(&task, 5, threads, 250), alone, "{name}, {threads} threads");
        }
        assert_eq!(fingerprints(&task, 2, 1, 250), alone[..2], "{name}, fewer environments");
    }
}

#[test]
fn an_episode_does_not_depend_on_those_before_it() {
    for name in Task::builtin_names() {
        let task = Task::load(name).unwrap();
        let size = task.observation_size();
        let run = |env: &mut Env, episode| {
            let mut observation = vec![0.0; size];
            env.reset(episode, &mut observation).unwrap();
            let actions = vec![0.3; task.action_size()];
            for _ in 0..20 {
                env.step(&actions, &mut observation).unwrap();
            }
            observation
        };
        let mut fresh = Env::new(&task, Randomization::Training, 5, 0).unwrap();
        let mut used = Env::new(&task, Randomization::Training, 5, 0).unwrap();
        run(&mut used, 0);
        run(&mut used, 1);
        assert_eq!(run(&mut used, 2), run(&mut fresh, 2), "{name}");
        assert_ne!(run(&mut used, 2), run(&mut fresh, 3), "{name}");
    }
}

#[test]
fn the_last_observation_survives_the_reset_that_follows() {
    for name in Task::builtin_names() {
        let task = Task::load(name).unwrap();
        let size = task.observation_size();
        let mut envs = VecEnv::new(&task, Randomization::Nominal, 1, 4, 1).unwrap();
        let mut env = Env::new(&task, Randomization::Nominal, 4, 0).unwrap();
        let (mut last, mut first) = (vec![0.0; size], vec![0.0; size]);
        envs.reset().unwrap();
        env.reset(0, &mut last).unwrap();
        assert_eq!(envs.observations(), last);
        let action = vec![0.1; task.action_size()];
        loop {
            envs.step(&action).unwrap();
            let outcome = env.step(&action, &mut last).unwrap();
            assert_eq!(envs.final_observations(), last, "{name}");
            assert_eq!((envs.terminated()[0], envs.truncated()[0]), (outcome.terminated, outcome.truncated));
            if outcome.terminated || outcome.truncated {
                break;
            }
            assert_eq!(envs.observations(), last, "{name}");
            assert!(envs.finished()[0].is_none());
        }
        assert_eq!(envs.finished()[0], Some(env.summary()));
        env.reset(1, &mut first).unwrap();
        assert_eq!(envs.observations(), first, "{name}");
        assert_ne!(first, last);
    }
}

#[test]
fn time_runs_out_without_the_task_ending() {
    let task = Task::load("pendulum-v1").unwrap();
    let mut envs = VecEnv::new(&task, Randomization::Training, 1, 4, 1).unwrap();
    envs.reset().unwrap();
    for step in 1..=200 {
        envs.step(&[0.0]).unwrap();
        assert_eq!((envs.terminated()[0], envs.truncated()[0]), (false, step == 200));
    }
    let summary = envs.finished()[0].clone().unwrap();
    assert_eq!((summary.episode, summary.steps, summary.success), (0, 200, None));
}

#[test]
fn leaving_the_bounds_ends_the_task_and_fails_it() {
    let task = Task::load("quadrotor").unwrap();
    let mut envs = VecEnv::new(&task, Randomization::Acceptance, 1, 4, 1).unwrap();
    envs.reset().unwrap();
    let summary = loop {
        envs.step(&[-1.0; 4]).unwrap();
        if let Some(summary) = envs.finished()[0].clone() {
            break summary;
        }
    };
    assert!(envs.terminated()[0] && !envs.truncated()[0]);
    assert_eq!((summary.success, summary.terminated), (Some(false), true));
    assert!(summary.steps < 200, "{summary:?}");
}

#[test]
fn a_non_finite_action_is_an_error_and_a_large_one_is_clipped() {
    let task = Task::load("pendulum-v1").unwrap();
    let mut envs = VecEnv::new(&task, Randomization::Training, 2, 4, 2).unwrap();
    envs.reset().unwrap();
    let error = envs.step(&[0.0, f32::NAN]).unwrap_err();
    assert!(matches!(error, SimError::NotFinite { environment: 1, index: 0, .. }), "{error}");
    let error = envs.step(&[0.0]).unwrap_err();
    assert!(matches!(error, SimError::Length { expected: 2, found: 1, .. }), "{error}");
    let result = |action| {
        let mut env = Env::new(&task, Randomization::Training, 0, 0).unwrap();
        let mut observation = [0.0; 3];
        env.reset(0, &mut observation).unwrap();
        env.step(&[action], &mut observation).unwrap();
        (observation, env.actuator_command()[0])
    };
    assert_eq!(result(7.0), result(1.0));
    assert_eq!(result(-1.0).1, -2.0);
}

#[test]
fn starts_are_the_same_at_every_level_and_within_their_ranges() {
    let task = Task::load("quadrotor").unwrap();
    let mut observation = vec![0.0; task.observation_size()];
    let mut steepest: f64 = 0.0;
    for episode in 0..200 {
        let mut start = |level| {
            let mut env = Env::new(&task, level, 8, 0).unwrap();
            env.reset(episode, &mut observation).unwrap();
            env.truth().clone()
        };
        let truth = start(Randomization::Nominal);
        assert_eq!(truth, start(Randomization::Acceptance));
        assert!(
            truth.base.position_m.iter().zip([0.0, 0.0, 2.0]).all(|(at, goal)| (at - goal).abs() <= 0.501)
        );
        let [w, x, y, z] = truth.base.orientation;
        assert!((w * w + x * x + y * y + z * z - 1.0).abs() < 1e-5);
        let cosine = 1.0 - 2.0 * (x * x + y * y);
        assert!(cosine > 0.499, "{cosine}");
        steepest = steepest.max(1.0 - cosine);
    }
    assert!(steepest > 0.45, "{steepest}");
}

/// A cascade of proportional laws on the quadrotor's observation: position, attitude, rates.
fn fly(observation: &[f32]) -> [f32; 4] {
    let [error, velocity, gravity, rates] =
        [0, 3, 6, 9].map(|start| [0, 1, 2].map(|axis| observation[start + axis]));
    // Wanted acceleration in the body frame, gravity held up.
    let wanted = [0, 1, 2].map(|axis| {
        let push = (2.0 * error[axis] - 2.5 * velocity[axis]).clamp(-4.0, 4.0);
        push - 9.81 * gravity[axis]
    });
    let length = wanted.iter().map(|value| value * value).sum::<f32>().sqrt();
    let lift = (wanted[2].max(2.0) / 9.81).sqrt();
    let thrust = (lift - 1.0) * 1515.9 / 756.73;
    // Turn the body's z axis towards the wanted direction.
    let roll = -0.076 * wanted[1] / length - 0.019 * rates[0];
    let pitch = 0.076 * wanted[0] / length - 0.019 * rates[1];
    let yaw = 0.01 * rates[2];
    // Front left, front right, rear right, rear left; counter-clockwise rotors are front right and rear left.
    [
        thrust + roll - pitch - yaw,
        thrust - roll - pitch + yaw,
        thrust - roll + pitch - yaw,
        thrust + roll + pitch + yaw,
    ]
}

#[test]
fn the_observation_is_enough_to_hover_from_every_start() {
    let task = Task::load("quadrotor").unwrap();
    let mut envs = VecEnv::new(&task, Randomization::Nominal, 20, 6, 1).unwrap();
    envs.reset().unwrap();
    for _ in 0..task.episode_steps() {
        let rows = envs.observations().chunks_exact(task.observation_size());
        let actions: Vec<f32> = rows.flat_map(fly).collect();
        envs.step(&actions).unwrap();
    }
    for summary in envs.finished() {
        let summary = summary.as_ref().unwrap();
        assert_eq!(summary.success, Some(true), "{summary:?}");
        assert!(summary.metrics["position_error_rms_m"] <= summary.metrics["position_error_max_m"]);
        assert!(summary.metrics["position_error_max_m"] < 0.05, "{summary:?}");
    }
}

/// The crawler with motors that no robot has, so that its simulation explodes.
fn explosive() -> Task {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support");
    let text = std::fs::read_to_string(folder.join("crawler.toml")).unwrap();
    let model = folder.join("crawler.xml").display().to_string();
    let text = text.replace("model = \"crawler.xml\"", &format!("model = {model:?}"));
    let strong = text.replace("-8.0", "-8e7").replace("= 8.0", "= 8e7").replace("above = 1.4", "above = 3.2");
    Task::load(&support::write("explosive", &strong)).unwrap()
}

#[test]
fn a_simulation_that_explodes_ends_its_episode_as_a_fault_and_can_be_run_again() {
    let task = explosive();
    let mut environments = VecEnv::new(&task, Randomization::Training, 2, 5, 2).unwrap();
    environments.reset().unwrap();
    let actions: Vec<f32> =
        (0..2 * task.action_size()).map(|index| if index % 3 == 0 { 1.0 } else { -0.7 }).collect();
    let mut faults = Vec::new();
    for _ in 0..50 {
        environments.step(&actions).unwrap();
        assert!(environments.observations().iter().all(|value| value.is_finite()));
        assert!(environments.final_observations().iter().all(|value| value.is_finite()));
        for (index, faulted) in environments.faulted().iter().enumerate() {
            let finished = environments.finished()[index].as_ref();
            assert_eq!(*faulted, finished.is_some_and(|summary| summary.faulted));
            assert!(!(*faulted && environments.terminated()[index]));
        }
        faults.extend(environments.take_faults());
    }
    assert!(!faults.is_empty());
    for fault in &faults {
        support::assert_runs_again(&task, fault);
    }
}

#[test]
fn goals_are_drawn_within_their_ranges_and_when_they_are_due() {
    let task = Task::load("quadrotor-waypoints").unwrap();
    let goals = |episode: u64| -> Vec<Vec<f32>> {
        let mut env = Env::new(&task, Randomization::Nominal, 7, 3).unwrap();
        let mut observation = vec![0.0; task.observation_size()];
        env.reset(episode, &mut observation).unwrap();
        let action = vec![0.0; task.action_size()];
        let mut goals = vec![env.goal().to_vec()];
        for _ in 0..900 {
            // It falls out of the task's bounds at some time; goals go on as long as it is stepped.
            env.step(&action, &mut observation).unwrap();
            goals.push(env.goal().to_vec());
        }
        goals
    };
    let first = goals(0);
    assert_eq!(first, goals(0));
    assert_ne!(first[0], goals(1)[0]);
    let changes: Vec<usize> = (1..first.len()).filter(|step| first[*step] != first[step - 1]).collect();
    // Every 4 s at 100 Hz.
    assert_eq!(changes, [400, 800]);
    for goal in &first {
        let inside = |index: usize, low: f32, high: f32| low <= goal[index] && goal[index] <= high;
        assert!(inside(0, -0.8, 0.8) && inside(1, -0.8, 0.8) && inside(2, 1.7, 3.3), "{goal:?}");
    }
}

/// rapier puts a body that went beyond all bounds back and stops it, after which it looks like one that rests.
#[test]
fn a_state_that_is_not_finite_is_known_though_rapier_hides_it() {
    for task in [Task::load("quadrotor").unwrap(), Task::load("quadruped").unwrap()] {
        let mut robot = SimulatedRobot::new(&task, Randomization::Nominal).unwrap();
        robot.advance(3);
        assert!(robot.stayed_finite());
        robot.set_external_force([1e300, 0.0, 0.0]);
        robot.advance(1);
        assert!(!robot.stayed_finite() || !robot.truth().is_finite(), "{}", task.name());
        robot.reset(1, 2, 3);
        assert!(robot.stayed_finite());
    }
}

/// Cannot bear commands beyond 1 N m.
#[derive(Debug)]
struct Fragile;

impl CustomObjective for Fragile {
    fn reward(&self, situation: &Situation, from_file: f64) -> f64 {
        assert!(situation.command[0] < 1.0, "as the test asks");
        from_file
    }
}

#[test]
fn a_panic_in_one_environment_is_an_error_on_any_thread_and_nobody_waits_for_it() {
    let task = Task::load("pendulum").unwrap().with_objective(std::sync::Arc::new(Fragile));
    for broken in 0..4 {
        let mut envs = VecEnv::new(&task, Randomization::Nominal, 4, 4, 2).unwrap();
        envs.reset().unwrap();
        envs.step(&[0.0; 4]).unwrap();
        let mut actions = [0.0; 4];
        actions[broken] = 1.0;
        let error = envs.step(&actions).unwrap_err();
        assert!(matches!(error, SimError::WorkerLost { .. }), "{error}");
        assert!(envs.step(&[0.0; 4]).is_err() && envs.reset().is_err());
    }
}
