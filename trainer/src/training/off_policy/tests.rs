use super::*;
use crate::algorithm::ddpg::{Ddpg, DdpgConfig};
use crate::algorithm::dqn::{Dqn, DqnConfig};
use crate::algorithm::sac::{Sac, SacConfig};
use crate::algorithm::td3::{Td3, Td3Config};
use crate::algorithm::value_explorer::DiscreteExploration;
use crate::exploration::NoiseKind;
use sinew_firmware_host::allocation::count;

/// A built-in task with some of its text replaced.
fn altered(name: &str, replacements: &[(&str, &str)]) -> Task {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../sim/tasks");
    let mut text = std::fs::read_to_string(format!("{folder}/{name}.toml")).unwrap();
    for (found, replacement) in replacements {
        assert!(text.contains(found), "{name} holds no {found:?}");
        text = text.replace(found, replacement);
    }
    let models = concat!(env!("CARGO_MANIFEST_DIR"), "/../sim/robots/");
    let text = text.replace("model = \"", &format!("model = \"{models}"));
    let unique = replacements.len() * 1000 + replacements.iter().map(|(_, text)| text.len()).sum::<usize>();
    let path = std::env::temp_dir().join(format!("sinew-{name}-{unique}-{}.toml", std::process::id()));
    std::fs::write(&path, text).unwrap();
    let task = Task::load(path.to_str().unwrap());
    std::fs::remove_file(&path).unwrap();
    task.unwrap()
}

/// Cart and pole with episodes of 15 steps, of which random pushes end some earlier.
fn short_episodes(discrete: bool) -> Task {
    let shortened = ("training_s = 10.0", "training_s = 0.3");
    let continuous = ("[discrete]\nactions = [[-1.0], [1.0]]", "");
    let replacements = [shortened, continuous];
    altered("cartpole-v1", &replacements[..if discrete { 1 } else { 2 }])
}

fn run() -> RunConfig {
    RunConfig { steps: 2_000, seed: 3, ..RunConfig::default() }
}

fn sac(config: &SacConfig, task: &Task) -> Sac {
    let config = SacConfig { hidden: vec![8], batch_size: 64, start_steps: 50, ..config.clone() };
    Sac::new(&config, transition_sizes(task, config.privileged_critic), 3)
}

fn td3(task: &Task) -> Td3 {
    let config = Td3Config { hidden: vec![8], batch_size: 64, start_steps: 50, ..Td3Config::default() };
    Td3::new(&config, transition_sizes(task, true), 3)
}

fn ddpg(task: &Task) -> Ddpg {
    let exploration = NoiseKind::OrnsteinUhlenbeck;
    let config =
        DdpgConfig { hidden: vec![8], batch_size: 64, start_steps: 50, exploration, ..DdpgConfig::default() };
    Ddpg::new(&config, transition_sizes(task, true), 3)
}

fn dqn(task: &Task) -> Dqn {
    let config = DqnConfig { hidden: vec![8], batch_size: 64, start_steps: 50, ..DqnConfig::default() };
    Dqn::new(&config, task.discrete_actions().unwrap(), transition_sizes(task, false), 3)
}

/// Steps the loop, and holds every stored transition and the learner's targets against how the steps ended.
fn bootstraps_where_the_episode_would_have_gone_on<L: OffPolicy>(task: &Task, learner: L) {
    let run = run();
    let mut training = OffPolicyLoop::new(task, &run, learner).unwrap();
    let gamma = training.learning.settings.gamma;
    let (mut terminated, mut truncated) = (0, 0);
    for _ in 0..400 {
        training.advance().unwrap();
        let newest = training.learning.replay.newest();
        let environments = &training.collector.environments;
        assert_eq!(newest.next_observation, environments.final_observations());
        assert_eq!(newest.reward, environments.rewards()[0]);
        let over = environments.terminated()[0];
        assert_eq!(newest.discount, if over { 0.0 } else { gamma });
        terminated += usize::from(over);
        truncated += usize::from(environments.truncated()[0]);
    }
    assert!(terminated > 0 && truncated > 0, "{terminated} {truncated}");
    training.learning.draw(1.0);
    training.learning.learner.update(&training.learning.batch, 1.0, &training.learning.workers);
    let batch = &training.learning.batch;
    for (row, target) in training.learning.learner.targets().iter().enumerate() {
        let rewarded_alone = *target == batch.rewards[row];
        assert_eq!(rewarded_alone, batch.discounts[row] == 0.0, "{target}");
    }
    assert!(batch.discounts.contains(&0.0) && batch.discounts.contains(&gamma));
}

