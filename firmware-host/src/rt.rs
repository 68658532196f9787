//! Asks the operating system for what a real-time thread needs, and reports what it granted.
//!
//! [`prepare_thread`] asks for each thing on its own and goes on after a refusal: a loop without one privilege is measurably
//! worse, not useless, and a figure without the list of what was granted means nothing. [`RtPolicy::Strict`] turns any
//! refusal into an error, for robots.

use rustix::mm::MlockAllFlags;
use rustix::thread::{ClockId, CpuSet, Timespec};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::io::{self, Write};
use std::num::NonZeroU64;

/// Above the kernel's interrupt threads, which have 50, and below its watchdogs, which have 99.
const PRIORITY: i32 = 80;
/// Of the stack, touched in advance: several times what a tick uses.
const PREFAULTED_STACK_BYTES: usize = 256 * 1024;
const PAGE_BYTES: usize = 4096;
const CPU_DMA_LATENCY: &str = "/dev/cpu_dma_latency";

/// What to do where the operating system refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum RtPolicy {
    /// Ask for nothing.
    Off,
    /// Ask, report refusals, and go on.
    #[default]
    Try,
    /// Ask, and fail where anything is refused.
    Strict,
}

/// One thing that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RtItem {
    /// Such as `scheduler`.
    pub name: String,
    /// Such as `SCHED_FIFO, priority 80`.
    pub asked: String,
    /// Whether it was granted.
    pub granted: bool,
    /// Why it was refused and what would help; empty where it was granted.
    pub detail: String,
}

/// What was asked for and granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RtReport {
    /// What was to be done about refusals.
    pub policy: RtPolicy,
    /// In the order in which they were asked for.
    pub items: Vec<RtItem>,
}

/// Why a thread was not prepared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RtError {
    /// [`RtPolicy::Strict`], and something was refused.
    #[error("real-time setup refused: {}", list(.refused))]
    Refused {
        /// All that was refused.
        refused: Vec<RtItem>,
    },
    /// A prepared thread panicked.
    #[error("the measuring thread panicked")]
    Panicked,
}

/// Holds what ends with its owner: locked memory and the processor's wake-up latency. Scheduling, affinity and timer slack
/// belong to the thread and end with it.
#[derive(Debug, Default)]
#[must_use = "memory is unlocked and deep sleep allowed again when this is dropped"]
pub struct RtGuard {
    locked_memory: bool,
    /// The request holds for as long as the file is open.
    _cpu_dma_latency: Option<File>,
}

impl Drop for RtGuard {
    fn drop(&mut self) {
        if self.locked_memory {
            // It cannot fail for memory that was locked, and nothing could be done if it did.
            let _ = rustix::mm::munlockall();
        }
    }
}

/// Prepares the calling thread for a control loop, on `core` where one is given.
///
/// Memory is locked for the whole process, later allocations included, until the guard is dropped: prepare one thread
/// of a process, after its buffers exist.
///
/// # Errors
/// With [`RtPolicy::Strict`], all that was refused; the thread keeps what was granted before.
pub fn prepare_thread(policy: RtPolicy, core: Option<usize>) -> Result<(RtReport, RtGuard), RtError> {
    match policy {
        RtPolicy::Off => Ok((RtReport { policy, items: Vec::new() }, RtGuard::default())),
        RtPolicy::Try | RtPolicy::Strict => judge(policy, ask(PRIORITY, core)),
    }
}

/// Whether what was granted is enough.
fn judge(policy: RtPolicy, (items, guard): (Vec<RtItem>, RtGuard)) -> Result<(RtReport, RtGuard), RtError> {
    let refused: Vec<RtItem> = items.iter().filter(|item| !item.granted).cloned().collect();
    if policy == RtPolicy::Strict && !refused.is_empty() {
        return Err(RtError::Refused { refused });
    }
    Ok((RtReport { policy, items }, guard))
}

