//! `sinew demo`.

use super::report::show;
use super::train::record_run;
use super::{Failure, Outcome, failed, unusable};
use anyhow::anyhow;
use sinew_firmware_host::hil::{self, HilOptions, HilReport};
use sinew_firmware_host::link::{Direction, FaultKind, FaultPlan, FaultWindow};
use sinew_firmware_host::rt::RtPolicy;
use sinew_policy_runtime::image::AlignedImage;
use sinew_policy_runtime::onnx;
use sinew_sim::{Randomization, Task};
use sinew_trainer::config::TrainingConfig;
use sinew_trainer::evaluation::evaluate_image;
use sinew_trainer::progress::ConsoleObserver;
use sinew_trainer::proof;
use sinew_trainer::report::{EvaluationReport, FaultLine, FlightReport, PolicyReport, RunReport, TracePoint};
use sinew_trainer::run_directory::RunDirectory;
use std::path::PathBuf;

/// The flight, s.
const FLIGHT_S: f64 = 10.0;
/// Frames lost both ways: long enough that the robot's own safe action must take over.
const BURST: FaultWindow = FaultWindow {
    at_s: 6.0,
    duration_s: 0.15,
    kind: FaultKind::Drop,
    probability: 1.0,
    direction: Direction::Both,
    delay_s: 0.0,
};
/// Episodes on the acceptance ranges.
const EPISODES: usize = 20;

/// Train a quadrotor, export it, prove it, fly it in the real-time loop, and show how it went.
#[derive(clap::Args)]
pub(crate) struct Demo {
    /// The seed of everything random.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The run directory; it must not hold anything yet. Default: runs/demo, numbered where taken.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Threads for learning; changes the time alone, never the result.
    #[arg(long, default_value_t = sinew_firmware_host::rt::cores())]
    threads: usize,
}

impl Demo {
    pub(crate) fn run(self) -> Outcome {
        let task = Task::load("quadrotor").map_err(unusable)?;
        let mut config = TrainingConfig::for_task(task.name()).map_err(unusable)?;
        config.training.seed = self.seed;
        config.training.threads = self.threads;
        let run = match &self.out {
            Some(path) => RunDirectory::create(path),
            None => RunDirectory::create_unique("demo"),
        }
        .map_err(unusable)?;
        eprintln!("training a quadrotor to hover, under randomization, on {} threads", self.threads);
        let mut observer = ConsoleObserver::new(&run, config.training.steps).map_err(failed)?;
        let trained = record_run(&task, &config, &run, &mut observer);
        observer.finish();
        let summary = trained?;

        let onnx_bytes = run.read("policy.onnx").map_err(failed)?;
        let image = onnx::load(&onnx_bytes).map_err(failed)?;
        eprintln!("proving the exported file");
        let policy = prove(&onnx_bytes)?;
        eprintln!("evaluating on the acceptance ranges");
        let evaluation = evaluate(&task, &image, self.seed, self.threads)?;
        eprintln!("flying for {FLIGHT_S} s over UDP, with a burst of lost frames at {} s", BURST.at_s);
        let flight = fly(&task, &image, self.seed)?;

        let report = RunReport {
            task: task.name().to_owned(),
            algorithm: "SAC".to_owned(),
            seed: self.seed,
            steps: summary.steps,
            seconds: summary.seconds,
            steps_per_s: summary.steps_per_s,
            curve: observer.curve().to_vec(),
            evaluation: Some(evaluation),
            policy: Some(policy),
            flight: Some(flight_report(&flight)),
        };
        let json = serde_json::to_vec_pretty(&report).map_err(failed)?;
        run.write("report.json", &json).map_err(failed)?;
        run.write("flight.json", &serde_json::to_vec_pretty(&flight).map_err(failed)?).map_err(failed)?;
        show(&run, &report)?;
        if report.verdict().passed() { Ok(()) } else { Err(failed(anyhow!("the demo's checks did not all pass"))) }
    }
}

/// The proof of the exported file, which must hold.
fn prove(onnx_bytes: &[u8]) -> Result<PolicyReport, Failure> {
    let proof = proof::prove(onnx_bytes).map_err(failed)?;
    if !proof.agrees() {
        return Err(failed(anyhow!(
            "{} differs by {:.2e}, more than {:.0e} (1 + |value|)",
            proof.reference,
            proof.reference_error,
            proof::TOLERANCE
        )));
    }
    Ok(PolicyReport {
        bytes: proof.bytes,
        multiply_adds: proof.multiply_adds,
        golden_pairs: proof.golden_pairs,
        golden_exact: true,
        reference: proof.reference.to_owned(),
        reference_error: proof.reference_error,
        inference_us: proof.inference_us,
    })
}

fn evaluate(task: &Task, image: &AlignedImage, seed: u64, threads: usize) -> Result<EvaluationReport, Failure> {
    let evaluation =
        evaluate_image(task, image, Randomization::Acceptance, EPISODES, seed, threads).map_err(failed)?;
    Ok(EvaluationReport {
        episodes: EPISODES,
        return_mean: evaluation.return_mean,
        return_std: evaluation.return_std,
        success_rate: evaluation.success_rate,
        metrics: evaluation.metric_table(),
    })
}

fn fly(task: &Task, image: &AlignedImage, seed: u64) -> Result<HilReport, Failure> {
    let options = HilOptions {
        link: "udp:127.0.0.1:0".parse().map_err(unusable)?,
        duration_s: FLIGHT_S,
        seed,
        randomization: Randomization::Acceptance,
        faults: FaultPlan { faults: vec![BURST] },
        rt: RtPolicy::Try,
        lockstep: false,
        rate_hz: None,
    };
    hil::run(task, image, &options).map_err(failed)
}

fn flight_report(flight: &HilReport) -> FlightReport {
    let quantiles = |q: sinew_firmware_host::timing::Quantiles| [q.p50, q.p99, q.p999, q.max];
    let fault = |fault: &hil::FaultRecord| FaultLine {
        at_s: fault.at_s,
        until_s: fault.until_s,
        cause: fault.cause.clone(),
        handling: fault.handling.clone(),
    };
    let point = |point: &sinew_firmware_host::plant::TracePoint| TracePoint {
        time_s: point.time_s,
        error_m: point.error,
        mode: format!("{:?}", point.state).to_lowercase(),
    };
    FlightReport {
        duration_s: FLIGHT_S,
        mode: flight.mode.clone(),
        link: flight.link.clone(),
        rate_hz: flight.rate_hz,
        ticks: flight.ticks,
        overruns: flight.overruns,
        wake_up_us: quantiles(flight.wake_up_us),
        compute_us: quantiles(flight.compute_us),
        wake_up_histogram: flight.wake_up_histogram.clone(),
        allocations: flight.allocations,
        interventions: flight.interventions,
        plant_late: flight.plant_late,
        rt: flight.rt.items.iter().map(|item| (item.name.clone(), item.asked.clone(), item.granted)).collect(),
        faults: flight.faults.iter().map(fault).collect(),
        trace: flight.trace.iter().map(point).collect(),
        error_rms_m: flight.error_rms,
        error_max_m: flight.error_max,
        outcome: flight.outcome.clone(),
    }
}
