//! What a robot's owner does not allow, and who has the robot then: guards and fallback controllers on a robot with a joint.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod untrained;

use sinew_firmware_host::allocation::{self, CountingAllocator};
use sinew_firmware_host::hil::campaign::{Campaign, CampaignOptions, Case};
use sinew_firmware_host::hil::{HilReport, host_options};
use sinew_firmware_host::host::{Host, HostOptions, Rehearsal};
use sinew_firmware_host::link::{Link, inproc_pair};
use sinew_firmware_host::plant::Plant;
use sinew_firmware_host::robot::{FallbackController, Mistake, Robot};
use sinew_firmware_host::telemetry::{self, LogClock, Start, Timing, replay, replay_with_fallback};
use sinew_firmware_host::wire::{Decoder, ToRobot};
use sinew_policy_runtime::document;
use sinew_policy_runtime::image::AlignedImage;
use sinew_policy_runtime::interface::Setpoint;
use sinew_policy_runtime::onnx;
use sinew_policy_runtime::supervisor::{Answer, Cause, Limits, Mode, Request};
use sinew_sim::{Randomization, Task};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// The pendulum with a sensor for its motor's torque.
static TASK: LazyLock<Task> = LazyLock::new(|| {
    let sim = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sim");
    let folder = std::env::temp_dir().join(format!("sinew-supervision-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(sim.join("robots/pendulum.xml"), folder.join("pendulum.xml")).unwrap();
    let sensor = "[[sensors]]\nname = \"hinge_torque\"\nquantity = \"joint_effort\"\njoint = \"hinge\"\n\n[[actuators]]";
    let text = std::fs::read_to_string(sim.join("tasks/pendulum.toml")).unwrap();
    let path = folder.join("pendulum.toml");
    std::fs::write(&path, text.replacen("[[actuators]]", sensor, 1)).unwrap();
    let task = Task::load(path.to_str().unwrap()).unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    task
});
static IMAGE: LazyLock<AlignedImage> = LazyLock::new(|| onnx::load(&untrained::policy(&TASK)).unwrap());
static SECOND: LazyLock<AlignedImage> =
    LazyLock::new(|| onnx::load(&untrained::recurrent_policy(&TASK)).unwrap());

fn fly(case: &str) -> (Case, HilReport) {
    let campaign =
        Campaign::parse(&format!("[[cases]]\nname = \"it\"\nduration_s = 4.0\n{case}"), "case.toml");
    let case = campaign.unwrap().cases.remove(0);
    let options = CampaignOptions { link: "inproc".parse().unwrap(), rate_hz: None, logs: None };
    let report = case.fly(&TASK, &IMAGE, &options).unwrap();
    assert!(report.witnessed.is_clean() && report.interventions == 0, "{report:?}");
    (case, report)
}

#[test]
fn a_torque_that_is_measured_beyond_its_limit_stops() {
    let guard = "guards = [{ cause = \"torque\", sensor = \"hinge_torque\", maximum = MOST }]\n";
    let (_, report) = fly(&guard.replace("MOST", "0.01"));
    let (_, mode, cause) = report.changes[0];
    assert_eq!((mode, cause, report.changes.len()), (Mode::Stopped, Some(Cause::Torque), 1));
    let (_, report) = fly(&guard.replace("MOST", "2.5"));
    assert_eq!(report.outcome, "completed");
}

const TOO_FAST: &str = "
guards = [{ cause = \"velocity\", sensor = \"hinge_velocity\", maximum = 0.5 }]
supervisor = { standby_s = 0.0, readying_s = 0.0, engaging_s = 0.0, fallback_s = 10.0, answers = { velocity = { action = \"fallback\", latches = true } } }
";

#[test]
fn joints_are_damped_or_held_by_the_host_where_it_is_told_to() {
    let (_, left) = fly(TOO_FAST);
    assert_eq!(left.changes.iter().map(|change| change.1).collect::<Vec<_>>(), [Mode::Fallback]);
    assert!(left.plant_expired == 1 && left.witnessed.commands < left.ticks, "{left:?}");
    for controller in ["damp", "hold"] {
        let joint = "{ actuator = \"hinge\", pose = 3.0, stiffness = 5.0, damping = 1.0 }";
        let fallback =
            format!("fallback = {{ controller = \"{controller}\", hold_s = 2.0, joints = [{joint}] }}\n");
        let (_, report) = fly(&format!("{TOO_FAST}{fallback}"));
        assert_eq!(report.changes.iter().map(|change| change.1).collect::<Vec<_>>(), [Mode::Fallback]);
        // The robot is commanded to the end, and never left to itself.
        assert_eq!(report.plant_expired, 0, "{controller}");
        assert!(report.witnessed.commands >= report.ticks, "{controller}: {report:?}");
        assert_eq!(report.faults[0].handling, "the fallback controller took over");
    }
}

/// A quadrotor whose host lets it sink as soon as it has moved for some samples.
const SINKS: &str = "
guards = [{ cause = \"velocity\", sensor = \"velocity\", maximum = 0.001, tolerated_samples = 10 }]
[supervisor]
standby_s = 0.0
readying_s = 0.0
engaging_s = 0.0
fallback_s = 10.0
answers = { velocity = { action = \"fallback\", latches = true } }
[fallback]
controller = \"descend\"
[fallback.descent]
descent_speed_m_per_s = 0.5
duration_s = 1.5
largest_age_s = 0.05
rotors = [
    { actuator = \"rotor_front_left\", x_m = 0.028, y_m = 0.028, spin = \"clockwise\", hover_speed_rad_per_s = 1515.9 },
    { actuator = \"rotor_front_right\", x_m = 0.028, y_m = -0.028, spin = \"counter_clockwise\", hover_speed_rad_per_s = 1515.9 },
    { actuator = \"rotor_rear_right\", x_m = -0.028, y_m = -0.028, spin = \"clockwise\", hover_speed_rad_per_s = 1515.9 },
    { actuator = \"rotor_rear_left\", x_m = -0.028, y_m = 0.028, spin = \"counter_clockwise\", hover_speed_rad_per_s = 1515.9 },
]
";

fn quadrotor(supervision: &str) -> Result<Robot, Mistake> {
    let task = Task::load("quadrotor").unwrap();
    Robot::of_task(&task).supervised(&document::parse(supervision, "it").unwrap())
}

#[test]
fn rotors_level_out_and_sink_where_the_host_is_told_to() {
    let (task, robot) = (Task::load("quadrotor").unwrap(), quadrotor(SINKS).unwrap());
    let image = onnx::load(&untrained::policy(&task)).unwrap();
    let view = image.image().unwrap();
    let contract = view.contract().unwrap().unwrap();
    let options = HostOptions { limits: robot.limits(), ..host_options(&task, &contract, None, 7).unwrap() };
    let period_us = (options.tick_period_s * 1e6) as u64;
    let mut host = Host::new(view, &contract, &robot, options).unwrap();
    let mut plant = Plant::new(&task, Randomization::Nominal, 3).unwrap();
    let (mut host_end, mut robot_end) = inproc_pair();
    let steps = (period_us as f64 * 1e-6 / plant.physics_period_s()).round() as u64;
    // Of the newest sample: speed upwards, and the cosine of the tilt from the quaternion's x and y.
    let seen = |host: &Host| {
        let values = host.trace().sample.unwrap().values;
        let value = |sensor: &str, index| values[robot.interface().sensor(sensor).unwrap().1 + index];
        let [x, y] = [1, 2].map(|index| value("orientation", index));
        (value("velocity", 2), 1.0 - 2.0 * (x * x + y * y))
    };
    for tick in 0..185 {
        let now_us = tick * period_us;
        plant.publish(now_us, &mut *robot_end);
        host.tick(now_us, &mut *host_end, (tick == 3).then_some(Request::Arm));
        plant.receive(now_us, &mut *robot_end);
        (0..steps).for_each(|step| plant.step(now_us + step * period_us / steps).unwrap());
        if (120..160).contains(&tick) {
            let (climb, upright) = seen(&host);
            assert!((climb + 0.5).abs() < 0.15 && upright > 0.99, "tick {tick}: {climb} m/s, {upright}");
        }
    }
    // The motors have stopped, and it falls.
    assert!(seen(&host).0 < -1.0, "{:?}", seen(&host));
    assert_eq!(
        (host.supervisor().mode(), host.supervisor().cause()),
        (Mode::Fallback, Some(Cause::Velocity))
    );
    assert_eq!(plant.into_report().expired, 0);
}

#[test]
fn a_descent_that_cannot_be_is_refused() {
    let refused = |from: &str, to: &str| {
        assert!(SINKS.contains(from), "{from}");
        let (field, found, expected) = quadrotor(&SINKS.replacen(from, to, 1)).unwrap_err();
        format!("{field} is {found}, expected {expected}")
    };
    let twice = refused("rotor_rear_left", "rotor_rear_right");
    assert!(twice.starts_with("fallback.descent.rotors[3].actuator is \"rotor_rear_right\""), "{twice}");
    let fast = refused("hover_speed_rad_per_s = 1515.9", "hover_speed_rad_per_s = 3000.0");
    assert!(fast.contains("rotors[0].hover_speed_rad_per_s is 3000, expected above 0 and below"), "{fast}");
    let sensor = refused("largest_age_s = 0.05", "largest_age_s = 0.05\nvelocity = \"position\"");
    assert!(
        sensor.contains("velocity is \"position\", expected a sensor of 3 values, MeterPerSecond"),
        "{sensor}"
    );
    let held = refused("\"descend\"", "\"damp\"");
    assert!(held.contains("fallback.descent is a table, expected none"), "{held}");
    // What doubts the attitude may not hand the robot to a descent.
    let blind = SINKS.replacen("velocity = { action", "sensor_rate = { action", 1);
    let blind =
        blind.replacen("\"velocity\", sensor = \"velocity\"", "\"sensor_rate\", sensor = \"orientation\"", 1);
    let (field, _, expected) = quadrotor(&blind).unwrap_err();
    assert_eq!(field, "supervisor.answers.sensor_rate");
    assert_eq!(expected, "stop or warn: the descent needs \"orientation\"");
}

#[test]
fn a_supervision_that_does_not_fit_the_robot_is_refused() {
    let refused = |case: &str| {
        let text = format!("[[cases]]\nname = \"it\"\n{case}");
        let case = Campaign::parse(&text, "case.toml").unwrap().cases.remove(0);
        let options = CampaignOptions { link: "inproc".parse().unwrap(), rate_hz: None, logs: None };
        let error = case.fly(&TASK, &IMAGE, &options).unwrap_err();
        assert!(error.is_unusable());
        format!("{:#}", anyhow::Error::from(error))
    };
    let error = refused("guards = [{ cause = \"tilt\", sensor = \"hinge_position\", maximum = 1.0 }]\n");
    assert!(
        error.contains("guards[0].sensor is \"hinge_position\", expected an orientation of 4 values"),
        "{error}"
    );
    let error = refused("fallback = { controller = \"policy\" }\n");
    assert!(error.contains("no fallback policy was given"), "{error}");
}

/// A robot that is given to a second policy as soon as it is too fast.
fn robot() -> Robot {
    let campaign = Campaign::parse(
        &format!("[[cases]]\nname = \"it\"\n{TOO_FAST}fallback = {{ controller = \"policy\" }}\n"),
        "case.toml",
    );
    let Case { supervisor, fallback, guards, .. } = campaign.unwrap().cases.remove(0);
    assert_eq!(supervisor.unwrap().answers.velocity, Answer::LATCHED);
    assert_eq!(fallback.as_ref().unwrap().controller, FallbackController::Policy);
    Robot { supervisor, fallback, guards, ..Robot::of_task(&TASK) }
}

/// Flies with both policies and a log, each tick rehearsed or not; gives the torques that were sent, each with the mode in
/// which it was.
fn fly_with_second_policy(robot: &Robot, log: &Path, rehearsed: bool) -> Vec<(Mode, f32)> {
    let (view, second) = (IMAGE.image().unwrap(), SECOND.image().unwrap());
    let (contract, second_contract) =
        (view.contract().unwrap().unwrap(), second.contract().unwrap().unwrap());
    let tick_period_s = contract.periods.policy_period_s;
    let options =
        HostOptions { session: 7, tick_period_s, goal: heapless::Vec::new(), limits: robot.limits() };
    let host = Host::new(view, &contract, robot, options).unwrap();
    assert!(host.check_fallback(robot).is_err());
    let mut host = host.with_fallback_policy(second, &second_contract, robot).unwrap();
    host.check_fallback(robot).unwrap();
    let start = Start::new(&view, robot, &host, LogClock::Virtual).unwrap();
    let (mut recorder, writer) = telemetry::start(log, start, robot, &host).unwrap();
    let mut plant = Plant::new(&TASK, Randomization::Acceptance, 1).unwrap();
    let (mut host_end, mut robot_end) = inproc_pair();
    let (period_us, mut decoder, mut sent) = ((tick_period_s * 1e6) as u64, Decoder::default(), Vec::new());
    let mut rehearsal = rehearsed.then(|| Rehearsal::new(&host));
    let steps = (tick_period_s / plant.physics_period_s()).round() as u64;
    for tick in 0..100 {
        let now_us = tick * period_us;
        plant.publish(now_us, &mut *robot_end);
        let request = (tick == 3).then_some(Request::Arm);
        let torques = Vec::with_capacity(4);
        let mut tapped = Tap { link: &mut *host_end, decoder: &mut decoder, torques };
        let before = allocation::count();
        if let Some(rehearsal) = &mut rehearsal {
            rehearsal.play(&host, now_us);
        }
        recorder.tick(&mut host, &mut tapped, now_us, request);
        // Guards, both policies, the fault, the log and the rehearsal.
        assert_eq!(allocation::count() - before, 0, "tick {tick}");
        if let Some(rehearsal) = rehearsal.as_ref().filter(|_| tick > 3) {
            // What was rehearsed is what the tick did.
            let counters =
                [rehearsal.double(), &host].map(|host| (host.counters().inferences, host.counters().samples));
            assert_eq!(counters[0], counters[1], "tick {tick}");
        }
        let mode = host.supervisor().mode();
        sent.extend(tapped.torques.into_iter().map(|torque| (mode, torque)));
        recorder.end_tick(&host, Timing::default());
        plant.receive(now_us, &mut *robot_end);
        (0..steps).for_each(|step| plant.step(now_us + step * period_us / steps).unwrap());
    }
    assert_eq!(host.supervisor().cause(), Some(Cause::Velocity));
    writer.finish(recorder).unwrap();
    sent
}

/// Passes everything on and keeps the torques that are sent.
struct Tap<'l> {
    link: &'l mut dyn Link,
    decoder: &'l mut Decoder,
    torques: Vec<f32>,
}

impl Link for Tap<'_> {
    fn send(&mut self, frame: &[u8]) -> Result<(), sinew_firmware_host::link::LinkError> {
        if let (Some(ToRobot::Command { setpoints, .. }), _) = self.decoder.feed(frame) {
            let [Setpoint::Joint(joint)] = setpoints[..] else { panic!("{setpoints:?}") };
            self.torques.push(joint.torque);
        }
        self.link.send(frame)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, sinew_firmware_host::link::LinkError> {
        self.link.receive(buffer)
    }
}

#[test]
fn a_second_policy_takes_the_robot_and_its_log_replays() {
    let robot = robot();
    let log: PathBuf = std::env::temp_dir().join(format!("sinew-second-{}.mcap", std::process::id()));
    let _ = std::fs::remove_file(&log);
    let sent = fly_with_second_policy(&robot, &log, false);
    let of = |mode: Mode| sent.iter().filter(move |(at, _)| *at == mode).map(|(_, torque)| *torque);
    assert!(of(Mode::Running).count() > 0 && of(Mode::Fallback).count() > 20, "{sent:?}");
    // It is another policy, and it acts: what it says differs from tick to tick.
    let fallback: Vec<f32> = of(Mode::Fallback).collect();
    assert!(fallback.windows(2).any(|pair| pair[0] != pair[1]), "{fallback:?}");
    assert!(fallback.iter().all(|torque| torque.is_finite() && torque.abs() <= 2.0));

    let found = replay_with_fallback(&log, &IMAGE, Some(&SECOND)).unwrap();
    assert_eq!((found.difference, found.unverified, found.verified), (None, 0, 100));
    assert!(found.keyframes > 2);
    let refusal = |fallback| replay_with_fallback(&log, &IMAGE, fallback).unwrap_err().to_string();
    assert_eq!(refusal(None), "the log was made with a fallback policy");
    assert!(refusal(Some(&IMAGE)).contains("image of the fallback policy"), "{}", refusal(Some(&IMAGE)));
    assert!(replay(&log, &IMAGE).is_err());
    std::fs::remove_file(log).unwrap();
}

#[test]
fn a_rehearsal_changes_nothing_that_the_robot_is_told() {
    let robot = robot();
    let sent = [false, true].map(|rehearsed| {
        let name = format!("sinew-rehearsed-{rehearsed}-{}.mcap", std::process::id());
        let log = std::env::temp_dir().join(name);
        let _ = std::fs::remove_file(&log);
        let sent = fly_with_second_policy(&robot, &log, rehearsed);
        let found = replay_with_fallback(&log, &IMAGE, Some(&SECOND)).unwrap();
        assert_eq!((found.difference, found.verified), (None, 100));
        std::fs::remove_file(log).unwrap();
        sent
    });
    assert_eq!(sent[0], sent[1]);
}

#[test]
fn a_fallback_policy_that_nobody_asked_for_is_refused() {
    let robot = Robot::of_task(&TASK);
    let view = IMAGE.image().unwrap();
    let contract = view.contract().unwrap().unwrap();
    let tick_period_s = contract.periods.policy_period_s;
    let limits = Limits::default();
    let options = HostOptions { session: 7, tick_period_s, goal: heapless::Vec::new(), limits };
    let host = Host::new(view, &contract, &robot, options).unwrap();
    let error = host.with_fallback_policy(view, &contract, &robot).err().unwrap().to_string();
    assert!(error.contains("fallback.controller is absent, expected \"policy\""), "{error}");
}
