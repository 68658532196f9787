//! Times one inference of three common policies on this machine, those of ONNX Runtime and tract beside it in the same run.
//!
//! `.ci/inference` fetches ONNX Runtime's library and runs
//! `SINEW_ONNXRUNTIME=LIBRARY cargo run --release --workspace --example inference_time`.
//!
//! The engines take turns of a millisecond, so that whatever else the machine does hits all of them; the median over the
//! turns and the shortest turn are reported, and each engine's median as a multiple of our fastest one's.

#[path = "../benches/engines/mod.rs"]
mod engines;
#[path = "../../policy-runtime/tests/policies/mod.rs"]
mod policies;

use engines::Engine;
use std::time::{Duration, Instant};

const TURN: Duration = Duration::from_millis(1);
const TURNS: usize = 400;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for (policy, model) in engines::models() {
        let (multiply_adds, weight_bytes) = engines::size(&model)?;
        println!("{policy}: {multiply_adds} multiply-adds, {weight_bytes} bytes of weights");
        let mut engines = engines::all(&model)?;
        let mut turns = vec![Vec::with_capacity(TURNS); engines.len()];
        for _ in 0..TURNS {
            for (engine, turns) in engines.iter_mut().zip(&mut turns) {
                turns.push(mean_us(engine));
            }
        }
        for turns in &mut turns {
            turns.sort_by(f64::total_cmp);
        }
        let ours = turns[0][TURNS / 2];
        println!("    {:<16} {:>10} {:>11} {:>9}", "engine", "median us", "shortest us", "of ours");
        for (engine, turns) in engines.iter().zip(&turns) {
            let (median, shortest) = (turns[TURNS / 2], turns[0]);
            println!("    {:<16} {median:>10.3} {shortest:>11.3} {:>8.1}x", engine.name, median / ours);
        }
    }
    Ok(())
}

/// Mean time of a call over one turn, in microseconds.
fn mean_us(engine: &mut Engine) -> f64 {
    // Caches and predictors are this engine's again.
    (0..8).for_each(|_| (engine.infer)());
    let start = Instant::now();
    let mut calls = 0_u32;
    while start.elapsed() < TURN {
        (0..16).for_each(|_| (engine.infer)());
        calls += 16;
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
}
