//! What a run showed: [`HilReport`], whose keys are those of `sinew-host hil --json`.

use super::{Comparison, Flight, HilError, HilOptions, Pilot, Witnessed};
use crate::allocation::ThreadUsage;
use crate::control_loop::LoopReport;
use crate::host::{Counters, Latencies};
use crate::link::FaultCounts;
use crate::plant::{PlantReport, TracePoint};
use crate::rt::RtReport;
use crate::telemetry::LogSummary;
use crate::timing::Quantiles;
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::supervisor::{Cause, Mode, Transition};

/// A fault that was seen and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultRecord {
    /// Seconds after arming.
    pub at_s: f64,
    /// When the policy had the robot again; absent where it never did.
    pub until_s: Option<f64>,
    /// Why the policy lost its authority.
    pub cause: String,
    /// What was done.
    pub handling: String,
}

/// What a run showed. The keys are those of `sinew-host hil --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HilReport {
    /// `sil`: both ends on this machine; `pil`: the host on an emulated microcontroller; `hil`: on a board.
    pub mode: String,
    /// Whether time was virtual.
    pub lockstep: bool,
    /// The link.
    pub link: String,
    /// Host ticks a second.
    pub rate_hz: f64,
    /// Ticks from arming to the end.
    pub ticks: u64,
    /// Ticks that ended after the next deadline.
    pub overruns: u64,
    /// Deadlines without a tick.
    pub skipped: u64,
    /// From deadline to the tick's start, µs; zeros in lockstep.
    pub wake_up_us: Quantiles,
    /// From the tick's start to its end, µs; zeros in lockstep.
    pub compute_us: Quantiles,
    /// Lower edges in µs and counts.
    pub wake_up_histogram: Vec<(f64, u64)>,
    /// From a frame's departure to the arrival of the sample that echoes it, without the robot's own time, µs.
    #[serde(default)]
    pub round_trip_us: Quantiles,
    /// Lower edges in µs and counts.
    #[serde(default)]
    pub round_trip_histogram: Vec<(f64, u64)>,
    /// A bound on a sample's age when the policy uses it, µs.
    #[serde(default)]
    pub age_us: Quantiles,
    /// Lower edges in µs and counts.
    #[serde(default)]
    pub age_histogram: Vec<(f64, u64)>,
    /// Allocations, reallocations and releases on the real-time thread within ticks.
    pub allocations: u64,
    /// Page faults and involuntary switches of the real-time thread while it ticked; zeros in lockstep.
    pub thread: ThreadUsage,
    /// Commands that the supervisor had to bound.
    pub interventions: u64,
    /// The host's counters.
    pub saturated: u64,
    /// Samples that never came.
    pub missing_samples: u64,
    /// Samples that were repeated, old or of another session.
    pub rejected_samples: u64,
    /// Frames that were damaged.
    pub damaged_frames: u64,
    /// Physics steps that began late.
    pub plant_late: u64,
    /// Physics steps.
    pub plant_steps: u64,
    /// Commands that the robot refused.
    pub plant_refused: u64,
    /// How often the robot's own safe action took over.
    pub plant_expired: u64,
    /// Of all commands that the robot obeyed, the largest age of the sample behind one when it arrived, by the robot's clock, µs.
    #[serde(default)]
    pub plant_oldest_command_us: u64,
    /// What was injected.
    pub injected: FaultCounts,
    /// What was seen and how it was handled.
    pub faults: Vec<FaultRecord>,
    /// Each change of mode after arming: seconds after it by the host's clock, the mode, and why.
    pub changes: Vec<(f64, Mode, Option<Cause>)>,
    /// What the host sent, as a witness beside it saw it; zeros in real time, where watching would cost what is timed.
    pub witnessed: Witnessed,
    /// What a microcontroller sent beside what this machine would have sent; absent where none flew.
    pub microcontroller: Option<Comparison>,
    /// What was asked of the operating system and granted.
    pub rt: RtReport,
    /// What was logged; absent where there was no log.
    pub log: Option<LogSummary>,
    /// Root mean square of the true error over the second half.
    pub error_rms: f64,
    /// Largest true error over the second half.
    pub error_max: f64,
    /// True error over time.
    pub trace: Vec<TracePoint>,
    /// `completed`, or why not.
    pub outcome: String,
}

