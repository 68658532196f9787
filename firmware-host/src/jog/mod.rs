//! Checks a robot's joints one at a time, at low authority, before any policy may have it.
//!
//! [`Jog`] is told the time and where each joint is, and says what to command: one joint is pushed a little one way and the
//! other, the rest are held or damped as weakly. From which way the joint moved follows its sign, from where it rested its zero
//! offset; both are compared with `robot.toml`. It is a state machine without a clock or a link, so that every verdict can be
//! tested. What surprises it ends everything: a joint that moves the wrong way, another joint that moves instead, a joint that
//! moves too far or too fast.

mod conduct;
mod probe;
mod robot;
mod session;

pub use conduct::{Wish, conduct};
pub use probe::{Finding, Verdict};
pub use robot::{JogError, JoggedJoint, jogged_joints};
pub use session::{Order, Session};

use probe::Probe;
use sinew_policy_runtime::interface::{ActuatorMode, JointSetpoint, MAX_ACTUATORS, Setpoint};

/// How a robot is jogged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JogOptions {
    /// Share of each actuator's largest torque and of its servo's gains, in `(0, 1]`.
    pub authority: f32,
    /// How far a position target is moved either way, rad or m.
    pub step: f32,
    /// A joint that moves less has not moved, rad or m.
    pub least_motion: f32,
    /// A joint that moves further ends the jog, rad or m.
    pub largest_motion: f32,
    /// A joint that moves faster ends the jog, rad/s or m/s.
    pub largest_speed: f32,
    /// A zero offset beyond it is a finding, rad or m.
    pub offset_tolerance: f32,
}

impl Default for JogOptions {
    fn default() -> Self {
        Self {
            authority: 0.2,
            step: 0.05,
            least_motion: 0.015,
            largest_motion: 0.3,
            largest_speed: 1.0,
            offset_tolerance: 0.05,
        }
    }
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and obeyed at once")]
pub enum JogStep {
    /// Command this, one setpoint for each actuator.
    Command(heapless::Vec<Setpoint, MAX_ACTUATORS>),
    /// Everything that was asked for is known.
    Done,
    /// The newest finding ends the jog: the robot must be stopped.
    Stop,
}

/// A jog; see the [module](self).
#[derive(Clone, Debug)]
pub struct Jog {
    options: JogOptions,
    joints: Vec<JoggedJoint>,
    /// Positions in `joints` of those that are still to be probed, the next one last.
    remaining: Vec<usize>,
    probe: Option<Probe>,
    /// Where each joint was when the jog began.
    start: Vec<f32>,
    /// Smoothed positions.
    smooth: Vec<f32>,
    /// Where each joint was, and when by the robot's clock, when its speed was looked at last.
    looked: (u64, Vec<f32>),
    findings: Vec<Finding>,
}

/// A speed is that of so long, by the robot's clock, µs: noise has none over it.
const SPEED_WINDOW_US: u64 = 100_000;
/// Weight of a new position among the smoothed ones, at [`Jog::PERIOD_US`].
const SMOOTHING: f32 = 0.2;

impl Jog {
    /// Between two calls of [`Self::tick`], µs.
    pub const PERIOD_US: u64 = 10_000;

    /// A jog of `chosen` joints, given by their positions in `joints`.
    pub fn new(joints: Vec<JoggedJoint>, chosen: &[usize], options: JogOptions) -> Self {
        let remaining = chosen.iter().rev().copied().collect();
        let (probe, start, smooth, findings) = (None, Vec::new(), Vec::new(), Vec::new());
        Self { options, joints, remaining, probe, start, smooth, looked: (0, Vec::new()), findings }
    }

    /// What was found so far, in the order in which joints were probed.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The joints, in the robot's order.
    pub fn joints(&self) -> &[JoggedJoint] {
        &self.joints
    }

    /// One tick at `now_us`; `positions` are the joints', in their order, taken at `taken_us` by the robot's own clock.
    pub fn tick(&mut self, now_us: u64, taken_us: u64, positions: &[f32]) -> JogStep {
        if self.start.is_empty() {
            (self.start, self.smooth) = (positions.to_vec(), positions.to_vec());
            self.looked = (taken_us, positions.to_vec());
        }
        if let Some(finding) = self.surprise(taken_us, positions) {
            self.findings.push(finding);
            return JogStep::Stop;
        }
        if self.probe.is_none() {
            let Some(joint) = self.remaining.pop() else { return JogStep::Done };
            self.probe = Some(Probe::new(joint, now_us, &self.smooth));
        }
        if let Some(probe) = &mut self.probe
            && let Some(finding) = probe.judge(now_us, &self.smooth, &self.joints, &self.options)
        {
            let stops = finding.verdict.stops();
            self.findings.push(finding);
            self.probe = None;
            if stops {
                return JogStep::Stop;
            }
        }
        JogStep::Command(self.setpoints(now_us))
    }

