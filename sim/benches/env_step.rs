//! What the robot layer costs: one policy period of an environment (sensors, delays, actuators, observation, reward, randomization)
//! beside as many bare steps of rapier on the same model, and beside steps before which a force is set on every body in the plain way,
//! after which rapier rebuilds its solver's tables: `sim/src/robot/world/force.rs` says how the environment avoids that.
//!
//! `cargo bench -p sinew-sim --bench env_step`. The ratio of the two is what counts: `docs/results.md`.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use rapier3d::math::Vector;
use rapier3d::pipeline::PhysicsWorld;
use sinew_sim::{Randomization, Task, VecEnv};

#[path = "support/bare.rs"]
mod bare;
#[path = "support/standing.rs"]
mod standing;

/// Tasks and their models.
const CASES: [(&str, &str); 3] = [
    ("pendulum", include_str!("../robots/pendulum.xml")),
    ("cart-pole", include_str!("../robots/cart_pole.xml")),
    ("quadrotor", include_str!("../robots/quadrotor.xml")),
];
/// Periods in one measurement: short enough that nothing ends, long enough that a reset does not count.
const PERIODS: u32 = 20;

/// The model in a world of its own, under an inclined gravity that sets everything in motion: a body at rest costs less.
fn moving(xml: &str, task: &Task) -> PhysicsWorld {
    bare::limp(xml, Vector::new(2.0, 3.0, -9.0), task.physics_period_s())
}

/// The quadruped on its feet, in contact with the floor.
fn standing_quadruped(xml: &str, task: &Task) -> PhysicsWorld {
    let [stiffness, damping] = standing::GAINS;
    let hold = bare::Standing { stiffness, damping };
    let mut world = bare::standing_multibody(xml, task.physics_period_s(), 1, hold);
    bare::advance(&mut world, 100, false);
    world
}

fn environment(task: &Task) -> VecEnv {
    let mut environment =
        VecEnv::new(task, Randomization::Training, 1, 1, 1).expect("a built-in task has environments");
    environment.reset().expect("a fresh environment resets");
    environment
}

fn step(criterion: &mut Criterion) {
    for (name, xml) in CASES {
        measure(criterion, &Task::load(name).expect("a built-in task"), 0.05, |task| moving(xml, task));
    }
    let xml = include_str!("../robots/quadruped.xml");
    let task = standing::task("multibody", 0.002, 1);
    measure(criterion, &task, 0.0, |task| standing_quadruped(xml, task));
}

/// The same periods of a task in three ways; every action is `action`.
fn measure(criterion: &mut Criterion, task: &Task, action: f32, world: impl Fn(&Task) -> PhysicsWorld) {
    let steps = PERIODS * (task.policy_period_s() / task.physics_period_s()).round() as u32;
    let mut group = criterion.benchmark_group(task.name());
    for (name, forces) in [("bare rapier", false), ("rapier with forces", true)] {
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                || world(task),
                |world| bare::advance(world, steps, forces),
                BatchSize::PerIteration,
            );
        });
    }
    let actions = vec![action; task.action_size()];
    group.bench_function("environment", |bencher| {
        bencher.iter_batched_ref(
            || environment(task),
            |environment| {
                for _ in 0..PERIODS {
                    environment.step(&actions).expect("finite actions");
                }
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, step);
criterion_main!(benches);
