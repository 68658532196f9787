use super::*;
use crate::action_space::ActionSpace;
use crate::algorithm::a2c::{A2c, A2cConfig};
use crate::algorithm::npg::{Npg, NpgConfig};
use crate::algorithm::ppo::{Ppo, PpoConfig};
use crate::algorithm::reinforce::{Baseline, Reinforce, ReinforceConfig};
use crate::algorithm::trpo::{Trpo, TrpoConfig};
use crate::rollout::MemoryShape;
use crate::training::rollout_shape;
use sinew_firmware_host::allocation::count;

/// Past the first updates, and counts what the next ones allocate.
fn allocates_nothing<L: OnPolicy>(
    task: &Task,
    memory: Option<MemoryShape>,
    learner: impl Fn(RolloutShape, &ActionSpace) -> L,
) {
    let run = RunConfig { environments: 4, steps: 10_000, ..RunConfig::default() };
    let space = ActionSpace::of(task);
    let shape = rollout_shape(task, &run, &space, 60, memory);
    let mut training = OnPolicyLoop::new(task, &run, learner(shape, &space)).unwrap();
    // Past the rollouts whose inputs have no scale yet, and the first ends of episodes.
    while training.steps < 2_000 {
        training.advance().unwrap();
    }
    let (mut collecting, mut learning) = (0, 0);
    for _ in 0..5 {
        let before = count();
        training.collect().unwrap();
        let between = count();
        training.learn().unwrap();
        collecting += between - before;
        learning += count() - between;
    }
    assert_eq!((collecting, learning), (0, 0), "{} on {}, {memory:?}", L::NAME, task.name());
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
