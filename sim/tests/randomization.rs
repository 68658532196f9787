//! Randomization is real: every term changes the motion or the measurement as physics says.
//!
//! Joint and body terms are tested in both of rapier's formulations on a rig of a turntable (0.02 kg m² and a rotor of
//! 0.03 kg m²) and a cart of 2 kg; terms of a floating base on the quadrotor.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use sinew_policy_runtime::interface::{JointSetpoint, Setpoint};
use sinew_sim::{Env, JointState, Randomization, SimulatedRobot, Task, TaskError, Truth};
use std::path::Path;
use support::term;

const FORMULATIONS: [&str; 2] = ["multibody", "joint_constraints"];
const STEP_S: f64 = 0.001;

/// The rig with other lines at its end.
fn rig(name: &str, formulation: &str, changes: &[(&str, &str)], lines: &str) -> Result<Task, TaskError> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support");
    let mut text = std::fs::read_to_string(folder.join("rig.toml")).unwrap();
    let model = folder.join("rig.xml").display().to_string();
    for (from, to) in [
        ("model = \"rig.xml\"", &*format!("model = {model:?}")),
        ("formulation = \"multibody\"", &*format!("formulation = {formulation:?}")),
    ]
    .iter()
    .chain(changes)
    {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    Task::load(&support::write(&format!("rig-{name}-{formulation}"), &support::varied(&text, lines)))
}

fn drawn(task: &Task) -> SimulatedRobot {
    SimulatedRobot::new(task, Randomization::Training).unwrap()
}

/// The rig's two joints after some physics steps from rest under two efforts.
fn moved(task: &Task, efforts: [f32; 2], steps: u32) -> Vec<JointState> {
    let mut robot = drawn(task);
    robot.place(&Truth { joints: vec![JointState::default(); 2], ..Truth::default() });
    let setpoint = |torque| Setpoint::Joint(JointSetpoint { torque, ..JointSetpoint::default() });
    robot.command(&efforts.map(setpoint)).unwrap();
    robot.advance(steps);
    robot.truth().joints.clone()
}

/// Accelerations over one physics step under lines of randomization, in both formulations.
fn accelerations(name: &str, lines: &str, efforts: [f32; 2]) -> [[f64; 2]; 2] {
    FORMULATIONS.map(|formulation| {
        let task = rig(name, formulation, &[], lines).unwrap();
        let joints = moved(&task, efforts, 1);
        [joints[0].velocity / STEP_S, joints[1].velocity / STEP_S]
    })
}

fn close(found: f64, expected: f64, relative: f64, what: &str) {
    assert!((found / expected - 1.0).abs() < relative, "{what}: {found}, expected {expected}");
}

/// Without randomization: (torque - friction) / (inertia + armature), and force / mass.
const PLAIN: [f64; 2] = [(1.0 - 0.2) / 0.05, 3.0 / 2.0];

#[test]
fn twice_the_mass_halves_the_acceleration_and_doubles_the_inertia() {
    for found in accelerations("plain", "", [1.0, 3.0]) {
        close(found[0], PLAIN[0], 0.02, "turntable");
        close(found[1], PLAIN[1], 0.01, "cart");
    }
    for found in accelerations("heavy", &term("mass", "scale", "2.0"), [1.0, 3.0]) {
        close(found[1], 0.5 * PLAIN[1], 0.01, "cart");
        // Its inertia of 0.02 kg m² doubles with its mass, the rotor's 0.03 kg m² does not.
        close(found[0], 0.8 / 0.07, 0.02, "turntable");
    }
    for (operation, number) in [("set", "4.0"), ("add", "2.0")] {
        let line = format!("{}target = [\"cart\"]\n", term("mass", operation, number));
        for found in accelerations(&format!("mass-{operation}"), &line, [1.0, 3.0]) {
            close(found[1], 0.5 * PLAIN[1], 0.01, operation);
            close(found[0], PLAIN[0], 0.02, "what is no target");
        }
    }
}

#[test]
fn inertia_with_a_term_of_its_own_does_not_follow_the_mass() {
    let lines = term("mass", "scale", "2.0") + &term("inertia", "scale", "1.5");
    for found in accelerations("inertia", &lines, [1.0, 3.0]) {
        close(found[0], 0.8 / 0.06, 0.02, "turntable");
        close(found[1], 0.5 * PLAIN[1], 0.01, "cart");
    }
}

