//! The robot's side of the protocol: whom it obeys, what, and until when.
//!
//! [`RobotSession`] is told the time and every message, and says what to answer and which setpoints hold. It is the same in
//! a simulated plant and in a microcontroller's firmware, so the rules that keep a robot safe exist once. It never decides
//! what the safe action is: it says that it is time for it.

mod recent;

use super::message::{
    Header, HostHello, PROTOCOL_REVISION, PROTOCOL_VERSION, Refusal, RobotHello, RobotState, Status, ToHost,
    ToRobot, robot_fault,
};
use recent::RecentSamples;
use sinew_policy_runtime::interface::{InterfaceHash, MAX_ACTUATORS, Setpoint};

/// An armed robot that hears nothing from its host for so long disarms itself, so that another session may own it, µs.
pub const HOST_SILENCE_US: u64 = 2_000_000;

/// A command is obeyed only if the robot sent the sample that it answers at most so long ago, by the robot's own clock, µs. Less
/// than an eighth of it may be missing.
pub const LARGEST_COMMAND_AGE_US: u64 = 250_000;

/// What happened to messages so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RobotCounters {
    /// Actuator commands that were not obeyed: repeated, late, of another session, for an old sample, not armed, not finite, of the
    /// wrong kind.
    pub refused: u64,
    /// Other frames that were repeated, old or of another session.
    pub dropped: u64,
    /// How often a command expired and the safe action took over.
    pub expired: u64,
}

/// A robot's end of a session; see the [module](self).
#[derive(Clone, Debug)]
pub struct RobotSession {
    interface_hash: InterfaceHash,
    boot: u32,
    session: Option<u64>,
    newest: u64,
    newest_us: u64,
    state: RobotState,
    fault: u8,
    /// One for each actuator; what kind each is never changes.
    setpoints: heapless::Vec<Setpoint, MAX_ACTUATORS>,
    expires_us: u64,
    safe_since_us: u64,
    sequence: u64,
    recent: RecentSamples,
    counters: RobotCounters,
}

impl RobotSession {
    /// A disarmed robot. `boot` differs from that of every earlier start: a persistent counter, or entropy. `resting` has
    /// one setpoint for each actuator, of its kind.
    pub fn new(interface_hash: InterfaceHash, boot: u32, resting: &[Setpoint]) -> Self {
        Self {
            interface_hash,
            boot,
            session: None,
            newest: 0,
            newest_us: 0,
            state: RobotState::Disarmed,
            fault: robot_fault::NONE,
            setpoints: resting.iter().copied().take(MAX_ACTUATORS).collect(),
            expires_us: 0,
            safe_since_us: 0,
            sequence: 0,
            recent: RecentSamples::default(),
            counters: RobotCounters::default(),
        }
    }

    /// What the robot is doing.
    pub fn state(&self) -> RobotState {
        self.state
    }

    /// The setpoints to obey now; absent when it is time for the safe action.
    pub fn setpoints(&self) -> Option<&[Setpoint]> {
        (self.state == RobotState::Obeying).then_some(&self.setpoints[..])
    }

    /// How long the safe action has lasted, µs.
    pub fn safe_for_us(&self, now_us: u64) -> u64 {
        now_us.saturating_sub(self.safe_since_us)
    }

    /// What happened so far.
    pub fn counters(&self) -> RobotCounters {
        self.counters
    }

