//! The simulated robot behind a link: what a host sees is what a real robot's firmware would show it.
//!
//! [`Plant`] is a [`RobotSession`], the firmware's side of the protocol, around a [`SimulatedRobot`]: it obeys one session, an
//! explicit arm, and each actuator command for its `valid_for` alone; then its own safe action takes over. It is told the time, so
//! [`run_in_real_time`] and lockstep share it. Until the first command it stands still, as if held, so that a flight begins
//! from the drawn start state.

use crate::hil::BrokenSensors;
use crate::host::send_message;
use crate::link::Link;
use crate::rt::{self, RtItem};
use crate::wire::frame::LARGEST_FRAME;
use crate::wire::message::{MAX_SAMPLE, RobotState};
use crate::wire::robot_session::RobotSession;
use crate::wire::sample::split;
use crate::wire::{Decoder, ToHost, ToRobot};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::interface::{Interface, Setpoint};
use sinew_policy_runtime::safe_action::{Attitude, LevelDescent, SafeAction};
use sinew_sim::{Randomization, SafeActionSpec, SimError, SimulatedRobot, Task};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

/// Between two points of the trace, µs.
const TRACE_PERIOD_US: u64 = 10_000;
/// Points of the trace: 20 minutes.
const TRACE_POINTS: usize = 120_000;

/// Samples whose departure is remembered: more than any link that is not broken holds back.
const REMEMBERED_SAMPLES: usize = 4096;

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
    /// Of all commands that were obeyed, the largest age of the sample behind one when it arrived, by the robot's clock, µs.
    pub oldest_command_us: u64,
    /// Whether the plant got the core that it was given; absent where it was given none.
    pub affinity: Option<RtItem>,
    /// The flight.
    pub trace: Vec<TracePoint>,
}

