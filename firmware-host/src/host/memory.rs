//! All that a host carries from one tick to the next: what a log's keyframe holds, and from where a replay goes on.

use super::protection::ProtectionMemory;
use super::{Counters, Host, REMEMBERED_FRAMES};
use crate::operator::OperatorMemory;
use crate::wire::Decoder;
use crate::wire::frame::{DecoderMemory, LARGEST_FRAME};
use crate::wire::sample::{Assembly, Sample};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::controller::{ControllerMemory, MemoryMismatch};
use sinew_policy_runtime::interface::MAX_ACTUATORS;
use sinew_policy_runtime::supervisor::Supervisor;
use std::borrow::Cow;

/// A host between two ticks, without what follows from policy, robot and options.
///
/// Borrowed where it is taken, so that taking it allocates nothing; owned where it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostMemory<'m> {
    controller: ControllerMemory<Cow<'m, [f32]>>,
    supervisor: Supervisor,
    protection: ProtectionMemory<'m>,
    decoder: DecoderMemory<'m>,
    attempt: u32,
    hello_us: Option<u64>,
    awaited_attempt: Option<u32>,
    accepted: bool,
    boot: u32,
    assembly: Cow<'m, Assembly>,
    newest_status: u64,
    operator: OperatorMemory,
    goal: Cow<'m, [f32]>,
    sequence: u64,
    sent_us: Cow<'m, [u64]>,
    sample: Option<Cow<'m, Sample>>,
    arrived_us: u64,
    age_at_arrival_us: u64,
    command: [f32; MAX_ACTUATORS],
    armed_with: Option<u64>,
    robot_armed: bool,
    counters: Counters,
    overran: bool,
}

impl HostMemory<'_> {
    /// The number of the tick that comes next.
    pub fn next_tick(&self) -> u64 {
        self.counters.ticks
    }
}

impl Host<'_> {
    /// What the next tick depends on beside its inputs. Allocates nothing.
    pub fn memory(&self) -> HostMemory<'_> {
        HostMemory {
            controller: self.controller.memory(),
            supervisor: self.supervisor,
            protection: self.protection.memory(),
            decoder: self.decoder.memory(),
            attempt: self.hello.attempt,
            hello_us: self.hello_us,
            awaited_attempt: self.awaited_attempt,
            accepted: self.accepted,
            boot: self.boot,
            assembly: Cow::Borrowed(&self.assembly),
            newest_status: self.newest_status,
            operator: self.operator.memory(),
            goal: self.options.goal[..].into(),
            sequence: self.sequence,
            sent_us: self.sent_us[..].into(),
            sample: self.sample.as_ref().map(Cow::Borrowed),
            arrived_us: self.arrived_us,
            age_at_arrival_us: self.age_at_arrival_us,
            command: self.command,
            armed_with: self.armed_with,
            robot_armed: self.robot_armed,
            counters: self.counters.clone(),
            overran: self.overran,
        }
    }

    /// Goes on from the [`Self::memory`] of a host of the same policy, robot and options.
    ///
    /// # Errors
    /// It is of another policy or of another robot; the host cannot be used any more.
    pub fn restore(&mut self, memory: &HostMemory) -> Result<(), MemoryMismatch> {
        let mismatch = |what, expected, found| MemoryMismatch { what, expected, found };
        let sent_us: [u64; REMEMBERED_FRAMES] = (*memory.sent_us)
            .try_into()
            .map_err(|_| mismatch("send times", REMEMBERED_FRAMES, memory.sent_us.len()))?;
        let decoder = Decoder::from_memory(&memory.decoder).ok_or(mismatch(
            "unfinished frame",
            LARGEST_FRAME,
            LARGEST_FRAME + 1,
        ))?;
        if memory.goal.len() != self.options.goal.len() {
            return Err(mismatch("goal", self.options.goal.len(), memory.goal.len()));
        }
        self.controller.restore(&memory.controller)?;
        self.protection.restore(&memory.protection)?;
        self.supervisor = memory.supervisor;
        self.decoder = decoder;
        self.hello.attempt = memory.attempt;
        self.hello_us = memory.hello_us;
        self.awaited_attempt = memory.awaited_attempt;
        self.accepted = memory.accepted;
        self.boot = memory.boot;
        self.assembly = memory.assembly.clone().into_owned();
        self.newest_status = memory.newest_status;
        self.operator.restore(memory.operator);
        self.options.goal.copy_from_slice(&memory.goal);
        self.sequence = memory.sequence;
        self.sent_us = sent_us;
        self.sample = memory.sample.as_deref().cloned();
        self.arrived_us = memory.arrived_us;
        self.age_at_arrival_us = memory.age_at_arrival_us;
        self.command = memory.command;
        self.armed_with = memory.armed_with;
        self.robot_armed = memory.robot_armed;
        self.counters = memory.counters.clone();
        self.overran = memory.overran;
        Ok(())
    }

    /// An upper bound on the bytes of a [`Self::memory`] in postcard's format.
    pub fn largest_memory_bytes(&self) -> usize {
        const LARGEST_VARINT: usize = 10;
        const LARGEST_REST: usize = 4096;
        let controller = self.controller.memory::<&[f32]>();
        let remembered = size_of_val(controller.history()) + size_of_val(controller.states());
        // The newest sample, and one that is being put together.
        let samples = 2 * size_of::<f32>() * self.interface.sample_size();
        remembered
            + self.protection.largest_memory_bytes()
            + samples
            + LARGEST_VARINT * REMEMBERED_FRAMES
            + LARGEST_FRAME
            + LARGEST_REST
    }
}
