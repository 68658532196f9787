//! Campaigns: many short flights in lockstep, each with faults and with what must come of them.
//!
//! A [`Campaign`] comes from TOML; [`Campaign::run`] flies its cases and judges each: every change of mode must be the expected
//! one, with its cause and within its time, and no other may happen; so what is not expected to recover may not, and a case
//! without expectations asks that the policy keeps the robot. What the host sends is judged by a witness of its own.

mod junit;
mod verdict;

pub use verdict::{CampaignReport, CaseReport};

use super::script::{ClockJump, Script, ScriptedRequest, SensorFault, Span};
use super::{HilError, HilOptions, HilReport, Microcontroller, run, run_on};
use crate::link::{FaultPlan, FaultPlanError, FaultWindow, LinkAddress};
use crate::robot::{FallbackDescription, GuardDescription, Supervision};
use crate::rt::RtPolicy;
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::document::{self, DocumentError};
use sinew_policy_runtime::image::AlignedImage;
use sinew_policy_runtime::supervisor::{Cause, Limits, Mode};
use sinew_sim::{Randomization, Task};
use std::path::{Path, PathBuf};

/// The campaigns that come with Sinew, by name.
const BUILT_IN: [(&str, &str); 1] = [("quadrotor", include_str!("../../../campaigns/quadrotor.toml"))];

/// A change of mode that must happen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The mode that is reached.
    pub mode: Mode,
    /// Why; absent where the host takes over again, or an operator disarmed.
    pub cause: Option<Cause>,
    /// Not before, s after arming.
    pub after_s: f64,
    /// At most so much later, s.
    pub within_s: f64,
}

/// One flight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Unique in the campaign.
    pub name: String,
    /// From arming to the end, s.
    #[serde(default = "default_duration_s")]
    pub duration_s: f64,
    /// Decides start state, draws, noise and faults.
    #[serde(default)]
    pub seed: u64,
    /// Of the link.
    #[serde(default)]
    pub faults: Vec<FaultWindow>,
    /// See [`Script`].
    #[serde(default)]
    pub requests: Vec<ScriptedRequest>,
    /// See [`Script`].
    #[serde(default)]
    pub stalls: Vec<Span>,
    /// See [`Script`].
    #[serde(default)]
    pub clock_jumps: Vec<ClockJump>,
    /// See [`Script`].
    #[serde(default)]
    pub sensors: Vec<SensorFault>,
    /// See [`Script`].
    #[serde(default)]
    pub restarts_s: Vec<f64>,
    /// See [`Script`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator_until_s: Option<f64>,
    /// Of `robot.toml`: the supervisor's phases, tolerances and answers. The policy commands at once where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supervisor: Option<Limits>,
    /// Of `robot.toml`: what the host commands when the policy may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<FallbackDescription>,
    /// Of `robot.toml`: what sensors may say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<GuardDescription>,
    /// All changes of mode after arming, in order.
    #[serde(default)]
    pub expect: Vec<Expected>,
}

fn default_duration_s() -> f64 {
    2.0
}

/// Many flights; see the [module](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    /// Stands in errors.
    #[serde(skip)]
    file: String,
    /// In the order in which they are flown.
    pub cases: Vec<Case>,
}

/// Why a campaign cannot be flown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CampaignError {
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A fault of the link that means nothing.
    #[error(transparent)]
    Fault(#[from] FaultPlanError),
    /// Something else that means nothing.
    #[error("{file}: case {case:?}: {reason}")]
    Case {
        /// The file.
        file: String,
        /// The case's name.
        case: String,
        /// Field, value and what was expected.
        reason: String,
    },
    /// A flight could not be made.
    #[error("case {case:?}: {source}")]
    Flight {
        /// The case's name.
        case: String,
        /// Why.
        source: Box<HilError>,
    },
}

impl CampaignError {
    /// Whether arguments, files or contract are at fault, as opposed to a run.
    pub fn is_unusable(&self) -> bool {
        if let Self::Flight { source, .. } = self { source.is_unusable() } else { true }
    }
}

/// How a campaign is flown.
#[derive(Clone, Debug, PartialEq)]
pub struct CampaignOptions {
    /// Between host and robot.
    pub link: LinkAddress,
    /// Host's tick, 1/s; the policy's own rate where absent.
    pub rate_hz: Option<f64>,
    /// A folder for one log for each case, if any.
    pub logs: Option<PathBuf>,
}

impl Campaign {
    /// Cases that come from no file.
    pub fn new(cases: Vec<Case>) -> Self {
        Self { file: String::new(), cases }
    }

    /// The campaign as TOML, from which [`Self::parse`] makes the same one.
    ///
    /// # Errors
    /// Nothing that a campaign can hold.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// A built-in campaign by its name, or one from a file.
    ///
    /// # Errors
    /// The file cannot be read or used.
    pub fn load(name_or_path: &str) -> Result<Self, CampaignError> {
        match BUILT_IN.iter().find(|(name, _)| *name == name_or_path) {
            Some((name, text)) => Self::parse(text, name),
            None => Self::parse(&document::read(name_or_path)?, name_or_path),
        }
    }

    /// Reads a campaign; `file` stands in errors.
    ///
    /// # Errors
    /// See [`CampaignError`].
    pub fn parse(text: &str, file: &str) -> Result<Self, CampaignError> {
        let mut campaign: Self = document::parse(text, file)?;
        file.clone_into(&mut campaign.file);
        for (index, case) in campaign.cases.iter().enumerate() {
            let twice = campaign.cases[..index].iter().any(|other| other.name == case.name);
            let duration_s = case.duration_s;
            let reason = if twice {
                Some("another case has the same name".to_owned())
            } else if !(duration_s > 0.0 && duration_s <= 600.0) {
                Some(format!("duration_s is {duration_s}, expected above 0 and at most 600"))
            } else {
                None
            };
            if let Some(reason) = reason {
                return Err(CampaignError::Case { file: file.to_owned(), case: case.name.clone(), reason });
            }
            case.plan(file)?;
        }
        Ok(campaign)
    }

