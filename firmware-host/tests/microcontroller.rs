//! A host at the other end of two lines is compared with this machine's, frame by frame. A thread stands in for the
//! microcontroller, which `.ci/mcu` emulates.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod untrained;

use sinew_firmware_host::hil::campaign::{Campaign, CampaignOptions};
use sinew_firmware_host::hil::{
    Comparison, HilError, HilOptions, HilReport, Microcontroller, Script, host_options, run, run_on,
};
use sinew_firmware_host::host::{Host, HostOptions, Settings, send_message};
use sinew_firmware_host::link::{FaultPlan, Link, LinkAddress, LinkError, UnixLink};
use sinew_firmware_host::robot::Robot;
use sinew_firmware_host::rt::RtPolicy;
use sinew_firmware_host::telemetry::replay;
use sinew_firmware_host::wire::{Decoder, ToHost, ToRobot};
use sinew_policy_runtime::controller::{Controller, Storage};
use sinew_policy_runtime::image::AlignedImage;
use sinew_policy_runtime::onnx;
use sinew_policy_runtime::supervisor::Request;
use sinew_sim::{Randomization, Task};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// Counts the bytes of the robot's line both ways, as the firmware does.
struct Counted {
    link: UnixLink,
    sent: u64,
    arrived: Vec<u8>,
    taken: usize,
}

impl Counted {
    fn collect(&mut self) {
        let mut buffer = [0; 1024];
        while let Ok(length @ 1..) = self.link.receive(&mut buffer) {
            self.arrived.extend_from_slice(&buffer[..length]);
        }
    }
}

impl Link for Counted {
    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        self.sent += frame.len() as u64;
        self.link.send(frame)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        let rest = &self.arrived[self.taken..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.taken += length;
        Ok(length)
    }
}

struct Line(String);

impl Line {
    fn new(name: &str) -> Self {
        let file = format!("sinew-{name}-{}.socket", std::process::id());
        Self(std::env::temp_dir().join(file).to_str().unwrap().to_owned())
    }

    fn address(&self) -> LinkAddress {
        LinkAddress::Unix(self.0.clone())
    }
}

/// What lies in the microcontroller's flash.
struct Flash {
    image: AlignedImage,
    settings: Vec<u8>,
    path: String,
}

impl Flash {
    fn new(task: &Task, image: AlignedImage, line: &Line, change: impl Fn(&mut HostOptions)) -> Self {
        let settings = {
            let contract = image.image().unwrap().contract().unwrap().unwrap();
            let mut options = host_options(task, &contract, None, 0).unwrap();
            change(&mut options);
            Settings::new(&Robot::of_task(task), &contract, options).unwrap().to_bytes().unwrap()
        };
        Self { image, settings, path: line.0.clone() }
    }

    /// One start of the firmware in lockstep; ends when it is told to begin anew, or at `over`.
    fn start(&self, session: u64, beside: &mut UnixLink, line: UnixLink, over: &AtomicBool) -> UnixLink {
        let view = self.image.image().unwrap();
        let contract = view.contract().unwrap().unwrap();
        let Settings { interface, valid_for_us, options, protection } =
            Settings::parse(&self.settings).unwrap();
        let period_us = (options.tick_period_s * 1e6).round() as u64;
        let [history, observation, scratch] =
            Controller::<Vec<f32>>::storage(&view, &contract).map(|size| vec![0.0; size]);
        let storage = Storage { history, observation, scratch };
        let options = HostOptions { session, ..options };
        let mut host =
            Host::with_storage(view, &contract, interface, valid_for_us, options, storage).unwrap();
        host.protect(protection);
        let mut line = Counted { link: line, sent: 0, arrived: Vec::new(), taken: 0 };
        let (mut decoder, mut byte, mut request) = (Decoder::default(), [0], None::<Request>);
        let (mut expected, mut next) = (0, None::<u64>);
        send_message(beside, &ToRobot::Hello(host.hello())).unwrap();
        while !over.load(Ordering::Relaxed) {
            if !matches!(beside.receive(&mut byte), Ok(1)) {
                std::thread::yield_now();
                continue;
            }
            match decoder.feed::<ToHost>(&byte).0 {
                Some(ToHost::Operator(message)) => request = message.request,
                Some(ToHost::Sent { bytes }) => expected = bytes,
                Some(ToHost::Begin) if next.is_none() => {
                    send_message(beside, &ToRobot::Hello(host.hello())).unwrap();
                }
                Some(ToHost::Begin) => break,
                Some(ToHost::Advance { tick }) => {
                    while (line.arrived.len() as u64) < expected && !over.load(Ordering::Relaxed) {
                        line.collect();
                    }
                    if next.is_some_and(|next| tick > next) {
                        host.report_overrun();
                    }
                    host.tick(tick * period_us, &mut line, request.take());
                    send_message(beside, &ToRobot::Sent { bytes: line.sent }).unwrap();
                    send_message(beside, &ToRobot::Done { tick, finished: false }).unwrap();
                    next = Some(tick + 1);
                }
                _ => {}
            }
        }
        line.link
    }