#[test]
fn joints_have_the_damping_friction_and_armature_that_were_drawn() {
    for found in accelerations("armature", &term("joint_armature", "set", "0.08"), [1.0, 0.0]) {
        close(found[0], 0.8 / 0.1, 0.02, "armature");
    }
    for found in accelerations("friction", &term("joint_friction", "set", "0.6"), [1.0, 0.0]) {
        close(found[0], 0.4 / 0.05, 0.02, "dry friction");
    }
    for formulation in FORMULATIONS {
        // The speed at which 1 N m is spent: (1 - 0.2) / damping.
        let task = rig("damping", formulation, &[], &term("joint_damping", "scale", "10.0")).unwrap();
        close(moved(&task, [1.0, 0.0], 1000)[0].velocity, 0.8 / 0.5, 0.02, "damping");
    }
}

#[test]
fn a_joint_stops_at_the_limits_that_were_drawn() {
    for formulation in FORMULATIONS {
        let lines = term("joint_high", "add", "-0.3") + "target = [\"slide\"]\n";
        let task = rig("limit", formulation, &[], &lines).unwrap();
        let found = moved(&task, [0.0, 3.0], 4000)[1].position;
        assert!((found - 0.2).abs() < 0.01, "{formulation}: {found}");
    }
}

#[test]
fn a_larger_body_has_its_joints_farther_apart() {
    // A weight on a rod: the acceleration of a pendulum falls with its length.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let body = |name: &str, inner: &str| {
        format!("<body name=\"{name}\"><joint name=\"{name}\" axis=\"0 1 0\"/>{inner}</body>")
    };
    let weight = "<body name=\"tip\" pos=\"1 0 0\"><joint name=\"tip\" type=\"slide\" axis=\"1 0 0\" range=\"0 0.001\" \
        limited=\"true\"/><inertial pos=\"0 0 0\" mass=\"1\" diaginertia=\"1e-4 1e-4 1e-4\"/></body>";
    let rod = format!("<inertial pos=\"1 0 0\" mass=\"1\" diaginertia=\"1e-4 1e-4 1e-4\"/>{weight}");
    let xml =
        format!("<mujoco><option gravity=\"0 0 -10\"/><worldbody>{}</worldbody></mujoco>", body("rod", &rod));
    let path = folder.join("weight.xml");
    std::fs::write(&path, xml).unwrap();
    for formulation in FORMULATIONS {
        let text =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/rig.toml"))
                .unwrap()
                .replace("\"turn\"", "\"rod\"")
                .replace("\"slide\"", "\"tip\"")
                .replace("[start.joint.slide]", "[start.joint.tip]")
                .replace("model = \"rig.xml\"", &format!("model = {:?}", path.display().to_string()))
                .replace("formulation = \"multibody\"", &format!("formulation = {formulation:?}"));
        for (size, tolerance) in [(1.0, 0.02), (2.0, 0.02)] {
            let lines = term("body_size", "scale", &format!("{size:?}"));
            let name = format!("weight-{formulation}-{size}");
            let task = Task::load(&support::write(&name, &support::varied(&text, &lines))).unwrap();
            let found = moved(&task, [0.0, 0.0], 10)[0].velocity / (10.0 * STEP_S);
            close(found, 10.0 / size, tolerance, &name);
        }
    }
}

