//! The second policy, which commands in a fallback where `robot.toml` says `controller = "policy"`, and what a log keeps of a protection.

use super::{Commander, Protection};
use crate::host::{Host, Values, aged_sample, storage, ticks_per_period};
use crate::robot::{FallbackController, Robot, RobotError};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::contract::Contract;
use sinew_policy_runtime::controller::{Controller, ControllerMemory, MemoryMismatch};
use sinew_policy_runtime::guard::GuardsMemory;
use sinew_policy_runtime::image::Image;
use sinew_policy_runtime::interface::MAX_ACTUATORS;
use sinew_policy_runtime::observation::SensorFrame;
use std::borrow::Cow;

/// A second policy, which aims for its commands' safe values.
#[derive(Clone)]
pub(in crate::host) struct SecondPolicy<'a> {
    controller: Controller<'a, Values>,
    image_hash: [u8; 32],
    ticks_per_period: u64,
    goal: Vec<f32>,
    command: [f32; MAX_ACTUATORS],
    /// Whether its newest period gave a command.
    ready: bool,
}

/// What one tick leaves to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::host) struct ProtectionMemory<'m> {
    guards: Cow<'m, GuardsMemory>,
    policy: Option<SecondPolicyMemory<'m>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SecondPolicyMemory<'m> {
    controller: ControllerMemory<Cow<'m, [f32]>>,
    command: [f32; MAX_ACTUATORS],
    ready: bool,
}

impl SecondPolicy<'_> {
    /// Its newest command, unless its newest period failed.
    pub(super) fn command(&self) -> Option<&[f32; MAX_ACTUATORS]> {
        self.ready.then_some(&self.command)
    }

    /// Its period, in shadow or not.
    fn infer(&mut self, tick: u64, frame: &SensorFrame) {
        if !tick.is_multiple_of(self.ticks_per_period) {
            return;
        }
        let inferred = self.controller.step(frame, &self.goal);
        self.ready = inferred.is_ok();
        if let Ok((values, _)) = inferred {
            self.command.iter_mut().zip(values).for_each(|(own, value)| *own = *value);
        }
    }
}

impl Protection {
    /// What a robot's description asks for.
    ///
    /// # Errors
    /// A joint that is to be held, and whose pose neither the robot nor the contract gives.
    pub fn new(robot: &Robot, contract: &Contract) -> Result<Self, RobotError> {
        let value =
            |(field, found, expected)| RobotError::Value { file: robot.name.clone(), field, found, expected };
        let guards = robot.guards().map_err(|error| RobotError::Policy { reason: error.to_string() })?;
        let commander = match robot.fallback(contract).map_err(value)? {
            Some(fallback) => Commander::Host(fallback),
            None if robot.fallback.is_some() => Commander::Policy,
            None => Commander::Nobody,
        };
        Ok(Self { guards, commander })
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
        if !matches!(self.protection.commander, Commander::Policy) {
            let asked = robot.fallback.as_ref().map(|fallback| fallback.controller);
            return Err(RobotError::Value {
                file: robot.name.clone(),
                field: "fallback.controller".to_owned(),
                found: asked.map_or("absent".to_owned(), |controller| format!("{controller:?}")),
                expected: "\"policy\" beside a fallback policy".to_owned(),
            });
        }
        let (image_hash, storage) = (image.hash(), storage(&image, contract));
        let controller = Controller::new(image, contract, &self.interface, storage)
            .map_err(|error| RobotError::Policy { reason: error.to_string() })?;
        self.second_policy = Some(SecondPolicy {
            controller,
            image_hash,
            ticks_per_period: ticks_per_period(contract, self.options.tick_period_s)?,
            goal: contract.commands.iter().flat_map(|command| command.safe_value.iter().copied()).collect(),
            command: [0.0; MAX_ACTUATORS],
            ready: false,
        });
        Ok(self)
    }

    /// Refuses a host whose robot asks for a fallback policy that was not given.
    ///
    /// # Errors
    /// It was not.
    pub fn check_fallback(&self, robot: &Robot) -> Result<(), RobotError> {
        let asked = robot.fallback.as_ref().map(|fallback| fallback.controller);
        if asked == Some(FallbackController::Policy) && self.second_policy.is_none() {
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
        self.second_policy.as_ref().map(|policy| policy.image_hash)
    }

    /// The fallback policy's period on the newest sample.
    pub(in crate::host) fn infer_fallback(&mut self, now_us: u64) {
        if let Some(policy) = &mut self.second_policy
            && let Some((sample, ages_us)) = aged_sample(&self.session, now_us)
        {
            policy.infer(self.counters.ticks, &SensorFrame { values: &sample.values, ages_us: &ages_us });
        }
    }

    pub(in crate::host) fn protection_memory(&self) -> ProtectionMemory<'_> {
        let policy = self.second_policy.as_ref().map(|policy| SecondPolicyMemory {
            controller: policy.controller.memory(),
            command: policy.command,
            ready: policy.ready,
        });
        ProtectionMemory { guards: Cow::Borrowed(self.protection.guards.memory()), policy }
    }

    pub(in crate::host) fn restore_protection(
        &mut self,
        memory: &ProtectionMemory,
    ) -> Result<(), MemoryMismatch> {
        let mismatch = |what, expected, found| MemoryMismatch { what, expected, found };
        match (&mut self.second_policy, &memory.policy) {
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
        let restored = self.protection.guards.restore(&memory.guards);
        if restored { Ok(()) } else { Err(mismatch("guards", 1, 0)) }
    }

    /// An upper bound on the bytes of a [`Self::protection_memory`].
    pub(in crate::host) fn largest_protection_bytes(&self) -> usize {
        const LARGEST_GUARDS: usize = 1024;
        let policy = self.second_policy.as_ref().map(|policy| policy.controller.memory::<&[f32]>());
        LARGEST_GUARDS
            + policy.map_or(0, |memory| size_of_val(memory.history()) + size_of_val(memory.states()))
    }
}
