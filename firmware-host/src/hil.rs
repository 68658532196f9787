//! A policy against its simulated robot over a real link: in real time, or in lockstep with faults in virtual time.
//!
//! Both processes' code runs on this host, which the report calls SIL. In real time the plant has a core and a clock of its
//! own and the host runs as it would on a robot. In lockstep the plant owns virtual time: a second link, which no fault
//! touches, carries `Advance` and `Done`, so every age and time-out is reproducible and two runs give the same report.

use crate::control_loop::{self, Directive, LoopReport};
use crate::host::{Counters, Host, HostOptions, send_message};
use crate::link::{
    FaultClock, FaultCounts, FaultInjector, FaultPlan, Link, LinkAddress, LinkError, PtyLink, UdpLink,
    inproc_pair,
};
use crate::plant::{Plant, PlantReport, TracePoint, run_in_real_time};
use crate::robot::{Robot, RobotError};
use crate::rt::{RtError, RtPolicy, RtReport, cores, prepare_thread};
use crate::timing::Quantiles;
use crate::wire::frame::LARGEST_FRAME;
use crate::wire::{Decoder, ToHost, ToRobot};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::image::{AlignedImage, ImageError};
use sinew_policy_runtime::supervisor::{Limits, Mode, Request, Transition};
use sinew_sim::{Randomization, SimError, Task};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The host gives up when no robot has answered for so long.
const CONNECT_US: u64 = 5_000_000;
/// Lockstep: a silence of so much wall time is a failed run.
const LOCKSTEP_SILENCE: Duration = Duration::from_secs(10);

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
    /// Virtual time instead of real time.
    pub lockstep: bool,
    /// Host's tick, 1/s; the policy's own rate where absent.
    pub rate_hz: Option<f64>,
}

/// A fault that was seen and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultRecord {
    /// Seconds after arming.
    pub at_s: f64,
    /// When the policy had the robot again; absent where it never did.
    pub until_s: Option<f64>,
    /// Why the policy lost its authority.
    pub cause: String,
    /// What was done.
    pub handling: String,
}

/// What a run showed. The keys are those of `sinew-host hil --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HilReport {
    /// `sil`: both ends on this host.
    pub mode: String,
    /// Whether time was virtual.
    pub lockstep: bool,
    /// The link.
    pub link: String,
    /// Host ticks a second.
    pub rate_hz: f64,
    /// Ticks from arming to the end.
    pub ticks: u64,
    /// Ticks that ended after the next deadline.
    pub overruns: u64,
    /// Deadlines without a tick.
    pub skipped: u64,
    /// From deadline to the tick's start, µs; zeros in lockstep.
    pub wake_up_us: Quantiles,
    /// From the tick's start to its end, µs; zeros in lockstep.
    pub compute_us: Quantiles,
    /// Lower edges in µs and counts.
    pub wake_up_histogram: Vec<(f64, u64)>,
    /// Allocations, reallocations and releases on the real-time thread within ticks.
    pub allocations: u64,
    /// Commands that the supervisor had to bound.
    pub interventions: u64,
    /// The host's counters.
    pub saturated: u64,
    /// Samples that never came.
    pub missing_samples: u64,
    /// Samples that were repeated, old or of another session.
    pub rejected_samples: u64,
    /// Frames that were damaged.
    pub damaged_frames: u64,
    /// Physics steps that began late.
    pub plant_late: u64,
    /// Physics steps.
    pub plant_steps: u64,
    /// Commands that the robot refused.
    pub plant_refused: u64,
    /// How often the robot's own safe action took over.
    pub plant_expired: u64,
    /// What was injected.
    pub injected: FaultCounts,
    /// What was seen and how it was handled.
    pub faults: Vec<FaultRecord>,
    /// What was asked of the operating system and granted.
    pub rt: RtReport,
    /// Root mean square of the true error over the second half.
    pub error_rms: f64,
    /// Largest true error over the second half.
    pub error_max: f64,
    /// True error over time.
    pub trace: Vec<TracePoint>,
    /// `completed`, or why not.
    pub outcome: String,
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
    /// A privilege was refused.
    #[error(transparent)]
    Rt(#[from] RtError),
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
        !matches!(self, Self::Simulation(_) | Self::Silent { .. } | Self::Panicked { .. })
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
        })
    }
}