#[test]
fn servo_gains_motor_strength_and_limits_are_those_drawn() {
    let servo = [(
        "mode = \"torque\"\njoint = \"turn\"",
        "mode = \"position\"\njoint = \"turn\"\nstiffness = 4.0\ndamping = 0.1\neffort_limit = 20.0",
    )];
    let first = |task: &Task| {
        let mut robot = drawn(task);
        robot.place(&Truth { joints: vec![JointState::default(); 2], ..Truth::default() });
        let target =
            JointSetpoint { position: 0.5, stiffness: 4.0, damping: 0.1, ..JointSetpoint::default() };
        robot.command(&[Setpoint::Joint(target), Setpoint::Joint(JointSetpoint::default())]).unwrap();
        robot.advance(1);
        let effort = robot.applied_efforts().next().unwrap();
        assert_eq!(effort, robot.truth().efforts[0]);
        effort
    };
    for (name, lines, expected) in [
        ("gains", String::new(), 2.0),
        ("stiffness-scale", term("servo_stiffness", "scale", "1.5"), 3.0),
        ("stiffness-set", term("servo_stiffness", "set", "5.0"), 2.5),
        ("strength", term("motor_strength", "scale", "0.5"), 1.0),
        ("both", term("servo_stiffness", "scale", "1.5") + &term("motor_strength", "scale", "0.5"), 1.5),
    ] {
        let task = rig(name, "multibody", &servo, &lines).unwrap();
        assert!((first(&task) - expected).abs() < 1e-6, "{name}: {}", first(&task));
    }
    let task = rig("servo-damping", "multibody", &servo, &term("servo_damping", "scale", "3.0")).unwrap();
    let mut robot = drawn(&task);
    let spinning = JointState { position: 0.0, velocity: 2.0 };
    robot.place(&Truth { joints: vec![spinning, JointState::default()], ..Truth::default() });
    robot.advance(1);
    assert!((robot.truth().efforts[0] + 0.6).abs() < 1e-6, "{:?}", robot.truth().efforts);
}

#[test]
fn a_dc_motor_loses_torque_with_speed_and_voltage() {
    let curve = [(
        "mode = \"torque\"\njoint = \"turn\"",
        "mode = \"torque\"\njoint = \"turn\"\ndc_motor = { stall_effort = 8.0, no_load_speed = 20.0 }",
    )];
    // Torque at a speed when 10 N m are asked for.
    for (voltage, speed, asked, expected) in [
        (1.0, 0.0, 10.0, 8.0),
        (1.0, 10.0, 10.0, 4.0),
        (1.0, 20.0, 10.0, 0.0),
        // Braking adds the back electromotive force to the voltage, up to the drive's limit of 10 N m.
        (1.0, 10.0, -10.0, -10.0),
        (1.0, 2.0, -10.0, -8.8),
        (0.5, 0.0, 10.0, 4.0),
        (0.5, 10.0, 10.0, 0.0),
        (0.5, 2.0, 1.0, 1.0),
    ] {
        let lines = term("supply_voltage", "scale", &format!("{voltage:?}"));
        let task = rig("dc-motor", "multibody", &curve, &lines).unwrap();
        let mut robot = drawn(&task);
        let spinning = JointState { position: 0.0, velocity: speed };
        robot.place(&Truth { joints: vec![spinning, JointState::default()], ..Truth::default() });
        let setpoint = |torque| Setpoint::Joint(JointSetpoint { torque, ..JointSetpoint::default() });
        robot.command(&[setpoint(asked as f32), setpoint(0.0)]).unwrap();
        robot.advance(1);
        let found = robot.truth().efforts[0];
        assert!((found - expected).abs() < 1e-5, "{voltage} x voltage, {speed} rad/s: {found}, {expected}");
    }
}

#[test]
fn a_lag_delays_the_effort_by_its_time_constant() {
    for (operation, number) in [("set", "0.02"), ("add", "0.02")] {
        let task = rig("lag", "multibody", &[], &term("motor_lag", operation, number)).unwrap();
        let mut robot = drawn(&task);
        let setpoint = Setpoint::Joint(JointSetpoint { torque: 1.0, ..JointSetpoint::default() });
        robot.place(&Truth { joints: vec![JointState::default(); 2], ..Truth::default() });
        robot.command(&[setpoint; 2]).unwrap();
        robot.advance(20);
        close(robot.truth().efforts[0], 1.0 - libm::exp(-1.0), 1e-6, operation);
    }
}

#[test]
fn gravity_is_scaled_and_tilted() {
    let fall = |terms: &[(&str, &str, &str)], episode: u64| {
        let task = support::randomized("quadrotor", "gravity", terms);
        let mut robot = drawn(&task);
        robot.reset(5, 0, episode);
        robot.place(&flying());
        robot.command(&[Setpoint::Rotor(0.0); 4]).unwrap();
        // Until the rotors stand still.
        robot.advance(400);
        let before = robot.truth().base.velocity_m_per_s;
        robot.advance(10);
        let after = robot.truth().base.velocity_m_per_s;
        [0, 1, 2].map(|axis| (after[axis] - before[axis]) / 0.02)
    };
    close(fall(&[("gravity", "scale", "0.5")], 0)[2], -0.5 * 9.81, 1e-3, "half of it");
    for episode in 0..20 {
        let [x, y, z] = fall(&[("gravity", "add", "0.5")], episode);
        let added = (x * x + y * y + (z + 9.81) * (z + 9.81)).sqrt();
        assert!((added - 0.5).abs() < 5e-3, "{x} {y} {z}");
    }
}

