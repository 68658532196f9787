//! One way in which robots differ: [`Term`], a parameter with its targets, operation, moment and distributions.

use super::Randomization;
use super::adaptive::{Adaptation, AdaptiveDocument};
use super::distribution::Distribution;
use super::parameter::{FACTORS, Operation, Parameter, TargetKind};
use super::range::Range;
use serde::Deserialize;

/// A term as a task's file writes it, `[[randomization]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TermDocument {
    pub(crate) term: Parameter,
    pub(crate) operation: Operation,
    /// Names of bodies, joints, actuators or sensors; all of them where absent.
    pub(crate) target: Option<Vec<String>>,
    /// Whether each target draws a number of its own; otherwise all share one.
    #[serde(default)]
    pub(crate) each: bool,
    #[serde(default)]
    pub(crate) moment: Moment,
    /// How long a number lasts that is drawn at intervals, s.
    pub(crate) every_s: Option<Range>,
    pub(crate) training: Distribution,
    /// The same as in training where absent.
    pub(crate) acceptance: Option<Distribution>,
    /// How its range grows in training, where it does.
    pub(crate) adaptive: Option<AdaptiveDocument>,
}

/// When a number is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Once for each environment: its robot stays the same.
    Startup,
    /// At the start of each episode.
    #[default]
    Reset,
    /// At the start of each episode and again every so often.
    Interval,
    /// At the start of each policy period.
    Step,
}

/// A term whose names are resolved.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    /// Its name in contracts and reports: parameter, operation, and targets unless they are all.
    pub(crate) label: String,
    pub(crate) parameter: Parameter,
    pub(crate) operation: Operation,
    pub(crate) moment: Moment,
    pub(crate) every_s: Range,
    /// Places among the targets of the parameter's kind.
    pub(crate) targets: Vec<usize>,
    pub(crate) each: bool,
    pub(crate) adaptive: Option<Adaptation>,
    training: Distribution,
    acceptance: Distribution,
}

/// Names of everything that a term may target; a name's place is the target's number.
pub(crate) struct Targets<'a> {
    /// The moving bodies, the robot's first, then free objects, and last the world: floor, terrain and what else is fixed.
    pub(crate) bodies: Vec<&'a str>,
    /// How many of them are the robot's.
    pub(crate) robot_bodies: usize,
    /// All objects, fixed ones too.
    pub(crate) objects: Vec<&'a str>,
    pub(crate) joints: Vec<&'a str>,
    pub(crate) actuators: Vec<&'a str>,
    pub(crate) sensors: Vec<&'a str>,
    /// Which of the sensors are cameras.
    pub(crate) cameras: Vec<bool>,
}

/// What a surface that belongs to no moving body is called.
pub(crate) const WORLD: &str = "world";

impl<'a> Targets<'a> {
    /// The legal targets of a parameter.
    fn of(&self, parameter: Parameter) -> &[&'a str] {
        match parameter.form().target {
            // An object has a size of its own.
            TargetKind::Body if matches!(parameter, Parameter::BodySize) => &self.bodies[..self.robot_bodies],
            // Only the surfaces of the world can be changed.
            TargetKind::Body if !parameter.is_of_surfaces() => &self.bodies[..self.bodies.len() - 1],
            TargetKind::Body => &self.bodies,
            TargetKind::Joint => &self.joints,
            TargetKind::Actuator => &self.actuators,
            TargetKind::Object => &self.objects,
            TargetKind::Sensor => &self.sensors,
            TargetKind::World => &[],
        }
    }

    /// Whether a target is one of those that a term without names means.
    fn means(&self, parameter: Parameter, place: usize) -> bool {
        match parameter.form().target {
            TargetKind::Body if !parameter.is_of_surfaces() => place < self.robot_bodies,
            _ => self.has(parameter, place),
        }
    }

    /// Whether a target of the right kind has the parameter.
    fn has(&self, parameter: Parameter, place: usize) -> bool {
        !parameter.is_of_cameras() || self.cameras.get(place).is_some_and(|camera| *camera)
    }

    /// How many targets there are of a kind.
    pub(crate) fn count(&self, kind: TargetKind) -> usize {
        match kind {
            TargetKind::Body => self.bodies.len(),
            TargetKind::Joint => self.joints.len(),
            TargetKind::Actuator => self.actuators.len(),
            TargetKind::Object => self.objects.len(),
            TargetKind::Sensor => self.sensors.len(),
            TargetKind::World => 1,
        }
    }
}

/// Why a term cannot be used: field, found, expected.
pub(crate) type Refusal = (String, String, String);

