//! Policies of Isaac Lab and mjlab: their own files and a TOML become a contract, and the robot gets what the tool would have sent.
#![cfg(feature = "onnx")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are not tests by themselves")]

mod graphs;

use graphs::{floats, model, node, value};
use prost::Message;
use sinew_policy_runtime::contract::TermSource;
use sinew_policy_runtime::controller::{Controller, Storage};
use sinew_policy_runtime::image::AlignedImage;
use sinew_policy_runtime::interface::Interface;
use sinew_policy_runtime::observation::SensorFrame;
use sinew_policy_runtime::onnx::protobuf::{ModelProto, StringStringEntryProto};
use sinew_policy_runtime::policy_file::load_policy;
use std::path::PathBuf;

/// As `export_deploy_cfg` writes it, for two joints whose motors are exchanged.
const DEPLOY: &str = "\
joint_ids_map: [1, 0]
step_dt: 0.02
stiffness: [25.0, 20.0]
damping: [0.5, 0.75]
default_joint_pos: [0.25, -0.5]
commands:
  base_velocity:
    ranges:
      lin_vel_x: [-0.5, 1.0]
      lin_vel_y: [-0.25, 0.25]
      ang_vel_z: [-1.0, 1]
      heading: null
actions:
  JointPositionAction:
    clip: null
    joint_names: [.*]
    scale: [0.5, 0.25]
    offset: [0.25, -0.5]
    joint_ids: null
observations:
  base_ang_vel:
    params: {}
    clip: null
    scale: [0.25, 0.25, 0.25]
    history_length: 2
  velocity_commands:
    params: {command_name: base_velocity}
    clip: null
    scale: [1.0, 1.0, 1.0]
    history_length: 1
  joint_pos_rel:
    params: {}
    clip: [-1.0, 1.0]
    scale: [2.0, 2.0]
    history_length: 1
  joint_vel_rel:
    params: {}
    clip: null
    scale: [0.5, 0.5]
    history_length: 1
  last_action:
    params: {}
    clip: null
    scale: [1.0, 1.0]
    history_length: 1
";

/// What deploy.yaml lacks.
const TOML: &str = r#"
task = "two-joints"
deploy = "params/deploy.yaml"

[[sensors]]
name = "gyro"
size = 3
unit = "radian_per_second"
frame = "body"
[[sensors]]
name = "positions"
size = 2
unit = "radian"
frame = "joint"
[[sensors]]
name = "velocities"
size = 2
unit = "radian_per_second"
frame = "joint"

[[observation]]
name = "base_ang_vel"
sensors = ["gyro"]
max_age_s = 0.05
[[observation]]
name = "joint_pos_rel"
sensors = ["positions"]
max_age_s = 0.05
[[observation]]
name = "joint_vel_rel"
sensors = ["velocities"]
max_age_s = 0.05

[[commands]]
name = "base_velocity"
unit = "meter_per_second"
frame = "body"
safe_value = [0.0, 0.0, 0.0]
max_age_s = 0.5

[[actions]]
name = "knee"
minimum = -2.0
maximum = 2.0
[[actions]]
name = "hip"
minimum = -1.0
maximum = 1.0
"#;

const INPUTS: usize = 15;

/// Input, output and weight of a connection.
type Weight = (usize, usize, f32);

/// A linear policy with the given connections.
fn linear(weights: &[Weight]) -> ModelProto {
    let mut matrix = vec![0.0; INPUTS * 2];
    for (input, output, weight) in weights {
        matrix[input * 2 + output] = *weight;
    }
    let product = node("MatMul", &["obs", "w"], "out");
    let mut model = model(17, vec![product], vec![floats("w", &[INPUTS as i64, 2], &matrix)]);
    model.graph.as_mut().unwrap().input[0] = value("obs", &[-1, INPUTS as i64]);
    model
}

