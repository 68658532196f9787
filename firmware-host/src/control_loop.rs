//! Ticks at absolute deadlines.
//!
//! A tick that ends late makes the next one wait for the next deadline on the same grid: phase is kept, and what was
//! skipped is counted rather than made up for. Everything that is measured is measured on the loop's own thread.

use crate::allocation::{self, ThreadUsage, thread_usage};
use crate::host::{Host, Rehearsal};
use crate::link::Link;
use crate::rt::{monotonic_ns, sleep_until_ns};
use crate::telemetry::{Recorder, Timing};
use crate::timing::Histogram;
use sinew_policy_runtime::supervisor::Request;

/// When a loop ticks, and how it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    period_ns: u64,
    early_ns: u64,
}

/// A loop cannot wake so early.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("waking {early_us} us before each deadline, expected at most half of the tick's {period_us} us")]
pub struct EarlyError {
    /// Asked for, µs.
    early_us: u32,
    /// The tick's, µs.
    period_us: f64,
}

impl Pace {
    /// A tick every `period_s`. The loop wakes `early_us` before each deadline, plays the tick to a [`Rehearsal`], and waits
    /// without sleeping; at 0 it sleeps until the deadline.
    ///
    /// # Errors
    /// More than half of the period would be spent awake.
    pub fn new(period_s: f64, early_us: u32) -> Result<Self, EarlyError> {
        let (period_ns, early_ns) = ((period_s * 1e9).round() as u64, u64::from(early_us) * 1000);
        if early_ns > period_ns / 2 {
            return Err(EarlyError { early_us, period_us: period_s * 1e6 });
        }
        Ok(Self { period_ns, early_ns })
    }
}

/// Waits for a loop's deadlines, and rehearses its ticks where it wakes early.
pub struct Waiting<'a> {
    early_ns: u64,
    rehearsal: Option<Rehearsal<'a>>,
}

impl<'a> Waiting<'a> {
    /// For this host.
    pub fn new(pace: Pace, host: &Host<'a>) -> Self {
        let rehearsal = (pace.early_ns > 0).then(|| Rehearsal::new(host));
        Self { early_ns: pace.early_ns, rehearsal }
    }

    /// Until the deadline of a tick at `tick_us`. Allocates nothing.
    pub fn wait(&mut self, deadline_ns: u64, host: &Host, tick_us: u64) {
        sleep_until_ns(deadline_ns - self.early_ns);
        let Some(rehearsal) = &mut self.rehearsal else { return };
        if monotonic_ns() < deadline_ns {
            rehearsal.play(host, tick_us);
        }
        while monotonic_ns() < deadline_ns {
            std::hint::spin_loop();
        }
    }
}

/// What the loop is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directive {
    /// A tick, with what an operator asks for.
    Tick(Option<Request>),
    /// End.
    Finish,
}

/// What the loop measured.
#[derive(Clone, Debug, Default)]
pub struct LoopReport {
    /// Ticks.
    pub ticks: u64,
    /// Ticks that ended after the next deadline.
    pub overruns: u64,
    /// Deadlines that passed without a tick.
    pub skipped: u64,
    /// From deadline to the tick's start.
    pub wake_up: Histogram,
    /// From the tick's start to its end.
    pub compute: Histogram,
    /// Allocations, reallocations and releases, from each wait for a deadline to the end of its tick.
    pub allocations: u64,
    /// Page faults and involuntary switches of the loop's thread, from its first deadline to its end.
    pub usage: ThreadUsage,
}

/// Ticks the host at its `pace` until `direct` says to finish, and logs with `recorder`.
///
/// `direct` is asked before every tick with the time since the start in µs; it must be as quick as a tick and must not
/// allocate.
pub fn run<'a>(
    host: &mut Host<'a>,
    link: &mut dyn Link,
    recorder: &mut Recorder,
    pace: Pace,
    mut direct: impl FnMut(u64, &Host<'a>) -> Directive,
) -> LoopReport {
    let mut report = LoopReport::default();
    let mut waiting = Waiting::new(pace, host);
    let period_ns = pace.period_ns;
    let usage = thread_usage();
    let mut deadline_ns = monotonic_ns() + period_ns;
    // The log's time and the host's are one.
    let start_ns = recorder.origin_ns().unwrap_or(deadline_ns - period_ns);
    loop {
        let allocations = allocation::count();
        waiting.wait(deadline_ns, host, (deadline_ns - start_ns) / 1000);
        let begun_ns = monotonic_ns();
        let now_us = (begun_ns - start_ns) / 1000;
        let Directive::Tick(request) = direct(now_us, host) else { break };
        recorder.tick(host, link, now_us, request);
        let (wake_up_ns, compute_ns) = (begun_ns - deadline_ns, monotonic_ns() - begun_ns);
        deadline_ns += period_ns;
        let skipped = missed_deadlines(monotonic_ns(), deadline_ns, period_ns);
        recorder.end_tick(host, Timing { wake_up_ns, compute_ns, skipped });
        report.ticks += 1;
        report.wake_up.record_ns(wake_up_ns);
        report.compute.record_ns(compute_ns);
        if skipped > 0 {
            report.overruns += 1;
            report.skipped += skipped;
            deadline_ns += skipped * period_ns;
            host.report_overrun();
        }
        report.allocations += allocation::count() - allocations;
    }
    report.usage = thread_usage().since(&usage);
    report
}

/// How many deadlines have passed at `now_ns`, the first of which is at `deadline_ns`; one that is now is not missed.
fn missed_deadlines(now_ns: u64, deadline_ns: u64, period_ns: u64) -> u64 {
    now_ns.saturating_sub(deadline_ns).div_ceil(period_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_awake_for_half_of_its_time_at_most() {
        assert_eq!(Pace::new(0.001, 500), Ok(Pace { period_ns: 1_000_000, early_ns: 500_000 }));
        let refused = Pace::new(0.001, 501).unwrap_err().to_string();
        assert!(refused.contains("501 us") && refused.contains("1000 us"), "{refused}");
    }

    #[test]
    fn after_an_overrun_the_next_deadline_lies_on_the_same_grid_and_ahead() {
        let (period_ns, deadline_ns) = (1000, 5000);
        for (now_ns, missed) in [(4_999, 0), (5_000, 0), (5_001, 1), (6_000, 1), (6_001, 2), (9_500, 5)] {
            assert_eq!(missed_deadlines(now_ns, deadline_ns, period_ns), missed, "at {now_ns}");
            assert!(deadline_ns + missed * period_ns >= now_ns);
        }
    }
}
