//! What a finished run leaves behind can be shown and scored again, and gives the same numbers.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not tests by themselves")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// A trained run in a folder of its own, removed when the test ends.
struct Run {
    folder: PathBuf,
    /// What `train --json` printed.
    stdout: String,
}

impl Run {
    fn train(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("sinew-run-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let mut run = Self { folder, stdout: String::new() };
        let output =
            run.sinew(&["train", "pendulum-v1", "--steps", "300", "--seed", "5", "--out", "run", "--json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        run.stdout = String::from_utf8(output.stdout).unwrap();
        run
    }

    fn sinew(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_sinew")).current_dir(&self.folder).args(arguments).output().unwrap()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn people_read_stderr_and_programs_read_one_line_of_stdout() {
    let run = Run::train("streams");
    assert_eq!(run.stdout.lines().count(), 1, "{}", run.stdout);
    let output = run.sinew(&["report", "run"]);
    assert!(output.status.success() && output.stdout.is_empty());
    assert!(String::from_utf8(output.stderr).unwrap().contains("pendulum-v1"));
}

#[test]
fn a_report_is_rebuilt_from_the_run_alone() {
    let run = Run::train("report");
    let page = run.folder.join("run/report.html");
    let first = fs::read(&page).unwrap();
    fs::remove_file(&page).unwrap();
    assert!(run.sinew(&["report", "run"]).status.success());
    assert!(fs::read(&page).unwrap() == first, "the page differs");
}

#[test]
fn an_unfinished_run_has_no_report_and_says_so() {
    let run = Run::train("unfinished");
    fs::remove_file(run.folder.join("run/report.json")).unwrap();
    let output = run.sinew(&["report", "run"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("once it has finished") && text.contains("report.json"), "{text}");
}

#[test]
fn evaluating_again_with_the_same_seed_gives_trainings_own_score() {
    let run = Run::train("score");
    let evaluate = |policy| {
        let arguments = ["eval", policy, "--task", "pendulum-v1", "--seed", "5", "--json"];
        let output = run.sinew(&arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str::<serde_json::Value>(text.lines().last().unwrap()).unwrap()
    };
    let trained: serde_json::Value = serde_json::from_str(run.stdout.trim()).unwrap();
    for policy in ["run/policy.onnx", "run/policy.img"] {
        let evaluated = evaluate(policy);
        for key in ["return_mean", "return_std", "success_rate"] {
            assert_eq!(evaluated[key], trained[key], "{policy}: {key}");
        }
    }
}
