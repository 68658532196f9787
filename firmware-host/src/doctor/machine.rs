//! What the kernel's files say of a machine, with a root of their own, so that any machine can be examined in a test.

use super::{Finding, Verdict};
use std::path::{Path, PathBuf};

/// Leaving a sleep state that takes longer costs a tick, µs.
const LONG_EXIT_US: u64 = 10;
/// Bits of `CapEff`.
const CAP_IPC_LOCK: u32 = 14;
const CAP_SYS_NICE: u32 = 23;
/// What the control loop asks for.
const PRIORITY: u64 = 80;

/// A machine's `/proc` and `/sys`.
#[derive(Clone, Debug)]
pub struct Machine {
    root: PathBuf,
}

/// How a core has spent its time since boot, in the kernel's ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTime {
    total: u64,
    steal: u64,
}

impl CpuTime {
    /// Stolen by a hypervisor since an earlier reading, %.
    pub fn steal_percent_since(&self, earlier: &Self) -> f64 {
        let total = self.total.saturating_sub(earlier.total);
        if total == 0 { 0.0 } else { 100.0 * self.steal.saturating_sub(earlier.steal) as f64 / total as f64 }
    }
}

impl Machine {
    /// The one that this runs on.
    pub fn this() -> Self {
        Self::at("/")
    }

