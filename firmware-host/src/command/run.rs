//! `sinew-host run`.

use anyhow::anyhow;
use sinew_firmware_host::control_loop::{self, Directive, LoopReport, Pace};
use sinew_firmware_host::exit::{Failure, Outcome, failed, stopped, unusable};
use sinew_firmware_host::host::{Counters, Host, HostOptions};
use sinew_firmware_host::link::{
    Link, LinkAddress, LinkCounters, MergedLink, Traffic, fresh_nonce, open_host_end, open_robot_end,
    read_key,
};
use sinew_firmware_host::release::load_policy;
use sinew_firmware_host::robot::Robot;
use sinew_firmware_host::rt::{RtPolicy, prepare_thread};
use sinew_firmware_host::telemetry::{self, LogClock, Recorder, Start};
use sinew_firmware_host::watchdog::Watchdog;
use sinew_firmware_host::wire::message::mode_number;
use sinew_policy_runtime::contract::Contract;
use sinew_policy_runtime::image::Image;
use sinew_policy_runtime::supervisor::{Cause, Limits, Mode, Request};
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

/// What the operator asks for, as one byte. Of several before a tick the largest counts, which is the most careful one.
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
    /// udp:HOST:PORT (connects), serial:DEVICE@BAUD, unix:PATH or pty:PATH.
    #[arg(long)]
    link: LinkAddress,
    /// Run only a policy whose signature beside it, POLICY.sig, fits this public key.
    #[arg(long, value_name = "KEY.pub")]
    require_signature: Option<PathBuf>,
    /// The secret shared with the robot: authenticates datagrams, which without it stay on loopback.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The policy that commands in a fallback, where the robot's description has `controller = "policy"`.
    #[arg(long, value_name = "POLICY")]
    fallback_policy: Option<PathBuf>,
    /// Compute and log, and command nothing: the policy stays in standby.
    #[arg(long)]
    shadow: bool,
    /// A watchdog's device, such as /dev/watchdog, which gets a byte each tick while all checks pass.
    #[arg(long, value_name = "DEVICE")]
    watchdog: Option<PathBuf>,
    /// Where an operator's station connects to, with goals and requests: udp:HOST:PORT (binds), serial:DEVICE@BAUD,
    /// unix:PATH (listens) or pty (prints its path).
    #[arg(long, value_name = "LINK")]
    command: Option<LinkAddress>,
    /// The secret shared with the operator's station; another one than the robot's.
    #[arg(long, value_name = "FILE", requires = "command")]
    command_key: Option<PathBuf>,
    /// Ticks a second; the policy's own rate unless given.
    #[arg(long, value_name = "HZ")]
    rate: Option<f64>,
    /// Real-time privileges.
    #[arg(long, value_enum, default_value_t = RtPolicy::Try)]
    rt: RtPolicy,
    /// The core of the control loop; any unless given.
    #[arg(long, value_name = "N")]
    core: Option<usize>,
    /// Wake so many microseconds before each tick, rehearse it, so that its code and data are in the caches, and wait without
    /// sleeping; 0 sleeps until the tick is due.
    #[arg(long, default_value_t = 0, value_name = "US")]
    early: u32,
    /// Log every input and output into a new file.
    #[arg(long, value_name = "F.mcap")]
    log: Option<PathBuf>,
}

