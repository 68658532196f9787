//! Executes a log again and compares every bit: frames, ages, the supervisor's decisions, and the host's whole memory.
//!
//! [`replay`] gives a host of the same policy each tick's logged inputs and writes what it does with the function that
//! wrote the log; the texts must be equal. Behind a gap nothing can be known until the next keyframe, from which the
//! replay goes on; ticks between are counted as unverified.

use super::event::{Bytes, Event};
use super::file::{self, End, Entry, FileError};
use super::message::{self, KeyframeMessage, Names, ReceivedMessage, SentMessage, TickInputs, Topic, text};
use super::start::{Start, digits};
use crate::host::{Host, HostMemory};
use crate::link::{Link, LinkError};
use crate::robot::{Robot, RobotError};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sinew_policy_runtime::image::{AlignedImage, ImageError};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

/// Why a log cannot be executed again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The log cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A message that makes no sense.
    #[error("{}: {topic}: {reason}", path.display())]
    Message {
        /// The file.
        path: PathBuf,
        /// Such as `/tick`.
        topic: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The log's beginning is missing.
    #[error("{}: no /start message before the first tick: not a log of a host's run", path.display())]
    NoStart {
        /// The file.
        path: PathBuf,
    },
    /// The log is of another policy.
    #[error("the log was made with another policy: {what} {expected} in the log, {found} in the file")]
    Policy {
        /// Image or contract.
        what: &'static str,
        /// In the log.
        expected: String,
        /// Of the policy's file.
        found: String,
    },
    /// The log was made with a fallback policy, or without one.
    #[error("the log was made {} a fallback policy", if *.logged { "with" } else { "without" })]
    FallbackPolicy {
        /// Whether the log has one.
        logged: bool,
    },
    /// The policy's image cannot be read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The policy has no contract.
    #[error("the policy has no contract, so no log can be of it")]
    NoContract,
    /// Policy and robot do not belong together.
    #[error(transparent)]
    Robot(#[from] RobotError),
}

/// The first difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// In which tick.
    pub tick: u64,
    /// Such as `command.rotor_1`.
    pub field: String,
    /// In the log.
    pub logged: String,
    /// Of the replay.
    pub replayed: String,
}

/// What a replay showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Ticks that did the same again.
    pub verified: u64,
    /// Ticks that could not be executed: in gaps, or without a keyframe before them.
    pub unverified: u64,
    /// Keyframes that were found again.
    pub keyframes: u64,
    /// Places where records are missing.
    pub gaps: u64,
    /// Where the log was cut, in bytes; absent where it is whole.
    pub cut_at: Option<u64>,
    /// What came out otherwise; the replay ends there.
    pub difference: Option<Difference>,
}

/// Executes the log at `path` again with the policy that made it.
///
/// # Errors
/// The log cannot be read, or is of another policy.
pub fn replay(path: &Path, policy: &AlignedImage) -> Result<Replay, ReplayError> {
    replay_with_fallback(path, policy, None)
}

/// Executes the log of a run that had a fallback policy too.
///
/// # Errors
/// The log cannot be read, or is of other policies.
pub fn replay_with_fallback(
    path: &Path,
    policy: &AlignedImage,
    fallback: Option<&AlignedImage>,
) -> Result<Replay, ReplayError> {
    let image = policy.image()?;
    let (start, robot) = beginning(path)?;
    let contract = image.contract()?.ok_or(ReplayError::NoContract)?;
    check("contract", &start.contract, image.contract_hash())?;
    check("image", &start.image, image.hash())?;
    let mut host = Host::new(image, &contract, &robot, start.options.clone())?;
    match (&start.fallback_policy, fallback) {
        (Some(expected), Some(fallback)) => {
            let image = fallback.image()?;
            check("image of the fallback policy", expected, image.hash())?;
            let contract = image.contract()?.ok_or(ReplayError::NoContract)?;
            host = host.with_fallback_policy(image, &contract, &robot)?;
        }
        (None, None) => {}
        (logged, _) => return Err(ReplayError::FallbackPolicy { logged: logged.is_some() }),
    }
    let mut execution = Execution {
        path,
        host,
        names: Names::of(&robot),
        topics: BTreeMap::new(),
        synchronized: false,
        link: ReplayLink::default(),
        sent: Vec::new(),
        ticks: None,
        replay: Replay { verified: 0, unverified: 0, keyframes: 0, gaps: 0, cut_at: None, difference: None },
    };
    let end = file::read(path, |entry| if execution.is_over() { Ok(()) } else { execution.take(&entry) })?;
    if let End::Cut { at } = end {
        execution.replay.cut_at = Some(at);
    }
    let mut replay = execution.replay;
    let total = execution.ticks.map_or(0, |[first, last]| (last - first).saturating_add(1));
    if replay.difference.is_none() {
        replay.unverified = total.saturating_sub(replay.verified);
    }
    Ok(replay)
}