/// Asks for everything. The scheduler comes last, so that the rest is done at normal priority.
fn ask(priority: i32, core: Option<usize>) -> (Vec<RtItem>, RtGuard) {
    let mut items: Vec<RtItem> = core.map(pin).into_iter().collect();
    let slack = rustix::thread::set_current_timer_slack(NonZeroU64::new(1)).map_err(io::Error::from);
    items.push(RtItem::new("timer_slack", "1 ns", &slack, ""));
    let locked =
        rustix::mm::mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE).map_err(io::Error::from);
    let remedy = "needs CAP_IPC_LOCK or a sufficient RLIMIT_MEMLOCK (ulimit -l)";
    items.push(RtItem::new("locked_memory", "mlockall, current and future", &locked, remedy));
    prefault_stack();
    let stack = format!("{} KiB", PREFAULTED_STACK_BYTES / 1024);
    items.push(RtItem::new("prefaulted_stack", &stack, &Ok(()), ""));
    let latency = forbid_deep_sleep();
    let remedy = format!("needs write access to {CPU_DMA_LATENCY}");
    items.push(RtItem::new("cpu_dma_latency", "0 us", &latency, &remedy));
    let scheduled = set_scheduler(libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, priority);
    let remedy = "needs CAP_SYS_NICE or a sufficient RLIMIT_RTPRIO (ulimit -r)";
    items.push(RtItem::new("scheduler", &format!("SCHED_FIFO, priority {priority}"), &scheduled, remedy));
    (items, RtGuard { locked_memory: locked.is_ok(), _cpu_dma_latency: latency.ok() })
}

/// Confines the calling thread to `core`. For threads beside the control loop, such as a simulated robot's, which keep the
/// normal scheduler: what a prepared thread starts does not inherit its priority.
pub fn pin(core: usize) -> RtItem {
    let pinned = if core < CpuSet::MAX_CPU {
        let mut set = CpuSet::new();
        set.set(core);
        rustix::thread::sched_setaffinity(None, &set).map_err(io::Error::from)
    } else {
        Err(io::ErrorKind::InvalidInput.into())
    };
    let remedy = format!("this thread may use the cores {:?}", allowed_cores());
    RtItem::new("affinity", &format!("core {core}"), &pinned, &remedy)
}