    /// One whose files lie below `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// How `core` has spent its time, if the kernel says.
    pub fn cpu_time(&self, core: usize) -> Option<CpuTime> {
        let text = self.read("proc/stat")?;
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("cpu{core} ")))?;
        // User, nice, system, idle, waiting, interrupts, soft interrupts, steal; guests are counted as users already.
        let ticks: Vec<u64> = line.split_whitespace().take(8).map_while(|word| word.parse().ok()).collect();
        Some(CpuTime { total: ticks.iter().sum(), steal: *ticks.get(7)? })
    }

    /// All that can be said without measuring.
    pub fn findings(&self, core: usize) -> Vec<Finding> {
        vec![
            self.kernel(),
            self.virtual_machine(),
            self.clock_source(),
            self.throttling(),
            self.fair_server(core),
            self.realtime_group(),
            self.limit("locked_memory_limit", "Max locked memory", CAP_IPC_LOCK, "memlock", u64::MAX),
            self.limit("priority_limit", "Max realtime priority", CAP_SYS_NICE, "rtprio", PRIORITY),
            self.governor(core),
            self.sleep_states(core),
            self.siblings(core),
            self.isolation(core),
            self.interrupts(core),
        ]
    }

    fn read(&self, path: &str) -> Option<String> {
        Some(std::fs::read_to_string(self.root.join(path)).ok()?.trim().to_owned())
    }

    fn read_of_core(&self, core: usize, path: &str) -> Option<String> {
        self.read(&format!("sys/devices/system/cpu/cpu{core}/{path}"))
    }

    /// Names in a folder, in order.
    fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.root.join(folder)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn kernel(&self) -> Finding {
        let release = self.read("proc/sys/kernel/osrelease").unwrap_or_default();
        let version = self.read("proc/sys/kernel/version").unwrap_or_default();
        let found = format!("{release} {version}");
        if version.contains("PREEMPT_RT") {
            return Finding::good("kernel", found);
        }
        let change = if version.contains("PREEMPT_DYNAMIC") {
            "boot a kernel with PREEMPT_RT; until then the boot parameter preempt=full helps"
        } else {
            "boot a kernel with PREEMPT_RT: without it, kernel code can hold a real-time thread up for milliseconds"
        };
        Finding::new("kernel", Verdict::Improvable, found, change)
    }

    fn virtual_machine(&self) -> Finding {
        let cpu = self.read("proc/cpuinfo").unwrap_or_default();
        let flags = cpu.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
        if flags.split_whitespace().any(|flag| flag == "hypervisor") {
            let change = "a hypervisor decides when a core runs; measure and fly on a machine of its own";
            Finding::new("virtual_machine", Verdict::Improvable, "yes", change)
        } else {
            Finding::good("virtual_machine", "no")
        }
    }

    fn clock_source(&self) -> Finding {
        let name = "clock_source";
        let Some(found) = self.read("sys/devices/system/clocksource/clocksource0/current_clocksource") else {
            return Finding::new(name, Verdict::Unknown, "the kernel does not say", "");
        };
        if matches!(&found[..], "tsc" | "arch_sys_counter" | "kvm-clock" | "hyperv_clocksource_tsc_page") {
            Finding::good(name, found)
        } else {
            let change = "reading it takes a microsecond and a system call; the boot parameter clocksource=tsc, if stable";
            Finding::new(name, Verdict::Bad, found, change)
        }
    }

    fn throttling(&self) -> Finding {
        let name = "rt_throttling";
        let value = |file| self.read(file)?.parse::<i64>().ok();
        let (Some(runtime), Some(period)) =
            (value("proc/sys/kernel/sched_rt_runtime_us"), value("proc/sys/kernel/sched_rt_period_us"))
        else {
            return Finding::new(name, Verdict::Unknown, "the kernel does not say", "");
        };
        if runtime < 0 {
            return Finding::good(name, "off");
        }
        let found = format!("real-time threads may use {runtime} of {period} us");
        let change =
            "a loop that sleeps each tick stays below; sysctl kernel.sched_rt_runtime_us=-1 turns it off";
        let enough = 10 * runtime >= 9 * period;
        Finding::new(name, if enough { Verdict::Good } else { Verdict::Bad }, found, change)
    }

    /// Since Linux 6.12 normal threads that starve are served before real-time ones.
    fn fair_server(&self, core: usize) -> Finding {
        let name = "fair_server";
        let Some(runtime) = self.read(&format!("sys/kernel/debug/sched/fair_server/cpu{core}/runtime"))
        else {
            return Finding::new(name, Verdict::Unknown, "no debugfs, or a kernel before 6.12", "");
        };
        if runtime == "0" {
            return Finding::good(name, "off");
        }
        let found = format!("{runtime} ns of each second for normal threads that starve");
        let change = format!("echo 0 > /sys/kernel/debug/sched/fair_server/cpu{core}/runtime");
        Finding::new(name, Verdict::Improvable, found, change)
    }

    /// Kernels with `RT_GROUP_SCHED` refuse real-time priorities in a control group without a budget.
    fn realtime_group(&self) -> Finding {
        let name = "rt_group_budget";
        let groups = self.read("proc/self/cgroup").unwrap_or_default();
        let of_cpu = groups.lines().find_map(|line| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            controllers.split(',').any(|controller| controller == "cpu").then(|| path.trim_start_matches('/'))
        });
        let file = of_cpu.map(|path| Path::new("sys/fs/cgroup/cpu").join(path).join("cpu.rt_runtime_us"));
        let Some(budget) = file.as_ref().and_then(|file| self.read(&file.to_string_lossy())) else {
            return Finding::good(name, "no budget for groups");
        };
        if budget == "0" {
            let change =
                "SCHED_FIFO is refused here: raise cpu.rt_runtime_us of this control group, or leave it";
            Finding::new(name, Verdict::Bad, "0 us", change)
        } else {
            Finding::good(name, format!("{budget} us"))
        }
    }

    fn has_capability(&self, bit: u32) -> bool {
        let status = self.read("proc/self/status").unwrap_or_default();
        let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        effective
            .and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok())
            .is_some_and(|set| set >> bit & 1 == 1)
    }

    fn limit(&self, name: &str, row: &str, capability: u32, item: &str, needed: u64) -> Finding {
        if self.has_capability(capability) {
            return Finding::good(name, "none: this process has the capability");
        }
        let limits = self.read("proc/self/limits").unwrap_or_default();
        let soft = limits.lines().find_map(|line| line.strip_prefix(row)?.split_whitespace().next());
        let Some(soft) = soft else {
            return Finding::new(name, Verdict::Unknown, "the kernel does not say", "");
        };
        let enough = soft == "unlimited" || soft.parse::<u64>().is_ok_and(|limit| limit >= needed);
        if enough {
            Finding::good(name, soft)
        } else {
            let wanted = if needed == u64::MAX { "unlimited".to_owned() } else { needed.to_string() };
            let change = format!("in /etc/security/limits.conf: USER - {item} {wanted}; then log in again");
            Finding::new(name, Verdict::Bad, soft, change)
        }
    }

    fn governor(&self, core: usize) -> Finding {
        let name = "frequency_governor";
        match self.read_of_core(core, "cpufreq/scaling_governor") {
            None => {
                Finding::new(name, Verdict::Unknown, "no frequency control here, as in virtual machines", "")
            }
            Some(governor) if governor == "performance" => Finding::good(name, governor),
            Some(governor) => {
                let file = format!("/sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor");
                let change =
                    format!("echo performance > {file}: a loop that sleeps looks idle and is clocked down");
                Finding::new(name, Verdict::Improvable, governor, change)
            }
        }
    }

    fn sleep_states(&self, core: usize) -> Finding {
        let name = "sleep_states";
        let folder = format!("sys/devices/system/cpu/cpu{core}/cpuidle");
        let mut deepest: Option<(u64, String)> = None;
        for state in self.names(&folder).iter().filter(|state| state.starts_with("state")) {
            let read = |file| self.read(&format!("{folder}/{state}/{file}"));
            let exit_us = read("latency").and_then(|latency| latency.parse().ok()).unwrap_or(0);
            if read("disable").as_deref() != Some("1")
                && deepest.as_ref().is_none_or(|(most, _)| exit_us >= *most)
            {
                deepest = Some((exit_us, read("name").unwrap_or_default()));
            }
        }
        match deepest {
            None => Finding::new(name, Verdict::Unknown, "the kernel does not say", ""),
            Some((exit_us, state)) if exit_us <= LONG_EXIT_US => {
                Finding::good(name, format!("{state}, {exit_us} us"))
            }
            Some((exit_us, state)) => {
                let change = "held off while /dev/cpu_dma_latency is granted to the loop (see below); else processor.max_cstate=1";
                Finding::new(
                    name,
                    Verdict::Improvable,
                    format!("{state} takes {exit_us} us to leave"),
                    change,
                )
            }
        }
    }

    fn siblings(&self, core: usize) -> Finding {
        let name = "smt_siblings";
        let Some(list) = self.read_of_core(core, "topology/thread_siblings_list") else {
            return Finding::new(name, Verdict::Unknown, "the kernel does not say", "");
        };
        let others: Vec<String> = numbers(&list)
            .into_iter()
            .filter(|other| *other != core)
            .map(|other| other.to_string())
            .collect();
        if others.is_empty() {
            return Finding::good(name, "none");
        }
        let others = others.join(", ");
        let change =
            format!("core {core} shares its units with core {others}: keep that idle, or boot with nosmt");
        Finding::new(name, Verdict::Improvable, format!("core {others}"), change)
    }

    fn isolation(&self, core: usize) -> Finding {
        let name = "isolated_core";
        let isolated = self.read("sys/devices/system/cpu/isolated").unwrap_or_default();
        if numbers(&isolated).contains(&core) {
            return Finding::good(name, format!("cores {isolated}"));
        }
        let change =
            format!("boot with isolcpus=managed_irq,domain,{core} nohz_full={core} rcu_nocbs={core}");
        Finding::new(name, Verdict::Improvable, format!("core {core} is everybody's"), change)
    }

    fn interrupts(&self, core: usize) -> Finding {
        let name = "interrupts";
        let here: Vec<String> = self
            .names("proc/irq")
            .into_iter()
            .filter(|number| number.parse::<u32>().is_ok())
            .filter(|number| {
                let list = self
                    .read(&format!("proc/irq/{number}/effective_affinity_list"))
                    .filter(|list| !list.is_empty())
                    .or_else(|| self.read(&format!("proc/irq/{number}/smp_affinity_list")));
                numbers(&list.unwrap_or_default()).contains(&core)
            })
            .collect();
        if here.is_empty() {
            return Finding::good(name, format!("none on core {core}"));
        }
        let change =
            format!("for each: echo OTHER_CORE > /proc/irq/{}/smp_affinity_list; stop irqbalance", here[0]);
        let found = format!("{} on core {core}: {}", here.len(), here.join(", "));
        Finding::new(name, Verdict::Improvable, found, change)
    }
}

