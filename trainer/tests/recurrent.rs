//! Policies that remember: the same bits for any number of threads and after a resume, exported with their state as an input and
//! an output, and forgetful where an episode begins.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not tests by themselves")]

mod support;

use sinew_policy_runtime::image::Role;
use sinew_policy_runtime::onnx;
use sinew_sim::{Randomization, Task};
use sinew_trainer::actor::TrainedActor;
use sinew_trainer::config::{Algorithm, TrainingConfig};
use sinew_trainer::evaluation::evaluate_image;
use sinew_trainer::proof::prove;
use sinew_trainer::training::{Initialization, SavedRun, Start, Trained, train_from};
use support::{Checkpoints, bytes};

/// Four rollouts of three environments, whose episodes end within sequences and within rollouts.
fn config(algorithm: Algorithm, threads: usize) -> TrainingConfig {
    let mut config = TrainingConfig::new(algorithm);
    let name = algorithm.name();
    for text in [
        "training.steps=2160".to_owned(),
        "training.environments=3".to_owned(),
        "training.evaluation_interval=0".to_owned(),
        "training.checkpoint_interval=540".to_owned(),
        format!("training.threads={threads}"),
        format!("{name}.steps_per_environment=180"),
        format!("{name}.hidden=[16]"),
        format!("{name}.sequence_length=18"),
        format!("{name}.recurrent=gru"),
        format!("{name}.recurrent_size=8"),
    ] {
        config.set(&text).unwrap();
    }
    config
}

fn run(task: &Task, config: &TrainingConfig, start: Start) -> (Trained, Vec<SavedRun>) {
    let mut checkpoints = Checkpoints::default();
    (train_from(task, config, start, &mut checkpoints).unwrap(), checkpoints.0)
}

#[test]
fn every_algorithm_gives_the_same_bits_for_any_number_of_threads_and_after_a_resume() {
    let task = Task::load("cartpole-v1").unwrap();
    let algorithms = [Algorithm::Ppo, Algorithm::A2c, Algorithm::Trpo, Algorithm::Npg, Algorithm::Reinforce];
    for algorithm in algorithms {
        let name = algorithm.name();
        let (_, whole) = run(&task, &config(algorithm, 1), Start::Fresh);
        let (_, threaded) = run(&task, &config(algorithm, 2), Start::Fresh);
        let last = |saved: &[SavedRun]| bytes(&saved.last().unwrap().checkpoint);
        assert!(last(&whole) == last(&threaded), "{name} with 2 threads");
        let saved = whole[1].clone();
        assert!(saved.checkpoint.steps < 2160);
        let (_, resumed) = run(&task, &config(algorithm, 1), Start::Resumed(Box::new(saved)));
        assert!(last(&whole) == last(&resumed), "{name} resumed");
    }
}

fn trained(task: &Task) -> TrainedActor {
    run(task, &config(Algorithm::Ppo, 1), Start::Fresh).0.actor
}

#[test]
fn the_state_comes_and_goes_as_an_input_and_an_output_and_an_independent_engine_agrees() {
    for name in ["pendulum-v1", "cartpole-v1"] {
        let task = Task::load(name).unwrap();
        let policy = trained(&task).export(&task).unwrap();
        let proof = prove(&policy).unwrap();
        assert!(proof.golden_pairs >= 20 && proof.agrees(), "{proof:?}");
        let aligned = onnx::load(&policy).unwrap();
        let image = aligned.image().unwrap();
        assert!(image.is_recurrent() && image.input_size() == task.observation_size());
        let states: Vec<_> = image.inputs().filter(|input| input.role == Role::State).collect();
        assert_eq!((states.len(), states[0].name, states[0].size), (1, "memory_in", 8));
        // The pairs are one sequence: each begins with the state that the one before left.
        let pairs: Vec<_> = image.golden().iter().collect();
        let (inputs, outputs) = (task.observation_size(), task.action_size());
        assert_eq!(pairs[0].0[inputs..], [0.0; 8]);
        for pair in pairs.windows(2) {
            assert_eq!(pair[1].0[inputs..], pair[0].1[outputs..]);
        }
        assert!(pairs[5].0[inputs..].iter().all(|value| *value != 0.0));
    }
}

#[test]
fn environments_that_are_evaluated_together_do_not_share_a_memory() {
    let task = Task::load("cartpole-v1").unwrap();
    let image = trained(&task).image(&task).unwrap();
    let returns = |episodes| {
        let evaluation = evaluate_image(&task, &image, Randomization::Training, episodes, 5, 1).unwrap();
        evaluation.returns
    };
    let (one, many) = (returns(1), returns(7));
    assert_eq!(one[0], many[0]);
    assert!(many.iter().any(|value| *value != many[0]));
}

#[test]
fn an_exported_policy_that_remembers_is_read_back_and_trained_on() {
    let task = Task::load("cartpole-v1").unwrap();
    let actor = trained(&task);
    let read = TrainedActor::import(&actor.export(&task).unwrap()).unwrap();
    let mut settings = config(Algorithm::Ppo, 1);
    // The first rollout is too short to be learned from, so what comes out is what went in.
    for text in ["training.steps=54", "ppo.steps_per_environment=18"] {
        settings.set(text).unwrap();
    }
    let start = Start::Initial(Initialization::Policy(Box::new(read.clone())));
    let (next, _) = run(&task, &settings, start);
    let read_again = TrainedActor::import(&next.actor.export(&task).unwrap()).unwrap();
    assert!(read_again == read);
    settings.set("ppo.recurrent=none").unwrap();
    let start = Start::Initial(Initialization::Policy(Box::new(read)));
    let refusal = train_from(&task, &settings, start, &mut Checkpoints::default()).unwrap_err().to_string();
    assert!(refusal.contains("the actor's layers") || refusal.contains("memory"), "{refusal}");
}

#[test]
fn sequences_that_do_not_fill_a_rollout_are_refused() {
    let mut config = config(Algorithm::Ppo, 1);
    let error = config.set("ppo.sequence_length=17").unwrap_err().to_string();
    assert_eq!(error, "ppo.sequence_length is 17, expected a divisor of ppo.steps_per_environment");
}