#[test]
fn a_truncated_episode_bootstraps_and_a_terminated_one_does_not_in_every_algorithm() {
    let task = short_episodes(false);
    bootstraps_where_the_episode_would_have_gone_on(&task, sac(&SacConfig::default(), &task));
    bootstraps_where_the_episode_would_have_gone_on(&task, td3(&task));
    bootstraps_where_the_episode_would_have_gone_on(&task, ddpg(&task));
    let task = short_episodes(true);
    bootstraps_where_the_episode_would_have_gone_on(&task, dqn(&task));
}

/// Everything that learning has changed.
fn whole<L: OffPolicy>(learner: &mut L) -> (Vec<Vec<f32>>, Vec<u8>) {
    let networks = learner.networks().into_iter().map(|network| network.parameters.to_vec()).collect();
    (networks, postcard::to_stdvec(&learner.state()).unwrap())
}

/// A loop that is restored into a fresh one has the same state, and its learner learns on as if nothing had happened.
fn goes_on_from_its_state<L: OffPolicy>(task: &Task, fresh: impl Fn() -> L) {
    let run = run();
    let mut training = OffPolicyLoop::new(task, &run, fresh()).unwrap();
    (0..101).for_each(|_| training.advance().unwrap());
    let mut restored = OffPolicyLoop::new(task, &run, fresh()).unwrap();
    restored.restore(&training.state().unwrap()).unwrap();
    for (to, from) in
        restored.learning.learner.networks().into_iter().zip(training.learning.learner.networks())
    {
        assert_eq!(to.name, from.name);
        to.parameters.copy_from_slice(from.parameters);
    }
    assert!(training.state().unwrap() == restored.state().unwrap());
    let before = whole(&mut training.learning.learner);
    for _ in 0..3 {
        training.learning.draw(1.0);
        training.learning.learner.update(&training.learning.batch, 1.0, &training.learning.workers);
        restored.learning.learner.update(&training.learning.batch, 1.0, &training.learning.workers);
    }
    let after = whole(&mut training.learning.learner);
    assert!(after == whole(&mut restored.learning.learner) && after.0 != before.0);
    let mut choices = [[0.0], [0.0]];
    let observation = training.collector.normalized.clone();
    for (training, choices) in [&mut training, &mut restored].into_iter().zip(&mut choices) {
        training.learning.hand_over(&mut training.collector);
        let explorer = &mut training.collector.explorer;
        explorer.explore(&observation, 0.5, &mut Stream::new(1, "restored"), choices);
    }
    assert_eq!(choices[0], choices[1]);
}

#[test]
fn every_learner_goes_on_from_its_state_bit_for_bit() {
    let task = short_episodes(false);
    goes_on_from_its_state(&task, || sac(&SacConfig::default(), &task));
    let droq = SacConfig { critic_dropout: 0.1, critic_layer_norm: true, ..SacConfig::default() };
    goes_on_from_its_state(&task, || sac(&droq, &task));
    goes_on_from_its_state(&task, || td3(&task));
    goes_on_from_its_state(&task, || ddpg(&task));
    let task = short_episodes(true);
    goes_on_from_its_state(&task, || dqn(&task));
}

