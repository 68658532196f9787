use super::*;
use crate::action_space::ActionSpace;
use crate::actor_critic::Estimates;
use crate::algorithm::a2c::{A2c, A2cConfig};
use crate::algorithm::npg::{Npg, NpgConfig};
use crate::algorithm::ppo::{Ppo, PpoConfig};
use crate::algorithm::reinforce::{Baseline, Reinforce, ReinforceConfig};
use crate::algorithm::trpo::{Trpo, TrpoConfig};
use crate::gradient_shard::minibatch;
use crate::rollout::MemoryShape;
use crate::stochastic_actor::Choice;
use crate::training::rollout_shape;
use crate::training::snapshot::LoopState;
use sinew_firmware_host::allocation::count;
use sinew_policy_runtime::executor::Executor;

/// Past the first updates, and counts what the next ones allocate.
fn allocates_nothing<L: OnPolicy>(
    task: &Task,
    memory: Option<MemoryShape>,
    learner: impl Fn(RolloutShape, &ActionSpace) -> L,
) {
    for lag in [0, 1] {
        let run = RunConfig { environments: 4, steps: 10_000, lag, ..RunConfig::default() };
        let space = ActionSpace::of(task);
        let shape = rollout_shape(task, &run, &space, 60, memory);
        let mut training = OnPolicyLoop::new(task, &run, learner(shape, &space)).unwrap();
        // Past the rollouts whose inputs have no scale yet, and the first ends of episodes.
        while training.steps < 2_000 {
            training.advance().unwrap();
        }
        let before = count();
        (0..5).for_each(|_| training.advance().unwrap());
        assert_eq!(count() - before, 0, "{} on {}, {memory:?}, lag {lag}", L::NAME, task.name());
    }
}

#[test]
fn neither_a_rollout_nor_an_update_allocates() {
    let memories = [None, Some(MemoryShape { size: 8, sequence_steps: 20 })];
    for task in ["pendulum-v1", "cartpole-v1"].map(|name| Task::load(name).unwrap()) {
        for memory in memories {
            allocates_nothing(&task, memory, |shape, space| Ppo::new(&PpoConfig::default(), shape, space, 3));
            allocates_nothing(&task, memory, |shape, space| A2c::new(&A2cConfig::default(), shape, space, 3));
            allocates_nothing(&task, memory, |shape, space| {
                Trpo::new(&TrpoConfig::default(), shape, space, 3)
            });
            allocates_nothing(&task, memory, |shape, space| Npg::new(&NpgConfig::default(), shape, space, 3));
            for baseline in [Baseline::Learned, Baseline::TimeDependent] {
                let config = ReinforceConfig { baseline, ..ReinforceConfig::default() };
                allocates_nothing(&task, memory, |shape, space| Reinforce::new(&config, shape, space, 3));
            }
        }
    }
}

const GRU: MemoryShape = MemoryShape { size: 8, sequence_steps: 20 };

fn lagging(threads: usize) -> RunConfig {
    RunConfig { environments: 4, steps: 10_000, lag: 1, threads, ..RunConfig::default() }
}

/// A loop of PPO with a lag and normalized observations, after so many rollouts of 60 steps.
fn lagging_loop<'r>(
    task: &Task,
    run: &'r RunConfig,
    memory: Option<MemoryShape>,
    rollouts: usize,
) -> OnPolicyLoop<'r, Ppo> {
    let space = ActionSpace::of(task);
    let config = PpoConfig { hidden: vec![16], epochs: 2, minibatches: 4, ..PpoConfig::default() };
    let learner = Ppo::new(&config, rollout_shape(task, run, &space, 60, memory), &space, 3);
    let mut training = OnPolicyLoop::new(task, run, learner).unwrap();
    (0..rollouts).for_each(|_| training.advance().unwrap());
    training
}

/// Log-probabilities and outputs of the first minibatch that would be learned from a rollout, and those that it holds.
fn first_minibatch(networks: &ActorCritic, rollout: &Rollout) -> [Vec<f32>; 4] {
    let mut estimates = Estimates::new(networks.shape);
    estimates.order.take(rollout);
    let mut shards = minibatch(networks, networks.shape.sequences());
    let shard = &mut shards[0];
    shard.gather(rollout, &estimates, 0);
    networks.actor.evaluate(&shard.rows, &rollout.behaviour, &mut shard.actor);
    let (pass, rows) = (&shard.actor, &shard.rows);
    [pass.outputs().to_vec(), rows.outputs.clone(), pass.log_probs.clone(), rows.log_probs.clone()]
}

fn largest_difference(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).fold(0.0, |largest, (left, right)| largest.max((left - right).abs()))
}

#[test]
fn a_lagging_rollout_is_the_behaviours_and_the_learner_is_ahead_of_it() {
    for memory in [None, Some(GRU)] {
        let task = Task::load("pendulum-v1").unwrap();
        let run = lagging(1);
        // The sixth rollout is the first to be learned from, so the policy that collects the eighth has learned something.
        let training = lagging_loop(&task, &run, memory, 8);
        let behaviour = training.behaviour.as_ref().unwrap();
        let [outputs, kept, log_probs, old] = first_minibatch(&behaviour.networks, &training.rollout);
        assert!(largest_difference(&outputs, &kept) < 1e-5, "{memory:?}");
        assert!(largest_difference(&log_probs, &old) < 1e-4, "{memory:?}");
        let [_, _, log_probs, old] = first_minibatch(training.learner.networks(), &training.rollout);
        assert!(largest_difference(&log_probs, &old) > 1e-3, "{memory:?}");
    }
}

