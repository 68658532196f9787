//! `sinew infer` and `sinew inspect` take any model that lowers, without a contract.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sinew_policy_runtime::image::Role;
use sinew_policy_runtime::policy_file::load_policy;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/models")
}

fn infer(model: &Path, lines: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sinew"))
        .arg("infer")
        .arg(model)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have refused the model already.
    let _ = child.stdin.take().unwrap().write_all(lines.as_bytes());
    child.wait_with_output().unwrap()
}

fn answers(model: &str, lines: &str) -> Vec<serde_json::Value> {
    let output = infer(&models().join(model), lines);
    assert!(output.status.success(), "{model}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn refusal(model: &str, lines: &str) -> String {
    let output = infer(&models().join(model), lines);
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn every_real_export_runs_by_name() {
    let mut count = 0;
    for entry in std::fs::read_dir(models()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "onnx") {
            continue;
        }
        let image = load_policy(&path).unwrap();
        let view = image.image().unwrap();
        let observations = view.inputs().filter(|input| input.role == Role::Observation);
        let fields: Vec<String> =
            observations.map(|input| format!("{:?}: {:?}", input.name, vec![1.0; input.size])).collect();
        let answer =
            answers(path.file_name().unwrap().to_str().unwrap(), &format!("{{{}}}\n", fields.join(",")));
        for output in view.outputs() {
            assert_eq!(answer[0][output.name].as_array().unwrap().len(), output.size, "{}", path.display());
        }
        count += 1;
    }
    assert!(count >= 60);
}

#[test]
fn state_carries_over_from_line_to_line_unless_a_line_sets_it() {
    let line = r#"{"obs": [[1, 2, 3, 4, 5]]}"#;
    let reset = r#"{"obs": [1, 2, 3, 4, 5], "h_in": [[[0, 0, 0, 0, 0, 0]]]}"#;
    let found = answers("gru_1_script.onnx", &format!("{line}\n\n{line}\n{reset}\n"));
    assert_eq!(found.len(), 3);
    assert_ne!(found[0]["actions"], found[1]["actions"]);
    assert_eq!(found[0], found[2]);
    let fed = format!(r#"{{"obs": [1, 2, 3, 4, 5], "h_in": {}}}"#, found[0]["h_out"]);
    assert_eq!(answers("gru_1_script.onnx", &fed)[0], found[1]);
}

#[test]
fn a_whole_number_is_written_as_one() {
    let found = answers("greedy_script.onnx", r#"{"obs": [0, 0, 0, 0, 0, 0]}"#);
    assert!(found[0]["actions"][0].is_u64(), "{found:?}");
}

#[test]
fn a_line_that_does_not_fit_is_refused_by_name() {
    let text = refusal("mlp_relu_script.onnx", r#"{"obs": [1, 2]}"#);
    assert!(text.contains("line 1: input \"obs\" has 2 values, expected 6"), "{text}");
    let text = refusal("mlp_relu_script.onnx", r#"{"observation": [1]}"#);
    assert!(text.contains("no input \"observation\"; its inputs are [\"obs\"]"), "{text}");
    let text = refusal("gru_1_script.onnx", r#"{"h_in": 0}"#);
    assert!(text.contains("input \"obs\" is missing, expected 5 values"), "{text}");
    let text = refusal("mlp_relu_script.onnx", "[1, 2]");
    assert!(text.contains("line 1: expected one JSON object"), "{text}");
}

#[test]
fn inspect_reports_ports_and_costs_of_a_foreign_model() {
    let path = models().join("gru_1_script.onnx");
    let output = Command::new(env!("CARGO_BIN_EXE_sinew")).arg("inspect").arg(path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    for expected in
        ["input   obs", "h_in", "state, carried over", "multiply-adds", "bytes touched", "bytes of scratch"]
    {
        assert!(text.contains(expected), "{expected} is missing in {text}");
    }
}
