//! `sinew demo`.

use super::eval::acceptance_seed;
use super::report::keep;
use super::train::{Finished, Plan};
use anyhow::anyhow;
use sinew_firmware_host::exit::{Failure, Outcome, failed, unusable};
use sinew_firmware_host::hil::{self, HilOptions, HilReport};
use sinew_firmware_host::link::{Direction, FaultKind, FaultPlan, FaultWindow};
use sinew_firmware_host::rt::RtPolicy;
use sinew_policy_runtime::image::AlignedImage;
use sinew_policy_runtime::onnx;
use sinew_sim::{Randomization, Task};
use sinew_trainer::config::{Algorithm, TrainingConfig};
use sinew_trainer::proof;
use sinew_trainer::report::{FaultLine, FlightReport, PolicyReport, RunReport, TracePoint};
use sinew_trainer::run_directory::RunDirectory;
use std::path::PathBuf;
use std::sync::Arc;

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
/// What a flight is called that lasted as long as it was meant to.
const COMPLETED: &str = "completed";
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
        let mut config = TrainingConfig::for_task(task.name(), Algorithm::Ppo).map_err(unusable)?;
        config.training.seed = self.seed;
        config.training.threads = self.threads;
        let run = match &self.out {
            Some(path) => RunDirectory::create(path),
            None => RunDirectory::create_unique("demo"),
        }
        .map_err(unusable)?;
        eprintln!("training a quadrotor to hover, under randomization, on {} threads", self.threads);
        let finished = Plan::new(task.clone(), config, run.clone())?.train(EPISODES, &Arc::default())?;
        // Nothing sets the flag that would interrupt it.
        let Finished::Whole(_, report) = finished else { return Ok(()) };

        eprintln!("proving the exported file");
        let onnx_bytes = run.read("policy.onnx").map_err(failed)?;
        let policy = prove(&onnx_bytes)?;
        eprintln!("flying for {FLIGHT_S} s over UDP, with a burst of lost frames at {} s", BURST.at_s);
        let image = onnx::load(&onnx_bytes).map_err(failed)?;
        let flight = fly(&task, &image, acceptance_seed(self.seed))?;
        run.write("flight.json", &serde_json::to_vec_pretty(&flight).map_err(failed)?).map_err(failed)?;

        let report = RunReport { policy: Some(policy), flight: Some(flight_report(&flight)), ..*report };
        keep(&run, &report)?;
        judge(&report, &flight)
    }
}

/// The checks of the report, and those on which its numbers rest: a flight that ended early may have no error to show.
fn judge(report: &RunReport, flight: &HilReport) -> Outcome {
    if flight.outcome != COMPLETED {
        return Err(failed(anyhow!("the flight did not complete: {}", flight.outcome)));
    }
    let judged = || flight.trace.iter().filter(|point| point.time_s >= 0.5 * FLIGHT_S);
    if judged().next().is_none() || judged().any(|point| !point.error.is_finite()) {
        return Err(failed(anyhow!("the flight left no position error to judge")));
    }
    if report.verdict().passed() {
        Ok(())
    } else {
        Err(failed(anyhow!("the demo's checks did not all pass: {}", report.verdict().sentence())))
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

fn fly(task: &Task, image: &AlignedImage, seed: u64) -> Result<HilReport, Failure> {
    let options = HilOptions {
        link: "udp:127.0.0.1:0".parse().map_err(unusable)?,
        duration_s: FLIGHT_S,
        seed,
        randomization: Randomization::Acceptance,
        faults: FaultPlan { faults: vec![BURST] },
        rt: RtPolicy::Try,
        early_us: 0,
        lockstep: false,
        rate_hz: None,
        log: None,
        script: hil::Script::default(),
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
        rt: flight
            .rt
            .items
            .iter()
            .map(|item| (item.name.clone(), item.asked.clone(), item.granted))
            .collect(),
        faults: flight.faults.iter().map(fault).collect(),
        trace: flight.trace.iter().map(point).collect(),
        error_rms_m: flight.error_rms,
        error_max_m: flight.error_max,
        outcome: flight.outcome.clone(),
    }
}
