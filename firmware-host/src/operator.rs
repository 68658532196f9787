//! What a person at a distance wants: requests and goals that arrive as messages.
//!
//! [`OperatorState`] keeps one operator at a time and bounds what is taken from him: a goal beyond the contract's limits is
//! refused, and one that grows old gives way to the contract's safe value. A stop is taken from anybody.

use crate::wire::message::Operator;
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::contract::{Contract, MAX_COMMAND_SIZE, MAX_COMMANDS};
use sinew_policy_runtime::supervisor::Request;

/// An operator who says nothing for so long gives way to another, µs.
const SILENCE_US: u64 = 1_000_000;

/// The newest operator's messages; see the [module](self).
#[derive(Clone, Debug, PartialEq)]
pub struct OperatorState {
    terms: heapless::Vec<GoalTerm, MAX_COMMANDS>,
    memory: OperatorMemory,
}

/// Of an operator, what one tick leaves to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OperatorMemory {
    session: Option<u64>,
    newest: u64,
    heard_us: u64,
    request: Option<Request>,
    /// When the goal that holds arrived, and for how long its sender meant it, µs.
    goal: Option<(u64, u64)>,
}

/// One command of the contract.
#[derive(Clone, Debug, PartialEq)]
struct GoalTerm {
    /// Smallest, largest and safe value of each of its numbers.
    bounds: heapless::Vec<[f32; 3], MAX_COMMAND_SIZE>,
    max_age_us: u64,
}

impl OperatorState {
    /// Nobody has spoken yet.
    pub fn new(contract: &Contract) -> Self {
        let mut terms = heapless::Vec::new();
        for command in &contract.commands {
            let max_age_us = (f64::from(command.max_age_s) * 1e6) as u64;
            let mut term = GoalTerm { bounds: heapless::Vec::new(), max_age_us };
            let limits = command.minimum.iter().zip(&command.maximum).zip(&command.safe_value);
            for ((minimum, maximum), safe) in limits {
                // As many as a command has values, of which it has no more than there is room for; so of the terms.
                let _ = term.bounds.push([*minimum, *maximum, *safe]);
            }
            let _ = terms.push(term);
        }
        Self { terms, memory: OperatorMemory::default() }
    }

    /// What the next tick depends on.
    pub fn memory(&self) -> OperatorMemory {
        self.memory
    }

    /// Goes on from a [`Self::memory`].
    pub fn restore(&mut self, memory: OperatorMemory) {
        self.memory = memory;
    }

    /// Sequence of the newest message that was taken; 0 before the first.
    pub fn newest(&self) -> u64 {
        self.memory.newest
    }

    /// How long nothing was heard of the operator, µs; for ever where there was none.
    pub fn silent_us(&self, now_us: u64) -> u64 {
        match self.memory.session {
            Some(_) => now_us.saturating_sub(self.memory.heard_us),
            None => u64::MAX,
        }
    }

    /// Takes a message that arrived at `now_us` and writes its goal into `goal`; false where it cannot be taken.
    pub fn take(&mut self, now_us: u64, message: &Operator, goal: &mut [f32]) -> bool {
        if message.request == Some(Request::Stop) {
            self.ask(Request::Stop);
        }
        let own = self.memory.session == Some(message.session);
        let free = self.memory.session.is_none() || now_us.saturating_sub(self.memory.heard_us) > SILENCE_US;
        if !(own && message.sequence > self.memory.newest || !own && free) || !self.admits(&message.goal) {
            return false;
        }
        (self.memory.session, self.memory.newest, self.memory.heard_us) =
            (Some(message.session), message.sequence, now_us);
        if let Some(request) = message.request {
            self.ask(request);
        }
        if !message.goal.is_empty() {
            goal.iter_mut().zip(&message.goal).for_each(|(value, asked)| *value = *asked);
            self.memory.goal = Some((now_us, message.valid_for_us.into()));
        }
        true
    }

    /// What was asked for since the last call.
    pub fn take_request(&mut self) -> Option<Request> {
        self.memory.request.take()
    }

    /// Gives every command of the goal that has grown too old its safe value.
    pub fn expire(&mut self, now_us: u64, goal: &mut [f32]) {
        let Some((since_us, valid_for_us)) = self.memory.goal else { return };
        let age_us = now_us.saturating_sub(since_us);
        let mut values = goal.iter_mut();
        let mut holds = false;
        for term in &self.terms {
            let expired = age_us > valid_for_us.min(term.max_age_us);
            holds |= !expired;
            // By reference, so that each term takes its own values and no more.
            for ([_, _, safe], value) in term.bounds.iter().zip(values.by_ref()) {
                if expired {
                    *value = *safe;
                }
            }
        }
        if !holds {
            self.memory.goal = None;
        }
    }

