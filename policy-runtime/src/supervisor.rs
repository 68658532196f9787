//! Decides who may command the robot: a pure function of time, inputs and state.
//!
//! [`Supervisor::step`] is called once a tick with the time and with what happened, and answers with a mode and with the
//! [`Source`] of the actuator command. It reads no clock and does no I/O, so every transition can be tested by calling it.
//!
//! | cause | answer | cleared by |
//! |---|---|---|
//! | link silent, sample stale | [`Mode::Fallback`]: no command is sent, the peer's own safe action takes over | fresh samples for [`Limits::recovery_ticks`] |
//! | fallback longer than [`Limits::fallback_s`] | [`Mode::Stopped`] | disarm, then arm |
//! | sample or output not finite, output out of range for too long, overrun budget, stop | [`Mode::Stopped`] | disarm, then arm |
//!
//! Stop is accepted in every mode, is idempotent, and latches. Nothing moves without an explicit arm.

use serde::{Deserialize, Serialize};

/// Who commands the robot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nobody; nothing is sent but heartbeats.
    Disarmed,
    /// Armed; the policy runs in shadow, so that its history is warm.
    Standby,
    /// The robot moves to its default pose.
    Readying,
    /// From the default pose to the policy's commands, blended.
    Engaging,
    /// The policy.
    Running,
    /// The peer's safe action, until the link is well again.
    Fallback,
    /// The peer's safe action, latched.
    Stopped,
}

/// Why the policy lost its authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A person, or a program on a person's behalf.
    OperatorStop,
    /// No sample arrived for longer than the contract allows.
    LinkSilent,
    /// A sensor is older than the contract allows.
    StaleSensor,
    /// A sensor is NaN, infinite, or no rotation.
    BadSensor,
    /// The policy put out NaN or an infinity.
    BadOutput,
    /// The policy's output lay outside its limits for too many periods in a row.
    OutOfRange,
    /// Too many ticks ended late.
    Overruns,
    /// The robot reports that it was stopped at its own end.
    RobotStopped,
    /// The link stayed bad for longer than the fallback may last.
    FallbackTooLong,
}

impl Cause {
    /// Whether the policy may take over again by itself once the cause is gone.
    pub const fn clears(self) -> bool {
        matches!(self, Self::LinkSilent | Self::StaleSensor)
    }
}

/// What an operator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Begin, from [`Mode::Disarmed`] alone.
    Arm,
    /// End, from any mode; the robot enters its safe state.
    Disarm,
    /// Stop at once, from any mode.
    Stop,
}

/// How long phases last and what is tolerated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The policy runs in shadow for so long, s.
    pub standby_s: f32,
    /// The robot moves to its default pose for so long, s.
    pub readying_s: f32,
    /// The policy is blended in for so long, s.
    pub engaging_s: f32,
    /// Fresh samples in a row that end a fallback.
    pub recovery_ticks: u32,
    /// A fallback that lasts longer becomes a stop, s.
    pub fallback_s: f32,
    /// Policy periods in a row with an output out of range that are tolerated.
    pub out_of_range_periods: u32,
    /// Late ticks within a second that are tolerated: the default survives one stall of some ticks.
    pub overruns_per_s: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            standby_s: 0.2,
            readying_s: 1.0,
            engaging_s: 0.5,
            recovery_ticks: 3,
            fallback_s: 1.0,
            out_of_range_periods: 50,
            overruns_per_s: 20,
        }
    }
}

impl Limits {
    /// The policy commands from its first sample on: for a robot that is released in motion, as in training.
    pub fn immediate() -> Self {
        Self { standby_s: 0.0, readying_s: 0.0, engaging_s: 0.0, ..Self::default() }
    }
}

