//! A policy against its simulated robot over a real link: in real time, or in lockstep with faults in virtual time.
//!
//! Both processes' code runs on this host, which the report calls SIL. In real time the plant has a core and a clock of its
//! own and the host runs as it would on a robot. In lockstep the plant owns virtual time: a second link, which no fault
//! touches, carries `Advance` and `Done`, so every age and time-out is reproducible and two runs give the same report. A host on a
//! microcontroller is flown in lockstep too, beside one on this machine that must send the same bytes.

pub mod campaign;
mod drawing;
mod lockstep;
mod microcontroller;
mod report;
mod script;
mod witness;

pub use microcontroller::{Comparison, Microcontroller};
pub use report::{FaultRecord, HilReport};
pub(crate) use script::BrokenSensors;
pub use script::{ClockJump, Script, ScriptedRequest, SensorFault, SensorFaultKind, Span};
pub use witness::Witnessed;

use crate::control_loop::{self, Directive, EarlyError, Pace};
use crate::host::{Host, HostOptions};
use crate::link::{
    FaultClock, FaultInjector, FaultPlan, Link, LinkAddress, LinkError, PtyLink, Traffic, UdpLink, UnixLink,
    inproc_pair,
};
use crate::plant::{Plant, run_in_real_time};
use crate::robot::{Robot, RobotError, Supervision};
use crate::rt::{RtError, RtPolicy, prepare_thread, separate_cores};
use crate::telemetry::{self, LogClock, LogError, Recorder, Start};
use sinew_policy_runtime::contract::Contract;
use sinew_policy_runtime::image::{AlignedImage, ImageError};
use sinew_policy_runtime::supervisor::{Limits, Request};
use sinew_sim::{Randomization, SimError, Task};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use witness::Witness;

/// The host gives up when no robot has answered for so long.
const CONNECT_US: u64 = 5_000_000;
/// What the faults' clock shows before arming: a time behind every fault, so that the two ends meet before the first one. It
/// stands still until then, and a frame that was delayed at 0 would never arrive.
const BEFORE_ARMING_US: u64 = u64::MAX / 2;