fn flying() -> Truth {
    let mut truth = Truth::default();
    truth.base.position_m = [0.0, 0.0, 50.0];
    truth
}

const HOVER: f32 = 1515.90;

#[test]
fn forces_and_pushes_act_on_the_base() {
    let task = support::randomized("quadrotor", "force", &[("force", "add", "0.01")]);
    let mut robot = drawn(&task);
    robot.place(&flying());
    robot.command(&[Setpoint::Rotor(HOVER); 4]).unwrap();
    robot.advance(5);
    let velocity = robot.truth().base.velocity_m_per_s;
    let speed = velocity.iter().map(|along| along * along).sum::<f64>().sqrt();
    close(speed, 0.01 / 0.027 * 0.01, 0.02, "0.01 N on 0.027 kg for 10 ms");

    let lines = term("push", "add", "0.4") + "moment = \"interval\"\nevery_s = [0.1, 0.1]\n";
    let text = support::varied(&support::text("quadrotor"), &lines);
    let mut robot = drawn(&Task::load(&support::write("push", &text)).unwrap());
    robot.place(&flying());
    robot.command(&[Setpoint::Rotor(HOVER); 4]).unwrap();
    robot.advance(50);
    let before = robot.truth().base.velocity_m_per_s;
    assert!(before[0].abs() < 1e-6 && before[1].abs() < 1e-6, "{before:?}");
    robot.advance(1);
    let [x, y, z] = robot.truth().base.velocity_m_per_s;
    close((x * x + y * y).sqrt(), 0.4, 1e-2, "a push");
    assert!(z.abs() < 1e-3, "{z}");
}

#[test]
fn wind_and_drag_push_rotors_as_the_air_moves() {
    // What the rotors' drag makes of 2 m/s of wind: 4 c w v, less what the body has picked up.
    let drag = 4.0 * 9.1785e-7 * f64::from(HOVER) * 2.0;
    for (name, terms, expected) in [
        ("wind", &[("wind", "add", "2.0")][..], drag),
        ("drag", &[("wind", "add", "2.0"), ("air_drag", "scale", "0.5")], 0.5 * drag),
    ] {
        let mut robot = drawn(&support::randomized("quadrotor", name, terms));
        robot.place(&flying());
        robot.command(&[Setpoint::Rotor(HOVER); 4]).unwrap();
        robot.advance(5);
        let [x, y, _] = robot.truth().base.velocity_m_per_s;
        close((x * x + y * y).sqrt(), expected / 0.027 * 0.01, 0.02, name);
    }
}

#[test]
fn a_larger_frame_has_longer_arms() {
    let spin = |size: &str| {
        let mut robot = drawn(&support::randomized("quadrotor", "arms", &[("body_size", "scale", size)]));
        robot.place(&flying());
        robot.command(&[1600.0, 1500.0, 1500.0, 1600.0].map(Setpoint::Rotor)).unwrap();
        robot.advance(2);
        robot.truth().base.angular_velocity_rad_per_s[0]
    };
    // Twice the arm, four times the inertia at the same mass.
    close(spin("2.0"), 0.5 * spin("1.0"), 1e-2, "roll");
}

#[test]
fn a_shifted_centre_of_mass_makes_even_thrust_turn_the_body() {
    let task = support::randomized("quadrotor", "center", &[("center_of_mass", "add", "0.001")]);
    let mut robot = drawn(&task);
    robot.place(&flying());
    robot.command(&[Setpoint::Rotor(HOVER); 4]).unwrap();
    robot.advance(1);
    let [roll, pitch, _] = robot.truth().base.angular_velocity_rad_per_s;
    // The thrust acts 1 mm behind and beside the mass, 0.265 N x 1 mm on 1.4e-5 kg m²; x: nose down, y: to the left.
    let expected = 0.027 * 9.81 * 0.001 / 1.4e-5 * 0.002;
    close(roll, -expected, 0.02, "roll");
    close(pitch, expected, 0.02, "pitch");
}

