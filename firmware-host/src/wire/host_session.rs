//! The host's side of the protocol: which robot it speaks with, what that robot last said, and how old that is.
//!
//! [`HostSession`] is told the time and every message, keeps the newest whole sample with a bound on its age by the host's
//! own clock, and numbers what the host sends. It is the counterpart of [`super::robot_session`], and the same on a
//! workstation and on a microcontroller. It decides nothing about motion: it says what is wrong with link and robot.

use super::message::{
    Header, HostHello, PROTOCOL_REVISION, PROTOCOL_VERSION, Refusal, RobotHello, RobotState, SamplePart,
    Status, ToHost, ToRobot,
};
use super::sample::{Assembly, Sample};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::interface::InterfaceHash;
use sinew_policy_runtime::supervisor::Cause;

/// Frames whose send times are remembered, to bound a sample's age: seconds at any rate in use.
pub const REMEMBERED_FRAMES: usize = 1024;
/// Between two hellos, µs.
const HELLO_PERIOD_US: u64 = 20_000;
/// The age of a sample that echoes no frame whose send time is known, µs.
const UNKNOWN_AGE_US: u64 = u64::MAX / 2;

/// What was heard of the robot so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionCounters {
    /// Samples taken.
    pub samples: u64,
    /// Samples that were repeated, old, or of another session.
    pub rejected_samples: u64,
    /// Samples that never came, by their sequence.
    pub missing_samples: u64,
    /// Starts of the robot while the session lasted.
    pub robot_restarts: u64,
    /// The robot's newest fault, as the protocol numbers it; 0 where there was none.
    pub robot_fault: u8,
    /// Why the robot refused the newest hello, where it did.
    pub refused: Option<Refusal>,
}

/// A host's end of a session; see the [module](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostSession {
    /// With the newest hello's attempt.
    hello: HostHello,
    /// A sample older than this is as good as none, µs.
    largest_age_us: u64,
    /// When the newest hello was sent.
    hello_us: Option<u64>,
    /// The first hello of those that await an answer, where any does.
    awaited_attempt: Option<u32>,
    accepted: bool,
    /// The robot's start, from its answer; another one means that it began again.
    boot: u32,
    assembly: Assembly,
    /// Sequence of the newest status or whole sample.
    newest_status: u64,
    sequence: u64,
    /// Of frame `n`, at `n` modulo the length.
    sent_us: heapless::Vec<u64, REMEMBERED_FRAMES>,
    sample: Option<Sample>,
    /// When the newest sample arrived, and the bound on its age then.
    arrived_us: u64,
    age_at_arrival_us: u64,
    /// Sequence of the first frame that armed the robot since an operator asked for it.
    armed_with: Option<u64>,
    /// Whether the robot has said that it is armed since then.
    robot_armed: bool,
    counters: SessionCounters,
}

impl HostSession {
    /// A session that has heard nothing yet. `session` is chosen at random for each start of a host; a sample older than
    /// `largest_age_us` is as good as none.
    pub fn new(
        session: u64,
        contract_hash: [u8; 32],
        interface_hash: InterfaceHash,
        largest_age_us: u64,
    ) -> Self {
        let mut sent_us = heapless::Vec::new();
        // As many as its capacity.
        let _ = sent_us.resize(REMEMBERED_FRAMES, 0);
        Self {
            hello: HostHello {
                protocol: PROTOCOL_VERSION,
                revision: PROTOCOL_REVISION,
                session,
                attempt: 0,
                contract_hash,
                interface_hash,
            },
            largest_age_us,
            hello_us: None,
            awaited_attempt: None,
            accepted: false,
            boot: 0,
            assembly: Assembly::default(),
            newest_status: 0,
            sequence: 0,
            sent_us,
            sample: None,
            arrived_us: 0,
            age_at_arrival_us: 0,
            armed_with: None,
            robot_armed: false,
            counters: SessionCounters::default(),
        }
    }

    /// Who the host is, as its newest hello said it.
    pub fn hello(&self) -> HostHello {
        self.hello
    }

    /// Whether the robot has answered a hello and sent a sample.
    pub fn is_connected(&self) -> bool {
        self.accepted && self.sample.is_some()
    }

    /// The newest whole sample.
    pub fn sample(&self) -> Option<&Sample> {
        self.sample.as_ref()
    }

    /// Its sequence; 0 before the first.
    pub fn sample_sequence(&self) -> u64 {
        self.sample.as_ref().map_or(0, |sample| sample.status.sequence)
    }

    /// Of the newest frame that was sent; 0 before the first.
    #[cfg(feature = "host")]
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// A bound on its age, µs.
    pub fn sample_age_us(&self, now_us: u64) -> u64 {
        self.age_at_arrival_us.saturating_add(now_us.saturating_sub(self.arrived_us))
    }

