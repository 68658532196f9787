//! An episode as one page: [`page`], with the viewer inside, which opens from a file and loads nothing.
//!
//! The page is the report's in looks and three.js's in three dimensions. What differs between two episodes is one JSON
//! document inside it, with long rows of numbers as base64; a policy of the page's own forbids it any network.

use super::recording::{End, Frame, Goal, Recording, symbol};
use crate::report::html::{PALETTE, escape};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sinew_policy_runtime::interface::{Frame as Reference, Unit};
use sinew_sim::robot::scene::{Body, Form, Pose, Shape};
use std::fmt::Write as _;

/// Poses and numbers of an episode take at most so many bytes: a page is to be sent around. Where there are more,
/// every second frame is shown, or every third, and so on.
const DATA_BYTES: usize = 400_000;
/// A body's position in f32 and its orientation in i16.
const POSE_BYTES: usize = 3 * 4 + 4 * 2;

/// The viewer, in the order in which its parts build on each other.
const VIEWER: [&str; 6] = [
    include_str!("page/episode.js"),
    include_str!("page/solids.js"),
    include_str!("page/goals.js"),
    include_str!("page/stage.js"),
    include_str!("page/panel.js"),
    include_str!("page/player.js"),
];

/// The page of an episode.
pub fn page(recording: &Recording) -> String {
    let title = format!("{} · seed {} · episode {}", recording.task, recording.seed, recording.episode);
    let policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'";
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n<title>{}</title>\n\
         <style>\n{PALETTE}{}</style>\n</head>\n<body>\n{}<aside class=\"panel\"></aside>\n",
        escape(&title),
        include_str!("page/page.css"),
        include_str!("page/page.html"),
    );
    // Writing to a string does not fail.
    let _ = write!(
        page,
        "<script type=\"application/json\" id=\"episode\">{}</script>\n<script>/* three.js\n{}*/\n{}</script>\n\
         <script>\n\"use strict\";\n{}</script>\n</body>\n</html>\n",
        harmless(&data(recording)),
        include_str!("vendor/LICENSE"),
        include_str!("vendor/three.bundle.js"),
        VIEWER.concat()
    );
    page
}

/// JSON that cannot end the element that holds it.
fn harmless(data: &Value) -> String {
    data.to_string().replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e")
}

fn data(recording: &Recording) -> Value {
    let moving: Vec<bool> = (0..recording.scene.bodies.len()).map(|body| moves(recording, body)).collect();
    let stride = stride(recording, moving.iter().filter(|moves| **moves).count());
    let frames: Vec<&Frame> = shown(&recording.frames, stride);
    let bodies = recording.scene.bodies.iter().enumerate().map(|(index, body)| {
        let fixed = (!moving[index]).then(|| frames.first().map(|frame| pose(&frame.poses[index]))).flatten();
        describe_body(body, fixed)
    });
    let poses = || {
        let each = frames.iter().flat_map(|frame| frame.poses.iter().zip(&moving));
        each.filter(|(_, moves)| **moves).map(|(pose, _)| pose)
    };
    json!({
        "task": recording.task,
        "origin": origin(recording),
        "which": which(recording),
        "outcome": recording.outcome(),
        "verdict": verdict(recording),
        "note": note(stride),
        "metrics": recording.summary.metrics.iter().collect::<Vec<_>>(),
        "period_s": recording.period_s * stride as f64,
        "frames": frames.len(),
        "bodies": bodies.collect::<Vec<_>>(),
        "actuators": recording.actuators.iter().map(|actuator| json!({
            "name": actuator.name, "unit": actuator.unit, "low": actuator.limits[0], "high": actuator.limits[1],
        })).collect::<Vec<_>>(),
        "goals": recording.goals.iter().map(describe_goal).collect::<Vec<_>>(),
        "positions": floats(poses().flat_map(|pose| pose.position_m)),
        "orientations": turns(poses()),
        "rewards": floats(frames.iter().map(|frame| frame.reward)),
        "returns": floats(frames.iter().map(|frame| frame.episode_return)),
        "commands": floats(frames.iter().flat_map(|frame| frame.actuator_command.iter().copied().map(f64::from))),
        "goal_values": floats(frames.iter().flat_map(|frame| frame.goal.iter().copied().map(f64::from))),
    })
}

fn moves(recording: &Recording, body: usize) -> bool {
    let mut poses = recording.frames.iter().map(|frame| frame.poses[body]);
    let first = poses.next();
    poses.any(|pose| Some(pose) != first)
}

/// How many frames one is shown of.
fn stride(recording: &Recording, moving: usize) -> usize {
    let goals: usize = recording.goals.iter().map(|goal| goal.limits.len()).sum();
    let frame_bytes = moving * POSE_BYTES + 4 * (2 + recording.actuators.len() + goals);
    (recording.frames.len() * frame_bytes).div_ceil(DATA_BYTES).max(1)
}

