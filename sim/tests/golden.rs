//! The bits of the physics, the draws and the sensors: they change only on purpose.
//!
//! rapier's own golden scene has no multibody joint, so this one does. The rest of a task's file, rewards above all, may
//! be tuned without touching these numbers.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use sinew_policy_runtime::interface::{JointSetpoint, Setpoint};
use sinew_sim::random::Stream;
use sinew_sim::{Env, JointState, Randomization, SimulatedRobot, Task, Truth, VecEnv};

struct Hash(u64);

impl Hash {
    fn add(&mut self, bits: u64) {
        self.0 = (self.0 ^ bits).wrapping_mul(0x0100_0000_01b3);
    }

    fn add_truth(&mut self, truth: &Truth) {
        let base = &truth.base;
        let vectors = [base.position_m, base.velocity_m_per_s, base.angular_velocity_rad_per_s];
        let joints = truth.joints.iter().flat_map(|joint| [joint.position, joint.velocity]);
        let values = vectors.into_iter().flatten().chain(base.orientation).chain(joints);
        values.for_each(|value| self.add(value.to_bits()));
    }
}

const TERMS: [(&str, &str, &str); 7] = [
    ("mass", "scale", "[0.7, 1.3]"),
    ("inertia", "scale", "[0.8, 1.2]"),
    ("air_drag", "scale", "[0.5, 1.5]"),
    ("motor_strength", "scale", "[0.8, 1.2]"),
    ("motor_lag", "scale", "[0.5, 1.5]"),
    ("action_delay", "add", "[0.0, 0.02]"),
    ("observation_delay", "add", "[0.0, 0.02]"),
];
const NOISE: [(&str, &str, &str); 2] =
    [("sensor_noise", "set", "[0.0, 0.01]"), ("sensor_bias", "set", "[0.0, 0.02]")];

/// 200 periods of random setpoints from a fixed state.
fn rollout(task: &Task, state: &Truth, periods: u32, setpoint: impl Fn(&mut Stream) -> Setpoint) -> u64 {
    let mut robot = SimulatedRobot::new(task, Randomization::Acceptance).unwrap();
    robot.reset(11, 0, 0);
    robot.place(state);
    let (mut stream, mut hash) = (Stream::new(99, 0, 0), Hash(0xcbf2_9ce4_8422_2325));
    let interface = task.interface();
    let (mut sample, mut ages) = (vec![0.0; interface.sample_size()], vec![0; interface.sensors.len()]);
    for _ in 0..periods {
        let setpoints: Vec<Setpoint> = (0..task.action_size()).map(|_| setpoint(&mut stream)).collect();
        robot.command(&setpoints).unwrap();
        robot.advance(5);
        robot.sense(&mut sample, &mut ages).unwrap();
        hash.add_truth(robot.truth());
        for value in &sample {
            hash.add(value.to_bits().into());
        }
    }
    hash.0
}

#[test]
fn the_bits_of_a_pendulum_do_not_change() {
    let friction = [("joint_damping", "add", "[0.0, 0.02]"), ("joint_friction", "add", "[0.0, 0.02]")];
    let terms = [&TERMS[..], &friction, &NOISE].concat();
    let task = support::randomized("pendulum", "golden-pendulum", &terms);
    let joints = vec![JointState { position: 2.5, velocity: 1.0 }];
    let found = rollout(&task, &Truth { joints, ..Truth::default() }, 200, |stream| {
        let torque = stream.uniform(-2.0, 2.0) as f32;
        Setpoint::Joint(JointSetpoint { torque, ..JointSetpoint::default() })
    });
    assert_eq!(found, PENDULUM, "{found:#018x}");
}

#[test]
fn the_bits_of_a_quadrotor_do_not_change() {
    let task = support::randomized("quadrotor", "golden-quadrotor", &[&TERMS[..], &NOISE].concat());
    let mut state = Truth::default();
    state.base.position_m = [0.1, -0.2, 2.0];
    state.base.angular_velocity_rad_per_s = [1.0, 2.0, -3.0];
    // Long enough to hit the floor.
    let found = rollout(&task, &state, 200, |stream| Setpoint::Rotor(stream.uniform(800.0, 1800.0) as f32));
    assert_eq!(found, QUADROTOR, "{found:#018x}");
}

#[test]
fn the_bits_of_the_equations_do_not_change() {
    for (name, expected) in EQUATIONS {
        let task = Task::load(name).unwrap();
        let mut env = Env::new(&task, Randomization::Training, 11, 0).unwrap();
        let mut observation = vec![0.0; task.observation_size()];
        let (mut hash, mut stream) = (Hash(0xcbf2_9ce4_8422_2325), Stream::new(99, 0, 0));
        env.reset(0, &mut observation).unwrap();
        for _ in 0..200 {
            let outcome = env.step(&[stream.uniform(-1.0, 1.0) as f32], &mut observation).unwrap();
            hash.add_truth(env.truth());
            observation.iter().chain([&outcome.reward]).for_each(|value| hash.add(value.to_bits().into()));
        }
        assert_eq!(hash.0, expected, "{name}: {:#018x}", hash.0);
    }
}

const PENDULUM: u64 = 0xb752_1459_a5e0_1891;
const QUADROTOR: u64 = 0xd4e5_9f53_d5d0_f933;
const EQUATIONS: [(&str, u64); 3] = [
    ("pendulum-v1", 0x0454_356c_3b62_a7e7),
    ("cartpole-v1", 0xab5c_2e04_e795_9d80),
    ("acrobot-v1", 0xa841_58fa_60eb_91df),
];

#[test]
fn the_bits_of_a_robot_in_contact_do_not_change_in_either_formulation() {
    for (formulation, expected) in
        [("multibody", 5_977_606_459_846_754_359), ("joint_constraints", 10_330_162_509_397_536_565)]
    {
        let task = support::crawler(formulation);
        for (environments, threads) in [(3, 1), (3, 2), (7, 2)] {
            let mut envs = VecEnv::new(&task, Randomization::Training, environments, 11, threads).unwrap();
            envs.reset().unwrap();
            let mut hash = Hash(0xcbf2_9ce4_8422_2325);
            let mut actions = vec![0.0; environments * task.action_size()];
            for step in 0..150 {
                for (index, action) in actions.chunks_exact_mut(task.action_size()).enumerate() {
                    let mut stream = Stream::new(99, index as u64, step);
                    action.fill_with(|| stream.uniform(-1.0, 1.0) as f32);
                }
                envs.step(&actions).unwrap();
                (0..3).for_each(|index| hash.add_truth(envs.env(index).unwrap().truth()));
            }
            assert_eq!(hash.0, expected, "{formulation}, {environments} environments, {threads} threads");
        }
    }
}
