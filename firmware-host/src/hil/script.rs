//! What happens in a flight beside the faults of its link: operators, stalls, clocks, sensors and restarts, in virtual time; and
//! under which supervision it is flown.
//!
//! A [`Script`] is part of a campaign's case and is played in lockstep alone, where it happens at the same tick each time.

use super::HilError;
use crate::robot::Supervision;
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::contract::Periods;
use sinew_policy_runtime::interface::Interface;
use sinew_policy_runtime::supervisor::Request;

/// What happens when. Times are seconds; those of the host count from arming, those of the robot from its first command.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// What an operator asks for.
    pub requests: Vec<ScriptedRequest>,
    /// The host does nothing.
    pub stalls: Vec<Span>,
    /// The host's clock leaps ahead.
    pub clock_jumps: Vec<ClockJump>,
    /// The robot reports something else than it senses.
    pub sensors: Vec<SensorFault>,
    /// The robot's firmware restarts and has forgotten its session.
    pub restarts_s: Vec<f64>,
    /// A station speaks for an operator, without asking for anything, from the beginning until this time of the robot's.
    pub operator_until_s: Option<f64>,
    /// What the robot must not do, and what happens when it does.
    pub supervision: Supervision,
}

/// An operator's request.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedRequest {
    /// When.
    pub at_s: f64,
    /// What.
    pub request: Request,
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// From.
    pub at_s: f64,
    /// For so long.
    pub duration_s: f64,
}

impl Span {
    fn contains(&self, time_us: u64) -> bool {
        let time_s = time_us as f64 * 1e-6;
        time_s >= self.at_s && time_s < self.at_s + self.duration_s
    }
}

/// A clock that leaps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockJump {
    /// When.
    pub at_s: f64,
    /// By how much, ahead.
    pub by_s: f64,
}

/// What a broken sensor reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SensorFaultKind {
    /// No number.
    Nan,
    /// An infinity.
    Infinite,
    /// A million times the value and a million more: finite, and far from anything that training saw.
    OutOfRange,
    /// A million times the value and a million less.
    BelowRange,
    /// Zeros, as from a bus that answers with nothing.
    Zero,
    /// The values at the fault's beginning, again and again, as fresh as ever.
    Frozen,
    /// The right values, said to be a second old.
    Old,
}

/// A broken sensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensorFault {
    /// From.
    pub at_s: f64,
    /// For so long.
    pub duration_s: f64,
    /// Of the robot.
    pub sensor: String,
    /// What it reports.
    pub kind: SensorFaultKind,
}

impl Script {
    /// The first thing in it that means nothing: the field and what is wrong.
    pub fn mistake(&self, robot: &Interface) -> Option<String> {
        let time = |field: String, value: f64| {
            (!(value >= 0.0 && value.is_finite()))
                .then(|| format!("{field} is {value}, expected 0 or more seconds"))
        };
        let requests = self.requests.iter().map(|request| time("requests: at_s".to_owned(), request.at_s));
        let stalls = self.stalls.iter().flat_map(|span| {
            [
                time("stalls: at_s".to_owned(), span.at_s),
                time("stalls: duration_s".to_owned(), span.duration_s),
            ]
        });
        let jumps = self.clock_jumps.iter().flat_map(|jump| {
            [time("clock_jumps: at_s".to_owned(), jump.at_s), time("clock_jumps: by_s".to_owned(), jump.by_s)]
        });
        let until = self.operator_until_s.map(|until_s| time("operator_until_s".to_owned(), until_s));
        let restarts = self.restarts_s.iter().map(|at_s| time("restarts_s".to_owned(), *at_s));
        let sensors = self.sensors.iter().flat_map(|fault| {
            let name = &fault.sensor;
            let unknown = robot.sensor(name).is_none().then(|| {
                let known: Vec<_> = robot.sensors.iter().map(|sensor| sensor.name).collect();
                format!("sensors: sensor {name:?} is not of this robot; known: {}", known.join(", "))
            });
            let times = [("at_s", fault.at_s), ("duration_s", fault.duration_s)];
            let [at, duration] = times.map(|(field, value)| time(format!("sensors: {field}"), value));
            [unknown, at, duration]
        });
        requests.chain(stalls).chain(jumps).chain(restarts).chain(until).chain(sensors).flatten().next()
    }