/// Flies `image` on the task's simulated robot.
///
/// # Errors
/// See [`HilError`]. A run that ends in a safety stop is no error: the report's outcome says so.
pub fn run(task: &Task, image: &AlignedImage, options: &HilOptions) -> Result<HilReport, HilError> {
    if !task.has_robot() {
        return Err(HilError::NoRobot { task: task.name().to_owned() });
    }
    let view = image.image()?;
    let contract = view.contract()?.ok_or(HilError::NoContract)?;
    let robot = Robot::of_task(task);
    let tick_period_s = options.rate_hz.map_or(contract.periods.policy_period_s, |rate| 1.0 / rate);
    let host_options = HostOptions {
        session: options.seed ^ u64::from(std::process::id()) << 32 | 1,
        tick_period_s,
        goal: if task.goal().is_empty() { Vec::new() } else { task.goal().to_vec() },
        // The robot is let go in motion, as in training; a blend would be something that training never saw.
        limits: Limits::immediate(),
    };
    let host = Host::new(view, &contract, &robot, host_options)?;
    let plant = Plant::new(task, options.randomization, options.seed)?;
    let ends = Ends::open(&options.link)?;
    let clock = FaultClock::default();
    let injector = FaultInjector::new(ends.host, options.faults.clone(), options.seed, clock.clone());
    let flight =
        Flight { host, injector, clock, tick_period_s, duration_us: (options.duration_s * 1e6) as u64 };
    if options.lockstep {
        if matches!(options.link, LinkAddress::Pty(_)) {
            return Err(HilError::Lockstep { link: options.link.to_string() });
        }
        let sync = Ends::open(&sync_address(&options.link))?;
        fly_in_lockstep(flight, plant, ends.robot, sync, options)
    } else {
        fly_in_real_time(flight, plant, ends.robot, options)
    }
}

/// Lockstep's own exchange travels beside the link under test, on a port of its own.
fn sync_address(link: &LinkAddress) -> LinkAddress {
    match link {
        LinkAddress::Udp(address) => LinkAddress::Udp((address.ip(), 0).into()),
        other => other.clone(),
    }
}

/// The host's side of a run.
struct Flight<'a> {
    host: Host<'a>,
    injector: FaultInjector<Box<dyn Link>>,
    clock: FaultClock,
    tick_period_s: f64,
    duration_us: u64,
}

/// Arms once the robot has answered, and ends the flight after its time.
struct Pilot {
    clock: FaultClock,
    armed_us: Option<u64>,
    duration_us: u64,
    ticks_before: u64,
}

impl Pilot {
    fn direct(&mut self, now_us: u64, host: &Host) -> Directive {
        match self.armed_us {
            None if host.is_connected() => {
                self.armed_us = Some(now_us);
                self.ticks_before = host.counters().ticks;
                Directive::Tick(Some(Request::Arm))
            }
            None if now_us > CONNECT_US => Directive::Finish,
            None => Directive::Tick(None),
            Some(armed_us) => {
                self.clock.set_us(now_us - armed_us);
                if now_us - armed_us >= self.duration_us { Directive::Finish } else { Directive::Tick(None) }
            }
        }
    }
}