impl Run {
    pub(crate) fn run(self) -> Outcome {
        let robot = Robot::load(&self.robot).map_err(unusable)?;
        let image = load_policy(&self.policy, self.require_signature.as_deref()).map_err(unusable)?;
        let view = image.image().map_err(unusable)?;
        let contract = contract_of(&view, &self.policy)?;
        let tick_period_s = self.rate.map_or(contract.periods.policy_period_s, |rate| 1.0 / rate);
        let pace = Pace::new(tick_period_s, self.early).map_err(unusable)?;
        let random = fresh_nonce().map_err(unusable)?;
        let limits = robot.limits();
        let options = HostOptions {
            session: random.iter().take(8).fold(0, |session, byte| session << 8 | u64::from(*byte)),
            tick_period_s,
            goal: contract.commands.iter().flat_map(|command| command.safe_value.iter().copied()).collect(),
            limits: Limits { shadow: self.shadow || limits.shadow, ..limits },
        };
        let fallback = self.fallback_policy.as_deref();
        let fallback = fallback.map(|path| load_policy(path, self.require_signature.as_deref()));
        let fallback = fallback.transpose().map_err(unusable)?;
        let mut host = Host::new(view, &contract, &robot, options).map_err(unusable)?;
        if let (Some(fallback), Some(path)) = (&fallback, &self.fallback_policy) {
            let view = fallback.image().map_err(unusable)?;
            let contract = contract_of(&view, path)?;
            host = host.with_fallback_policy(view, &contract, &robot).map_err(unusable)?;
        }
        host.check_fallback(&robot).map_err(unusable)?;
        let mut watchdog =
            self.watchdog.as_deref().map(Watchdog::open).transpose().map_err(unusable)?.unwrap_or_default();
        let mut link = self.open(&robot, 1.0 / tick_period_s)?;
        let (mut recorder, log) = match &self.log {
            None => (Recorder::off(), None),
            Some(path) => {
                let start = Start::new(&view, &robot, &host, LogClock::RealTime).map_err(unusable)?;
                let (recorder, log) = telemetry::start(path, start, &robot, &host).map_err(unusable)?;
                (recorder, Some(log))
            }
        };
        let (request, told) = (AtomicU8::new(NOTHING), Told::default());
        let asked = Asked { pace, request: &request, told: &told };
        if host.options().limits.shadow {
            eprintln!("in shadow: nothing is commanded");
        }
        eprintln!("ready: type arm, stop, disarm or quit");
        let flown = std::thread::scope(|scope| {
            // Ends with `quit` or with stdin, which also end the loop.
            let reader = &request;
            scope.spawn(move || read_requests(reader));
            let flight =
                scope.spawn(|| self.fly(&mut host, &mut *link, &mut recorder, &mut watchdog, &asked));
            let mut known = [0; 2];
            while !flight.is_finished() {
                told.print(&mut known);
                std::thread::sleep(Duration::from_millis(20));
            }
            told.print(&mut known);
            flight.join().unwrap_or_else(|_| Err(failed(anyhow!("the control loop panicked"))))
        });
        print_counters(&link.counters());
        let logged = log.map(|log| log.finish(recorder)).transpose();
        flown?;
        watchdog.release();
        if watchdog.refused() > 0 {
            eprintln!("the watchdog took nothing {} times", watchdog.refused());
        }
        if let Some(summary) = logged.map_err(failed)? {
            eprintln!("logged {} messages, {} dropped", summary.messages, summary.dropped);
        }
        Ok(())
    }

    /// The robot's link, with the operator's beside it where there is one.
    fn open(&self, robot: &Robot, tick_hz: f64) -> Result<Box<dyn Link>, Failure> {
        let key = |path: &Option<PathBuf>| path.as_deref().map(read_key).transpose().map_err(unusable);
        let (robot_key, operator_key) = (key(&self.key)?, key(&self.command_key)?);
        if robot_key.is_some() && robot_key == operator_key {
            return Err(unusable(anyhow!(
                "--key and --command-key hold the same secret: whoever is trusted with goals must not be able to play the robot"
            )));
        }
        let interface = robot.interface();
        let sample_rate_hz = robot.sample_rate_hz.unwrap_or(tick_hz);
        let traffic = Traffic::new(&interface, tick_hz, sample_rate_hz);
        let link = open_host_end(&self.link, robot_key, &traffic).map_err(unusable)?;
        let Some(command) = &self.command else { return Ok(link) };
        // The operator hears what the robot is told, and sends much less than a robot does.
        let traffic = Traffic::new(&interface, tick_hz, tick_hz);
        let (operator, address) =
            open_robot_end(command, operator_key, &traffic, tick_hz).map_err(unusable)?;
        println!("{address}");
        Ok(Box::new(MergedLink::new(link, operator)))
    }

