//! Tasks grow harder with what their robots show, and never with how environments are spread over threads.
//!
//! The robot is a body without weight that keeps the velocity it starts with, so that what an episode shows can be computed.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use sinew_sim::{Lesson, Randomization, Task, VecEnv, VecEnvState};
use support::world::floating;

const ENVIRONMENTS: usize = 6;
/// Policy periods of an episode.
const STEPS: usize = 400;

const REWARDS: &str = r#"
[[reward]]
name = "tracking"
quantity = "velocity_error"
shape = "gaussian"
weight = 1.0
scale = 0.5

[[reward]]
name = "alive"
quantity = "tilt"
shape = "constant"
weight = 2.0
"#;

const SHARED: &str = r#"
[[curriculum.commands]]
command = "velocity"
reward = "tracking"
low = [-0.125, 0.0, 0.0]
high = [0.125, 0.0, 0.0]
step = [0.125, 0.0, 0.0]
raise_above = 0.8
lower_below = 0.5
episodes = 12

[[curriculum.rewards]]
reward = "alive"
start = 0.25
steps = [4800, 24000]
"#;

const TERRAIN: &str = r#"
[terrain]
size_m = [4.0, 4.0]
resolution_m = 0.5
levels = 4
kinds = [{ kind = "slope", slope = [0.0, 0.3] }]

[curriculum.terrain]
start = 0.7
raise_above = 0.4
lower_below = 0.1
"#;

/// A command ahead from `low` to `high` that lasts for an episode, and a start at up to a speed in any direction.
fn load(name: &str, [low, high]: [f64; 2], speed: f64, rest: &str) -> Result<Task, String> {
    let command = format!(
        "[[commands]]\nname = \"velocity\"\nunit = \"meter_per_second\"\nframe = \"body\"\nminimum = [-2.0, -2.0, -2.0]\n\
         maximum = [2.0, 2.0, 2.0]\nsafe_value = [0.0, 0.0, 0.0]\nmax_age_s = 1.0\nvalue = [{low:?}, 0.0, 0.0]\n\n\
         [commands.sampled]\nlow = [{low:?}, 0.0, 0.0]\nhigh = [{high:?}, 0.0, 0.0]\nevery_s = [100.0, 100.0]\n\n\
         [start.base]\nposition_m = [0.0, 0.0, 5.0]\nposition_offset_m = 0.0\ntilt_rad = 0.0\n\
         speed_m_per_s = {speed:?}\nangular_speed_rad_per_s = 0.0\n\n"
    );
    let model = floating(1.0, "").replace("0 0 -9.81", "0 0 0");
    support::world::task(&format!("curriculum-{name}"), &model, "fin", "", &(command + REWARDS + rest))
}

fn environments(task: &Task, threads: usize) -> VecEnv {
    VecEnv::new(task, Randomization::Training, ENVIRONMENTS, 5, threads).unwrap()
}

fn run(environments: &mut VecEnv, steps: usize) {
    (0..steps).for_each(|_| environments.step(&[0.0; ENVIRONMENTS]).unwrap());
}

/// Half the width of the command's present range.
fn width(environments: &VecEnv) -> f32 {
    let (name, ranges) = environments.curriculum().unwrap().commands().next().unwrap();
    assert_eq!((name, ranges[0][0], ranges[1], ranges[2]), ("velocity", -ranges[0][1], [0.0; 2], [0.0; 2]));
    ranges[0][1]
}

#[test]
fn commands_widen_until_they_are_no_longer_tracked() {
    // At rest, a command c earns exp(-(c / 0.5)²). Over ±w that is 0.8 in the mean at w = 0.43, and 0.5 at w = 0.87.
    let task = load("commands", [-1.5, 1.5], 0.0, SHARED).unwrap();
    let mut environments = environments(&task, 2);
    environments.reset().unwrap();
    assert_eq!(width(&environments), 0.125);
    let mut widths = Vec::new();
    for _ in 0..18 {
        for environment in 0..ENVIRONMENTS {
            let env = environments.env(environment).unwrap();
            let [low, high] = env.lesson().commands[0];
            assert!(low <= env.goal()[0] && env.goal()[0] <= high, "{:?} of {:?}", env.goal(), env.lesson());
        }
        run(&mut environments, STEPS);
        widths.push(width(&environments));
    }
    // Two rounds of episodes for each of the first moves: nothing is left to chance there.
    assert_eq!([widths[1], widths[3]], [0.25, 0.375], "{widths:?}");
    assert!(widths[9..].iter().all(|width| (0.375..=0.875).contains(width)), "{widths:?}");
    environments.reset().unwrap();
    assert_eq!(width(&environments), 0.125);
}