    /// Flies every case and judges it; `tell` hears of each as it ends.
    ///
    /// # Errors
    /// A flight could not be made. One that did not do what was expected is no error: the report says so.
    pub fn run(
        &self,
        task: &Task,
        image: &AlignedImage,
        options: &CampaignOptions,
        tell: impl FnMut(&CaseReport),
    ) -> Result<CampaignReport, CampaignError> {
        self.run_on(None, task, image, options, tell)
    }

    /// The same with a host on a microcontroller, where there is one.
    ///
    /// # Errors
    /// See [`Self::run`].
    pub fn run_on(
        &self,
        mut microcontroller: Option<&mut Microcontroller>,
        task: &Task,
        image: &AlignedImage,
        options: &CampaignOptions,
        mut tell: impl FnMut(&CaseReport),
    ) -> Result<CampaignReport, CampaignError> {
        let (mut cases, mut skipped) = (Vec::new(), Vec::new());
        for case in &self.cases {
            let script = case.script();
            if microcontroller.is_some() && script.supervision != Supervision::default() {
                skipped.push(case.name.clone());
                continue;
            }
            if let Some(reason) = task.has_robot().then(|| script.mistake(&task.interface())).flatten() {
                return Err(CampaignError::Case { file: self.file.clone(), case: case.name.clone(), reason });
            }
            let report =
                CaseReport::judge(case, &case.fly_on(microcontroller.as_deref_mut(), task, image, options)?);
            tell(&report);
            cases.push(report);
        }
        let failed = cases.iter().filter(|case| !case.problems.is_empty()).count();
        Ok(CampaignReport { cases, failed, skipped })
    }
}

impl Case {
    /// The link's faults, checked.
    fn plan(&self, file: &str) -> Result<FaultPlan, CampaignError> {
        let plan = FaultPlan { faults: self.faults.clone() };
        let reason = |error: toml::ser::Error| CampaignError::Case {
            file: file.to_owned(),
            case: self.name.clone(),
            reason: error.to_string(),
        };
        let text = toml::to_string(&plan).map_err(reason)?;
        Ok(FaultPlan::parse(&text, &format!("{file}: case {:?}", self.name))?)
    }

    fn script(&self) -> Script {
        Script {
            requests: self.requests.clone(),
            stalls: self.stalls.clone(),
            clock_jumps: self.clock_jumps.clone(),
            sensors: self.sensors.clone(),
            restarts_s: self.restarts_s.clone(),
            operator_until_s: self.operator_until_s,
            supervision: Supervision {
                supervisor: self.supervisor,
                fallback: self.fallback.clone(),
                guards: self.guards.clone(),
            },
        }
    }

    /// Flies it, without judging what came of it.
    ///
    /// # Errors
    /// The flight could not be made.
    pub fn fly(
        &self,
        task: &Task,
        image: &AlignedImage,
        options: &CampaignOptions,
    ) -> Result<HilReport, CampaignError> {
        self.fly_on(None, task, image, options)
    }

    fn fly_on(
        &self,
        microcontroller: Option<&mut Microcontroller>,
        task: &Task,
        image: &AlignedImage,
        options: &CampaignOptions,
    ) -> Result<HilReport, CampaignError> {
        let hil = HilOptions {
            link: options.link.clone(),
            duration_s: self.duration_s,
            seed: self.seed,
            randomization: Randomization::Acceptance,
            faults: FaultPlan { faults: self.faults.clone() },
            rt: RtPolicy::Off,
            early_us: 0,
            lockstep: true,
            rate_hz: options.rate_hz,
            log: options.logs.as_ref().map(|folder| folder.join(file_name(&self.name))),
            script: self.script(),
        };
        let failed = |source| CampaignError::Flight { case: self.name.clone(), source: Box::new(source) };
        match microcontroller {
            None => run(task, image, &hil),
            Some(microcontroller) => run_on(microcontroller, task, image, &hil),
        }
        .map_err(failed)
    }
}

/// A case's log: its name, with nothing in it that a file's name may not have.
fn file_name(case: &str) -> PathBuf {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' };
    Path::new(&case.chars().map(plain).collect::<String>()).with_extension("mcap")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_name_the_case_and_the_field() {
        let error = |text: &str| Campaign::parse(text, "mine.toml").unwrap_err().to_string();
        let case = "[[cases]]\nname = \"a\"\n";
        assert_eq!(error(&[case, case].concat()), "mine.toml: case \"a\": another case has the same name");
        assert_eq!(
            error(&format!("{case}duration_s = 0.0\n")),
            "mine.toml: case \"a\": duration_s is 0, expected above 0 and at most 600"
        );
        let unknown = error(&format!("{case}expects = []\n"));
        assert!(
            unknown.starts_with("mine.toml:3: unknown key \"expects\", did you mean \"expect\"?"),
            "{unknown}"
        );
        let fault = format!("{case}[[cases.faults]]\nat_s = -1.0\nduration_s = 1.0\nkind = \"drop\"\n");
        assert!(
            error(&fault)
                .starts_with("mine.toml: case \"a\": faults[0].at_s = -1: expected 0 or more seconds"),
            "{}",
            error(&fault)
        );
    }

    #[test]
    fn the_built_in_campaign_has_at_least_forty_cases() {
        assert!(Campaign::load("quadrotor").unwrap().cases.len() >= 40);
    }
}
