//! Decides who may command the robot: a pure function of time, inputs and state.
//!
//! [`Supervisor::step`] is called once a tick with the time and with what happened, and answers with a mode and with the
//! [`Source`] of the actuator command. It reads no clock and does no I/O, so every transition can be tested by calling it.
//!
//! | cause | answer | ended by |
//! |---|---|---|
//! | what [`Answers`] has a key for | its [`Answer`]: a warning, a fallback or a stop | of a fallback: the cause gone for [`Limits::recovery_ticks`] and [`Answer::clear_s`], unless it latches |
//! | fallback longer than [`Limits::fallback_s`] | [`Mode::Stopped`] | disarm, then arm |
//! | sample or output not finite, the robot or an operator stops | [`Mode::Stopped`] | disarm, then arm |
//!
//! Of several causes at once the one with the severest answer decides. In a fallback no command is sent, and the peer's own
//! safe action takes over; where there is a fallback controller, it commands instead, as long as samples are fresh. A fallback
//! that began before the policy had the robot begins with standby again.
//!
//! Stop is accepted in every mode, is idempotent, and latches. Nothing moves without an explicit arm.

mod answer;
mod cause;
mod limits;

pub use answer::{Action, Answer, Answers};
pub use cause::{Cause, Causes};
pub use limits::Limits;

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
    /// The fallback controller or the peer's safe action, until what caused it is gone.
    Fallback,
    /// The peer's safe action, latched.
    Stopped,
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

/// What happened since the last tick.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Inputs {
    /// Monotonic, or virtual in lockstep; never decreases.
    pub time_us: u64,
    /// What an operator asked for.
    pub request: Option<Request>,
    /// What is wrong with link, sample or policy in this tick, if anything.
    pub fault: Option<Cause>,
    /// What else is wrong: what the robot's guards found, or an operator who is silent.
    pub guarded: Causes,
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
    /// The fallback controller's command.
    Fallback {
        /// For how long it has commanded without a break, s.
        elapsed_s: f32,
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
    /// What is wrong in this tick; of several causes the one with the severest answer.
    pub fault: Option<Cause>,
    /// Whether all checks pass, warnings aside: a watchdog is petted in such a tick alone.
    pub healthy: bool,
}

/// The state between ticks; see the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Supervisor {
    limits: Limits,
    /// Whether there is a fallback controller.
    controlled: bool,
    mode: Mode,
    since_us: u64,
    cause: Option<Cause>,
    fresh_ticks: u32,
    saturated_periods: u32,
    overruns: u32,
    overruns_since_us: u64,
    fallback: FallbackState,
}

/// Of a fallback, what one tick leaves to the next.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct FallbackState {
    /// The mode that follows it.
    resumes: Mode,
    /// Whether the robot was commanded when it began.
    commanded: bool,
    latched: bool,
    /// How long its causes must be gone, s, and when one was there last.
    clear_s: f32,
    faulty_us: u64,
    /// Since when the fallback controller has commanded.
    acting_us: Option<u64>,
}

impl FallbackState {
    const NONE: Self = Self {
        resumes: Mode::Running,
        commanded: false,
        latched: false,
        clear_s: 0.0,
        faulty_us: 0,
        acting_us: None,
    };

    /// A cause is there.
    fn suffer(&mut self, answer: Answer, time_us: u64) {
        self.latched |= answer.latches;
        self.clear_s = if answer.clear_s > self.clear_s { answer.clear_s } else { self.clear_s };
        self.faulty_us = time_us;
    }
}

