//! `sinew-host hil`.

use super::campaign;
use anyhow::anyhow;
use sinew_firmware_host::exit::{Outcome, failed, unusable};
use sinew_firmware_host::hil::campaign::CampaignOptions;
use sinew_firmware_host::hil::{Comparison, HilOptions, HilReport, Microcontroller, Script, run, run_on};
use sinew_firmware_host::link::{FaultPlan, LinkAddress};
use sinew_firmware_host::release::load_policy;
use sinew_firmware_host::rt::RtPolicy;
use sinew_policy_runtime::document;
use sinew_sim::{Randomization, Task};
use std::path::PathBuf;

/// Fly a policy against its simulated robot over a real link and judge the loop.
#[derive(clap::Args)]
pub(crate) struct Hil {
    /// policy.onnx or policy.img.
    policy: PathBuf,
    /// A built-in task, or the path of a task.toml.
    #[arg(long)]
    task: String,
    /// Fly only a policy whose signature beside it, POLICY.sig, fits this public key.
    #[arg(long, value_name = "KEY.pub")]
    require_signature: Option<PathBuf>,
    /// udp:HOST:PORT on loopback, unix:PATH, pty or inproc; port 0 takes a free one. With --microcontroller unix:PATH, at
    /// which an emulator connects, or serial:DEVICE@BAUD.
    #[arg(long, default_value = "udp:127.0.0.1:0")]
    link: LinkAddress,
    /// Virtual time: the plant owns it, and two runs give the same report.
    #[arg(long)]
    lockstep: bool,
    /// The host is a microcontroller's firmware at the other end of --link, in lockstep; every frame that it sends is compared
    /// with what this machine would send.
    #[arg(long, requires = "lockstep")]
    microcontroller: bool,
    /// The line for lockstep's exchange with a microcontroller; of unix:PATH it is unix:PATH.sync unless given.
    #[arg(long, value_name = "LINK", requires = "microcontroller")]
    sync: Option<LinkAddress>,
    /// A TOML file of faults to inject.
    #[arg(long, value_name = "F.toml")]
    faults: Option<PathBuf>,
    /// Seconds from arming to the end.
    #[arg(long, default_value_t = 10.0, value_name = "S")]
    duration: f64,
    /// Decides start state, draws, noise and faults.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Ticks a second; the policy's own rate unless given.
    #[arg(long, value_name = "HZ")]
    rate: Option<f64>,
    /// Real-time privileges.
    #[arg(long, value_enum, default_value_t = RtPolicy::Try)]
    rt: RtPolicy,
    /// Wake so many microseconds before each tick, rehearse it, so that its code and data are in the caches, and wait without
    /// sleeping; 0 sleeps until the tick is due.
    #[arg(long, default_value_t = 0, value_name = "US", conflicts_with_all = ["lockstep", "campaign"])]
    early: u32,
    /// Log every input and output of the host into a new file; with --campaign, a folder of them.
    #[arg(long, value_name = "F.mcap")]
    log: Option<PathBuf>,
    /// Draw histograms of wake-up latency, round trip and age into this folder, as SVG; in real time alone.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["lockstep", "campaign"])]
    svg: Option<PathBuf>,
    /// Fly a campaign's cases in lockstep and judge each: a TOML file, or quadrotor, which is built in.
    #[arg(long, value_name = "F.toml", conflicts_with_all = ["faults", "duration", "seed", "rt"])]
    campaign: Option<String>,
    /// Write the campaign's verdicts as XML in the form that CI services read (`JUnit`).
    #[arg(long, value_name = "F.xml", requires = "campaign")]
    junit: Option<PathBuf>,
    /// Print one JSON object on the last line of stdout.
    #[arg(long)]
    json: bool,
}

