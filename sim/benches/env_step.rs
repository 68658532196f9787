//! What the robot layer costs: one policy period of an environment (sensors, delays, actuators, observation, reward, randomization)
//! beside as many bare steps of rapier on the same model, and beside steps before which a force is set on every body: the least
//! that driving a robot takes, since rapier rebuilds its solver's tables after any access to a body.
//!
//! `cargo bench -p sinew-sim --bench env_step`. The ratio of the two is what counts: `docs/results.md`.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use rapier3d::dynamics::{IntegrationParameters, RigidBodyBuilder};
use rapier3d::math::Vector;
use rapier3d::pipeline::PhysicsWorld;
use rapier3d_mjcf::{MjcfLoaderOptions, MjcfMultibodyOptions, MjcfRobot};
use sinew_sim::{Randomization, Task, VecEnv};

/// Tasks and their models.
const CASES: [(&str, &str); 3] = [
    ("pendulum", include_str!("../robots/pendulum.xml")),
    ("cart-pole", include_str!("../robots/cart_pole.xml")),
    ("quadrotor", include_str!("../robots/quadrotor.xml")),
];
/// Periods in one measurement: short enough that nothing ends, long enough that a reset does not count.
const PERIODS: u32 = 20;

/// The model in a world of its own, under an inclined gravity that sets everything in motion: a body at rest costs less.
fn bare(xml: &str, period_s: f64) -> PhysicsWorld {
    let integration_parameters = IntegrationParameters {
        dt: period_s as f32,
        num_solver_iterations: 1,
        max_ccd_substeps: 0,
        ..IntegrationParameters::default()
    };
    let gravity = Vector::new(2.0, 3.0, -9.0);
    let mut world = PhysicsWorld { gravity, integration_parameters, ..PhysicsWorld::default() };
    let options = MjcfLoaderOptions {
        rigid_body_blueprint: RigidBodyBuilder::dynamic().can_sleep(false),
        ..MjcfLoaderOptions::default()
    };
    let (robot, _) = MjcfRobot::from_str(xml, options, ".").expect("a built-in model");
    robot.insert_using_multibody_joints(
        &mut world.bodies,
        &mut world.colliders,
        &mut world.multibody_joints,
        &mut world.impulse_joints,
        MjcfMultibodyOptions::empty(),
    );
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
        let task = Task::load(name).expect("a built-in task");
        let steps = (task.policy_period_s() / task.physics_period_s()).round() as u32;
        let mut group = criterion.benchmark_group(name);
        group.bench_function("bare rapier", |bencher| {
            bencher.iter_batched_ref(
                || bare(xml, task.physics_period_s()),
                |world| (0..PERIODS * steps).for_each(|_| world.step()),
                BatchSize::PerIteration,
            );
        });
        group.bench_function("rapier with forces", |bencher| {
            bencher.iter_batched_ref(
                || bare(xml, task.physics_period_s()),
                |world| {
                    for _ in 0..PERIODS * steps {
                        for (_, body) in world.bodies.iter_mut().filter(|(_, body)| body.is_dynamic()) {
                            body.reset_forces(false);
                            body.add_force(Vector::new(0.0, 0.0, 1e-3), false);
                        }
                        world.step();
                    }
                },
                BatchSize::PerIteration,
            );
        });
        let actions = vec![0.05; task.action_size()];
        group.bench_function("environment", |bencher| {
            bencher.iter_batched_ref(
                || environment(&task),
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