    /// The bound on its age when it arrived, µs; absent where it echoed no frame whose send time is known.
    pub fn age_at_arrival_us(&self) -> Option<u64> {
        Some(self.age_at_arrival_us).filter(|age_us| *age_us != UNKNOWN_AGE_US)
    }

    /// What was heard so far.
    pub fn counters(&self) -> SessionCounters {
        self.counters
    }

    /// Takes a message that arrived at `now_us`. An operator's is not the robot's, and lockstep's exchange has a link of its own.
    pub fn take(&mut self, now_us: u64, message: &ToHost) {
        match message {
            ToHost::Hello(hello) => self.take_hello(hello),
            ToHost::Refused { session, attempt, reason, .. } => {
                if *session == self.hello.session && *attempt == self.hello.attempt {
                    self.counters.refused = Some(*reason);
                }
            }
            ToHost::Status(status) => self.take_status(status),
            ToHost::Sample(part) => self.take_part(now_us, part),
            ToHost::Operator(_) | ToHost::Advance { .. } | ToHost::Sent { .. } | ToHost::Begin => {}
        }
    }

    /// What is wrong with link or robot, if anything.
    pub fn fault(&self, now_us: u64) -> Option<Cause> {
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

    /// Hello, until the robot answers, and again whenever it is silent: it may have begun again.
    pub fn greet(&mut self, now_us: u64) -> Option<ToRobot> {
        let silent = now_us.saturating_sub(self.arrived_us) > self.largest_age_us;
        let due = self.hello_us.is_none_or(|sent_us| now_us.saturating_sub(sent_us) >= HELLO_PERIOD_US);
        if !(due && (silent || self.sample.is_none())) {
            return None;
        }
        self.hello.attempt = self.hello.attempt.wrapping_add(1);
        self.hello_us = Some(now_us);
        self.awaited_attempt.get_or_insert(self.hello.attempt);
        Some(ToRobot::Hello(self.hello))
    }

    /// The next frame's header; remembers when it is sent. `operator` and `mode` are as in [`Header`].
    pub fn header(&mut self, now_us: u64, operator: u64, mode: u8) -> Header {
        self.sequence += 1;
        if let Some(sent_us) = self.sent_us.get_mut(remembered_at(self.sequence)) {
            *sent_us = now_us;
        }
        Header {
            session: self.hello.session,
            sequence: self.sequence,
            time_us: now_us,
            acknowledged: self.sample_sequence(),
            operator,
            mode,
        }
    }

    /// Arm, for as long as the robot says that it is not; without a sample nothing says that it is.
    pub fn arm(&mut self, now_us: u64, operator: u64, mode: u8) -> Option<ToRobot> {
        let state = self.sample.as_ref().map_or(RobotState::Disarmed, |sample| sample.status.state);
        (state == RobotState::Disarmed).then(|| {
            let header = self.header(now_us, operator, mode);
            self.armed_with.get_or_insert(header.sequence);
            ToRobot::Arm(header)
        })
    }

    /// An operator has decided anew whether the robot is to be armed.
    pub fn forget_arming(&mut self) {
        (self.armed_with, self.robot_armed) = (None, false);
    }

    /// Takes the answer to a hello that awaits one; an answer to an older one may be from before a restart.
    fn take_hello(&mut self, hello: &RobotHello) {
        let answers = hello.protocol == PROTOCOL_VERSION
            && hello.session == self.hello.session
            && hello.interface_hash == self.hello.interface_hash
            && self
                .awaited_attempt
                .is_some_and(|first| (first..=self.hello.attempt).contains(&hello.attempt));
        if !answers {
            return;
        }
        if self.accepted && hello.boot != self.boot {
            // It counts its samples from 1 again, and what it said before it began again is worth nothing.
            self.assembly.restart();
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
        self.accepted && status.session == self.hello.session && status.boot == self.boot
    }

    /// Keeps a sample if it is newer than the last; a stale, repeated or reordered one is counted and dropped.
    fn take_part(&mut self, now_us: u64, part: &SamplePart) {
        // A whole sample's sequence is the newest status; its repeated parts are refused by the assembly too.
        if !self.is_of_session(&part.status) || part.status.sequence <= self.newest_status {
            self.counters.rejected_samples += 1;
            return;
        }
        let refused = self.assembly.refused();
        let Some(sample) = self.assembly.take(part) else {
            self.counters.rejected_samples += self.assembly.refused() - refused;
            return;
        };
        let status = sample.status;
        // In place where there is one: a sample is more than belongs on a small stack.
        match &mut self.sample {
            Some(newest) => newest.copy_from(sample),
            None => self.sample = Some(sample.clone()),
        }
        self.take_status_of_sample(now_us, &status);
    }

    fn take_status_of_sample(&mut self, now_us: u64, status: &Status) {
        self.counters.samples += 1;
        if self.newest_status > 0 {
            self.counters.missing_samples += status.sequence - self.newest_status - 1;
        }
        self.newest_status = status.sequence;
        if status.fault != 0 {
            self.counters.robot_fault = status.fault;
        }
        // The echoed frame was sent before it arrived, and the sample was taken `echo_age` after that: by the host's clock
        // alone, the sample is at most this old.
        let echoed = status.echo_sequence;
        let remembered = echoed > 0
            && echoed.saturating_add(REMEMBERED_FRAMES as u64) > self.sequence
            && echoed <= self.sequence;
        let sent_us = self.sent_us.get(remembered_at(echoed)).filter(|_| remembered);
        self.age_at_arrival_us = sent_us.map_or(UNKNOWN_AGE_US, |sent_us| {
            now_us.saturating_sub(*sent_us).saturating_sub(status.echo_age_us.into())
        });
        self.arrived_us = now_us;
        self.robot_armed |= self.armed_with.is_some_and(|sequence| echoed >= sequence)
            && matches!(status.state, RobotState::Armed | RobotState::Obeying | RobotState::Expired);
    }
}

/// Where a frame's send time is remembered.
const fn remembered_at(sequence: u64) -> usize {
    (sequence % REMEMBERED_FRAMES as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::super::sample::split;
    use super::*;

    const MS: u64 = 1000;

    fn connected() -> HostSession {
        let mut session = HostSession::new(7, [0; 32], [1; 32], 100 * MS);
        assert_eq!((session.fault(0), session.is_connected()), (Some(Cause::LinkSilent), false));
        let Some(ToRobot::Hello(hello)) = session.greet(0) else { panic!("a hello is due") };
        assert_eq!(session.greet(HELLO_PERIOD_US - 1), None);
        session.take(
            0,
            &ToHost::Hello(RobotHello {
                protocol: PROTOCOL_VERSION,
                revision: PROTOCOL_REVISION,
                session: 7,
                attempt: hello.attempt,
                boot: 3,
                interface_hash: [1; 32],
            }),
        );
        session
    }

    fn sample(sequence: u64, echo_sequence: u64, echo_age_us: u32) -> ToHost {
        let status =
            Status { session: 7, boot: 3, sequence, echo_sequence, echo_age_us, ..Status::default() };
        ToHost::Sample(split(status, &[0], &[0.5]).next().unwrap())
    }

    #[test]
    fn a_samples_age_is_bounded_by_the_hosts_clock_alone() {
        let mut session = connected();
        assert_eq!(session.header(10 * MS, 0, 0).sequence, 1);
        // Sent at 10 ms, answered 4 ms after it arrived, here at 30 ms: it was taken 16 ms ago or less.
        session.take(30 * MS, &sample(1, 1, 4_000));
        assert_eq!((session.sample_age_us(30 * MS), session.sample_age_us(45 * MS)), (16 * MS, 31 * MS));
        assert_eq!(session.fault(30 * MS), None);
        assert_eq!(session.fault(115 * MS), Some(Cause::StaleSensor));
        assert_eq!(session.fault(131 * MS), Some(Cause::LinkSilent));
    }

    #[test]
    fn a_sample_that_echoes_a_frame_of_unknown_time_is_stale() {
        for echo in [0, 1, REMEMBERED_FRAMES as u64 + 3] {
            let mut session = connected();
            for _ in 0..REMEMBERED_FRAMES + 2 {
                session.header(MS, 0, 0);
            }
            session.take(2 * MS, &sample(1, echo, 0));
            assert_eq!(session.fault(2 * MS), Some(Cause::StaleSensor), "{echo}");
            session.take(2 * MS, &sample(2, REMEMBERED_FRAMES as u64 + 2, 0));
            assert_eq!(session.fault(2 * MS), None);
        }
    }

    #[test]
    fn repeated_old_and_foreign_samples_are_counted_and_change_nothing() {
        let mut session = connected();
        session.header(MS, 0, 0);
        session.take(2 * MS, &sample(5, 1, 0));
        let mut foreign = sample(9, 1, 0);
        if let ToHost::Sample(part) = &mut foreign {
            part.status.boot = 4;
        }
        for message in [&sample(5, 1, 0), &sample(4, 1, 0), &foreign] {
            session.take(3 * MS, message);
        }
        session.take(4 * MS, &sample(8, 1, 0));
        assert_eq!(session.sample_sequence(), 8);
        let expected = SessionCounters {
            samples: 2,
            rejected_samples: 3,
            missing_samples: 2,
            ..SessionCounters::default()
        };
        assert_eq!(session.counters(), expected);
    }
}