    /// Takes a message that arrived at `now_us`; returns the answer, if it has one.
    pub fn take(&mut self, now_us: u64, message: &ToRobot) -> Option<ToHost> {
        // What was due before the message came is decided first, whichever of the two the caller does first.
        self.advance(now_us);
        match message {
            ToRobot::Hello(hello) => return Some(self.greet(hello)),
            // Lockstep's own exchange has a link of its own.
            ToRobot::Done { .. } | ToRobot::Sent { .. } => {}
            ToRobot::Heartbeat(header) => {
                self.accept(now_us, header);
            }
            ToRobot::Arm(header) => {
                if self.accept(now_us, header) && self.state == RobotState::Disarmed {
                    (self.state, self.fault) = (RobotState::Armed, robot_fault::NONE);
                }
            }
            ToRobot::Disarm(header) => {
                if self.accept(now_us, header) && self.state != RobotState::Disarmed {
                    self.enter(RobotState::Disarmed, robot_fault::NONE, now_us);
                }
            }
            ToRobot::Stop { header, .. } => {
                if self.accept(now_us, header) && self.state != RobotState::Stopped {
                    self.enter(RobotState::Stopped, self.fault, now_us);
                }
            }
            ToRobot::Command { header, sample_sequence, valid_for_us, setpoints } => {
                let expires_us = now_us.saturating_add(u64::from(*valid_for_us));
                if self.accept(now_us, header) && self.obeys(now_us, *sample_sequence, setpoints) {
                    self.setpoints.copy_from_slice(setpoints);
                    (self.expires_us, self.state) = (expires_us, RobotState::Obeying);
                } else {
                    self.counters.refused += 1;
                }
            }
        }
        None
    }

    /// Lets time pass: an actuator command expires, and a robot whose host is gone disarms.
    pub fn advance(&mut self, now_us: u64) {
        if self.state == RobotState::Obeying && now_us > self.expires_us {
            self.enter(RobotState::Expired, self.fault, now_us);
            self.counters.expired += 1;
        }
        let armed = matches!(self.state, RobotState::Armed | RobotState::Expired);
        if armed && now_us.saturating_sub(self.newest_us) > HOST_SILENCE_US {
            // The safe action goes on from when it began.
            (self.state, self.fault) = (RobotState::Disarmed, robot_fault::HOST_SILENT);
        }
    }

    /// The robot stops itself, for a fault or a stop input of its own: the host need not be asked.
    pub fn stop(&mut self, now_us: u64, fault: u8) {
        if self.state != RobotState::Stopped {
            self.enter(RobotState::Stopped, fault, now_us);
        }
    }

    /// What the next frame begins with; absent before a session. A sample's parts share one.
    pub fn status(&mut self, now_us: u64) -> Option<Status> {
        let session = self.session?;
        self.sequence += 1;
        self.recent.sent(self.sequence, now_us);
        Some(Status {
            session,
            boot: self.boot,
            sequence: self.sequence,
            time_us: now_us,
            echo_sequence: self.newest,
            echo_age_us: u32::try_from(now_us.saturating_sub(self.newest_us)).unwrap_or(u32::MAX),
            state: self.state,
            fault: self.fault,
        })
    }

    fn greet(&mut self, hello: &HostHello) -> ToHost {
        // One session owns a robot until it disarms it; a stop latches beyond that.
        let own = self.session == Some(hello.session);
        let free = matches!(self.state, RobotState::Disarmed | RobotState::Stopped);
        let reason = if hello.protocol != PROTOCOL_VERSION {
            Refusal::Protocol
        } else if hello.interface_hash != self.interface_hash {
            Refusal::Interface
        } else if !own && !free {
            Refusal::Busy
        } else {
            if !own {
                (self.session, self.newest) = (Some(hello.session), 0);
            }
            return ToHost::Hello(RobotHello {
                protocol: PROTOCOL_VERSION,
                revision: PROTOCOL_REVISION,
                session: hello.session,
                attempt: hello.attempt,
                boot: self.boot,
                interface_hash: self.interface_hash,
            });
        };
        let (session, attempt) = (hello.session, hello.attempt);
        ToHost::Refused { protocol: PROTOCOL_VERSION, session, attempt, reason }
    }

