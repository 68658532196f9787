//! One tick of a robot's host: from received bytes to the frame that is sent.
//!
//! [`Host::tick`] is given the time and a link, and does everything that a tick does, so the same code runs at real-time
//! deadlines, in lockstep with a simulated robot, and in tests that make time up. After construction it allocates nothing.

mod latency;
mod memory;
mod protection;
mod trace;

pub use latency::Latencies;
pub use memory::HostMemory;
pub use trace::{SampleTrace, TickTrace};

use crate::link::{Link, LinkError};
use crate::operator::{OperatorState, most_careful};
use crate::robot::{Robot, RobotError};
use crate::wire::frame::LARGEST_FRAME;
use crate::wire::message::{
    Header, HostHello, Refusal, RobotHello, RobotState, SamplePart, Status, mode_number, stop_reason,
};
use crate::wire::sample::{Assembly, Sample};
use crate::wire::{Decoder, PROTOCOL_REVISION, PROTOCOL_VERSION, ToHost, ToRobot, encode};
use protection::Protection;
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::contract::Contract;
use sinew_policy_runtime::controller::{Controller, ControllerFault};
use sinew_policy_runtime::image::Image;
use sinew_policy_runtime::interface::{Interface, MAX_ACTUATORS, MAX_SENSORS, Setpoint};
use sinew_policy_runtime::observation::{ObservationFault, SensorFrame};
use sinew_policy_runtime::supervisor::{
    Cause, Decision, Inputs, Limits, Mode, Request, Source, Supervisor, Transition,
};

/// Frames whose send times are remembered, to bound a sample's age: seconds at any rate in use.
const REMEMBERED_FRAMES: usize = 1024;
/// Pieces that are taken from a link in one tick, each of a frame or more: what comes beyond waits for the next tick, so that
/// no flood makes one late.
const PIECES_PER_TICK: usize = 256;
/// Between two hellos, µs.
const HELLO_PERIOD_US: u64 = 20_000;
/// Transitions that are remembered; later ones are counted alone.
const REMEMBERED_TRANSITIONS: usize = 256;
/// The supervisor lets commands exceed the contract's limits by this share of their range before it intervenes. The action
/// map saturates at the limits, so only a broken one gets there.
const BOUND_MARGIN: f32 = 0.05;

/// How a host behaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostOptions {
    /// Chosen at random for each run.
    pub session: u64,
    /// Of the control loop, s; divides the policy's period.
    pub tick_period_s: f64,
    /// The goal, one command of the contract after the other.
    pub goal: Vec<f32>,
    /// The supervisor's phases and tolerances.
    pub limits: Limits,
}

/// What happened since the start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// Ticks.
    pub ticks: u64,
    /// Policy periods.
    pub inferences: u64,
    /// Policy periods with an output outside its limits.
    pub saturated: u64,
    /// Commands that the supervisor had to bound.
    pub interventions: u64,
    /// Ticks whose worst fault was answered with a warning.
    pub warnings: u64,
    /// Samples taken.
    pub samples: u64,
    /// Samples that were repeated, old, or of another session.
    pub rejected_samples: u64,
    /// Frames that were damaged.
    pub damaged_frames: u64,
    /// Frames that the link refused.
    pub send_errors: u64,
    /// Samples that never came, by their sequence.
    pub missing_samples: u64,
    /// Starts of the robot while the session lasted.
    pub robot_restarts: u64,
    /// Operator's messages that were repeated, old, or had a goal that cannot be used.
    pub rejected_operator: u64,
    /// The robot's newest fault, as the protocol numbers it; 0 where there was none.
    pub robot_fault: u8,
    /// Why the robot refused the newest hello, where it did.
    pub refused: Option<Refusal>,
}

/// Runs a policy on a robot behind a link; see the [module](self).
pub struct Host<'a> {
    interface: Interface<'a>,
    valid_for_us: u32,
    controller: Controller<'a, Vec<f32>>,
    supervisor: Supervisor,
    protection: Protection<'a>,
    options: HostOptions,
    hello: HostHello,
    /// When the newest hello was sent.
    hello_us: Option<u64>,
    /// The first hello of those that await an answer, where any does.
    awaited_attempt: Option<u32>,
    interface_hash: [u8; 32],
    ticks_per_period: u64,
    default_pose: [f32; MAX_ACTUATORS],
    bounds: [[f32; 2]; MAX_ACTUATORS],
    /// A sample older than this is as good as none, µs.
    largest_age_us: u64,
    decoder: Decoder,
    accepted: bool,
    /// The robot's start, from its answer; another one means that it began again.
    boot: u32,
    assembly: Assembly,
    /// Sequence of the newest status or whole sample.
    newest_status: u64,
    operator: OperatorState,
    sequence: u64,
    sent_us: [u64; REMEMBERED_FRAMES],
    sample: Option<Sample>,
    /// When the newest sample arrived, and the bound on its age then.
    arrived_us: u64,
    age_at_arrival_us: u64,
    command: [f32; MAX_ACTUATORS],
    /// Sequence of the first frame that armed the robot since an operator asked for it.
    armed_with: Option<u64>,
    /// Whether the robot has said that it is armed since then.
    robot_armed: bool,
    transitions: Vec<Transition>,
    counters: Counters,
    latencies: Latencies,
    overran: bool,
    /// What the newest tick was given and what it decided.
    newest: (Inputs, Option<Decision>),
}

