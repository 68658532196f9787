//! Prints environment steps per second of tasks, one thread and two.
//!
//! `cargo run --release -p sinew-sim --example throughput [TASK]...`; without a task, every built-in one.

use sinew_sim::{Randomization, Task, VecEnv};
use std::time::Instant;

const ENVIRONMENTS: usize = 16;
const MEASURED_S: f64 = 2.0;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("{:<14} {:>8} {:>14} {:>12}", "task", "threads", "steps/s", "us/step");
    let named: Vec<String> = std::env::args().skip(1).collect();
    let all: Vec<String> = Task::builtin_names().iter().map(ToString::to_string).collect();
    for name in if named.is_empty() { &all } else { &named } {
        for threads in [1, 2] {
            let rate = steps_per_s(&Task::load(name)?, threads)?;
            println!("{name:<14} {threads:>8} {rate:>14.0} {:>12.3}", 1e6 / rate);
        }
    }
    Ok(())
}

/// Steps with small alternating actions for a while.
fn steps_per_s(task: &Task, threads: usize) -> Result<f64, Box<dyn std::error::Error>> {
    let mut environments = VecEnv::new(task, Randomization::Training, ENVIRONMENTS, 1, threads)?;
    environments.reset()?;
    let mut actions = vec![0.05; ENVIRONMENTS * task.action_size()];
    let start = Instant::now();
    let mut steps = 0;
    while start.elapsed().as_secs_f64() < MEASURED_S {
        for _ in 0..50 {
            for action in &mut actions {
                *action = -*action;
            }
            environments.step(&actions)?;
        }
        steps += 50 * ENVIRONMENTS;
    }
    Ok(steps as f64 / start.elapsed().as_secs_f64())
}
