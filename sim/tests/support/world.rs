//! Small tasks around a model that is written in the test itself.

#![allow(dead_code, reason = "not every test file needs all of them")]

use sinew_policy_runtime::interface::Setpoint;
use sinew_sim::{Randomization, SimulatedRobot, Task};

/// A model of one floating body at height 0 with `parts` in it, and a fin, because a task drives at least one joint.
pub(crate) fn floating(mass_kg: f64, parts: &str) -> String {
    format!(
        "<mujoco><compiler angle=\"radian\"/><option gravity=\"0 0 -9.81\"/><worldbody>\
         <body name=\"body\"><freejoint/><inertial pos=\"0 0 0\" mass=\"{mass_kg}\" diaginertia=\"0.01 0.01 0.01\"/>{parts}\
         <body><joint name=\"fin\" type=\"hinge\" axis=\"0 0 1\"/>\
         <inertial pos=\"0 0 0\" mass=\"0.00001\" diaginertia=\"1e-9 1e-9 1e-9\"/></body></body></worldbody></mujoco>"
    )
}

/// A task of 1 ms steps that drives a model's joint by torque; `dynamics` are lines of that table, `rest` is what follows.
pub(crate) fn task(name: &str, model: &str, joint: &str, dynamics: &str, rest: &str) -> Result<Task, String> {
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let xml = format!("world-{name}.xml");
    if model.starts_with('<') {
        std::fs::write(folder.join(&xml), model).unwrap();
    }
    let model = if model.starts_with('<') { &xml } else { model };
    let text = format!(
        "name = \"{name}\"\nsummary = \"for tests\"\nsafe_action = \"zero_torque\"\n\n[dynamics]\nmodel = \"{model}\"\n\
         physics_period_s = 0.001\npolicy_period_s = 0.01\n{dynamics}\n\n[episode]\ntraining_s = 4.0\nacceptance_s = 4.0\n\n\
         [start]\n\n[[reward]]\nquantity = \"joint_speed\"\nshape = \"squared\"\nweight = -1.0\n\n[[observation]]\nname = \"joint\"\n\
         source = \"sensor\"\nsensors = [\"joint\"]\nmax_age_s = 0.1\nfloor = 0.1\n\n[[sensors]]\nname = \"joint\"\n\
         quantity = \"joint_position\"\njoint = \"{joint}\"\n\n[[actuators]]\nname = \"joint\"\nmode = \"torque\"\njoint = \"{joint}\"\n\
         minimum = -10.0\nmaximum = 10.0\ndefault = 0.0\nhead_scale = 10.0\nhead_offset = 0.0\n\n{rest}"
    );
    let path = super::write(&format!("world-{name}"), &text);
    Task::load(&path).map_err(|error| error.to_string().replace(&path, "FILE"))
}

/// A sensor's table; `rest` are its further lines.
pub(crate) fn sensor(name: &str, quantity: &str, rest: &str) -> String {
    format!("[[sensors]]\nname = \"{name}\"\nquantity = \"{quantity}\"\n{rest}\n\n")
}

pub(crate) fn nominal(task: &Task) -> SimulatedRobot {
    SimulatedRobot::new(task, Randomization::Nominal).unwrap()
}

/// What a sensor reads now.
pub(crate) fn read(robot: &mut SimulatedRobot, task: &Task, sensor: &str) -> Vec<f64> {
    let interface = task.interface();
    let (mut values, mut ages) = (vec![0.0; interface.sample_size()], vec![0; interface.sensors.len()]);
    robot.sense(&mut values, &mut ages).unwrap();
    let (_, offset, found) = interface.sensor(sensor).unwrap();
    values[offset..offset + usize::from(found.size)].iter().map(|value| f64::from(*value)).collect()
}

/// Nothing drives the joint any more.
pub(crate) fn limp() -> [Setpoint; 1] {
    [Setpoint::Joint(sinew_policy_runtime::interface::JointSetpoint::default())]
}
