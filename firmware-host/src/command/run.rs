//! `sinew-host run`.

use anyhow::anyhow;
use sinew_firmware_host::control_loop::{self, Directive, LoopReport};
use sinew_firmware_host::exit::{Failure, Outcome, failed, stopped, unusable};
use sinew_firmware_host::host::{Host, HostOptions};
use sinew_firmware_host::link::{Link, LinkAddress, PtyLink, UdpLink};
use sinew_firmware_host::robot::Robot;
use sinew_firmware_host::rt::{RtPolicy, monotonic_ns, prepare_thread};
use sinew_firmware_host::telemetry::{self, LogClock, Recorder, Start};
use sinew_policy_runtime::policy_file::load_policy;
use sinew_policy_runtime::supervisor::{Limits, Mode, Request};
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};

/// What the operator asked for last, as one byte.
const NOTHING: u8 = 0;
const ARM: u8 = 1;
const DISARM: u8 = 2;
const STOP: u8 = 3;
const QUIT: u8 = 4;

/// Run a policy on a robot. Waits for `arm` on stdin; takes `stop`, `disarm` and `quit`.
#[derive(clap::Args)]
pub(crate) struct Run {
    /// policy.onnx or policy.img.
    policy: PathBuf,
    /// The robot's description.
    #[arg(long)]
    robot: String,
    /// udp:HOST:PORT (connects) or pty:PATH.
    #[arg(long)]
    link: LinkAddress,
    /// Ticks a second; the policy's own rate unless given.
    #[arg(long, value_name = "HZ")]
    rate: Option<f64>,
    /// Real-time privileges.
    #[arg(long, value_enum, default_value_t = RtPolicy::Try)]
    rt: RtPolicy,
    /// The core of the control loop; any unless given.
    #[arg(long, value_name = "N")]
    core: Option<usize>,
    /// Log every input and output into a new file.
    #[arg(long, value_name = "F.mcap")]
    log: Option<PathBuf>,
}

impl Run {
    pub(crate) fn run(self) -> Outcome {
        let robot = Robot::load(&self.robot).map_err(unusable)?;
        let image = load_policy(&self.policy).map_err(unusable)?;
        let view = image.image().map_err(unusable)?;
        let contract = view
            .contract()
            .map_err(unusable)?
            .ok_or_else(|| unusable(anyhow!("{} has no contract", self.policy.display())))?;
        let tick_period_s = self.rate.map_or(contract.periods.policy_period_s, |rate| 1.0 / rate);
        let options = HostOptions {
            session: monotonic_ns() | 1,
            tick_period_s,
            goal: contract.commands.iter().flat_map(|command| command.safe_value.iter().copied()).collect(),
            limits: Limits::default(),
        };
        let mut host = Host::new(view, &contract, &robot, options).map_err(unusable)?;
        let mut link = open(&self.link)?;
        let (mut recorder, log) = match &self.log {
            None => (Recorder::off(), None),
            Some(path) => {
                let start = Start::new(&view, &robot, &host, LogClock::RealTime).map_err(unusable)?;
                let (recorder, log) = telemetry::start(path, start, &robot, &host).map_err(unusable)?;
                (recorder, Some(log))
            }
        };
        let request = AtomicU8::new(NOTHING);
        eprintln!("ready: type arm, stop, disarm or quit");
        let flown = std::thread::scope(|scope| {
            // Ends with `quit` or with stdin, which also end the loop.
            let reader = &request;
            scope.spawn(move || read_requests(reader));
            let flight =
                scope.spawn(|| self.fly(&mut host, &mut *link, &mut recorder, tick_period_s, &request));
            flight.join().unwrap_or_else(|_| Err(failed(anyhow!("the control loop panicked"))))
        });
        let logged = log.map(|log| log.finish(recorder)).transpose();
        flown?;
        if let Some(summary) = logged.map_err(failed)? {
            eprintln!("logged {} messages, {} dropped", summary.messages, summary.dropped);
        }
        Ok(())
    }

    fn fly(
        &self,
        host: &mut Host,
        link: &mut dyn Link,
        recorder: &mut Recorder,
        tick_period_s: f64,
        request: &AtomicU8,
    ) -> Outcome {
        let (rt, _guard) = prepare_thread(self.rt, self.core).map_err(unusable)?;
        for item in rt.items.iter().filter(|item| !item.granted) {
            eprintln!("not granted: {} ({}): {}", item.name, item.asked, item.detail);
        }
        let mut quitting = false;
        let period_ns = (tick_period_s * 1e9).round() as u64;
        let report = control_loop::run(host, link, recorder, period_ns, |_, _| {
            if quitting {
                return Directive::Finish;
            }
            match request.swap(NOTHING, Ordering::Relaxed) {
                ARM => Directive::Tick(Some(Request::Arm)),
                DISARM => Directive::Tick(Some(Request::Disarm)),
                STOP => Directive::Tick(Some(Request::Stop)),
                QUIT => {
                    // The robot is told before the loop ends.
                    quitting = true;
                    Directive::Tick(Some(Request::Disarm))
                }
                _ => Directive::Tick(None),
            }
        });
        for change in host.transitions() {
            let cause = change.cause.map_or_else(String::new, |cause| format!(" ({cause:?})"));
            eprintln!("{:.3} s  {:?} -> {:?}{cause}", change.time_us as f64 * 1e-6, change.from, change.to);
        }
        let LoopReport { ticks, overruns, skipped, allocations, usage, .. } = report;
        eprintln!("{ticks} ticks, {overruns} overruns, {skipped} skipped, {allocations} allocations");
        eprintln!("{usage}");
        let safety = host.transitions().iter().rev().find(|change| change.to == Mode::Stopped);
        match safety.and_then(|change| change.cause) {
            Some(cause) => Err(stopped(anyhow!("stopped by a safety fault: {cause:?}"))),
            None => Ok(()),
        }
    }
}

fn open(address: &LinkAddress) -> Result<Box<dyn Link>, Failure> {
    Ok(match address {
        LinkAddress::Udp(address) => Box::new(UdpLink::connect(*address).map_err(unusable)?),
        LinkAddress::Pty(Some(path)) => Box::new(PtyLink::attach(path).map_err(unusable)?),
        other => {
            return Err(unusable(anyhow!("a host connects to udp:HOST:PORT or pty:PATH, not to {other}")));
        }
    })
}

fn read_requests(request: &AtomicU8) {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let asked = match line.trim() {
            "arm" => ARM,
            "disarm" => DISARM,
            "stop" => STOP,
            "quit" => QUIT,
            other => {
                eprintln!("{other:?}: expected arm, disarm, stop or quit");
                continue;
            }
        };
        request.store(asked, Ordering::Relaxed);
        if asked == QUIT {
            return;
        }
    }
    // Nobody can stop a robot whose operator is gone.
    request.store(QUIT, Ordering::Relaxed);
}
