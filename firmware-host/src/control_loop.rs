//! Ticks at absolute deadlines.
//!
//! A tick that ends late makes the next one wait for the next deadline on the same grid: phase is kept, and what was
//! skipped is counted rather than made up for. Everything that is measured is measured on the loop's own thread.

use crate::allocation::{self, ThreadUsage, thread_usage};
use crate::host::Host;
use crate::link::Link;
use crate::rt::{monotonic_ns, sleep_until_ns};
use crate::telemetry::{Recorder, Timing};
use crate::timing::Histogram;
use sinew_policy_runtime::supervisor::Request;

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
    /// Allocations, reallocations and releases within ticks.
    pub allocations: u64,
    /// Page faults and involuntary switches of the loop's thread, from its first deadline to its end.
    pub usage: ThreadUsage,
}

/// Ticks the host every `period_ns` until `direct` says to finish, and logs with `recorder`.
///
/// `direct` is asked before every tick with the time since the start in µs; it must be as quick as a tick and must not
/// allocate.
pub fn run(
    host: &mut Host,
    link: &mut dyn Link,
    recorder: &mut Recorder,
    period_ns: u64,
    mut direct: impl FnMut(u64, &Host) -> Directive,
) -> LoopReport {
    let mut report = LoopReport::default();
    let usage = thread_usage();
    let mut deadline_ns = monotonic_ns() + period_ns;
    // The log's time and the host's are one.
    let start_ns = recorder.origin_ns().unwrap_or(deadline_ns - period_ns);
    loop {
        sleep_until_ns(deadline_ns);
        let allocations = allocation::count();
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
    fn after_an_overrun_the_next_deadline_lies_on_the_same_grid_and_ahead() {
        let (period_ns, deadline_ns) = (1000, 5000);
        for (now_ns, missed) in [(4_999, 0), (5_000, 0), (5_001, 1), (6_000, 1), (6_001, 2), (9_500, 5)] {
            assert_eq!(missed_deadlines(now_ns, deadline_ns, period_ns), missed, "at {now_ns}");
            assert!(deadline_ns + missed * period_ns >= now_ns);
        }
    }
}
