//! The equations are Gymnasium's: states, rewards, observations and ends, to the last digits.
//!
//! The numbers come from gymnasium 1.4.0 with numpy 2.4.6. Those of the discrete tasks:
//!
//! ```python
//! def run(name, start, choose):
//!     env = gymnasium.make(name); env.reset(seed=0)
//!     env.unwrapped.state = numpy.array(start)
//!     actions, rows, terminated = "", [], False
//!     while not terminated:
//!         action = choose(len(actions) + 1, env.unwrapped.state); actions += str(action)
//!         _, reward, terminated, _, _ = env.step(action)
//!         rows.append((len(actions), list(env.unwrapped.state), reward))
//!     print(actions, rows[0], rows[19::20], rows[-1])
//! lean = lambda s: int(s[2] + 0.3*s[3] + 0.02*s[0] + 0.05*s[1] > 0)
//! run("CartPole-v1", [0.01, -0.02, 0.03, 0.04], lambda t, s: lean(s) if t <= 100 else 1)
//! run("CartPole-v1", [2.2, 1.0, -0.02, 0.0], lambda t, s: lean(s))
//! run("Acrobot-v1", [0.05, -0.03, 0.02, -0.08], lambda t, s: 1 if t % 7 == 0 else (2 if s[2] < 0 else 0))
//! run("Acrobot-v1", [1.5, 3.0, 11.0, 25.0], lambda t, s: (0, 2, 1)[t % 3])
//! ```

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use sinew_sim::{Env, Randomization, Task};

/// An episode of Gymnasium's that the task ended.
struct Trajectory {
    task: &'static str,
    /// In Gymnasium's order.
    start: [f64; 4],
    /// The index of each step's action.
    actions: &'static str,
    /// Some steps, from 1: the state that the step led to, and its reward. The last one ends the episode.
    rows: &'static [(usize, [f64; 4], f32)],
}