/// The cores that the calling thread may run on; a thread that is pinned has one.
pub fn allowed_cores() -> Vec<usize> {
    // It fails on machines with more cores than the set holds alone; core 0 always exists.
    let Ok(set) = rustix::thread::sched_getaffinity(None) else { return vec![0] };
    (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
}

/// A core for a host and another for the plant beside it, where the calling thread may use two: the first and the last.
pub fn separate_cores() -> Option<[usize; 2]> {
    match allowed_cores()[..] {
        [first, .., last] => Some([first, last]),
        _ => None,
    }
}

/// How many cores the calling thread may run on.
pub fn cores() -> usize {
    allowed_cores().len()
}

/// `CLOCK_MONOTONIC`, ns.
pub fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(ClockId::Monotonic);
    // The clock counts from boot, so it is never negative and reaches 2^64 ns after 584 years.
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Sleeps until `CLOCK_MONOTONIC` reaches `deadline`, ns; returns at once where that has passed.
///
/// The deadline is absolute, so a sleep that a signal interrupts goes on without drift.
pub fn sleep_until_ns(deadline: u64) {
    let until =
        Timespec { tv_sec: (deadline / 1_000_000_000) as i64, tv_nsec: (deadline % 1_000_000_000) as _ };
    // Every time is valid here, so an interruption is the only failure.
    while rustix::thread::clock_nanosleep_absolute(ClockId::Monotonic, &until) == Err(rustix::io::Errno::INTR)
    {
    }
}

impl RtItem {
    fn new<T>(name: &str, asked: &str, result: &io::Result<T>, remedy: &str) -> Self {
        let detail = match result {
            Ok(_) => String::new(),
            Err(error) if remedy.is_empty() => error.to_string(),
            Err(error) => format!("{error}; {remedy}"),
        };
        Self { name: name.to_owned(), asked: asked.to_owned(), granted: result.is_ok(), detail }
    }
}

fn list(refused: &[RtItem]) -> String {
    let each = refused.iter().map(|item| format!("{} ({}): {}", item.name, item.asked, item.detail));
    each.collect::<Vec<_>>().join("; ")
}

/// Touches the stack's pages below the caller, so that no tick is the first to use one.
#[inline(never)]
#[allow(clippy::large_stack_arrays, reason = "the stack is what is to be touched")]
fn prefault_stack() {
    let mut stack = [0_u8; PREFAULTED_STACK_BYTES];
    for page in stack.chunks_mut(PAGE_BYTES) {
        page[0] = black_box(1);
    }
    black_box(&stack);
}

/// Keeps the processor out of sleep states that take long to leave, for as long as the file is open.
fn forbid_deep_sleep() -> io::Result<File> {
    let mut device = OpenOptions::new().write(true).open(CPU_DMA_LATENCY)?;
    device.write_all(&0_i32.to_ne_bytes())?;
    Ok(device)
}

/// Sets the calling thread's scheduling policy and priority.
#[allow(unsafe_code, reason = "rustix has no sched_setscheduler")]
fn set_scheduler(policy: i32, priority: i32) -> io::Result<()> {
    // The system call itself, because musl's wrapper always refuses.
    let parameters = [priority];
    // SAFETY: the kernel reads one `sched_param`, which is one int, through a pointer that is valid during the call; thread
    // 0 is the caller.
    let result = unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, policy, parameters.as_ptr()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs on a thread of its own, because what is set stays with the thread.
    fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        std::thread::spawn(work).join().unwrap()
    }

    #[test]
    fn off_asks_for_nothing() {
        let (report, guard) = prepare_thread(RtPolicy::Off, Some(0)).unwrap();
        assert_eq!(report, RtReport { policy: RtPolicy::Off, items: Vec::new() });
        drop(guard);
    }

    #[test]
    fn try_reports_each_thing_and_what_was_granted_holds() {
        let core = allowed_cores()[0];
        let (report, cores, slack) = on_a_thread(move || {
            let (report, _guard) = prepare_thread(RtPolicy::Try, Some(core)).unwrap();
            (report, allowed_cores(), rustix::thread::current_timer_slack().unwrap())
        });
        let names: Vec<_> = report.items.iter().map(|item| item.name.as_str()).collect();
        let expected =
            ["affinity", "timer_slack", "locked_memory", "prefaulted_stack", "cpu_dma_latency", "scheduler"];
        assert_eq!(names, expected);
        assert!(report.items.iter().all(|item| item.granted == item.detail.is_empty()), "{report:?}");
        assert!(report.items[0].granted, "{:?}", report.items[0]);
        assert_eq!(cores, [core]);
        // The kernel takes a real-time thread's slack away altogether.
        assert!(slack <= 1, "{slack}");
    }

    #[test]
    fn strict_names_all_that_was_refused_and_why() {
        let (no_priority, no_core) = (1000, CpuSet::MAX_CPU - 1);
        let error =
            on_a_thread(move || judge(RtPolicy::Strict, ask(no_priority, Some(no_core))).unwrap_err());
        let text = error.to_string();
        assert!(text.starts_with(&format!("real-time setup refused: affinity (core {no_core}): ")), "{text}");
        assert!(text.contains("this thread may use the cores ["), "{text}");
        assert!(text.contains("scheduler (SCHED_FIFO, priority 1000): Invalid argument"), "{text}");
    }

    #[test]
    fn what_a_prepared_thread_starts_has_the_normal_scheduler_and_can_be_pinned_elsewhere() {
        let allowed = allowed_cores();
        let (first, last) = (allowed[0], allowed[allowed.len() - 1]);
        let (policy, item, cores) = on_a_thread(move || {
            let _prepared = prepare_thread(RtPolicy::Try, Some(first)).unwrap();
            on_a_thread(move || (scheduler(), pin(last), allowed_cores()))
        });
        assert_eq!(policy, libc::SCHED_OTHER);
        assert!(item.granted, "{item:?}");
        assert_eq!(cores, [last]);
    }

    /// The calling thread's scheduling policy.
    #[allow(unsafe_code, reason = "rustix has no sched_getscheduler")]
    fn scheduler() -> i32 {
        // SAFETY: it takes no pointer; thread 0 is the caller.
        unsafe { libc::sched_getscheduler(0) }
    }

    #[test]
    fn a_sleep_never_ends_before_its_deadline_and_a_past_one_returns() {
        let deadline = monotonic_ns() + 2_000_000;
        sleep_until_ns(deadline);
        assert!(monotonic_ns() >= deadline);
        sleep_until_ns(0);
    }
}
