//! Prints environment steps per second of tasks, on one thread and on two, and how many times as many two give.
//!
//! `cargo run --release --workspace --example throughput [TASK]...`; without a task, every built-in one. Both numbers of threads are timed in turn,
//! and medians count: what else runs on the machine meanwhile then slows both.

use sinew_sim::{Randomization, Task, VecEnv};
use std::time::Instant;

const ENVIRONMENTS: usize = 64;
const MEASURED_S: f64 = 1.0;
const REPEATS: usize = 7;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("{:<20} {:>12} {:>12} {:>8}", "task", "1 thread", "2 threads", "ratio");
    let named: Vec<String> = std::env::args().skip(1).collect();
    let all: Vec<String> = Task::builtin_names().iter().map(ToString::to_string).collect();
    for name in if named.is_empty() { &all } else { &named } {
        let task = Task::load(name)?;
        let mut rates = [[0.0; REPEATS]; 2];
        for repeat in 0..REPEATS {
            for (threads, rates) in rates.iter_mut().enumerate() {
                rates[repeat] = steps_per_s(&task, threads + 1)?;
            }
        }
        let [one, two] = rates.map(median);
        println!("{name:<20} {one:>12.0} {two:>12.0} {:>8.2}", two / one);
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
        for action in &mut actions {
            *action = -*action;
        }
        environments.step(&actions)?;
        steps += ENVIRONMENTS;
    }
    Ok(steps as f64 / start.elapsed().as_secs_f64())
}

fn median(mut values: [f64; REPEATS]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[REPEATS / 2]
}