    /// Starts again and again, each time with another session.
    fn run(&self, over: &AtomicBool) {
        let mut line = UnixLink::connect(&self.path).unwrap();
        let mut beside = UnixLink::connect(&format!("{}.sync", self.path)).unwrap();
        for session in 1.. {
            line = self.start(session, &mut beside, line, over);
            if over.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

/// Flies while the stand-in runs.
fn beside_stand_in<T>(flash: &Flash, fly: impl FnOnce(&mut Microcontroller) -> T, line: &Line) -> T {
    let mut microcontroller = Microcontroller::open(&line.address(), None).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let stand_in = scope.spawn(|| flash.run(&over));
        let flown = fly(&mut microcontroller);
        over.store(true, Ordering::Relaxed);
        stand_in.join().unwrap();
        flown
    })
}

fn options(link: LinkAddress, log: Option<PathBuf>) -> HilOptions {
    HilOptions {
        link,
        duration_s: 1.0,
        seed: 3,
        randomization: Randomization::Acceptance,
        faults: FaultPlan::default(),
        rt: RtPolicy::Off,
        early_us: 0,
        lockstep: true,
        rate_hz: None,
        log,
        script: Script::default(),
    }
}

fn quadrotor() -> (Task, AlignedImage) {
    let task = Task::load("quadrotor").unwrap();
    let image = onnx::load(&untrained::policy(&task)).unwrap();
    (task, image)
}

#[test]
fn a_flight_on_a_microcontroller_is_the_flight_without_one_and_its_log_replays() {
    let ((task, image), line) = (quadrotor(), Line::new("same"));
    let log = std::env::temp_dir().join(format!("sinew-microcontroller-{}.mcap", std::process::id()));
    let flash = Flash::new(&task, quadrotor().1, &line, |_| ());
    let fly = |other: &mut Microcontroller| {
        [Some(log.clone()), None]
            .map(|log| run_on(other, &task, &image, &options(line.address(), log)).unwrap())
    };
    let flown = beside_stand_in(&flash, fly, &line);
    let here = run(&task, &image, &options(LinkAddress::Inproc, None)).unwrap();
    for report in &flown {
        let HilReport { mode, outcome, microcontroller, trace, .. } = report;
        assert_eq!((&mode[..], &outcome[..], trace), ("pil", "completed", &here.trace));
        let found = microcontroller.clone().unwrap();
        // Before it is armed it says hello and that it is there; then it commands in every tick.
        let expected = Comparison { same_frames: 104, same_commands: 100, ..Comparison::default() };
        assert_eq!(found, expected);
    }
    let replayed = replay(&log, &image).unwrap();
    assert_eq!((replayed.difference, replayed.unverified), (None, 0));
    std::fs::remove_file(log).unwrap();
}

#[test]
fn a_microcontroller_that_decides_otherwise_is_found_at_its_first_tick() {
    let ((task, image), line) = (quadrotor(), Line::new("other"));
    let flash = Flash::new(&task, quadrotor().1, &line, |options| options.goal[0] += 0.01);
    let fly =
        |other: &mut Microcontroller| run_on(other, &task, &image, &options(line.address(), None)).unwrap();
    let report = beside_stand_in(&flash, fly, &line);
    let found = report.microcontroller.unwrap();
    assert_eq!(report.outcome, "the microcontroller sent other bytes than this machine");
    // A hello and two heartbeats before it is armed are the same, and no tick with a command is.
    let (same, commands, different) = (found.same_frames, found.same_commands, found.different_ticks);
    assert_eq!((same, commands, different), (3, 0, 100), "{found:?}");
    let difference = found.first_difference.unwrap();
    assert!(difference.starts_with("tick 2: the microcontroller sent ") && difference.contains("Command"));
}

#[test]
fn a_microcontroller_with_another_policy_is_refused_by_name() {
    let ((task, image), line) = (quadrotor(), Line::new("policy"));
    let pendulum = Task::load("pendulum").unwrap();
    let other = onnx::load(&untrained::policy(&pendulum)).unwrap();
    let flash = Flash::new(&pendulum, other, &line, |_| ());
    let fly = |other: &mut Microcontroller| run_on(other, &task, &image, &options(line.address(), None));
    let error = beside_stand_in(&flash, fly, &line).unwrap_err();
    assert!(
        matches!(error, HilError::Microcontroller { what: "contract" }) && error.is_unusable(),
        "{error}"
    );
}

#[test]
fn a_campaign_flies_on_a_microcontroller_with_stalls_leaps_and_faults() {
    let ((task, image), line) = (quadrotor(), Line::new("campaign"));
    let flash = Flash::new(&task, quadrotor().1, &line, |_| ());
    let campaign = Campaign::load("quadrotor").unwrap();
    let options = CampaignOptions { link: line.address(), rate_hz: None, logs: None };
    let fly =
        |other: &mut Microcontroller| campaign.run_on(Some(other), &task, &image, &options, |_| ()).unwrap();
    let report = beside_stand_in(&flash, fly, &line);
    let problems: Vec<_> = report.cases.iter().filter(|case| !case.problems.is_empty()).collect();
    assert!(problems.is_empty(), "{problems:#?}");
    assert!(report.cases.iter().all(|case| case.microcontroller.as_ref().unwrap().same_frames > 100));
}
