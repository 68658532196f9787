//! On-policy runs give the same policy for any number of threads, and learn with a critic that sees more than the actor.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not tests by themselves")]

mod support;

use sinew_sim::Task;
use sinew_trainer::config::{Algorithm, TrainingConfig};
use sinew_trainer::training::train;
use support::{Checkpoints, bytes};

/// The exported policy and the state of learning after a few rollouts of three environments.
fn short_run(task: &Task, algorithm: Algorithm, threads: usize) -> (Vec<u8>, Vec<u8>) {
    let mut config = TrainingConfig::new(algorithm);
    let name = algorithm.name();
    let settings = [
        "training.steps=1800".to_owned(),
        "training.environments=3".to_owned(),
        "training.evaluation_interval=0".to_owned(),
        format!("training.threads={threads}"),
        format!("{name}.steps_per_environment=100"),
    ];
    for text in settings {
        config.set(&text).unwrap();
    }
    let mut checkpoints = Checkpoints::default();
    let actor = train(task, &config, &mut checkpoints).unwrap();
    (actor.export(task).unwrap(), bytes(&checkpoints.0.last().unwrap().checkpoint))
}

#[test]
fn every_algorithm_gives_the_same_bits_for_any_number_of_threads() {
    let task = Task::load("pendulum").unwrap();
    let algorithms = [Algorithm::Ppo, Algorithm::A2c, Algorithm::Trpo, Algorithm::Npg, Algorithm::Reinforce];
    for algorithm in algorithms {
        let one = short_run(&task, algorithm, 1);
        assert!(one == short_run(&task, algorithm, 2), "{} with 2 threads", algorithm.name());
        assert!(one == short_run(&task, algorithm, 3), "{} with 3 threads", algorithm.name());
    }
}

#[test]
fn privileged_values_reach_the_critic_and_not_the_policy() {
    let text = include_str!("../../sim/tasks/pendulum.toml").to_owned()
        + "\n[privileged]\nrandomization = true\n\n[[privileged.sensors]]\nname = \"true_position\"\n\
           quantity = \"joint_position\"\njoint = \"hinge\"\n";
    let path = std::env::temp_dir().join(format!("sinew-privileged-{}.toml", std::process::id()));
    std::fs::write(&path, text).unwrap();
    let task = Task::load(path.to_str().unwrap()).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(task.privileged_size() > 0);
    let plain = Task::load("pendulum").unwrap();
    let (policy, learner) = short_run(&task, Algorithm::Ppo, 1);
    let (plain_policy, plain_learner) = short_run(&plain, Algorithm::Ppo, 1);
    // The critic is larger, and what it learned has changed what the actor learned; the actor's inputs are the same.
    assert!(learner.len() > plain_learner.len());
    assert!(policy != plain_policy);
    let inputs = |policy: &[u8]| {
        let image = sinew_policy_runtime::onnx::load(policy).unwrap();
        image.image().unwrap().input_size()
    };
    assert_eq!(inputs(&policy), inputs(&plain_policy));
}
