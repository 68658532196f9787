//! `sinew-host run` as an operator uses it: a robot behind each kind of link, requests on stdin.
#![cfg(feature = "onnx")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../policy-runtime/tests/policies/mod.rs"]
mod policies;

use policies::Shape;
use sinew_firmware_host::link::{Link, LinkAddress, Traffic, UnixLink, open_robot_end, read_key};
use sinew_firmware_host::wire::message::{Operator, RobotState};
use sinew_firmware_host::wire::robot_session::RobotSession;
use sinew_firmware_host::wire::sample::split;
use sinew_firmware_host::wire::{Decoder, ToHost, ToRobot, encode};
use sinew_policy_runtime::interface::{Interface, JointSetpoint, Setpoint};
use sinew_policy_runtime::onnx;
use sinew_policy_runtime::onnx::write::Activation;
use sinew_policy_runtime::supervisor::Request;
use std::fs::Permissions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longer than anything here takes on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);
const SENSOR_VALUES: usize = 300;

/// A folder with a policy, its robot's description and a key.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sinew-run-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        let model = Shape::new(&[SENSOR_VALUES, 8, 1], Activation::Elu { alpha: 1.0 }).onnx();
        std::fs::write(path.join("policy.img"), onnx::load(&model).unwrap().as_bytes()).unwrap();
        // More values than one frame holds, so that every sample comes in parts.
        let robot = format!(
            r#"
name = "bench"
valid_for_s = 0.1
sample_rate_hz = 100.0
[[sensors]]
name = "state"
size = {SENSOR_VALUES}
unit = "dimensionless"
frame = "body"
[[actuators]]
name = "a"
mode = "torque"
minimum = -40.0
maximum = 40.0
"#
        );
        std::fs::write(path.join("robot.toml"), robot).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn key(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        let written = Command::new(env!("CARGO_BIN_EXE_sinew-host")).arg("key").arg(&path).status().unwrap();
        assert!(written.success());
        path
    }

    fn host(&self, link: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sinew-host"));
        command.arg("run").arg(self.path("policy.img")).arg("--robot").arg(self.path("robot.toml"));
        command.args(["--link", link, "--rt", "off"]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A robot on a thread of its own, by the rules that its firmware has.
struct Robot {
    address: String,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    end: AtomicBool,
    boot: AtomicU32,
    states: Mutex<Vec<RobotState>>,
    torques: Mutex<Vec<f32>>,
}

impl Robot {
    fn start(link: &str, key: Option<&Path>) -> Self {
        Self::start_as(interface().hash(), link, key)
    }

    /// With the interface that `hash` stands for.
    fn start_as(hash: [u8; 32], link: &str, key: Option<&Path>) -> Self {
        let interface = interface();
        let (address, traffic): (LinkAddress, _) =
            (link.parse().unwrap(), Traffic::new(&interface, 50.0, 100.0));
        let key = key.map(|path| read_key(path).unwrap());
        let (link, address) = open_robot_end(&address, key, &traffic, 100.0).unwrap();
        let shared = Arc::new(Shared::default());
        shared.boot.store(1, Ordering::Relaxed);
        let thread = Some(std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || play(link, &shared, hash)
        }));
        Self { address: address.to_string(), shared, thread }
    }

    /// From now on the robot is one that has just been switched on.
    fn restart(&self) {
        self.shared.boot.fetch_add(1, Ordering::Relaxed);
    }

    fn states(&self) -> Vec<RobotState> {
        self.shared.states.lock().unwrap().clone()
    }

    fn await_state(&self, state: RobotState) {
        let begun = Instant::now();
        while self.states().last() != Some(&state) {
            assert!(begun.elapsed() < PATIENCE, "{state:?} never came: {:?}", self.states());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Robot {
    fn drop(&mut self) {
        self.shared.end.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn interface() -> Interface<'static> {
    let contract = policies::contract(SENSOR_VALUES, 1, false);
    Interface { sensors: contract.sensors, actuators: contract.actions }
}

fn play(mut link: Box<dyn Link>, shared: &Shared, hash: [u8; 32]) {
    let resting = [Setpoint::Joint(JointSetpoint::default())];
    let mut decoder = Decoder::default();
    let (mut boot, begun) = (shared.boot.load(Ordering::Relaxed), Instant::now());
    let mut session = RobotSession::new(hash, boot, &resting);
    let values = [0.25; SENSOR_VALUES];
    while !shared.end.load(Ordering::Relaxed) {
        let newest_boot = shared.boot.load(Ordering::Relaxed);
        if newest_boot != boot {
            boot = newest_boot;
            session = RobotSession::new(hash, boot, &resting);
        }
        let now_us = begun.elapsed().as_micros() as u64;
        let mut buffer = [0; 2048];
        link.begin_tick();
        while let Ok(length @ 1..) = link.receive(&mut buffer) {
            let mut bytes = &buffer[..length];
            while !bytes.is_empty() {
                let (message, rest) = decoder.feed::<ToRobot>(bytes);
                bytes = rest;
                if let Some(answer) = message.and_then(|message| session.take(now_us, &message)) {
                    send(&mut *link, &answer);
                }
            }
        }
        session.advance(now_us);
        let mut states = shared.states.lock().unwrap();
        if states.last() != Some(&session.state()) {
            states.push(session.state());
        }
        drop(states);
        if let Some([Setpoint::Joint(joint)]) = session.setpoints() {
            shared.torques.lock().unwrap().push(joint.torque);
        }
        if let Some(status) = session.status(now_us) {
            for part in split(status, &[0], &values) {
                send(&mut *link, &ToHost::Sample(part));
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn send(link: &mut dyn Link, message: &ToHost) {
    let _ = link.send(encode(message, &mut [0; 1024]).unwrap());
}

/// A running `sinew-host run`.
struct Host(Child);

impl Host {
    fn start(mut command: Command) -> Self {
        Self(command.spawn().unwrap())
    }

    fn ask(&mut self, request: &str) {
        writeln!(self.0.stdin.as_mut().unwrap(), "{request}").unwrap();
    }

    /// Asks until the robot obeys: arming is refused before a sample has come, and while the newest says that it is stopped.
    fn arm(&mut self, robot: &Robot) {
        let begun = Instant::now();
        while robot.states().last() != Some(&RobotState::Obeying) {
            assert!(begun.elapsed() < PATIENCE, "the robot never obeyed: {:?}", robot.states());
            self.ask("arm");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The first line of its stdout.
    fn first_line(&mut self) -> String {
        let mut line = String::new();
        BufReader::new(self.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn finish(self) -> (ExitStatus, String) {
        let output = self.0.wait_with_output().unwrap();
        (output.status, String::from_utf8(output.stderr).unwrap())
    }
}

/// Arms, stops, finds that the stop latches, clears it, and ends.
fn whole_session(robot: &Robot, command: Command) {
    let mut host = Host::start(command);
    host.arm(robot);
    host.ask("stop");
    robot.await_state(RobotState::Stopped);
    host.ask("arm");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(robot.states().last(), Some(&RobotState::Stopped));
    host.ask("disarm");
    robot.await_state(RobotState::Disarmed);
    host.arm(robot);
    host.ask("quit");
    robot.await_state(RobotState::Disarmed);
    let (status, told) = host.finish();
    assert_eq!(status.code(), Some(0), "{told}");
    for told_of in
        ["standby\n", "readying\n", "stopped\n", "disarmed\n", "Readying -> Stopped (OperatorStop)"]
    {
        assert!(told.contains(told_of), "{told}");
    }
    let torques = robot.shared.torques.lock().unwrap();
    assert!(torques.iter().all(|torque| torque.is_finite() && torque.abs() <= 40.0));
}

#[test]
fn a_session_over_loopback() {
    let folder = Folder::new("udp");
    let robot = Robot::start("udp:127.0.0.1:0", None);
    whole_session(&robot, folder.host(&robot.address, &[]));
}

#[test]
fn a_session_over_authenticated_datagrams() {
    let folder = Folder::new("key");
    let key = folder.key("robot.key");
    let robot = Robot::start("udp:0.0.0.0:0", Some(&key));
    let address = robot.address.replace("0.0.0.0", "127.0.0.1");
    whole_session(&robot, folder.host(&address, &["--key", key.to_str().unwrap()]));
}

#[test]
fn a_session_over_a_socket_in_the_file_system() {
    let folder = Folder::new("unix");
    let robot = Robot::start(&format!("unix:{}", folder.path("socket").display()), None);
    whole_session(&robot, folder.host(&robot.address, &[]));
}

#[test]
fn a_session_over_a_terminal_as_a_pty_and_as_a_serial_line() {
    let folder = Folder::new("serial");
    let robot = Robot::start("pty", None);
    whole_session(&robot, folder.host(&robot.address, &[]));
    let line = format!("{}@4000000", robot.address.replace("pty:", "serial:"));
    whole_session(&robot, folder.host(&line, &[]));
}

#[test]
fn a_robot_that_begins_again_is_not_armed_without_its_operator() {
    let folder = Folder::new("restart");
    let robot = Robot::start("udp:127.0.0.1:0", None);
    let mut host = Host::start(folder.host(&robot.address, &[]));
    host.arm(&robot);
    robot.restart();
    // The host is in its session again, and what it says first is stop.
    robot.await_state(RobotState::Stopped);
    let states = robot.states();
    let begun_again = states.iter().rposition(|state| *state == RobotState::Disarmed).unwrap();
    assert_eq!(states[begun_again + 1..], [RobotState::Stopped], "{states:?}");
    host.ask("disarm");
    robot.await_state(RobotState::Disarmed);
    host.arm(&robot);
    host.ask("quit");
    let (status, told) = host.finish();
    assert_eq!(status.code(), Some(3), "{told}");
    assert!(told.contains("stopped by a safety fault: RobotStopped"), "{told}");
}

#[test]
fn a_robot_whose_operator_is_gone_is_disarmed() {
    let folder = Folder::new("gone");
    let robot = Robot::start("udp:127.0.0.1:0", None);
    let mut host = Host::start(folder.host(&robot.address, &[]));
    host.arm(&robot);
    drop(host.0.stdin.take());
    robot.await_state(RobotState::Disarmed);
    assert_eq!(host.finish().0.code(), Some(0));
}

#[test]
fn a_host_that_is_killed_leaves_a_robot_that_another_one_can_take_over() {
    let folder = Folder::new("killed");
    let robot = Robot::start("udp:127.0.0.1:0", None);
    let mut host = Host::start(folder.host(&robot.address, &[]));
    host.arm(&robot);
    host.0.kill().unwrap();
    host.0.wait().unwrap();
    robot.await_state(RobotState::Disarmed);
    assert!(robot.states().ends_with(&[RobotState::Expired, RobotState::Disarmed]), "{:?}", robot.states());
    let mut host = Host::start(folder.host(&robot.address, &[]));
    host.arm(&robot);
    host.ask("quit");
    assert_eq!(host.finish().0.code(), Some(0));
}

#[test]
fn a_robot_with_another_interface_refuses_and_the_operator_is_told_why() {
    let folder = Folder::new("other");
    let robot = Robot::start_as([0x55; 32], "udp:127.0.0.1:0", None);
    let mut host = Host::start(folder.host(&robot.address, &[]));
    host.ask("arm");
    std::thread::sleep(Duration::from_millis(500));
    host.ask("quit");
    let (status, told) = host.finish();
    assert_eq!(status.code(), Some(0), "{told}");
    assert!(told.contains("refused: the robot has other sensors, actuators or limits"), "{told}");
    assert_eq!(robot.states(), [RobotState::Disarmed]);
}

#[test]
fn an_operator_at_a_distance_arms_and_stops() {
    let folder = Folder::new("operator");
    let robot = Robot::start("udp:127.0.0.1:0", None);
    let socket = format!("unix:{}", folder.path("operator").display());
    let mut host = Host::start(folder.host(&robot.address, &["--command", &socket]));
    assert_eq!(host.first_line(), socket);
    let mut station = UnixLink::connect(socket.strip_prefix("unix:").unwrap()).unwrap();
    let mut sequence = 0;
    let mut ask = |request| {
        sequence += 1;
        let goal = heapless::Vec::new();
        let message = Operator { session: 5, sequence, request: Some(request), valid_for_us: 0, goal };
        send(&mut station, &ToHost::Operator(message));
        sequence
    };
    while robot.states().last() != Some(&RobotState::Obeying) {
        ask(Request::Arm);
        std::thread::sleep(Duration::from_millis(50));
    }
    ask(Request::Stop);
    robot.await_state(RobotState::Stopped);
    let last = ask(Request::Disarm);
    robot.await_state(RobotState::Disarmed);
    // The operator hears the host: its mode, and which of his messages it has.
    let (mut decoder, mut heard, mut buffer) = (Decoder::default(), 0, [0; 2048]);
    let begun = Instant::now();
    while heard != last && begun.elapsed() < PATIENCE {
        let length = station.receive(&mut buffer).unwrap();
        let mut bytes = &buffer[..length];
        while !bytes.is_empty() {
            let (message, rest) = decoder.feed::<ToRobot>(bytes);
            bytes = rest;
            if let Some(ToRobot::Heartbeat(header)) = message {
                heard = header.operator;
            }
        }
    }
    assert_eq!(heard, last);
    host.ask("quit");
    assert_eq!(host.finish().0.code(), Some(0));
}

/// All messages of a topic in a log.
fn logged(log: &Path, topic: &str) -> Vec<serde_json::Value> {
    let bytes = std::fs::read(log).unwrap();
    let messages = mcap::MessageStream::new(&bytes).unwrap().map(Result::unwrap);
    let of_topic = messages.filter(|message| message.channel.topic == topic);
    of_topic.map(|message| serde_json::from_slice(&message.data).unwrap()).collect()
}

#[test]
fn in_shadow_a_policy_computes_is_logged_and_commands_nothing() {
    let folder = Folder::new("shadow");
    let robot = Robot::start(&format!("unix:{}", folder.path("socket").display()), None);
    let log = folder.path("shadow.mcap");
    let mut host = Host::start(folder.host(&robot.address, &["--shadow", "--log", log.to_str().unwrap()]));
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        host.ask("arm");
        std::thread::sleep(Duration::from_millis(100));
    }
    host.ask("stop");
    robot.await_state(RobotState::Stopped);
    host.ask("quit");
    let (status, told) = host.finish();
    assert_eq!(status.code(), Some(0), "{told}");
    assert!(told.contains("in shadow: nothing is commanded"), "{told}");
    // A stop is obeyed in shadow too; nothing else ever reached the robot.
    assert!(robot.shared.torques.lock().unwrap().is_empty());
    assert!(!robot.states().contains(&RobotState::Armed), "{:?}", robot.states());

    let ticks = logged(&log, "/tick");
    let computed = ticks.iter().filter(|tick| tick["inferred"] == true && tick["mode"] == "standby");
    assert!(computed.clone().count() > 10, "{told}");
    assert!(computed.clone().all(|tick| tick["command"]["a"].as_f64().is_some_and(|torque| torque != 0.0)));
    let replayed = Command::new(env!("CARGO_BIN_EXE_sinew-host"))
        .args(["replay", log.to_str().unwrap(), "--policy"])
        .arg(folder.path("policy.img"))
        .output()
        .unwrap();
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
}

#[test]
fn a_watchdog_hears_only_of_ticks_in_which_all_checks_pass() {
    let folder = Folder::new("watchdog");
    let device = folder.path("watchdog");
    std::fs::write(&device, "").unwrap();
    let length = || std::fs::read(&device).unwrap().len();
    let robot = Robot::start(&format!("unix:{}", folder.path("socket").display()), None);
    let mut host = Host::start(folder.host(&robot.address, &["--watchdog", device.to_str().unwrap()]));
    host.arm(&robot);
    let begun = Instant::now();
    while length() < 20 {
        assert!(begun.elapsed() < PATIENCE, "the watchdog was never petted");
        std::thread::sleep(Duration::from_millis(20));
    }
    // The robot falls silent.
    drop(robot);
    std::thread::sleep(Duration::from_millis(500));
    let silent = length();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(length(), silent);
    host.ask("quit");
    let (status, told) = host.finish();
    // A stop for a fault is no orderly end, and the watchdog is not released.
    assert!(!std::fs::read(&device).unwrap().contains(&b'V') || status.success(), "{told}");
    let (status, told) = Host::start(folder.host("udp:127.0.0.1:9", &["--watchdog", "/no/such"])).finish();
    assert_eq!(status.code(), Some(2), "{told}");
    assert!(told.contains("cannot open the watchdog /no/such"), "{told}");
}

#[test]
fn a_supervision_that_cannot_be_used_ends_with_code_2_and_says_where() {
    let folder = Folder::new("supervision");
    let robot = std::fs::read_to_string(folder.path("robot.toml")).unwrap();
    for (tables, reason) in [
        (
            "[supervisor]\nfallback_s = -1.0\n",
            "robot.toml: supervisor.fallback_s is -1, expected from 0 to 3600",
        ),
        ("[supervisor]\nfalback_s = 1.0\n", "unknown key \"falback_s\", did you mean \"fallback_s\"?"),
        (
            "[[guards]]\ncause = \"velocity\"\nsensor = \"state\"\nmaximum = 1.0\n",
            "robot.toml: guards[0].sensor is \"state\", expected a sensor in radian_per_second or meter_per_second",
        ),
        ("[fallback]\ncontroller = \"policy\"\n", "no fallback policy was given"),
        ("[fallback]\ncontroller = \"hold\"\n", "robot.toml: fallback.joints is damping"),
    ] {
        std::fs::write(folder.path("robot.toml"), format!("{robot}{tables}")).unwrap();
        let (status, told) = Host::start(folder.host("udp:127.0.0.1:9", &[])).finish();
        assert_eq!(status.code(), Some(2), "{tables}: {told}");
        assert!(told.contains(reason), "{tables}: {told}");
    }
}

#[test]
fn what_cannot_be_used_ends_with_code_2_and_says_why() {
    let folder = Folder::new("refused");
    let (key, other) = (folder.key("robot.key"), folder.path("open.key"));
    let key = key.to_str().unwrap();
    std::fs::write(&other, "0123456789abcdef".repeat(4)).unwrap();
    std::fs::set_permissions(&other, Permissions::from_mode(0o644)).unwrap();
    let robot = Robot::start("pty", None);
    let slow = format!("{}@9600", robot.address.replace("pty:", "serial:"));
    let udp = "udp:127.0.0.1:9";
    let cases: [(&str, &[&str], &str); 6] = [
        ("serial:/dev/no-such@4000000", &[], "cannot open serial:/dev/no-such@4000000: No such file"),
        (&slow, &[], "expected at most 80 % of the link's 960 bytes/s"),
        ("udp:192.0.2.1:7000", &[], "datagrams leave loopback only when they are authenticated; give a key"),
        (udp, &["--key", other.to_str().unwrap()], "its mode is 0644, expected 0600"),
        (udp, &["--key", key, "--command", udp, "--command-key", key], "hold the same secret"),
        (
            "inproc",
            &[],
            "inproc: a host connects to udp:HOST:PORT, serial:DEVICE@BAUD, unix:PATH or pty:PATH",
        ),
    ];
    for (link, arguments, reason) in cases {
        let (status, told) = Host::start(folder.host(link, arguments)).finish();
        assert_eq!(status.code(), Some(2), "{link}: {told}");
        assert!(told.contains(reason), "{link}: {told}");
    }
}
