//! Whether a run achieved what it set out to.
//!
//! A [`Verdict`] is a list of checks, each with the number that it stands on. One failed check fails the run: an average
//! over them would hide what a person must know before a robot moves.

use super::{EvaluationReport, FlightReport, PolicyReport, RunReport, number};

/// Least share of acceptance episodes that must succeed.
pub const SUCCESS_RATE_MIN: f64 = 0.9;
/// Largest true position error of a flight that counts as held, in metres.
pub const ERROR_LIMIT_M: f64 = 0.2;
/// The outcome of a flight that no stop cut short.
pub const COMPLETED: &str = "completed";

/// One thing that was promised, and whether it came true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Whether it came true.
    pub passed: bool,
    /// What was found, with its numbers.
    pub finding: String,
}

/// Everything that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    checks: Vec<Check>,
}

impl Verdict {
    /// The checks, in the order of the run.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// Whether no check failed and there was something to check.
    pub fn passed(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|check| check.passed)
    }

    /// One sentence.
    pub fn sentence(&self) -> String {
        let failed: Vec<&str> =
            self.checks.iter().filter(|check| !check.passed).map(|check| check.finding.as_str()).collect();
        match failed.as_slice() {
            [] if self.checks.is_empty() => "Trained; nothing was checked yet.".to_owned(),
            [] => "Every check passed.".to_owned(),
            [finding] => format!("One check failed: {finding}."),
            [finding, ..] => format!("{} checks failed, the first: {finding}.", failed.len()),
        }
    }

    /// One word: `passed`, `failed`, or `trained` where nothing was checked.
    pub fn word(&self) -> &'static str {
        if self.checks.is_empty() {
            "trained"
        } else if self.passed() {
            "passed"
        } else {
            "failed"
        }
    }
}

impl RunReport {
    /// Judges the run by what it holds.
    pub fn verdict(&self) -> Verdict {
        let mut checks = Vec::new();
        checks.extend(self.evaluation.as_ref().and_then(success));
        checks.extend(self.policy.as_ref().map(golden));
        if let Some(flight) = &self.flight {
            checks.extend([completion(flight), position(flight), allocation(flight)]);
        }
        Verdict { checks }
    }
}

fn success(evaluation: &EvaluationReport) -> Option<Check> {
    let rate = evaluation.success_rate?;
    let finding = format!(
        "{} % of {} acceptance episodes succeeded ({} % needed)",
        number::percent(rate),
        evaluation.episodes,
        number::percent(SUCCESS_RATE_MIN)
    );
    Some(Check { passed: rate >= SUCCESS_RATE_MIN, finding })
}

fn golden(policy: &PolicyReport) -> Check {
    let outcome = if policy.golden_exact { "match bit for bit" } else { "do not match" };
    Check { passed: policy.golden_exact, finding: format!("{} golden pairs {outcome}", policy.golden_pairs) }
}

fn completion(flight: &FlightReport) -> Check {
    Check { passed: flight.outcome == COMPLETED, finding: format!("flight {}", flight.outcome) }
}

fn position(flight: &FlightReport) -> Check {
    let finding = format!(
        "largest position error in flight {} m (limit {ERROR_LIMIT_M} m)",
        number::decimal(flight.error_max_m, 3)
    );
    // NaN is not at most the limit.
    Check { passed: flight.error_max_m <= ERROR_LIMIT_M, finding }
}

fn allocation(flight: &FlightReport) -> Check {
    let finding = match flight.allocations {
        0 => "no allocation on the real-time thread".to_owned(),
        1 => "1 allocation on the real-time thread".to_owned(),
        more => format!("{} allocations on the real-time thread", number::count(more)),
    };
    Check { passed: flight.allocations == 0, finding }
}
