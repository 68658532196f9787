//! Ranges of randomization follow what a policy masters, and never how its environments are spread over threads.
//!
//! The pendulum's episodes are made to succeed or to fail by what is commanded, so that a test decides what is mastered.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use sinew_sim::random::Stream;
use sinew_sim::randomization::{Boundary, Side};
use sinew_sim::{Env, Randomization, SimulatedRobot, Task, VecEnv, VecEnvState};

const ENVIRONMENTS: usize = 6;
const STEPS: usize = 4;

/// A mass from 0.5 to 1.5 that starts at 0.875 to 1.125 in steps of 1/8, and damping from 0 to 0.5 that starts at 0.
const TERMS: &str = r#"
[[randomization]]
term = "mass"
operation = "scale"
training = [0.5, 1.5]
acceptance = [0.75, 1.25]
adaptive = { start = [0.875, 1.125], step = 0.125 }

[[randomization]]
term = "joint_damping"
operation = "add"
training = [0.0, 0.5]
adaptive = { start = [0.0, 0.25], step = 0.125 }

[[randomization]]
term = "motor_strength"
operation = "scale"
training = [0.9, 1.1]

[adaptive_randomization]
measure = "success"
raise_above = 0.75
lower_below = 0.25
episodes = 2
"#;

/// The pendulum with episodes of four steps, of which one succeeds whose last command is below 1 N m.
fn text(lines: &str) -> String {
    let mut text = support::text("pendulum");
    for (from, to) in [
        ("training_s = 10.0", "training_s = 0.2"),
        ("quantity = \"upright_angle\"\nlimit = 0.2", "quantity = \"command\"\nlimit = 1.0"),
        ("window_s = 2.0", "window_s = 0.05"),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    support::varied(&text, lines)
}

fn load(name: &str, lines: &str) -> Result<Task, String> {
    let path = support::write(&format!("adaptive-{name}"), &text(lines));
    Task::load(&path).map_err(|error| error.to_string().replace(&path, "FILE"))
}

fn environments(task: &Task, threads: usize) -> VecEnv {
    VecEnv::new(task, Randomization::Training, ENVIRONMENTS, 5, threads).unwrap()
}

fn present(environments: &VecEnv) -> Vec<[f64; 2]> {
    environments.adaptive_ranges().unwrap().ranges().map(|(_, range)| range).collect()
}

/// Steps in which every episode succeeds or every one fails.
fn run(environments: &mut VecEnv, steps: usize, succeed: bool) {
    let actions = [if succeed { 0.0 } else { 1.0 }; ENVIRONMENTS];
    (0..steps).for_each(|_| environments.step(&actions).unwrap());
}

#[test]
fn success_widens_every_range_to_its_limit_and_failure_brings_each_back_to_its_start() {
    let task = load("follows", TERMS).unwrap();
    let mut environments = environments(&task, 1);
    environments.reset().unwrap();
    let start = vec![[0.875, 1.125], [0.0, 0.25]];
    assert_eq!(present(&environments), start);
    let names: Vec<&str> = environments.adaptive_ranges().unwrap().ranges().map(|(name, _)| name).collect();
    assert_eq!(names, ["mass_scale", "joint_damping_add"]);
    // Both ranges are a quarter wide: the mean of ln 0.25.
    assert!((environments.adaptive_ranges().unwrap().entropy() + 1.386_294_361_119_890_6).abs() < 1e-15);
    let mut widths = vec![0.5];
    for _ in 0..60 {
        run(&mut environments, STEPS, true);
        widths.push(present(&environments).iter().map(|[low, high]| high - low).sum());
    }
    assert!(widths.is_sorted(), "{widths:?}");
    assert_eq!(present(&environments), [[0.5, 1.5], [0.0, 0.5]]);
    // (ln 1 + ln 0.5) / 2.
    assert!((environments.adaptive_ranges().unwrap().entropy() + 0.346_573_590_279_972_65).abs() < 1e-15);
    run(&mut environments, 60 * STEPS, false);
    assert_eq!(present(&environments), start);
    run(&mut environments, 60 * STEPS, true);
    environments.reset().unwrap();
    assert_eq!(present(&environments), start);
}

/// Random actions that depend on the step alone, and the bits of everything that they led to.
fn bits(environments: &mut VecEnv, steps: std::ops::Range<u64>) -> Vec<u64> {
    let mut bits = Vec::new();
    for step in steps {
        let mut stream = Stream::new(step, 0, 0);
        // Mostly successes for a while, then mostly failures.
        let most = if step < 150 { 0.6 } else { 1.5 };
        let actions: [f32; ENVIRONMENTS] = std::array::from_fn(|_| stream.uniform(0.0, most) as f32);
        environments.step(&actions).unwrap();
        bits.extend(environments.observations().iter().map(|value| u64::from(value.to_bits())));
        bits.extend(present(environments).iter().flatten().map(|bound| bound.to_bits()));
        bits.push(environments.adaptive_ranges().unwrap().entropy().to_bits());
    }
    bits
}

#[test]
fn ranges_are_the_same_for_any_number_of_threads() {
    let task = load("threads", TERMS).unwrap();
    let [one, two, five] = [1, 2, 5].map(|threads| {
        let mut environments = environments(&task, threads);
        environments.reset().unwrap();
        bits(&mut environments, 0..300)
    });
    assert!(one == two && one == five);
}

#[test]
fn a_run_that_was_killed_goes_on_with_the_same_ranges_and_bits() {
    let task = load("restored", TERMS).unwrap();
    let mut original = environments(&task, 1);
    original.reset().unwrap();
    bits(&mut original, 0..101);
    assert_ne!(present(&original), [[0.875, 1.125], [0.0, 0.25]]);
    let saved = postcard::to_stdvec(&original.state().unwrap()).unwrap();
    let expected = bits(&mut original, 101..300);
    for threads in 1..=2 {
        let state: VecEnvState = postcard::from_bytes(&saved).unwrap();
        let mut restored = environments(&task, threads);
        restored.restore(&state).unwrap();
        assert!(postcard::to_stdvec(&restored.state().unwrap()).unwrap() == saved);
        assert!(bits(&mut restored, 101..300) == expected, "{threads} threads");
    }
    let mut widest = environments(&task, 1);
    widest.widen_ranges().unwrap();
    let error = widest.restore(&original.state().unwrap()).unwrap_err().to_string();
    assert_eq!(error, "snapshot: it has adaptive ranges");
}

/// The mass factor and damping of an episode.
fn drawn(robot: &SimulatedRobot) -> [f64; 2] {
    let values: Vec<f64> = robot.drawn().map(|(_, values)| values[0]).collect();
    [values[0], values[1]]
}

#[test]
fn half_of_the_episodes_stand_at_a_boundary_and_the_others_fill_the_ranges() {
    const EPISODES: u64 = 8_000;
    let task = load("boundaries", TERMS).unwrap();
    let mut robot = SimulatedRobot::new(&task, Randomization::Training).unwrap();
    let ranges = [[0.75, 1.25], [0.0, 0.375]];
    robot.set_ranges(&ranges).unwrap();
    // Low and high of the mass, high of the damping: its low bound is where it will ever be.
    let (mut at, mut inside, mut means) = ([0_u32; 3], 0_u32, [0.0; 2]);
    for episode in 0..EPISODES {
        robot.reset(1, 0, episode);
        let [mass, damping] = drawn(&robot);
        match robot.boundary() {
            None => {
                inside += 1;
                means[0] += mass;
                means[1] += damping;
            }
            Some(Boundary { range, side, value }) => {
                assert_eq!([mass, damping][range].to_bits(), value.to_bits());
                assert_eq!(value.to_bits(), ranges[range][side as usize].to_bits());
                at[match (range, side) {
                    (0, Side::Low) => 0,
                    (0, Side::High) => 1,
                    (1, Side::High) => 2,
                    other => panic!("{other:?} cannot move"),
                }] += 1;
            }
        }
        for (value, [low, high]) in [mass, damping].into_iter().zip(ranges) {
            assert!(value >= low && value <= high, "{value}");
        }
    }
    // Five standard errors of binomials with p of 1/2 and 1/6, and of means of uniform numbers.
    assert!((f64::from(inside) - 4_000.0).abs() < 5.0 * 2_000.0_f64.sqrt(), "{inside}");
    for count in at {
        assert!((f64::from(count) - 8_000.0 / 6.0).abs() < 5.0 * (8_000.0_f64 * 5.0 / 36.0).sqrt(), "{at:?}");
    }
    for ((sum, [low, high]), middle) in means.into_iter().zip(ranges).zip([1.0, 0.1875]) {
        let error = (high - low) / (12.0 * f64::from(inside)).sqrt();
        assert!((sum / f64::from(inside) - middle).abs() < 5.0 * error, "{sum}");
    }
    assert_eq!(
        robot.set_ranges(&ranges[..1]).unwrap_err().to_string(),
        "adaptive ranges: 1 values, expected 2"
    );
}

#[test]
fn acceptance_evaluation_and_a_robot_alone_do_not_adapt() {
    let task = load("levels", TERMS).unwrap();
    let mut acceptance = VecEnv::new(&task, Randomization::Acceptance, 2, 5, 1).unwrap();
    acceptance.reset().unwrap();
    assert!(acceptance.adaptive_ranges().is_none());
    let mut evaluation = environments(&task, 2);
    evaluation.widen_ranges().unwrap();
    evaluation.reset().unwrap();
    assert!(evaluation.adaptive_ranges().is_none());
    let mut alone = Env::new(&task, Randomization::Training, 5, 3).unwrap();
    alone.reset(0, &mut vec![0.0; task.observation_size()]).unwrap();
    let robot = |env: &Env| drawn(env.robot().unwrap());
    assert_eq!(robot(evaluation.env(3).unwrap()), robot(&alone));
    // A number of the whole range comes before long.
    let mut masses = (0..20).map(|episode| {
        alone.reset(episode, &mut vec![0.0; task.observation_size()]).unwrap();
        assert!(alone.robot().unwrap().boundary().is_none());
        robot(&alone)[0]
    });
    assert!(masses.any(|mass| !(0.6..=1.4).contains(&mass)));
}

#[test]
fn an_environment_alone_with_the_same_ranges_has_the_same_episode() {
    let task = load("alone", TERMS).unwrap();
    let mut many = environments(&task, 2);
    many.reset().unwrap();
    run(&mut many, 20 * STEPS, true);
    let met = many.env(4).unwrap();
    assert_ne!(met.robot().unwrap().ranges(), [[0.875, 1.125], [0.0, 0.25]]);
    let mut alone = Env::new(&task, Randomization::Training, 5, 4).unwrap();
    alone.set_ranges(met.robot().unwrap().ranges()).unwrap();
    alone.reset(met.episode(), &mut vec![0.0; task.observation_size()]).unwrap();
    assert_eq!(drawn(alone.robot().unwrap()), drawn(met.robot().unwrap()));
    assert_eq!(alone.robot().unwrap().boundary(), met.robot().unwrap().boundary());
    assert_eq!(alone.truth(), met.truth());
}

#[test]
fn a_fault_remembers_its_ranges_and_can_be_run_again() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support");
    let mut text = std::fs::read_to_string(folder.join("crawler.toml")).unwrap();
    let model = folder.join("crawler.xml").display().to_string();
    for (from, to) in [
        ("model = \"crawler.xml\"", &*format!("model = {model:?}")),
        // Motors that no robot has, so that its simulation explodes.
        ("-8.0", "-8e7"),
        ("= 8.0", "= 8e7"),
    ] {
        text = text.replace(from, to);
    }
    let term = "term = \"mass\"\noperation = \"scale\"\ntraining = [0.5, 1.5]\n";
    let adaptive = "adaptive = { start = [0.75, 1.25], step = 0.125 }\n";
    let rule = "measure = \"return\"\nraise_above = 0.5\nlower_below = -0.5\nepisodes = 1\n";
    let lines = format!("[[randomization]]\n{term}{adaptive}\n[adaptive_randomization]\n{rule}");
    let task = Task::load(&support::write("adaptive-fault", &support::varied(&text, &lines))).unwrap();
    let mut environments = environments(&task, 2);
    environments.reset().unwrap();
    let actions: Vec<f32> =
        (0..ENVIRONMENTS * task.action_size()).map(|index| if index % 3 == 0 { 1.0 } else { -0.7 }).collect();
    let mut faults = Vec::new();
    for _ in 0..30 {
        environments.step(&actions).unwrap();
        faults.extend(environments.take_faults());
    }
    assert!(!faults.is_empty());
    for fault in &faults {
        assert_eq!(fault.ranges.len(), 1);
        support::assert_runs_again(&task, fault);
    }
}

