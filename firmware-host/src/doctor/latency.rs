//! Wake-up latency as a control loop would have it: the same privileges, the same sleep, one tick each millisecond.

use super::machine::Machine;
use super::{Finding, Verdict};
use crate::allocation::{ThreadUsage, thread_usage};
use crate::rt::{RtError, RtPolicy, RtReport, monotonic_ns, prepare_thread, sleep_until_ns};
use crate::timing::{Histogram, Quantiles};
use serde::{Deserialize, Serialize};

const PERIOD_NS: u64 = 1_000_000;
/// A wake-up that misses the next tick.
const LATE_US: f64 = PERIOD_NS as f64 / 1000.0;
/// Of a well-kept machine at the 99.9th percentile, µs: what kernels with `PREEMPT_RT` reach under load.
const GOOD_US: f64 = 150.0;
/// Of the core's time.
const BAD_STEAL_PERCENT: f64 = 0.1;

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// For how long, s.
    pub seconds: f64,
    /// Wake-ups.
    pub wake_ups: u64,
    /// From the deadline to the thread's running, µs.
    pub wake_up_us: Quantiles,
    /// Wake-ups that came after the next deadline.
    pub late: u64,
    /// Page faults and involuntary switches of the measuring thread.
    pub thread: ThreadUsage,
    /// Share of the core's time that a hypervisor gave to others, %; absent where the kernel does not say.
    pub steal_percent: Option<f64>,
}

/// Measures on a thread of its own, for at least one wake-up.
///
/// # Errors
/// With [`RtPolicy::Strict`], what was refused.
pub fn measure(policy: RtPolicy, core: usize, seconds: f64) -> Result<(RtReport, Latency), RtError> {
    let machine = Machine::this();
    let before = machine.cpu_time(core);
    let measured = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let (rt, _guard) = prepare_thread(policy, Some(core))?;
            Ok((rt, wake_ups((seconds * 1e9 / PERIOD_NS as f64) as u64)))
        });
        thread.join().unwrap_or(Err(RtError::Panicked))
    });
    let (rt, (histogram, late, thread)) = measured?;
    let steal_percent =
        before.zip(machine.cpu_time(core)).map(|(before, after)| after.steal_percent_since(&before));
    let (wake_ups, wake_up_us) = (histogram.len(), histogram.quantiles());
    Ok((rt, Latency { seconds, wake_ups, wake_up_us, late, thread, steal_percent }))
}

fn wake_ups(count: u64) -> (Histogram, u64, ThreadUsage) {
    let (mut histogram, mut late) = (Histogram::default(), 0);
    let usage = thread_usage();
    let mut deadline_ns = monotonic_ns() + PERIOD_NS;
    for _ in 0..count.max(1) {
        sleep_until_ns(deadline_ns);
        let late_ns = monotonic_ns() - deadline_ns;
        histogram.record_ns(late_ns);
        late += u64::from(late_ns > PERIOD_NS);
        // The grid is kept, as in the control loop.
        deadline_ns += PERIOD_NS * (1 + late_ns / PERIOD_NS);
    }
    (histogram, late, thread_usage().since(&usage))
}

impl Latency {
    pub(super) fn steal_finding(&self) -> Finding {
        let Some(percent) = self.steal_percent else {
            return Finding::new("steal_time", Verdict::Unknown, "the kernel does not say", "");
        };
        let found = format!("{percent:.2} % of the core's time");
        if percent < BAD_STEAL_PERCENT {
            Finding::good("steal_time", found)
        } else {
            let change =
                "a hypervisor takes the core away: run on a machine of its own, or pin the virtual cores";
            Finding::new("steal_time", Verdict::Bad, found, change)
        }
    }

    pub(super) fn wake_up_finding(&self) -> Finding {
        let Quantiles { p50, p999, max, .. } = self.wake_up_us;
        let found = format!(
            "p50 {p50:.0} us, p99.9 {p999:.0} us, max {max:.0} us, {} of {} after the next tick",
            self.late, self.wake_ups
        );
        let change = "see what is not good above; measure again under load for longer (--seconds 60)";
        if max > LATE_US {
            Finding::new("wake_up_latency", Verdict::Bad, found, change)
        } else if p999 > GOOD_US {
            Finding::new("wake_up_latency", Verdict::Improvable, found, change)
        } else {
            Finding::good("wake_up_latency", found)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt::allowed_cores;

    #[test]
    fn a_measurement_counts_each_wake_up_and_none_is_early() {
        let (rt, latency) = measure(RtPolicy::Off, allowed_cores()[0], 0.05).unwrap();
        assert!(rt.items.is_empty());
        assert_eq!(latency.wake_ups, 50);
        assert!(latency.wake_up_us.max > 0.0 && latency.wake_up_us.p50 <= latency.wake_up_us.max);
    }

    #[test]
    fn a_stall_and_stolen_time_are_bad() {
        let quantiles = |p999, max| Quantiles { p50: 10.0, p99: 20.0, p999, max };
        let latency = |wake_up_us, steal_percent| Latency {
            seconds: 1.0,
            wake_ups: 1000,
            wake_up_us,
            late: 0,
            thread: ThreadUsage::default(),
            steal_percent,
        };
        let quiet = latency(quantiles(60.0, 90.0), Some(0.0));
        assert_eq!([quiet.wake_up_finding().verdict, quiet.steal_finding().verdict], [Verdict::Good; 2]);
        let stalled = latency(quantiles(60.0, 12_000.0), Some(2.0));
        assert_eq!([stalled.wake_up_finding().verdict, stalled.steal_finding().verdict], [Verdict::Bad; 2]);
        let slow = latency(quantiles(400.0, 500.0), None);
        assert_eq!(slow.wake_up_finding().verdict, Verdict::Improvable);
        assert_eq!(slow.steal_finding().verdict, Verdict::Unknown);
    }
}
