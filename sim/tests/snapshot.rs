//! A saved simulation goes on as if it had never stopped: bit for bit, on any number of threads, contacts included.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use sinew_sim::random::Stream;
use sinew_sim::{Randomization, Task, VecEnv, VecEnvState};

const ENVIRONMENTS: usize = 5;
const SEED: u64 = 3;

fn tasks() -> Vec<Task> {
    let builtin = ["pendulum", "quadrotor-waypoints", "pendulum-v1", "cartpole-v1", "acrobot-v1"];
    let builtin = builtin.map(|name| Task::load(name).unwrap());
    let crawlers = ["multibody", "joint_constraints"].map(support::crawler);
    builtin.into_iter().chain(crawlers).collect()
}

fn environments(task: &Task, threads: usize) -> VecEnv {
    VecEnv::new(task, Randomization::Training, ENVIRONMENTS, SEED, threads).unwrap()
}

/// Random actions that depend on the step alone, and the bits of everything that they led to.
fn run(task: &Task, environments: &mut VecEnv, steps: std::ops::Range<u64>) -> Vec<u32> {
    let mut bits = Vec::new();
    let mut actions = vec![0.0; ENVIRONMENTS * task.action_size()];
    for step in steps {
        let mut stream = Stream::new(step, 0, 0);
        actions.fill_with(|| stream.uniform(-1.0, 1.0) as f32);
        environments.step(&actions).unwrap();
        let values = [environments.observations(), environments.final_observations(), environments.rewards()];
        bits.extend(values.into_iter().flatten().map(|value| value.to_bits()));
        let ends = [environments.terminated(), environments.truncated()];
        bits.extend(ends.into_iter().flatten().map(|end| u32::from(*end)));
        let finished = environments.finished().iter().flatten();
        bits.extend(finished.map(|summary| summary.episode_return.to_bits() as u32));
    }
    bits
}

#[test]
fn a_restored_simulation_goes_on_with_the_same_bits() {
    for task in tasks() {
        let mut original = environments(&task, 1);
        original.reset().unwrap();
        run(&task, &mut original, 0..67);
        let saved = postcard::to_stdvec(&original.state().unwrap()).unwrap();
        let expected = run(&task, &mut original, 67..700);
        for threads in 1..=2 {
            let state: VecEnvState = postcard::from_bytes(&saved).unwrap();
            let mut restored = environments(&task, threads);
            restored.restore(&state).unwrap();
            assert!(postcard::to_stdvec(&restored.state().unwrap()).unwrap() == saved, "{}", task.name());
            assert!(run(&task, &mut restored, 67..700) == expected, "{}, {threads} threads", task.name());
        }
    }
}

#[test]
fn going_back_in_the_same_environments_gives_the_same_bits() {
    for task in tasks() {
        let mut environments = environments(&task, 2);
        environments.reset().unwrap();
        run(&task, &mut environments, 0..30);
        let state = environments.state().unwrap();
        let first = run(&task, &mut environments, 30..150);
        environments.restore(&state).unwrap();
        assert!(run(&task, &mut environments, 30..150) == first, "{}", task.name());
    }
}

#[test]
fn the_state_of_another_task_or_size_is_refused() {
    let (crawler, quadrotor) = (support::crawler("multibody"), Task::load("quadrotor").unwrap());
    let state = environments(&crawler, 1).state().unwrap();
    let error = environments(&quadrotor, 1).restore(&state).unwrap_err().to_string();
    assert!(error.starts_with("observations: "), "{error}");
    let mut fewer = VecEnv::new(&crawler, Randomization::Training, 2, SEED, 1).unwrap();
    let error = fewer.restore(&state).unwrap_err().to_string();
    assert_eq!(error, "environments: 5 values, expected 2");
}

#[test]
fn the_crawler_lives_in_contact() {
    for formulation in ["multibody", "joint_constraints"] {
        let task = support::crawler(formulation);
        let mut environments = environments(&task, 1);
        environments.reset().unwrap();
        run(&task, &mut environments, 0..90);
        for environment in 0..ENVIRONMENTS {
            let truth = environments.env(environment).unwrap().truth();
            assert!(truth.base.position_m[2] > 0.0 && truth.base.position_m[2] < 0.45, "{truth:?}");
            assert!(truth.joints.iter().any(|joint| joint.velocity.abs() > 0.1), "{truth:?}");
        }
    }
}
