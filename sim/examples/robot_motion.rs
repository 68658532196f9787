//! Prints how a robot moves when nobody drives it, one JSON object a line, to be compared with another simulator.
//!
//! `cargo run --release -p sinew-sim --example robot_motion -- MODEL [KEY=VALUE]...`, where MODEL is a MJCF or URDF file and
//! the keys are `duration_s` (1), `every_s` (0.01), `period_s` (0.0005), `formulation` (multibody), `base` (of a URDF),
//! `floor` (false), `iterations` (4), `height_m` of a floating base (as in a Sinew task, its origin; 0) and
//! `joint.NAME=POSITION` (the default pose) and `speed.NAME=VELOCITY` (0). `drive` names a joint, and `mode` is `torque` for a hinge and `force` for a
//! slide: a task has at least one actuator, which stays at 0. The first line describes the robot.

use sinew_sim::{JointState, Randomization, SimulatedRobot, Task, Truth};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().ok_or("usage: robot_motion MODEL [KEY=VALUE]...")?;
    let mut settings = BTreeMap::new();
    for argument in arguments {
        let (key, value) = argument.split_once('=').ok_or("expected KEY=VALUE")?;
        settings.insert(key.to_owned(), value.to_owned());
    }
    let setting = |key: &str, default: &str| settings.get(key).cloned().unwrap_or_else(|| default.to_owned());
    let number = |key: &str, default: &str| setting(key, default).parse::<f64>();
    let (period_s, every_s) = (number("period_s", "0.0005")?, number("every_s", "0.01")?);
    let task = load(&model, period_s, every_s, &setting)?;

    let mut robot = SimulatedRobot::new(&task, Randomization::Nominal)?;
    let mut truth =
        Truth { joints: vec![JointState::default(); task.joint_names().len()], ..Truth::default() };
    truth.base.position_m[2] = number("height_m", "0")?;
    for ((name, joint), default) in task.joint_names().iter().zip(&mut truth.joints).zip(task.default_pose())
    {
        joint.position = match settings.get(&format!("joint.{name}")) {
            Some(position) => position.parse()?,
            None => default,
        };
        joint.velocity = number(&format!("speed.{name}"), "0")?;
    }
    robot.place(&truth);
    let mut hash = String::new();
    for byte in task.robot_hash().unwrap_or_default() {
        write!(hash, "{byte:02x}")?;
    }
    println!("{{\"joints\": {:?}, \"hash\": \"{hash}\"}}", task.joint_names());
    let steps = (every_s / period_s).round() as u32;
    println!("{}", line(&robot)?);
    for _ in 0..(number("duration_s", "1")? / every_s).round() as u32 {
        robot.advance(steps);
        println!("{}", line(&robot)?);
    }
    Ok(())
}

/// A task that loads the model; its actuator's command is never sent, and its observation and reward are of no matter.
fn load(
    model: &str,
    period_s: f64,
    every_s: f64,
    setting: &impl Fn(&str, &str) -> String,
) -> Result<Task, Box<dyn Error>> {
    let model = std::fs::canonicalize(model)?.display().to_string();
    let drive = setting("drive", "");
    let base = match setting("base", "").as_str() {
        "" => String::new(),
        base => format!("base = {base:?}\n"),
    };
    let text = format!(
        "name = \"motion\"\nsummary = \"a passive robot\"\nsafe_action = \"zero_torque\"\n\n\
         [dynamics]\nmodel = {model:?}\n{base}formulation = {:?}\nfloor = {}\n\
         solver_iterations = {}\nphysics_period_s = {period_s:?}\npolicy_period_s = {every_s:?}\n\n[episode]\n\
         training_s = 1e5\nacceptance_s = 1e5\n\n[start]\n\n[[reward]]\nquantity = \"joint_speed\"\n\
         shape = \"constant\"\nweight = 1.0\n\n[[sensors]]\nname = \"sensor\"\nquantity = \"joint_position\"\njoint = {drive:?}\n\n\
         [[observation]]\nname = \"term\"\nsource = \"sensor\"\nsensors = [\"sensor\"]\nmax_age_s = 1.0\nfloor = 1.0\n\n\
         [[actuators]]\nname = \"actuator\"\nmode = {:?}\njoint = {drive:?}\nminimum = -1e-6\nmaximum = 1e-6\ndefault = 0.0\n\
         head_scale = 1e-6\nhead_offset = 0.0\n",
        setting("formulation", "multibody"),
        setting("floor", "false"),
        setting("iterations", "4"),
        setting("mode", "torque"),
    );
    let file = std::env::temp_dir().join(format!("robot-motion-{}.toml", std::process::id()));
    std::fs::write(&file, text)?;
    let task = Task::load(&file.display().to_string());
    std::fs::remove_file(&file)?;
    Ok(task?)
}

fn line(robot: &SimulatedRobot) -> Result<String, std::fmt::Error> {
    let truth = robot.truth();
    let list = |values: &mut dyn Iterator<Item = f64>| {
        let values: Vec<String> = values.map(|value| format!("{value:e}")).collect();
        format!("[{}]", values.join(", "))
    };
    let mut line = String::new();
    write!(
        line,
        "{{\"time_s\": {}, \"positions\": {}, \"velocities\": {}, \"base_position\": {}, \"base_orientation\": {}}}",
        robot.time_s(),
        list(&mut truth.joints.iter().map(|joint| joint.position)),
        list(&mut truth.joints.iter().map(|joint| joint.velocity)),
        list(&mut truth.base.position_m.into_iter()),
        list(&mut truth.base.orientation.into_iter()),
    )?;
    Ok(line)
}