impl Trajectory {
    /// Each joint's name, and where its position and velocity stand in Gymnasium's state.
    fn joints(&self) -> [(&'static str, usize, usize); 2] {
        if self.task == "cartpole-v1" {
            [("cart", 0, 1), ("pole", 2, 3)]
        } else {
            [("shoulder", 0, 2), ("elbow", 1, 3)]
        }
    }

    /// The task with this one start state.
    fn task(&self, name: &str) -> Task {
        let text = support::text(self.task);
        let (before, _) = text.split_once("[start.joints]").unwrap();
        let starts = self.joints().map(|(joint, position, velocity)| {
            let (position, velocity) = (self.start[position], self.start[velocity]);
            format!("[start.joint.{joint}]\nposition = [{position:?}, {position:?}]\nvelocity = [{velocity:?}, {velocity:?}]\n")
        });
        Task::load(&support::write(name, &format!("{before}{}", starts.concat()))).unwrap()
    }
}

/// Gymnasium's observation of a state.
fn observed(task: &str, state: [f64; 4]) -> Vec<f64> {
    if task == "cartpole-v1" {
        return state.to_vec();
    }
    let [shoulder, elbow, shoulder_speed, elbow_speed] = state;
    let (angles, speeds) = ([shoulder, elbow], [shoulder_speed, elbow_speed]);
    angles.into_iter().flat_map(|angle| [libm::cos(angle), libm::sin(angle)]).chain(speeds).collect()
}

/// Follows an episode to its end. A tolerance counts from the largest of 1 and the number itself.
fn follow(trajectory: &Trajectory, name: &str, tolerance: f64) {
    let near = |found: f64, expected: f64, tolerance: f64| {
        (found - expected).abs() <= tolerance * expected.abs().max(1.0)
    };
    let task = trajectory.task(name);
    let rows = task.discrete_actions().unwrap();
    let mut env = Env::new(&task, Randomization::Training, 0, 0).unwrap();
    let mut observation = vec![0.0; task.observation_size()];
    env.reset(0, &mut observation).unwrap();
    let mut references = trajectory.rows.iter();
    for (index, action) in trajectory.actions.bytes().enumerate() {
        let outcome = env.step(&rows[usize::from(action - b'0')], &mut observation).unwrap();
        let last = index + 1 == trajectory.actions.len();
        assert_eq!((outcome.terminated, outcome.truncated), (last, false), "{name}, step {}", index + 1);
        let Some(&(_, state, reward)) = references.as_slice().first().filter(|row| row.0 == index + 1) else {
            continue;
        };
        references.next();
        assert_eq!(outcome.reward, reward, "{name}, step {}", index + 1);
        for (joint, (_, position, velocity)) in env.truth().joints.iter().zip(trajectory.joints()) {
            assert!(
                near(joint.position, state[position], tolerance),
                "{name}, step {}: {joint:?}",
                index + 1
            );
            assert!(
                near(joint.velocity, state[velocity], tolerance),
                "{name}, step {}: {joint:?}",
                index + 1
            );
        }
        for (found, expected) in observation.iter().zip(observed(trajectory.task, state)) {
            assert!(near((*found).into(), expected, 3e-7), "{name}, step {}: {observation:?}", index + 1);
        }
    }
    assert_eq!(references.len(), 0);
}

#[test]
fn the_cart_pole_s_episodes_are_gymnasium_s() {
    // A rounding error at the start grows 5000 fold until the end of the first.
    follow(&BALANCED_THEN_PUSHED, "cart-pole-balanced", 1e-12);
    follow(&TOWARDS_THE_END_OF_THE_RAIL, "cart-pole-rail", 1e-14);
}

#[test]
fn the_acrobot_s_episodes_are_gymnasium_s() {
    // A rounding error at the start grows 2000 fold until the end of the first, and each of 109 steps adds its own.
    follow(&SWUNG_UP, "acrobot-swung", 1e-11);
    follow(&BEYOND_BOTH_SPEEDS, "acrobot-fast", 1e-13);
}

#[test]
fn a_pole_that_stays_up_runs_out_of_time_after_500_steps() {
    let task = Task::load("cartpole-v1").unwrap();
    let mut env = Env::new(&task, Randomization::Training, 0, 0).unwrap();
    let mut observation = [0.0; 4];
    env.reset(0, &mut observation).unwrap();
    for step in 1..=500 {
        let [position, velocity, angle, speed] = observation;
        let lean = angle + 0.3 * speed + 0.02 * position + 0.05 * velocity;
        let outcome = env.step(&[if lean > 0.0 { 1.0 } else { -1.0 }], &mut observation).unwrap();
        assert_eq!((outcome.terminated, outcome.truncated), (false, step == 500));
    }
    assert_eq!(env.summary().episode_return, 500.0);
}

#[test]
fn links_that_hang_still_run_out_of_time_after_500_steps() {
    let task = Task::load("acrobot-v1").unwrap();
    let mut env = Env::new(&task, Randomization::Training, 0, 0).unwrap();
    let mut observation = [0.0; 6];
    env.reset(0, &mut observation).unwrap();
    for step in 1..=500 {
        let outcome = env.step(&[0.0], &mut observation).unwrap();
        assert_eq!((outcome.terminated, outcome.truncated), (false, step == 500));
    }
    assert_eq!(env.summary().episode_return, -500.0);
}

#[test]
fn the_pendulum_s_states_and_rewards_are_gymnasium_s() {
    let text = support::text("pendulum-v1")
        .replace("[-3.141592653589793, 3.141592653589793]", "[3.0, 3.0]")
        .replace("[-1.0, 1.0]", "[0.5, 0.5]");
    let task = Task::load(&support::write("pendulum-v1-at-3", &text)).unwrap();
    let mut env = Env::new(&task, Randomization::Training, 0, 0).unwrap();
    let mut observation = [0.0; 3];
    env.reset(0, &mut observation).unwrap();
    // gymnasium 1.4.0: torque, then angle, speed and reward of the step.
    for (torque, angle, speed, reward) in [
        (2.0_f32, 3.045_292_000_302_245_2, 0.905_840_006_044_900_3, -9.029_000_000_189_99),
        (-1.0, 3.086_689_695_974_628, 0.827_953_913_447_651_9, -9.356_857_978_807_49),
        (0.25, 3.132_020_218_364_129, 0.906_610_447_790_016_5, -9.596_266_547_518_239),
        (-2.0, 3.162_709_701_592_512_5, 0.613_789_664_567_673, -9.895_744_898_835_88),
        (1.5, 3.203_857_354_373_977, 0.822_953_055_629_292_1, -9.777_291_780_432_998),
    ] {
        let outcome = env.step(&[0.5 * torque], &mut observation).unwrap();
        let joint = env.truth().joints[0];
        assert!((joint.position - angle).abs() < 1e-14, "{joint:?}");
        assert!((joint.velocity - speed).abs() < 1e-14, "{joint:?}");
        assert!((f64::from(outcome.reward) - reward).abs() < 1e-6, "{}", outcome.reward);
        assert_eq!(observation[2], speed as f32);
    }
}

/// Balanced for 100 steps, then pushed until the pole is 12 degrees from upright.
const BALANCED_THEN_PUSHED: Trajectory = Trajectory {
    task: "cartpole-v1",
    start: [0.01, -0.02, 0.03, 0.04],
    actions: "101010101010101010101010110010110011001100101100110010110010110011001011001011001011001011001011001111111111",
    rows: &[
        (
            1,
            [
                0.009_600_000_000_000_001,
                0.174_679_195_747_555_25,
                0.030_799_999_999_999_998,
                -0.243_068_717_960_008_1,
            ],
            1.0,
        ),
        (
            20,
            [
                0.039_785_561_735_233_79,
                -0.025_745_801_299_905_002,
                0.014_776_890_028_732_531,
                0.166_748_306_733_189_83,
            ],
            1.0,
        ),
        (
            40,
            [
                0.091_112_142_605_818_9,
                0.360_948_936_960_285_3,
                0.005_767_044_268_235_833,
                -0.340_351_112_160_632_24,
            ],
            1.0,
        ),
        (
            60,
            [
                0.149_552_150_155_361,
                -0.029_556_016_412_981_362,
                0.000_306_875_906_494_548_33,
                0.250_785_929_731_087_43,
            ],
            1.0,
        ),
        (
            80,
            [
                0.207_980_296_169_167_02,
                -0.029_412_550_518_899_85,
                -0.004_891_131_787_243_453,
                0.247_627_190_936_721_53,
            ],
            1.0,
        ),
        (
            100,
            [
                0.258_672_885_121_581_1,
                0.360_884_804_362_377_9,
                8.895_285_429_493_991e-5,
                -0.338_924_300_107_493_97,
            ],
            1.0,
        ),
        (
            108,
            [
                0.425_854_199_376_072_33,
                1.926_237_868_017_545_2,
                -0.222_782_656_485_086_72,
                -2.830_969_445_350_751,
            ],
            1.0,
        ),
    ],
};

/// Balanced until the cart is 2.4 m from the middle.
const TOWARDS_THE_END_OF_THE_RAIL: Trajectory = Trajectory {
    task: "cartpole-v1",
    start: [2.2, 1.0, -0.02, 0.0],
    actions: "1010101010",
    rows: &[
        (1, [2.22, 1.195_402_985_656_851, -0.02, -0.298_925_467_551_423_2], 1.0),
        (
            10,
            [
                2.419_859_909_777_589,
                1.004_787_797_399_542_3,
                -0.056_960_030_422_119_71,
                -0.105_781_691_299_512_04,
            ],
            1.0,
        ),
    ],
};

/// Pumped until the tip is high enough. Both angles pass half a turn on the way.
const SWUNG_UP: Trajectory = Trajectory {
    task: "acrobot-v1",
    start: [0.05, -0.03, 0.02, -0.08],
    actions: "0000021222200100022212200001022222100000012222221000000122222210000001222222122000010002221222200100000010000",
    rows: &[
        (
            1,
            [
                0.060_368_565_117_386_995,
                -0.071_902_133_821_356_43,
                0.080_127_253_048_910_26,
                -0.329_888_470_365_825_3,
            ],
            -1.0,
        ),
        (
            20,
            [
                -0.261_052_487_192_849_46,
                0.043_612_580_906_504_55,
                -1.616_181_252_104_054_6,
                2.669_223_197_046_177_7,
            ],
            -1.0,
        ),
        (
            40,
            [
                1.005_063_073_047_395_5,
                -1.669_939_802_523_023,
                1.572_956_744_186_471_1,
                -2.864_558_901_185_906,
            ],
            -1.0,
        ),
        (
            60,
            [
                -1.194_057_601_380_837_7,
                -0.131_973_532_069_873_4,
                -2.972_503_687_448_948,
                5.548_827_417_750_683,
            ],
            -1.0,
        ),
        (
            80,
            [
                -1.939_303_481_636_882_2,
                -3.000_264_305_993_019,
                1.934_270_947_487_268_4,
                1.821_132_689_339_363_6,
            ],
            -1.0,
        ),
        (
            100,
            [1.572_211_276_585_637_3, 0.469_126_554_469_917_7, 4.223_910_877_737_405, -6.294_686_637_054_17],
            -1.0,
        ),
        (
            109,
            [2.240_625_614_949_137, 1.598_137_758_028_025, 3.904_839_860_663_122_5, -5.378_180_380_578_578],
            0.0,
        ),
    ],
};

/// Fast enough for both bounds on speed.
const BEYOND_BOTH_SPEEDS: Trajectory = Trajectory {
    task: "acrobot-v1",
    start: [1.5, 3.0, 11.0, 25.0],
    actions: "21",
    rows: &[
        (
            1,
            [
                -0.778_174_878_323_420_1,
                1.849_260_034_852_079_6,
                -12.566_370_614_359_172,
                28.274_333_882_308_138,
            ],
            -1.0,
        ),
        (
            2,
            [3.135_354_900_184_833, 0.964_205_024_924_008_4, -10.347_951_669_602_734, 24.165_383_520_206_02],
            0.0,
        ),
    ],
};