impl Hil {
    pub(crate) fn run(self) -> Outcome {
        if !(self.duration > 0.0 && self.duration <= 3600.0) {
            return Err(unusable(anyhow!(
                "--duration is {}, expected above 0 and at most 3600 s",
                self.duration
            )));
        }
        let task = Task::load(&self.task).map_err(unusable)?;
        let image = load_policy(&self.policy, self.require_signature.as_deref()).map_err(unusable)?;
        let mut microcontroller = if self.microcontroller {
            Some(Microcontroller::open(&self.link, self.sync.as_ref()).map_err(unusable)?)
        } else {
            None
        };
        if let Some(name) = &self.campaign {
            let options = CampaignOptions { link: self.link, rate_hz: self.rate, logs: self.log };
            let microcontroller = microcontroller.as_mut();
            return campaign::run(
                name,
                microcontroller,
                &task,
                &image,
                &options,
                self.junit.as_deref(),
                self.json,
            );
        }
        let faults = match &self.faults {
            None => FaultPlan::default(),
            Some(path) => {
                let text = document::read(path).map_err(unusable)?;
                FaultPlan::parse(&text, &path.display().to_string()).map_err(unusable)?
            }
        };
        let options = HilOptions {
            link: self.link,
            duration_s: self.duration,
            seed: self.seed,
            randomization: Randomization::Acceptance,
            faults,
            rt: self.rt,
            early_us: self.early,
            lockstep: self.lockstep,
            rate_hz: self.rate,
            log: self.log,
            script: Script::default(),
        };
        let flown = match &mut microcontroller {
            None => run(&task, &image, &options),
            Some(microcontroller) => run_on(microcontroller, &task, &image, &options),
        };
        let report =
            flown.map_err(|error| if error.is_unusable() { unusable(error) } else { failed(error) })?;
        print(&report);
        if let Some(folder) = &self.svg {
            report.write_histograms(folder).map_err(|error| {
                failed(anyhow!("cannot write histograms into {}: {error}", folder.display()))
            })?;
        }
        if self.json {
            println!("{}", serde_json::to_string(&report).map_err(failed)?);
        }
        if report.outcome == "completed" { Ok(()) } else { Err(failed(anyhow!("{}", report.outcome))) }
    }
}

/// What a comparison with a microcontroller found, for people.
pub(super) fn told_comparison(commands: u64, frames: u64, different_ticks: u64) -> String {
    format!(
        "{commands} actuator commands and {} other frames of the microcontroller are bit-identical to this machine's; \
         they differ in {different_ticks} ticks",
        frames - commands
    )
}

fn print(report: &HilReport) {
    let time = if report.lockstep { "lockstep" } else { "real time" };
    eprintln!("{} over {} in {time}, {:.0} Hz: {}", report.mode, report.link, report.rate_hz, report.outcome);
    eprintln!("ticks         {} ({} overruns, {} skipped)", report.ticks, report.overruns, report.skipped);
    for (name, quantiles) in [
        ("wake-up us", report.wake_up_us),
        ("compute us", report.compute_us),
        ("round trip us", report.round_trip_us),
        ("age us", report.age_us),
    ] {
        let (p50, p99, p999, max) = (quantiles.p50, quantiles.p99, quantiles.p999, quantiles.max);
        eprintln!("{name:<13} p50 {p50:.0}  p99 {p99:.0}  p99.9 {p999:.0}  max {max:.0}");
    }
    eprintln!("allocations   {}   interventions {}", report.allocations, report.interventions);
    eprintln!("thread        {}", report.thread);
    if let Some(log) = &report.log {
        eprintln!("log           {} messages, {} dropped", log.messages, log.dropped);
    }
    eprintln!(
        "plant         {} steps, {} late, {} expired commands",
        report.plant_steps, report.plant_late, report.plant_expired
    );
    eprintln!(
        "error         rms {:.3}, largest {:.3} over the second half",
        report.error_rms, report.error_max
    );
    if let Some(found) = &report.microcontroller {
        let Comparison { same_frames, same_commands, different_ticks, first_difference } = found;
        eprintln!("compared      {}", told_comparison(*same_commands, *same_frames, *different_ticks));
        if let Some(difference) = first_difference {
            eprintln!("              {difference}");
        }
    }
    for item in &report.rt.items {
        let answer = if item.granted { "granted".to_owned() } else { format!("refused: {}", item.detail) };
        eprintln!("real time     {:<16} {:<18} {answer}", item.name, item.asked);
    }
    for fault in &report.faults {
        let until = fault.until_s.map_or_else(|| "end".to_owned(), |time| format!("{time:.3} s"));
        eprintln!("fault         {:.3} s to {until}: {}; {}", fault.at_s, fault.cause, fault.handling);
    }
}
