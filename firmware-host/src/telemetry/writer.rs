//! The thread that writes a log: it polls the queue, is never woken, and closes a chunk every 20 ms.
//!
//! A closed chunk is handed to the operating system at once, so a killed process loses what is younger than one chunk and
//! one poll. In virtual time chunks close by the log's own time, so that equal runs give equal files.

use super::event::Event;
use super::message::{Names, Topic, schema, start_text, text};
use super::queue::{Receiver, queue};
use super::recorder::Recorder;
use super::start::{LogClock, Start};
use crate::host::Host;
use crate::robot::Robot;
use mcap::records::MessageHeader;
use mcap::{McapError, WriteOptions, Writer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Slots of the queue, 8 MiB: seconds of a stalled disk at 1 kHz.
const QUEUE_SLOTS: usize = 32_768;
/// Between two looks into the queue.
const POLL: Duration = Duration::from_millis(4);
/// A chunk is closed when it would be 20 ms old at the next look.
const CHUNK_AGE: Duration = Duration::from_millis(16);
/// The same in virtual time, µs.
const CHUNK_US: u64 = 20_000;
/// More than a chunk at any rate in use, so that closing one is one write.
const BUFFER_BYTES: usize = 256 * 1024;

/// What was logged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSummary {
    /// Messages in the log.
    pub messages: u64,
    /// Records that were dropped because the queue was full.
    pub dropped: u64,
}

/// Why there is no log, or no whole one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The file cannot be made. One that exists is never overwritten.
    #[error("cannot create the log {}: {source}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The run's beginning cannot be written so that it reads back.
    #[error("cannot begin a log: {reason}")]
    Start {
        /// Why.
        reason: String,
    },
    /// It could not be written to its end.
    #[error("the log {} is incomplete: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<McapError>,
    },
    /// The writer panicked.
    #[error("the log {} is incomplete: its writer panicked", path.display())]
    Panicked {
        /// The file.
        path: PathBuf,
    },
}

/// A log that is being written.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    writer: JoinHandle<Result<LogSummary, McapError>>,
}

/// Begins a log of `host`'s run: the recorder goes to the control loop, the log to whoever ends the run.
///
/// Call it before a thread gets real-time privileges, so that the writer has none.
///
/// # Errors
/// The file exists or cannot be made.
pub fn start(path: &Path, mut start: Start, robot: &Robot, host: &Host) -> Result<(Recorder, Log), LogError> {
    let owned = || path.to_owned();
    let file = File::create_new(path).map_err(|source| LogError::Create { path: owned(), source })?;
    let (sender, receiver) = queue(QUEUE_SLOTS);
    let origin_ns = start.begin();
    let recorder = Recorder::new(sender, start.clock, origin_ns, host);
    let write = |source| LogError::Write { path: owned(), source: Box::new(source) };
    let writer = LogWriter::new(file, start, Names::of(robot)).map_err(write)?;
    let thread = std::thread::Builder::new().name("log".to_owned());
    let writer = thread.spawn(move || writer.run(receiver)).map_err(|error| write(error.into()))?;
    Ok((recorder, Log { path: owned(), writer }))
}

impl Log {
    /// Waits until everything is written.
    ///
    /// # Errors
    /// It could not be written.
    pub fn finish(self, recorder: Recorder) -> Result<LogSummary, LogError> {
        recorder.close();
        match self.writer.join() {
            Ok(Ok(summary)) => Ok(summary),
            Ok(Err(source)) => Err(LogError::Write { path: self.path, source: Box::new(source) }),
            Err(_) => Err(LogError::Panicked { path: self.path }),
        }
    }
}

pub(super) struct LogWriter {
    writer: Writer<BufWriter<File>>,
    start: Start,
    names: Names,
    channels: [u16; Topic::ALL.len()],
    sequence: u32,
    /// When the open chunk got its first message, by the wall and by the log.
    opened: Option<(Instant, u64)>,
    summary: LogSummary,
}

impl LogWriter {
    pub(super) fn new(file: File, start: Start, names: Names) -> Result<Self, McapError> {
        let mut writer = options().create(BufWriter::with_capacity(BUFFER_BYTES, file))?;
        let mut channels = [0; Topic::ALL.len()];
        for (channel, topic) in channels.iter_mut().zip(Topic::ALL) {
            let schema =
                writer.add_schema(topic.schema_name(), "jsonschema", schema(topic, &names).as_bytes())?;
            *channel = writer.add_channel(schema, topic.name(), "json", &BTreeMap::new())?;
        }
        let text = start_text(&start).map_err(invalid)?;
        let summary = LogSummary::default();
        let mut log = Self { writer, start, names, channels, sequence: 0, opened: None, summary };
        log.write(Topic::Start, 0, &text)?;
        // On its way before the first tick: without it a log cannot be replayed.
        log.close_chunk()?;
        Ok(log)
    }

    pub(super) fn run(mut self, mut receiver: Receiver) -> Result<LogSummary, McapError> {
        let mut record = Vec::new();
        loop {
            // Asked first: what was put in before the end is in the queue when this says so.
            let ended = receiver.is_abandoned();
            while receiver.pop(&mut record) {
                self.take(&record)?;
            }
            if ended {
                break;
            }
            let is_due = |(since, _): (Instant, u64)| since.elapsed() >= CHUNK_AGE;
            if self.start.clock == LogClock::RealTime && self.opened.is_some_and(is_due) {
                self.close_chunk()?;
            }
            std::thread::sleep(POLL);
        }
        self.writer.finish()?;
        let file = self.writer.into_inner().into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(self.summary)
    }

    pub(super) fn take(&mut self, record: &[u8]) -> Result<(), McapError> {
        let event: Event = postcard::from_bytes(record).map_err(invalid)?;
        if let Event::Gap { dropped, .. } = event {
            self.summary.dropped += dropped;
        }
        let time_us = event.time_us();
        let is_over = |(_, since_us): (Instant, u64)| time_us >= since_us + CHUNK_US;
        if self.start.clock == LogClock::Virtual && self.opened.is_some_and(is_over) {
            self.close_chunk()?;
        }
        let (topic, text) = text(&event, &self.names).map_err(invalid)?;
        self.write(topic, time_us, &text)
    }

    fn write(&mut self, topic: Topic, time_us: u64, text: &str) -> Result<(), McapError> {
        let log_time = self.start.log_time_ns(time_us);
        let channel_id = self.channels[topic as usize];
        let header = MessageHeader { channel_id, sequence: self.sequence, log_time, publish_time: log_time };
        self.writer.write_to_known_channel(&header, text.as_bytes())?;
        self.sequence = self.sequence.wrapping_add(1);
        self.summary.messages += 1;
        self.opened.get_or_insert_with(|| (Instant::now(), time_us));
        Ok(())
    }

    fn close_chunk(&mut self) -> Result<(), McapError> {
        self.opened = None;
        self.writer.flush()
    }
}

/// How logs are written: in whole chunks, and without compression, which would take a C library.
pub(super) fn options() -> WriteOptions {
    let library = concat!("sinew ", env!("CARGO_PKG_VERSION"));
    WriteOptions::new().compression(None).disable_seeking(true).library(library)
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> McapError {
    std::io::Error::new(std::io::ErrorKind::InvalidData, error).into()
}