/// The numbers of a kernel list such as `0-2,5`. Ranges beyond any machine are cut.
fn numbers(list: &str) -> Vec<usize> {
    const MOST: usize = 8192;
    let range = |piece: &str| {
        let (first, last) = piece.split_once('-').unwrap_or((piece, piece));
        let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        Some(first..=last.min(MOST))
    };
    list.split(',').filter_map(range).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine with these files.
    fn machine(name: &str, files: &[(&str, &str)]) -> Machine {
        let root = std::env::temp_dir().join(format!("sinew-doctor-{}-{name}", std::process::id()));
        for (path, content) in files {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        Machine::at(root)
    }

    fn verdicts(machine: &Machine, core: usize) -> Vec<(String, Verdict)> {
        let found =
            machine.findings(core).into_iter().map(|finding| (finding.name, finding.verdict)).collect();
        std::fs::remove_dir_all(&machine.root).unwrap();
        found
    }

    const WELL_KEPT: &[(&str, &str)] = &[
        ("proc/sys/kernel/osrelease", "6.12.1-rt\n"),
        ("proc/sys/kernel/version", "#1 SMP PREEMPT_RT Fri\n"),
        ("proc/cpuinfo", "processor : 0\nflags : fpu tsc\n"),
        ("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"),
        ("proc/sys/kernel/sched_rt_runtime_us", "-1\n"),
        ("proc/sys/kernel/sched_rt_period_us", "1000000\n"),
        ("sys/kernel/debug/sched/fair_server/cpu1/runtime", "0\n"),
        ("proc/self/cgroup", "0::/user.slice\n"),
        ("proc/self/status", "Name:\tsinew\nCapEff:\t0000000000000000\n"),
        (
            "proc/self/limits",
            "Max locked memory         unlimited   unlimited   bytes\nMax realtime priority     95          95\n",
        ),
        ("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "performance\n"),
        ("sys/devices/system/cpu/cpu1/cpuidle/state0/name", "POLL\n"),
        ("sys/devices/system/cpu/cpu1/cpuidle/state0/latency", "0\n"),
        ("sys/devices/system/cpu/cpu1/cpuidle/state1/name", "C6\n"),
        ("sys/devices/system/cpu/cpu1/cpuidle/state1/latency", "133\n"),
        ("sys/devices/system/cpu/cpu1/cpuidle/state1/disable", "1\n"),
        ("sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "1\n"),
        ("sys/devices/system/cpu/isolated", "1,3-4\n"),
        ("proc/irq/24/effective_affinity_list", "0\n"),
        ("proc/irq/25/smp_affinity_list", "0,2\n"),
    ];

    #[test]
    fn a_well_kept_machine_is_good_in_everything() {
        let found = verdicts(&machine("good", WELL_KEPT), 1);
        assert!(found.iter().all(|(_, verdict)| *verdict == Verdict::Good), "{found:?}");
        assert_eq!(found.len(), 13);
    }

    #[test]
    fn each_shortcoming_is_found_where_it_is() {
        let changes: &[(&str, &str, &str, Verdict)] = &[
            ("kernel", "proc/sys/kernel/version", "#1 SMP PREEMPT_DYNAMIC", Verdict::Improvable),
            ("virtual_machine", "proc/cpuinfo", "flags : fpu hypervisor", Verdict::Improvable),
            (
                "clock_source",
                "sys/devices/system/clocksource/clocksource0/current_clocksource",
                "acpi_pm",
                Verdict::Bad,
            ),
            ("rt_throttling", "proc/sys/kernel/sched_rt_runtime_us", "500000", Verdict::Bad),
            (
                "fair_server",
                "sys/kernel/debug/sched/fair_server/cpu1/runtime",
                "50000000",
                Verdict::Improvable,
            ),
            (
                "locked_memory_limit",
                "proc/self/limits",
                "Max locked memory  65536 65536 bytes\nMax realtime priority 95 95",
                Verdict::Bad,
            ),
            (
                "priority_limit",
                "proc/self/limits",
                "Max locked memory  unlimited\nMax realtime priority 0 0",
                Verdict::Bad,
            ),
            (
                "frequency_governor",
                "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor",
                "powersave",
                Verdict::Improvable,
            ),
            ("sleep_states", "sys/devices/system/cpu/cpu1/cpuidle/state1/disable", "0", Verdict::Improvable),
            (
                "smt_siblings",
                "sys/devices/system/cpu/cpu1/topology/thread_siblings_list",
                "1,5",
                Verdict::Improvable,
            ),
            ("isolated_core", "sys/devices/system/cpu/isolated", "2", Verdict::Improvable),
            ("interrupts", "proc/irq/25/smp_affinity_list", "0-3", Verdict::Improvable),
        ];
        for (name, path, content, verdict) in changes {
            let mut files: Vec<_> = WELL_KEPT.iter().filter(|(known, _)| known != path).copied().collect();
            files.push((path, content));
            let found = verdicts(&machine(name, &files), 1);
            let bad: Vec<_> = found.iter().filter(|(_, verdict)| *verdict != Verdict::Good).collect();
            assert_eq!(bad, [&((*name).to_owned(), *verdict)], "{path}");
        }
    }

    #[test]
    fn a_group_without_a_budget_and_a_capability_that_lifts_limits() {
        let mut files = WELL_KEPT.to_vec();
        files.push(("proc/self/cgroup", "3:cpu,cpuacct:/robot\n0::/\n"));
        files.push(("sys/fs/cgroup/cpu/robot/cpu.rt_runtime_us", "0\n"));
        files.push(("proc/self/status", "CapEff:\t0000000000804000\n"));
        files.push(("proc/self/limits", "Max locked memory 0\nMax realtime priority 0\n"));
        let found = verdicts(&machine("group", &files), 1);
        let bad: Vec<_> = found.iter().filter(|(_, verdict)| *verdict != Verdict::Good).collect();
        assert_eq!(bad, [&("rt_group_budget".to_owned(), Verdict::Bad)]);
    }

    #[test]
    fn a_machine_that_says_nothing_is_unknown_and_no_error() {
        let found = verdicts(&machine("silent", &[("proc/empty", "")]), 0);
        assert!(found.iter().any(|(name, verdict)| name == "clock_source" && *verdict == Verdict::Unknown));
    }

    #[test]
    fn stolen_time_is_a_share_of_the_core() {
        let stat = |steal: u64, idle: u64| {
            format!("cpu  9 9 9 9 9 9 9 9 0 0\ncpu1 10 0 10 {idle} 0 0 0 {steal} 0 0\n")
        };
        let (before, after) = (stat(0, 80), stat(5, 175));
        let read = |name: &str, text: &str| {
            let machine = machine(name, &[("proc/stat", text)]);
            let time = machine.cpu_time(1).unwrap();
            std::fs::remove_dir_all(&machine.root).unwrap();
            time
        };
        assert_eq!(read("after", &after).steal_percent_since(&read("before", &before)), 5.0);
    }

    #[test]
    fn lists_of_numbers_are_read_as_the_kernel_writes_them() {
        assert_eq!(numbers("0-2,5\n"), [0, 1, 2, 5]);
        assert_eq!(numbers(""), [0; 0]);
        assert!(numbers("0-99999999999").len() <= 8193);
    }
}