impl<'a> Host<'a> {
    /// Checks that policy, robot and options belong together.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn new(
        image: Image<'a>,
        contract: &Contract<'a>,
        robot: &'a Robot,
        options: HostOptions,
    ) -> Result<Self, RobotError> {
        let interface = robot.interface();
        let (contract_hash, interface_hash) = (image.contract_hash(), interface.hash());
        let controller = protection::controller(image, contract, robot)?;
        let protection = Protection::new(robot, contract)?;
        let supervisor = Supervisor::new(options.limits);
        let supervisor =
            if protection.has_controller() { supervisor.with_fallback_controller() } else { supervisor };
        let ticks_per_period = robot.ticks_per_period(contract, options.tick_period_s)?;
        if options.goal.len() != contract.command_size() {
            let (expected, found) = (contract.command_size(), options.goal.len());
            return Err(RobotError::Goal { expected, found });
        }
        let (mut default_pose, mut bounds) = ([0.0; MAX_ACTUATORS], [[0.0; 2]; MAX_ACTUATORS]);
        for (action, pose) in contract.actions.iter().zip(&contract.default_pose) {
            if let Some((index, _)) = interface.actuator(action.name) {
                let margin = BOUND_MARGIN * (action.maximum - action.minimum);
                default_pose[index] = *pose;
                bounds[index] = [action.minimum - margin, action.maximum + margin];
            }
        }
        let largest_age_s = contract.observation.iter().map(|term| term.max_age_s).fold(f32::MAX, f32::min);
        Ok(Self {
            valid_for_us: robot.valid_for_us(),
            controller,
            supervisor,
            protection,
            hello: HostHello {
                protocol: PROTOCOL_VERSION,
                revision: PROTOCOL_REVISION,
                session: options.session,
                attempt: 0,
                contract_hash,
                interface_hash,
            },
            hello_us: None,
            awaited_attempt: None,
            interface_hash,
            options,
            ticks_per_period,
            default_pose,
            bounds,
            interface,
            largest_age_us: (f64::from(largest_age_s) * 1e6) as u64,
            decoder: Decoder::default(),
            accepted: false,
            boot: 0,
            assembly: Assembly::default(),
            newest_status: 0,
            operator: OperatorState::new(contract),
            sequence: 0,
            sent_us: [0; REMEMBERED_FRAMES],
            sample: None,
            arrived_us: 0,
            age_at_arrival_us: 0,
            command: [0.0; MAX_ACTUATORS],
            armed_with: None,
            robot_armed: false,
            transitions: Vec::with_capacity(REMEMBERED_TRANSITIONS),
            counters: Counters::default(),
            latencies: Latencies::default(),
            overran: false,
            newest: Default::default(),
        })
    }

    /// Whether the robot has answered the hello and sent a sample.
    pub fn is_connected(&self) -> bool {
        self.accepted && self.sample.is_some()
    }

    /// Changes of mode, in order.
    pub fn transitions(&self) -> &[Transition] {
        &self.transitions
    }

    /// What happened so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How long the exchange with the robot takes.
    pub fn latencies(&self) -> &Latencies {
        &self.latencies
    }

    /// How it behaves.
    pub fn options(&self) -> &HostOptions {
        &self.options
    }

    /// The supervisor, with mode and cause.
    pub fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }

    /// Tells the next tick that the last one ended late.
    pub fn report_overrun(&mut self) {
        self.overran = true;
    }

    /// One tick at `now_us`: receive, decide, send. Returns the change of mode, if any.
    ///
    /// Allocates nothing. Never sends a command of an earlier tick again: each is computed from a sample that is young
    /// enough now, or is not sent.
    pub fn tick(&mut self, now_us: u64, link: &mut dyn Link, request: Option<Request>) -> Option<Transition> {
        link.begin_tick();
        self.receive(now_us, link);
        let request = most_careful(request, self.operator.take_request());
        self.operator.expire(now_us, &mut self.options.goal);
        let mut inputs = Inputs { time_us: now_us, request, overran: self.overran, ..Inputs::default() };
        self.overran = false;
        inputs.fault = self.link_fault(now_us);
        inputs.guarded = self.guarded(now_us);
        let arms = request == Some(Request::Arm) && self.supervisor.mode() == Mode::Disarmed;
        if arms && self.options.limits.standby_s == 0.0 {
            // Without a phase in which history grows warm, the policy begins as an episode does in training.
            self.controller.reset();
        }
        if matches!(request, Some(Request::Arm | Request::Disarm)) {
            (self.armed_with, self.robot_armed) = (None, false);
        }
        if inputs.fault.is_none() && self.counters.ticks.is_multiple_of(self.ticks_per_period) {
            self.infer(now_us, &mut inputs);
        }
        self.infer_fallback(now_us);
        let decision = self.supervisor.step(&inputs);
        self.newest = (inputs, Some(decision));
        self.count_warning(decision.fault);
        if let Some(transition) = decision.transition
            && self.transitions.len() < REMEMBERED_TRANSITIONS
        {
            self.transitions.push(transition);
        }
        self.send(now_us, link, decision.source, request);
        self.counters.ticks += 1;
        decision.transition
    }

    fn receive(&mut self, now_us: u64, link: &mut dyn Link) {
        let mut buffer = [0; 2 * LARGEST_FRAME];
        for _ in 0..PIECES_PER_TICK {
            let Ok(length @ 1..) = link.receive(&mut buffer) else { break };
            let mut bytes = &buffer[..length];
            while !bytes.is_empty() {
                let (message, rest) = self.decoder.feed::<ToHost>(bytes);
                bytes = rest;
                if let Some(message) = message {
                    self.take(now_us, message);
                }
            }
        }
        self.counters.damaged_frames = self.decoder.damaged();
    }

    fn take(&mut self, now_us: u64, message: ToHost) {
        match message {
            ToHost::Hello(hello) => self.take_hello(&hello),
            ToHost::Refused { session, attempt, reason, .. } => {
                if session == self.options.session && attempt == self.hello.attempt {
                    self.counters.refused = Some(reason);
                }
            }
            ToHost::Status(status) => self.take_status(&status),
            ToHost::Sample(part) => self.take_part(now_us, &part),
            ToHost::Operator(message) => {
                let taken = self.operator.take(now_us, &message, &mut self.options.goal);
                self.counters.rejected_operator += u64::from(!taken);
            }
            // Lockstep's own exchange has a link of its own.
            ToHost::Advance { .. } => {}
        }
    }

    /// Takes the answer to a hello that awaits one; an answer to an older one may be from before a restart.
    fn take_hello(&mut self, hello: &RobotHello) {
        let answers = hello.protocol == PROTOCOL_VERSION
            && hello.session == self.options.session
            && hello.interface_hash == self.interface_hash
            && self
                .awaited_attempt
                .is_some_and(|first| (first..=self.hello.attempt).contains(&hello.attempt));
        if !answers {
            return;
        }
        if self.accepted && hello.boot != self.boot {
            // It counts its samples from 1 again, and what it said before it began again is worth nothing.
            self.assembly.restart();
            self.protection.guards.reset();
            (self.sample, self.newest_status) = (None, 0);
            // It was told to arm, and whether it did or not is gone with what it was: an operator decides anew.
            self.robot_armed |= self.armed_with.is_some();
            self.counters.robot_restarts += 1;
        }
        (self.accepted, self.boot, self.awaited_attempt) = (true, hello.boot, None);
        self.counters.refused = None;
    }

    /// Without a sample there is nothing to be computed, but what the robot is doing counts at once.
    fn take_status(&mut self, status: &Status) {
        if !self.is_of_session(status) || status.sequence <= self.newest_status {
            self.counters.rejected_samples += 1;
            return;
        }
        self.newest_status = status.sequence;
        if status.fault != 0 {
            self.counters.robot_fault = status.fault;
        }
        if let Some(sample) = &mut self.sample {
            // The sensors keep their age; the state is new.
            (sample.status.state, sample.status.fault) = (status.state, status.fault);
        }
    }

    fn is_of_session(&self, status: &Status) -> bool {
        self.accepted && status.session == self.options.session && status.boot == self.boot
    }

    /// Keeps a sample if it is newer than the last; a stale, repeated or reordered one is counted and dropped.
    fn take_part(&mut self, now_us: u64, part: &SamplePart) {
        // A whole sample's sequence is the newest status; its repeated parts are refused by the assembly too.
        if !self.is_of_session(&part.status) || part.status.sequence <= self.newest_status {
            self.counters.rejected_samples += 1;
            return;
        }
        let refused = self.assembly.refused();
        let Some(sample) = self.assembly.take(part).cloned() else {
            self.counters.rejected_samples += self.assembly.refused() - refused;
            return;
        };
        self.counters.samples += 1;
        if self.newest_status > 0 {
            self.counters.missing_samples += sample.status.sequence - self.newest_status - 1;
        }
        self.newest_status = sample.status.sequence;
        if sample.status.fault != 0 {
            self.counters.robot_fault = sample.status.fault;
        }
        // The echoed frame was sent before it arrived, and the sample was taken `echo_age` after that: by the host's clock
        // alone, the sample is at most this old.
        let echoed = sample.status.echo_sequence;
        let remembered =
            echoed > 0 && echoed + REMEMBERED_FRAMES as u64 > self.sequence && echoed <= self.sequence;
        self.age_at_arrival_us = if remembered {
            let sent_us = self.sent_us[(echoed % REMEMBERED_FRAMES as u64) as usize];
            let age_us = now_us.saturating_sub(sent_us).saturating_sub(sample.status.echo_age_us.into());
            self.latencies.arrived(age_us);
            age_us
        } else {
            u64::MAX / 2
        };
        self.arrived_us = now_us;
        self.robot_armed |= self.armed_with.is_some_and(|sequence| echoed >= sequence)
            && matches!(sample.status.state, RobotState::Armed | RobotState::Obeying | RobotState::Expired);
        self.protection.watch(&sample.status, &sample.values);
        self.sample = Some(sample);
    }

    /// A bound on the newest sample's age, µs.
    fn sample_age_us(&self, now_us: u64) -> u64 {
        self.age_at_arrival_us + now_us.saturating_sub(self.arrived_us)
    }

    fn link_fault(&self, now_us: u64) -> Option<Cause> {
        let Some(sample) = self.sample.as_ref().filter(|_| self.accepted) else {
            return Some(Cause::LinkSilent);
        };
        // Nor may it be armed again without an operator once it has disarmed itself, or has begun again.
        let disarmed_itself = self.robot_armed && sample.status.state == RobotState::Disarmed;
        if sample.status.state == RobotState::Stopped || disarmed_itself {
            return Some(Cause::RobotStopped);
        }
        if now_us.saturating_sub(self.arrived_us) > self.largest_age_us {
            return Some(Cause::LinkSilent);
        }
        (self.sample_age_us(now_us) > self.largest_age_us).then_some(Cause::StaleSensor)
    }

    /// One policy period on the newest sample.
    fn infer(&mut self, now_us: u64, inputs: &mut Inputs) {
        let age_us = self.sample_age_us(now_us);
        let Some(sample) = &self.sample else { return };
        let mut ages_us = [0; MAX_SENSORS];
        for (age, sensor_age_us) in ages_us.iter_mut().zip(&sample.ages_us) {
            *age = u32::try_from(age_us + u64::from(*sensor_age_us)).unwrap_or(u32::MAX);
        }
        let frame = SensorFrame { values: &sample.values, ages_us: &ages_us[..sample.ages_us.len()] };
        match self.controller.step(&frame, &self.options.goal) {
            Ok((command, saturated)) => {
                self.command[..command.len()].copy_from_slice(command);
                inputs.inferred = true;
                self.latencies.used(age_us);
                inputs.saturated = saturated > 0;
                self.counters.inferences += 1;
                self.counters.saturated += u64::from(saturated > 0);
            }
            Err(ControllerFault::Observation(ObservationFault::Stale { .. })) => {
                inputs.fault = Some(Cause::StaleSensor);
            }
            Err(ControllerFault::Observation(_)) => inputs.fault = Some(Cause::BadSensor),
            Err(ControllerFault::Inference(_) | ControllerFault::Action(_)) => {
                inputs.fault = Some(Cause::BadOutput);
            }
        }
    }

    fn send(&mut self, now_us: u64, link: &mut dyn Link, source: Source, request: Option<Request>) {
        self.greet(now_us, link);
        let state = self.sample.as_ref().map_or(RobotState::Disarmed, |sample| sample.status.state);
        if request == Some(Request::Disarm) {
            let header = self.header(now_us);
            self.transmit(link, &ToRobot::Disarm(header));
        }
        let message = match source {
            Source::Stop => {
                ToRobot::Stop { header: self.header(now_us), reason: stop_reason(self.supervisor.cause()) }
            }
            Source::None => ToRobot::Heartbeat(self.header(now_us)),
            Source::Fallback { elapsed_s } => self.fallback_command(now_us, elapsed_s),
            Source::DefaultPose | Source::Policy { .. } => {
                if state == RobotState::Disarmed {
                    let header = self.header(now_us);
                    self.armed_with.get_or_insert(header.sequence);
                    self.transmit(link, &ToRobot::Arm(header));
                }
                let share = if let Source::Policy { share } = source { share } else { 0.0 };
                self.actuator_command(now_us, share)
            }
        };
        self.transmit(link, &message);
    }

    /// Says hello until the robot answers, and again whenever it is silent: it may have begun again.
    fn greet(&mut self, now_us: u64, link: &mut dyn Link) {
        let silent = now_us.saturating_sub(self.arrived_us) > self.largest_age_us;
        let due = self.hello_us.is_none_or(|sent_us| now_us.saturating_sub(sent_us) >= HELLO_PERIOD_US);
        if due && (silent || self.sample.is_none()) {
            self.hello.attempt = self.hello.attempt.wrapping_add(1);
            self.hello_us = Some(now_us);
            self.awaited_attempt.get_or_insert(self.hello.attempt);
            let hello = ToRobot::Hello(self.hello);
            self.transmit(link, &hello);
        }
    }

    fn actuator_command(&mut self, now_us: u64, share: f32) -> ToRobot {
        let mut values = self.command;
        if share < 1.0 {
            // The policy alone is passed on untouched: a blend of 1 would round.
            for (value, pose) in values.iter_mut().zip(&self.default_pose) {
                *value = pose + share * (*value - pose);
            }
        }
        let (setpoints, intervened) = self.bounded(&values);
        self.counters.interventions += u64::from(intervened);
        self.command_of(now_us, setpoints)
    }

    /// What the fallback controller commands; nothing where it cannot.
    fn fallback_command(&mut self, now_us: u64, elapsed_s: f32) -> ToRobot {
        let of_policy = |values: &[f32; MAX_ACTUATORS]| self.bounded(values).0;
        match self.protection.setpoints(elapsed_s, of_policy) {
            Some(setpoints) => self.command_of(now_us, setpoints),
            None => ToRobot::Heartbeat(self.header(now_us)),
        }
    }

    /// One setpoint for each actuator, within the supervisor's bounds, and whether any had to be bounded.
    fn bounded(&self, values: &[f32; MAX_ACTUATORS]) -> (heapless::Vec<Setpoint, MAX_ACTUATORS>, bool) {
        let mut setpoints = heapless::Vec::<Setpoint, MAX_ACTUATORS>::new();
        let mut intervened = false;
        for (index, actuator) in self.interface.actuators.iter().enumerate() {
            let value = values[index];
            let [low, high] = self.bounds[index];
            let bounded = if value < low {
                low
            } else if value > high {
                high
            } else {
                value
            };
            intervened |= bounded != value;
            // As many as the interface has actuators, which has the same capacity.
            let _ = setpoints.push(actuator.setpoint(bounded));
        }
        (setpoints, intervened)
    }

    fn command_of(&mut self, now_us: u64, setpoints: heapless::Vec<Setpoint, MAX_ACTUATORS>) -> ToRobot {
        ToRobot::Command {
            header: self.header(now_us),
            sample_sequence: self.sample.as_ref().map_or(0, |sample| sample.status.sequence),
            valid_for_us: self.valid_for_us,
            setpoints,
        }
    }

    /// The next frame's header; remembers when it is sent.
    fn header(&mut self, now_us: u64) -> Header {
        self.sequence += 1;
        self.sent_us[(self.sequence % REMEMBERED_FRAMES as u64) as usize] = now_us;
        Header {
            session: self.options.session,
            sequence: self.sequence,
            time_us: now_us,
            acknowledged: self.sample.as_ref().map_or(0, |sample| sample.status.sequence),
            operator: self.operator.newest(),
            mode: mode_number(self.supervisor.mode()),
        }
    }

    fn transmit(&mut self, link: &mut dyn Link, message: &ToRobot) {
        let sent = send_message(link, message);
        self.counters.send_errors += u64::from(sent.is_err());
    }
}

/// Encodes and sends one message.
///
/// # Errors
/// The link refused the frame.
pub fn send_message<M: Serialize>(link: &mut dyn Link, message: &M) -> Result<(), LinkError> {
    let mut frame = [0; LARGEST_FRAME];
    match encode(message, &mut frame) {
        Ok(bytes) => link.send(bytes),
        Err(_) => Err(LinkError::TooLong),
    }
}