/// A folder with a policy and what lies beside it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, model: &ModelProto, toml: &str, deploy: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sinew-foreign-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.join("params")).unwrap();
        std::fs::write(path.join("policy.onnx"), model.encode_to_vec()).unwrap();
        std::fs::write(path.join("policy.toml"), toml).unwrap();
        std::fs::write(path.join("params/deploy.yaml"), deploy).unwrap();
        Self(path)
    }

    fn load(&self) -> Result<AlignedImage, String> {
        load_policy(self.0.join("policy.onnx"))
            .map_err(|error| error.to_string().replace(&format!("{}/", self.0.display()), ""))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Commands of the knee and the hip for a sample, period after period.
fn commands(aligned: &AlignedImage, samples: &[[f32; 7]], goal: &[f32]) -> Vec<[f32; 2]> {
    let image = aligned.image().unwrap();
    let contract = image.contract().unwrap().unwrap();
    // The robot's own order: the knee first, though the policy's first output is the hip's.
    let mut robot = Interface { sensors: contract.sensors.clone(), actuators: contract.actions.clone() };
    robot.actuators.reverse();
    assert_eq!(robot.hash(), contract.interface_hash);
    let sizes = Controller::<Vec<f32>>::storage(&image, &contract);
    let [history, observation, scratch] = sizes.map(|size| vec![0.0; size]);
    let storage = Storage { history, observation, scratch };
    let mut controller = Controller::new(image, &contract, &robot, storage).unwrap();
    let step = |values: &[f32; 7]| {
        let frame = SensorFrame { values, ages_us: &[0; 3] };
        let (command, _) = controller.step(&frame, goal).unwrap();
        [command[0], command[1]]
    };
    samples.iter().map(step).collect()
}

/// gyro, positions of knee and hip, velocities of knee and hip
const SAMPLE: [f32; 7] = [4.0, 8.0, 12.0, 0.75, -0.25, 3.0, 5.0];

#[test]
fn a_deploy_yaml_and_a_toml_make_the_observation_that_isaac_lab_made() {
    // Input: ang_vel of two samples, the oldest first (0..6), commands (6..9), positions hip, knee (9, 10), velocities (11, 12),
    // last action (13, 14).
    let hip = |weights: &[Weight]| {
        let folder = Folder::new("deploy", &linear(weights), TOML, DEPLOY);
        commands(&folder.load().unwrap(), &[SAMPLE, [0.0; 7]], &[0.5, 0.125, -0.25])
    };
    // Output 0 is the hip, motor 1: 0.25 + 0.5 output. Every other output is 0: the knee stays at its offset -0.5.
    let cases: [(&[Weight], f32); 6] = [
        // ang_vel z of the oldest sample, which repeats the first: 12 · 0.25 = 3, of weight 0.25.
        (&[(2, 0, 0.25)], 0.25 + 0.5 * 0.75),
        (&[(5, 0, 0.25)], 0.25 + 0.5 * 0.75),
        (&[(7, 0, 1.0)], 0.25 + 0.5 * 0.125),
        // The hip's position -0.25 less its default 0.25 is -0.5, scaled by 2.
        (&[(9, 0, 1.0)], 0.25 - 0.5 * 1.0),
        // The knee's 0.75 less -0.5 is 1.25, clipped to 1, then scaled by 2; of weight 0.5.
        (&[(10, 0, 0.5)], 0.25 + 0.5 * 1.0),
        // The hip's velocity 5, scaled by 0.5, of weight 0.25.
        (&[(11, 0, 0.25)], 0.25 + 0.5 * 0.625),
    ];
    for (weights, expected) in cases {
        assert_eq!(hip(weights)[0], [-0.5, expected], "{weights:?}");
    }
    // In the next period the oldest sample is the first one still, the newest is zero.
    assert_eq!(hip(&[(2, 0, 0.25)])[1], [-0.5, 0.25 + 0.5 * 0.75]);
    assert_eq!(hip(&[(5, 0, 0.25)])[1], [-0.5, 0.25]);
    // The last action is the network's own output: 1 from the goal, then that and half of the 1 before.
    assert_eq!(hip(&[(6, 0, 2.0), (13, 0, 0.5)]), [[-0.5, 0.75], [-0.5, 1.0]]);
}

#[test]
fn the_contract_says_what_both_files_say() {
    let folder = Folder::new("contract", &linear(&[(0, 0, 1.0)]), TOML, DEPLOY);
    let aligned = folder.load().unwrap();
    let image = aligned.image().unwrap();
    let contract = image.contract().unwrap().unwrap();
    assert_eq!(contract.periods.policy_period_s, 0.02);
    let [hip, knee] = &contract.actions[..] else { panic!() };
    assert_eq!((hip.name, hip.stiffness, hip.damping, hip.maximum), ("hip", 20.0, 0.75, 1.0));
    assert_eq!((knee.name, knee.stiffness, knee.damping, knee.maximum), ("knee", 25.0, 0.5, 2.0));
    assert_eq!(contract.default_pose[..], [0.25, -0.5]);
    assert_eq!(contract.commands[0].minimum[..], [-0.5, -0.25, -1.0]);
    assert_eq!(contract.observation[0].history.length, 2);
}

#[test]
fn what_neither_file_says_is_named() {
    let refusal = |toml: &str, deploy: &str| {
        Folder::new("refusal", &linear(&[(0, 0, 1.0)]), toml, deploy).load().unwrap_err()
    };
    let without = |text: &str| refusal(&TOML.replace(text, ""), DEPLOY);
    let three_motors = DEPLOY
        .replace("[1, 0]", "[1, 2]")
        .replace("[25.0, 20.0]", "[25.0, 20.0, 1.0]")
        .replace("[0.5, 0.75]", "[0.5, 0.75, 1.0]");
    let cases = [
        (without("sensors = [\"gyro\"]"), "observation \"base_ang_vel\": sensors is missing"),
        (without("max_age_s = 0.05"), "observation \"base_ang_vel\": max_age_s is missing"),
        (without("maximum = 2.0"), "missing field `maximum`"),
        (
            refusal(TOML, &DEPLOY.replace("last_action", "foot_heights")),
            "\"foot_heights\": source is missing",
        ),
        (
            refusal(TOML, &DEPLOY.replace("[1, 0]", "[1, 2]")),
            "stiffness has 2 values, joint_ids_map names motor 2",
        ),
        (refusal(TOML, &three_motors), "action of motor 2 is missing"),
        (refusal(TOML, &DEPLOY.replace("[1, 0]", "[1, 1]")), "each of the 2 [[actions]] once"),
        (refusal(TOML, &DEPLOY.replace("step_dt: 0.02", "")), "deploy.yaml: step_dt is missing"),
        (refusal(TOML, &DEPLOY.replace("[2.0, 2.0]", "[2.0]")), "expected 1, as params/deploy.yaml scales"),
        (refusal(TOML, &DEPLOY.replace("[2.0, 2.0]", "[.nan, 1]")), "no list of finite numbers"),
        (refusal(TOML, &DEPLOY.replace("params: {}", "params: &a {}")), "anchors"),
        (refusal(TOML, &"[".repeat(2000)), "nested deeper"),
        (refusal(TOML, &"- ".repeat(2000)), "nested deeper"),
        (
            refusal(&TOML.replace("maximum = 2.0", "maximum = 2.0\nstiffness = 1.0"), DEPLOY),
            "stiffness is 1, expected 25",
        ),
        (refusal(&TOML.replace("params/", "../"), DEPLOY), "a path below the model's folder"),
        (
            refusal(&TOML.replace("joint_vel_rel", "joint_vels"), DEPLOY),
            "observation is \"joint_vels\", expected one of",
        ),
    ];
    for (found, expected) in cases {
        assert!(found.contains(expected), "{found}\nexpected {expected}");
    }
}

/// As `attach_metadata_to_onnx` writes it.
fn mjlab(model: &mut ModelProto) {
    let entries = [
        ("run_path", "none"),
        ("joint_names", "hip,knee"),
        ("joint_stiffness", "20.000,25.000"),
        ("joint_damping", "0.750,0.500"),
        ("default_joint_pos", "0.250,-0.500"),
        ("command_names", "twist"),
        ("observation_names", "base_ang_vel,joint_pos,joint_vel,actions,command"),
        ("action_scale", "0.500,0.250"),
    ];
    let entry = |(key, value): (&str, &str)| StringStringEntryProto { key: key.into(), value: value.into() };
    model.metadata_props.extend(entries.map(entry));
}

#[test]
fn mjlabs_metadata_and_a_toml_make_a_contract() {
    // ang_vel (0..3), positions (3, 4), velocities (5, 6), actions (7, 8), command (9..12), and three that nothing feeds.
    let mut network = linear(&[(3, 0, 1.0), (6, 1, 1.0)]);
    let graph = network.graph.as_mut().unwrap();
    graph.input[0] = value("obs", &[-1, 12]);
    let matrix = graph.initializer[0].float_data[..24].to_vec();
    graph.initializer[0] = floats("w", &[12, 2], &matrix);
    mjlab(&mut network);
    let toml = TOML
        .replace("deploy = \"params/deploy.yaml\"", "mjlab = true\npolicy_period_s = 0.02")
        .replace("joint_pos_rel", "joint_pos")
        .replace("joint_vel_rel", "joint_vel")
        .replace("safe_value", "minimum = [-1.0, -1.0, -1.0]\nmaximum = [1.0, 1.0, 1.0]\nsafe_value");
    let folder = Folder::new("mjlab", &network, &toml, "");
    // Hip: 0.25 + 0.5 (-0.25 - 0.25); knee: -0.5 + 0.25 · 3.
    assert_eq!(commands(&folder.load().unwrap(), &[SAMPLE], &[0.0; 3]), [[0.25, 0.0]]);
    let refusal = |toml: &str| Folder::new("mjlab-refusal", &network, toml, "").load().unwrap_err();
    let found = refusal(&toml.replace("policy_period_s = 0.02", ""));
    assert!(found.contains("policy_period_s is missing"), "{found}");
    let found = refusal(&toml.replace("name = \"knee\"", "name = \"shin\""));
    assert!(found.contains("action \"knee\" is missing: an entry in [[actions]] with its limits"), "{found}");
    let found = refusal(&toml.replace("minimum = [-1.0, -1.0, -1.0]", ""));
    assert!(found.contains("command \"base_velocity\": minimum is missing"), "{found}");
}

#[test]
fn a_toml_alone_is_enough_for_a_policy_without_any_file_of_its_tool() {
    let toml = r#"
task = "plain"
policy_period_s = 0.05
action_order = ["b", "a"]
[[sensors]]
name = "imu"
size = 4
unit = "dimensionless"
frame = "body_to_world"
[[observation]]
name = "clock"
source = { phase = { period_s = 0.2 } }
scale = 2.0
[[observation]]
name = "rotation"
source = "rotation_matrix"
sensors = ["imu"]
max_age_s = 0.1
[[observation]]
name = "orientation"
source = "sensor"
sensors = ["imu"]
order = [1, 2, 3, 0]
max_age_s = 0.1
[[actions]]
name = "a"
mode = "torque"
minimum = -1.0
maximum = 1.0
default = 0.0
[[actions]]
name = "b"
mode = "torque"
minimum = -1.0
maximum = 1.0
default = 0.0
scale = 0.5
clip = [-0.25, 0.25]
"#;
    let folder = Folder::new("plain", &linear(&[(1, 0, 1.0), (14, 1, 0.5)]), toml, "");
    let aligned = folder.load().unwrap();
    let image = aligned.image().unwrap();
    let contract = image.contract().unwrap().unwrap();
    assert_eq!(contract.observation[0].source, TermSource::Phase { period_s: 0.2 });
    let names: Vec<&str> = contract.actions.iter().map(|action| action.name).collect();
    assert_eq!(names, ["b", "a"]);
    let mut executor =
        sinew_policy_runtime::executor::Executor::new(image, vec![0.0; image.scratch_len()]).unwrap();
    // The raw observation: sine and cosine, nine values of the matrix, then w, x, y, z.
    let mut observation = [0.0; INPUTS];
    (observation[1], observation[11]) = (1.0, 0.75);
    // b: clip(0.5 · (2 · 1)) = 0.25; a: half of w, which the model reads last.
    assert_eq!(executor.infer(&observation).unwrap().action, [0.25, 0.375]);
    let unordered = toml.replace("order = [1, 2, 3, 0]", "order = [1, 2, 3, 3]");
    let found = Folder::new("order", &linear(&[]), &unordered, "").load().unwrap_err();
    assert!(found.contains("order is [1, 2, 3, 3], expected 0 to 3 once each"), "{found}");
    let mistyped = toml.replace("max_age_s", "max_age");
    let found = Folder::new("key", &linear(&[]), &mistyped, "").load().unwrap_err();
    assert!(found.contains("unknown key \"max_age\", did you mean \"max_age_s\"?"), "{found}");
}
