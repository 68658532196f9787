//! Ticks at absolute deadlines.
//!
//! A tick that ends late makes the next one wait for the next deadline on the same grid: phase is kept, and what was
//! skipped is counted rather than made up for. Everything that is measured is measured on the loop's own thread.

use crate::allocation;
use crate::host::Host;
use crate::link::Link;
use crate::rt::{monotonic_ns, sleep_until_ns};
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
}

/// Ticks the host every `period_ns` until `direct` says to finish.
///
/// `direct` is asked before every tick with the time since the start in µs; it must be as quick as a tick and must not
/// allocate.
pub fn run(
    host: &mut Host,
    link: &mut dyn Link,
    period_ns: u64,
    mut direct: impl FnMut(u64, &Host) -> Directive,
) -> LoopReport {
    let mut report = LoopReport::default();
    let start_ns = monotonic_ns();
    let mut deadline_ns = start_ns + period_ns;
    loop {
        sleep_until_ns(deadline_ns);
        let allocations = allocation::count();
        let begun_ns = monotonic_ns();
        let now_us = (begun_ns - start_ns) / 1000;
        let Directive::Tick(request) = direct(now_us, host) else { return report };
        host.tick(now_us, link, request);
        let ended_ns = monotonic_ns();
        report.ticks += 1;
        report.wake_up.record_ns(begun_ns - deadline_ns);
        report.compute.record_ns(ended_ns - begun_ns);
        deadline_ns += period_ns;
        if ended_ns > deadline_ns {
            let missed = (ended_ns - deadline_ns).div_ceil(period_ns);
            report.overruns += 1;
            report.skipped += missed;
            deadline_ns += missed * period_ns;
            host.report_overrun();
        }
        report.allocations += allocation::count() - allocations;
    }
}