fn fly_in_real_time(
    mut flight: Flight,
    plant: Plant,
    mut robot_end: Box<dyn Link>,
    options: &HilOptions,
) -> Result<HilReport, HilError> {
    let stop = AtomicBool::new(false);
    // The last core for the plant, the first for the host: they never share one where there are two.
    let (host_core, plant_core) = if cores() > 1 { (Some(0), Some(cores() - 1)) } else { (None, None) };
    let mut pilot = flight.pilot();
    let period_ns = (flight.tick_period_s * 1e9).round() as u64;
    let (flown, plant) = std::thread::scope(|scope| {
        let plant = scope.spawn(|| run_in_real_time(plant, &mut *robot_end, plant_core, &stop));
        let host = scope.spawn(|| {
            let (rt, _guard) = prepare_thread(options.rt, host_core)?;
            let report =
                control_loop::run(&mut flight.host, &mut flight.injector, period_ns, |now_us, host| {
                    pilot.direct(now_us, host)
                });
            Ok::<_, RtError>((report, rt))
        });
        let flown = host.join();
        stop.store(true, Ordering::Relaxed);
        (flown, plant.join())
    });
    let plant = plant.map_err(|_| HilError::Panicked { who: "plant" })??;
    let (report, rt) = flown.map_err(|_| HilError::Panicked { who: "host" })??;
    flight.report(&pilot, &report, plant, rt, options)
}

fn fly_in_lockstep(
    mut flight: Flight,
    plant: Plant,
    mut robot_end: Box<dyn Link>,
    mut sync: Ends,
    options: &HilOptions,
) -> Result<HilReport, HilError> {
    let mut pilot = flight.pilot();
    let period_us = (flight.tick_period_s * 1e6).round() as u64;
    // Datagrams are answered to whoever spoke: the robot's end must hear of the host first.
    send_message(&mut *sync.host, &ToRobot::Done { tick: 0, finished: false })?;
    std::thread::scope(|scope| {
        let robot_sync = &mut *sync.robot;
        let robot_end = &mut *robot_end;
        let plant = scope.spawn(move || lead_lockstep(plant, robot_end, robot_sync, period_us));
        let flown = flight.follow(&mut pilot, &mut *sync.host, period_us);
        let plant = plant.join().map_err(|_| HilError::Panicked { who: "plant" })?;
        let report = flown?;
        let rt = RtReport { policy: RtPolicy::Off, items: Vec::new() };
        flight.report(&pilot, &report, plant?, rt, options)
    })
}

/// The robot's side of lockstep: it owns time.
fn lead_lockstep(
    mut plant: Plant,
    link: &mut dyn Link,
    sync: &mut dyn Link,
    period_us: u64,
) -> Result<PlantReport, HilError> {
    let physics_us = (plant.physics_period_s() * 1e6).round() as u64;
    let mut exchange = Exchange::default();
    exchange.await_message::<ToRobot>(sync, "host")?;
    for tick in 0_u64.. {
        let now_us = tick * period_us;
        plant.publish(now_us, link);
        send_message(sync, &ToHost::Advance { tick })?;
        let finished = loop {
            match exchange.await_message::<ToRobot>(sync, "host")? {
                ToRobot::Done { tick: answered, finished } if answered == tick => break finished,
                _ => {}
            }
        };
        plant.receive(now_us, link);
        if finished {
            break;
        }
        for step in 0..period_us / physics_us {
            plant.step(now_us + step * physics_us)?;
        }
    }
    Ok(plant.into_report())
}

/// Waits for lockstep's messages, at most [`LOCKSTEP_SILENCE`].
#[derive(Default)]
struct Exchange {
    decoder: Decoder,
}

impl Exchange {
    fn await_message<M: serde::de::DeserializeOwned>(
        &mut self,
        link: &mut dyn Link,
        who: &'static str,
    ) -> Result<M, HilError> {
        let begun = Instant::now();
        let mut buffer = [0; LARGEST_FRAME];
        while begun.elapsed() < LOCKSTEP_SILENCE {
            let length = link.receive(&mut buffer)?;
            // Each message is answered before the next is sent, so nothing lies behind it.
            if let (Some(message), _) = self.decoder.feed(&buffer[..length]) {
                return Ok(message);
            }
            std::thread::yield_now();
        }
        Err(HilError::Silent { who })
    }
}