/// Every `stride`-th frame, counted so that the last is one of them.
fn shown(frames: &[Frame], stride: usize) -> Vec<&Frame> {
    let mut shown: Vec<&Frame> = frames.iter().rev().step_by(stride).collect();
    shown.reverse();
    shown
}

fn origin(recording: &Recording) -> String {
    match &recording.trained {
        Some((algorithm, steps)) => format!("Trained with {} for {steps} steps", algorithm.to_uppercase()),
        None => "A policy without a contract".to_owned(),
    }
}

fn which(recording: &Recording) -> String {
    let level = format!("{:?}", recording.randomization).to_lowercase();
    format!("Seed {}, episode {}, {level} ranges", recording.seed, recording.episode)
}

fn verdict(recording: &Recording) -> &'static str {
    match (recording.summary.success, &recording.end) {
        (Some(true), _) => "passed",
        (Some(false), _) | (None, End::Fault(_)) => "failed",
        _ => "",
    }
}

fn note(stride: usize) -> String {
    if stride == 1 { String::new() } else { format!("One of {stride} steps is shown.") }
}

fn describe_goal(goal: &Goal) -> Value {
    // Three lengths in the world are a place; speeds ahead and aside, and perhaps upwards, an arrow.
    let shows = match (goal.unit, goal.frame, goal.limits.len()) {
        (Unit::Meter, Reference::World, 3) => Some("position"),
        (Unit::MeterPerSecond, Reference::World | Reference::Body, 2 | 3) => Some("velocity"),
        _ => None,
    };
    let frame = if goal.frame == Reference::Body { "body" } else { "world" };
    json!({ "name": goal.name, "unit": symbol(goal.unit), "frame": frame, "limits": goal.limits, "shows": shows })
}

#[expect(clippy::needless_pass_by_value, reason = "becomes part of the document")]
fn describe_body(body: &Body, fixed: Option<Value>) -> Value {
    let shapes: Vec<Value> = body.shapes.iter().map(describe_shape).collect();
    json!({ "name": body.name, "parent": body.parent, "pose": fixed, "shapes": shapes })
}

fn describe_shape(shape: &Shape) -> Value {
    let mut described = match &shape.form {
        Form::Box { half_extents_m } => json!({ "form": "box", "size": half_extents_m.map(short) }),
        Form::Sphere { radius_m } => json!({ "form": "sphere", "size": [short(*radius_m)] }),
        Form::Capsule { radius_m, half_length_m } => {
            json!({ "form": "capsule", "size": [short(*radius_m), short(*half_length_m)] })
        }
        Form::Cylinder { radius_m, half_length_m } => {
            json!({ "form": "cylinder", "size": [short(*radius_m), short(*half_length_m)] })
        }
        Form::Plane => json!({ "form": "plane" }),
        Form::Triangles { vertices_m, triangles } => json!({
            "form": "triangles",
            "vertices": floats(vertices_m.iter().flatten().copied()),
            "corners": STANDARD.encode(triangles.iter().flatten().flat_map(|corner| corner.to_le_bytes()).collect::<Vec<u8>>()),
        }),
        Form::Rotor { radius_m, clockwise } => {
            json!({ "form": "rotor", "size": [short(*radius_m)], "clockwise": clockwise })
        }
    };
    let Pose { position_m, .. } = shape.pose;
    described["position"] = json!(position_m.map(short));
    described["orientation"] = json!(last_w(&shape.pose).map(short));
    described["color"] = json!(shape.color.map(|color| color.map(short)));
    described["shown"] = json!(shape.shown);
    described
}

fn pose(pose: &Pose) -> Value {
    json!({ "position": pose.position_m.map(short), "orientation": last_w(pose).map(short) })
}

/// In three.js's order: x y z w.
fn last_w(pose: &Pose) -> [f64; 4] {
    let [w, x, y, z] = pose.orientation;
    [x, y, z, w]
}

/// The simulation's own precision, whose decimal form is shorter.
fn short(value: f64) -> f32 {
    value as f32
}

/// Base64 of little-endian f32.
fn floats(values: impl Iterator<Item = f64>) -> String {
    STANDARD.encode(values.flat_map(|value| (value as f32).to_le_bytes()).collect::<Vec<u8>>())
}

/// Base64 of little-endian i16, x y z w, full scale 1: the viewer normalizes them.
fn turns<'a>(poses: impl Iterator<Item = &'a Pose>) -> String {
    let component = |value: f64| ((value * f64::from(i16::MAX)).round() as i16).to_le_bytes();
    STANDARD.encode(poses.flat_map(|pose| last_w(pose).into_iter().flat_map(component)).collect::<Vec<u8>>())
}
