//! Prints what share of an environment's time rapier takes: a policy period of rapier alone over one of the environment.
//!
//! `cargo run --release --workspace --example environment_share [TASK]...`. The two take turns of a few hundred microseconds and
//! medians count, so that what else runs on the machine slows both.

use std::time::Instant;

#[path = "../benches/support/bare.rs"]
mod bare;
#[path = "../benches/support/cases.rs"]
mod cases;
#[path = "../benches/support/standing.rs"]
mod standing;

/// Policy periods of a turn.
const PERIODS: u32 = 20;
/// Each on a world and an environment of its own.
const TURNS: usize = 4001;

fn main() {
    let named: Vec<String> = std::env::args().skip(1).collect();
    println!("{:<12} {:>14} {:>16} {:>8}", "task", "rapier alone", "environment", "share");
    for case in cases::all() {
        if !named.is_empty() && !named.iter().any(|name| name == case.task.name()) {
            continue;
        }
        let steps = PERIODS * case.steps();
        let actions = case.actions();
        let (mut alone, mut whole) = (Vec::with_capacity(TURNS), Vec::with_capacity(TURNS));
        for _ in 0..TURNS {
            let (mut world, mut environment) = (case.bare(), case.environment());
            let start = Instant::now();
            bare::advance(&mut world, steps, false);
            alone.push(start.elapsed().as_secs_f64());
            let start = Instant::now();
            for _ in 0..PERIODS {
                environment.step(&actions).expect("finite actions");
            }
            whole.push(start.elapsed().as_secs_f64());
        }
        let [alone, whole] = [alone, whole].map(median);
        let us = |time_s: f64| 1e6 * time_s / f64::from(PERIODS);
        let share = 100.0 * alone / whole;
        println!("{:<12} {:>11.2} us {:>13.2} us {share:>6.1} %", case.task.name(), us(alone), us(whole));
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