/// What happened since the last tick.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Inputs {
    /// Monotonic, or virtual in lockstep; never decreases.
    pub time_us: u64,
    /// What an operator asked for.
    pub request: Option<Request>,
    /// What is wrong with link, sample or policy in this tick, if anything.
    pub fault: Option<Cause>,
    /// Whether the policy ran in this tick.
    pub inferred: bool,
    /// Whether an output of that inference lay outside its limits.
    pub saturated: bool,
    /// Whether the last tick ended late.
    pub overran: bool,
}

/// Where the actuator command comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Source {
    /// No actuator command is sent.
    None,
    /// The default pose.
    DefaultPose,
    /// The policy's command, weighted against the default pose by this share; 1 is the policy alone.
    Policy {
        /// In `[0, 1]`.
        share: f32,
    },
    /// A stop is sent.
    Stop,
}

/// A change of mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// When.
    pub time_us: u64,
    /// From.
    pub from: Mode,
    /// To.
    pub to: Mode,
    /// Why, where a fault or a stop caused it.
    pub cause: Option<Cause>,
}

/// What a tick decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// The mode from now on.
    pub mode: Mode,
    /// Where the actuator command comes from.
    pub source: Source,
    /// The change of mode in this tick, if any.
    pub transition: Option<Transition>,
}

/// The state between ticks; see the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Supervisor {
    limits: Limits,
    mode: Mode,
    since_us: u64,
    cause: Option<Cause>,
    fresh_ticks: u32,
    saturated_periods: u32,
    overruns: u32,
    overruns_since_us: u64,
}

