//! The tuned settings that come with Sinew, by task and algorithm: files that users copy.

use super::Algorithm;

const FILES: &[(&str, Algorithm, &str)] = &[
    ("pendulum-v1", Algorithm::Sac, include_str!("../../configs/pendulum-v1-sac.toml")),
    ("pendulum", Algorithm::Sac, include_str!("../../configs/pendulum-sac.toml")),
    ("pendulum-v1", Algorithm::Td3, include_str!("../../configs/pendulum-v1-td3.toml")),
    ("pendulum", Algorithm::Td3, include_str!("../../configs/pendulum-td3.toml")),
    ("pendulum-v1", Algorithm::Ddpg, include_str!("../../configs/pendulum-v1-ddpg.toml")),
    ("pendulum", Algorithm::Ddpg, include_str!("../../configs/pendulum-ddpg.toml")),
    ("cartpole-v1", Algorithm::Dqn, include_str!("../../configs/cartpole-v1-dqn.toml")),
    ("acrobot-v1", Algorithm::Dqn, include_str!("../../configs/acrobot-v1-dqn.toml")),
    ("cart-pole", Algorithm::Sac, include_str!("../../configs/cart_pole-sac.toml")),
    ("arm-reach", Algorithm::Sac, include_str!("../../configs/arm_reach-sac.toml")),
    ("quadrotor", Algorithm::Sac, include_str!("../../configs/quadrotor-sac.toml")),
    ("quadrotor-waypoints", Algorithm::Sac, include_str!("../../configs/quadrotor_waypoints-sac.toml")),
    ("pendulum-v1", Algorithm::Ppo, include_str!("../../configs/pendulum-v1-ppo.toml")),
    ("pendulum-v1-position", Algorithm::Ppo, include_str!("../../configs/pendulum-v1-position-ppo.toml")),
    ("pendulum", Algorithm::Ppo, include_str!("../../configs/pendulum-ppo.toml")),
    ("cart-pole", Algorithm::Ppo, include_str!("../../configs/cart_pole-ppo.toml")),
    ("quadrotor", Algorithm::Ppo, include_str!("../../configs/quadrotor-ppo.toml")),
    ("quadruped", Algorithm::Ppo, include_str!("../../configs/quadruped-ppo.toml")),
    ("quadruped-rough", Algorithm::Ppo, include_str!("../../configs/quadruped_rough-ppo.toml")),
    ("pendulum-v1", Algorithm::A2c, include_str!("../../configs/pendulum-v1-a2c.toml")),
    ("pendulum", Algorithm::A2c, include_str!("../../configs/pendulum-a2c.toml")),
    ("pendulum-v1", Algorithm::Trpo, include_str!("../../configs/pendulum-v1-trpo.toml")),
    ("pendulum", Algorithm::Trpo, include_str!("../../configs/pendulum-trpo.toml")),
    ("pendulum-v1", Algorithm::Npg, include_str!("../../configs/pendulum-v1-npg.toml")),
    ("pendulum", Algorithm::Npg, include_str!("../../configs/pendulum-npg.toml")),
    ("pendulum-v1", Algorithm::Reinforce, include_str!("../../configs/pendulum-v1-reinforce.toml")),
    ("pendulum", Algorithm::Reinforce, include_str!("../../configs/pendulum-reinforce.toml")),
    ("cartpole-v1", Algorithm::Ppo, include_str!("../../configs/cartpole-v1-ppo.toml")),
    ("cartpole-v1", Algorithm::A2c, include_str!("../../configs/cartpole-v1-a2c.toml")),
    ("cartpole-v1", Algorithm::Trpo, include_str!("../../configs/cartpole-v1-trpo.toml")),
    ("cartpole-v1", Algorithm::Npg, include_str!("../../configs/cartpole-v1-npg.toml")),
    ("cartpole-v1", Algorithm::Reinforce, include_str!("../../configs/cartpole-v1-reinforce.toml")),
    ("acrobot-v1", Algorithm::Ppo, include_str!("../../configs/acrobot-v1-ppo.toml")),
];

/// The tuned settings for a task, where there are any.
pub(super) fn file(task: &str, algorithm: Algorithm) -> Option<&'static str> {
    let mut files = FILES.iter();
    files.find(|(name, whose, _)| *name == task && *whose == algorithm).map(|(_, _, text)| *text)
}

/// Tasks and algorithms with tuned settings.
pub fn tuned() -> impl Iterator<Item = (&'static str, Algorithm)> {
    FILES.iter().map(|(task, algorithm, _)| (*task, *algorithm))
}