#[test]
fn what_cannot_adapt_is_refused_with_field_found_and_expected() {
    for (name, from, to, expected) in [
        ("moment", "start = [0.875", "start = [0.4", "within training"),
        (
            "narrower",
            "start = [0.0, 0.25]",
            "start = [0.0, 0.5]",
            "a narrower range than training = [0, 0.5]",
        ),
        (
            "step",
            "step = 0.125 }\n\n[[randomization]]\nterm = \"joint",
            "step = 0.0 }\n\n[[randomization]]\nterm = \"joint",
            "a number above 0",
        ),
        ("uniform", "training = [0.0, 0.5]", "training = 0.25", "training = [low, high], the widest range"),
        ("startup", "term = \"mass\"", "term = \"mass\"\nmoment = \"startup\"", "moment = \"reset\""),
        ("rule", "raise_above = 0.75", "raise_above = 1.5", "a number from 0 to 1"),
        ("order", "lower_below = 0.25", "lower_below = 0.75", "less than raise_above = 0.75"),
        ("episodes", "episodes = 2", "episodes = 0", "a number from 1 to 1000000"),
        ("share", "episodes = 2", "episodes = 2\nboundary_probability = 1.5", "boundary_probability"),
        ("key", "episodes = 2", "episode = 2", "episodes"),
    ] {
        assert!(TERMS.contains(from), "{from}");
        let error = load(name, &TERMS.replace(from, to)).unwrap_err();
        assert!(error.contains(expected), "{name}: {error}");
    }
    let (terms, _) = TERMS.split_once("[adaptive_randomization]").unwrap();
    let error = load("without-rule", terms).unwrap_err();
    assert!(error.contains("adaptive_randomization") && error.contains("absent"), "{error}");
    let (_, rule) = TERMS.split_once("[adaptive_randomization]").unwrap();
    let error = load("without-terms", &format!("[adaptive_randomization]{rule}")).unwrap_err();
    assert!(error.contains("no term of randomization is adaptive"), "{error}");
}

#[test]
fn the_task_in_words_says_what_adapts() {
    let words = load("words", TERMS).unwrap().describe();
    for expected in [
        ", in training adaptive from 0.875 to 1.125 in steps of 0.125",
        "adaptive      a bound widens at a mean success of 0.75 over 2 episodes there, narrows at 0.25; 0.5 of all episodes are at one",
    ] {
        assert!(words.contains(expected), "{words}");
    }
}