#[test]
fn the_first_rollout_is_collected_alone_and_the_learner_follows_by_one() {
    let task = Task::load("pendulum-v1").unwrap();
    let run = lagging(1);
    let parameters = |training: &OnPolicyLoop<Ppo>| training.learner.networks().actor.parameters().to_vec();
    // Without normalization nothing has to warm up.
    let space = ActionSpace::of(&task);
    let config =
        PpoConfig { normalize_observations: false, epochs: 1, hidden: vec![8], ..PpoConfig::default() };
    let learner = Ppo::new(&config, rollout_shape(&task, &run, &space, 60, None), &space, 3);
    let mut training = OnPolicyLoop::new(&task, &run, learner).unwrap();
    let fresh = parameters(&training);
    training.advance().unwrap();
    assert_eq!((training.steps, parameters(&training) == fresh), (240, true));
    let first = training.rollout.observations.clone();
    training.advance().unwrap();
    assert_eq!((training.steps, parameters(&training) == fresh), (480, false));
    assert!(training.behaviour.as_ref().unwrap().rollout.observations == first);
    assert!(training.behaviour.as_ref().unwrap().networks.actor.parameters() == fresh);
}

#[test]
fn the_exported_actor_of_a_lagging_run_acts_as_the_learner_does() {
    let task = Task::load("pendulum-v1").unwrap();
    let run = lagging(1);
    let training = lagging_loop(&task, &run, None, 9);
    let behaviour = training.behaviour.as_ref().unwrap();
    // The statistics have moved between the two rollouts that are under way.
    assert_ne!(behaviour.normalizers[0].mean(), training.collector.normalizers[0].mean());
    let seen = [[0.2, -0.9, 3.0], [-0.7, 0.7, -1.0], [1.0, 0.0, 0.1], [-0.9, -0.4, 6.0]];
    let networks = training.learner.networks();
    let [outputs, _] = means_and_values(networks, &behaviour.normalizers[0], &seen.concat());
    let aligned = training.actor().image(&task).unwrap();
    let image = aligned.image().unwrap();
    let mut executor = Executor::new(image, vec![0.0; image.scratch_len()]).unwrap();
    for (observation, output) in seen.iter().zip(outputs) {
        // What ships clips the means and scales them to the actuator's range.
        let expected = output.clamp(-1.0, 1.0) * task.head_scale()[0] + task.head_offset()[0];
        executor.set_input(0, observation).unwrap();
        executor.run().unwrap();
        let found = executor.output(0)[0];
        assert!((found - expected).abs() < 1e-4, "{found} {expected}");
    }
}

/// Means and values of `networks` for raw observations, normalized by `normalizer`.
fn means_and_values(networks: &ActorCritic, normalizer: &Normalizer, raw: &[f32]) -> [[f32; 4]; 2] {
    let (mut networks, mut observations) = (networks.clone(), raw.to_vec());
    normalizer.apply(&mut observations);
    let [mut samples, mut outputs, mut log_probs, mut actions, mut values] = [[0.0; 4]; 5];
    let mut choice = Choice {
        samples: &mut samples,
        outputs: &mut outputs,
        log_probs: &mut log_probs,
        actions: &mut actions,
    };
    networks.act(&observations, &mut Stream::new(1, "export test"), &mut choice);
    networks.values(&observations, &[], &mut values);
    [outputs, values]
}

#[test]
fn learner_and_behaviour_act_alike_under_their_own_statistics_where_nothing_is_learned() {
    let task = Task::load("pendulum-v1").unwrap();
    let (run, space) = (lagging(1), ActionSpace::of(&task));
    let config = PpoConfig { hidden: vec![16], learning_rate: 1e-12, ..PpoConfig::default() };
    let learner = Ppo::new(&config, rollout_shape(&task, &run, &space, 60, None), &space, 3);
    let mut training = OnPolicyLoop::new(&task, &run, learner).unwrap();
    (0..9).for_each(|_| training.advance().unwrap());
    let behaviour = training.behaviour.as_ref().unwrap();
    let seen = [0.2, -0.9, 3.0, -0.7, 0.7, -1.0, 1.0, 0.0, 0.1, -0.9, -0.4, 6.0];
    let newer = &training.collector.normalizers[0];
    let learners = means_and_values(training.learner.networks(), &behaviour.normalizers[0], &seen);
    let behaviours = means_and_values(&behaviour.networks, newer, &seen);
    assert!(largest_difference(&learners[0], &behaviours[0]) < 1e-5);
    assert!(largest_difference(&learners[1], &behaviours[1]) < 1e-5);
    let mixed = means_and_values(training.learner.networks(), newer, &seen);
    assert!(largest_difference(&mixed[1], &behaviours[1]) > 1e-4);
}

#[test]
fn a_lagging_run_is_the_same_for_any_number_of_threads_and_after_its_state_was_restored() {
    for name in ["pendulum-v1", "pendulum"] {
        let task = Task::load(name).unwrap();
        for memory in [None, Some(GRU)] {
            let runs = [1, 2, 3].map(lagging);
            let mut loops = runs.each_ref().map(|run| lagging_loop(&task, run, memory, 7));
            let mut states = loops.each_mut().map(|training| {
                let state = LoopState::of(training).unwrap();
                postcard::to_stdvec(&state).unwrap()
            });
            assert!(states[0] == states[1] && states[0] == states[2], "{name}, {memory:?}");
            let mut restored = lagging_loop(&task, &runs[0], memory, 0);
            LoopState::of(&mut loops[0]).unwrap().restore(&mut restored, None).unwrap();
            for training in [&mut restored, &mut loops[0]] {
                (0..3).for_each(|_| training.advance().unwrap());
            }
            for (state, training) in states.iter_mut().zip([&mut restored, &mut loops[0]]) {
                *state = postcard::to_stdvec(&LoopState::of(training).unwrap()).unwrap();
            }
            assert!(states[0] == states[1], "{name}, {memory:?}, restored");
        }
    }
}
