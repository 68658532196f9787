//! Judges a flight: what was expected beside what happened.

use super::super::witness::Witnessed;
use super::super::{Comparison, HilReport};
use super::{Case, Expected};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::supervisor::{Cause, Mode};

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseReport {
    /// The case.
    pub name: String,
    /// What was wrong; empty where it passed.
    pub problems: Vec<String>,
    /// The changes of mode after arming: seconds after it, mode, cause.
    pub changes: Vec<(f64, Mode, Option<Cause>)>,
    /// What the host sent.
    pub witnessed: Witnessed,
    /// Ticks.
    pub ticks: u64,
    /// Of a microcontroller that flew the case.
    pub microcontroller: Option<Comparison>,
}

/// What became of a campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignReport {
    /// In the campaign's order.
    pub cases: Vec<CaseReport>,
    /// How many have problems.
    pub failed: usize,
    /// Cases with a supervision of their own, which a microcontroller cannot fly: it has the one in its flash.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
}

impl CaseReport {
    pub(super) fn judge(case: &Case, report: &HilReport) -> Self {
        let mut problems = Vec::new();
        let witnessed = report.witnessed;
        if !witnessed.is_clean() {
            problems.push(format!("the host sent what no robot may get: {witnessed:?}"));
        }
        if let Some(difference) =
            report.microcontroller.as_ref().and_then(|other| other.first_difference.as_ref())
        {
            problems.push(difference.clone());
        }
        if report.interventions > 0 {
            problems.push(format!("the supervisor had to bound {} commands", report.interventions));
        }
        let changes = report.changes.clone();
        for index in 0..changes.len().max(case.expect.len()) {
            problems.extend(problem(case.expect.get(index), changes.get(index)));
        }
        // A fault that no report names would be invisible to whoever reads it.
        let causes = changes.iter().filter_map(|(_, _, cause)| *cause);
        let unnamed =
            causes.filter(|cause| !report.faults.iter().any(|fault| fault.cause == format!("{cause:?}")));
        problems.extend(unnamed.map(|cause| format!("the report does not name {cause:?}")));
        let microcontroller = report.microcontroller.clone();
        Self { name: case.name.clone(), problems, changes, witnessed, ticks: report.ticks, microcontroller }
    }
}

fn problem(expected: Option<&Expected>, found: Option<&(f64, Mode, Option<Cause>)>) -> Option<String> {
    match (expected, found) {
        (Some(expected), Some((at_s, mode, cause))) => {
            let last_s = expected.after_s + expected.within_s;
            let in_time = *at_s >= expected.after_s && *at_s <= last_s;
            let same = expected.mode == *mode && expected.cause == *cause;
            (!(same && in_time)).then(|| {
                format!(
                    "expected {} between {:.3} s and {last_s:.3} s, found {} at {at_s:.3} s",
                    name(expected.mode, expected.cause),
                    expected.after_s,
                    name(*mode, *cause)
                )
            })
        }
        (Some(expected), None) => Some(format!("{} never came", name(expected.mode, expected.cause))),
        (None, Some((at_s, mode, cause))) => {
            Some(format!("{} at {at_s:.3} s, where nothing more was expected", name(*mode, *cause)))
        }
        (None, None) => None,
    }
}

fn name(mode: Mode, cause: Option<Cause>) -> String {
    match cause {
        Some(cause) => format!("{mode:?} ({cause:?})"),
        None => format!("{mode:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FALLBACK: Expected =
        Expected { mode: Mode::Fallback, cause: Some(Cause::LinkSilent), after_s: 0.5, within_s: 0.1 };

    #[test]
    fn mode_cause_time_absence_and_surplus_are_each_told() {
        let found = |at_s, mode, cause| Some((at_s, mode, cause));
        let told = |expected: Option<&Expected>, found: Option<(f64, Mode, Option<Cause>)>| {
            problem(expected, found.as_ref()).unwrap_or_default()
        };
        assert_eq!(told(Some(&FALLBACK), found(0.5, Mode::Fallback, FALLBACK.cause)), "");
        assert_eq!(told(Some(&FALLBACK), found(0.6, Mode::Fallback, FALLBACK.cause)), "");
        for wrong in [
            found(0.61, Mode::Fallback, FALLBACK.cause),
            found(0.49, Mode::Fallback, FALLBACK.cause),
            found(0.55, Mode::Stopped, FALLBACK.cause),
            found(0.55, Mode::Fallback, Some(Cause::StaleSensor)),
            found(f64::NAN, Mode::Fallback, FALLBACK.cause),
        ] {
            let text = told(Some(&FALLBACK), wrong);
            assert!(
                text.starts_with("expected Fallback (LinkSilent) between 0.500 s and 0.600 s, found "),
                "{text}"
            );
        }
        assert_eq!(told(Some(&FALLBACK), None), "Fallback (LinkSilent) never came");
        let surplus = told(None, found(1.0, Mode::Running, None));
        assert_eq!(surplus, "Running at 1.000 s, where nothing more was expected");
    }
}
