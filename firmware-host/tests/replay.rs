//! A logged flight is executed again, bit by bit, and whatever was changed in its log is found.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod untrained;

use sinew_firmware_host::allocation::{self, CountingAllocator};
use sinew_firmware_host::hil::{HilOptions, HilReport, Script, run};
use sinew_firmware_host::host::HostMemory;
use sinew_firmware_host::link::FaultPlan;
use sinew_firmware_host::rt::RtPolicy;
use sinew_firmware_host::telemetry::{Replay, replay};
use sinew_policy_runtime::image::AlignedImage;
use sinew_policy_runtime::onnx;
use sinew_sim::{Randomization, Task};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Everything that a link can do, twice: a fallback that recovers and a recovery.
const FAULTS: &str = "
[[faults]]
at_s = 0.3
duration_s = 0.15
kind = \"drop\"
[[faults]]
at_s = 0.7
duration_s = 0.6
kind = \"corrupt\"
probability = 0.2
[[faults]]
at_s = 0.7
duration_s = 0.6
kind = \"duplicate\"
probability = 0.3
[[faults]]
at_s = 1.4
duration_s = 0.4
kind = \"delay\"
delay_s = 0.012
probability = 0.5
";

fn image(task: &Task) -> AlignedImage {
    onnx::load(&untrained::policy(task)).unwrap()
}