/// What to fly, and how.
#[derive(Clone, Debug)]
pub struct HilOptions {
    /// Between host and robot.
    pub link: LinkAddress,
    /// From arming to the end, s.
    pub duration_s: f64,
    /// Decides start state, draws, noise and faults.
    pub seed: u64,
    /// The ranges from which the robot is drawn.
    pub randomization: Randomization,
    /// Injected at the host's end of the link; times count from arming.
    pub faults: FaultPlan,
    /// How much the loop insists on its privileges.
    pub rt: RtPolicy,
    /// How long before each tick the loop wakes to rehearse it, µs; 0 sleeps until the tick is due. Real time alone.
    pub early_us: u32,
    /// Virtual time instead of real time.
    pub lockstep: bool,
    /// Host's tick, 1/s; the policy's own rate where absent.
    pub rate_hz: Option<f64>,
    /// Where to write a log, if anywhere.
    pub log: Option<PathBuf>,
    /// What happens beside the link's faults; of it, real time has an operator's requests alone.
    pub script: Script,
}

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HilError {
    /// The task is equations alone.
    #[error("task {task:?} has no robot: its dynamics are equations, which no plant can play")]
    NoRobot {
        /// The task.
        task: String,
    },
    /// The policy has no contract.
    #[error("the policy has no contract, so it cannot be matched with a robot")]
    NoContract,
    /// The image cannot be read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// Policy and robot do not belong together.
    #[error(transparent)]
    Robot(#[from] RobotError),
    /// The link cannot be opened.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// This link cannot be used in lockstep.
    #[error("lockstep over {link}: a terminal hands bytes over at a time of its own; use inproc or udp")]
    Lockstep {
        /// The link.
        link: String,
    },
    /// The loop cannot wake so early.
    #[error(transparent)]
    Early(#[from] EarlyError),
    /// Real time cannot play this.
    #[error("stalls, clock jumps, broken sensors and restarts are played in lockstep alone")]
    Script,
    /// A microcontroller counts ticks.
    #[error(
        "a clock that leaps {by_s} s ahead: a microcontroller's leaps by whole ticks of {tick_period_s} s alone"
    )]
    Leap {
        /// The script's.
        by_s: f64,
        /// The host's.
        tick_period_s: f64,
    },
    /// The script has guards, fallback or limits of its own, the microcontroller those of its flash.
    #[error("a supervision of its own: a microcontroller has the one in its flash")]
    Supervision,
    /// The microcontroller was made for something else.
    #[error(
        "the microcontroller's {what} is another one than that of the policy and the robot here; write its flash anew"
    )]
    Microcontroller {
        /// Contract or interface.
        what: &'static str,
    },
    /// A privilege was refused.
    #[error(transparent)]
    Rt(#[from] RtError),
    /// The log cannot be written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The simulator failed.
    #[error(transparent)]
    Simulation(#[from] SimError),
    /// The other end fell silent.
    #[error("the {who} fell silent")]
    Silent {
        /// Which end.
        who: &'static str,
    },
    /// A thread panicked.
    #[error("the {who} thread panicked")]
    Panicked {
        /// Which.
        who: &'static str,
    },
}

impl HilError {
    /// Whether arguments, files or contract are at fault, as opposed to the run.
    pub fn is_unusable(&self) -> bool {
        let log_broke = matches!(self, Self::Log(LogError::Write { .. } | LogError::Panicked { .. }));
        !log_broke && !matches!(self, Self::Simulation(_) | Self::Silent { .. } | Self::Panicked { .. })
    }
}

/// Two ends of a link.
struct Ends {
    host: Box<dyn Link>,
    robot: Box<dyn Link>,
}

impl Ends {
    fn open(address: &LinkAddress) -> Result<Self, LinkError> {
        Ok(match address {
            LinkAddress::Inproc => {
                let (host, robot) = inproc_pair();
                Self { host, robot }
            }
            LinkAddress::Udp(address) => {
                let robot = UdpLink::bind(*address)?;
                let host = UdpLink::connect(robot.address()?)?;
                Self { host: Box::new(host), robot: Box::new(robot) }
            }
            LinkAddress::Pty(_) => {
                let (robot, path) = PtyLink::open()?;
                Self { host: Box::new(PtyLink::attach(&path)?), robot: Box::new(robot) }
            }
            LinkAddress::Unix(path) => {
                let robot = UnixLink::bind(path)?;
                Self { host: Box::new(UnixLink::connect(path)?), robot: Box::new(robot) }
            }
            LinkAddress::Serial { .. } => {
                let expected = "both ends are opened here, and a serial line's other end is elsewhere";
                return Err(LinkError::Unusable { address: address.to_string(), expected });
            }
        })
    }
}

/// Flies `image` on the task's simulated robot.
///
/// # Errors
/// See [`HilError`]. A run that ends in a safety stop is no error: the report's outcome says so.
pub fn run(task: &Task, image: &AlignedImage, options: &HilOptions) -> Result<HilReport, HilError> {
    fly(task, image, options, None)
}

/// The same in lockstep with a host on a microcontroller, whose line is `options.link`.
///
/// # Errors
/// See [`HilError`].
pub fn run_on(
    microcontroller: &mut Microcontroller,
    task: &Task,
    image: &AlignedImage,
    options: &HilOptions,
) -> Result<HilReport, HilError> {
    let options = HilOptions { lockstep: true, ..options.clone() };
    fly(task, image, &options, Some(microcontroller))
}

/// How the host behaves that flies a task's robot.
///
/// # Errors
/// The task is equations alone.
pub fn host_options(
    task: &Task,
    contract: &Contract,
    rate_hz: Option<f64>,
    session: u64,
) -> Result<HostOptions, HilError> {
    if !task.has_robot() {
        return Err(HilError::NoRobot { task: task.name().to_owned() });
    }
    Ok(HostOptions {
        session,
        tick_period_s: rate_hz.map_or(contract.periods.policy_period_s, |rate| 1.0 / rate),
        goal: task.goal().iter().copied().collect(),
        // The robot is let go in motion, as in training; a blend would be something that training never saw.
        limits: Limits::immediate(),
    })
}

fn fly(
    task: &Task,
    image: &AlignedImage,
    options: &HilOptions,
    mut microcontroller: Option<&mut Microcontroller>,
) -> Result<HilReport, HilError> {
    if !task.has_robot() {
        return Err(HilError::NoRobot { task: task.name().to_owned() });
    }
    let view = image.image()?;
    let contract = view.contract()?.ok_or(HilError::NoContract)?;
    let robot = Robot::of_task(task).supervised(&options.script.supervision).map_err(
        |(field, found, expected)| RobotError::Value { file: task.name().to_owned(), field, found, expected },
    )?;
    let session = options.seed ^ u64::from(std::process::id()) << 32 | 1;
    let mut host_options = host_options(task, &contract, options.rate_hz, session)?;
    host_options.limits = robot.supervisor.unwrap_or(host_options.limits);
    let tick_period_s = host_options.tick_period_s;
    if let Some(microcontroller) = &mut microcontroller {
        if options.script.supervision != Supervision::default() {
            return Err(HilError::Supervision);
        }
        options.script.leaps_by_whole_ticks(tick_period_s)?;
        let hello = microcontroller.begin()?;
        same("contract", hello.contract_hash, view.contract_hash())?;
        same("interface", hello.interface_hash, robot.interface().hash())?;
        host_options.session = hello.session;
    }
    let host = Host::new(view, &contract, &robot, host_options)?;
    host.check_fallback(&robot)?;
    if !options.lockstep && !options.script.is_real_time() {
        return Err(HilError::Script);
    }
    let mut plant = Plant::new(task, options.randomization, options.seed)?;
    plant.break_sensors(BrokenSensors::new(&options.script, &task.interface()));
    if !options.lockstep {
        let physics_hz = 1.0 / plant.physics_period_s();
        Traffic::new(&robot.interface(), 1.0 / tick_period_s, physics_hz).check(&options.link)?;
    }
    // A microcontroller's line lies behind the link of a flight.
    let link = if microcontroller.is_some() { &LinkAddress::Inproc } else { &options.link };
    let ends = Ends::open(link)?;
    let clock = FaultClock::default();
    let injector = FaultInjector::new(ends.host, options.faults.clone(), options.seed, clock.clone());
    // In real time, watching would be part of what is timed.
    let witness = Witness::new(injector, &robot, options.lockstep);
    let script = options.script.clone();
    if options.lockstep && matches!(link, LinkAddress::Pty(_)) {
        return Err(HilError::Lockstep { link: options.link.to_string() });
    }
    let duration_us = (options.duration_s * 1e6) as u64;
    let clock_of_log = if options.lockstep { LogClock::Virtual } else { LogClock::RealTime };
    let (recorder, log) = match &options.log {
        None => (Recorder::off(), None),
        Some(path) => {
            let start = Start::new(&view, &robot, &host, clock_of_log)?;
            let (recorder, log) = telemetry::start(path, start, &robot, &host)?;
            (recorder, Some(log))
        }
    };
    let mut flight =
        Flight { host, link: witness, recorder, clock, tick_period_s, duration_us, script, microcontroller };
    let flown = if options.lockstep {
        let sync = Ends::open(&sync_address(link))?;
        lockstep::fly(&mut flight, plant, ends.robot, sync, options)
    } else {
        fly_in_real_time(&mut flight, plant, ends.robot, options)
    };
    // A flight that failed leaves a whole log too.
    let summary = log.map(|log| log.finish(flight.recorder)).transpose();
    if let Some(microcontroller) = flight.microcontroller {
        microcontroller.leave();
    }
    let mut report = flown?;
    report.log = summary?;
    Ok(report)
}

/// Lockstep's own exchange travels beside the link under test, on a port of its own.
fn sync_address(link: &LinkAddress) -> LinkAddress {
    match link {
        LinkAddress::Udp(address) => LinkAddress::Udp((address.ip(), 0).into()),
        LinkAddress::Unix(path) => LinkAddress::Unix(format!("{path}.sync")),
        other => other.clone(),
    }
}

/// The host's side of a run.
struct Flight<'a> {
    host: Host<'a>,
    link: Witness<FaultInjector<Box<dyn Link>>>,
    recorder: Recorder,
    clock: FaultClock,
    tick_period_s: f64,
    duration_us: u64,
    script: Script,
    /// Flown in place of `host`, which decides beside it.
    microcontroller: Option<&'a mut Microcontroller>,
}

