//! Scores runs of the reference tasks over the same 100 start states, beside the optimum and published scores.
//!
//! `cargo run --release --workspace --example reference_scores -- RUN...`; `.ci/reference_scores` trains the runs first. Prints a Markdown table with
//! a row for each task and algorithm and a column for each seed.

use sinew_policy_runtime::policy_file::load_policy;
use sinew_sim::{Randomization, Task, VecEnv};
use sinew_tests::pendulum_optimum::optimal_returns;
use sinew_trainer::evaluation::evaluate_image;
use sinew_trainer::report::RunReport;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

const EPISODES: usize = 100;
/// Apart from every training and evaluation stream.
const SEED: u64 = 20_26;

/// One run of the trainer, scored.
struct Score {
    seed: u64,
    /// Mean return of the exported policy, which is the best evaluation's.
    exported: f64,
    /// Mean return of the last evaluation in training.
    last: Option<f64>,
}

/// Runs of one algorithm on one task for as many steps.
type Group = (String, String, u64);

fn main() -> Result<(), Box<dyn Error>> {
    let mut groups: BTreeMap<Group, Vec<Score>> = BTreeMap::new();
    for run in std::env::args().skip(1) {
        let (group, score) = score(Path::new(&run)).map_err(|error| format!("{run}: {error}"))?;
        groups.entry(group).or_default().push(score);
    }
    let optimum = mean(&optimal_returns(&pendulum_starts()?));
    println!(
        "| task | algorithm | steps | returns of the exported policies, by seed | mean | behind | worst | last evaluations, mean | rl-zoo |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for ((task, algorithm, steps), mut scores) in groups {
        scores.sort_by_key(|score| score.seed);
        let best = best_return(&task, optimum);
        let exported: Vec<f64> = scores.iter().map(|score| score.exported).collect();
        let last: Vec<f64> = scores.iter().filter_map(|score| score.last).collect();
        let each: Vec<String> =
            scores.iter().map(|score| format!("{}: {:.1}", score.seed, score.exported)).collect();
        let worst = exported.iter().copied().fold(f64::INFINITY, f64::min);
        let behind = |found: f64| best.map_or_else(String::new, |best| format!("{:.1}", best - found));
        let published = published(&task, &algorithm).map_or_else(String::new, |score| format!("{score}"));
        println!(
            "| {task} | {algorithm} | {steps} | {} | {:.1} | {} | {} | {:.1} | {published} |",
            each.join(", "),
            mean(&exported),
            behind(mean(&exported)),
            behind(worst),
            mean(&last),
        );
    }
    Ok(())
}

fn score(run: &Path) -> Result<(Group, Score), Box<dyn Error>> {
    let report: RunReport = serde_json::from_slice(&std::fs::read(run.join("report.json"))?)?;
    let task = Task::load(&report.task)?;
    let image = load_policy(run.join("policy.onnx"))?;
    let exported = evaluate_image(&task, &image, Randomization::Nominal, EPISODES, SEED, 2)?.return_mean;
    let last = report.curve.last().map(|point| point.return_mean);
    Ok(((report.task, report.algorithm, report.steps), Score { seed: report.seed, exported, last }))
}

/// The start states of the evaluation's episodes on `pendulum-v1`: angle in rad, speed in rad/s.
fn pendulum_starts() -> Result<Vec<(f64, f64)>, Box<dyn Error>> {
    let mut environments =
        VecEnv::new(&Task::load("pendulum-v1")?, Randomization::Nominal, EPISODES, SEED, 1)?;
    environments.reset()?;
    let start = |index| {
        let joint = environments.env(index)?.truth().joints.first().copied()?;
        Some((joint.position, joint.velocity))
    };
    (0..EPISODES).map(|index| start(index).ok_or_else(|| "no such environment".into())).collect()
}

/// What nobody can surpass: by backward induction, or by the rules.
fn best_return(task: &str, pendulum: f64) -> Option<f64> {
    match task {
        // The same equations and, on its nominal robot, the same starts.
        "pendulum-v1" | "pendulum" => Some(pendulum),
        "cartpole-v1" => Some(500.0),
        _ => None,
    }
}

/// Mean returns of rl-baselines3-zoo's `benchmark.md`, one run each: pendulum with 20,000 (off-policy), 100,000 and, A2C, 1,000,000 steps,
/// cart-pole with 50,000, acrobot with 100,000.
fn published(task: &str, algorithm: &str) -> Option<f64> {
    let score = match (task, algorithm) {
        ("pendulum-v1", "SAC") => -157.0,
        ("pendulum-v1", "TD3" | "DDPG") => -152.0,
        ("pendulum-v1", "PPO") => -172.0,
        ("pendulum-v1", "TRPO") => -175.0,
        ("pendulum-v1", "A2C") => -163.0,
        ("cartpole-v1", "DQN") => 500.0,
        ("acrobot-v1", "DQN") => -76.6,
        _ => return None,
    };
    Some(score)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