/// A block or ball of 1 kg that meets the floor.
fn dropped(name: &str, geom: &str, height: f64, speed: f64, lines: &str) -> SimulatedRobot {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let xml = format!(
        "<mujoco><option gravity=\"0 0 -9.81\"/><worldbody><body name=\"block\" pos=\"0 0 1\"><freejoint/>\
         <inertial pos=\"0 0 0\" mass=\"1\" diaginertia=\"0.01 0.01 0.01\"/>{geom}\
         <body name=\"fin\"><joint name=\"turn\" axis=\"0 0 1\"/><inertial pos=\"0 0 0\" mass=\"1e-4\" \
         diaginertia=\"1e-7 1e-7 1e-7\"/></body></body></worldbody></mujoco>"
    );
    let path = folder.join(format!("{name}.xml"));
    std::fs::write(&path, xml).unwrap();
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/rig.toml"))
        .unwrap()
        .replace("model = \"rig.xml\"", &format!("model = {:?}\nfloor = true", path.display().to_string()))
        .replace("joint = \"slide\"", "joint = \"turn\"")
        .replace("mode = \"force\"", "mode = \"torque\"")
        .replace("[start.joint.slide]", "[start.joint.turn]");
    let task = Task::load(&support::write(name, &support::varied(&text, lines))).unwrap();
    let mut robot = drawn(&task);
    let mut truth = Truth { joints: vec![JointState::default()], ..Truth::default() };
    truth.base.position_m = [0.0, 0.0, height];
    truth.base.velocity_m_per_s = [speed, 0.0, 0.0];
    robot.place(&truth);
    robot
}

#[test]
fn a_block_slides_as_far_as_the_drawn_friction_lets_it() {
    let block = "<geom type=\"box\" size=\"0.2 0.2 0.05\" friction=\"0.5\"/>";
    for (name, operation, number, friction) in
        [("slow", "scale", "1.6", 0.8), ("slower", "set", "0.6", 0.6), ("fast", "add", "-0.2", 0.3)]
    {
        // The rougher surface counts, so the floor must be the smoother one.
        let lines = term("contact_friction", operation, number)
            + "target = [\"block\"]\n"
            + &term("contact_friction", "set", "0.1")
            + "target = [\"world\"]\n";
        let mut robot = dropped(name, block, 0.05, 1.0, &lines);
        robot.advance(1000);
        let expected = 1.0 / (2.0 * friction * 9.81);
        close(robot.truth().base.position_m[0], expected, 0.05, name);
    }
}

#[test]
fn a_ball_bounces_as_high_as_its_restitution_says() {
    let ball = "<geom type=\"sphere\" size=\"0.1\"/>";
    for (number, expected) in [("0.0", 0.0), ("0.8", 0.64)] {
        // The surfaces' mean counts: both have the same.
        let mut robot = dropped("bounce", ball, 1.1, 0.0, &term("restitution", "set", number));
        robot.advance(480);
        let mut highest: f64 = 0.0;
        for _ in 0..600 {
            robot.advance(1);
            highest = highest.max(robot.truth().base.position_m[2] - 0.1);
        }
        assert!((highest - expected).abs() < 0.03, "{number}: {highest} m, expected {expected} m");
    }
}

#[test]
fn a_payload_within_an_episode_acts_from_the_next_step() {
    for formulation in FORMULATIONS {
        let lines = term("mass", "scale", "{distribution = \"choice\", values = [0.5, 2.0]}")
            + "moment = \"step\"\ntarget = [\"cart\"]\n";
        let task = rig("payload", formulation, &[], &lines).unwrap();
        let mut robot = drawn(&task);
        robot.reset(1, 0, 0);
        robot.place(&Truth { joints: vec![JointState::default(); 2], ..Truth::default() });
        let setpoint = |torque| Setpoint::Joint(JointSetpoint { torque, ..JointSetpoint::default() });
        robot.command(&[setpoint(0.0), setpoint(3.0)]).unwrap();
        let (mut seen, mut before) = ([0, 0], 0.0);
        for _ in 0..40 {
            robot.advance(1);
            let velocity = robot.truth().joints[1].velocity;
            // 1 kg or 4 kg, and 1 N s/m of damping.
            let factor = robot.drawn().next().unwrap().1[0];
            close((velocity - before) / STEP_S, (3.0 - before) / (2.0 * factor), 0.01, formulation);
            seen[usize::from(factor > 1.0)] += 1;
            robot.advance(9);
            before = robot.truth().joints[1].velocity;
        }
        assert!(seen[0] > 8 && seen[1] > 8, "{seen:?}");
    }
}