#[test]
fn a_reward_comes_in_over_the_steps_that_the_file_says() {
    let task = load("rewards", [-1.5, 1.5], 0.0, SHARED).unwrap();
    let mut environments = environments(&task, 1);
    environments.reset().unwrap();
    // The factor of an episode is that of its beginning, in whole hundredths of the way. 2400 steps make an episode, and the
    // last of them was not yet counted when the next one began: 2400 k - 6 - 4800 of 19200.
    let expected = [0.25, 0.25, 0.25, 0.34, 0.43, 0.5275, 0.6175, 0.715, 0.805, 0.9025, 0.9925, 1.0];
    for (episode, expected) in expected.into_iter().enumerate() {
        run(&mut environments, 3);
        for environment in 0..ENVIRONMENTS {
            let env = environments.env(environment).unwrap();
            assert_eq!(env.episode(), episode as u64);
            let tracking = libm::exp(-4.0 * f64::from(env.goal()[0]) * f64::from(env.goal()[0]));
            let alive = f64::from(environments.rewards()[environment]) - tracking;
            assert!((alive / 2.0 - expected).abs() < 1e-6, "{episode}: {alive}, expected 2 x {expected}");
        }
        run(&mut environments, STEPS - 3);
    }
    assert_eq!(environments.curriculum().unwrap().rewards().next(), Some(("alive", 1.0)));
}

#[test]
fn ground_gets_harder_where_a_robot_walked_as_told_and_easier_where_it_did_not() {
    let task = load("terrain", [0.5, 0.5], 4.0, TERRAIN).unwrap();
    let mut environments = environments(&task, 2);
    environments.reset().unwrap();
    let levels = |environments: &VecEnv| environments.terrain_levels().collect::<Vec<u32>>();
    assert!(levels(&environments).iter().all(|level| *level <= 2), "{:?}", levels(&environments));
    let mut moves = [0; 4];
    for _ in 0..40 {
        run(&mut environments, 1);
        let before = levels(&environments);
        // What each robot walks of what it is told is as constant as its velocity.
        let shares: Vec<f64> = (0..ENVIRONMENTS)
            .map(|environment| {
                let env = environments.env(environment).unwrap();
                let difficulty = env.robot().unwrap().difficulty().unwrap();
                assert_eq!(difficulty, f64::from(before[environment]) / 3.0);
                let base = env.truth().base;
                let [w, _, _, z] = base.orientation;
                let heading = 2.0 * libm::atan2(z, w);
                let [vx, vy, _] = base.velocity_m_per_s;
                (libm::cos(heading) * vx + libm::sin(heading) * vy).min(0.5) / 0.5
            })
            .collect();
        run(&mut environments, STEPS - 1);
        for ((before, after), share) in before.into_iter().zip(levels(&environments)).zip(shares) {
            let kind = match share {
                share if (share - 0.4).abs() < 1e-3 || (share - 0.1).abs() < 1e-3 => continue,
                share if share >= 0.4 && before == 3 => 0,
                share if share >= 0.4 => {
                    assert_eq!(after, before + 1, "{share}");
                    1
                }
                share if share < 0.1 => {
                    assert_eq!(after, before.saturating_sub(1), "{share}");
                    2
                }
                _ => {
                    assert_eq!(after, before, "{share}");
                    3
                }
            };
            moves[kind] += 1;
        }
    }
    assert!(moves.iter().all(|count| *count > 0), "{moves:?}");
}

/// What came of some steps, bit for bit.
fn bits(environments: &mut VecEnv, steps: usize) -> Vec<u32> {
    let mut bits = Vec::new();
    for _ in 0..steps {
        run(environments, 1);
        bits.extend(environments.rewards().iter().map(|value| value.to_bits()));
        bits.extend(environments.terrain_levels());
        let lesson = environments.curriculum().unwrap().lesson();
        bits.extend(lesson.commands.iter().flatten().map(|bound| bound.to_bits()));
        bits.extend(lesson.rewards.iter().map(|factor| factor.to_bits() as u32));
        bits.extend((0..ENVIRONMENTS).map(|index| environments.env(index).unwrap().goal()[0].to_bits()));
    }
    bits
}