    /// Smooths positions, and says whether a joint moves as none may.
    fn surprise(&mut self, taken_us: u64, positions: &[f32]) -> Option<Finding> {
        // By the robot's clock, because samples that come late and at once would look fast by the host's.
        let elapsed_us = taken_us.saturating_sub(self.looked.0);
        let looks = elapsed_us >= SPEED_WINDOW_US;
        for (joint, (position, smooth)) in positions.iter().zip(&mut self.smooth).enumerate() {
            *smooth += SMOOTHING * (*position - *smooth);
            let moved = *smooth - self.start[joint];
            let found = |verdict| Some(Finding { joint, verdict, rest: *smooth, response: moved });
            if !position.is_finite() {
                return found(Verdict::NoReading);
            }
            if !(moved.abs() <= self.options.largest_motion) {
                return found(Verdict::TooFar);
            }
            let speed = (*position - self.looked.1[joint]) / (elapsed_us as f32 * 1e-6);
            if looks && !(speed.abs() <= self.options.largest_speed) {
                return found(Verdict::TooFast);
            }
        }
        if looks {
            self.looked = (taken_us, positions.to_vec());
        }
        None
    }

    /// The probed joint is pushed; the others are held or damped, as weakly as it is.
    fn setpoints(&self, now_us: u64) -> heapless::Vec<Setpoint, MAX_ACTUATORS> {
        let pushed = self.probe.as_ref().map(|probe| (probe.joint(), probe.push(now_us)));
        let setpoint = |(index, joint): (usize, &JoggedJoint)| {
            let push = pushed.filter(|(probed, _)| *probed == index).map_or(0.0, |(_, push)| push);
            Setpoint::Joint(self.options.setpoint(joint, self.start[index], push))
        };
        self.joints.iter().enumerate().map(setpoint).collect()
    }
}

impl JogOptions {
    /// What a joint is told that began at `start` and is pushed by a share from -1 to 1.
    fn setpoint(&self, joint: &JoggedJoint, start: f32, push: f32) -> JointSetpoint {
        let most = self.authority * joint.largest;
        let damped = JointSetpoint { damping: most / self.largest_speed, ..JointSetpoint::default() };
        match joint.mode {
            ActuatorMode::Position => JointSetpoint {
                position: (start + push * self.step).max(joint.limits[0]).min(joint.limits[1]),
                velocity: 0.0,
                stiffness: self.authority * joint.stiffness,
                damping: self.authority * joint.damping,
                torque: 0.0,
            },
            // So slow that it goes as far as a position target does in the time that it is pushed.
            ActuatorMode::Velocity => JointSetpoint {
                velocity: push * self.step / probe::PUSH_S,
                damping: self.authority * joint.damping,
                ..JointSetpoint::default()
            },
            ActuatorMode::Torque | ActuatorMode::Force | ActuatorMode::RotorSpeed => {
                JointSetpoint { torque: push * most, ..damped }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A joint of 0.1 kg m² with some friction, by its servo law; `sign` is what its sensor makes of its position.
    struct Simulated {
        sign: f32,
        offset: f32,
        position: f32,
        velocity: f32,
    }

    fn joint(name: &str, mode: ActuatorMode, rest: Option<f32>) -> JoggedJoint {
        let (value, stiffness, damping, limits) = (0, 20.0, 2.0, [-2.0, 2.0]);
        JoggedJoint { name: name.to_owned(), mode, value, rest, stiffness, damping, limits, largest: 2.0 }
    }

    fn still(sign: f32, offset: f32) -> Simulated {
        Simulated { sign, offset, position: 0.1, velocity: 0.0 }
    }

    /// Jogs two joints, the second wired to the first's motor where `swapped`; gives the findings and whether it had to stop.
    fn jog(mode: ActuatorMode, bodies: [Simulated; 2], swapped: bool) -> (Vec<Finding>, bool) {
        let joints = vec![joint("a", mode, Some(0.1)), joint("b", mode, Some(0.1))];
        let mut jog = Jog::new(joints, &[0, 1], JogOptions::default());
        let mut bodies = bodies;
        for tick in 0..10_000 {
            let readings = bodies.each_ref().map(|body| body.sign * body.position + body.offset);
            let now_us = tick * Jog::PERIOD_US;
            match jog.tick(now_us, now_us, &readings) {
                JogStep::Done => return (jog.findings().to_vec(), false),
                JogStep::Stop => return (jog.findings().to_vec(), true),
                JogStep::Command(mut setpoints) => {
                    if swapped {
                        setpoints.swap(0, 1);
                    }
                    bodies.iter_mut().zip(&setpoints).for_each(|(body, setpoint)| body.advance(setpoint));
                }
            }
        }
        panic!("the jog never ended: {:?}", jog.findings());
    }

    impl Simulated {
        fn advance(&mut self, setpoint: &Setpoint) {
            let Setpoint::Joint(setpoint) = setpoint else { panic!("{setpoint:?}") };
            let (step_s, steps) = (0.001, 10);
            for _ in 0..steps {
                // Gravity pulls it to its resting place.
                let gravity = -5.0 * (self.position - 0.1);
                let torque = setpoint.servo_torque(self.position, self.velocity) + gravity;
                self.velocity += step_s * (torque - 0.2 * self.velocity) / 0.1;
                self.position += step_s * self.velocity;
            }
        }
    }

    #[test]
    fn joints_that_are_right_are_found_right() {
        for mode in [ActuatorMode::Torque, ActuatorMode::Position] {
            let (findings, stopped) = jog(mode, [still(1.0, 0.0), still(1.0, 0.0)], false);
            let verdicts: Vec<_> = findings.iter().map(|finding| finding.verdict).collect();
            assert_eq!((verdicts, stopped), (vec![Verdict::Right, Verdict::Right], false), "{mode:?}");
            assert!(findings.iter().all(|finding| (finding.rest - 0.1).abs() < 0.01), "{findings:?}");
        }
    }

    #[test]
    fn an_inverted_sign_is_found_and_ends_the_jog() {
        let (findings, stopped) = jog(ActuatorMode::Torque, [still(1.0, 0.0), still(-1.0, 0.2)], false);
        let verdicts: Vec<_> = findings.iter().map(|finding| (finding.joint, finding.verdict)).collect();
        assert_eq!((verdicts, stopped), (vec![(0, Verdict::Right), (1, Verdict::Inverted)], true));
        assert!(findings[1].response < 0.0, "{findings:?}");
    }

    #[test]
    fn a_zero_offset_is_found() {
        let (findings, stopped) = jog(ActuatorMode::Torque, [still(1.0, 0.3), still(1.0, 0.0)], false);
        let verdicts: Vec<_> = findings.iter().map(|finding| finding.verdict).collect();
        assert_eq!((verdicts, stopped), (vec![Verdict::Offset, Verdict::Right], false));
        assert!((findings[0].rest - 0.4).abs() < 0.01, "{findings:?}");
    }

    #[test]
    fn another_joint_that_moves_instead_is_found_and_ends_the_jog() {
        let (findings, stopped) = jog(ActuatorMode::Torque, [still(1.0, 0.0), still(1.0, 0.0)], true);
        assert_eq!((findings[0].verdict, stopped), (Verdict::Swapped { with: 1 }, true), "{findings:?}");
    }

    #[test]
    fn a_joint_that_does_not_move_a_leap_and_no_number_are_found() {
        let stuck = Simulated { sign: 0.0, ..still(0.0, 0.1) };
        let (findings, stopped) = jog(ActuatorMode::Torque, [stuck, still(1.0, 0.0)], false);
        assert_eq!((findings[0].verdict, stopped), (Verdict::Still, false), "{findings:?}");
        for (leap, verdict) in [(0.11, Verdict::TooFast), (f32::NAN, Verdict::NoReading)] {
            let joints = vec![joint("a", ActuatorMode::Torque, None)];
            let mut jog = Jog::new(joints, &[0], JogOptions::default());
            assert!(matches!(jog.tick(0, 0, &[0.0]), JogStep::Command(_)));
            assert_eq!(jog.tick(SPEED_WINDOW_US, SPEED_WINDOW_US, &[leap]), JogStep::Stop);
            assert_eq!(jog.findings()[0].verdict, verdict);
        }
    }

    #[test]
    fn nothing_beyond_the_authority_is_ever_commanded() {
        let joints = vec![joint("a", ActuatorMode::Torque, None), joint("b", ActuatorMode::Position, None)];
        let mut jog = Jog::new(joints, &[0, 1], JogOptions::default());
        let mut body = still(1.0, 0.0);
        let (mut most, mut furthest) = (0.0_f32, 0.0_f32);
        for tick in 0..10_000 {
            let now_us = tick * Jog::PERIOD_US;
            let JogStep::Command(setpoints) = jog.tick(now_us, now_us, &[body.position, 0.5]) else {
                break;
            };
            body.advance(&setpoints[0]);
            let [Setpoint::Joint(first), Setpoint::Joint(second)] = setpoints[..] else { panic!() };
            most = most.max(first.torque.abs());
            furthest = furthest.max((second.position - 0.5).abs());
            assert!(second.stiffness <= 4.0 + 1e-6 && second.torque == 0.0, "{second:?}");
        }
        assert!(most <= 0.4 + 1e-6 && most > 0.39 && furthest <= 0.05 + 1e-6 && furthest > 0.04);
    }
}