    /// Whether a command of the session may be obeyed.
    fn obeys(&self, now_us: u64, sample_sequence: u64, setpoints: &[Setpoint]) -> bool {
        let armed = matches!(self.state, RobotState::Armed | RobotState::Obeying | RobotState::Expired);
        let same_kinds = setpoints.len() == self.setpoints.len()
            && setpoints.iter().zip(&self.setpoints).all(|(new, old)| {
                core::mem::discriminant(new) == core::mem::discriminant(old) && new.is_finite()
            });
        armed && same_kinds && self.recent.contains(sample_sequence, now_us)
    }

    /// Whether a frame is of the session and newer than all before.
    fn accept(&mut self, now_us: u64, header: &Header) -> bool {
        let fresh = self.session == Some(header.session) && header.sequence > self.newest;
        if fresh {
            (self.newest, self.newest_us) = (header.sequence, now_us);
        } else {
            self.counters.dropped += 1;
        }
        fresh
    }

    fn enter(&mut self, state: RobotState, fault: u8, now_us: u64) {
        if matches!(self.state, RobotState::Armed | RobotState::Obeying) {
            self.safe_since_us = now_us;
        }
        (self.state, self.fault) = (state, fault);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SESSION: u64 = 7;
    const MS: u64 = 1000;
    /// The first that a robot sends.
    const SAMPLE: u64 = 1;

    fn hello(session: u64, protocol: u16, interface_hash: [u8; 32]) -> ToRobot {
        let contract_hash = [0; 32];
        let (revision, attempt) = (0, 3);
        ToRobot::Hello(HostHello { protocol, revision, session, attempt, contract_hash, interface_hash })
    }

    fn header(sequence: u64) -> Header {
        Header { session: SESSION, sequence, ..Header::default() }
    }

    fn command(sequence: u64, value: f32) -> ToRobot {
        let setpoints = heapless::Vec::from_slice(&[Setpoint::Rotor(value)]).unwrap();
        ToRobot::Command {
            header: header(sequence),
            sample_sequence: SAMPLE,
            valid_for_us: 50_000,
            setpoints,
        }
    }

    fn robot() -> RobotSession {
        let mut robot = RobotSession::new([1; 32], 9, &[Setpoint::Rotor(0.0)]);
        let answer = robot.take(0, &hello(SESSION, PROTOCOL_VERSION, [1; 32]));
        assert!(matches!(answer, Some(ToHost::Hello(RobotHello { attempt: 3, boot: 9, .. }))), "{answer:?}");
        assert_eq!(robot.status(0).map(|status| status.sequence), Some(SAMPLE));
        robot
    }

    fn armed() -> RobotSession {
        let mut robot = robot();
        robot.take(MS, &ToRobot::Arm(header(1)));
        robot
    }

    #[test]
    fn nothing_moves_before_arm_and_a_command_expires() {
        let mut robot = robot();
        robot.take(MS, &command(1, 5.0));
        assert_eq!((robot.setpoints(), robot.counters().refused), (None, 1));
        robot.take(MS, &ToRobot::Arm(header(2)));
        assert_eq!((robot.setpoints(), robot.state()), (None, RobotState::Armed));
        robot.take(2 * MS, &command(3, 5.0));
        robot.advance(52 * MS);
        assert_eq!(robot.setpoints(), Some(&[Setpoint::Rotor(5.0)][..]));
        robot.advance(52 * MS + 1);
        assert_eq!((robot.setpoints(), robot.state()), (None, RobotState::Expired));
        robot.take(60 * MS, &command(4, 6.0));
        assert_eq!(robot.setpoints(), Some(&[Setpoint::Rotor(6.0)][..]));
    }

    #[test]
    fn a_repeated_or_reordered_command_is_refused_and_so_is_one_of_another_kind() {
        let mut robot = armed();
        robot.take(2 * MS, &command(5, 5.0));
        for sequence in [5, 4, 0] {
            robot.take(3 * MS, &command(sequence, 9.0));
        }
        robot.take(4 * MS, &command(6, f32::NAN));
        let joint = heapless::Vec::from_slice(&[Setpoint::Joint(
            sinew_policy_runtime::interface::JointSetpoint::default(),
        )])
        .unwrap();
        robot.take(
            5 * MS,
            &ToRobot::Command {
                header: header(7),
                sample_sequence: SAMPLE,
                valid_for_us: 50_000,
                setpoints: joint,
            },
        );
        assert_eq!((robot.setpoints(), robot.counters().refused), (Some(&[Setpoint::Rotor(5.0)][..]), 5));
        // None of them prolonged the one that is obeyed.
        robot.advance(53 * MS);
        assert_eq!(robot.setpoints(), None);
    }

    #[test]
    fn a_command_for_a_sample_of_long_ago_or_of_nobody_is_refused() {
        let mut robot = armed();
        let for_sample = |sequence, sample_sequence| match command(sequence, 5.0) {
            ToRobot::Command { header, valid_for_us, setpoints, .. } => {
                ToRobot::Command { header, sample_sequence, valid_for_us, setpoints }
            }
            other => other,
        };
        for (sequence, sample_sequence) in [(2, SAMPLE + 1), (3, 0)] {
            robot.take(2 * MS, &for_sample(sequence, sample_sequence));
            assert_eq!(robot.state(), RobotState::Armed, "{sample_sequence}");
        }
        robot.take(LARGEST_COMMAND_AGE_US, &for_sample(4, SAMPLE));
        assert_eq!(robot.state(), RobotState::Obeying);
        // It waited on its way while samples went on: the host is heard, and not obeyed.
        let late_us = LARGEST_COMMAND_AGE_US + 1;
        robot.status(late_us - MS);
        robot.take(late_us, &for_sample(5, SAMPLE));
        assert_eq!((robot.counters().refused, robot.counters().dropped), (3, 0));
        robot.take(late_us, &for_sample(6, SAMPLE + 1));
        assert_eq!(robot.counters().refused, 3);
    }

    #[test]
    fn a_stop_latches_until_disarm_and_arm() {
        let mut robot = armed();
        robot.take(2 * MS, &ToRobot::Stop { header: header(2), reason: 1 });
        robot.take(3 * MS, &ToRobot::Arm(header(3)));
        robot.take(4 * MS, &command(4, 5.0));
        assert_eq!((robot.state(), robot.setpoints()), (RobotState::Stopped, None));
        robot.take(5 * MS, &ToRobot::Disarm(header(5)));
        robot.take(6 * MS, &ToRobot::Arm(header(6)));
        robot.take(7 * MS, &command(7, 5.0));
        assert_eq!(robot.state(), RobotState::Obeying);
    }

    #[test]
    fn a_robot_stops_itself_and_says_why() {
        let mut robot = armed();
        robot.stop(2 * MS, robot_fault::STOP_INPUT);
        let status = robot.status(3 * MS).unwrap();
        assert_eq!((status.state, status.fault, status.echo_age_us), (RobotState::Stopped, 1, 2000));
    }

    #[test]
    fn one_session_owns_an_armed_robot_until_its_host_is_gone() {
        let mut robot = armed();
        let other = hello(8, PROTOCOL_VERSION, [1; 32]);
        let answer = robot.take(2 * MS, &other);
        assert!(
            matches!(answer, Some(ToHost::Refused { reason: Refusal::Busy, session: 8, .. })),
            "{answer:?}"
        );
        robot.take(3 * MS, &ToRobot::Heartbeat(header(2)));
        robot.advance(3 * MS + HOST_SILENCE_US);
        assert_eq!(robot.state(), RobotState::Armed);
        assert!(matches!(robot.take(4 * MS + HOST_SILENCE_US, &other), Some(ToHost::Hello(_))));
        let status = robot.status(5 * MS + HOST_SILENCE_US).unwrap();
        assert_eq!((status.state, status.fault), (RobotState::Disarmed, robot_fault::HOST_SILENT));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_reason() {
        let mut robot = robot();
        let reason = |answer| match answer {
            Some(ToHost::Refused { reason, .. }) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason(robot.take(0, &hello(8, PROTOCOL_VERSION + 1, [1; 32]))), Refusal::Protocol);
        assert_eq!(reason(robot.take(0, &hello(8, PROTOCOL_VERSION, [2; 32]))), Refusal::Interface);
        assert_eq!(robot.status(0).unwrap().session, SESSION);
    }

    /// Any message of one of two sessions; a command's sample is so many before the newest.
    fn any_message() -> impl Strategy<Value = ToRobot> {
        let number = prop_oneof![Just(f32::NAN), Just(f32::INFINITY), -2.0_f32..2.0];
        (0..6_u8, 7..9_u64, 0..40_u64, number, 0..100_000_u32, 0..4_u64).prop_map(
            |(kind, session, sequence, value, valid_for_us, sample_sequence)| {
                let header = Header { session, sequence, ..Header::default() };
                match kind {
                    0 => hello(session, PROTOCOL_VERSION, [1; 32]),
                    1 => ToRobot::Heartbeat(header),
                    2 => ToRobot::Arm(header),
                    3 => ToRobot::Disarm(header),
                    4 => ToRobot::Stop { header, reason: 0 },
                    _ => {
                        let setpoints = heapless::Vec::from_slice(&[Setpoint::Rotor(value)]).unwrap();
                        ToRobot::Command { header, sample_sequence, valid_for_us, setpoints }
                    }
                }
            },
        )
    }

    proptest! {
        #[test]
        fn no_sequence_of_messages_makes_a_robot_obey_what_it_must_not(
            messages in prop::collection::vec((0..200_000_u64, any_message()), 1..200),
        ) {
            let (mut robot, mut now_us) = (robot(), 0);
            let (mut may_move, mut newest, mut owner) = (false, 0, SESSION);
            // When each sample was sent; a sequence of 0 never was.
            let mut sent_us = vec![None, Some(0)];
            for (pause_us, mut message) in messages {
                now_us += pause_us;
                if let ToRobot::Command { sample_sequence, .. } = &mut message {
                    *sample_sequence = (sent_us.len() as u64).saturating_sub(*sample_sequence);
                }
                let answer = robot.take(now_us, &message);
                if let Some(ToHost::Hello(accepted)) = answer && accepted.session != owner {
                    // Another session takes over only a robot that nobody may move.
                    (owner, newest) = (accepted.session, 0);
                    prop_assert!(robot.setpoints().is_none());
                }
                let of_session = |header: &Header| header.session == owner && header.sequence > newest;
                match &message {
                    ToRobot::Arm(header) if of_session(header) && robot.state() == RobotState::Armed => may_move = true,
                    ToRobot::Disarm(header) | ToRobot::Stop { header, .. } if of_session(header) => may_move = false,
                    _ => {}
                }
                if let ToRobot::Heartbeat(header) | ToRobot::Arm(header) | ToRobot::Disarm(header)
                    | ToRobot::Stop { header, .. } | ToRobot::Command { header, .. } = &message
                    && of_session(header)
                {
                    newest = header.sequence;
                }
                if let Some(setpoints) = robot.setpoints() {
                    prop_assert!(may_move && setpoints.iter().all(Setpoint::is_finite));
                }
                if let ToRobot::Command { header, sample_sequence, valid_for_us, .. } = &message
                    && robot.setpoints().is_some()
                    && (owner, robot.newest) == (header.session, header.sequence)
                    && robot.expires_us == now_us + u64::from(*valid_for_us)
                {
                    let sent_us = sent_us.get(*sample_sequence as usize).copied().flatten();
                    prop_assert!(sent_us.is_some_and(|sent_us| now_us - sent_us <= LARGEST_COMMAND_AGE_US));
                }
                sent_us.push(robot.status(now_us).map(|status| status.time_us));
                let mut later = robot.clone();
                later.advance(now_us + 100_001);
                prop_assert!(later.setpoints().is_none(), "obeyed beyond every valid_for");
            }
        }
    }
}
