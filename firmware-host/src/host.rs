//! One tick of a robot's host: from received bytes to the frame that is sent.
//!
//! [`Host::tick`] is given the time and a link, and does everything that a tick does, so the same code runs at real-time
//! deadlines, in lockstep with a simulated robot, and in tests that make time up. After construction it allocates nothing.

mod memory;
mod trace;

pub use memory::HostMemory;
pub use trace::{SampleTrace, TickTrace};

use crate::link::{Link, LinkError};
use crate::robot::{Robot, RobotError};
use crate::wire::frame::LARGEST_FRAME;
use crate::wire::message::{Header, RobotState, Sample};
use crate::wire::{Decoder, PROTOCOL_VERSION, ToHost, ToRobot, encode};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::contract::Contract;
use sinew_policy_runtime::controller::{Controller, ControllerFault, Storage};
use sinew_policy_runtime::image::Image;
use sinew_policy_runtime::interface::{Interface, MAX_ACTUATORS, MAX_SENSORS, Setpoint};
use sinew_policy_runtime::observation::{ObservationFault, SensorFrame};
use sinew_policy_runtime::supervisor::{
    Cause, Inputs, Limits, Mode, Request, Source, Supervisor, Transition,
};

/// Frames whose send times are remembered, to bound a sample's age: seconds at any rate in use.
const REMEMBERED_FRAMES: usize = 1024;
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
}