#[test]
fn critics_see_what_is_privileged_and_the_policy_does_not() {
    let revealing = "\n[privileged]\nrandomization = true\n\n[[joints]]";
    let task = altered("pendulum", &[("\n[[joints]]", revealing)]);
    assert!(task.privileged_size() > 0);
    let run = run();
    let learner = sac(&SacConfig { normalize_observations: true, ..SacConfig::default() }, &task);
    let mut training = OffPolicyLoop::new(&task, &run, learner).unwrap();
    for _ in 0..210 {
        let seen = training.collector.environments.privileged().to_vec();
        training.advance().unwrap();
        let newest = training.learning.replay.newest();
        assert_eq!(newest.privileged, seen);
        assert_eq!(newest.next_privileged, training.collector.environments.final_privileged());
    }
    training.learning.draw(1.0);
    let metrics = |training: &OffPolicyLoop<Sac>| training.learning.learner.metrics()[0].value;
    training.learning.learner.update(&training.learning.batch, 1.0, &training.learning.workers);
    assert!(metrics(&training).is_finite());
    let before = training.learning.learner.targets().to_vec();
    training.learning.batch.next_privileged.iter_mut().for_each(|value| *value += 1.0);
    training.learning.learner.update(&training.learning.batch, 1.0, &training.learning.workers);
    assert_ne!(training.learning.learner.targets(), before);
    let image = training.actor().image(&task).unwrap();
    assert_eq!(image.image().unwrap().input_size(), task.observation_size());
    // Without, nothing of it is stored.
    let blind = sac(&SacConfig { privileged_critic: false, ..SacConfig::default() }, &task);
    let mut training = OffPolicyLoop::new(&task, &run, blind).unwrap();
    training.advance().unwrap();
    assert!(training.learning.replay.newest().privileged.is_empty());
}

#[test]
fn prioritized_n_step_runs_are_the_same_for_any_number_of_threads() {
    let task = short_episodes(false);
    let config = SacConfig { priority_exponent: 0.6, n_step: 3, ..SacConfig::default() };
    let state_with = |threads| {
        let run = RunConfig { threads, ..run() };
        let mut training = OffPolicyLoop::new(&task, &run, sac(&config, &task)).unwrap();
        (0..150).for_each(|_| training.advance().unwrap());
        assert!(training.learning.batch.weights.iter().any(|weight| *weight != 1.0));
        let weights = training.learning.batch.weights.clone();
        (weights, whole(&mut training.learning.learner))
    };
    assert!(state_with(1) == state_with(2));
}

/// Steps the loop past its first updates, and counts what the next ones allocate.
fn allocates_nothing<L: OffPolicy>(task: &Task, learner: impl Fn() -> L) {
    for lag in [0, 8] {
        let run = RunConfig { lag, ..run() };
        let mut training = OffPolicyLoop::new(task, &run, learner()).unwrap();
        // So that the ring has wrapped, and an episode has ended.
        while training.steps() < 304 {
            training.advance().unwrap();
        }
        let before = count();
        while training.steps() < 404 {
            training.advance().unwrap();
        }
        assert_eq!(count() - before, 0, "{} with lag {lag}", L::NAME);
    }
}

#[test]
fn neither_a_step_nor_an_update_allocates() {
    let task = Task::load("pendulum-v1").unwrap();
    allocates_nothing(&task, || sac(&SacConfig::default(), &task));
    let prioritized = SacConfig { priority_exponent: 0.6, n_step: 3, ..SacConfig::default() };
    allocates_nothing(&task, || sac(&prioritized, &task));
    let droq = SacConfig { critic_dropout: 0.1, critic_layer_norm: true, ..SacConfig::default() };
    allocates_nothing(&task, || sac(&droq, &task));
    let tqc = SacConfig { critic_quantiles: 9, dropped_quantiles: 2, ..SacConfig::default() };
    allocates_nothing(&task, || sac(&tqc, &task));
    allocates_nothing(&task, || td3(&task));
    allocates_nothing(&task, || ddpg(&task));
    let task = Task::load("cartpole-v1").unwrap();
    allocates_nothing(&task, || dqn(&task));
    let boltzmann = DqnConfig {
        hidden: vec![8],
        batch_size: 64,
        start_steps: 50,
        dueling: true,
        exploration: DiscreteExploration::Boltzmann,
        ..DqnConfig::default()
    };
    let sizes = transition_sizes(&task, false);
    allocates_nothing(&task, || Dqn::new(&boltzmann, task.discrete_actions().unwrap(), sizes, 3));
}