impl Supervisor {
    /// Disarmed.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            mode: Mode::Disarmed,
            since_us: 0,
            cause: None,
            fresh_ticks: 0,
            saturated_periods: 0,
            overruns: 0,
            overruns_since_us: 0,
        }
    }

    /// The mode.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Why the robot is in fallback or stopped.
    pub fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// Decides one tick.
    pub fn step(&mut self, inputs: &Inputs) -> Decision {
        let before = self.mode;
        let fault = self.accumulated_fault(inputs).or(inputs.fault);
        let (next, cause) = self.next(inputs, fault);
        if next != before {
            self.since_us = inputs.time_us;
            self.cause = cause;
            self.fresh_ticks = 0;
            self.saturated_periods = 0;
        }
        self.mode = next;
        let transition =
            (next != before).then_some(Transition { time_us: inputs.time_us, from: before, to: next, cause });
        Decision { mode: next, source: self.source(inputs), transition }
    }

    /// Faults that are one only when they go on.
    fn accumulated_fault(&mut self, inputs: &Inputs) -> Option<Cause> {
        if inputs.inferred {
            self.saturated_periods = if inputs.saturated { self.saturated_periods + 1 } else { 0 };
        }
        if inputs.time_us.saturating_sub(self.overruns_since_us) >= 1_000_000 {
            self.overruns_since_us = inputs.time_us;
            self.overruns = 0;
        }
        self.overruns += u32::from(inputs.overran);
        if self.saturated_periods > self.limits.out_of_range_periods {
            Some(Cause::OutOfRange)
        } else if self.overruns > self.limits.overruns_per_s {
            Some(Cause::Overruns)
        } else {
            None
        }
    }

    fn next(&mut self, inputs: &Inputs, fault: Option<Cause>) -> (Mode, Option<Cause>) {
        match inputs.request {
            Some(Request::Stop) => return (Mode::Stopped, Some(Cause::OperatorStop)),
            Some(Request::Disarm) => return (Mode::Disarmed, None),
            Some(Request::Arm) if self.mode == Mode::Disarmed && fault.is_none() => {
                return (self.after(Mode::Disarmed), None);
            }
            Some(Request::Arm) | None => {}
        }
        let elapsed_s = self.elapsed_s(inputs);
        match self.mode {
            Mode::Disarmed | Mode::Stopped => (self.mode, self.cause),
            Mode::Fallback => self.recover(fault, elapsed_s),
            Mode::Standby | Mode::Readying | Mode::Engaging | Mode::Running => match fault {
                Some(cause) if cause.clears() => (Mode::Fallback, Some(cause)),
                Some(cause) => (Mode::Stopped, Some(cause)),
                None if elapsed_s >= self.duration_s(self.mode) => (self.after(self.mode), None),
                None => (self.mode, None),
            },
        }
    }

    fn recover(&mut self, fault: Option<Cause>, elapsed_s: f32) -> (Mode, Option<Cause>) {
        match fault {
            Some(cause) if !cause.clears() => return (Mode::Stopped, Some(cause)),
            Some(_) => self.fresh_ticks = 0,
            None => self.fresh_ticks += 1,
        }
        if self.fresh_ticks >= self.limits.recovery_ticks {
            (Mode::Running, None)
        } else if elapsed_s > self.limits.fallback_s {
            (Mode::Stopped, Some(Cause::FallbackTooLong))
        } else {
            (Mode::Fallback, self.cause)
        }
    }

    /// The next phase that takes any time; running goes on.
    fn after(&self, mode: Mode) -> Mode {
        let phases = [Mode::Disarmed, Mode::Standby, Mode::Readying, Mode::Engaging];
        let later = phases.into_iter().skip_while(|phase| *phase != mode).skip(1);
        later.into_iter().find(|phase| self.duration_s(*phase) > 0.0).unwrap_or(Mode::Running)
    }

    fn duration_s(&self, mode: Mode) -> f32 {
        match mode {
            Mode::Standby => self.limits.standby_s,
            Mode::Readying => self.limits.readying_s,
            Mode::Engaging => self.limits.engaging_s,
            Mode::Disarmed | Mode::Running | Mode::Fallback | Mode::Stopped => f32::INFINITY,
        }
    }

    fn elapsed_s(&self, inputs: &Inputs) -> f32 {
        inputs.time_us.saturating_sub(self.since_us) as f32 * 1e-6
    }

    fn source(&self, inputs: &Inputs) -> Source {
        match self.mode {
            Mode::Disarmed | Mode::Standby | Mode::Fallback => Source::None,
            Mode::Readying => Source::DefaultPose,
            Mode::Engaging => Source::Policy { share: self.elapsed_s(inputs) / self.limits.engaging_s },
            Mode::Running => Source::Policy { share: 1.0 },
            Mode::Stopped => Source::Stop,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000;

    fn at(time_us: u64) -> Inputs {
        Inputs { time_us, inferred: true, ..Inputs::default() }
    }

    fn armed(limits: Limits) -> Supervisor {
        let mut supervisor = Supervisor::new(limits);
        supervisor.step(&Inputs { request: Some(Request::Arm), ..at(0) });
        supervisor
    }

    fn with_fault(time_us: u64, cause: Cause) -> Inputs {
        Inputs { fault: Some(cause), inferred: false, ..at(time_us) }
    }

    #[test]
    fn nothing_moves_without_an_explicit_arm() {
        let mut supervisor = Supervisor::new(Limits::immediate());
        for tick in 0..1000 {
            assert_eq!(supervisor.step(&at(tick * 10 * MS)).source, Source::None);
        }
        let decision = supervisor.step(&Inputs { request: Some(Request::Arm), ..at(10_000 * MS) });
        assert_eq!((decision.mode, decision.source), (Mode::Running, Source::Policy { share: 1.0 }));
    }

    #[test]
    fn arming_readies_and_blends_before_the_policy_has_the_robot() {
        let mut supervisor = armed(Limits::default());
        let modes =
            [(100, Mode::Standby), (200, Mode::Readying), (1199, Mode::Readying), (1200, Mode::Engaging)];
        for (time_ms, mode) in modes {
            assert_eq!(supervisor.step(&at(time_ms * MS)).mode, mode, "{time_ms} ms");
        }
        assert_eq!(supervisor.step(&at(1450 * MS)).source, Source::Policy { share: 0.5 });
        assert_eq!(supervisor.step(&at(1700 * MS)).mode, Mode::Running);
    }

    #[test]
    fn a_silent_link_falls_back_and_recovers_after_fresh_samples() {
        let mut supervisor = armed(Limits::immediate());
        let decision = supervisor.step(&with_fault(50 * MS, Cause::LinkSilent));
        assert_eq!((decision.mode, decision.source), (Mode::Fallback, Source::None));
        assert_eq!(supervisor.step(&at(60 * MS)).mode, Mode::Fallback);
        assert_eq!(supervisor.step(&with_fault(70 * MS, Cause::StaleSensor)).mode, Mode::Fallback);
        for time_ms in [80, 90] {
            assert_eq!(supervisor.step(&at(time_ms * MS)).mode, Mode::Fallback);
        }
        assert_eq!(supervisor.step(&at(100 * MS)).mode, Mode::Running);
    }

    #[test]
    fn a_fallback_that_lasts_too_long_latches() {
        let mut supervisor = armed(Limits::immediate());
        supervisor.step(&with_fault(0, Cause::LinkSilent));
        let decision = supervisor.step(&with_fault(1001 * MS, Cause::LinkSilent));
        assert_eq!(decision.transition.and_then(|change| change.cause), Some(Cause::FallbackTooLong));
        assert_eq!(supervisor.step(&at(1100 * MS)).source, Source::Stop);
    }

    #[test]
    fn what_is_not_finite_stops_at_once_and_latches() {
        for cause in [Cause::BadSensor, Cause::BadOutput] {
            let mut supervisor = armed(Limits::immediate());
            assert_eq!(supervisor.step(&with_fault(10 * MS, cause)).source, Source::Stop);
            let again = Inputs { request: Some(Request::Arm), ..at(20 * MS) };
            assert_eq!(supervisor.step(&again).mode, Mode::Stopped);
            supervisor.step(&Inputs { request: Some(Request::Disarm), ..at(30 * MS) });
            let again = Inputs { request: Some(Request::Arm), ..at(40 * MS) };
            assert_eq!(supervisor.step(&again).mode, Mode::Running);
        }
    }

    #[test]
    fn stop_is_accepted_in_every_mode() {
        let stop = Inputs { request: Some(Request::Stop), ..at(10 * MS) };
        let mut fallen = armed(Limits::immediate());
        fallen.step(&with_fault(5 * MS, Cause::LinkSilent));
        for mut supervisor in
            [Supervisor::new(Limits::default()), armed(Limits::default()), armed(Limits::immediate()), fallen]
        {
            assert_eq!(supervisor.step(&stop).source, Source::Stop);
            assert_eq!(supervisor.step(&stop).mode, Mode::Stopped);
        }
    }

    #[test]
    fn a_saturated_output_is_a_fault_only_when_it_goes_on() {
        let mut supervisor = armed(Limits { out_of_range_periods: 3, ..Limits::immediate() });
        let saturated = |time_us| Inputs { saturated: true, ..at(time_us) };
        for tick in 1..=3 {
            assert_eq!(supervisor.step(&saturated(tick * MS)).mode, Mode::Running);
        }
        supervisor.step(&at(4 * MS));
        for tick in 5..=7 {
            assert_eq!(supervisor.step(&saturated(tick * MS)).mode, Mode::Running);
        }
        assert_eq!(supervisor.step(&saturated(8 * MS)).mode, Mode::Stopped);
        assert_eq!(supervisor.cause(), Some(Cause::OutOfRange));
    }

    #[test]
    fn overruns_are_budgeted_by_the_second() {
        let mut supervisor = armed(Limits { overruns_per_s: 2, ..Limits::immediate() });
        let late = |time_us| Inputs { overran: true, ..at(time_us) };
        supervisor.step(&late(10 * MS));
        supervisor.step(&late(20 * MS));
        assert_eq!(supervisor.step(&late(1200 * MS)).mode, Mode::Running);
        supervisor.step(&late(1210 * MS));
        assert_eq!(supervisor.step(&late(1220 * MS)).mode, Mode::Stopped);
    }
}
