//! What stands between a policy and its robot beside the supervisor: the robot's guards, and who commands in a fallback.
//!
//! Guards look at every sample as it arrives. A fallback policy runs in shadow whenever the first one runs, so its history is
//! warm when it is needed, and a fault makes no tick longer than it was before.

use super::Host;
use crate::robot::{FallbackController, Robot, RobotError};
use crate::wire::message::Status;
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::contract::Contract;
use sinew_policy_runtime::controller::{Controller, ControllerMemory, MemoryMismatch, Storage};
use sinew_policy_runtime::fallback::JointFallback;
use sinew_policy_runtime::guard::{Guards, GuardsMemory};
use sinew_policy_runtime::image::Image;
use sinew_policy_runtime::interface::{MAX_ACTUATORS, MAX_SENSORS, Setpoint};
use sinew_policy_runtime::observation::SensorFrame;
use sinew_policy_runtime::supervisor::{Action, Cause, Causes};
use std::borrow::Cow;

/// Guards and fallback; see the [module](self).
pub(super) struct Protection<'a> {
    pub(super) guards: Guards,
    fallback: Fallback<'a>,
}

#[expect(clippy::large_enum_variant, reason = "one for a host's whole life")]
enum Fallback<'a> {
    /// Nobody commands.
    None,
    Joints(JointFallback),
    /// Absent until it is given.
    Policy(Option<Box<FallbackPolicy<'a>>>),
}

/// A second policy, which aims for its commands' safe values.
struct FallbackPolicy<'a> {
    controller: Controller<'a, Vec<f32>>,
    image_hash: [u8; 32],
    ticks_per_period: u64,
    goal: Vec<f32>,
    command: [f32; MAX_ACTUATORS],
    /// Whether its newest period gave a command.
    ready: bool,
}

/// What one tick leaves to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ProtectionMemory<'m> {
    guards: Cow<'m, GuardsMemory>,
    policy: Option<FallbackPolicyMemory<'m>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct FallbackPolicyMemory<'m> {
    controller: ControllerMemory<Cow<'m, [f32]>>,
    command: [f32; MAX_ACTUATORS],
    ready: bool,
}

/// A controller of a policy for a robot, with storage of its own.
pub(super) fn controller<'a>(
    image: Image<'a>,
    contract: &Contract<'a>,
    robot: &'a Robot,
) -> Result<Controller<'a, Vec<f32>>, RobotError> {
    let [history, observation, scratch] =
        Controller::<Vec<f32>>::storage(&image, contract).map(|size| vec![0.0; size]);
    Controller::new(image, contract, &robot.interface(), Storage { history, observation, scratch })
        .map_err(|error| RobotError::Policy { reason: error.to_string() })
}

impl<'a> Protection<'a> {
    pub(super) fn new(robot: &Robot, contract: &Contract) -> Result<Self, RobotError> {
        let value =
            |(field, found, expected)| RobotError::Value { file: robot.name.clone(), field, found, expected };
        let guards = robot.guards().map_err(|error| RobotError::Policy { reason: error.to_string() })?;
        let fallback = match robot.joint_fallback(contract).map_err(value)? {
            Some(joints) => Fallback::Joints(joints),
            None if robot.fallback.is_some() => Fallback::Policy(None),
            None => Fallback::None,
        };
        Ok(Self { guards, fallback })
    }

    /// Whether anybody commands in a fallback.
    pub(super) fn has_controller(&self) -> bool {
        !matches!(self.fallback, Fallback::None)
    }

