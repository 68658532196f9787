//! An objective in Rust judges every step from the states around it, and keeps what all tasks promise.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use sinew_sim::random::Stream;
use sinew_sim::{CustomObjective, Env, Randomization, Situation, Task, VecEnv};
use std::sync::Arc;

/// Keeps all that the file says.
#[derive(Debug)]
struct Unchanged;

impl CustomObjective for Unchanged {}

/// Beside a tenth of the file's reward, the cart's way in each step times the time; ends early.
#[derive(Debug)]
struct Progress;

const LONGEST_S: f64 = 0.5;

impl CustomObjective for Progress {
    fn reward(&self, situation: &Situation, from_file: f64) -> f64 {
        let way = situation.truth.joints[0].position - situation.before.joints[0].position;
        0.1 * from_file + way * situation.time_s
    }

    fn terminated(&self, situation: &Situation, from_file: bool) -> bool {
        from_file || situation.time_s > LONGEST_S
    }
}

/// Is not a number from some time on.
#[derive(Debug)]
struct Broken;

impl CustomObjective for Broken {
    fn reward(&self, situation: &Situation, from_file: f64) -> f64 {
        if situation.time_s < 0.1 { from_file } else { f64::NAN }
    }
}

fn random_action(stream: &mut Stream) -> [f32; 1] {
    [stream.uniform(-1.0, 1.0) as f32]
}

#[test]
fn an_objective_that_keeps_the_file_s_changes_nothing() {
    for name in ["cart-pole", "acrobot-v1"] {
        let task = Task::load(name).unwrap();
        let custom = task.clone().with_objective(Arc::new(Unchanged));
        let [mut plain, mut kept] =
            [&task, &custom].map(|task| Env::new(task, Randomization::Training, 3, 0).unwrap());
        let (mut stream, mut observation) = (Stream::new(5, 0, 0), vec![0.0; task.observation_size()]);
        plain.reset(0, &mut observation).unwrap();
        kept.reset(0, &mut observation).unwrap();
        for _ in 0..100 {
            let action = random_action(&mut stream);
            let expected = plain.step(&action, &mut observation).unwrap();
            assert_eq!(kept.step(&action, &mut observation).unwrap(), expected, "{name}");
        }
        assert_eq!(kept.summary(), plain.summary());
    }
}

#[test]
fn reward_and_end_follow_from_the_states_before_and_after_the_step() {
    for (name, period_s) in [("cart-pole", 0.02), ("cartpole-v1", 0.02)] {
        let task = Task::load(name).unwrap();
        let custom = task.clone().with_objective(Arc::new(Progress));
        let [mut plain, mut env] =
            [&task, &custom].map(|task| Env::new(task, Randomization::Training, 3, 0).unwrap());
        let (mut stream, mut observation) = (Stream::new(5, 0, 0), vec![0.0; task.observation_size()]);
        // The state before an episode's first step is its start, whatever came before.
        for episode in 0..3 {
            plain.reset(episode, &mut observation).unwrap();
            env.reset(episode, &mut observation).unwrap();
            for step in 1..=30 {
                let before = env.truth().joints[0].position;
                let action = random_action(&mut stream);
                let from_file = plain.step(&action, &mut observation).unwrap();
                let outcome = env.step(&action, &mut observation).unwrap();
                let (way, time_s) = (env.truth().joints[0].position - before, f64::from(step) * period_s);
                let expected = 0.1 * f64::from(from_file.reward) + way * time_s;
                assert!(
                    (f64::from(outcome.reward) - expected).abs() < 1e-7,
                    "{name}: {outcome:?}, {expected}"
                );
                assert_eq!(outcome.terminated, from_file.terminated || time_s > LONGEST_S, "{name}, {step}");
                if outcome.terminated {
                    break;
                }
            }
        }
    }
}

#[test]
fn neither_threads_nor_a_restored_state_change_what_it_says() {
    let task = Task::load("cart-pole").unwrap().with_objective(Arc::new(Progress));
    let run = |environments: &mut VecEnv, steps: std::ops::Range<u64>| {
        let mut bits = Vec::new();
        for step in steps {
            let mut stream = Stream::new(step, 0, 0);
            let actions: Vec<f32> = (0..5).flat_map(|_| random_action(&mut stream)).collect();
            environments.step(&actions).unwrap();
            bits.extend(environments.rewards().iter().map(|reward| reward.to_bits()));
            bits.extend(environments.terminated().iter().map(|end| u32::from(*end)));
        }
        bits
    };
    let environments = |threads| VecEnv::new(&task, Randomization::Training, 5, 3, threads).unwrap();
    let mut original = environments(1);
    original.reset().unwrap();
    run(&mut original, 0..40);
    let state = original.state().unwrap();
    let expected = run(&mut original, 40..120);
    assert!(expected.contains(&1), "no episode ended");
    let mut restored = environments(2);
    restored.restore(&state).unwrap();
    assert!(run(&mut restored, 40..120) == expected);
}

#[test]
fn a_reward_that_is_not_finite_is_a_fault_and_never_experience() {
    let task = Task::load("cartpole-v1").unwrap().with_objective(Arc::new(Broken));
    let mut env = Env::new(&task, Randomization::Training, 3, 0).unwrap();
    let mut observation = [0.0; 4];
    env.reset(0, &mut observation).unwrap();
    for step in 1..=5 {
        let outcome = env.step(&[0.0], &mut observation).unwrap();
        assert_eq!((outcome.faulted, outcome.reward), if step < 5 { (false, 1.0) } else { (true, 0.0) });
    }
    let fault = env.fault().unwrap();
    assert_eq!((fault.cause.as_str(), fault.actions.len()), ("the reward is NaN", 5));
    assert_eq!(env.summary().episode_return, 4.0);
}

#[test]
fn a_task_says_that_its_objective_is_code() {
    let task = Task::load("cart-pole").unwrap();
    let line = "then          reward and ends as Progress says";
    assert!(!task.describe().contains(line));
    assert!(task.with_objective(Arc::new(Progress)).describe().contains(line));
}
