//! `sinew-host jog` on simulated robots over real links: joints that are right, and joints that are wired as they should not be.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sinew_firmware_host::link::{Link, LinkAddress, LinkError, Traffic, open_robot_end};
use sinew_firmware_host::plant::{Plant, PlantReport, run_in_real_time};
use sinew_firmware_host::robot::{Feedback, Robot};
use sinew_firmware_host::wire::message::{MAX_PART_VALUES, RobotState};
use sinew_firmware_host::wire::{Decoder, ToHost, encode};
use sinew_sim::{Randomization, Task};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// A folder of its own for each test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sinew-jog-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn socket(&self) -> String {
        format!("unix:{}", self.0.join("socket").display())
    }

    fn write(&self, robot: &Robot) -> PathBuf {
        let path = self.0.join("robot.toml");
        std::fs::write(&path, toml::to_string(robot).unwrap()).unwrap();
        path
    }

    /// The pendulum, hanging still.
    fn hanging_pendulum(&self) -> Task {
        let still = "position = 3.141592653589793\nvelocity = 0.0";
        self.task(
            "pendulum",
            "pendulum.xml",
            "position = [-3.141592653589793, 3.141592653589793]\nvelocity = [-1.0, 1.0]",
            still,
        )
    }

    /// The arm, whose first joint is near its zero: held where an inverted sensor says it is, it moves little.
    fn arm(&self) -> Task {
        self.task("arm_reach", "arm.xml", "position = [-0.3, 0.3]", "position = 0.05")
    }

    /// A built-in task that begins otherwise.
    fn task(&self, name: &str, model: &str, start: &str, other: &str) -> Task {
        let sim = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sim");
        std::fs::copy(sim.join("robots").join(model), self.0.join(model)).unwrap();
        let path = self.0.join(name).with_extension("toml");
        let text = std::fs::read_to_string(sim.join("tasks").join(path.file_name().unwrap())).unwrap();
        assert!(text.contains(start));
        std::fs::write(&path, text.replacen(start, other, 1)).unwrap();
        Task::load(path.to_str().unwrap()).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What is wrong with a value on its way from the sensor.
#[derive(Clone, Copy)]
struct Wiring {
    value: usize,
    sign: f32,
    offset: f32,
}

/// A robot whose sensors are wired otherwise than it thinks.
struct Miswired {
    link: Box<dyn Link>,
    decoder: Decoder,
    wiring: Vec<Wiring>,
}

impl Link for Miswired {
    fn begin_tick(&mut self) {
        self.link.begin_tick();
    }

    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        let (Some(ToHost::Sample(mut part)), _) = self.decoder.feed(frame) else {
            return self.link.send(frame);
        };
        for Wiring { value, sign, offset } in &self.wiring {
            let place = value.checked_sub(MAX_PART_VALUES * usize::from(part.part));
            if let Some(value) = place.and_then(|place| part.values.get_mut(place)) {
                *value = sign * *value + offset;
            }
        }
        self.link.send(encode(&ToHost::Sample(part), &mut [0; 1024]).unwrap())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        self.link.receive(buffer)
    }
}

/// A task's simulated robot on a thread of its own.
struct Simulated {
    address: String,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<PlantReport>,
}

impl Simulated {
    fn start(task: &Task, link: &str, wiring: &[Wiring]) -> Self {
        let address: LinkAddress = link.parse().unwrap();
        let traffic = Traffic::new(&task.interface(), 100.0, 500.0);
        let (link, address) = open_robot_end(&address, None, &traffic, 500.0).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (task, told, wiring) = (task.clone(), Arc::clone(&stop), wiring.to_vec());
        let thread = std::thread::spawn(move || {
            let plant = Plant::new(&task, Randomization::Acceptance, 3).unwrap();
            let mut link = Miswired { link, decoder: Decoder::default(), wiring };
            run_in_real_time(plant, &mut link, None, &told).unwrap()
        });
        Self { address: address.to_string(), stop, thread }
    }

    /// What the robot was doing at the end.
    fn end(self) -> RobotState {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap().trace.last().unwrap().state
    }
}

