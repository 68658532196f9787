//! What travels through the queue: one record for each thing that a log says.

use crate::host::TickTrace;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How a tick kept its time. Measured, so a replay does not find it again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// From the deadline to the tick's start, ns.
    pub wake_up_ns: u64,
    /// From the tick's start to its end, ns.
    pub compute_ns: u64,
    /// Deadlines that it missed.
    pub skipped: u64,
}

/// One thing that a log says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "encoded at once, and the real-time thread may not box it")]
pub(super) enum Event<'e> {
    /// Bytes as the link gave them.
    Received {
        tick: u64,
        time_us: u64,
        #[serde(borrow)]
        bytes: Bytes<'e>,
    },
    /// A frame, and whether the link took it.
    Sent {
        tick: u64,
        time_us: u64,
        accepted: bool,
        #[serde(borrow)]
        bytes: Bytes<'e>,
    },
    /// The tick to which the received and sent bytes before it belong.
    Tick(TickTrace),
    /// How that tick kept its time.
    Timing { tick: u64, time_us: u64, timing: Timing },
    /// The host's memory before `tick`, in postcard's format.
    Keyframe {
        tick: u64,
        time_us: u64,
        #[serde(borrow)]
        memory: Bytes<'e>,
    },
    /// Records that were dropped because the queue was full.
    Gap { from_tick: u64, to_tick: u64, time_us: u64, dropped: u64 },
}

impl Event<'_> {
    /// When it happened, µs.
    pub(super) fn time_us(&self) -> u64 {
        match self {
            Self::Tick(trace) => trace.time_us,
            Self::Received { time_us, .. }
            | Self::Sent { time_us, .. }
            | Self::Timing { time_us, .. }
            | Self::Keyframe { time_us, .. }
            | Self::Gap { time_us, .. } => *time_us,
        }
    }
}

/// Bytes that are copied at once rather than one by one, as serde would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bytes<'e>(pub(super) &'e [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'e, 'e> Deserialize<'de> for Bytes<'e> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&[u8]>::deserialize(deserializer).map(Bytes)
    }
}