/// The log's first message, and the robot in it.
fn beginning(path: &Path) -> Result<(Start, Robot), ReplayError> {
    let mut start_channel = None;
    let mut start: Option<Start> = None;
    file::read(path, |entry| {
        match entry {
            Entry::Channel { id, topic, .. } if Topic::of(topic) == Some(Topic::Start) => {
                start_channel = Some(id);
            }
            Entry::Message { header, data }
                if start.is_none() && start_channel == Some(header.channel_id) =>
            {
                start = Some(parse(path, Topic::Start, data)?);
            }
            _ => {}
        }
        Ok::<(), ReplayError>(())
    })?;
    let start = start.ok_or_else(|| ReplayError::NoStart { path: path.to_owned() })?;
    let robot = Robot::parse(&start.robot, &format!("{}: robot", path.display()))?;
    Ok((start, robot))
}

fn check(what: &'static str, expected: &str, hash: [u8; 32]) -> Result<(), ReplayError> {
    let (expected, found) = (expected.to_owned(), digits(&hash));
    if expected == found { Ok(()) } else { Err(ReplayError::Policy { what, expected, found }) }
}

fn parse<T: DeserializeOwned>(path: &Path, topic: Topic, data: &[u8]) -> Result<T, ReplayError> {
    serde_json::from_slice(data).map_err(|error| bad_message(path, topic, &error))
}

fn bad_message(path: &Path, topic: Topic, reason: &(impl ToString + ?Sized)) -> ReplayError {
    ReplayError::Message { path: path.to_owned(), topic: topic.name(), reason: reason.to_string() }
}

struct Execution<'p, 'a> {
    path: &'p Path,
    host: Host<'a>,
    names: Names,
    topics: BTreeMap<u16, Topic>,
    /// Whether the host is where the log's was.
    synchronized: bool,
    /// Gives the host what the log's received.
    link: ReplayLink,
    /// Texts of the log's `/sent` messages since the last tick.
    sent: Vec<String>,
    /// The first and the last that the log knows of.
    ticks: Option<[u64; 2]>,
    replay: Replay,
}

impl Execution<'_, '_> {
    fn is_over(&self) -> bool {
        self.replay.difference.is_some()
    }

    fn take(&mut self, entry: &Entry) -> Result<(), ReplayError> {
        match entry {
            Entry::Channel { id, topic, .. } => {
                if let Some(topic) = Topic::of(topic) {
                    self.topics.insert(*id, topic);
                }
            }
            Entry::Lost => self.lose(),
            Entry::Message { header, data } => match self.topics.get(&header.channel_id).copied() {
                Some(topic @ Topic::Received) => {
                    let message: ReceivedMessage = parse(self.path, topic, data)?;
                    self.link.received.push_back(self.decode(topic, &message.bytes)?);
                }
                Some(topic @ Topic::Sent) => {
                    let message: SentMessage = parse(self.path, topic, data)?;
                    self.link.accepted.push_back(message.accepted);
                    self.sent.push(String::from_utf8_lossy(data).into_owned());
                }
                Some(topic @ Topic::Tick) => self.tick(&parse(self.path, topic, data)?, data)?,
                Some(topic @ Topic::Keyframe) => self.keyframe(&parse(self.path, topic, data)?)?,
                Some(topic @ Topic::Gap) => {
                    let gap: message::GapMessage = parse(self.path, topic, data)?;
                    self.know(gap.from_tick);
                    self.know(gap.to_tick);
                    self.lose();
                }
                Some(Topic::Start | Topic::Timing) | None => {}
            },
        }
        Ok(())
    }

    fn decode(&self, topic: Topic, text: &str) -> Result<Vec<u8>, ReplayError> {
        message::bytes(text).ok_or_else(|| bad_message(self.path, topic, "not base64"))
    }

    fn know(&mut self, tick: u64) {
        let [first, last] = self.ticks.unwrap_or([tick, tick]);
        self.ticks = Some([first.min(tick), last.max(tick)]);
    }

    /// Records are missing: nothing can be known until the next keyframe.
    fn lose(&mut self) {
        self.replay.gaps += 1;
        self.synchronized = false;
        self.forget();
    }

    fn forget(&mut self) {
        self.link = ReplayLink::default();
        self.sent.clear();
    }