    /// Of several requests at once the most careful one counts.
    fn ask(&mut self, request: Request) {
        self.memory.request = most_careful(self.memory.request, Some(request));
    }

    /// Whether a goal is absent, or complete and within its limits; a NaN is within none.
    fn admits(&self, goal: &[f32]) -> bool {
        let bounds = self.terms.iter().flat_map(|term| &term.bounds);
        let complete = goal.len() == bounds.clone().count();
        let within = bounds.zip(goal).all(|([low, high, _], value)| *value >= *low && *value <= *high);
        goal.is_empty() || (complete && within)
    }
}

/// Stop before disarm, disarm before arm.
pub fn most_careful(first: Option<Request>, second: Option<Request>) -> Option<Request> {
    [Request::Stop, Request::Disarm, Request::Arm]
        .into_iter()
        .find(|request| [first, second].contains(&Some(*request)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1000;

    /// A velocity of two numbers that holds for 100 ms, and a height that holds for 500 ms.
    fn state() -> OperatorState {
        let term = |bounds: &[[f32; 3]], max_age_us| GoalTerm {
            bounds: heapless::Vec::from_slice(bounds).unwrap(),
            max_age_us,
        };
        let terms =
            [term(&[[-1.0, 1.0, 0.0], [-1.0, 1.0, 0.0]], 100 * MS), term(&[[0.5, 2.0, 1.0]], 500 * MS)];
        let terms = terms.into_iter().collect();
        OperatorState { terms, memory: OperatorMemory::default() }
    }

    fn message(session: u64, sequence: u64, request: Option<Request>, goal: &[f32]) -> Operator {
        let goal = heapless::Vec::from_slice(goal).unwrap();
        Operator { session, sequence, request, valid_for_us: 300_000, goal }
    }

    #[test]
    fn a_goal_gives_way_to_its_safe_value_as_each_command_grows_old() {
        let (mut state, mut goal) = (state(), [0.0, 0.0, 1.0]);
        assert!(state.take(0, &message(1, 1, None, &[0.5, -0.5, 2.0]), &mut goal));
        state.expire(100 * MS, &mut goal);
        assert_eq!(goal, [0.5, -0.5, 2.0]);
        state.expire(101 * MS, &mut goal);
        assert_eq!(goal, [0.0, 0.0, 2.0]);
        // Its sender meant it for 300 ms, although the command would hold longer.
        state.expire(301 * MS, &mut goal);
        assert_eq!(goal, [0.0, 0.0, 1.0]);
    }

    #[test]
    fn a_goal_that_cannot_be_used_is_refused_whole() {
        let (mut state, mut goal) = (state(), [0.0, 0.0, 1.0]);
        for bad in [&[0.5, 0.5][..], &[0.5, 1.5, 1.0], &[f32::NAN, 0.0, 1.0], &[0.0, 0.0, f32::INFINITY]] {
            assert!(!state.take(0, &message(1, 1, Some(Request::Arm), bad), &mut goal), "{bad:?}");
        }
        assert_eq!((goal, state.take_request(), state.newest()), ([0.0, 0.0, 1.0], None, 0));
    }

    #[test]
    fn one_operator_at_a_time_and_each_message_once() {
        let (mut state, mut goal) = (state(), [0.0; 3]);
        assert!(state.take(0, &message(1, 5, Some(Request::Arm), &[]), &mut goal));
        assert_eq!(state.take_request(), Some(Request::Arm));
        assert!(!state.take(MS, &message(1, 5, Some(Request::Arm), &[]), &mut goal));
        assert!(!state.take(MS, &message(2, 9, Some(Request::Disarm), &[]), &mut goal));
        assert_eq!(state.take_request(), None);
        assert!(state.take(SILENCE_US + MS, &message(2, 1, Some(Request::Disarm), &[]), &mut goal));
        assert_eq!((state.take_request(), state.newest()), (Some(Request::Disarm), 1));
    }

    #[test]
    fn a_stop_is_taken_from_anybody_and_counts_more_than_what_comes_with_it() {
        let (mut state, mut goal) = (state(), [0.0; 3]);
        state.take(0, &message(1, 5, None, &[]), &mut goal);
        state.take(MS, &message(2, 1, Some(Request::Stop), &[]), &mut goal);
        state.take(MS, &message(1, 6, Some(Request::Arm), &[]), &mut goal);
        assert_eq!(state.take_request(), Some(Request::Stop));
        assert_eq!(most_careful(Some(Request::Arm), Some(Request::Disarm)), Some(Request::Disarm));
        assert_eq!(most_careful(None, None), None);
    }
}
