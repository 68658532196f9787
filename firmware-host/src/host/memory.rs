//! All that a host carries from one tick to the next: what a log's keyframe holds, and from where a replay goes on.

use super::protection::ProtectionMemory;
use super::{Counters, Host};
use crate::operator::OperatorMemory;
use crate::wire::Decoder;
use crate::wire::frame::{DecoderMemory, LARGEST_FRAME};
use crate::wire::host_session::{HostSession, REMEMBERED_FRAMES};
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
    session: Cow<'m, HostSession>,
    operator: OperatorMemory,
    goal: Cow<'m, [f32]>,
    command: [f32; MAX_ACTUATORS],
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
            protection: self.protection_memory(),
            decoder: self.decoder.memory(),
            session: Cow::Borrowed(&self.session),
            operator: self.operator.memory(),
            goal: self.options.goal[..].into(),
            command: self.command,
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
        let decoder = Decoder::from_memory(&memory.decoder).ok_or(mismatch(
            "unfinished frame",
            LARGEST_FRAME,
            LARGEST_FRAME + 1,
        ))?;
        if memory.goal.len() != self.options.goal.len() {
            return Err(mismatch("goal", self.options.goal.len(), memory.goal.len()));
        }
        self.controller.restore(&memory.controller)?;
        self.restore_protection(&memory.protection)?;
        self.supervisor = memory.supervisor;
        self.decoder = decoder;
        self.session = memory.session.clone().into_owned();
        self.operator.restore(memory.operator);
        self.options.goal.copy_from_slice(&memory.goal);
        self.command = memory.command;
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
            + self.largest_protection_bytes()
            + samples
            + LARGEST_VARINT * REMEMBERED_FRAMES
            + LARGEST_FRAME
            + LARGEST_REST
    }
}
