//! One joint: settle, push one way, push the other way, and what follows from it.

use super::{JogOptions, JoggedJoint};

/// A joint rests before it is pushed, and between two pushes, s.
const REST_S: f32 = 0.5;
/// A push grows for so long and then lasts as long again, s.
pub(super) const PUSH_S: f32 = 0.5;
/// A joint that does not rest by then is pushed anyway; what it does is judged as it is, s.
const PATIENCE_S: f32 = 20.0;
/// Ticks in a row in which a joint must have moved the wrong way: noise does not.
const WRONG_TICKS: u32 = 5;

/// What was found about a joint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It moves the way that it is pushed, and rests where it should.
    Right,
    /// It moves against the push.
    Inverted,
    /// It moves the right way, and its zero is elsewhere.
    Offset,
    /// It does not move.
    Still,
    /// Another joint moves instead.
    Swapped {
        /// Its position among the joints.
        with: usize,
    },
    /// A joint moved further than it may.
    TooFar,
    /// A joint moved faster than it may.
    TooFast,
    /// A joint's position is no number.
    NoReading,
}

impl Verdict {
    /// Whether nothing more may be moved.
    pub fn stops(self) -> bool {
        match self {
            Self::Right | Self::Offset | Self::Still => false,
            Self::Inverted | Self::Swapped { .. } | Self::TooFar | Self::TooFast | Self::NoReading => true,
        }
    }
}

/// What a probe found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    /// Its position among the joints.
    pub joint: usize,
    /// What is to be made of it.
    pub verdict: Verdict,
    /// Where it rested, rad or m.
    pub rest: f32,
    /// How far it moved when it was pushed in the positive direction, rad or m.
    pub response: f32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Settle,
    Forward,
    Back,
    Relax,
}

/// A probe of one joint.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    joint: usize,
    phase: Phase,
    since_us: u64,
    begun_us: u64,
    /// Since when, and around which position, the joint has rested.
    quiet: (u64, f32),
    /// Where all joints were before the push.
    before: Vec<f32>,
    forward: f32,
    wrong_ticks: u32,
}

impl Probe {
    pub(super) fn new(joint: usize, now_us: u64, positions: &[f32]) -> Self {
        let quiet = (now_us, positions[joint]);
        let before = positions.to_vec();
        let phase = Phase::Settle;
        Self { joint, phase, since_us: now_us, begun_us: now_us, quiet, before, forward: 0.0, wrong_ticks: 0 }
    }

    pub(super) fn joint(&self) -> usize {
        self.joint
    }

    /// How hard the joint is pushed, from -1 to 1.
    pub(super) fn push(&self, now_us: u64) -> f32 {
        let grown = (since_s(self.since_us, now_us) / PUSH_S).min(1.0);
        match self.phase {
            Phase::Settle => 0.0,
            Phase::Forward => grown,
            // Through zero, as slowly as it grew.
            Phase::Back => 1.0 - 2.0 * grown,
            Phase::Relax => grown - 1.0,
        }
    }

    /// Goes on; gives the finding at the end, or as soon as there is one that ends the jog.
    pub(super) fn judge(
        &mut self,
        now_us: u64,
        positions: &[f32],
        joints: &[JoggedJoint],
        options: &JogOptions,
    ) -> Option<Finding> {
        let (position, elapsed_s) = (positions[self.joint], since_s(self.since_us, now_us));
        let moved = position - self.before[self.joint];
        match self.phase {
            Phase::Settle => {
                if (position - self.quiet.1).abs() > 0.5 * options.least_motion {
                    self.quiet = (now_us, position);
                }
                let rests = since_s(self.quiet.0, now_us) >= REST_S;
                if rests || since_s(self.begun_us, now_us) > PATIENCE_S {
                    self.before.copy_from_slice(positions);
                    self.enter(Phase::Forward, now_us);
                }
                None
            }
            Phase::Forward => {
                if let Some(finding) = self.wrong_way(moved, options) {
                    return Some(finding);
                }
                if elapsed_s >= 2.0 * PUSH_S {
                    if let Some(finding) = self.elsewhere(positions, options) {
                        return Some(finding);
                    }
                    self.forward = moved;
                    self.enter(Phase::Back, now_us);
                }
                None
            }
            Phase::Back => {
                if elapsed_s >= 2.0 * PUSH_S {
                    // Half the way between the two pushes: what gravity adds to both is in neither.
                    self.forward = 0.5 * (self.forward - moved);
                    self.enter(Phase::Relax, now_us);
                }
                None
            }
            Phase::Relax => {
                (elapsed_s >= PUSH_S).then(|| self.finding(self.verdict(&joints[self.joint], options)))
            }
        }
    }

    fn enter(&mut self, phase: Phase, now_us: u64) {
        (self.phase, self.since_us) = (phase, now_us);
    }

    fn finding(&self, verdict: Verdict) -> Finding {
        Finding { joint: self.joint, verdict, rest: self.before[self.joint], response: self.forward }
    }

    fn wrong_way(&mut self, moved: f32, options: &JogOptions) -> Option<Finding> {
        self.wrong_ticks = if moved < -options.least_motion { self.wrong_ticks + 1 } else { 0 };
        (self.wrong_ticks >= WRONG_TICKS).then(|| {
            self.forward = moved;
            self.finding(Verdict::Inverted)
        })
    }

    /// Another joint that moved, where this one did not.
    fn elsewhere(&self, positions: &[f32], options: &JogOptions) -> Option<Finding> {
        let moved = |joint: usize| (positions[joint] - self.before[joint]).abs();
        let others = (0..positions.len()).filter(|joint| *joint != self.joint);
        let most = others.max_by(|a, b| moved(*a).total_cmp(&moved(*b)))?;
        let instead = moved(most) > options.least_motion && moved(self.joint) < 0.5 * moved(most);
        instead.then(|| self.finding(Verdict::Swapped { with: most }))
    }

    fn verdict(&self, joint: &JoggedJoint, options: &JogOptions) -> Verdict {
        let offset = joint.rest.map_or(0.0, |rest| self.before[self.joint] - rest);
        if self.forward < -options.least_motion {
            Verdict::Inverted
        } else if self.forward < options.least_motion {
            Verdict::Still
        } else if offset.abs() > options.offset_tolerance {
            Verdict::Offset
        } else {
            Verdict::Right
        }
    }
}

fn since_s(since_us: u64, now_us: u64) -> f32 {
    now_us.saturating_sub(since_us) as f32 * 1e-6
}