/// Three-step returns and normalized observations of two environments, with a lag of 8 updates.
fn lagging(threads: usize) -> RunConfig {
    RunConfig { environments: 2, lag: 8, threads, ..run() }
}

fn lagging_sac(task: &Task) -> Sac {
    let config = SacConfig {
        hidden: vec![8],
        batch_size: 16,
        start_steps: 50,
        n_step: 3,
        normalize_observations: true,
        ..SacConfig::default()
    };
    Sac::new(&config, transition_sizes(task, true), 3)
}

#[test]
fn a_block_is_chosen_by_the_parameters_and_statistics_of_its_beginning() {
    let task = Task::load("pendulum-v1").unwrap();
    for threads in [1, 2] {
        let run = lagging(threads);
        let mut training = OffPolicyLoop::new(&task, &run, lagging_sac(&task)).unwrap();
        // Past the steps with random actions, with updates due.
        (0..20).for_each(|_| training.advance().unwrap());
        let old = training.learning.learner.acting_parameters().to_vec();
        let statistics = training.learning.normalizers[0].clone();
        let mut noise = training.collector.exploration.clone();
        let stored = training.learning.replay.len();
        training.advance().unwrap();
        let new = training.learning.learner.acting_parameters().to_vec();
        assert_ne!(old, new);
        // 8 updates, one for each of the 4 steps of 2 environments.
        assert_eq!(training.collector.stage.rows(), 8);
        assert_eq!(training.learning.replay.len(), stored + 8);
        let mut explorer = training.learning.learner.explorer(2);
        let mut chosen_by = |parameters: &[f32], noise: &mut Stream| {
            explorer.follow(parameters);
            let stage = &training.collector.stage;
            (0..4).all(|step| {
                let rows = [stage.step(2 * step), stage.step(2 * step + 1)];
                let mut observations = rows.map(|row| row.observation).concat();
                statistics.apply(&mut observations);
                let mut choices = [0.0; 2];
                explorer.explore(&observations, 0.0, noise, &mut choices);
                choices == [rows[0].action[0], rows[1].action[0]]
            })
        };
        assert!(!chosen_by(&new, &mut noise.clone()));
        assert!(chosen_by(&old, &mut noise));
    }
}

#[test]
fn a_lagging_run_is_the_same_for_any_number_of_threads() {
    let task = short_episodes(false);
    let state_with = |threads| {
        let run = lagging(threads);
        let mut training = OffPolicyLoop::new(&task, &run, lagging_sac(&task)).unwrap();
        while training.steps() < 1_000 {
            training.advance().unwrap();
        }
        (whole(&mut training.learning.learner), training.state().unwrap())
    };
    let one = state_with(1);
    assert!(one == state_with(2) && one == state_with(3));
}

#[test]
fn a_block_is_as_long_as_its_updates_allow() {
    let settings = |updates_per_step, replay_capacity| {
        let config = SacConfig { replay_capacity, updates_per_step, ..SacConfig::default() };
        Sac::new(&config, transition_sizes(&Task::load("pendulum-v1").unwrap(), true), 3).settings()
    };
    let plain = settings(1.0, 1_000);
    assert_eq!([0, 1, 2, 3, 9, 5_000].map(|lag| plain.block(lag, 2)), [1, 1, 1, 1, 4, 500]);
    assert_eq!(settings(0.25, 1_000).block(8, 2), 16);
    assert_eq!(settings(20.0, 1_000).block(8, 2), 1);
    assert_eq!(settings(1.0, 1).block(u64::MAX, 2), 1);
}
