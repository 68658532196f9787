//! One tick of a robot's host: from received bytes to the frame that is sent.
//!
//! [`Host::tick`] is given the time and a link, and does everything that a tick does, so the same code runs at real-time
//! deadlines, in lockstep with a simulated robot, in tests that make time up, and on a microcontroller, which lends it its
//! memory. After construction it allocates nothing.

mod counters;
#[cfg(feature = "host")]
mod latency;
#[cfg(feature = "host")]
mod memory;
mod options;
mod protection;
#[cfg(feature = "host")]
mod rehearsal;
mod settings;
mod trace;

pub use counters::Counters;
#[cfg(feature = "host")]
pub use latency::Latencies;
#[cfg(feature = "host")]
pub use memory::HostMemory;
pub use options::{HostError, HostOptions};
pub use protection::Protection;
#[cfg(feature = "host")]
pub use rehearsal::Rehearsal;
pub use settings::{Settings, SettingsError};
pub use trace::{SampleTrace, TickTrace};

use crate::link::{Link, LinkError};
use crate::operator::{OperatorState, most_careful};
#[cfg(feature = "host")]
use crate::robot::{Robot, RobotError};
use crate::wire::frame::LARGEST_FRAME;
use crate::wire::host_session::HostSession;
use crate::wire::message::{Header, HostHello, Operator, mode_number, stop_reason};
use crate::wire::sample::Sample;
use crate::wire::{Decoder, ToHost, ToRobot, encode};
#[cfg(feature = "host")]
use protection::SecondPolicy;
use serde::Serialize;
use sinew_policy_runtime::contract::{Contract, Periods};
use sinew_policy_runtime::controller::{Controller, ControllerFault, Storage};
use sinew_policy_runtime::image::Image;
use sinew_policy_runtime::interface::{Interface, MAX_ACTUATORS, MAX_SENSORS, Setpoint};
use sinew_policy_runtime::observation::{ObservationFault, SensorFrame};
use sinew_policy_runtime::supervisor::{
    Cause, Decision, Inputs, Mode, Request, Source, Supervisor, Transition,
};

/// What a policy's history, observation and scratch lie in: of the host's own with an operating system, lent without one.
#[cfg(feature = "host")]
pub type Values = Vec<f32>;
/// What a policy's history, observation and scratch lie in: of the host's own with an operating system, lent without one.
#[cfg(not(feature = "host"))]
pub type Values = &'static mut [f32];

/// Pieces that are taken from a link in one tick, each of a frame or more: what comes beyond waits for the next tick, so that
/// no flood makes one late.
const PIECES_PER_TICK: usize = 256;
/// Transitions that are remembered, by those who report them; later ones are counted alone.
const REMEMBERED_TRANSITIONS: usize = if cfg!(feature = "host") { 256 } else { 16 };
/// The supervisor lets commands exceed the contract's limits by this share of their range before it intervenes. The action
/// map saturates at the limits, so only a broken one gets there.
const BOUND_MARGIN: f32 = 0.05;

/// Runs a policy on a robot behind a link; see the [module](self).
#[cfg_attr(feature = "host", derive(Clone))]
pub struct Host<'a> {
    interface: Interface<'a>,
    valid_for_us: u32,
    controller: Controller<'a, Values>,
    supervisor: Supervisor,
    protection: Protection,
    #[cfg(feature = "host")]
    second_policy: Option<SecondPolicy<'a>>,
    options: HostOptions,
    session: HostSession,
    ticks_per_period: u64,
    default_pose: [f32; MAX_ACTUATORS],
    bounds: [[f32; 2]; MAX_ACTUATORS],
    decoder: Decoder,
    operator: OperatorState,
    command: [f32; MAX_ACTUATORS],
    transitions: heapless::Vec<Transition, REMEMBERED_TRANSITIONS>,
    counters: Counters,
    #[cfg(feature = "host")]
    latencies: Latencies,
    overran: bool,
    /// What the newest tick was given and what it decided.
    newest: (Inputs, Option<Decision>),
}

#[cfg(feature = "host")]
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
        let storage = storage(&image, contract);
        let (interface, valid_for_us) = (robot.interface(), robot.valid_for_us());
        let mut host = Self::with_storage(image, contract, interface, valid_for_us, options, storage)?;
        host.protect(Protection::new(robot, contract)?);
        Ok(host)
    }
}

/// What a policy's controller needs, of the host's own.
#[cfg(feature = "host")]
fn storage(image: &Image, contract: &Contract) -> Storage<Values> {
    let [history, observation, scratch] =
        Controller::<Values>::storage(image, contract).map(|size| vec![0.0; size]);
    Storage { history, observation, scratch }
}