#[test]
fn a_command_acts_after_exactly_the_drawn_delay() {
    for (number, steps) in [("0.0", 0), ("0.006", 3), ("0.01", 5)] {
        let task = support::randomized("pendulum", "late-action", &[("action_delay", "add", number)]);
        let mut robot = drawn(&task);
        robot.place(&Truth { joints: vec![JointState::default()], ..Truth::default() });
        robot.command(&[Setpoint::Joint(JointSetpoint { torque: 2.0, ..JointSetpoint::default() })]).unwrap();
        robot.advance(steps);
        assert_eq!(robot.truth().joints[0].velocity, 0.0);
        robot.advance(1);
        assert!(robot.truth().joints[0].velocity > 0.01);
    }
}

/// The pendulum with other lines for its position sensor.
fn sensing(name: &str, sensor: &str, lines: &str) -> Task {
    let text = support::varied(&support::text("pendulum"), lines);
    let place = "name = \"hinge_position\"\nquantity = \"joint_position\"\njoint = \"hinge\"\n";
    assert!(text.contains(place));
    Task::load(&support::write(name, &text.replacen(place, &format!("{place}{sensor}\n"), 1))).unwrap()
}

/// The true and the measured angle of a falling pendulum at each physics step.
fn measured(task: &Task, seed: u64, steps: u32) -> Vec<[f64; 2]> {
    let mut robot = drawn(task);
    robot.reset(seed, 0, 0);
    robot.place(&Truth { joints: vec![JointState { position: 1.0, velocity: 0.0 }], ..Truth::default() });
    let (mut sample, mut ages) = ([0.0; 2], [1; 2]);
    let mut pairs = Vec::new();
    for _ in 0..steps {
        robot.sense(&mut sample, &mut ages).unwrap();
        assert_eq!(ages, [0; 2]);
        pairs.push([robot.truth().joints[0].position, sample[0].into()]);
        robot.advance(1);
    }
    pairs
}

#[test]
fn a_sample_shows_the_past_by_exactly_the_drawn_delay() {
    for (name, sensor, lines) in [
        ("late-sample", "", term("observation_delay", "add", "0.01")),
        ("late-sensor", "errors = { latency_s = 0.01 }", String::new()),
        ("late-both", "errors = { latency_s = 0.004 }", term("observation_delay", "add", "0.006")),
    ] {
        let pairs = measured(&sensing(name, sensor, &lines), 1, 50);
        for (step, [_, sample]) in pairs.iter().enumerate() {
            assert_eq!(*sample as f32, pairs[step.saturating_sub(5)][0] as f32, "{name}, step {step}");
        }
    }
}

#[test]
fn a_delay_that_jitters_never_shows_an_older_sample_than_before() {
    let lines = term("observation_delay", "add", "[0.0, 0.02]") + "moment = \"step\"\n";
    let task = sensing("jitter", "", &lines);
    let mut env = Env::new(&task, Randomization::Training, 1, 0).unwrap();
    env.reset(0, &mut [0.0; 4][..task.observation_size()].to_vec()).unwrap();
    let pairs = measured(&task, 1, 400);
    let mut lags = std::collections::BTreeSet::new();
    let mut before = 0;
    for (step, [_, sample]) in pairs.iter().enumerate() {
        let taken = pairs[..=step].iter().rposition(|[truth, _]| *truth as f32 == *sample as f32).unwrap();
        assert!(taken >= before && step - taken <= 11 + 25, "step {step}: {taken} after {before}");
        before = taken;
        if step % 25 == 1 {
            lags.insert(step - taken);
        }
    }
    assert!(lags.len() > 3, "{lags:?}");
}

#[test]
fn a_slow_sensor_holds_its_value_between_samples() {
    let pairs = measured(&sensing("slow", "period_s = 0.01", ""), 1, 50);
    for (step, [_, sample]) in pairs.iter().enumerate() {
        assert_eq!(*sample as f32, pairs[step / 5 * 5][0] as f32, "step {step}");
    }
}

