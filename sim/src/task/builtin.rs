//! The tasks and robot models that are part of the program.

/// Names of the built-in tasks.
pub(crate) const NAMES: [&str; 13] = [
    "pendulum",
    "cart-pole",
    "arm-reach",
    "hopper",
    "quadruped",
    "quadruped-rough",
    "quadruped-stand-up",
    "quadrotor",
    "quadrotor-waypoints",
    "pendulum-v1",
    "pendulum-v1-position",
    "cartpole-v1",
    "acrobot-v1",
];

/// A built-in task's text.
pub(crate) fn task(name: &str) -> Option<&'static str> {
    match name {
        "pendulum" => Some(include_str!("../../tasks/pendulum.toml")),
        "cart-pole" => Some(include_str!("../../tasks/cart_pole.toml")),
        "arm-reach" => Some(include_str!("../../tasks/arm_reach.toml")),
        "hopper" => Some(include_str!("../../tasks/hopper.toml")),
        "quadruped" => Some(include_str!("../../tasks/quadruped.toml")),
        "quadruped-rough" => Some(include_str!("../../tasks/quadruped_rough.toml")),
        "quadruped-stand-up" => Some(include_str!("../../tasks/quadruped_stand_up.toml")),
        "quadrotor" => Some(include_str!("../../tasks/quadrotor.toml")),
        "quadrotor-waypoints" => Some(include_str!("../../tasks/quadrotor_waypoints.toml")),
        "pendulum-v1" => Some(include_str!("../../tasks/pendulum-v1.toml")),
        "pendulum-v1-position" => Some(include_str!("../../tasks/pendulum-v1-position.toml")),
        "cartpole-v1" => Some(include_str!("../../tasks/cartpole-v1.toml")),
        "acrobot-v1" => Some(include_str!("../../tasks/acrobot-v1.toml")),
        _ => None,
    }
}

/// A built-in model's text.
pub(crate) fn model(name: &str) -> Option<&'static str> {
    match name {
        "pendulum.xml" => Some(include_str!("../../robots/pendulum.xml")),
        "cart_pole.xml" => Some(include_str!("../../robots/cart_pole.xml")),
        "arm.xml" => Some(include_str!("../../robots/arm.xml")),
        "hopper.xml" => Some(include_str!("../../robots/hopper.xml")),
        "quadruped.xml" => Some(include_str!("../../robots/quadruped.xml")),
        "quadrotor.xml" => Some(include_str!("../../robots/quadrotor.xml")),
        _ => None,
    }
}
