//! What the robot layer costs: one policy period of an environment (sensors, delays, actuators, observation, reward, randomization)
//! beside as many bare steps of rapier on the same model, and beside steps before which a force is set on every body in the plain way,
//! after which rapier rebuilds its solver's tables: `sim/src/robot/world/force.rs` says how the environment avoids that.
//!
//! `cargo bench --workspace --bench env_step`. What counts is the ratio of the two, which `examples/environment_share.rs` takes in turn,
//! so that other work on the machine slows both: `docs/results.md`.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

#[path = "support/bare.rs"]
mod bare;
#[path = "support/cases.rs"]
mod cases;
#[path = "support/standing.rs"]
mod standing;

/// Periods in one measurement: short enough that nothing ends, long enough that a reset does not count.
const PERIODS: u32 = 20;

/// The same periods of each task in three ways.
fn step(criterion: &mut Criterion) {
    for case in cases::all() {
        let steps = PERIODS * case.steps();
        let mut group = criterion.benchmark_group(case.task.name());
        for (name, forces) in [("bare rapier", false), ("rapier with forces", true)] {
            group.bench_function(name, |bencher| {
                bencher.iter_batched_ref(
                    || case.bare(),
                    |world| bare::advance(world, steps, forces),
                    BatchSize::PerIteration,
                );
            });
        }
        let actions = case.actions();
        group.bench_function("environment", |bencher| {
            bencher.iter_batched_ref(
                || case.environment(),
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
}

criterion_group!(benches, step);
criterion_main!(benches);