fn jog(robot: &Path, link: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sinew-host"));
    command.arg("jog").arg("--robot").arg(robot).args(["--link", link]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Jogs from beginning to end; gives the exit code, what was found, and what was said.
fn jogged(robot: &Path, link: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut child = jog(robot, link, arguments);
    // Its stdin stays open: an operator who is gone has stopped.
    let mut operator = child.stdin.take().unwrap();
    // A jog that refuses its arguments is gone before it hears anything.
    let _ = writeln!(operator, "go");
    let output = child.wait_with_output().unwrap();
    drop(operator);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Its joints' positions stand in one sensor.
fn robot_of(task: &Task, rest: Option<f32>) -> Robot {
    let mut robot = Robot::of_task(task);
    let sensor = robot.sensors[0].name.clone();
    for (index, actuator) in robot.actuators.iter_mut().enumerate() {
        actuator.feedback = Some(Feedback { sensor: sensor.clone(), index: index as u16, rest });
    }
    robot
}

#[test]
fn a_torque_joint_is_found_right_inverted_or_displaced() {
    let folder = Folder::new("pendulum");
    let task = folder.hanging_pendulum();
    let robot = folder.write(&robot_of(&task, Some(std::f32::consts::PI)));
    let wiring = |sign, offset| [Wiring { value: 0, sign, offset }];
    for (wiring, code, found) in [
        (wiring(1.0, 0.0), 0, "hinge: sign +1"),
        // Mirrored about where it hangs, so that its rest is right and its sign is not.
        (wiring(-1.0, std::f32::consts::TAU), 1, "hinge: sign -1"),
        (wiring(1.0, 0.4), 1, "hinge: sign +1"),
    ] {
        let plant = Simulated::start(&task, "pty", &wiring);
        let (status, told, errors) = jogged(&robot, &plant.address, &[]);
        assert_eq!(status, Some(code), "{told}{errors}");
        assert!(told.starts_with(found), "{told}{errors}");
        match code {
            0 => assert!(told.contains(": right"), "{told}"),
            _ if wiring[0].sign < 0.0 => assert!(told.contains("its sign is inverted"), "{told}"),
            _ => assert!(told.contains("offset +0.4") && told.contains("its zero is elsewhere"), "{told}"),
        }
        // A jog that went well disarms; one that found a joint moving the wrong way stops.
        let expected = if wiring[0].sign < 0.0 { RobotState::Stopped } else { RobotState::Disarmed };
        assert_eq!(plant.end(), expected);
    }
}

#[test]
fn a_position_joint_of_an_arm_is_found_right_or_inverted() {
    let folder = Folder::new("arm");
    let task = folder.arm();
    let robot = folder.write(&robot_of(&task, None));
    for (sign, code, found) in [(1.0, 0, "shoulder_pan: sign +1"), (-1.0, 1, "shoulder_pan: sign -1")] {
        let plant = Simulated::start(&task, &folder.socket(), &[Wiring { value: 0, sign, offset: 0.0 }]);
        let (status, told, errors) =
            jogged(&robot, &plant.address, &["--actuator", "shoulder_pan", "--authority", "0.3"]);
        assert_eq!(status, Some(code), "{told}{errors}");
        assert!(told.starts_with(found) && told.lines().count() == 1, "{told}{errors}");
        plant.end();
    }
    // An inverted elbow is told from where it says it is, before anything moves.
    let plant = Simulated::start(&task, &folder.socket(), &[Wiring { value: 2, sign: -1.0, offset: 0.0 }]);
    let (status, told, errors) = jogged(&robot, &plant.address, &[]);
    assert_eq!((status, &told[..]), (Some(1), ""), "{errors}");
    assert!(
        errors.contains("elbow is at -1.") && errors.contains("its sign or its zero is wrong"),
        "{errors}"
    );
    plant.stop.store(true, Ordering::Relaxed);
    assert!(plant.thread.join().unwrap().trace.is_empty(), "nothing moved");
}

#[test]
fn an_operator_stops_a_jog_and_so_does_one_who_is_gone() {
    let folder = Folder::new("stop");
    let task = folder.hanging_pendulum();
    let robot = folder.write(&robot_of(&task, None));
    for gone in [false, true] {
        let plant = Simulated::start(&task, &folder.socket(), &[]);
        let mut child = jog(&robot, &plant.address, &[]);
        let mut operator = child.stdin.take().unwrap();
        writeln!(operator, "go").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1500));
        if !gone {
            writeln!(operator, "stop").unwrap();
        }
        drop(operator);
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains("stopped by the operator"), "{errors}");
        assert_eq!(plant.end(), RobotState::Stopped);
    }
}

#[test]
fn what_cannot_be_jogged_ends_with_code_2_and_says_why() {
    let folder = Folder::new("refused");
    let pendulum = folder.hanging_pendulum();
    let link = "udp:127.0.0.1:9";
    let refused = |robot: &Robot, arguments: &[&str], reason: &str| {
        let (status, _, errors) = jogged(&folder.write(robot), link, arguments);
        assert_eq!(status, Some(2), "{errors}");
        assert!(errors.contains(reason), "{errors}");
    };
    let quadrotor = Robot::of_task(&Task::load("quadrotor").unwrap());
    refused(&quadrotor, &[], "actuator \"rotor_front_left\" is a rotor");
    let mut blind = robot_of(&pendulum, None);
    blind.actuators[0].feedback =
        Some(Feedback { sensor: "hinge_velocity".to_owned(), index: 0, rest: None });
    refused(
        &blind,
        &[],
        "robot.toml: actuator \"hinge\": feedback is value 0 of \"hinge_velocity\", expected",
    );
    refused(&Robot::of_task(&Task::load("arm-reach").unwrap()), &[], "feedback is absent, expected");
    let fine = robot_of(&pendulum, None);
    refused(&fine, &["--actuator", "knee"], "actuator \"knee\" is not of this robot; known: hinge");
    refused(&fine, &["--authority", "1.5"], "--authority is 1.5, expected above 0 and at most 1");
}
