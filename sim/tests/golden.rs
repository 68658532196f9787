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

const RANGES: &str = "mass_scale = [0.7, 1.3]\ninertia_scale = [0.8, 1.2]\nair_drag_scale = [0.5, 1.5]\n\
    motor_strength_scale = [0.8, 1.2]\nmotor_lag_scale = [0.5, 1.5]\naction_delay_s = [0.0, 0.02]\n\
    observation_delay_s = [0.0, 0.02]\n";

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
    let noise =
        "[[randomization.acceptance.sensors]]\nname = \"hinge_position\"\nnoise = 0.01\nbias = 0.02\n";
    let friction = "joint_damping_n_m_s_per_rad = [0.0, 0.02]\njoint_friction_n_m = [0.0, 0.02]\n";
    let task = support::with_acceptance("pendulum", "golden-pendulum", &format!("{RANGES}{friction}{noise}"));
    let joints = vec![JointState { position: 2.5, velocity: 1.0 }];
    let found = rollout(&task, &Truth { joints, ..Truth::default() }, 200, |stream| {
        let torque = stream.uniform(-2.0, 2.0) as f32;
        Setpoint::Joint(JointSetpoint { torque, ..JointSetpoint::default() })
    });
    assert_eq!(found, PENDULUM, "{found:#018x}");
}

#[test]
fn the_bits_of_a_quadrotor_do_not_change() {
    let noise = "[[randomization.acceptance.sensors]]\nname = \"orientation\"\nnoise = 0.01\nbias = 0.02\n";
    let task = support::with_acceptance("quadrotor", "golden-quadrotor", &format!("{RANGES}{noise}"));
    let mut state = Truth::default();
    state.base.position_m = [0.1, -0.2, 2.0];
    state.base.angular_velocity_rad_per_s = [1.0, 2.0, -3.0];
    // Long enough to hit the floor.
    let found = rollout(&task, &state, 200, |stream| Setpoint::Rotor(stream.uniform(800.0, 1800.0) as f32));
    assert_eq!(found, QUADROTOR, "{found:#018x}");
}

#[test]
fn the_bits_of_the_equations_do_not_change() {
    let task = Task::load("pendulum-v1").unwrap();
    let mut env = Env::new(&task, Randomization::Training, 11, 0).unwrap();
    let (mut observation, mut hash, mut stream) =
        ([0.0; 3], Hash(0xcbf2_9ce4_8422_2325), Stream::new(99, 0, 0));
    env.reset(0, &mut observation).unwrap();
    for _ in 0..200 {
        let outcome = env.step(&[stream.uniform(-1.0, 1.0) as f32], &mut observation).unwrap();
        hash.add_truth(env.truth());
        observation.iter().chain([&outcome.reward]).for_each(|value| hash.add(value.to_bits().into()));
    }
    assert_eq!(hash.0, EQUATIONS, "{:#018x}", hash.0);
}

const PENDULUM: u64 = 0xd498_1c82_7ee7_5084;
const QUADROTOR: u64 = 0x1b45_cdab_a2df_a297;
const EQUATIONS: u64 = 0x0454_356c_3b62_a7e7;

#[test]
fn the_bits_of_a_robot_in_contact_do_not_change_in_either_formulation() {
    for (formulation, expected) in
        [("multibody", 8_088_147_054_264_020_203), ("joint_constraints", 8_664_232_790_626_850_783)]
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
