//! The simulated robot behind a link: what a host sees is what a real robot's firmware would show it.
//!
//! [`Plant`] is the firmware's side of the protocol around a [`SimulatedRobot`]: it obeys one session, an explicit arm, and
//! each actuator command for its `valid_for` alone; then its own safe action takes over. It is told the time, so
//! [`run_in_real_time`] and lockstep share it. Until the first command it stands still, as if held, so that a flight begins
//! from the drawn start state.

use crate::hil::BrokenSensors;
use crate::host::send_message;
use crate::link::Link;
use crate::rt::{self, RtItem};
use crate::wire::frame::LARGEST_FRAME;
use crate::wire::message::{Header, MAX_SAMPLE, RobotState, Sample};
use crate::wire::{Decoder, PROTOCOL_VERSION, ToHost, ToRobot};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::interface::{Interface, Setpoint};
use sinew_policy_runtime::observation::rotate_to_body;
use sinew_policy_runtime::safe_action::{Attitude, LevelDescent, SafeAction};
use sinew_sim::{Randomization, SafeActionSpec, SimError, SimulatedRobot, Task};
use std::sync::atomic::{AtomicBool, Ordering};

/// Between two points of the trace, µs.
const TRACE_PERIOD_US: u64 = 10_000;
/// Points of the trace: 20 minutes.
const TRACE_POINTS: usize = 120_000;

/// One point of a flight, from the true state.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TracePoint {
    /// Since the robot was let go, s.
    pub time_s: f64,
    /// How far from success, in the unit of the task's success quantity; NaN where it has none.
    pub error: f64,
    /// What the robot was doing.
    pub state: RobotState,
}

/// What happened on the robot's side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlantReport {
    /// Physics steps.
    pub steps: u64,
    /// Physics steps that began more than a step late.
    pub late: u64,
    /// Commands refused: repeated, old, of another session, not armed, not finite, or of the wrong kind.
    pub refused: u64,
    /// How often a command expired and the safe action took over.
    pub expired: u64,
    /// Whether the plant got the core that it was given; absent where it was given none.
    pub affinity: Option<RtItem>,
    /// The flight.
    pub trace: Vec<TracePoint>,
}

/// A simulated robot's firmware; see the [module](self).
pub struct Plant<'t> {
    task: &'t Task,
    interface: Interface<'t>,
    interface_hash: [u8; 32],
    robot: SimulatedRobot,
    safe_action: SafeAction,
    decoder: Decoder,
    session: Option<u64>,
    newest: u64,
    newest_us: u64,
    state: RobotState,
    setpoints: Vec<Setpoint>,
    expires_us: u64,
    safe_since_us: u64,
    sequence: u64,
    /// When the first command was obeyed.
    released_us: Option<u64>,
    traced_us: u64,
    values: Vec<f32>,
    ages_us: Vec<u32>,
    report: PlantReport,
    /// The lockstep answer that was received last.
    done: Option<(u64, bool)>,
    broken: BrokenSensors,
}

impl<'t> Plant<'t> {
    /// A robot in the start state of the episode (`seed`, environment 0, episode 0).
    ///
    /// # Errors
    /// The task has no robot, or a sample that the wire protocol does not carry.
    pub fn new(task: &'t Task, randomization: Randomization, seed: u64) -> Result<Self, SimError> {
        let mut robot = SimulatedRobot::new(task, randomization)?;
        robot.reset(seed, 0, 0);
        let interface = task.interface();
        if interface.sample_size() > MAX_SAMPLE {
            let found = interface.sample_size();
            let reason =
                format!("a sample of {found} values, and the wire protocol carries at most {MAX_SAMPLE}");
            return Err(SimError::Contract { reason });
        }
        let safe_action = match task.safe_action() {
            Some(SafeActionSpec::LevelDescent { descent_speed_m_per_s, duration_s }) => {
                SafeAction::LevelDescent(LevelDescent {
                    rotors: task.rotor_mounts().into_iter().collect(),
                    descent_speed_m_per_s: descent_speed_m_per_s as f32,
                    duration_s: duration_s as f32,
                })
            }
            Some(SafeActionSpec::ZeroTorque) | None => SafeAction::Zero,
        };
        let mut plant = Self {
            task,
            interface_hash: interface.hash(),
            setpoints: interface.actuators.iter().map(|actuator| actuator.setpoint(0.0)).collect(),
            values: vec![0.0; interface.sample_size()],
            ages_us: vec![0; interface.sensors.len()],
            interface,
            robot,
            safe_action,
            decoder: Decoder::default(),
            session: None,
            newest: 0,
            newest_us: 0,
            state: RobotState::Disarmed,
            expires_us: 0,
            safe_since_us: 0,
            sequence: 0,
            released_us: None,
            traced_us: 0,
            report: PlantReport { trace: Vec::with_capacity(TRACE_POINTS), ..PlantReport::default() },
            done: None,
            broken: BrokenSensors::default(),
        };
        plant.robot.sense(&mut plant.values, &mut plant.ages_us)?;
        Ok(plant)
    }

