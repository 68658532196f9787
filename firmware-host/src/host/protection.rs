//! What stands between a policy and its robot beside the supervisor: the robot's guards, and who commands in a fallback.
//!
//! Guards look at every sample as it arrives. A fallback policy runs in shadow whenever the first one runs, so its history is
//! warm when it is needed, and a fault makes no tick longer than it was before.

#[cfg(feature = "host")]
mod second_policy;

#[cfg(feature = "host")]
pub(super) use second_policy::{ProtectionMemory, SecondPolicy};

use super::{Host, aged_sample};
use crate::wire::message::Status;
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::fallback::Fallback;
use sinew_policy_runtime::guard::Guards;
use sinew_policy_runtime::interface::{MAX_ACTUATORS, Setpoint};
use sinew_policy_runtime::observation::SensorFrame;
use sinew_policy_runtime::supervisor::{Action, Cause, Causes};

/// A robot's guards, and who commands in a fallback: `robot.toml` says both on a workstation, settings in its flash on a
/// microcontroller.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Protection {
    guards: Guards,
    commander: Commander,
}

/// Who commands in a fallback.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "one for a host's whole life")]
enum Commander {
    #[default]
    Nobody,
    Host(Fallback),
    /// A second policy, once it is given.
    #[cfg(feature = "host")]
    Policy,
}

impl Protection {
    /// Guards, and what the host commands in a fallback; nothing where absent.
    pub fn of(guards: Guards, fallback: Option<Fallback>) -> Self {
        Self { guards, commander: fallback.map_or(Commander::Nobody, Commander::Host) }
    }

    /// Whether anybody commands in a fallback.
    pub(super) fn has_controller(&self) -> bool {
        !matches!(self.commander, Commander::Nobody)
    }

    /// A sample has come.
    pub(super) fn watch(&mut self, status: &Status, values: &[f32]) {
        self.guards.watch(values, status.time_us);
    }

    /// The robot begins again.
    pub(super) fn forget_samples(&mut self) {
        self.guards.reset();
    }
}

impl Host<'_> {
    /// From now on it is so protected; in place, because a host is more than belongs on a small stack twice.
    pub fn protect(&mut self, protection: Protection) {
        self.protection = protection;
        if self.protection.has_controller() {
            self.supervisor = self.supervisor.with_fallback_controller();
        }
    }

    /// Whether anybody commands in a fallback.
    pub fn has_fallback_controller(&self) -> bool {
        self.protection.has_controller()
    }

    /// Whether all checks passed in the newest tick: a watchdog is petted after such a tick alone.
    pub fn is_healthy(&self) -> bool {
        self.newest.1.is_some_and(|decision| decision.healthy)
    }

    /// What is commanded in a fallback; absent where nobody can.
    pub(super) fn fallback_setpoints(
        &self,
        now_us: u64,
        elapsed_s: f32,
    ) -> Option<heapless::Vec<Setpoint, MAX_ACTUATORS>> {
        match &self.protection.commander {
            Commander::Nobody => None,
            Commander::Host(fallback) => {
                let (sample, ages_us) = aged_sample(&self.session, now_us)?;
                let frame = SensorFrame { values: &sample.values, ages_us: &ages_us };
                fallback.setpoints(&self.interface.actuators, &frame, elapsed_s)
            }
            #[cfg(feature = "host")]
            Commander::Policy => Some(self.bounded(self.second_policy.as_ref()?.command()?).0),
        }
    }

    /// What guards and the operator's silence add to a tick's faults.
    pub(super) fn guarded(&self, now_us: u64) -> Causes {
        let mut causes = match self.session.sample() {
            Some(sample) => {
                self.protection.guards.causes(self.session.sample_age_us(now_us), &sample.ages_us)
            }
            None => Causes::default(),
        };
        let silence_s = self.options.limits.operator_silence_s;
        if silence_s > 0.0 && self.operator.silent_us(now_us) as f32 * 1e-6 > silence_s {
            causes.insert(Cause::OperatorSilent);
        }
        causes
    }

    /// Counts a tick whose worst fault is answered with a warning.
    pub(super) fn count_warning(&mut self, fault: Option<Cause>) {
        let warns = |cause| self.options.limits.answers.to(cause).action == Action::Warn;
        self.counters.warnings += u64::from(fault.is_some_and(warns));
    }
}
