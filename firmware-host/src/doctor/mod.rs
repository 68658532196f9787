//! What a machine grants a control loop, and what to change.
//!
//! [`examine`] reads what the kernel says of itself ([`machine`]) and measures wake-up latency with the very calls that the
//! control loop makes ([`latency`]). A finding says what was found, whether that is well, and the command or setting that
//! would change it; nothing is changed here.

pub mod latency;
pub mod machine;

use crate::rt::{RtError, RtPolicy, RtReport, allowed_cores};
use latency::Latency;
use machine::Machine;
use serde::{Deserialize, Serialize};

/// How good what was found is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It can be better.
    Improvable,
    /// A control loop suffers from it, or cannot have what it asks for.
    Bad,
    /// The kernel does not say.
    Unknown,
}

/// One thing that was examined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Such as `clock_source`.
    pub name: String,
    /// How good it is.
    pub verdict: Verdict,
    /// Such as `tsc`.
    pub found: String,
    /// What to change, and why; empty where there is nothing.
    pub change: String,
}

/// All that was found. The keys are those of `sinew-host doctor --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// The core that was examined: the one on which a control loop would run.
    pub core: usize,
    /// What the kernel says.
    pub findings: Vec<Finding>,
    /// What was asked of it and granted.
    pub rt: RtReport,
    /// What was measured.
    pub latency: Latency,
}

/// Examines the machine for a loop on `core`, or on the first that this process may use, and measures for `seconds`.
///
/// # Errors
/// With [`RtPolicy::Strict`], what was refused.
pub fn examine(core: Option<usize>, policy: RtPolicy, seconds: f64) -> Result<Diagnosis, RtError> {
    let core = core.unwrap_or_else(|| allowed_cores()[0]);
    let mut findings = Machine::this().findings(core);
    let (rt, latency) = latency::measure(policy, core, seconds)?;
    findings.push(latency.steal_finding());
    findings.push(latency.wake_up_finding());
    Ok(Diagnosis { core, findings, rt, latency })
}

impl Finding {
    fn new(name: &str, verdict: Verdict, found: impl Into<String>, change: impl Into<String>) -> Self {
        Self { name: name.to_owned(), verdict, found: found.into(), change: change.into() }
    }

    fn good(name: &str, found: impl Into<String>) -> Self {
        Self::new(name, Verdict::Good, found, "")
    }
}