impl Flight<'_> {
    /// What `measured` and the plant's report come to.
    pub(super) fn report(
        &self,
        pilot: &Pilot,
        measured: &LoopReport,
        plant: PlantReport,
        rt: RtReport,
        options: &HilOptions,
    ) -> Result<HilReport, HilError> {
        let armed_us = pilot.armed_us.ok_or(HilError::Silent { who: "plant" })?;
        let Counters {
            ticks,
            interventions,
            saturated,
            missing_samples,
            rejected_samples,
            damaged_frames,
            ..
        } = *self.host.counters();
        let Latencies { round_trip, age } = self.host.latencies();
        let settled = plant.trace.iter().filter(|point| point.time_s >= 0.5 * options.duration_s);
        let errors: Vec<f64> = settled.map(|point| point.error).collect();
        let differs =
            self.microcontroller.as_ref().is_some_and(|other| other.comparison().different_ticks > 0);
        let squares: f64 = errors.iter().map(|error| error * error).sum();
        Ok(HilReport {
            mode: self.microcontroller.as_ref().map_or("sil", |other| other.mode()).to_owned(),
            microcontroller: self.microcontroller.as_ref().map(|other| other.comparison().clone()),
            lockstep: options.lockstep,
            link: options.link.to_string(),
            rate_hz: 1.0 / self.tick_period_s,
            ticks: ticks - pilot.ticks_before,
            overruns: measured.overruns,
            skipped: measured.skipped,
            wake_up_us: measured.wake_up.quantiles(),
            compute_us: measured.compute.quantiles(),
            wake_up_histogram: measured.wake_up.buckets().collect(),
            round_trip_us: round_trip.quantiles(),
            round_trip_histogram: round_trip.buckets().collect(),
            age_us: age.quantiles(),
            age_histogram: age.buckets().collect(),
            allocations: measured.allocations,
            thread: measured.usage,
            interventions,
            saturated,
            missing_samples,
            rejected_samples,
            damaged_frames,
            plant_late: plant.late,
            plant_steps: plant.steps,
            plant_refused: plant.refused,
            plant_expired: plant.expired,
            plant_oldest_command_us: plant.oldest_command_us,
            injected: self.link.inner().counts(),
            changes: changes(self.host.transitions(), armed_us),
            witnessed: self.link.seen(),
            faults: fault_records(self.host.transitions(), armed_us, self.host.has_fallback_controller()),
            rt,
            log: None,
            // NaN where nothing was measured or anything was not finite: such a flight is not judged as a precise one.
            error_rms: (squares / errors.len() as f64).sqrt(),
            error_max: if errors.is_empty() || !squares.is_finite() {
                f64::NAN
            } else {
                errors.iter().copied().fold(0.0, f64::max)
            },
            trace: plant.trace,
            outcome: match (differs, self.host.supervisor().mode(), self.host.supervisor().cause()) {
                (true, ..) => "the microcontroller sent other bytes than this machine".to_owned(),
                (false, Mode::Running, _) => "completed".to_owned(),
                (false, mode, Some(cause)) => format!("ended in {mode:?}: {cause:?}"),
                (false, mode, None) => format!("ended in {mode:?}"),
            },
        })
    }
}

/// All changes of mode but the arming itself.
fn changes(transitions: &[Transition], armed_us: u64) -> Vec<(f64, Mode, Option<Cause>)> {
    let after = transitions.iter().filter(|change| change.time_us > armed_us);
    after.map(|change| ((change.time_us - armed_us) as f64 / 1e6, change.to, change.cause)).collect()
}

/// Pairs each loss of authority with its end.
fn fault_records(transitions: &[Transition], armed_us: u64, controlled: bool) -> Vec<FaultRecord> {
    let seconds = |time_us: u64| (time_us as f64 - armed_us as f64) * 1e-6;
    let lost =
        transitions.iter().enumerate().filter_map(|(index, change)| Some((index, change, change.cause?)));
    lost.map(|(index, change, cause)| {
        let recovered = transitions[index + 1..].iter().find(|later| later.to == Mode::Running);
        let handling = match (change.to, recovered) {
            (Mode::Fallback, Some(_)) if controlled => {
                "the fallback controller took over; policy back once the cause was gone"
            }
            (Mode::Fallback, None) if controlled => "the fallback controller took over",
            (Mode::Fallback, Some(_)) => {
                "no command sent; the robot's safe action took over; policy back on fresh samples"
            }
            (Mode::Fallback, None) => "no command sent; the robot's safe action took over",
            _ => "stopped and latched; the robot's safe action took over",
        };
        FaultRecord {
            at_s: seconds(change.time_us),
            until_s: recovered.map(|later| seconds(later.time_us)),
            cause: format!("{cause:?}"),
            handling: handling.to_owned(),
        }
    })
    .collect()
}
