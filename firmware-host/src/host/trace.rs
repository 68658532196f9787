//! What a tick was given and what it decided: what a log holds of it and a replay must find again.

use super::{Counters, Host};
use crate::wire::message::MAX_SAMPLE;
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::interface::MAX_ACTUATORS;
use sinew_policy_runtime::supervisor::{Cause, Inputs, Mode, Request, Transition};

/// One tick.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TickTrace {
    /// From 0.
    pub tick: u64,
    /// The one time at which everything in it happened, µs.
    pub time_us: u64,
    /// What an operator asked for.
    pub request: Option<Request>,
    /// Whether the tick before ended late.
    pub overran: bool,
    /// What was wrong; of several causes the one with the severest answer.
    pub fault: Option<Cause>,
    /// Whether the policy ran.
    pub inferred: bool,
    /// Whether an output of that inference lay outside its limits.
    pub saturated: bool,
    /// From this tick on.
    pub mode: Mode,
    /// Why the robot is in fallback or stopped.
    pub cause: Option<Cause>,
    /// The change of mode, if any.
    pub transition: Option<Transition>,
    /// The newest sample; absent before the first.
    pub sample: Option<SampleTrace>,
    /// The policy's newest command for each actuator, in the robot's order and in the actuators' units. What was sent of
    /// it is what the sent frames say.
    pub command: heapless::Vec<f32, MAX_ACTUATORS>,
    /// Since the start, this tick included.
    pub counters: Counters,
}

/// The sample that a tick had.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleTrace {
    /// Its number.
    pub sequence: u64,
    /// A bound on its age at the tick's time, µs.
    pub age_us: u64,
    /// All sensors, in the interface's order.
    pub values: heapless::Vec<f32, MAX_SAMPLE>,
}

impl Host<'_> {
    /// The newest tick; before the first, one that did nothing. Allocates nothing.
    pub fn trace(&self) -> TickTrace {
        let (Inputs { time_us, request, inferred, saturated, overran, .. }, decision) = self.newest;
        let (fault, transition) =
            decision.map_or((None, None), |decision| (decision.fault, decision.transition));
        TickTrace {
            tick: self.counters.ticks.saturating_sub(1),
            time_us,
            request,
            overran,
            fault,
            inferred,
            saturated,
            mode: self.supervisor.mode(),
            cause: self.supervisor.cause(),
            transition,
            sample: self.session.sample().map(|sample| SampleTrace {
                sequence: sample.status.sequence,
                age_us: self.session.sample_age_us(time_us),
                values: sample.values.clone(),
            }),
            command: self.command[..self.interface.actuators.len()].iter().copied().collect(),
            counters: self.counters.clone(),
        }
    }
}
