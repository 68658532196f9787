//! Scores pendulum runs against the optimum over the same 100 start states.
//!
//! `cargo run --release -p sinew-tests --example pendulum_scores -- RUN...`

use sinew_policy_runtime::policy_file::load_policy;
use sinew_sim::{Randomization, Task, VecEnv};
use sinew_tests::pendulum_optimum::optimal_returns;
use sinew_trainer::evaluation::evaluate_image;
use std::error::Error;
use std::path::Path;

const EPISODES: usize = 100;
/// Apart from every training and evaluation stream.
const SEED: u64 = 20_26;

fn main() -> Result<(), Box<dyn Error>> {
    println!("{:<40} {:>9} {:>9} {:>9}", "run", "return", "optimum", "behind");
    for run in std::env::args().skip(1) {
        let folder = Path::new(&run);
        let name = std::fs::read_to_string(folder.join("task.txt"))?;
        let task = Task::load(name.trim())?;
        let image = load_policy(folder.join("policy.onnx"))?;
        let evaluation = evaluate_image(&task, &image, Randomization::Nominal, EPISODES, SEED, 2)?;
        let optimum = optimal_returns(&starts(&task)?);
        let optimum = optimum.iter().sum::<f64>() / optimum.len() as f64;
        let found = evaluation.return_mean;
        println!("{run:<40} {found:>9.2} {optimum:>9.2} {:>9.2}", optimum - found);
    }
    Ok(())
}

/// The start states of the evaluation's episodes: angle in rad, speed in rad/s.
fn starts(task: &Task) -> Result<Vec<(f64, f64)>, Box<dyn Error>> {
    let mut environments = VecEnv::new(task, Randomization::Nominal, EPISODES, SEED, 1)?;
    environments.reset()?;
    let start = |index| {
        let joint = environments.env(index)?.truth().joints.first().copied()?;
        Some((joint.position, joint.velocity))
    };
    (0..EPISODES).map(|index| start(index).ok_or_else(|| "no such environment".into())).collect()
}