/// A simulated robot's firmware; see the [module](self).
pub struct Plant<'t> {
    task: &'t Task,
    interface: Interface<'t>,
    robot: SimulatedRobot,
    safe_action: SafeAction,
    decoder: Decoder,
    session: RobotSession,
    setpoints: Vec<Setpoint>,
    /// When the first command was obeyed.
    released_us: Option<u64>,
    traced_us: u64,
    values: Vec<f32>,
    ages_us: Vec<u32>,
    /// What of both is sent.
    told: (Vec<f32>, Vec<u32>),
    /// The number of this start.
    boot: u32,
    /// When the newest samples were sent, with their sequences.
    sent: VecDeque<(u64, u64)>,
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
        let setpoints: Vec<Setpoint> =
            interface.actuators.iter().map(|actuator| actuator.setpoint(0.0)).collect();
        // A seed's robot starts alike every time, as lockstep needs; a plant that is a process of its own says otherwise.
        let session = RobotSession::new(interface.hash(), 1, &setpoints);
        let mut plant = Self {
            task,
            setpoints,
            values: vec![0.0; interface.sample_size()],
            ages_us: vec![0; interface.sensors.len()],
            told: (vec![0.0; interface.sample_size()], vec![0; interface.sensors.len()]),
            boot: 1,
            interface,
            robot,
            safe_action,
            decoder: Decoder::default(),
            session,
            released_us: None,
            traced_us: 0,
            sent: VecDeque::with_capacity(REMEMBERED_SAMPLES),
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
        let counters = self.session.counters();
        let PlantReport { refused, expired, .. } = self.report;
        let (refused, expired) = (refused + counters.refused, expired + counters.expired);
        PlantReport { refused, expired, ..self.report }
    }

    /// A plant that is a process of its own: a host takes another `boot` for another start.
    #[must_use]
    pub fn with_boot(mut self, boot: u32) -> Self {
        self.boot = boot;
        self.session = RobotSession::new(self.interface.hash(), boot, &self.setpoints);
        self
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
    pub(crate) fn restart(&mut self) {
        let counters = self.session.counters();
        self.report.refused += counters.refused;
        self.report.expired += counters.expired;
        self.decoder = Decoder::default();
        self.sent.clear();
        self.boot = self.boot.wrapping_add(1);
        self.session = RobotSession::new(self.interface.hash(), self.boot, &self.setpoints);
    }

    /// Takes everything that the host has sent.
    pub fn receive(&mut self, now_us: u64, link: &mut dyn Link) {
        let mut buffer = [0; 2 * LARGEST_FRAME];
        link.begin_tick();
        while let Ok(length @ 1..) = link.receive(&mut buffer) {
            let mut bytes = &buffer[..length];
            while !bytes.is_empty() {
                let (message, rest) = self.decoder.feed::<ToRobot>(bytes);
                bytes = rest;
                if let Some(message) = message {
                    self.take(now_us, &message, link);
                }
            }
        }
    }

    /// The lockstep answer that came since the last call: its tick, and whether the run is over.
    pub fn take_done(&mut self) -> Option<(u64, bool)> {
        self.done.take()
    }

    fn take(&mut self, now_us: u64, message: &ToRobot, link: &mut dyn Link) {
        if let ToRobot::Done { tick, finished } = message {
            self.done = Some((*tick, *finished));
        }
        let refused = self.session.counters().refused;
        if let Some(answer) = self.session.take(now_us, message) {
            // A lost answer is asked for again.
            let _ = send_message(link, &answer);
        }
        if let ToRobot::Command { sample_sequence, .. } = message
            && self.session.counters().refused == refused
        {
            let sent = self.sent.iter().rev().find(|(sequence, _)| sequence == sample_sequence);
            let age_us = sent.map_or(u64::MAX, |(_, sent_us)| now_us.saturating_sub(*sent_us));
            self.report.oldest_command_us = self.report.oldest_command_us.max(age_us);
        }
        if self.session.state() == RobotState::Obeying {
            self.released_us.get_or_insert(now_us);
        }
    }

    /// One physics step, under the newest command while it is valid and under the safe action otherwise.
    ///
    /// # Errors
    /// The simulated state left the finite numbers.
    pub fn step(&mut self, now_us: u64) -> Result<(), SimError> {
        self.session.advance(now_us);
        let Some(released_us) = self.released_us else { return Ok(()) };
        let attitude = self.attitude();
        if let Some(setpoints) = self.session.setpoints() {
            self.setpoints.copy_from_slice(setpoints);
        } else {
            let elapsed_s = self.session.safe_for_us(now_us) as f32 * 1e-6;
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
                state: self.session.state(),
            };
            self.report.trace.push(point);
        }
        self.robot.sense(&mut self.values, &mut self.ages_us)
    }

    /// Sends a sample of all sensors.
    pub fn publish(&mut self, now_us: u64, link: &mut dyn Link) {
        let Some(status) = self.session.status(now_us) else { return };
        if self.sent.len() == REMEMBERED_SAMPLES {
            self.sent.pop_front();
        }
        self.sent.push_back((status.sequence, now_us));
        let since_us = self.since_first_command_us(now_us);
        // What is broken is what is told: the robot's own safe action feels the sensors themselves.
        let Self { values, ages_us, told, .. } = self;
        told.0.copy_from_slice(values);
        told.1.copy_from_slice(ages_us);
        self.broken.report(since_us, &mut self.told.0, &mut self.told.1);
        for part in split(status, &self.told.1, &self.told.0) {
            // A part that the link refuses is lost like any other.
            let _ = send_message(link, &ToHost::Sample(part));
        }
    }

    /// The robot's own attitude, if its sensors give one.
    fn attitude(&self) -> Option<Attitude> {
        let values = |name: &str| {
            let (_, offset, sensor) = self.interface.sensor(name)?;
            self.values.get(offset..offset + usize::from(sensor.size))
        };
        let [orientation, rates, velocity] = ["orientation", "angular_velocity", "velocity"].map(values);
        let orientation = orientation?.try_into().ok()?;
        Some(Attitude::new(orientation, rates?.try_into().ok()?, velocity?.try_into().ok()?))
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
