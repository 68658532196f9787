//! What becomes of a log whose disk does not keep up.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../tests/untrained/mod.rs"]
mod untrained;

use super::message::Names;
use super::queue::queue;
use super::writer::LogWriter;
use super::*;
use crate::host::{Host, HostOptions};
use crate::link::inproc_pair;
use crate::plant::Plant;
use crate::robot::Robot;
use sinew_policy_runtime::onnx;
use sinew_policy_runtime::supervisor::{Limits, Request};
use sinew_sim::{Randomization, Task};
use std::fs::File;
use std::ops::Range;
use std::path::PathBuf;

const TICKS: u64 = 400;

/// A flight of [`TICKS`] ticks whose log's writer stands still in some of them, with a queue of `slots`; and what replaying it showed.
fn flight(name: &str, slots: usize, stalled: Range<u64>) -> (LogSummary, Replay) {
    let task = Task::load("quadrotor").unwrap();
    let image = onnx::load(&untrained::policy(&task)).unwrap();
    let view = image.image().unwrap();
    let contract = view.contract().unwrap().unwrap();
    let robot = Robot::of_task(&task);
    let tick_period_s = contract.periods.policy_period_s;
    let options = HostOptions {
        session: 7,
        tick_period_s,
        goal: task.goal().iter().copied().collect(),
        limits: Limits::immediate(),
    };
    let mut host = Host::new(view, &contract, &robot, options).unwrap();
    let mut plant = Plant::new(&task, Randomization::Acceptance, 1).unwrap();
    let (mut host_end, mut robot_end) = inproc_pair();

    let path: PathBuf = std::env::temp_dir().join(format!("sinew-gap-{}-{name}.mcap", std::process::id()));
    let (sender, mut receiver) = queue(slots);
    let mut recorder = Recorder::new(sender, LogClock::RealTime, None, &host);
    let start = Start::new(&view, &robot, &host, LogClock::RealTime).unwrap();
    let mut writer = LogWriter::new(File::create(&path).unwrap(), start, Names::of(&robot)).unwrap();
    let mut record = Vec::new();
    let period_us = (tick_period_s * 1e6) as u64;
    let steps = (tick_period_s / plant.physics_period_s()).round() as u64;
    for tick in 0..TICKS {
        let now_us = tick * period_us;
        plant.receive(now_us, &mut *robot_end);
        (0..steps).for_each(|_| plant.step(now_us).unwrap());
        plant.publish(now_us, &mut *robot_end);
        let request = (tick == 10).then_some(Request::Arm);
        recorder.tick(&mut host, &mut *host_end, now_us, request);
        recorder.end_tick(&host, Timing::default());
        while !stalled.contains(&tick) && receiver.pop(&mut record) {
            writer.take(&record).unwrap();
        }
    }
    // As at a run's end: what is still in the queue is written, and the last gap with it.
    let closing = std::thread::spawn(move || recorder.close());
    let summary = writer.run(receiver).unwrap();
    closing.join().unwrap();
    let found = replay(&path, &image).unwrap();
    std::fs::remove_file(path).unwrap();
    (summary, found)
}

#[test]
fn a_writer_that_keeps_up_loses_nothing() {
    let (summary, found) = flight("none", 1024, 0..0);
    assert_eq!(
        (summary.dropped, found.gaps, found.verified, found.unverified),
        (0, 0, TICKS, 0),
        "{found:?}"
    );
}

#[test]
fn a_full_queue_drops_and_says_so_and_the_replay_goes_on_at_the_next_keyframe() {
    let (summary, found) = flight("middle", 256, 100..250);
    assert!(summary.dropped > 100, "{summary:?}");
    assert_eq!((found.gaps, &found.difference), (1, &None));
    assert_eq!(found.verified + found.unverified, TICKS, "{found:?}");
    assert!((50..=150).contains(&found.unverified), "{found:?}");
}

#[test]
fn a_gap_at_the_end_is_in_the_log_too() {
    let (summary, found) = flight("end", 256, 300..TICKS);
    assert!(summary.dropped > 10, "{summary:?}");
    assert_eq!((found.gaps, found.verified + found.unverified), (1, TICKS), "{found:?}");
    assert_eq!(found.difference, None);
}