    /// Physics steps' length, s.
    pub fn physics_period_s(&self) -> f64 {
        self.robot.physics_period_s()
    }

    /// What happened so far.
    pub fn into_report(self) -> PlantReport {
        self.report
    }

    /// From now on some sensors are broken.
    pub(crate) fn break_sensors(&mut self, broken: BrokenSensors) {
        self.broken = broken;
    }

    /// How long ago the robot obeyed its first command, if it has.
    pub(crate) fn since_first_command_us(&self, now_us: u64) -> Option<u64> {
        Some(now_us.saturating_sub(self.released_us?))
    }

    /// The firmware begins anew: it has forgotten its session, and obeys nobody.
    pub(crate) fn restart(&mut self, now_us: u64) {
        self.enter(RobotState::Disarmed, now_us);
        self.decoder = Decoder::default();
        (self.session, self.newest, self.sequence) = (None, 0, 0);
    }

    /// Takes everything that the host has sent.
    pub fn receive(&mut self, now_us: u64, link: &mut dyn Link) {
        let mut buffer = [0; 2 * LARGEST_FRAME];
        while let Ok(length @ 1..) = link.receive(&mut buffer) {
            let mut bytes = &buffer[..length];
            while !bytes.is_empty() {
                let (message, rest) = self.decoder.feed::<ToRobot>(bytes);
                bytes = rest;
                if let Some(message) = message {
                    self.take(now_us, message, link);
                }
            }
        }
    }

    /// The lockstep answer that came since the last call: its tick, and whether the run is over.
    pub fn take_done(&mut self) -> Option<(u64, bool)> {
        self.done.take()
    }

    fn take(&mut self, now_us: u64, message: ToRobot, link: &mut dyn Link) {
        match message {
            ToRobot::Hello { protocol, session, interface_hash, .. } => {
                let expected = protocol == PROTOCOL_VERSION && interface_hash == self.interface_hash;
                // One session owns a robot for as long as it is armed.
                let free = self.state == RobotState::Disarmed || self.session == Some(session);
                if expected && free {
                    if self.session != Some(session) {
                        (self.session, self.newest) = (Some(session), 0);
                    }
                    let interface_hash = self.interface_hash;
                    // A lost answer is asked for again.
                    let _ = send_message(
                        link,
                        &ToHost::Hello { protocol: PROTOCOL_VERSION, session, interface_hash },
                    );
                }
            }
            ToRobot::Done { tick, finished } => self.done = Some((tick, finished)),
            ToRobot::Heartbeat(header) => {
                self.accept(now_us, header);
            }
            ToRobot::Arm(header) => {
                if self.accept(now_us, header) && self.state == RobotState::Disarmed {
                    self.state = RobotState::Armed;
                }
            }
            ToRobot::Disarm(header) => {
                if self.accept(now_us, header) {
                    self.enter(RobotState::Disarmed, now_us);
                }
            }
            ToRobot::Stop(header) => {
                if self.accept(now_us, header) && self.state != RobotState::Stopped {
                    self.enter(RobotState::Stopped, now_us);
                }
            }
            ToRobot::Command { header, valid_for_us, setpoints, .. } => {
                self.take_command(now_us, header, valid_for_us, &setpoints);
            }
        }
    }

    fn take_command(&mut self, now_us: u64, header: Header, valid_for_us: u32, setpoints: &[Setpoint]) {
        let armed = matches!(self.state, RobotState::Armed | RobotState::Obeying | RobotState::Expired);
        let usable = setpoints.len() == self.setpoints.len() && setpoints.iter().all(Setpoint::is_finite);
        if !(self.accept(now_us, header) && armed && usable) {
            self.report.refused += 1;
            return;
        }
        self.setpoints.copy_from_slice(setpoints);
        self.expires_us = now_us + u64::from(valid_for_us);
        self.state = RobotState::Obeying;
        self.released_us.get_or_insert(now_us);
    }