/// How many ticks a policy's period lasts.
fn ticks_per_period<'a>(contract: &Contract, tick_s: f64) -> Result<u64, HostError<'a>> {
    let period_s = contract.periods.policy_period_s;
    Periods::ratio(tick_s, period_s).map(u64::from).ok_or(HostError::Period { tick_s, period_s })
}

impl<'a> Host<'a> {
    /// Checks that policy, robot and options belong together, and runs in `storage`; the robot obeys an actuator command for
    /// `valid_for_us`. Guards and a fallback controller are [`Self::protect`]'s.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn with_storage(
        image: Image<'a>,
        contract: &Contract<'a>,
        interface: Interface<'a>,
        valid_for_us: u32,
        options: HostOptions,
        storage: Storage<Values>,
    ) -> Result<Self, HostError<'a>> {
        let (contract_hash, interface_hash) = (image.contract_hash(), interface.hash());
        let controller = Controller::new(image, contract, &interface, storage).map_err(HostError::Policy)?;
        let ticks_per_period = ticks_per_period(contract, options.tick_period_s)?;
        if options.goal.len() != contract.command_size() {
            let (expected, found) = (contract.command_size(), options.goal.len());
            return Err(HostError::Goal { expected, found });
        }
        let (mut default_pose, mut bounds) = ([0.0; MAX_ACTUATORS], [[0.0; 2]; MAX_ACTUATORS]);
        for (action, pose) in contract.actions.iter().zip(&contract.default_pose) {
            let places = interface.actuator(action.name);
            let places = places.and_then(|(at, _)| Some((default_pose.get_mut(at)?, bounds.get_mut(at)?)));
            if let Some((default, bounds)) = places {
                let margin = BOUND_MARGIN * (action.maximum - action.minimum);
                *default = *pose;
                *bounds = [action.minimum - margin, action.maximum + margin];
            }
        }
        let largest_age_s = contract.observation.iter().map(|term| term.max_age_s).fold(f32::MAX, f32::min);
        let largest_age_us = (f64::from(largest_age_s) * 1e6) as u64;
        Ok(Self {
            valid_for_us,
            controller,
            supervisor: Supervisor::new(options.limits),
            protection: Protection::default(),
            #[cfg(feature = "host")]
            second_policy: None,
            session: HostSession::new(options.session, contract_hash, interface_hash, largest_age_us),
            options,
            ticks_per_period,
            default_pose,
            bounds,
            interface,
            decoder: Decoder::default(),
            operator: OperatorState::new(contract),
            command: [0.0; MAX_ACTUATORS],
            transitions: heapless::Vec::new(),
            counters: Counters::default(),
            #[cfg(feature = "host")]
            latencies: Latencies::default(),
            overran: false,
            newest: Default::default(),
        })
    }

    /// Whether the robot has answered the hello and sent a sample.
    pub fn is_connected(&self) -> bool {
        self.session.is_connected()
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
    #[cfg(feature = "host")]
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

    /// Who it is.
    pub fn hello(&self) -> HostHello {
        self.session.hello()
    }

    /// What an operator says on a line of his own, for the next tick.
    pub fn hear(&mut self, now_us: u64, message: &Operator) {
        let taken = self.operator.take(now_us, message, &mut self.options.goal);
        self.counters.rejected_operator += u64::from(!taken);
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
        inputs.fault = self.session.fault(now_us);
        inputs.guarded = self.guarded(now_us);
        let arms = request == Some(Request::Arm) && self.supervisor.mode() == Mode::Disarmed;
        if arms && self.options.limits.standby_s == 0.0 {
            // Without a phase in which history grows warm, the policy begins as an episode does in training.
            self.controller.reset();
        }
        if matches!(request, Some(Request::Arm | Request::Disarm)) {
            self.session.forget_arming();
        }
        if inputs.fault.is_none() && self.counters.ticks.is_multiple_of(self.ticks_per_period) {
            self.infer(now_us, &mut inputs);
        }
        #[cfg(feature = "host")]
        self.infer_fallback(now_us);
        let decision = self.supervisor.step(&inputs);
        self.newest = (inputs, Some(decision));
        self.count_warning(decision.fault);
        if let Some(transition) = decision.transition {
            let _ = self.transitions.push(transition);
        }
        self.send(now_us, link, decision.source, request);
        self.counters.ticks += 1;
        decision.transition
    }

    fn receive(&mut self, now_us: u64, link: &mut dyn Link) {
        let mut buffer = [0; 2 * LARGEST_FRAME];
        for _ in 0..PIECES_PER_TICK {
            let Ok(length @ 1..) = link.receive(&mut buffer) else { break };
            let mut bytes = buffer.get(..length).unwrap_or_default();
            while !bytes.is_empty() {
                let (message, rest) = self.decoder.feed::<ToHost>(bytes);
                bytes = rest;
                if let Some(message) = message {
                    self.take(now_us, &message);
                }
            }
        }
        self.counters.damaged_frames = self.decoder.damaged();
        self.counters.adopt(self.session.counters());
    }

    fn take(&mut self, now_us: u64, message: &ToHost) {
        if let ToHost::Operator(message) = message {
            self.hear(now_us, message);
            return;
        }
        let before = self.session.counters();
        self.session.take(now_us, message);
        let after = self.session.counters();
        if after.robot_restarts != before.robot_restarts {
            self.protection.forget_samples();
        }
        if let Some(sample) = self.session.sample().filter(|_| after.samples != before.samples) {
            self.protection.watch(&sample.status, &sample.values);
            #[cfg(feature = "host")]
            if let Some(age_us) = self.session.age_at_arrival_us() {
                self.latencies.arrived(age_us);
            }
        }
    }

    /// One policy period on the newest sample.
    fn infer(&mut self, now_us: u64, inputs: &mut Inputs) {
        let Some((sample, ages_us)) = aged_sample(&self.session, now_us) else { return };
        let frame = SensorFrame { values: &sample.values, ages_us: &ages_us };
        match self.controller.step(&frame, &self.options.goal) {
            Ok((command, saturated)) => {
                self.command.iter_mut().zip(command).for_each(|(newest, value)| *newest = *value);
                inputs.inferred = true;
                #[cfg(feature = "host")]
                self.latencies.used(self.session.sample_age_us(now_us));
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
        if let Some(hello) = self.session.greet(now_us) {
            self.transmit(link, &hello);
        }
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
                let (operator, mode) = self.told();
                if let Some(arm) = self.session.arm(now_us, operator, mode) {
                    self.transmit(link, &arm);
                }
                let share = if let Source::Policy { share } = source { share } else { 0.0 };
                self.actuator_command(now_us, share)
            }
        };
        self.transmit(link, &message);
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
        match self.fallback_setpoints(now_us, elapsed_s) {
            Some(setpoints) => self.command_of(now_us, setpoints),
            None => ToRobot::Heartbeat(self.header(now_us)),
        }
    }

    /// One setpoint for each actuator, within the supervisor's bounds, and whether any had to be bounded.
    fn bounded(&self, values: &[f32; MAX_ACTUATORS]) -> (heapless::Vec<Setpoint, MAX_ACTUATORS>, bool) {
        let mut setpoints = heapless::Vec::<Setpoint, MAX_ACTUATORS>::new();
        let mut intervened = false;
        let decided = values.iter().zip(&self.bounds);
        for (actuator, (value, [low, high])) in self.interface.actuators.iter().zip(decided) {
            let bounded = if value < low {
                *low
            } else if value > high {
                *high
            } else {
                *value
            };
            intervened |= bounded != *value;
            // As many as the interface has actuators, which has the same capacity.
            let _ = setpoints.push(actuator.setpoint(bounded));
        }
        (setpoints, intervened)
    }

    fn command_of(&mut self, now_us: u64, setpoints: heapless::Vec<Setpoint, MAX_ACTUATORS>) -> ToRobot {
        ToRobot::Command {
            header: self.header(now_us),
            sample_sequence: self.session.sample_sequence(),
            valid_for_us: self.valid_for_us,
            setpoints,
        }
    }

    /// The next frame's header.
    fn header(&mut self, now_us: u64) -> Header {
        let (operator, mode) = self.told();
        self.session.header(now_us, operator, mode)
    }

    /// What a header says of operator and mode.
    fn told(&self) -> (u64, u8) {
        (self.operator.newest(), mode_number(self.supervisor.mode()))
    }

    fn transmit(&mut self, link: &mut dyn Link, message: &ToRobot) {
        let sent = send_message(link, message);
        self.counters.send_errors += u64::from(sent.is_err());
    }
}

/// The newest sample, and how old each of its sensors is now, µs.
fn aged_sample(session: &HostSession, now_us: u64) -> Option<(&Sample, heapless::Vec<u32, MAX_SENSORS>)> {
    let (sample, age_us) = (session.sample()?, session.sample_age_us(now_us));
    let mut ages_us = heapless::Vec::new();
    for own_us in &sample.ages_us {
        let aged_us = age_us.saturating_add(u64::from(*own_us));
        // As many as the sample has, which has the same capacity.
        let _ = ages_us.push(u32::try_from(aged_us).unwrap_or(u32::MAX));
    }
    Some((sample, ages_us))
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
