//! A host that is killed at any moment leaves a log that can be recovered, read by others, and executed again.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod untrained;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use sinew_firmware_host::telemetry::{RecoverError, recover, replay};
use sinew_policy_runtime::onnx;
use sinew_sim::Task;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const KILLS: u32 = 50;
/// A log that is longer holds ticks.
const FIRST_TICKS_BYTES: u64 = 32 * 1024;
/// What a killed host may lose of its log.
const LARGEST_LOSS: Duration = Duration::from_millis(50);

/// Flies in a process of its own, and logs.
fn host(policy: &Path, log: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_sinew-host"))
        .arg("hil")
        .arg(policy)
        .args(["--task", "quadrotor", "--link", "inproc", "--rate", "1000", "--duration", "60", "--log"])
        .arg(log)
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn unix_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

/// Where the logs stay, if somebody else wants to read them too; otherwise a folder that is removed.
fn folder() -> (PathBuf, bool) {
    match std::env::var_os("SINEW_KEEP_LOGS") {
        Some(path) => (path.into(), true),
        None => (std::env::temp_dir().join(format!("sinew-kill-{}", std::process::id())), false),
    }
}

/// Messages in a finished file, by the official reader, with its index; and the time of the last tick.
fn read_by_others(path: &Path) -> (u64, u64) {
    let bytes = std::fs::read(path).unwrap();
    let summary = mcap::Summary::read(&bytes).unwrap().unwrap();
    assert!(!summary.chunk_indexes.is_empty());
    let (mut messages, mut last_ns) = (0, 0);
    for message in mcap::MessageStream::new(&bytes).unwrap() {
        let message = message.unwrap();
        messages += 1;
        if message.channel.topic == "/tick" {
            last_ns = message.log_time;
        }
    }
    assert_eq!(summary.stats.unwrap().message_count, messages);
    (messages, last_ns)
}

#[test]
fn killed_at_any_moment_a_host_leaves_a_log_that_recovers_and_replays() {
    let (folder, keep) = folder();
    std::fs::create_dir_all(&folder).unwrap();
    let task = Task::load("quadrotor").unwrap();
    let (policy, file) = (folder.join("policy.onnx"), untrained::policy(&task));
    std::fs::write(&policy, &file).unwrap();
    let image = onnx::load(&file).unwrap();
    let mut generator = Pcg64Mcg::seed_from_u64(5);
    let mut losses = Vec::new();
    for kill in 0..KILLS {
        let log = folder.join(format!("{kill}.mcap"));
        let recovered = folder.join(format!("{kill}.recovered.mcap"));
        let mut child = host(&policy, &log);
        // The moment is random from the first ticks on.
        while !std::fs::metadata(&log).is_ok_and(|file| file.len() > FIRST_TICKS_BYTES) {
            assert!(child.try_wait().unwrap().is_none(), "the host ended by itself");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(generator.random_range(20_000..600_000)));
        let killed_ns = unix_ns();
        child.kill().unwrap();
        child.wait().unwrap();

        let original = std::fs::read(&log).unwrap();
        let found = recover(&log, &recovered).unwrap();
        assert!(std::fs::read(&log).unwrap() == original, "the original has changed");
        assert!(matches!(recover(&log, &recovered), Err(RecoverError::Exists { .. })), "an existing file");
        let (messages, last_ns) = read_by_others(&recovered);
        assert_eq!((messages, found.damaged_chunks), (found.messages, 0));
        losses.push(killed_ns.saturating_sub(last_ns));

        let replayed = replay(&recovered, &image).unwrap();
        assert_eq!((replayed.difference, replayed.gaps, replayed.unverified), (None, 0, 0), "kill {kill}");
        assert!(replayed.verified > 0 && replayed.cut_at.is_none());
        assert_eq!(replay(&log, &image).unwrap().verified, replayed.verified);
        assert!(matches!(recover(&recovered, &folder.join("again")), Err(RecoverError::Complete { .. })));
    }
    losses.sort_unstable();
    let milliseconds = |ns: u64| ns as f64 * 1e-6;
    println!(
        "lost of the log: median {:.1} ms, largest {:.1} ms",
        milliseconds(losses[losses.len() / 2]),
        milliseconds(losses[losses.len() - 1])
    );
    assert!(u128::from(losses[losses.len() - 1]) <= LARGEST_LOSS.as_nanos(), "lost {losses:?} ns");
    if !keep {
        std::fs::remove_dir_all(folder).unwrap();
    }
}
