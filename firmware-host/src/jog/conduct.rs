//! A jog on a robot behind a link, in real time: connect, wait for the operator, tick, and leave the robot safe.

use super::{Jog, JogError, JogStep, JoggedJoint, Order, Session};
use crate::link::Link;
use crate::robot::Robot;
use crate::rt::{monotonic_ns, sleep_until_ns};
use crate::wire::sample::Sample;
use sinew_policy_runtime::guard::Guards;
use sinew_policy_runtime::interface::ActuatorMode;
use sinew_policy_runtime::supervisor::{Action, Limits};

/// The robot must answer and send a sample within this, µs.
const CONNECT_US: u64 = 10_000_000;
/// The robot is told for so long how the jog ended, µs: a frame may be lost.
const FAREWELL_US: u64 = 100_000;

/// What the operator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Nothing new.
    Nothing,
    /// To begin.
    Go,
    /// To stop.
    Stop,
}

/// Jogs `robot`, in a session of a number that no other has, once the operator wishes so. However it ends, the robot is told to stop
/// or to disarm.
///
/// # Errors
/// Whatever ended it before everything was known. What was found until then is in `jog`.
pub fn conduct(
    robot: &Robot,
    link: &mut dyn Link,
    session: u64,
    jog: &mut Jog,
    wish: impl FnMut() -> Wish,
) -> Result<(), JogError> {
    let guards = robot.guards().map_err(|error| JogError::Guards { reason: error.to_string() })?;
    let (begun_ns, limits) = (monotonic_ns(), robot.limits());
    let mut conductor = Conductor {
        robot,
        link,
        session: Session::new(session, robot),
        guards,
        limits,
        begun_ns,
        tick: 0,
        seen: 0,
    };
    let ended = conductor.perform(jog, wish);
    conductor.farewell(ended.is_ok());
    ended
}

struct Conductor<'c> {
    robot: &'c Robot,
    link: &'c mut dyn Link,
    session: Session,
    guards: Guards,
    limits: Limits,
    begun_ns: u64,
    tick: u64,
    /// Sequence of the newest sample that the guards have seen.
    seen: u64,
}

impl Conductor<'_> {
    /// Waits for the next tick, and takes what came until then. Returns the time.
    fn next_tick(&mut self) -> u64 {
        let period_ns = Jog::PERIOD_US * 1000;
        // What was missed is not made up for.
        let passed = (monotonic_ns() - self.begun_ns) / period_ns;
        self.tick = passed.max(self.tick) + 1;
        sleep_until_ns(self.begun_ns + self.tick * period_ns);
        let now_us = (monotonic_ns() - self.begun_ns) / 1000;
        self.session.receive(now_us, self.link);
        now_us
    }

    fn perform(&mut self, jog: &mut Jog, mut wish: impl FnMut() -> Wish) -> Result<(), JogError> {
        let (mut going, mut begun, mut heard_us) = (false, false, 0);
        loop {
            let now_us = self.next_tick();
            match wish() {
                Wish::Stop => return Err(JogError::Stopped),
                Wish::Go => going = true,
                Wish::Nothing => {}
            }
            if let Some(reason) = self.session.refusal() {
                return Err(JogError::Refused { reason });
            }
            if self.session.is_lost(now_us) {
                return Err(JogError::Lost);
            }
            let Some(sample) = self.session.sample(now_us).cloned() else {
                if begun || now_us.saturating_sub(heard_us) > CONNECT_US {
                    return Err(JogError::Silent);
                }
                self.session.send(now_us, self.link, &Order::Wait);
                continue;
            };
            heard_us = now_us;
            self.guard(&sample)?;
            if !going {
                self.session.send(now_us, self.link, &Order::Wait);
                continue;
            }
            begun = true;
            let positions = self.positions(jog, &sample)?;
            match jog.tick(now_us, sample.status.time_us, &positions) {
                JogStep::Command(setpoints) => {
                    self.session.send(now_us, self.link, &Order::Command(setpoints));
                }
                JogStep::Done => return Ok(()),
                JogStep::Stop => return Err(JogError::Finding),
            }
        }
    }

    /// The robot's own guards count here too.
    fn guard(&mut self, sample: &Sample) -> Result<(), JogError> {
        if sample.status.sequence > self.seen {
            self.seen = sample.status.sequence;
            self.guards.watch(&sample.values, sample.status.time_us);
        }
        let mut causes = self.guards.causes(0, &sample.ages_us).iter();
        match causes.find(|cause| self.limits.answers.to(*cause).action > Action::Warn) {
            Some(cause) => Err(JogError::Guard { cause }),
            None => Ok(()),
        }
    }

    /// Where the joints are; a position actuator beyond its own limits is not jogged.
    fn positions(&self, jog: &Jog, sample: &Sample) -> Result<Vec<f32>, JogError> {
        let position = |joint: &JoggedJoint| sample.values.get(joint.value).copied().unwrap_or(f32::NAN);
        let positions: Vec<f32> = jog.joints().iter().map(position).collect();
        for (actuator, position) in self.robot.actuators.iter().zip(&positions) {
            let (minimum, maximum) = (actuator.minimum, actuator.maximum);
            let inside = *position >= minimum && *position <= maximum;
            if actuator.mode == ActuatorMode::Position && !inside {
                let (actuator, position) = (actuator.name.clone(), *position);
                return Err(JogError::OutsideLimits { actuator, position, minimum, maximum });
            }
        }
        Ok(positions)
    }

    fn farewell(&mut self, well: bool) {
        let order = if well { Order::Disarm } else { Order::Stop };
        for _ in 0..FAREWELL_US / Jog::PERIOD_US {
            let now_us = self.next_tick();
            self.session.send(now_us, self.link, &order);
        }
    }
}