impl Term {
    /// Resolves a term's names and checks its numbers.
    pub(crate) fn new(
        document: &TermDocument,
        targets: &Targets,
        policy_period_s: f64,
    ) -> Result<Self, Refusal> {
        let form = document.term.form();
        let refuse = |field: &str, found: String, expected: String| {
            Err((format!("{}: {field}", form.name), found, expected))
        };
        if !form.allows(document.operation) {
            let found = format!("{:?}", document.operation).to_lowercase();
            return refuse("operation", found, form.operations());
        }
        let legal = targets.of(document.term);
        let chosen = match &document.target {
            None if form.target == TargetKind::World => vec![0],
            None => (0..legal.len()).filter(|place| targets.means(document.term, *place)).collect(),
            Some(_) if form.target == TargetKind::World => {
                return refuse("target", "present".to_owned(), "none: there is but one".to_owned());
            }
            Some(names) => {
                let mut chosen = Vec::with_capacity(names.len());
                for name in names {
                    let place = legal.iter().position(|known| known == name);
                    let Some(place) = place.filter(|place| targets.has(document.term, *place)) else {
                        let has = |place: &usize| targets.has(document.term, *place);
                        let names: Vec<&str> =
                            (0..legal.len()).filter(has).map(|place| legal[place]).collect();
                        let expected = format!("one of {}", names.join(", "));
                        return refuse("target", format!("{name:?}"), expected);
                    };
                    chosen.push(place);
                }
                chosen
            }
        };
        if chosen.is_empty() {
            return refuse("target", "none".to_owned(), "at least one".to_owned());
        }
        document
            .check_moment()
            .map_err(|(field, found, expected)| (format!("{}: {field}", form.name), found, expected))?;
        let every_s = document.every_s.unwrap_or(Range { low: policy_period_s, high: policy_period_s });
        if !(policy_period_s <= every_s.low && every_s.low <= every_s.high && every_s.high <= 1e6) {
            let found = format!("[{}, {}]", every_s.low, every_s.high);
            return refuse(
                "every_s",
                found,
                format!("[low, high] with {policy_period_s} <= low <= high <= 1000000"),
            );
        }
        let acceptance = document.acceptance.as_ref().unwrap_or(&document.training);
        for (field, distribution) in [("training", &document.training), ("acceptance", acceptance)] {
            let (lowest, highest) =
                if document.operation == Operation::Scale { FACTORS } else { form.limits };
            let (low, high) = distribution.ends();
            if !(lowest <= low && high <= highest) {
                return refuse(
                    field,
                    distribution.to_string(),
                    format!("numbers from {lowest} to {highest}"),
                );
            }
        }
        let adaptive = document.adaptive.map(|adaptive| adaptive.check(document.moment, &document.training));
        let adaptive = adaptive
            .transpose()
            .map_err(|(field, found, expected)| (format!("{}: {field}", form.name), found, expected))?;
        Ok(Self {
            label: document.label(),
            parameter: document.term,
            operation: document.operation,
            moment: document.moment,
            every_s,
            targets: chosen,
            each: document.each,
            adaptive,
            training: document.training.clone(),
            acceptance: acceptance.clone(),
        })
    }

    /// The distribution of a level; a nominal robot has none.
    pub(crate) fn distribution(&self, randomization: Randomization) -> Option<&Distribution> {
        match randomization {
            Randomization::Training => Some(&self.training),
            Randomization::Acceptance => Some(&self.acceptance),
            Randomization::Nominal => None,
        }
    }

    /// How many numbers it draws at a time.
    pub(crate) fn size(&self) -> usize {
        let sets = if self.each { self.targets.len() } else { 1 };
        sets * self.parameter.form().components.count()
    }
}

impl TermDocument {
    /// Its name in contracts and reports.
    pub(crate) fn label(&self) -> String {
        let operation = match self.operation {
            Operation::Set => "set",
            Operation::Scale => "scale",
            Operation::Add => "add",
        };
        let name = format!("{}_{operation}", self.term.form().name);
        match &self.target {
            None => name,
            Some(targets) => format!("{name}/{}", targets.join("+")),
        }
    }

    fn check_moment(&self) -> Result<(), Refusal> {
        let refuse = |field: &str, found: &str, expected: &str| {
            Err((field.to_owned(), found.to_owned(), expected.to_owned()))
        };
        let within = matches!(self.moment, Moment::Interval | Moment::Step);
        if within && !self.term.changes_within_an_episode() {
            return refuse("moment", "interval or step", "startup or reset");
        }
        if self.term == Parameter::Push && self.moment != Moment::Interval {
            return refuse("moment", "not interval", "interval: a push is a moment");
        }
        match (self.moment == Moment::Interval, self.every_s.is_some()) {
            (true, false) => refuse("every_s", "absent", "[shortest, longest] time between draws, s"),
            (false, true) => refuse("every_s", "present", "none: only moment = \"interval\" has one"),
            _ => Ok(()),
        }
    }
}

impl Parameter {
    /// Whether only depth cameras have it.
    pub(crate) const fn is_of_cameras(self) -> bool {
        matches!(self, Self::CameraPosition | Self::CameraRotation | Self::CameraFieldOfView)
    }

    /// Whether the surfaces of what is fixed have it too.
    pub(crate) const fn is_of_surfaces(self) -> bool {
        matches!(self, Self::ContactFriction | Self::Restitution)
    }
}
