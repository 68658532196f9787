//! The log of a run: every input and every output, so that a run can be looked at and executed again.
//!
//! [`start()`] gives a [`Recorder`] to the control loop and a [`Log`] to whoever ends the run. The recorder copies what a
//! tick received, decided and sent into a queue of fixed slots; a thread that polls it and is never woken writes MCAP.
//! The tick is never delayed: when the queue is full, records are dropped and counted, the log says so with a gap, and a
//! keyframe behind it lets a replay go on. Chunks close every 20 ms, so a killed process loses no more than the last ones.
//!
//! [`recover()`] restores the index of a log that was cut; [`replay()`] executes a log again and compares every bit. Both read
//! through [`mod@file`], which stops where the bytes stop. JSON, because every reader of MCAP has it, Foxglove included; raw
//! frames stand in it as base64. What a log says and what a replay compares is one function's text ([`message`]).

mod event;
pub mod file;
pub mod message;
mod queue;
mod recorder;
mod recover;
mod replay;
mod start;
#[cfg(all(test, feature = "onnx", feature = "sim"))]
mod tests;
mod writer;

pub use event::Timing;
pub use recorder::Recorder;
pub use recover::{RecoverError, Recovery, recover};
pub use replay::{Difference, Replay, ReplayError, replay, replay_with_fallback};
pub use start::{LogClock, Start};
pub use writer::{Log, LogError, LogSummary, start};
