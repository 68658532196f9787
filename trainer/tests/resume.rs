//! A run that was killed, interrupted or stopped by a full disk goes on bit for bit as if it had never stopped.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not tests by themselves")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Moments at which a run is killed; CI's long checks ask for more.
const KILLS: &str = "SINEW_KILLS";
/// A buffer that wraps, evaluations, and a checkpoint that is no multiple of them.
const RUN: [&str; 17] = [
    "train",
    "pendulum-v1",
    "--steps",
    "4000",
    "--set",
    "sac.hidden=[8]",
    "--set",
    "sac.batch_size=8",
    "--set",
    "sac.replay_capacity=1000",
    "--set",
    "training.checkpoint_interval=150",
    "--set",
    "training.evaluation_interval=1000",
    "--set",
    "training.evaluation_episodes=2",
    "--out",
];

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sinew-resume-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sinew"));
        command.current_dir(&self.0).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    fn sinew(&self, arguments: &[&str]) -> Output {
        self.start(arguments).wait_with_output().unwrap()
    }

    fn train(&self, out: &str, more: &[&str]) {
        let arguments: Vec<&str> = RUN.iter().chain([&out]).chain(more).copied().collect();
        let output = self.sinew(&arguments);
        assert!(output.status.success(), "{}", told(&output));
    }

    /// Resumes a run to its end.
    fn finish(&self, out: &str) {
        let output = self.sinew(&["train", "--resume", "--out", out]);
        assert!(output.status.success(), "{}", told(&output));
        assert!(!told(&output).contains("warning"), "{}", told(&output));
    }

    /// All that a run leaves and that holds no time: the policy, the checkpoints, and the rows of metrics.
    fn result(&self, out: &str) -> BTreeMap<String, Vec<u8>> {
        let run = self.0.join(out);
        let mut result = BTreeMap::new();
        for name in ["policy.onnx", "policy.img", "eval.json", "config.toml"] {
            result.insert(name.to_owned(), fs::read(run.join(name)).unwrap());
        }
        for entry in fs::read_dir(run.join("checkpoints")).unwrap() {
            let path = entry.unwrap().path();
            result.insert(path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap());
        }
        let metrics = fs::read_to_string(run.join("metrics.csv")).unwrap();
        let timeless = |row: &str| {
            let columns: Vec<&str> = row.split(',').collect();
            [&columns[..1], &columns[3..]].concat().join(",") + "\n"
        };
        result
            .insert("metrics.csv".to_owned(), metrics.lines().map(timeless).collect::<String>().into_bytes());
        result
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Compares names first, so that a difference is not megabytes of bytes.
fn assert_same(found: &BTreeMap<String, Vec<u8>>, expected: &BTreeMap<String, Vec<u8>>, what: &str) {
    assert!(found.keys().eq(expected.keys()), "{what}: {:?} instead of {:?}", found.keys(), expected.keys());
    let mut different = found.iter().filter(|(name, bytes)| expected[*name] != **bytes);
    let first = different.next().map(|(name, _)| name);
    assert_eq!(first, None, "{what}");
}

/// Moments without a pattern, but not the same ones in every run of the test.
fn random() -> impl FnMut() -> f64 {
    let mut state = u64::from(std::process::id()) | 1;
    state ^= std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[test]
fn a_run_killed_at_any_moment_goes_on_to_the_same_bits() {
    let scratch = Scratch::new("kill");
    let started = Instant::now();
    scratch.train("whole", &[]);
    let whole_s = started.elapsed().as_secs_f64();
    let expected = scratch.result("whole");
    scratch.train("threads", &["--threads", "2"]);
    let mut threaded = scratch.result("threads");
    // The one line that tells the number of threads.
    threaded.insert("config.toml".to_owned(), expected["config.toml"].clone());
    assert_same(&threaded, &expected, "two threads");

    let kills: usize = std::env::var(KILLS).map_or(4, |text| text.parse().unwrap());
    let mut random = random();
    let mut killed = 0;
    while killed < kills {
        let moment_s = whole_s * random();
        let out = format!("killed-{killed}");
        let arguments: Vec<&str> = RUN.iter().chain([&out.as_str()]).copied().collect();
        let mut child = scratch.start(&arguments);
        std::thread::sleep(Duration::from_secs_f64(moment_s));
        let ended = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        // Killed before it had written what it is: there is nothing yet that could go on.
        if !ended && scratch.0.join(&out).join("config.toml").is_file() {
            scratch.finish(&out);
            assert_same(
                &scratch.result(&out),
                &expected,
                &format!("killed after {moment_s} s of {whole_s} s"),
            );
            killed += 1;
        }
        let _ = fs::remove_dir_all(scratch.0.join(&out));
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_saves_itself_says_how_to_go_on_and_does() {
    let scratch = Scratch::new("interrupt");
    scratch.train("whole", &[]);
    for signal in ["INT", "TERM"] {
        let arguments: Vec<&str> = RUN.iter().chain([&signal]).copied().collect();
        let child = scratch.start(&arguments);
        // As soon as there is anything to interrupt.
        while !first_checkpoint(&scratch.0.join(signal)) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{signal}: {}", told(&output));
        let hint = format!("go on with: sinew train --resume --out {signal}");
        assert!(told(&output).contains(&hint), "{signal}: {}", told(&output));
        assert!(!scratch.0.join(signal).join("policy.onnx").exists());
        scratch.finish(signal);
        // The extra checkpoint split a segment in two; all else is the same.
        let timeless = |out: &str| {
            let mut result = scratch.result(out);
            result.retain(|name, _| name.contains('.') && !name.ends_with("rows") && !name.ends_with("ckpt"));
            result
        };
        assert_same(&timeless(signal), &timeless("whole"), signal);
    }
}

fn first_checkpoint(run: &Path) -> bool {
    let Ok(mut entries) = fs::read_dir(run.join("checkpoints")) else { return false };
    entries.any(|entry| entry.is_ok_and(|entry| entry.path().extension().is_some_and(|kind| kind == "ckpt")))
}

/// A limit on the size of a file stands for a disk that is full: rows can still be written, a checkpoint cannot.
#[cfg(unix)]
#[test]
fn a_full_disk_stops_the_run_with_the_last_checkpoint_kept() {
    let scratch = Scratch::new("disk");
    scratch.train("whole", &[]);
    let arguments: Vec<&str> = RUN.iter().chain([&"full"]).copied().collect();
    let mut child = scratch.start(&arguments);
    while !first_checkpoint(&scratch.0.join("full")) {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let mut shell = Command::new("bash");
    let limited = "trap '' XFSZ; ulimit -f 2; exec \"$0\" train --resume --out full";
    let output =
        shell.current_dir(&scratch.0).args(["-c", limited, env!("CARGO_BIN_EXE_sinew")]).output().unwrap();
    let text = told(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("could not be written") && text.contains("--resume goes on from it"), "{text}");
    scratch.finish("full");
    assert_same(&scratch.result("full"), &scratch.result("whole"), "after the disk was full");
}

#[test]
fn a_resume_with_other_settings_or_of_no_run_is_refused_by_name() {
    let scratch = Scratch::new("refused");
    let refusal = |arguments: &[&str]| {
        let output = scratch.sinew(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", told(&output));
        told(&output)
    };
    scratch.train("run", &[]);
    let text = refusal(&["train", "--resume", "--out", "run", "--set", "sac.gamma=0.5"]);
    assert!(text.contains("[sac] gamma is 0.5, its checkpoint was made with 0.99"), "{text}");
    let text = refusal(&["train", "pendulum", "--resume", "--out", "run"]);
    assert!(text.contains("the task is pendulum, its checkpoint was made with pendulum-v1"), "{text}");
    assert!(refusal(&["train", "--resume", "--out", "nowhere"]).contains("nowhere holds no run"));
    assert!(refusal(&["train", "--resume"]).contains("--out"));
    let policy = fs::read(scratch.0.join("run/policy.onnx")).unwrap();
    scratch.finish("run");
    assert!(fs::read(scratch.0.join("run/policy.onnx")).unwrap() == policy);

    let output = scratch.sinew(&["train", "--resume", "--out", "run", "--steps", "3000"]);
    assert!(told(&output).contains("the run has 4000 steps already"), "{}", told(&output));
    let output = scratch.sinew(&["train", "--resume", "--out", "run", "--steps", "5000", "--json"]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let object: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(object["steps"], 5_000);

    scratch.train("scheduled", &["--set", "sac.final_learning_rate_share=0.5"]);
    let text = refusal(&["train", "--resume", "--out", "scheduled", "--steps", "5000"]);
    assert!(text.contains("follows a schedule") && text.contains("is 5000"), "{text}");
}

/// A task that trains on cheaper physics than it is accepted on, and the same without.
fn carts(scratch: &Scratch) {
    let own = include_str!("../../sim/tasks/cart_pole.toml");
    let both = own.replace("[dynamics]\n", "[dynamics]\ntraining_formulation = \"joint_constraints\"\n");
    assert_ne!(own, both);
    fs::write(scratch.0.join("own.toml"), own).unwrap();
    fs::write(scratch.0.join("both.toml"), both).unwrap();
}

/// Rollouts of 256 steps, and a checkpoint after each.
fn train_cart(scratch: &Scratch, task: &str, out: &str, exact_share: &str) -> String {
    let share = format!("training.exact_share={exact_share}");
    let sets = [
        "training.steps=2048",
        "training.environments=4",
        "training.evaluation_interval=512",
        "training.evaluation_episodes=2",
        "training.checkpoint_interval=256",
        "training.keep_checkpoints=100",
        "ppo.steps_per_environment=64",
        "ppo.minibatches=4",
        "ppo.hidden=[8]",
        &share,
    ];
    let sets = sets.iter().flat_map(|set| ["--set", *set]);
    let arguments: Vec<&str> =
        ["train", task, "--algo", "ppo", "--out", out].into_iter().chain(sets).collect();
    let output = scratch.sinew(&arguments);
    assert!(output.status.success(), "{}", told(&output));
    told(&output)
}

#[test]
fn a_run_that_ends_on_exact_physics_goes_on_bit_for_bit_on_either_side_of_the_change() {
    let scratch = Scratch::new("exact");
    carts(&scratch);
    let text = train_cart(&scratch, "both.toml", "whole", "0.5");
    assert!(text.contains("1024 steps  from here in the formulation that the task is accepted in"), "{text}");
    let expected = scratch.result("whole");
    for steps in [768, 1024, 1280] {
        let out = format!("from-{steps}");
        let checkpoints = scratch.0.join(&out).join("checkpoints");
        fs::create_dir_all(&checkpoints).unwrap();
        for name in ["config.toml", "task.txt", "metrics.csv"] {
            fs::copy(scratch.0.join("whole").join(name), scratch.0.join(&out).join(name)).unwrap();
        }
        for name in expected.keys() {
            let number = name.strip_prefix("step-").and_then(|rest| rest.strip_suffix(".ckpt"));
            if number.is_some_and(|number| number.parse::<u64>().unwrap() <= steps) {
                let from = scratch.0.join("whole/checkpoints").join(name);
                fs::copy(from, checkpoints.join(name)).unwrap();
            }
        }
        scratch.finish(&out);
        assert_same(&scratch.result(&out), &expected, &out);
    }
    let output = scratch.sinew(&["inspect", "whole/policy.onnx"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let (_, rest) = text.split_once("trained with ppo for ").unwrap();
    let best: u64 = rest.split(' ').next().unwrap().parse().unwrap();
    assert!(
        best >= 1024,
        "the best policy is one that was judged on exact physics, not that of {best} steps"
    );
    let output = scratch.sinew(&["train", "--resume", "--out", "whole", "--steps", "4096"]);
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    assert!(told(&output).contains("follows a schedule"), "{}", told(&output));
}

#[test]
fn all_of_a_run_may_be_on_exact_physics() {
    let scratch = Scratch::new("all-exact");
    carts(&scratch);
    train_cart(&scratch, "own.toml", "own", "0");
    train_cart(&scratch, "both.toml", "all", "1");
    train_cart(&scratch, "both.toml", "none", "0");
    let [own, all, none] = ["own", "all", "none"].map(|out| scratch.result(out)["metrics.csv"].clone());
    assert!(own == all && own != none);
    let curve = |out: &str| {
        let text = fs::read_to_string(scratch.0.join(out).join("report.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["curve"].clone()
    };
    assert_eq!(curve("own"), curve("all"));
}