    /// Whether real time can play it.
    pub(super) fn is_real_time(&self) -> bool {
        let Self { requests: _, stalls, clock_jumps, sensors, restarts_s, operator_until_s, supervision: _ } =
            self;
        let played = stalls.is_empty() && clock_jumps.is_empty() && sensors.is_empty();
        played && restarts_s.is_empty() && operator_until_s.is_none()
    }

    /// Whether a host that counts ticks can play its leaps.
    pub(super) fn leaps_by_whole_ticks(&self, tick_period_s: f64) -> Result<(), HilError> {
        let whole = |by_s: f64| by_s == 0.0 || Periods::ratio(tick_period_s, by_s).is_some();
        match self.clock_jumps.iter().find(|jump| !whole(jump.by_s)) {
            Some(jump) => Err(HilError::Leap { by_s: jump.by_s, tick_period_s }),
            None => Ok(()),
        }
    }

    /// What an operator asks for between two times since arming, the first excluded.
    pub(super) fn request(&self, after_us: u64, until_us: u64) -> Option<Request> {
        let due = |request: &&ScriptedRequest| {
            let at_us = (request.at_s * 1e6) as u64;
            at_us > after_us && at_us <= until_us
        };
        self.requests.iter().find(due).map(|request| request.request)
    }

    /// Whether the host stands still.
    pub(super) fn is_stalled(&self, since_arming_us: u64) -> bool {
        self.stalls.iter().any(|span| span.contains(since_arming_us))
    }

    /// How far ahead the host's clock is, µs.
    pub(super) fn clock_offset_us(&self, since_arming_us: u64) -> u64 {
        let leapt = self.clock_jumps.iter().filter(|jump| (jump.at_s * 1e6) as u64 <= since_arming_us);
        leapt.map(|jump| (jump.by_s * 1e6) as u64).sum()
    }

    /// Whether an operator's station speaks, `since_us` after the robot's first command.
    pub(super) fn operator_speaks(&self, since_us: Option<u64>) -> bool {
        let since_s = since_us.map_or(-1.0, |since_us| since_us as f64 * 1e-6);
        self.operator_until_s.is_some_and(|until_s| since_s < until_s)
    }

    /// Whether the robot's firmware restarts between two of its times, the first excluded.
    pub(super) fn restarts(&self, after_us: u64, until_us: u64) -> bool {
        let due = |at_s: &f64| (after_us + 1..=until_us).contains(&((at_s * 1e6) as u64));
        self.restarts_s.iter().any(due)
    }
}

/// Replaces what a robot reports by what its broken sensors say.
#[derive(Debug, Default)]
pub(crate) struct BrokenSensors {
    faults: Vec<(SensorFault, Placement)>,
    frozen: Vec<f32>,
}

#[derive(Clone, Copy, Debug)]
struct Placement {
    sensor: usize,
    first: usize,
    size: usize,
}

impl BrokenSensors {
    pub(crate) fn new(script: &Script, robot: &Interface) -> Self {
        let placed = script.sensors.iter().filter_map(|fault| {
            let (sensor, first, description) = robot.sensor(&fault.sensor)?;
            Some((fault.clone(), Placement { sensor, first, size: description.size.into() }))
        });
        Self { faults: placed.collect(), frozen: vec![0.0; robot.sample_size()] }
    }

    /// Changes a sample that is reported `time_us` after the robot's first command.
    pub(crate) fn report(&mut self, time_us: Option<u64>, values: &mut [f32], ages_us: &mut [u32]) {
        let Some(time_us) = time_us else { return };
        for (fault, Placement { sensor, first, size }) in &self.faults {
            let own = *first..first + size;
            let open = Span { at_s: fault.at_s, duration_s: fault.duration_s }.contains(time_us);
            if !open {
                self.frozen[own.clone()].copy_from_slice(&values[own]);
                continue;
            }
            match fault.kind {
                SensorFaultKind::Nan => values[own].fill(f32::NAN),
                SensorFaultKind::Infinite => values[own].fill(f32::INFINITY),
                SensorFaultKind::OutOfRange => {
                    values[own].iter_mut().for_each(|value| *value = *value * 1e6 + 1e6);
                }
                SensorFaultKind::BelowRange => {
                    values[own].iter_mut().for_each(|value| *value = *value * 1e6 - 1e6);
                }
                SensorFaultKind::Zero => values[own].fill(0.0),
                SensorFaultKind::Frozen => values[own.clone()].copy_from_slice(&self.frozen[own]),
                SensorFaultKind::Old => ages_us[*sensor] = 1_000_000,
            }
        }
    }
}