/// Runs a policy on a robot behind a link; see the [module](self).
pub struct Host<'a> {
    interface: Interface<'a>,
    valid_for_us: u32,
    controller: Controller<'a, Vec<f32>>,
    supervisor: Supervisor,
    options: HostOptions,
    hello: ToRobot,
    interface_hash: [u8; 32],
    ticks_per_period: u64,
    default_pose: [f32; MAX_ACTUATORS],
    bounds: [[f32; 2]; MAX_ACTUATORS],
    /// A sample older than this is as good as none, µs.
    largest_age_us: u64,
    decoder: Decoder,
    accepted: bool,
    sequence: u64,
    sent_us: [u64; REMEMBERED_FRAMES],
    sample: Option<Sample>,
    /// When the newest sample arrived, and the bound on its age then.
    arrived_us: u64,
    age_at_arrival_us: u64,
    command: [f32; MAX_ACTUATORS],
    transitions: Vec<Transition>,
    counters: Counters,
    overran: bool,
    /// What the newest tick was given, and the change of mode in it.
    newest: (Inputs, Option<Transition>),
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
        let [history, observation, scratch] = Controller::<Vec<f32>>::storage(&image, contract);
        let storage = Storage {
            history: vec![0.0; history],
            observation: vec![0.0; observation],
            scratch: vec![0.0; scratch],
        };
        let (contract_hash, interface_hash) = (image.contract_hash(), interface.hash());
        let controller = Controller::new(image, contract, &interface, storage)
            .map_err(|error| RobotError::Policy { reason: error.to_string() })?;
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
            supervisor: Supervisor::new(options.limits),
            hello: ToRobot::Hello {
                protocol: PROTOCOL_VERSION,
                session: options.session,
                contract_hash,
                interface_hash,
            },
            interface_hash,
            options,
            ticks_per_period,
            default_pose,
            bounds,
            interface,
            largest_age_us: (f64::from(largest_age_s) * 1e6) as u64,
            decoder: Decoder::default(),
            accepted: false,
            sequence: 0,
            sent_us: [0; REMEMBERED_FRAMES],
            sample: None,
            arrived_us: 0,
            age_at_arrival_us: 0,
            command: [0.0; MAX_ACTUATORS],
            transitions: Vec::with_capacity(REMEMBERED_TRANSITIONS),
            counters: Counters::default(),
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
        self.receive(now_us, link);
        let mut inputs = Inputs { time_us: now_us, request, overran: self.overran, ..Inputs::default() };
        self.overran = false;
        inputs.fault = self.link_fault(now_us);
        let arms = request == Some(Request::Arm) && self.supervisor.mode() == Mode::Disarmed;
        if arms && self.options.limits.standby_s == 0.0 {
            // Without a phase in which history grows warm, the policy begins as an episode does in training.
            self.controller.reset();
        }
        if inputs.fault.is_none() && self.counters.ticks.is_multiple_of(self.ticks_per_period) {
            self.infer(now_us, &mut inputs);
        }
        let decision = self.supervisor.step(&inputs);
        self.newest = (inputs, decision.transition);
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
        while let Ok(length @ 1..) = link.receive(&mut buffer) {
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
            ToHost::Hello { protocol, session, interface_hash } => {
                self.accepted |= protocol == PROTOCOL_VERSION
                    && session == self.options.session
                    && interface_hash == self.interface_hash;
            }
            ToHost::Sample(sample) => self.take_sample(now_us, sample),
            // Lockstep's own exchange has a link of its own.
            ToHost::Advance { .. } => {}
        }
    }

    /// Keeps a sample if it is newer than the last; a stale, repeated or reordered one is counted and dropped.
    fn take_sample(&mut self, now_us: u64, sample: Sample) {
        let last = self.sample.as_ref().map_or(0, |sample| sample.sequence);
        if sample.session != self.options.session || sample.sequence <= last {
            self.counters.rejected_samples += 1;
            return;
        }
        self.counters.samples += 1;
        if last > 0 {
            self.counters.missing_samples += sample.sequence - last - 1;
        }
        // The echoed frame was sent before it arrived, and the sample was taken `echo_age` after that: by the host's clock
        // alone, the sample is at most this old.
        let echoed = sample.echo_sequence;
        let remembered =
            echoed > 0 && echoed + REMEMBERED_FRAMES as u64 > self.sequence && echoed <= self.sequence;
        self.age_at_arrival_us = if remembered {
            let sent_us = self.sent_us[(echoed % REMEMBERED_FRAMES as u64) as usize];
            now_us.saturating_sub(sent_us).saturating_sub(sample.echo_age_us.into())
        } else {
            u64::MAX / 2
        };
        self.arrived_us = now_us;
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
        if sample.state == RobotState::Stopped {
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
        if !self.accepted {
            let hello = self.hello.clone();
            self.transmit(link, &hello);
        }
        let state = self.sample.as_ref().map_or(RobotState::Disarmed, |sample| sample.state);
        if request == Some(Request::Disarm) {
            let header = self.header(now_us);
            self.transmit(link, &ToRobot::Disarm(header));
        }
        let message = match source {
            Source::Stop => ToRobot::Stop(self.header(now_us)),
            Source::None => ToRobot::Heartbeat(self.header(now_us)),
            Source::DefaultPose | Source::Policy { .. } => {
                if state == RobotState::Disarmed {
                    let header = self.header(now_us);
                    self.transmit(link, &ToRobot::Arm(header));
                }
                let share = if let Source::Policy { share } = source { share } else { 0.0 };
                self.actuator_command(now_us, share)
            }
        };
        self.transmit(link, &message);
    }

    fn actuator_command(&mut self, now_us: u64, share: f32) -> ToRobot {
        let mut setpoints = heapless::Vec::<Setpoint, MAX_ACTUATORS>::new();
        let mut intervened = false;
        for (index, actuator) in self.interface.actuators.iter().enumerate() {
            let pose = self.default_pose[index];
            // The policy alone is passed on untouched: a blend of 1 would round.
            let value =
                if share < 1.0 { pose + share * (self.command[index] - pose) } else { self.command[index] };
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
        self.counters.interventions += u64::from(intervened);
        ToRobot::Command {
            header: self.header(now_us),
            sample_sequence: self.sample.as_ref().map_or(0, |sample| sample.sequence),
            valid_for_us: self.valid_for_us,
            setpoints,
        }
    }

    /// The next frame's header; remembers when it is sent.
    fn header(&mut self, now_us: u64) -> Header {
        self.sequence += 1;
        self.sent_us[(self.sequence % REMEMBERED_FRAMES as u64) as usize] = now_us;
        Header { session: self.options.session, sequence: self.sequence }
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