/// Whether the microcontroller was made for what is flown.
fn same(what: &'static str, found: [u8; 32], expected: [u8; 32]) -> Result<(), HilError> {
    if found == expected { Ok(()) } else { Err(HilError::Microcontroller { what }) }
}

/// Arms once the robot has answered, and ends the flight after its time.
struct Pilot {
    clock: FaultClock,
    armed_us: Option<u64>,
    duration_us: u64,
    ticks_before: u64,
    script: Script,
    /// Until when the script's requests have been made, since arming.
    asked_us: u64,
}

impl Pilot {
    /// How long ago the robot was armed, if it has been.
    fn since_arming_us(&self, now_us: u64) -> Option<u64> {
        Some(now_us.saturating_sub(self.armed_us?))
    }

    fn direct(&mut self, now_us: u64, host: &Host) -> Directive {
        match self.armed_us {
            None if host.is_connected() => {
                self.armed_us = Some(now_us);
                self.clock.set_us(0);
                self.ticks_before = host.counters().ticks;
                Directive::Tick(Some(Request::Arm))
            }
            None if now_us > CONNECT_US => Directive::Finish,
            None => Directive::Tick(None),
            Some(armed_us) => {
                self.clock.set_us(now_us - armed_us);
                if now_us - armed_us >= self.duration_us {
                    return Directive::Finish;
                }
                let request = self.script.request(self.asked_us, now_us - armed_us);
                self.asked_us = now_us - armed_us;
                Directive::Tick(request)
            }
        }
    }
}