    fn keyframe(&mut self, message: &KeyframeMessage) -> Result<(), ReplayError> {
        let bytes = self.decode(Topic::Keyframe, &message.memory)?;
        let memory: HostMemory =
            postcard::from_bytes(&bytes).map_err(|error| bad_message(self.path, Topic::Keyframe, &error))?;
        if !self.synchronized {
            self.host.restore(&memory).map_err(|error| bad_message(self.path, Topic::Keyframe, &error))?;
            self.synchronized = true;
            self.forget();
            return Ok(());
        }
        let found = self.host.memory();
        if found == memory {
            self.replay.keyframes += 1;
        } else {
            // A NaN in the memory is unequal to itself; then no field differs.
            let [logged, replayed] = [&memory, &found].map(serde_json::to_value);
            let [logged, replayed] = [logged, replayed]
                .map(|value| value.map_err(|error| bad_message(self.path, Topic::Keyframe, &error)));
            self.compare(message.tick, "keyframe", &logged?, &replayed?);
        }
        Ok(())
    }

    fn tick(&mut self, inputs: &TickInputs, logged: &[u8]) -> Result<(), ReplayError> {
        self.know(inputs.tick);
        let expected = self.host.counters().ticks;
        if self.synchronized && inputs.tick != expected {
            // Messages are missing without a gap that says so, as behind a damaged chunk.
            self.lose();
        }
        if !self.synchronized {
            self.forget();
            return Ok(());
        }
        if inputs.overran {
            self.host.report_overrun();
        }
        self.host.tick(inputs.time_us, &mut self.link, inputs.request);
        let TickInputs { tick, time_us, .. } = *inputs;
        let mut sent = Vec::new();
        for (accepted, frame) in &self.link.sent {
            let event = Event::Sent { tick, time_us, accepted: *accepted, bytes: Bytes(frame) };
            sent.push(self.text(&event)?);
        }
        let found = self.text(&Event::Tick(self.host.trace()))?;
        self.compare_texts(tick, "", &String::from_utf8_lossy(logged), &found)?;
        let logged_sent = std::mem::take(&mut self.sent);
        for index in 0..sent.len().max(logged_sent.len()) {
            let [logged, replayed] =
                [&logged_sent, &sent].map(|list| list.get(index).map_or("null", |text| text));
            self.compare_texts(tick, &format!("sent[{index}]"), logged, replayed)?;
        }
        self.forget();
        self.replay.verified += u64::from(!self.is_over());
        Ok(())
    }

    fn text(&self, event: &Event) -> Result<String, ReplayError> {
        let (_, text) =
            text(event, &self.names).map_err(|error| bad_message(self.path, Topic::Tick, &error))?;
        Ok(text)
    }

    fn compare_texts(
        &mut self,
        tick: u64,
        field: &str,
        logged: &str,
        replayed: &str,
    ) -> Result<(), ReplayError> {
        if logged != replayed && !self.is_over() {
            let [logged, replayed] =
                [logged, replayed].map(|text| parse::<Value>(self.path, Topic::Tick, text.as_bytes()));
            self.compare(tick, field, &logged?, &replayed?);
        }
        Ok(())
    }

    fn compare(&mut self, tick: u64, field: &str, logged: &Value, replayed: &Value) {
        if let Some((field, logged, replayed)) = first_difference(field, logged, replayed) {
            self.replay.difference = Some(Difference { tick, field, logged, replayed });
        }
    }
}

/// The first field that differs, and both values.
fn first_difference(field: &str, logged: &Value, replayed: &Value) -> Option<(String, String, String)> {
    match (logged, replayed) {
        (Value::Object(logged), Value::Object(replayed)) => {
            let names = logged.keys().chain(replayed.keys().filter(|name| !logged.contains_key(*name)));
            names.into_iter().find_map(|name| {
                let field = if field.is_empty() { name.clone() } else { format!("{field}.{name}") };
                let value = |map: &serde_json::Map<String, Value>| map.get(name).cloned().unwrap_or_default();
                first_difference(&field, &value(logged), &value(replayed))
            })
        }
        (Value::Array(logged), Value::Array(replayed)) if logged.len() == replayed.len() => {
            let mut pairs = logged.iter().zip(replayed).enumerate();
            pairs.find_map(|(index, (logged, replayed))| {
                first_difference(&format!("{field}[{index}]"), logged, replayed)
            })
        }
        // As texts, because a negative zero is not a zero.
        _ => {
            let (logged, replayed) = (logged.to_string(), replayed.to_string());
            (logged != replayed).then(|| (field.to_owned(), logged, replayed))
        }
    }
}

/// Gives what a log's host received, and keeps what the host sends.
#[derive(Default)]
struct ReplayLink {
    received: VecDeque<Vec<u8>>,
    accepted: VecDeque<bool>,
    sent: Vec<(bool, Vec<u8>)>,
}

impl Link for ReplayLink {
    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        // A frame that the log's host did not send is reported as a difference.
        let accepted = self.accepted.pop_front().unwrap_or(true);
        self.sent.push((accepted, frame.to_vec()));
        if accepted { Ok(()) } else { Err(LinkError::Full) }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        let Some(bytes) = self.received.pop_front() else { return Ok(0) };
        buffer.get_mut(..bytes.len()).ok_or(LinkError::TooLong)?.copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}