    fn policy(&self) -> Option<&FallbackPolicy<'a>> {
        if let Fallback::Policy(policy) = &self.fallback { policy.as_deref() } else { None }
    }

    fn policy_mut(&mut self) -> Option<&mut FallbackPolicy<'a>> {
        if let Fallback::Policy(policy) = &mut self.fallback { policy.as_deref_mut() } else { None }
    }

    pub(super) fn memory(&self) -> ProtectionMemory<'_> {
        let policy = self.policy().map(|policy| FallbackPolicyMemory {
            controller: policy.controller.memory(),
            command: policy.command,
            ready: policy.ready,
        });
        ProtectionMemory { guards: Cow::Borrowed(self.guards.memory()), policy }
    }

    pub(super) fn restore(&mut self, memory: &ProtectionMemory) -> Result<(), MemoryMismatch> {
        let mismatch = |what, expected, found| MemoryMismatch { what, expected, found };
        match (self.policy_mut(), &memory.policy) {
            (Some(policy), Some(memory)) => {
                policy.controller.restore(&memory.controller)?;
                (policy.command, policy.ready) = (memory.command, memory.ready);
            }
            (None, None) => {}
            (own, saved) => {
                let [expected, found] = [own.is_some(), saved.is_some()].map(usize::from);
                return Err(mismatch("fallback policies", expected, found));
            }
        }
        if self.guards.restore(&memory.guards) { Ok(()) } else { Err(mismatch("guards", 1, 0)) }
    }

    /// Values that a fallback policy keeps from one period to the next.
    pub(super) fn largest_memory_bytes(&self) -> usize {
        const LARGEST_GUARDS: usize = 1024;
        let policy = self.policy().map(|policy| policy.controller.memory::<&[f32]>());
        LARGEST_GUARDS
            + policy.map_or(0, |memory| size_of_val(memory.history()) + size_of_val(memory.states()))
    }

    /// A sample has come.
    pub(super) fn watch(&mut self, status: &Status, values: &[f32]) {
        self.guards.watch(values, status.time_us);
    }

    /// The fallback policy's period, in shadow or not.
    pub(super) fn infer(&mut self, tick: u64, frame: &SensorFrame) {
        let Some(policy) = self.policy_mut() else { return };
        if !tick.is_multiple_of(policy.ticks_per_period) {
            return;
        }
        let FallbackPolicy { controller, goal, command, ready, .. } = policy;
        let inferred = controller.step(frame, goal);
        *ready = inferred.is_ok();
        if let Ok((values, _)) = inferred {
            command.iter_mut().zip(values).for_each(|(own, value)| *own = *value);
        }
    }

    /// What is commanded in a fallback; absent where nobody can.
    pub(super) fn setpoints(
        &self,
        elapsed_s: f32,
        of_policy: impl FnOnce(&[f32; MAX_ACTUATORS]) -> heapless::Vec<Setpoint, MAX_ACTUATORS>,
    ) -> Option<heapless::Vec<Setpoint, MAX_ACTUATORS>> {
        match &self.fallback {
            Fallback::Joints(joints) => Some(joints.setpoints(elapsed_s)),
            Fallback::Policy(policy) => {
                policy.as_ref().filter(|policy| policy.ready).map(|policy| of_policy(&policy.command))
            }
            Fallback::None => None,
        }
    }
}

impl<'a> Host<'a> {
    /// Gives the robot's fallback policy, which `robot.toml` asks for with `controller = "policy"`.
    ///
    /// # Errors
    /// The robot asks for none, or the policy does not fit the robot.
    pub fn with_fallback_policy(
        mut self,
        image: Image<'a>,
        contract: &Contract<'a>,
        robot: &'a Robot,
    ) -> Result<Self, RobotError> {
        let Fallback::Policy(place) = &mut self.protection.fallback else {
            let asked = robot.fallback.as_ref().map(|fallback| fallback.controller);
            return Err(RobotError::Value {
                file: robot.name.clone(),
                field: "fallback.controller".to_owned(),
                found: asked.map_or("absent".to_owned(), |controller| format!("{controller:?}")),
                expected: "\"policy\" beside a fallback policy".to_owned(),
            });
        };
        let image_hash = image.hash();
        *place = Some(Box::new(FallbackPolicy {
            controller: controller(image, contract, robot)?,
            image_hash,
            ticks_per_period: robot.ticks_per_period(contract, self.options.tick_period_s)?,
            goal: contract.commands.iter().flat_map(|command| command.safe_value.iter().copied()).collect(),
            command: [0.0; MAX_ACTUATORS],
            ready: false,
        }));
        Ok(self)
    }

    /// Refuses a host whose robot asks for a fallback policy that was not given.
    ///
    /// # Errors
    /// It was not.
    pub fn check_fallback(&self, robot: &Robot) -> Result<(), RobotError> {
        let asked = robot.fallback.as_ref().map(|fallback| fallback.controller);
        if asked == Some(FallbackController::Policy) && self.fallback_policy_hash().is_none() {
            let reason = format!(
                "{}: fallback.controller is \"policy\", and no fallback policy was given",
                robot.name
            );
            return Err(RobotError::Policy { reason });
        }
        Ok(())
    }

    /// SHA-256 of the fallback policy's image, where there is one.
    pub fn fallback_policy_hash(&self) -> Option<[u8; 32]> {
        self.protection.policy().map(|policy| policy.image_hash)
    }

    /// Whether anybody commands in a fallback.
    pub fn has_fallback_controller(&self) -> bool {
        self.protection.has_controller()
    }

    /// Whether all checks passed in the newest tick: a watchdog is petted after such a tick alone.
    pub fn is_healthy(&self) -> bool {
        self.newest.1.is_some_and(|decision| decision.healthy)
    }

    /// What guards and the operator's silence add to a tick's faults.
    pub(super) fn guarded(&self, now_us: u64) -> Causes {
        let mut causes = match &self.sample {
            Some(sample) => self.protection.guards.causes(self.sample_age_us(now_us), &sample.ages_us),
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

    /// The fallback policy's period on the newest sample.
    pub(super) fn infer_fallback(&mut self, now_us: u64) {
        let age_us = self.sample_age_us(now_us);
        let Some(sample) = &self.sample else { return };
        let mut ages_us = [0; MAX_SENSORS];
        for (age, sensor_age_us) in ages_us.iter_mut().zip(&sample.ages_us) {
            *age = u32::try_from(age_us + u64::from(*sensor_age_us)).unwrap_or(u32::MAX);
        }
        let frame = SensorFrame { values: &sample.values, ages_us: &ages_us[..sample.ages_us.len()] };
        self.protection.infer(self.counters.ticks, &frame);
    }
}
