//! Runs in which environments are stepped while learning goes on: the same bits for any number of threads and after a resume.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not tests by themselves")]

mod support;

use sinew_sim::Task;
use sinew_trainer::actor::TrainedActor;
use sinew_trainer::config::{Algorithm, TrainingConfig};
use sinew_trainer::training::{Initialization, SavedRun, SavedTransitions, Start, train_from};
use support::{Checkpoints, bytes};

/// A run of two environments that is saved four times.
fn config(algorithm: Algorithm, settings: &[&str], threads: usize) -> TrainingConfig {
    let mut config = TrainingConfig::new(algorithm);
    let shared = [
        "training.steps=3200",
        "training.environments=2",
        "training.evaluation_interval=1600",
        "training.evaluation_episodes=2",
        "training.checkpoint_interval=800",
        &format!("training.threads={threads}"),
    ];
    for text in shared.iter().chain(settings) {
        config.set(text).unwrap();
    }
    config
}

fn run(task: &Task, config: &TrainingConfig, start: Start) -> Vec<SavedRun> {
    let mut checkpoints = Checkpoints::default();
    train_from(task, config, start, &mut checkpoints).unwrap();
    checkpoints.0
}

/// The last checkpoint without the replay buffer, and the buffer.
fn last(saved: &[SavedRun]) -> (Vec<u8>, Option<SavedTransitions>) {
    let last = saved.last().unwrap();
    (bytes(&last.checkpoint), last.transitions.clone())
}

/// Trains on one thread and on two, and goes on from the second checkpoint; a run without the lag is another one.
fn is_the_same_for_any_number_of_threads_and_after_a_resume(
    task: &Task,
    algorithm: Algorithm,
    settings: &[&str],
) {
    let whole = run(task, &config(algorithm, settings, 1), Start::Fresh);
    assert!(whole.len() >= 4);
    let expected = last(&whole);
    let threaded = run(task, &config(algorithm, settings, 2), Start::Fresh);
    assert!(last(&threaded) == expected, "{settings:?} with 2 threads");
    let saved = whole[1].clone();
    let steps = saved.checkpoint.steps;
    let resumed = run(task, &config(algorithm, settings, 2), Start::Resumed(Box::new(saved)));
    assert!(last(&resumed) == expected, "{settings:?} resumed at {steps}");
    let mut in_turn = config(algorithm, settings, 1);
    in_turn.set("training.lag=0").unwrap();
    assert!(
        last(&run(task, &in_turn, Start::Fresh)).0 != expected.0,
        "{settings:?}: the lag changed nothing"
    );
}

const SAC: [&str; 6] = [
    "training.lag=8",
    "sac.n_step=3",
    "sac.normalize_observations=true",
    "sac.hidden=[16]",
    "sac.batch_size=16",
    "sac.start_steps=200",
];

#[test]
fn off_policy_runs_are_the_same_for_any_number_of_threads_and_after_a_resume() {
    for name in ["pendulum-v1", "pendulum"] {
        let task = Task::load(name).unwrap();
        is_the_same_for_any_number_of_threads_and_after_a_resume(&task, Algorithm::Sac, &SAC);
    }
}

#[test]
fn noise_that_drifts_goes_on_where_it_was() {
    let task = Task::load("pendulum-v1").unwrap();
    let settings = [
        "training.lag=8",
        "ddpg.exploration=ornstein_uhlenbeck",
        "ddpg.hidden=[16]",
        "ddpg.batch_size=16",
        "ddpg.start_steps=200",
    ];
    is_the_same_for_any_number_of_threads_and_after_a_resume(&task, Algorithm::Ddpg, &settings);
}

const PPO: [&str; 5] = [
    "training.lag=1",
    "ppo.steps_per_environment=200",
    "ppo.hidden=[16]",
    "ppo.epochs=3",
    "ppo.normalize_values=true",
];

#[test]
fn on_policy_runs_are_the_same_for_any_number_of_threads_and_after_a_resume() {
    let remembering = ["ppo.sequence_length=20", "ppo.recurrent=gru", "ppo.recurrent_size=8"];
    for name in ["pendulum-v1", "pendulum"] {
        let task = Task::load(name).unwrap();
        is_the_same_for_any_number_of_threads_and_after_a_resume(&task, Algorithm::Ppo, &PPO);
        let settings = [&PPO[..], &remembering].concat();
        is_the_same_for_any_number_of_threads_and_after_a_resume(&task, Algorithm::Ppo, &settings);
    }
}

#[test]
fn a_run_goes_on_with_the_lag_that_it_had_or_not_at_all() {
    let task = Task::load("pendulum-v1").unwrap();
    let saved = run(&task, &config(Algorithm::Ppo, &PPO, 1), Start::Fresh).swap_remove(0);
    let mut other = config(Algorithm::Ppo, &PPO, 1);
    other.set("training.lag=0").unwrap();
    let start = Start::Resumed(Box::new(saved));
    let refusal = train_from(&task, &other, start, &mut Checkpoints::default()).unwrap_err().to_string();
    assert!(refusal.contains("[training] lag is 0, its checkpoint was made with 1"), "{refusal}");
}

#[test]
fn an_imported_policy_is_left_as_it_was_while_the_first_rollout_is_collected() {
    let task = Task::load("pendulum-v1").unwrap();
    let whole = run(&task, &config(Algorithm::Ppo, &PPO, 1), Start::Fresh);
    let exported = whole[1].checkpoint.actor.export(&task).unwrap();
    let read = TrainedActor::import(&exported).unwrap();
    let mut first = config(Algorithm::Ppo, &PPO, 2);
    for text in ["training.steps=400", "training.evaluation_interval=0"] {
        first.set(text).unwrap();
    }
    let start = Start::Initial(Initialization::Policy(Box::new(read.clone())));
    let next = train_from(&task, &first, start, &mut Checkpoints::default()).unwrap();
    assert!(TrainedActor::import(&next.actor.export(&task).unwrap()).unwrap() == read);
}
