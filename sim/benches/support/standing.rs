//! A task in which the quadruped stands: every joint driven by position, on a floor, in contact with it throughout.

use sinew_sim::Task;
use std::fmt::Write as _;

/// N m/rad and N m s/rad of every joint's servo.
pub(crate) const GAINS: [f32; 2] = [40.0, 1.0];

const LEGS: [&str; 4] = ["front_left", "front_right", "rear_left", "rear_right"];
const JOINTS: [(&str, f32); 3] = [("hip", 23.7), ("thigh", 23.7), ("calf", 35.55)];

/// The task; actions of zero hold the file's default pose.
pub(crate) fn task(formulation: &str, physics_period_s: f64, solver_iterations: u32) -> Task {
    let policy_period_s = 0.02;
    let mut text = format!(
        "name = \"standing\"\nsummary = \"a quadruped that stands\"\nsafe_action = \"zero_torque\"\n\n[dynamics]\n\
         model = \"quadruped.xml\"\nformulation = {formulation:?}\nfloor = true\nsolver_iterations = {solver_iterations}\n\
         physics_period_s = {physics_period_s:?}\npolicy_period_s = {policy_period_s:?}\n\n[episode]\ntraining_s = 1000.0\n\
         acceptance_s = 1000.0\n\n[[commands]]\nname = \"place\"\nunit = \"meter\"\nframe = \"world\"\n\
         minimum = [-1.0, -1.0, 0.0]\nmaximum = [1.0, 1.0, 1.0]\nsafe_value = [0.0, 0.0, 0.3168]\nmax_age_s = 1.0\n\
         value = [0.0, 0.0, 0.3168]\n\n[start.base]\nposition_offset_m = 0.0\ntilt_rad = 0.0\n\
         speed_m_per_s = 0.0\nangular_speed_rad_per_s = 0.0\n\n[[reward]]\nquantity = \"joint_speed\"\nshape = \"squared\"\nweight = -1.0\n\n\
         [[sensors]]\nname = \"orientation\"\nquantity = \"base_orientation\"\n\n\
         [[observation]]\nname = \"gravity\"\nsource = \"projected_gravity\"\nsensors = [\"orientation\"]\nmax_age_s = 0.1\n\
         floor = 0.1\n"
    );
    let [stiffness, damping] = GAINS;
    for leg in LEGS {
        for (joint, effort) in JOINTS {
            let pose = match (leg.starts_with("rear"), joint) {
                (_, "hip") => 0.0,
                (_, "calf") => -1.6,
                (true, _) => 0.9,
                (false, _) => 0.8,
            };
            let name = format!("{leg}_{joint}");
            for quantity in ["position", "velocity"] {
                write!(
                    text,
                    "\n[[sensors]]\nname = \"{name}_{quantity}\"\nquantity = \"joint_{quantity}\"\njoint = \"{name}\"\n"
                )
                .expect("a string grows");
            }
            write!(
                text,
                "\n[[actuators]]\nname = \"{name}\"\nmode = \"position\"\njoint = \"{name}\"\nminimum = {:?}\nmaximum = {:?}\n\
                 stiffness = {stiffness:?}\ndamping = {damping:?}\neffort_limit = {effort:?}\ndefault = {pose:?}\n\
                 head_scale = 0.25\nhead_offset = {pose:?}\n\n[[observation]]\nname = \"{name}\"\nsource = \"sensor\"\n\
                 sensors = [\"{name}_position\", \"{name}_velocity\"]\nmax_age_s = 0.1\nfloor = 0.1\n",
                pose - 0.5,
                pose + 0.5
            )
            .expect("a string grows");
        }
    }
    text.push_str("\n[[observation]]\nname = \"previous_action\"\nsource = \"previous_action\"\nmax_age_s = 0.1\nfloor = 0.1\n");
    let path = std::env::temp_dir().join(format!("sinew-standing-{}.toml", std::process::id()));
    std::fs::write(&path, text).expect("a folder for temporary files");
    let task = Task::load(&path.display().to_string());
    std::fs::remove_file(&path).expect("the file that was just written");
    task.expect("a task as it should be")
}