    fn fly(
        &self,
        host: &mut Host,
        link: &mut dyn Link,
        recorder: &mut Recorder,
        watchdog: &mut Watchdog,
        asked: &Asked,
    ) -> Outcome {
        let Asked { pace, request, told } = *asked;
        let (rt, _guard) = prepare_thread(self.rt, self.core).map_err(unusable)?;
        for item in rt.items.iter().filter(|item| !item.granted) {
            eprintln!("not granted: {} ({}): {}", item.name, item.asked, item.detail);
        }
        let (mut quitting, mut arming) = (false, false);
        let report = control_loop::run(host, link, recorder, pace, |_, host| {
            // Of the tick before: a loop that hangs pets nobody.
            if host.is_healthy() {
                watchdog.pet();
            }
            let mode = host.supervisor().mode();
            told.mode.store(mode_number(mode), Ordering::Relaxed);
            let refusal = host.counters().refused.map_or(0, |reason| reason as u8 + 1);
            told.refusal.store(refusal, Ordering::Relaxed);
            if std::mem::take(&mut arming) && mode == Mode::Disarmed {
                let fault = host.trace().fault.map_or(0, |cause| cause as u8 + 1);
                told.fault.store(fault, Ordering::Relaxed);
                told.arm_refused.store(true, Ordering::Relaxed);
            }
            if quitting {
                return Directive::Finish;
            }
            match request.swap(NOTHING, Ordering::Relaxed) {
                ARM => {
                    arming = true;
                    Directive::Tick(Some(Request::Arm))
                }
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
        let Counters { inferences, saturated, warnings, .. } = *host.counters();
        eprintln!("{inferences} inferences, {saturated} saturated, {warnings} ticks with a warning");
        eprintln!("{usage}");
        let stops = host.transitions().iter().filter(|change| change.to == Mode::Stopped);
        // What the operator asked for is no fault.
        match stops.filter_map(|change| change.cause).find(|cause| *cause != Cause::OperatorStop) {
            None => Ok(()),
            Some(cause) => Err(stopped(anyhow!("stopped by a safety fault: {cause:?}"))),
        }
    }
}

fn contract_of<'i>(image: &Image<'i>, path: &Path) -> Result<Contract<'i>, Failure> {
    let contract = image.contract().map_err(unusable)?;
    contract.ok_or_else(|| unusable(anyhow!("{} has no contract", path.display())))
}

/// What the loop goes by, and where it says how it goes.
struct Asked<'r> {
    pace: Pace,
    request: &'r AtomicU8,
    told: &'r Told,
}

/// What the loop tells the operator, printed on a thread that may wait for a terminal.
#[derive(Default)]
struct Told {
    mode: AtomicU8,
    arm_refused: AtomicBool,
    /// 1 more than the number of the cause for which it was refused; 0 where there is none any more.
    fault: AtomicU8,
    /// 1 more than the number of the reason why the robot refuses this host; 0 where it does not.
    refusal: AtomicU8,
}

impl Told {
    /// Prints what is new since the `known` mode and refusal.
    fn print(&self, [known, refused]: &mut [u8; 2]) {
        const NAMES: [&str; 7] =
            ["disarmed", "standby", "readying", "engaging", "running", "fallback", "stopped"];
        let mode = self.mode.load(Ordering::Relaxed);
        if mode != *known {
            *known = mode;
            eprintln!("{}", NAMES.get(usize::from(mode)).copied().unwrap_or_default());
        }
        let refusal = self.refusal.load(Ordering::Relaxed);
        if refusal != *refused {
            *refused = refusal;
            match refusal {
                0 => {}
                1 => eprintln!("refused: the robot speaks another version of the protocol"),
                2 => eprintln!(
                    "refused: the robot has other sensors, actuators or limits than its description"
                ),
                _ => eprintln!("refused: the robot is armed and belongs to another session"),
            }
        }
        if self.arm_refused.swap(false, Ordering::Relaxed) {
            let fault = usize::from(self.fault.load(Ordering::Relaxed)).checked_sub(1);
            match fault.and_then(|fault| Cause::ALL.get(fault)) {
                Some(Cause::LinkSilent) => eprintln!("not armed: no fresh sample has come"),
                Some(Cause::RobotStopped) => eprintln!("not armed: the robot is stopped"),
                Some(cause) => eprintln!("not armed: {cause:?}"),
                None => eprintln!("not armed: ask again"),
            }
        }
    }
}

/// What a link dropped, where it dropped or repaired anything.
pub(super) fn print_counters(counters: &LinkCounters) {
    let LinkCounters { received, truncated, forged, replayed, unexpected, flooded_ticks, sessions } =
        *counters;
    if sessions > 0 || truncated + forged + replayed + unexpected > 0 {
        eprintln!(
            "link: {received} received in {sessions} sessions; dropped {replayed} replayed, {truncated} truncated, {forged} forged, {unexpected} unexpected; {flooded_ticks} ticks flooded"
        );
    }
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
        request.fetch_max(asked, Ordering::Relaxed);
        if asked == QUIT {
            return;
        }
    }
    // Nobody can stop a robot whose operator is gone.
    request.fetch_max(QUIT, Ordering::Relaxed);
}