impl Supervisor {
    /// Disarmed, without a fallback controller.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            controlled: false,
            mode: Mode::Disarmed,
            since_us: 0,
            cause: None,
            fresh_ticks: 0,
            saturated_periods: 0,
            overruns: 0,
            overruns_since_us: 0,
            fallback: FallbackState::NONE,
        }
    }

    /// There is a fallback controller: it commands in a fallback, and the policy is blended in after one.
    #[must_use]
    pub fn with_fallback_controller(self) -> Self {
        Self { controlled: true, ..self }
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
        let causes = self.causes(inputs);
        let worst = self.worst(causes);
        let fault = worst.filter(|(_, answer)| answer.action > Action::Warn);
        let (next, cause) = self.next(inputs, fault);
        if next != before {
            self.since_us = inputs.time_us;
            self.cause = cause;
            self.fresh_ticks = 0;
            self.saturated_periods = 0;
            self.fallback = self.fallback_after(before);
        }
        if let (Mode::Fallback, Some((_, answer))) = (next, fault) {
            self.fallback.suffer(answer, inputs.time_us);
        }
        self.mode = next;
        let transition =
            (next != before).then_some(Transition { time_us: inputs.time_us, from: before, to: next, cause });
        let source = self.source(inputs, causes);
        let healthy = fault.is_none() && !matches!(next, Mode::Fallback | Mode::Stopped);
        Decision { mode: next, source, transition, fault: worst.map(|(cause, _)| cause), healthy }
    }

    /// Everything that is wrong in this tick.
    fn causes(&mut self, inputs: &Inputs) -> Causes {
        let mut causes = inputs.guarded;
        if let Some(fault) = inputs.fault {
            causes.insert(fault);
        }
        if inputs.inferred {
            self.saturated_periods =
                if inputs.saturated { self.saturated_periods.saturating_add(1) } else { 0 };
        }
        if inputs.time_us.saturating_sub(self.overruns_since_us) >= 1_000_000 {
            self.overruns_since_us = inputs.time_us;
            self.overruns = 0;
        }
        self.overruns = self.overruns.saturating_add(u32::from(inputs.overran));
        // These two are faults only when they go on.
        if self.saturated_periods > self.limits.out_of_range_periods {
            causes.insert(Cause::OutOfRange);
        }
        if self.overruns > self.limits.overruns_per_s {
            causes.insert(Cause::Overruns);
        }
        causes
    }

    /// The first cause with the severest answer.
    fn worst(&self, causes: Causes) -> Option<(Cause, Answer)> {
        let answered = causes.iter().map(|cause| (cause, self.limits.answers.to(cause)));
        answered.reduce(|worst, next| if next.1.action > worst.1.action { next } else { worst })
    }

    fn next(&mut self, inputs: &Inputs, fault: Option<(Cause, Answer)>) -> (Mode, Option<Cause>) {
        match inputs.request {
            Some(Request::Stop) => return (Mode::Stopped, Some(Cause::OperatorStop)),
            Some(Request::Disarm) => return (Mode::Disarmed, None),
            Some(Request::Arm) if self.mode == Mode::Disarmed && fault.is_none() => {
                return (self.after(Mode::Disarmed), None);
            }
            Some(Request::Arm) | None => {}
        }
        let elapsed_s = since_s(self.since_us, inputs.time_us);
        match (self.mode, fault) {
            (Mode::Disarmed | Mode::Stopped, _) => (self.mode, self.cause),
            (_, Some((cause, Answer { action: Action::Stop, .. }))) => (Mode::Stopped, Some(cause)),
            (Mode::Fallback, _) => self.recover(inputs, fault.is_some(), elapsed_s),
            (_, Some((cause, _))) => (Mode::Fallback, Some(cause)),
            (mode, None) if elapsed_s >= self.duration_s(mode) => (self.after(mode), None),
            (mode, None) => (mode, None),
        }
    }

    fn recover(&mut self, inputs: &Inputs, faulty: bool, elapsed_s: f32) -> (Mode, Option<Cause>) {
        self.fresh_ticks = if faulty { 0 } else { self.fresh_ticks.saturating_add(1) };
        let FallbackState { latched, clear_s, faulty_us, resumes, .. } = self.fallback;
        let clear = self.fresh_ticks >= self.limits.recovery_ticks
            && since_s(faulty_us, inputs.time_us) >= clear_s
            && !latched;
        if clear {
            (resumes, None)
        } else if elapsed_s > self.limits.fallback_s {
            (Mode::Stopped, Some(Cause::FallbackTooLong))
        } else {
            (Mode::Fallback, self.cause)
        }
    }

    /// A fallback that begins in mode `before`.
    fn fallback_after(&self, before: Mode) -> FallbackState {
        let resumes = match before {
            // What a controller did is blended out again, as the default pose is.
            Mode::Running if self.controlled => self.after(Mode::Readying),
            Mode::Running => Mode::Running,
            _ => self.after(Mode::Disarmed),
        };
        let commanded = matches!(before, Mode::Readying | Mode::Engaging | Mode::Running);
        FallbackState { resumes, commanded, ..FallbackState::NONE }
    }

    /// The next phase that takes any time; running goes on.
    fn after(&self, mode: Mode) -> Mode {
        let phases = [Mode::Disarmed, Mode::Standby, Mode::Readying, Mode::Engaging];
        let later = phases.into_iter().skip_while(|phase| *phase != mode).skip(1);
        later.into_iter().find(|phase| self.duration_s(*phase) > 0.0).unwrap_or(Mode::Running)
    }

    fn duration_s(&self, mode: Mode) -> f32 {
        match mode {
            Mode::Standby if self.limits.shadow => f32::INFINITY,
            Mode::Standby => self.limits.standby_s,
            Mode::Readying => self.limits.readying_s,
            Mode::Engaging => self.limits.engaging_s,
            Mode::Disarmed | Mode::Running | Mode::Fallback | Mode::Stopped => f32::INFINITY,
        }
    }

    fn source(&mut self, inputs: &Inputs, causes: Causes) -> Source {
        let FallbackState { commanded, acting_us, .. } = self.fallback;
        let blind = causes.contains(Cause::LinkSilent) || causes.contains(Cause::StaleSensor);
        let acts = self.mode == Mode::Fallback && self.controlled && commanded && !blind;
        self.fallback.acting_us = acts.then(|| acting_us.unwrap_or(inputs.time_us));
        match self.mode {
            Mode::Disarmed | Mode::Standby => Source::None,
            Mode::Readying => Source::DefaultPose,
            Mode::Engaging => {
                Source::Policy { share: since_s(self.since_us, inputs.time_us) / self.limits.engaging_s }
            }
            Mode::Running => Source::Policy { share: 1.0 },
            Mode::Fallback => self.fallback.acting_us.map_or(Source::None, |since_us| Source::Fallback {
                elapsed_s: since_s(since_us, inputs.time_us),
            }),
            Mode::Stopped => Source::Stop,
        }
    }
}

fn since_s(since_us: u64, time_us: u64) -> f32 {
    time_us.saturating_sub(since_us) as f32 * 1e-6
}

#[cfg(test)]
mod tests;