/// A file that is not there yet.
fn new_file(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("sinew-replay-{}-{name}.mcap", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

fn fly(task: &Task, image: &AlignedImage, lockstep: bool, rate_hz: Option<f64>, log: &Path) -> HilReport {
    let options = HilOptions {
        link: "inproc".parse().unwrap(),
        duration_s: 2.5,
        seed: 4,
        randomization: Randomization::Acceptance,
        faults: FaultPlan::parse(FAULTS, "faults.toml").unwrap(),
        rt: RtPolicy::Off,
        early_us: 0,
        lockstep,
        rate_hz,
        log: Some(log.to_owned()),
        script: Script::default(),
    };
    run(task, image, &options).unwrap()
}

fn verified(found: &Replay) -> u64 {
    assert_eq!((found.difference.as_ref(), found.unverified, found.gaps), (None, 0, 0), "{found:?}");
    found.verified
}

#[test]
fn a_flight_in_lockstep_replays_and_equal_flights_have_equal_logs() {
    for name in ["quadrotor", "pendulum"] {
        let task = Task::load(name).unwrap();
        let image = image(&task);
        let [first, second] = ["first", "second"].map(|run| new_file(&format!("{name}-{run}")));
        let report = fly(&task, &image, true, None, &first);
        fly(&task, &image, true, None, &second);
        assert!(std::fs::read(&first).unwrap() == std::fs::read(&second).unwrap(), "{name}");
        let found = replay(&first, &image).unwrap();
        assert!(verified(&found) > report.ticks, "the ticks before arming are in the log too: {found:?}");
        assert!(found.keyframes >= 2 && found.cut_at.is_none(), "{found:?}");
        // The pendulum may be without a sample for longer than these faults last.
        assert_eq!(report.faults.is_empty(), name == "pendulum", "{name}: {:?}", report.faults);
        for path in [first, second] {
            std::fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn a_flight_in_real_time_replays_with_every_tick_at_the_time_it_had() {
    let task = Task::load("quadrotor").unwrap();
    let image = image(&task);
    let log = new_file("real-time");
    // Several ticks to a policy period, so that most only hold the command.
    let report = fly(&task, &image, false, Some(1000.0), &log);
    assert_eq!(report.log.as_ref().unwrap().dropped, 0, "{report:?}");
    // Logging included; and what counts does count.
    assert_eq!(report.allocations, 0);
    assert!(allocation::count() > 0);
    let found = replay(&log, &image).unwrap();
    assert!(verified(&found) >= report.ticks && report.ticks > 100, "{found:?}");
    std::fs::remove_file(log).unwrap();
}

/// Writes the log anew, with each message's text as `change` makes it from topic and text.
fn rewritten(log: &Path, name: &str, mut change: impl FnMut(&str, &str) -> Option<String>) -> PathBuf {
    let bytes = std::fs::read(log).unwrap();
    let path = new_file(name);
    let mut writer = mcap::Writer::new(std::fs::File::create_new(&path).unwrap()).unwrap();
    for message in mcap::MessageStream::new(&bytes).unwrap() {
        let mut message = message.unwrap();
        let text = std::str::from_utf8(&message.data).unwrap();
        let Some(text) = change(&message.channel.topic, text) else { continue };
        message.data = Cow::Owned(text.into_bytes());
        writer.write(&message).unwrap();
    }
    writer.finish().unwrap();
    path
}

#[test]
fn what_was_changed_in_a_log_is_found_with_tick_field_and_both_values() {
    let task = Task::load("quadrotor").unwrap();
    let image = image(&task);
    let log = new_file("changed");
    fly(&task, &image, true, None, &log);
    let tick = 100;
    let of_tick = |text: &str| text.starts_with(&format!("{{\"tick\":{tick},"));

    // An output: the last digit of a command.
    let path =
        rewritten(&log, "command", |topic, text| {
            let end = text.find("},\"counters\"").filter(|_| topic == "/tick" && of_tick(text));
            let digit = end.map(|end| (end, if text.as_bytes()[end - 1] == b'1' { "2" } else { "1" }));
            Some(digit.map_or(text.to_owned(), |(end, digit)| {
                format!("{}{digit}{}", &text[..end - 1], &text[end..])
            }))
        });
    let found = replay(&path, &image).unwrap().difference.unwrap();
    assert_eq!(found.tick, tick);
    assert!(found.field.starts_with("command."), "{found:?}");
    assert_ne!(found.logged, found.replayed);
    std::fs::remove_file(path).unwrap();

    // A decision.
    let path = rewritten(&log, "mode", |topic, text| {
        let changed = topic == "/tick" && of_tick(text);
        Some(if changed {
            text.replace("\"mode\":\"running\"", "\"mode\":\"fallback\"")
        } else {
            text.to_owned()
        })
    });
    let found = replay(&path, &image).unwrap().difference.unwrap();
    assert_eq!((found.tick, &found.field[..]), (tick, "mode"));
    assert_eq!((&found.logged[..], &found.replayed[..]), ("\"fallback\"", "\"running\""));
    std::fs::remove_file(path).unwrap();

    // A frame that was sent.
    let path =
        rewritten(&log, "sent", |topic, text| (topic != "/sent" || !of_tick(text)).then(|| text.to_owned()));
    let found = replay(&path, &image).unwrap().difference.unwrap();
    assert_eq!((found.tick, &found.field[..], &found.logged[..]), (tick, "sent[0]", "null"));
    std::fs::remove_file(path).unwrap();

    // An input: a tick without the sample that it had.
    let path = rewritten(&log, "received", |topic, text| {
        (topic != "/received" || !of_tick(text)).then(|| text.to_owned())
    });
    let found = replay(&path, &image).unwrap().difference.unwrap();
    assert_eq!(found.tick, tick);
    std::fs::remove_file(path).unwrap();

    // Nothing but the spaces of a text that is compared by value.
    let path = rewritten(&log, "spaces", |_, text| Some(text.replacen(':', ": ", 1)));
    verified(&replay(&path, &image).unwrap());
    std::fs::remove_file(path).unwrap();
    std::fs::remove_file(log).unwrap();
}

#[test]
fn another_policy_and_other_files_are_refused() {
    let (quadrotor, pendulum) = (Task::load("quadrotor").unwrap(), Task::load("pendulum").unwrap());
    let log = new_file("refused");
    fly(&quadrotor, &image(&quadrotor), true, None, &log);
    let refusal = |path: &Path| replay(path, &image(&pendulum)).unwrap_err().to_string();
    assert!(
        refusal(&log).starts_with("the log was made with another policy: contract "),
        "{}",
        refusal(&log)
    );
    std::fs::remove_file(&log).unwrap();
    assert!(refusal(&log).contains("No such file"), "{}", refusal(&log));
    let other = new_file("other");
    std::fs::write(&other, "no log").unwrap();
    assert!(refusal(&other).contains("not an MCAP file"), "{}", refusal(&other));
    std::fs::remove_file(other).unwrap();
}

#[test]
fn a_policy_that_remembers_replays_from_the_keyframe_behind_missing_records() {
    let task = Task::load("quadrotor").unwrap();
    let image = onnx::load(&untrained::recurrent_policy(&task)).unwrap();
    let log = new_file("recurrent");
    let report = fly(&task, &image, true, None, &log);
    assert!(verified(&replay(&log, &image).unwrap()) > report.ticks);

    // Without its beginning there is nothing but a keyframe to go on from.
    let early = |text: &str| {
        let tick = text.strip_prefix("{\"tick\":").and_then(|rest| rest.split(',').next());
        tick.and_then(|tick| tick.parse::<u64>().ok()).is_some_and(|tick| tick < 50)
    };
    let path =
        rewritten(&log, "behind", |topic, text| (topic == "/start" || !early(text)).then(|| text.to_owned()));
    let found = replay(&path, &image).unwrap();
    assert_eq!(found.difference, None);
    assert!(found.verified > 100 && found.unverified > 0, "{found:?}");

    // And what it remembers is in it: a keyframe with one other bit of it leads elsewhere.
    let mut changed = 0;
    let other = rewritten(&path, "otherwise", |topic, text| {
        if topic != "/keyframe" || changed > 0 {
            return Some(text.to_owned());
        }
        changed += 1;
        Some(with_another_state(text))
    });
    assert!(replay(&other, &image).unwrap().difference.is_some());
    for path in [log, path, other] {
        std::fs::remove_file(path).unwrap();
    }
}

/// A keyframe's text, with another value in front of what the policy remembers.
fn with_another_state(text: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let mut message: serde_json::Value = serde_json::from_str(text).unwrap();
    let bytes = STANDARD.decode(message["memory"].as_str().unwrap()).unwrap();
    let memory: HostMemory = postcard::from_bytes(&bytes).unwrap();
    let mut value = serde_json::to_value(&memory).unwrap();
    value["controller"]["states"][0] = 0.125.into();
    let memory: HostMemory = serde_json::from_value(value).unwrap();
    let mut buffer = vec![0; 1 << 16];
    message["memory"] = STANDARD.encode(postcard::to_slice(&memory, &mut buffer).unwrap()).into();
    message.to_string()
}
