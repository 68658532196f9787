//! A log's messages: their JSON, and the schemas that tell Foxglove and other readers what is in it.
//!
//! A number is written with the fewest digits that give back its bits, so two texts are equal exactly where the numbers
//! are; that is how a replay compares. Sensors and actuators stand under their names, for plots.

use super::event::{Event, Timing};
use super::start::Start;
use crate::host::{Counters, SampleTrace, TickTrace};
use crate::robot::Robot;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};
use sinew_policy_runtime::supervisor::{Cause, Mode, Request, Transition};

/// A channel of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Once, first: [`Start`].
    Start,
    /// Bytes as they came from the robot.
    Received,
    /// Frames to the robot.
    Sent,
    /// What a tick was given and what it decided.
    Tick,
    /// How a tick kept its time.
    Timing,
    /// The host's memory, each second and behind each gap.
    Keyframe,
    /// Records that were dropped.
    Gap,
}

impl Topic {
    /// All, in the order of their channels.
    pub const ALL: [Self; 7] =
        [Self::Start, Self::Received, Self::Sent, Self::Tick, Self::Timing, Self::Keyframe, Self::Gap];

    /// Such as `/tick`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "/start",
            Self::Received => "/received",
            Self::Sent => "/sent",
            Self::Tick => "/tick",
            Self::Timing => "/timing",
            Self::Keyframe => "/keyframe",
            Self::Gap => "/gap",
        }
    }

    /// The topic of a channel, if it is one of these.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == name)
    }

    /// Such as `sinew.Tick`.
    pub(super) fn schema_name(self) -> &'static str {
        match self {
            Self::Start => "sinew.Start",
            Self::Received => "sinew.Received",
            Self::Sent => "sinew.Sent",
            Self::Tick => "sinew.Tick",
            Self::Timing => "sinew.Timing",
            Self::Keyframe => "sinew.Keyframe",
            Self::Gap => "sinew.Gap",
        }
    }
}

/// What the robot's parts are called.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// With the number of values.
    sensors: Vec<(String, usize)>,
    actuators: Vec<String>,
}

impl Names {
    pub(super) fn of(robot: &Robot) -> Self {
        Self {
            sensors: robot.sensors.iter().map(|sensor| (sensor.name.clone(), sensor.size.into())).collect(),
            actuators: robot.actuators.iter().map(|actuator| actuator.name.clone()).collect(),
        }
    }

    fn tick<'m>(&'m self, trace: &'m TickTrace) -> TickMessage<'m> {
        let TickTrace { tick, time_us, request, overran, fault, inferred, saturated, .. } = *trace;
        let TickTrace { mode, cause, transition, .. } = *trace;
        let sample = trace.sample.as_ref().map(|SampleTrace { sequence, age_us, values }| SampleMessage {
            sequence: *sequence,
            age_us: *age_us,
            sensors: Groups { names: &self.sensors, values },
        });
        let command = Singles { names: &self.actuators, values: &trace.command };
        let counters = &trace.counters;
        TickMessage {
            tick,
            time_us,
            request,
            overran,
            mode,
            cause,
            transition,
            fault,
            inferred,
            saturated,
            sample,
            command,
            counters,
        }
    }
}

#[derive(Serialize)]
struct TickMessage<'m> {
    tick: u64,
    time_us: u64,
    request: Option<Request>,
    overran: bool,
    mode: Mode,
    cause: Option<Cause>,
    transition: Option<Transition>,
    fault: Option<Cause>,
    inferred: bool,
    saturated: bool,
    sample: Option<SampleMessage<'m>>,
    command: Singles<'m>,
    counters: &'m Counters,
}

#[derive(Serialize)]
struct SampleMessage<'m> {
    sequence: u64,
    age_us: u64,
    sensors: Groups<'m>,
}

/// Several values under each name; a sample of another size than the robot's, which a host refuses, stands as `unnamed`.
struct Groups<'m> {
    names: &'m [(String, usize)],
    values: &'m [f32],
}

impl Serialize for Groups<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let mut values = self.values;
        if self.names.iter().map(|(_, size)| size).sum::<usize>() != values.len() {
            map.serialize_entry("unnamed", values)?;
            return map.end();
        }
        for (name, size) in self.names {
            let (own, rest) = values.split_at(*size);
            map.serialize_entry(name, own)?;
            values = rest;
        }
        map.end()
    }
}

/// One value under each name.
struct Singles<'m> {
    names: &'m [String],
    values: &'m [f32],
}

impl Serialize for Singles<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.names.iter().zip(self.values))
    }
}

/// What a replay needs of a `/tick`: the inputs.
#[derive(Debug, Deserialize)]
pub(super) struct TickInputs {
    pub(super) tick: u64,
    pub(super) time_us: u64,
    pub(super) request: Option<Request>,
    pub(super) overran: bool,
}

/// A `/received`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ReceivedMessage {
    pub(super) tick: u64,
    pub(super) time_us: u64,
    pub(super) bytes: String,
}

/// A `/sent`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SentMessage {
    pub(super) tick: u64,
    pub(super) time_us: u64,
    pub(super) accepted: bool,
    pub(super) bytes: String,
}

/// A `/keyframe`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeyframeMessage {
    pub(super) tick: u64,
    pub(super) time_us: u64,
    pub(super) memory: String,
}

/// A `/timing`.
#[derive(Debug, Serialize)]
struct TimingMessage {
    tick: u64,
    time_us: u64,
    wake_up_us: f64,
    compute_us: f64,
    skipped: u64,
}