    /// Whether a frame is of the session and newer than all before.
    fn accept(&mut self, now_us: u64, header: Header) -> bool {
        let fresh = self.session == Some(header.session) && header.sequence > self.newest;
        if fresh {
            (self.newest, self.newest_us) = (header.sequence, now_us);
        }
        fresh
    }

    fn enter(&mut self, state: RobotState, now_us: u64) {
        self.state = state;
        self.safe_since_us = now_us;
    }

    /// One physics step, under the newest command while it is valid and under the safe action otherwise.
    ///
    /// # Errors
    /// The simulated state left the finite numbers.
    pub fn step(&mut self, now_us: u64) -> Result<(), SimError> {
        let Some(released_us) = self.released_us else { return Ok(()) };
        if self.state == RobotState::Obeying && now_us > self.expires_us {
            self.enter(RobotState::Expired, now_us);
            self.report.expired += 1;
        }
        if self.state != RobotState::Obeying {
            let attitude = self.attitude();
            let elapsed_s = now_us.saturating_sub(self.safe_since_us) as f32 * 1e-6;
            let actuators = &self.interface.actuators;
            self.safe_action.setpoints(actuators, attitude.as_ref(), elapsed_s, &mut self.setpoints);
        }
        self.robot.command(&self.setpoints)?;
        self.robot.advance(1);
        self.report.steps += 1;
        let flown_us = now_us - released_us;
        if flown_us >= self.traced_us && self.report.trace.len() < TRACE_POINTS {
            self.traced_us = flown_us + TRACE_PERIOD_US;
            let point = TracePoint {
                time_s: flown_us as f64 * 1e-6,
                error: self.task.error(self.robot.truth()).unwrap_or(f64::NAN),
                state: self.state,
            };
            self.report.trace.push(point);
        }
        self.robot.sense(&mut self.values, &mut self.ages_us)
    }

    /// Sends a sample of all sensors.
    pub fn publish(&mut self, now_us: u64, link: &mut dyn Link) {
        let Some(session) = self.session else { return };
        self.sequence += 1;
        let mut sample = Sample {
            session,
            sequence: self.sequence,
            echo_sequence: self.newest,
            echo_age_us: u32::try_from(now_us.saturating_sub(self.newest_us)).unwrap_or(u32::MAX),
            state: self.state,
            ages_us: self.ages_us.iter().copied().collect(),
            values: self.values.iter().copied().collect(),
        };
        let since_us = self.since_first_command_us(now_us);
        self.broken.report(since_us, &mut sample.values, &mut sample.ages_us);
        // A sample that the link refuses is lost like any other.
        let _ = send_message(link, &ToHost::Sample(sample));
    }

    /// The robot's own attitude, if its sensors give one.
    fn attitude(&self) -> Option<Attitude> {
        let values = |name: &str| {
            let (_, offset, sensor) = self.interface.sensor(name)?;
            self.values.get(offset..offset + usize::from(sensor.size))
        };
        let (orientation, rates) = (values("orientation")?, values("angular_velocity")?);
        let orientation: [f32; 4] = orientation.try_into().ok()?;
        Some(Attitude {
            gravity: rotate_to_body(orientation, [0.0, 0.0, -1.0]),
            angular_velocity: rates.try_into().ok()?,
            climb_m_per_s: values("velocity")?.get(2).copied()?,
        })
    }
}

/// Runs a plant in real time on the calling thread until `stop` is set: one physics step and one sample at a time.
///
/// # Errors
/// The simulated state left the finite numbers.
pub fn run_in_real_time(
    mut plant: Plant,
    link: &mut dyn Link,
    core: Option<usize>,
    stop: &AtomicBool,
) -> Result<PlantReport, SimError> {
    // A plant that shares a core is late, which it reports too.
    plant.report.affinity = core.map(|core| RtItem { name: "plant_affinity".to_owned(), ..rt::pin(core) });
    let period_ns = (plant.physics_period_s() * 1e9).round() as u64;
    let start_ns = rt::monotonic_ns();
    let mut deadline_ns = start_ns;
    while !stop.load(Ordering::Relaxed) {
        deadline_ns += period_ns;
        rt::sleep_until_ns(deadline_ns);
        let now_ns = rt::monotonic_ns();
        let now_us = (now_ns - start_ns) / 1000;
        plant.receive(now_us, link);
        if plant.released_us.is_some() {
            plant.report.late += u64::from(now_ns > deadline_ns + period_ns);
        }
        plant.step(now_us)?;
        plant.publish(now_us, link);
    }
    Ok(plant.into_report())
}
