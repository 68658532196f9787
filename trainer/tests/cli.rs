//! Bad input gets a clear error and exit code 2, and nothing is overwritten.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of its own for each test, removed when it ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sinew-cli-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn sinew(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sinew")).current_dir(folder).args(arguments).output().unwrap()
}

/// Runs a command that must be refused, and returns what it says.
fn refusal(folder: &Path, arguments: &[&str]) -> String {
    let output = sinew(folder, arguments);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
    text
}

#[test]
fn an_unknown_task_names_the_nearest_and_all_there_are() {
    let scratch = Scratch::new("task");
    let text = refusal(&scratch.0, &["train", "quadrotr"]);
    assert!(text.contains("\"quadrotr\"") && text.contains("did you mean \"quadrotor\"?"), "{text}");
    assert!(!scratch.0.join("runs").exists());
}

#[test]
fn an_algorithm_that_cannot_act_in_a_task_is_refused_before_anything_is_written() {
    let scratch = Scratch::new("discrete");
    let text = refusal(&scratch.0, &["train", "cartpole-v1", "--algo", "sac"]);
    let expected = "task cartpole-v1 chooses among 2 discrete actions; sac acts in a continuous space";
    assert!(text.contains(expected), "{text}");
    let text = refusal(&scratch.0, &["train", "pendulum-v1", "--algo", "dqn"]);
    assert!(
        text.contains("task pendulum-v1 acts in a continuous space; dqn chooses among discrete"),
        "{text}"
    );
    assert!(!scratch.0.join("runs").exists());
}

#[test]
fn a_mistyped_key_names_its_place_and_the_nearest() {
    let scratch = Scratch::new("key");
    let config = scratch.file("run.toml", b"[sac]\ngamma = 0.9\nbatchsize = 64\n");
    let text = refusal(&scratch.0, &["train", "pendulum-v1", "--config", &config]);
    assert!(text.contains("run.toml:3: unknown key \"batchsize\", did you mean \"batch_size\"?"), "{text}");
    let text = refusal(&scratch.0, &["train", "pendulum-v1", "--set", "sac.gamma=high"]);
    assert!(text.contains("sac.gamma=high"), "{text}");
    let text = refusal(&scratch.0, &["train", "pendulum-v1", "--set", "sac.gamma=1.5"]);
    assert!(text.contains("sac.gamma is 1.5, expected above 0 and at most 1"), "{text}");
    assert!(!scratch.0.join("runs").exists());
}

#[test]
fn a_truncated_or_foreign_policy_is_named_for_what_it_is() {
    let scratch = Scratch::new("policy");
    let foreign = scratch.file("notes.onnx", b"these are not the bytes of a policy");
    for command in [&["inspect", &foreign][..], &["eval", &foreign, "--task", "quadrotor"]] {
        assert!(refusal(&scratch.0, command).contains("notes.onnx"));
    }
    let missing = scratch.0.join("missing.onnx");
    assert!(refusal(&scratch.0, &["inspect", missing.to_str().unwrap()]).contains("missing.onnx"));
}

#[test]
fn a_run_and_its_files_are_never_overwritten() {
    let scratch = Scratch::new("run");
    let train = ["train", "pendulum-v1", "--steps", "300", "--out", "run"];
    let first = sinew(&scratch.0, &train);
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let policy = fs::read(scratch.0.join("run/policy.onnx")).unwrap();
    let text = refusal(&scratch.0, &train);
    assert!(text.contains("run already holds") && text.contains("nothing was overwritten"), "{text}");
    assert_eq!(fs::read(scratch.0.join("run/policy.onnx")).unwrap(), policy);

    let exported = sinew(&scratch.0, &["export", "run", "-o", "exported.onnx"]);
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    assert!(fs::read(scratch.0.join("exported.onnx")).unwrap() == policy);
    let text = refusal(&scratch.0, &["export", "run", "-o", "exported.onnx"]);
    assert!(text.contains("nothing was overwritten"), "{text}");

    let truncated = scratch.file("short.onnx", &policy[..policy.len() / 2]);
    assert!(refusal(&scratch.0, &["inspect", &truncated]).contains("short.onnx"));
    let text = refusal(&scratch.0, &["eval", "run/policy.onnx", "--task", "quadrotor"]);
    assert!(text.contains("quadrotor"), "{text}");
}

