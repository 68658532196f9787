//! `sinew train --sweep-seeds`: one run for each seed, and what they have in common.

use super::train::{Finished, Plan};
use sinew_firmware_host::exit::{Failure, Outcome, failed};
use sinew_trainer::run_directory::RunDirectory;
use sinew_trainer::statistics::{mean_and_deviation, mean_interval};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Trains one plan after the other into `directory`, and prints and keeps the mean and the spread over seeds.
pub(super) fn train_seeds(
    directory: &RunDirectory,
    plans: impl Iterator<Item = Result<(u64, Plan), Failure>>,
    episodes: usize,
    stop: &Arc<AtomicBool>,
    json: bool,
) -> Outcome {
    let mut runs = Vec::new();
    for plan in plans {
        let (seed, plan) = plan?;
        let run = plan.directory.clone();
        eprintln!("seed {seed}: {}", run.path().display());
        match plan.train(episodes, stop)? {
            Finished::Whole(summary, report) => {
                super::report::record(&run, &report)?;
                runs.push((seed, summary));
            }
            Finished::Interrupted { steps } => {
                let path = run.path().display();
                eprintln!(
                    "interrupted and saved after {steps} steps; go on with: sinew train --resume --out {path}"
                );
                return Ok(());
            }
        }
    }
    let returns: Vec<f64> = runs.iter().map(|(_, summary)| summary.evaluation.return_mean).collect();
    let rates: Vec<f64> = runs.iter().filter_map(|(_, summary)| summary.evaluation.success_rate).collect();
    let judged = rates.len() == runs.len();
    eprintln!("\n{:>8}  {:>12}  {:>9}", "seed", "return", "success");
    for (seed, summary) in &runs {
        let success = summary.evaluation.success_rate;
        let success = success.map_or_else(|| "-".to_owned(), |rate| format!("{:.0} %", 100.0 * rate));
        eprintln!("{seed:>8}  {:>12.2}  {success:>9}", summary.evaluation.return_mean);
    }
    let (mean, deviation) = mean_and_deviation(&returns);
    let [low, high] = mean_interval(&returns);
    eprintln!(
        "{:>8}  {mean:>12.2} ± {deviation:.2} over seeds; mean within {low:.2} to {high:.2} (95 %)",
        "mean"
    );
    if judged {
        let (mean, deviation) = mean_and_deviation(&rates);
        eprintln!("{:>8}  {:>12.1} ± {:.1} % success over seeds", "", 100.0 * mean, 100.0 * deviation);
    }
    let runs: Vec<serde_json::Value> = runs
        .iter()
        .map(|(seed, summary)| {
            let mut object = summary.to_json();
            object["seed"] = (*seed).into();
            object
        })
        .collect();
    let (success_rate, success_std) = mean_and_deviation(&rates);
    let object = serde_json::json!({
        "seeds": runs,
        "return_mean": mean,
        "return_std": deviation,
        "return_interval": [low, high],
        "success_rate": judged.then_some(success_rate),
        "success_std": judged.then_some(success_std),
    });
    directory.write("seeds.json", object.to_string().as_bytes()).map_err(failed)?;
    if json {
        println!("{object}");
    }
    Ok(())
}