/// A `/gap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GapMessage {
    pub(super) from_tick: u64,
    pub(super) to_tick: u64,
    pub(super) time_us: u64,
    pub(super) dropped: u64,
}

/// The bytes of a base64 text.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// What the log says of an event: where, and the text.
pub(super) fn text(event: &Event, names: &Names) -> serde_json::Result<(Topic, String)> {
    let base64 = |bytes: &[u8]| STANDARD.encode(bytes);
    Ok(match *event {
        Event::Received { tick, time_us, bytes } => {
            let message = ReceivedMessage { tick, time_us, bytes: base64(bytes.0) };
            (Topic::Received, serde_json::to_string(&message)?)
        }
        Event::Sent { tick, time_us, accepted, bytes } => {
            let message = SentMessage { tick, time_us, accepted, bytes: base64(bytes.0) };
            (Topic::Sent, serde_json::to_string(&message)?)
        }
        Event::Tick(ref trace) => (Topic::Tick, serde_json::to_string(&names.tick(trace))?),
        Event::Timing { tick, time_us, timing } => {
            let Timing { wake_up_ns, compute_ns, skipped } = timing;
            let (wake_up_us, compute_us) = (wake_up_ns as f64 / 1000.0, compute_ns as f64 / 1000.0);
            let message = TimingMessage { tick, time_us, wake_up_us, compute_us, skipped };
            (Topic::Timing, serde_json::to_string(&message)?)
        }
        Event::Keyframe { tick, time_us, memory } => {
            let message = KeyframeMessage { tick, time_us, memory: base64(memory.0) };
            (Topic::Keyframe, serde_json::to_string(&message)?)
        }
        Event::Gap { from_tick, to_tick, time_us, dropped } => {
            let message = GapMessage { from_tick, to_tick, time_us, dropped };
            (Topic::Gap, serde_json::to_string(&message)?)
        }
    })
}

/// The `/start` message's text.
pub(super) fn start_text(start: &Start) -> serde_json::Result<String> {
    serde_json::to_string(start)
}

/// A topic's schema, in JSON Schema.
pub(super) fn schema(topic: Topic, names: &Names) -> String {
    let integer = |description: &str| json!({ "type": "integer", "description": description });
    let number = |description: &str| json!({ "type": "number", "description": description });
    let boolean = |description: &str| json!({ "type": "boolean", "description": description });
    let string = |description: &str| json!({ "type": "string", "description": description });
    let base64 = |description: &str| json!({ "type": "string", "contentEncoding": "base64", "description": description });
    let object = |properties: Value| json!({ "type": "object", "properties": properties });
    let tick = integer("number of the tick, from 0");
    let time = integer("since the run's start, us");
    let properties = match topic {
        Topic::Start => json!({
            "version": string("of Sinew"),
            "image": string("SHA-256 of the policy's image"),
            "contract": string("SHA-256 of its contract"),
            "fallback_policy": string("SHA-256 of the fallback policy's image"),
            "interface": string("SHA-256 of the robot's interface"),
            "options": { "type": "object", "description": "how the host behaves" },
            "robot": string("robot.toml"),
            "clock": string("real_time or virtual"),
            "epoch_ns": integer("Unix time at the run's time 0, ns; 0 in virtual time"),
        }),
        Topic::Received => {
            json!({ "tick": tick, "time_us": time, "bytes": base64("as they came from the robot") })
        }
        Topic::Sent => json!({
            "tick": tick,
            "time_us": time,
            "accepted": boolean("whether the link took it"),
            "bytes": base64("the frame"),
        }),
        Topic::Tick => {
            let groups = names
                .sensors
                .iter()
                .map(|(name, _)| (name.clone(), json!({ "type": "array", "items": { "type": "number" } })));
            let commands = names.actuators.iter().map(|name| (name.clone(), json!({ "type": "number" })));
            let change = json!({ "time_us": time, "from": string("mode"), "to": string("mode"), "cause": string("why") });
            let sample = json!({
                "sequence": integer("its number"),
                "age_us": integer("a bound on its age at the tick's time, us"),
                "sensors": object(groups.collect()),
            });
            json!({
                "tick": tick,
                "time_us": time,
                "request": string("what an operator asked for"),
                "overran": boolean("whether the tick before ended late"),
                "mode": string("from this tick on"),
                "cause": string("why the robot is in fallback or stopped"),
                "transition": object(change),
                "fault": string("what was wrong: the cause with the severest answer"),
                "inferred": boolean("whether the policy ran"),
                "saturated": boolean("whether an output of it lay outside its limits"),
                "sample": object(sample),
                "command": object(commands.collect()),
                "counters": { "type": "object", "description": "since the start" },
            })
        }
        Topic::Timing => json!({
            "tick": tick,
            "time_us": time,
            "wake_up_us": number("from the deadline to the tick's start, us"),
            "compute_us": number("from its start to its end, us"),
            "skipped": integer("deadlines that it missed"),
        }),
        Topic::Keyframe => {
            json!({ "tick": tick, "time_us": time, "memory": base64("the host before this tick, in postcard's format") })
        }
        Topic::Gap => json!({
            "from_tick": tick,
            "to_tick": tick,
            "time_us": time,
            "dropped": integer("records that are missing"),
        }),
    };
    json!({ "title": topic.schema_name(), "type": "object", "properties": properties }).to_string()
}