#[test]
fn json_is_one_object_on_the_last_line() {
    let scratch = Scratch::new("json");
    let output = sinew(&scratch.0, &["train", "pendulum-v1", "--steps", "300", "--out", "run", "--json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let object: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    for key in ["steps", "seconds", "steps_per_s", "return_mean", "return_std", "success_rate", "policy"] {
        assert!(object.get(key).is_some(), "{key} is missing in {object}");
    }
    assert_eq!(object["steps"], 300);
}

#[test]
fn an_episode_is_written_once_and_is_the_one_that_eval_scores() {
    let scratch = Scratch::new("play");
    let trained = sinew(&scratch.0, &["train", "pendulum-v1", "--steps", "300", "--out", "run"]);
    assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
    let policy = "run/policy.onnx";
    for file in ["episode.html", "episode.mcap"] {
        let play = ["play", policy, "--task", "pendulum-v1", "-o", file, "--seed", "5", "--episode", "0"];
        let output = sinew(&scratch.0, &play);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{told}");
        let written = fs::read(scratch.0.join(file)).unwrap();
        assert!(written.len() < 1_200_000, "{file} has {} bytes", written.len());
        assert!(refusal(&scratch.0, &play).contains("nothing was overwritten"));
        assert!(fs::read(scratch.0.join(file)).unwrap() == written);

        let eval = ["eval", policy, "--task", "pendulum-v1", "--seed", "5", "--episodes", "1", "--json"];
        let output = sinew(&scratch.0, &eval);
        let text = String::from_utf8(output.stdout).unwrap();
        let object: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        let expected = format!("return {:.2},", object["return_mean"].as_f64().unwrap());
        assert!(told.contains(&expected), "{told} lacks {expected}");
    }
}

#[test]
fn an_episode_that_cannot_be_played_or_written_is_refused() {
    let scratch = Scratch::new("play-refused");
    let text = refusal(&scratch.0, &["play", "policy.onnx", "--task", "pendulum-v1", "-o", "episode.mp4"]);
    assert!(text.contains("episode.mp4: expected a name that ends in .html or .mcap"), "{text}");
    let text = refusal(&scratch.0, &["play", "policy.onnx", "--task", "pendulm-v1", "-o", "episode.html"]);
    assert!(text.contains("did you mean \"pendulum-v1\"?"), "{text}");
    let text = refusal(&scratch.0, &["play", "missing.onnx", "--task", "pendulum-v1", "-o", "episode.html"]);
    assert!(text.contains("missing.onnx"), "{text}");
    assert!(!scratch.0.join("episode.html").exists());
}

#[test]
fn a_policy_is_signed_once_with_a_key_that_nobody_else_can_read() {
    let scratch = Scratch::new("sign");
    let image = include_bytes!("../../policy-runtime/tests/data/pendulum.img");
    let policy = scratch.file("policy.img", image);
    assert!(sinew(&scratch.0, &["sign", "--new-key", "release.key"]).status.success());
    assert!(sinew(&scratch.0, &["sign", &policy, "--key", "release.key"]).status.success());
    assert_eq!(fs::read_to_string(scratch.0.join("policy.img.sig")).unwrap().trim().len(), 128);
    assert!(refusal(&scratch.0, &["sign", &policy, "--key", "release.key"]).contains("File exists"));
    let public = refusal(&scratch.0, &["sign", &policy, "--key", "release.key.pub"]);
    assert!(public.contains("its mode is 0644, expected 0600"), "{public}");
    assert!(refusal(&scratch.0, &["sign", &policy]).contains("--key"));
    assert!(refusal(&scratch.0, &["sign", "--new-key", "release.key"]).contains("File exists"));
}
