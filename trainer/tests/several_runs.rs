//! Runs beside each other: several seeds, a start from an earlier run or policy, a sweep, early stopping, one picture of all.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not tests by themselves")]

use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Small enough that a run takes a blink.
const SMALL: [&str; 8] = [
    "--set",
    "sac.hidden=[8]",
    "--set",
    "sac.batch_size=8",
    "--set",
    "training.evaluation_interval=200",
    "--set",
    "training.evaluation_episodes=2",
];

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sinew-several-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn sinew(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_sinew")).current_dir(&self.0).args(arguments).output().unwrap()
    }

    /// What a command that must succeed prints for programs.
    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.sinew(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str(text.lines().last().unwrap()).unwrap()
    }

    fn train(&self, task: &str, out: &str, more: &[&str]) -> Value {
        self.json(&[&["train", task, "--steps", "600", "--out", out][..], &SMALL[..], more].concat())
    }

    fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.sinew(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        text
    }

    fn file(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn seeds_are_the_runs_that_each_would_be_alone_and_one_picture_shows_them() {
    let scratch = Scratch::new("seeds");
    let seeds = scratch.train("pendulum-v1", "seeds", &["--sweep-seeds", "2", "--seed", "3"]);
    let alone = scratch.train("pendulum-v1", "alone", &["--seed", "4"]);
    assert!(scratch.file("alone/policy.onnx") == scratch.file("seeds/seed-4/policy.onnx"));
    let returns: Vec<f64> =
        seeds["seeds"].as_array().unwrap().iter().map(|run| run["return_mean"].as_f64().unwrap()).collect();
    assert_eq!(returns[1], alone["return_mean"].as_f64().unwrap());
    let mean = 0.5 * (returns[0] + returns[1]);
    assert!((seeds["return_mean"].as_f64().unwrap() - mean).abs() < 1e-9);
    let spread = (returns[0] - returns[1]).abs() / std::f64::consts::SQRT_2;
    assert!((seeds["return_std"].as_f64().unwrap() - spread).abs() < 1e-9);

    let draw = ["report", "--compare", "seeds", "alone", "-o", "curves.svg"];
    let output = scratch.sinew(&draw);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let picture = String::from_utf8(scratch.file("curves.svg")).unwrap();
    assert!(picture.contains("SAC (3 seeds)") && picture.contains("Learning curves on pendulum-v1"));
    assert!(scratch.refusal(&["report", "seeds/seed-3", "alone"]).contains("--compare"));
}

#[test]
fn a_run_starts_from_an_earlier_runs_networks_or_from_a_policy_and_from_none_that_does_not_fit() {
    let scratch = Scratch::new("init");
    scratch.train("pendulum-v1", "first", &[]);
    // Without a step of learning, what comes out is what was put in: bit for bit the same actor.
    let idle = ["--set", "sac.start_steps=5000", "--set", "training.keep_best=false"];
    let last = ["--set", "training.evaluation_interval=0"];
    let fixed = [&idle[..], &last[..]].concat();
    scratch.train(
        "pendulum-v1",
        "from-policy",
        &[&["--init", "first/policy.onnx", "--seed", "9"][..], &fixed[..]].concat(),
    );
    scratch.train("pendulum-v1", "fresh", &[&["--seed", "9"][..], &fixed[..]].concat());
    let weights = |run: &str| {
        let bytes = scratch.file(&format!("{run}/policy.onnx"));
        let actor = sinew_trainer::actor::TrainedActor::import(&bytes).unwrap();
        format!("{actor:?}").split("normalizer").next().unwrap().to_owned()
    };
    assert_eq!(weights("from-policy"), weights("first"));
    assert_ne!(weights("fresh"), weights("first"));
    scratch.train("pendulum-v1", "from-run", &[&["--init", "first", "--seed", "9"][..], &fixed[..]].concat());
    assert_ne!(weights("from-run"), weights("fresh"));

    let wider = ["train", "pendulum-v1", "--steps", "300", "--set", "sac.hidden=[16]", "--out"];
    let text = scratch.refusal(&[&wider[..], &["wide", "--init", "first"]].concat());
    assert!(text.contains("network \"actor\" has"), "{text}");
    let text = scratch.refusal(&[&wider[..], &["wider", "--init", "first/policy.onnx"]].concat());
    assert!(text.contains("the actor's layers is 3 to 8, 8 to 1, expected 3 to 16, 16 to 1"), "{text}");
    fs::write(scratch.0.join("notes.onnx"), b"no policy").unwrap();
    assert!(
        scratch.refusal(&[&wider[..], &["other", "--init", "notes.onnx"]].concat()).contains("notes.onnx")
    );
}

#[test]
fn a_sweep_is_a_table_of_evaluations_with_one_number_held() {
    let scratch = Scratch::new("sweep");
    scratch.train("pendulum", "run", &[]);
    let eval = ["eval", "run/policy.onnx", "--task", "pendulum", "--episodes", "4"];
    let swept =
        scratch.json(&[&eval[..], &["--sweep", "gravity=0:1:2", "--sweep", "mass=0.5:1.5:3"]].concat());
    let tables = swept["sweep"].as_array().unwrap();
    assert_eq!((tables[0]["name"].as_str(), tables[1]["name"].as_str()), (Some("gravity"), Some("mass")));
    let values: Vec<f64> =
        tables[1]["rows"].as_array().unwrap().iter().map(|row| row["value"].as_f64().unwrap()).collect();
    assert_eq!(values, [0.5, 1.0, 1.5]);
    // Gravity as it is in the model is what the task has anyway.
    assert_eq!(tables[0]["rows"][1]["return_mean"], swept["return_mean"]);
    assert_ne!(tables[0]["rows"][0]["return_mean"], swept["return_mean"]);
    let kept: Value = serde_json::from_slice(&scratch.file("run/sweep.json")).unwrap();
    assert_eq!(kept, swept["sweep"]);
    let text = scratch.refusal(&[&eval[..], &["--sweep", "masss=0.5:1.5:3"]].concat());
    assert!(text.contains("did you mean \"mass\"?"), "{text}");
    assert!(scratch.refusal(&[&eval[..], &["--sweep", "mass=0.5"]].concat()).contains("mass=0.7:1.3:7"));
}

#[test]
fn a_threshold_ends_a_run_early_and_resuming_it_does_not_go_on() {
    let scratch = Scratch::new("early");
    // Any return is above the lowest that there is.
    let run = scratch.train("pendulum-v1", "run", &["--set", "training.stop_at_return=-5000.0"]);
    assert_eq!((&run["steps"], &run["stopped_early"]), (&200.into(), &true.into()));
    let again = scratch.json(&["train", "--resume", "--out", "run"]);
    assert_eq!(again["steps"], 200);
    let [low, high] = [0, 1].map(|end| run["return_interval"][end].as_f64().unwrap());
    let mean = run["return_mean"].as_f64().unwrap();
    assert!(low < mean && mean < high);
}