fn fly_in_real_time(
    flight: &mut Flight,
    plant: Plant,
    mut robot_end: Box<dyn Link>,
    options: &HilOptions,
) -> Result<HilReport, HilError> {
    let stop = AtomicBool::new(false);
    let (host_core, plant_core) = separate_cores().map(|[host, plant]| (host, plant)).unzip();
    let mut pilot = flight.pilot();
    let pace = Pace::new(flight.tick_period_s, options.early_us)?;
    let (flown, plant) = std::thread::scope(|scope| {
        let plant = scope.spawn(|| run_in_real_time(plant, &mut *robot_end, plant_core, &stop));
        let host = scope.spawn(|| {
            let (rt, _guard) = prepare_thread(options.rt, host_core)?;
            let Flight { host, link, recorder, .. } = flight;
            let report =
                control_loop::run(host, link, recorder, pace, |now_us, host| pilot.direct(now_us, host));
            Ok::<_, RtError>((report, rt))
        });
        let flown = host.join();
        stop.store(true, Ordering::Relaxed);
        (flown, plant.join())
    });
    let plant = plant.map_err(|_| HilError::Panicked { who: "plant" })??;
    let (report, mut rt) = flown.map_err(|_| HilError::Panicked { who: "host" })??;
    rt.items.extend(plant.affinity.clone());
    flight.report(&pilot, &report, plant, rt, options)
}

impl Flight<'_> {
    fn pilot(&self) -> Pilot {
        self.clock.set_us(BEFORE_ARMING_US);
        Pilot {
            clock: self.clock.clone(),
            armed_us: None,
            duration_us: self.duration_us,
            ticks_before: 0,
            script: self.script.clone(),
            asked_us: 0,
        }
    }
}
