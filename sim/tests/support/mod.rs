//! Tasks that differ from a built-in one in a few lines.

pub(crate) mod world;

use sinew_sim::{Env, Fault, Randomization, Task};
use std::path::PathBuf;

/// The built-in task's text.
pub(crate) fn text(task: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tasks").join(format!("{task}.toml"));
    std::fs::read_to_string(path).unwrap()
}

/// Writes a task's text to a file of its own and returns the path. Tests that write the same text side by side never
/// see a part of it.
pub(crate) fn write(name: &str, text: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let partial =
        folder.join(format!("{name}-{}-{:?}.partial", std::process::id(), std::thread::current().id()));
    let path = folder.join(format!("{name}.toml"));
    std::fs::write(&partial, text).unwrap();
    std::fs::rename(partial, &path).unwrap();
    path.display().to_string()
}

/// A task's text without any randomization or sensor errors, and with other `lines` at its end.
#[allow(dead_code, reason = "not every test file needs it")]
pub(crate) fn varied(text: &str, lines: &str) -> String {
    let before = text.split_once("[[randomization]]").map_or(text, |(before, _)| before);
    let flawless: Vec<&str> = before.lines().filter(|line| !line.starts_with("errors = ")).collect();
    format!("{}\n{lines}\n", flawless.join("\n"))
}

/// One term for both levels, in a file's words.
#[allow(dead_code, reason = "not every test file needs it")]
pub(crate) fn term(name: &str, operation: &str, distribution: &str) -> String {
    format!("[[randomization]]\nterm = {name:?}\noperation = {operation:?}\ntraining = {distribution}\n")
}

/// A built-in task in which nothing but `terms` is randomized.
#[allow(dead_code, reason = "not every test file needs it")]
pub(crate) fn randomized(task: &str, name: &str, terms: &[(&str, &str, &str)]) -> Task {
    let lines: String = terms.iter().map(|(name, operation, drawn)| term(name, operation, drawn)).collect();
    Task::load(&write(name, &varied(&text(task), &lines))).unwrap()
}

/// A robot of several joints that is never without contacts, in one of rapier's formulations.
#[allow(dead_code, reason = "not every test file needs it")]
pub(crate) fn crawler(formulation: &str) -> Task {
    crawler_with(formulation, &format!("formulation = {formulation:?}"))
}

/// The same robot, which trains in joint constraints and is accepted in reduced coordinates.
#[allow(dead_code, reason = "not every test file needs it")]
pub(crate) fn crawler_of_both() -> Task {
    crawler_with("both", "training_formulation = \"joint_constraints\"")
}

fn crawler_with(name: &str, dynamics: &str) -> Task {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/support");
    let text = std::fs::read_to_string(folder.join("crawler.toml")).unwrap();
    let model = folder.join("crawler.xml").display().to_string();
    let placed = text.replace("model = \"crawler.xml\"", &format!("model = {model:?}\n{dynamics}"));
    Task::load(&write(&format!("crawler-{name}"), &placed)).unwrap()
}

/// A fault's file is all that a re-run needs: it leads to the same fault, at its last action and no earlier.
#[allow(dead_code, reason = "not every test file needs it")]
pub(crate) fn assert_runs_again(task: &Task, fault: &Fault) {
    let mut again = Env::new(task, Randomization::Training, fault.seed, fault.environment).unwrap();
    let mut observation = vec![0.0; task.observation_size()];
    again.set_ranges(&fault.ranges).unwrap();
    again.set_lesson(&fault.lesson).unwrap();
    again.set_difficulty(fault.difficulty);
    if fault.exact {
        again.simulate_exactly();
    }
    again.reset(fault.episode, &mut observation).unwrap();
    for action in fault.actions.chunks_exact(task.action_size()) {
        assert!(again.fault().is_none());
        again.step(action, &mut observation).unwrap();
    }
    assert_eq!(again.fault(), Some(fault));
}

/// Runge and Kutta's fourth order at steps of 0.1 ms.
#[allow(dead_code, reason = "not every test file needs it")]
pub(crate) fn integrate<const N: usize>(
    mut state: [f64; N],
    time_s: f64,
    slope: impl Fn([f64; N]) -> [f64; N],
) -> [f64; N] {
    let h = 1e-4;
    for _ in 0..(time_s / h).round() as usize {
        let along = |by: f64, slope: [f64; N]| std::array::from_fn(|i| state[i] + by * slope[i]);
        let k1 = slope(state);
        let k2 = slope(along(0.5 * h, k1));
        let k3 = slope(along(0.5 * h, k2));
        let k4 = slope(along(h, k3));
        state = std::array::from_fn(|i| state[i] + h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]));
    }
    state
}
