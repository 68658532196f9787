//! An episode as a log: [`log`], MCAP that Foxglove opens without a plug-in, and that any reader of MCAP and JSON can read.
//!
//! Times are nanoseconds of simulated time from the episode's start. `/tf` has the bodies' poses, `/scene` their shapes and
//! the goals, `/step` every number that the page shows, by name. Nothing is compressed: that would take a C library.

use super::foxglove;
use super::recording::{Frame, Recording};
use ::mcap::records::{MessageHeader, Metadata};
use ::mcap::{McapError, WriteOptions, Writer};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Cursor;

/// The log of an episode.
///
/// # Errors
/// The log's format refused, which would be an error of the program.
pub fn log(recording: &Recording) -> Result<Vec<u8>, McapError> {
    let options = WriteOptions::new().compression(None).library(concat!("sinew ", env!("CARGO_PKG_VERSION")));
    let mut writer = options.create(Cursor::new(Vec::new()))?;
    writer.write_metadata(&metadata(recording))?;
    let channel = |writer: &mut Writer<_>, topic: &str, name: &str, schema: &Value| {
        let schema = writer.add_schema(name, "jsonschema", schema.to_string().as_bytes())?;
        writer.add_channel(schema, topic, "json", &BTreeMap::new())
    };
    let transforms = channel(&mut writer, "/tf", "foxglove.FrameTransforms", &foxglove::transforms_schema())?;
    let scenes = channel(&mut writer, "/scene", "foxglove.SceneUpdate", &foxglove::scene_schema())?;
    let steps = channel(&mut writer, "/step", "sinew.Step", &step_schema(recording))?;
    let mut goal: Option<&[f32]> = None;
    for (index, frame) in recording.frames.iter().enumerate() {
        let time_ns = (index as f64 * recording.period_s * 1e9).round() as u64;
        let mut write = |channel_id: u16, message: &Value| {
            let header = MessageHeader {
                channel_id,
                sequence: index as u32,
                log_time: time_ns,
                publish_time: time_ns,
            };
            writer.write_to_known_channel(&header, message.to_string().as_bytes())
        };
        write(transforms, &foxglove::transforms(time_ns, &recording.scene, &frame.poses))?;
        if index == 0 {
            write(scenes, &foxglove::scene(time_ns, &recording.scene))?;
        }
        if goal != Some(&frame.goal) && !recording.goals.is_empty() {
            write(scenes, &foxglove::goals(time_ns, recording, &frame.goal))?;
            goal = Some(&frame.goal);
        }
        write(steps, &step(recording, index, frame))?;
    }
    writer.finish()?;
    Ok(writer.into_inner().into_inner())
}

fn metadata(recording: &Recording) -> Metadata {
    let mut pairs = vec![
        ("task", recording.task.clone()),
        ("seed", recording.seed.to_string()),
        ("episode", recording.episode.to_string()),
        ("randomization", format!("{:?}", recording.randomization).to_lowercase()),
        ("outcome", recording.outcome()),
        ("return", recording.summary.episode_return.to_string()),
    ];
    if let Some((algorithm, steps)) = &recording.trained {
        pairs.extend([("algorithm", algorithm.clone()), ("trained_steps", steps.to_string())]);
    }
    let metadata = pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Metadata { name: "sinew.Episode".to_owned(), metadata }
}

/// All numbers of a moment, by name, so that a plot can ask for `/step.joints.hinge.position`.
fn step(recording: &Recording, index: usize, frame: &Frame) -> Value {
    let joints = recording.joints.iter().zip(&frame.joints).map(|(name, joint)| {
        (name.clone(), json!({ "position": joint.position, "velocity": joint.velocity }))
    });
    // Nothing led to the start.
    let commands = if index == 0 { &[][..] } else { &frame.actuator_command };
    let commands = frame.action.iter().zip(commands);
    let actuators = recording.actuators.iter().zip(commands).map(|(actuator, (action, command))| {
        (actuator.name.clone(), json!({ "action": action, "command": command }))
    });
    let mut values = &frame.goal[..];
    let goals = recording.goals.iter().map(|goal| {
        let (own, rest) = values.split_at(goal.limits.len());
        values = rest;
        (goal.name.clone(), json!(own))
    });
    json!({
        "reward": frame.reward,
        "return": frame.episode_return,
        "joints": joints.collect::<Map<_, _>>(),
        "actuators": actuators.collect::<Map<_, _>>(),
        "goals": goals.collect::<Map<_, _>>(),
    })
}

fn step_schema(recording: &Recording) -> Value {
    let number = |description: &str| json!({ "type": "number", "description": description });
    let object = |properties: Map<String, Value>| json!({ "type": "object", "properties": properties });
    let joint = |name: &String| {
        let position = number("rad of a hinge, m of a slide");
        let velocity = number("rad/s or m/s");
        let properties = json!({ "position": position, "velocity": velocity });
        (name.clone(), json!({ "type": "object", "properties": properties }))
    };
    let actuators = recording.actuators.iter().map(|actuator| {
        let action = number("normalized, of the step that led here");
        let properties = json!({ "action": action, "command": number(actuator.unit) });
        (actuator.name.clone(), json!({ "type": "object", "properties": properties }))
    });
    let goals = recording.goals.iter().map(|goal| {
        let unit = super::recording::symbol(goal.unit);
        (goal.name.clone(), json!({ "type": "array", "items": number(unit) }))
    });
    json!({
        "title": "sinew.Step",
        "type": "object",
        "properties": {
            "reward": number("of the step that led here"),
            "return": number("sum of the rewards so far"),
            "joints": object(recording.joints.iter().map(joint).collect()),
            "actuators": object(actuators.collect()),
            "goals": object(goals.collect()),
        },
    })
}