#[test]
fn a_curriculum_is_the_same_for_any_number_of_threads_and_goes_on_where_it_was() {
    let task = load("bits", [-1.5, 1.5], 1.0, &(SHARED.to_owned() + TERRAIN)).unwrap();
    let [one, two, five] = [1, 2, 5].map(|threads| {
        let mut environments = environments(&task, threads);
        environments.reset().unwrap();
        bits(&mut environments, 3 * STEPS)
    });
    assert!(one == two && one == five);

    let mut original = environments(&task, 1);
    original.reset().unwrap();
    // In the middle of an episode, with a half-full buffer.
    bits(&mut original, 2 * STEPS + STEPS / 2);
    let saved = postcard::to_stdvec(&original.state().unwrap()).unwrap();
    let expected = bits(&mut original, 2 * STEPS);
    for threads in 1..=2 {
        let state: VecEnvState = postcard::from_bytes(&saved).unwrap();
        let mut restored = environments(&task, threads);
        restored.restore(&state).unwrap();
        assert!(bits(&mut restored, 2 * STEPS) == expected, "{threads} threads");
    }
}

#[test]
fn evaluations_ask_for_everything() {
    let task = load("evaluation", [-1.5, 1.5], 1.0, &(SHARED.to_owned() + TERRAIN)).unwrap();
    let acceptance = VecEnv::new(&task, Randomization::Acceptance, 2, 5, 1).unwrap();
    assert!(acceptance.curriculum().is_none() && acceptance.terrain_levels().count() == 0);
    let mut evaluation = environments(&task, 1);
    evaluation.widen_ranges().unwrap();
    evaluation.reset().unwrap();
    assert!(evaluation.curriculum().is_none() && evaluation.terrain_levels().count() == 0);
    let env = evaluation.env(0).unwrap();
    assert_eq!((env.lesson(), env.robot().unwrap().difficulty()), (&Lesson::default(), None));
    let error = evaluation.restore(&environments(&task, 1).state().unwrap()).unwrap_err().to_string();
    assert_eq!(error, "levels of the ground: 6 values, expected 0");
}

#[test]
fn a_curriculum_that_cannot_grow_is_refused() {
    let all = SHARED.to_owned() + TERRAIN;
    for (from, to, expected) in [
        (
            "command = \"velocity\"",
            "command = \"speed\"",
            "curriculum.commands 1: command is \"speed\", expected one of velocity",
        ),
        (
            "reward = \"tracking\"",
            "reward = \"alive\"",
            "curriculum.commands 1: reward is \"alive\", expected a term of shape gaussian or rational, which earns at most 1",
        ),
        (
            "low = [-0.125, 0.0, 0.0]",
            "low = [-1.6, 0.0, 0.0]",
            "curriculum.commands 1: low is -1.6, expected a number from -1.5 to 1.5",
        ),
        (
            "step = [0.125, 0.0, 0.0]",
            "step = [0.0, 0.0, 0.0]",
            "curriculum.commands 1: step is 0, expected more: low and high are not yet those of the command",
        ),
        (
            "steps = [4800, 24000]",
            "",
            "curriculum.rewards 1: steps is both or neither of steps and episodes, expected one of them",
        ),
        (
            "steps = [4800, 24000]",
            "episodes = [9, 9]",
            "curriculum.rewards 1: steps is [9, 9], expected [begin, end] with begin < end",
        ),
        (
            "levels = 4",
            "levels = 1",
            "curriculum.terrain is present, expected none: the task has no [terrain] of several levels",
        ),
        (
            "lower_below = 0.1",
            "lower_below = 0.75",
            "curriculum.terrain.lower_below is 0.75, expected a number from 0 to 0.4",
        ),
    ] {
        assert!(all.contains(from), "{from}");
        let error = load("refused", [-1.5, 1.5], 1.0, &all.replace(from, to)).unwrap_err();
        assert_eq!(error, format!("FILE: {expected}"));
    }
}