impl Flight<'_> {
    fn pilot(&self) -> Pilot {
        Pilot { clock: self.clock.clone(), armed_us: None, duration_us: self.duration_us, ticks_before: 0 }
    }

    /// The host's side of lockstep.
    fn follow(
        &mut self,
        pilot: &mut Pilot,
        sync: &mut dyn Link,
        period_us: u64,
    ) -> Result<LoopReport, HilError> {
        let mut exchange = Exchange::default();
        let mut report = LoopReport::default();
        loop {
            let ToHost::Advance { tick } = exchange.await_message(sync, "plant")? else { continue };
            let now_us = tick * period_us;
            let directive = pilot.direct(now_us, &self.host);
            let finished = match directive {
                Directive::Tick(request) => {
                    let allocations = crate::allocation::count();
                    self.host.tick(now_us, &mut self.injector, request);
                    report.allocations += crate::allocation::count() - allocations;
                    report.ticks += 1;
                    false
                }
                Directive::Finish => true,
            };
            send_message(sync, &ToRobot::Done { tick, finished })?;
            if finished {
                return Ok(report);
            }
        }
    }

    fn report(
        &self,
        pilot: &Pilot,
        measured: &LoopReport,
        plant: PlantReport,
        rt: RtReport,
        options: &HilOptions,
    ) -> Result<HilReport, HilError> {
        let armed_us = pilot.armed_us.ok_or(HilError::Silent { who: "plant" })?;
        let Counters {
            ticks,
            interventions,
            saturated,
            missing_samples,
            rejected_samples,
            damaged_frames,
            ..
        } = *self.host.counters();
        let settled = plant.trace.iter().filter(|point| point.time_s >= 0.5 * options.duration_s);
        let errors: Vec<f64> = settled.map(|point| point.error).collect();
        let squares: f64 = errors.iter().map(|error| error * error).sum();
        Ok(HilReport {
            mode: "sil".to_owned(),
            lockstep: options.lockstep,
            link: options.link.to_string(),
            rate_hz: 1.0 / self.tick_period_s,
            ticks: ticks - pilot.ticks_before,
            overruns: measured.overruns,
            skipped: measured.skipped,
            wake_up_us: measured.wake_up.quantiles(),
            compute_us: measured.compute.quantiles(),
            wake_up_histogram: measured.wake_up.buckets().collect(),
            allocations: measured.allocations,
            interventions,
            saturated,
            missing_samples,
            rejected_samples,
            damaged_frames,
            plant_late: plant.late,
            plant_steps: plant.steps,
            plant_refused: plant.refused,
            plant_expired: plant.expired,
            injected: self.injector.counts(),
            faults: fault_records(self.host.transitions(), armed_us),
            rt,
            // NaN where nothing was measured or anything was not finite: such a flight is not judged as a precise one.
            error_rms: (squares / errors.len() as f64).sqrt(),
            error_max: if errors.is_empty() || !squares.is_finite() {
                f64::NAN
            } else {
                errors.iter().copied().fold(0.0, f64::max)
            },
            trace: plant.trace,
            outcome: match (self.host.supervisor().mode(), self.host.supervisor().cause()) {
                (Mode::Running, _) => "completed".to_owned(),
                (mode, Some(cause)) => format!("ended in {mode:?}: {cause:?}"),
                (mode, None) => format!("ended in {mode:?}"),
            },
        })
    }
}

/// Pairs each loss of authority with its end.
fn fault_records(transitions: &[Transition], armed_us: u64) -> Vec<FaultRecord> {
    let seconds = |time_us: u64| (time_us as f64 - armed_us as f64) * 1e-6;
    let lost =
        transitions.iter().enumerate().filter_map(|(index, change)| Some((index, change, change.cause?)));
    lost.map(|(index, change, cause)| {
        let recovered = transitions[index + 1..].iter().find(|later| later.to == Mode::Running);
        let handling = match (change.to, recovered) {
            (Mode::Fallback, Some(_)) => {
                "no command sent; the robot's safe action took over; policy back on fresh samples"
            }
            (Mode::Fallback, None) => "no command sent; the robot's safe action took over",
            _ => "stopped and latched; the robot's safe action took over",
        };
        FaultRecord {
            at_s: seconds(change.time_us),
            until_s: recovered.map(|later| seconds(later.time_us)),
            cause: format!("{cause:?}"),
            handling: handling.to_owned(),
        }
    })
    .collect()
}
