//! What a run achieved, as a page to keep and as text to read at once.
//!
//! A [`RunReport`] is plain data: whoever ran something fills it in, `report.json` keeps it, and [`html::page`] and
//! [`terminal::text`] draw it. The drawings judge nothing themselves; [`RunReport::verdict`] does, so that the page, the
//! terminal and the exit code never disagree. Parts that did not happen are `None` and are left out.

mod braille;
mod chart;
pub mod compare;
mod flight;
pub mod html;
mod range_curve;
pub mod terminal;
pub(crate) mod undefined;
pub mod verdict;

pub use range_curve::{RangeCurve, RangePoint};
pub use verdict::{Check, Verdict};

use crate::evaluation::MetricSummary;
use crate::training::EvaluationPoint;
use serde::{Deserialize, Serialize};
use sinew_firmware_host::chart::{axis, number};

/// One run from training to flight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// Name of the task.
    pub task: String,
    /// Name of the algorithm.
    pub algorithm: String,
    /// The seed that everything random came from.
    pub seed: u64,
    /// Environment steps trained.
    pub steps: u64,
    /// Seconds that training took, evaluations included.
    #[serde(deserialize_with = "undefined::number")]
    pub seconds: f64,
    /// Environment steps per second, evaluations excluded.
    #[serde(deserialize_with = "undefined::number")]
    pub steps_per_s: f64,
    /// The learning curve, in order of steps.
    pub curve: Vec<EvaluationPoint>,
    /// How far the adaptive ranges came; empty where none adapted.
    #[serde(default)]
    pub ranges: Vec<RangeCurve>,
    /// How the final policy did on the ranges that it is accepted on.
    pub evaluation: Option<EvaluationReport>,
    /// The exported policy and what proves it.
    pub policy: Option<PolicyReport>,
    /// The flight in the real-time loop.
    pub flight: Option<FlightReport>,
}

/// The final policy on the task's acceptance ranges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationReport {
    /// Number of episodes.
    pub episodes: usize,
    /// Mean return.
    #[serde(deserialize_with = "undefined::number")]
    pub return_mean: f64,
    /// Standard deviation of the return over the episodes.
    #[serde(deserialize_with = "undefined::number")]
    pub return_std: f64,
    /// 95 % interval of the mean return; NaN where there was but one episode.
    #[serde(deserialize_with = "undefined::interval", default = "undefined::nothing_known")]
    pub return_interval: [f64; 2],
    /// Share of episodes that succeeded; absent where the task defines no success.
    pub success_rate: Option<f64>,
    /// 95 % interval of that share.
    #[serde(default)]
    pub success_interval: Option<[f64; 2]>,
    /// The task's metrics over the episodes.
    pub metrics: Vec<MetricSummary>,
}

/// The exported policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyReport {
    /// Size of the file.
    pub bytes: u64,
    /// Multiply-adds of one inference.
    pub multiply_adds: u64,
    /// Number of golden pairs in the file.
    pub golden_pairs: usize,
    /// Whether the runtime gave every golden output bit for bit.
    pub golden_exact: bool,
    /// The other implementation that the outputs were compared with, such as `tract 0.23`.
    pub reference: String,
    /// Largest difference to the reference, in the unit that its tolerance is stated in.
    #[serde(deserialize_with = "undefined::number")]
    pub reference_error: f64,
    /// Time of one inference, in microseconds.
    #[serde(deserialize_with = "undefined::number")]
    pub inference_us: f64,
}

/// The policy in the real-time loop against a plant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlightReport {
    /// Length of the flight.
    #[serde(deserialize_with = "undefined::number")]
    pub duration_s: f64,
    /// `sil`, `pil` or `hil`: where the loop ran.
    pub mode: String,
    /// The link between loop and plant.
    pub link: String,
    /// Ticks per second.
    #[serde(deserialize_with = "undefined::number")]
    pub rate_hz: f64,
    /// Ticks of the loop.
    pub ticks: u64,
    /// Ticks that ended late.
    pub overruns: u64,
    /// How late the loop woke up: 50th, 99th and 99.9th percentile and maximum, in microseconds.
    #[serde(deserialize_with = "undefined::quantiles")]
    pub wake_up_us: [f64; 4],
    /// How long a tick computed: 50th, 99th and 99.9th percentile and maximum, in microseconds.
    #[serde(deserialize_with = "undefined::quantiles")]
    pub compute_us: [f64; 4],
    /// Wake-up latencies by bucket: lower edge in microseconds, in ascending order, and ticks in it.
    pub wake_up_histogram: Vec<(f64, u64)>,
    /// Allocations on the real-time thread after start.
    pub allocations: u64,
    /// Policy outputs that the supervisor limited.
    pub interventions: u64,
    /// Steps that the plant began late.
    pub plant_late: u64,
    /// Real-time privileges: which, what was asked for, whether it was granted.
    pub rt: Vec<(String, String, bool)>,
    /// Faults seen, in order of time.
    pub faults: Vec<FaultLine>,
    /// The true position error over the flight, in order of time.
    pub trace: Vec<TracePoint>,
    /// Root mean square of the true position error over the part of the flight that counts.
    #[serde(deserialize_with = "undefined::number")]
    pub error_rms_m: f64,
    /// Largest true position error over the part of the flight that counts; [`verdict::ERROR_LIMIT_M`] is the limit.
    #[serde(deserialize_with = "undefined::number")]
    pub error_max_m: f64,
    /// [`verdict::COMPLETED`], or how the flight ended instead.
    pub outcome: String,
}

/// One fault and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultLine {
    /// When it began, in seconds of the flight.
    #[serde(deserialize_with = "undefined::number")]
    pub at_s: f64,
    /// When it ended; absent where it lasted to the end of the flight.
    pub until_s: Option<f64>,
    /// What went wrong.
    pub cause: String,
    /// What the loop did about it.
    pub handling: String,
}

/// One instant of the flight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TracePoint {
    /// Seconds of the flight.
    #[serde(deserialize_with = "undefined::number")]
    pub time_s: f64,
    /// Distance between the true position and the goal, in metres.
    #[serde(deserialize_with = "undefined::number")]
    pub error_m: f64,
    /// What the robot did: obey, or act on its own.
    pub mode: String,
}

#[cfg(test)]
mod tests;