#[test]
fn sensor_errors_have_the_sizes_that_were_asked_for() {
    let errors = |task: &Task, seed| {
        measured(task, seed, 2000).iter().map(|[truth, sample]| sample - truth).collect::<Vec<f64>>()
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let deviation = |values: &[f64]| {
        let mean = mean(values);
        (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
    };
    let noisy = sensing("noise", "errors = { noise = 0.01 }", "");
    let found = errors(&noisy, 1);
    close(deviation(&found), 0.01, 0.08, "noise");
    assert!(mean(&found).abs() < 0.0012, "{}", mean(&found));
    let louder = sensing("louder", "errors = { noise = 0.01 }", &(term("sensor_noise", "scale", "3.0")));
    close(deviation(&errors(&louder, 1)), 0.03, 0.08, "scaled noise");

    let biased = sensing("bias", "errors = { bias = 0.05 }", "");
    let biases: Vec<f64> = (0..60)
        .map(|seed| errors(&biased, seed)[..50].to_vec())
        .map(|found| {
            assert!(deviation(&found) < 1e-6);
            mean(&found)
        })
        .collect();
    assert!(
        biases.iter().all(|bias| bias.abs() <= 0.05 + 1e-6) && biases.iter().any(|bias| bias.abs() > 0.04)
    );
    close(deviation(&biases), 0.05 / 3.0_f64.sqrt(), 0.25, "uniform bias");

    // The variance of a walk is its rate squared times the time.
    let walking = sensing("walk", "errors = { bias_walk = 0.02 }", "");
    let ends: Vec<f64> = (0..100).map(|seed| *errors(&walking, seed).last().unwrap()).collect();
    close(deviation(&ends), 0.02 * 4.0_f64.sqrt(), 0.25, "walk after 4 s");
    assert!(errors(&walking, 1)[0].abs() < 1e-6);

    let scaled = sensing("scale", "", &term("sensor_scale_error", "set", "0.1"));
    let ratio = |seed| {
        let pairs = measured(&scaled, seed, 20);
        let [truth, sample] = pairs[10];
        sample / truth - 1.0
    };
    let ratios: Vec<f64> = (0..60).map(ratio).collect();
    assert!(
        ratios.iter().all(|error| error.abs() < 0.1 + 1e-6) && ratios.iter().any(|error| error.abs() > 0.08)
    );
}

#[test]
fn samples_are_quantized_saturated_and_lost_as_often_as_asked_for() {
    let pairs = measured(&sensing("steps", "errors = { quantization = 0.25 }", ""), 1, 400);
    assert!(pairs.iter().all(|[truth, sample]| sample % 0.25 == 0.0 && (sample - truth).abs() <= 0.1251));
    let pairs = measured(&sensing("limit", "errors = { saturation = 1.5 }", ""), 1, 1000);
    assert!(pairs.iter().any(|[truth, _]| truth.abs() > 2.0));
    for [truth, sample] in &pairs {
        assert!((sample - truth.clamp(-1.5, 1.5)).abs() < 1e-6, "{truth}: {sample}");
    }
    let pairs = measured(&sensing("lost", "errors = { dropout = 0.3 }", ""), 1, 4000);
    let lost = pairs.iter().filter(|[truth, sample]| *truth as f32 != *sample as f32).count();
    close(lost as f64 / 4000.0, 0.3, 0.12, "samples lost");
}

#[test]
fn the_control_period_jitters_by_whole_physics_steps() {
    let lines = term("policy_period", "add", "[-0.01, 0.01]") + "moment = \"step\"\n";
    let task =
        Task::load(&support::write("period-jitter", &support::varied(&support::text("pendulum"), &lines)))
            .unwrap();
    let mut robot = drawn(&task);
    robot.reset(1, 0, 0);
    let mut lengths = std::collections::BTreeMap::new();
    let mut before = 0.0;
    for _ in 0..2000 {
        robot.advance_period();
        let steps = ((robot.time_s() - before) / 0.002).round() as u32;
        before = robot.time_s();
        *lengths.entry(steps).or_insert(0) += 1;
    }
    // 50 ms ± 10 ms in steps of 2 ms.
    assert_eq!((*lengths.keys().next().unwrap(), *lengths.keys().last().unwrap()), (20, 30));
    let mean = lengths.iter().map(|(steps, count)| f64::from(steps * count)).sum::<f64>() / 2000.0;
    assert!((mean - 25.0).abs() < 0.4, "{mean}");
}

#[test]
fn numbers_are_drawn_when_their_moment_says() {
    let load = |moment: &str| {
        let lines = term("mass", "scale", "[0.5, 2.0]") + moment;
        rig(&moment.replace([' ', '"', '\n', '=', '[', ']', ',', '.'], ""), "multibody", &[], &lines).unwrap()
    };
    let factors = |task: &Task, environment| {
        let mut robot = drawn(task);
        let mut factors = Vec::new();
        for episode in 0..5 {
            robot.reset(3, environment, episode);
            for _ in 0..10 {
                robot.advance(10);
                factors.push(robot.drawn().next().unwrap().1[0]);
            }
        }
        factors
    };
    let distinct = |factors: &[f64]| {
        let bits: std::collections::BTreeSet<u64> = factors.iter().map(|factor| factor.to_bits()).collect();
        bits.len()
    };
    let startup = load("moment = \"startup\"\n");
    assert_eq!(distinct(&factors(&startup, 0)), 1);
    assert_ne!(factors(&startup, 0)[0], factors(&startup, 1)[0]);
    assert_eq!(distinct(&factors(&load(""), 0)), 5);
    // Each episode's 10 periods of 10 ms: drawn at 0, 30, 60 and 90 ms.
    assert_eq!(distinct(&factors(&load("moment = \"interval\"\nevery_s = [0.03, 0.03]\n"), 0)), 20);
    assert_eq!(distinct(&factors(&load("moment = \"step\"\n"), 0)), 50);
}

#[test]
fn targets_share_a_number_unless_each_has_its_own() {
    for (each, expected) in [("", 1), ("each = true\n", 2)] {
        let lines = term("mass", "scale", "[0.5, 2.0]") + each;
        let task = rig(&format!("each-{expected}"), "multibody", &[], &lines).unwrap();
        assert_eq!(drawn(&task).drawn().next().unwrap().1.len(), expected);
        let found = moved(&task, [1.0, 3.0], 1);
        let (turn, slide) = (0.8 / (found[0].velocity / STEP_S) - 0.03, 3.0 / (found[1].velocity / STEP_S));
        let same = (turn / 0.02 / (slide / 2.0) - 1.0).abs() < 0.05;
        assert_eq!(same, expected == 1, "{turn} kg m² and {slide} kg");
    }
}

#[test]
fn terms_that_make_no_sense_are_refused_with_what_would() {
    for (name, lines, expected) in [
        ("op", term("inertia", "set", "1.0"), "randomization 1: inertia: operation is set, expected scale"),
        (
            "target",
            term("mass", "scale", "1.0") + "target = [\"chair\"]\n",
            "randomization 1: mass: target is \"chair\", expected one of table, cart",
        ),
        (
            "world",
            term("mass", "scale", "1.0") + "target = [\"world\"]\n",
            "mass: target is \"world\", expected one of table, cart",
        ),
        (
            "gravity",
            term("gravity", "scale", "1.0") + "target = [\"world\"]\n",
            "gravity: target is present, expected none",
        ),
        (
            "factor",
            term("mass", "scale", "[0.5, 30.0]"),
            "mass: training is 0.5 to 30, expected numbers from 0 to 20",
        ),
        (
            "moment",
            term("body_size", "scale", "1.0") + "moment = \"step\"\n",
            "body_size: moment is interval or step, expected startup or reset",
        ),
        ("push", term("push", "add", "1.0"), "push: moment is not interval"),
        ("interval", term("mass", "scale", "1.0") + "moment = \"interval\"\n", "mass: every_s is absent"),
        (
            "short",
            term("mass", "scale", "1.0") + "moment = \"interval\"\nevery_s = [0.001, 1.0]\n",
            "mass: every_s is [0.001, 1], expected [low, high] with 0.01 <= low",
        ),
        ("every", term("mass", "scale", "1.0") + "every_s = [1.0, 1.0]\n", "mass: every_s is present"),
        ("name", term("weight", "scale", "1.0"), "unknown value \"weight\""),
    ] {
        let message = rig(&format!("refused-{name}"), "multibody", &[], &lines).unwrap_err().to_string();
        assert!(message.contains(expected), "{name}: {message}");
    }
}
