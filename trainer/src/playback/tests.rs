//! What both forms of an episode promise, whatever was recorded.

use super::*;
use serde_json::Value;
use sinew_policy_runtime::interface::{Frame as Reference, Unit};
use sinew_sim::robot::scene::{Body, Form, Pose, Scene, Shape};
use sinew_sim::{EpisodeSummary, JointState, Randomization};
use std::collections::BTreeMap;

const HOSTILE: &str = "</script><script>alert('x')</script> & <!--";

fn shape(form: Form) -> Shape {
    Shape { form, pose: Pose::IDENTITY, color: None, shown: true }
}

fn frame(index: usize, bodies: usize) -> Frame {
    let moved = Pose { position_m: [0.01 * index as f64, 0.0, 1.0], orientation: [0.0, 1.0, 0.0, 0.0] };
    let pose = |body| if body == 0 { Pose::IDENTITY } else { moved };
    Frame {
        poses: (0..bodies).map(pose).collect(),
        reward: -0.5,
        episode_return: -0.5 * index as f64,
        action: vec![0.25],
        actuator_command: vec![0.5],
        goal: vec![1.0, 0.0, if index < 3 { 0.0 } else { 2.0 }],
        joints: vec![JointState { position: 0.1 * index as f64, velocity: 2.0 }],
    }
}

/// An episode of a robot of so many bodies, the world included.
fn recording(bodies: usize, frames: usize) -> Recording {
    let triangles = Form::Triangles {
        vertices_m: vec![[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
        triangles: vec![[0, 1, 2]],
    };
    let forms = [
        Form::Plane,
        Form::Box { half_extents_m: [0.1, 0.2, 0.3] },
        Form::Capsule { radius_m: 0.1, half_length_m: 0.5 },
        triangles,
        Form::Rotor { radius_m: 0.1, clockwise: true },
    ];
    let body = |index: usize| Body {
        name: if index == 0 { "world".to_owned() } else { format!("body {index}") },
        parent: index.checked_sub(1),
        shapes: vec![shape(forms[index % forms.len()].clone())],
    };
    Recording {
        task: "example".to_owned(),
        trained: Some(("sac".to_owned(), 20_000)),
        seed: 3,
        episode: 4,
        randomization: Randomization::Acceptance,
        period_s: 0.02,
        scene: Scene { bodies: (0..bodies).map(body).collect() },
        actuators: vec![Channel { name: "motor".to_owned(), unit: "N m", limits: [-2.0, 2.0] }],
        goals: vec![Goal {
            name: "position".to_owned(),
            unit: Unit::Meter,
            frame: Reference::World,
            limits: vec![[-3.0, 3.0]; 3],
        }],
        joints: vec!["hinge".to_owned()],
        frames: (0..frames).map(|index| frame(index, bodies)).collect(),
        end: End::Complete,
        summary: EpisodeSummary {
            episode: 0,
            episode_return: -1.5,
            steps: frames as u32 - 1,
            terminated: false,
            faulted: false,
            success: Some(true),
            metrics: BTreeMap::from([("position_error_max_m".to_owned(), 0.25)]),
        },
    }
}

/// The JSON document inside a page.
fn episode(page: &str) -> Value {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"episode\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn names_from_files_cannot_become_markup() {
    let mut recording = recording(3, 5);
    recording.task = HOSTILE.to_owned();
    recording.scene.bodies[1].name = HOSTILE.to_owned();
    recording.actuators[0].name = HOSTILE.to_owned();
    recording.goals[0].name = HOSTILE.to_owned();
    recording.end = End::Fault(HOSTILE.to_owned());
    let page = html::page(&recording);
    // The data, three.js and the viewer; the title is text.
    assert_eq!((page.matches("<script").count(), page.matches("</script").count()), (3, 3));
    assert!(!page.contains("<!--") && !page.contains("<script>alert"));
    assert!(page.contains("<title>&lt;/script&gt;"));
    let episode = episode(&page);
    assert_eq!(episode["task"], HOSTILE);
    assert_eq!(episode["actuators"][0]["name"], HOSTILE);
    assert_eq!(episode["verdict"], "passed");
}

#[test]
fn a_page_loads_nothing_and_is_the_same_for_the_same_episode() {
    let page = html::page(&recording(3, 5));
    assert_eq!(page, html::page(&recording(3, 5)));
    assert!(page.contains("default-src 'none'"));
    for outside in [" src=", " href=", "@import", "url(", "import(", "fetch(\""] {
        let (_, body) = page.split_once("<body>").unwrap();
        let own = body.split("/* three.js").next().unwrap();
        assert!(!own.contains(outside), "{outside}");
    }
}

#[test]
fn long_episodes_of_many_bodies_stay_small_and_keep_their_end() {
    let recording = recording(41, 3001);
    let page = html::page(&recording);
    assert!(page.len() < 1_250_000, "{} bytes", page.len());
    let episode = episode(&page);
    let frames = episode["frames"].as_u64().unwrap() as f64;
    let shown_s = (frames - 1.0) * episode["period_s"].as_f64().unwrap();
    assert!(frames > 100.0 && shown_s <= recording.duration_s());
    assert!(episode["note"].as_str().unwrap().contains("steps is shown"));
    assert!(html::page(&self::recording(2, 500)).len() < 700_000);
}

#[test]
fn rows_of_numbers_have_the_length_that_the_viewer_expects() {
    let episode = episode(&html::page(&recording(4, 7)));
    let bytes = |key: &str| {
        let text = episode[key].as_str().unwrap();
        text.len() / 4 * 3 - text.matches('=').count()
    };
    assert_eq!(episode["frames"], 7);
    // The world does not move.
    assert!(episode["bodies"][0]["pose"].is_object());
    assert_eq!(bytes("positions"), 7 * 3 * 3 * 4);
    assert_eq!(bytes("orientations"), 7 * 3 * 4 * 2);
    assert_eq!((bytes("rewards"), bytes("commands"), bytes("goal_values")), (7 * 4, 7 * 4, 7 * 3 * 4));
    assert_eq!(episode["goals"][0]["shows"], "position");
}

#[test]
fn a_log_has_every_moment_at_its_time() {
    let recording = recording(6, 5);
    let log = mcap::log(&recording).unwrap();
    assert!(log == mcap::log(&recording).unwrap());
    let mut last_ns = 0;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for message in ::mcap::MessageStream::new(&log).unwrap() {
        let message = message.unwrap();
        let schema = message.channel.schema.clone().unwrap();
        assert!(message.log_time >= last_ns);
        last_ns = message.log_time;
        *counts.entry(schema.name.clone()).or_default() += 1;
        let value: Value = serde_json::from_slice(&message.data).unwrap();
        let form: Value = serde_json::from_slice(&schema.data).unwrap();
        conforms(&value, &form, &schema.name);
        if schema.name == "sinew.Step" && message.log_time == 80_000_000 {
            assert_eq!(value["joints"]["hinge"]["position"], 0.4);
            assert_eq!(value["goals"]["position"][2], 2.0);
            assert_eq!(value["actuators"]["motor"]["command"], 0.5);
        }
    }
    assert_eq!(last_ns, 80_000_000);
    // Shapes once; the goal once and when it changed.
    let expected = [("foxglove.FrameTransforms", 5), ("foxglove.SceneUpdate", 3), ("sinew.Step", 5)];
    assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)).into());
}

/// Every field that is written is in the schema, and of its type.
fn conforms(value: &Value, schema: &Value, place: &str) {
    let expected = schema["type"].as_str().unwrap();
    match value {
        Value::Object(fields) => {
            assert_eq!(expected, "object", "{place}");
            for (name, field) in fields {
                let known = &schema["properties"][name];
                assert!(known.is_object(), "{place}.{name} is not in the schema");
                conforms(field, known, &format!("{place}.{name}"));
            }
        }
        Value::Array(items) => {
            assert_eq!(expected, "array", "{place}");
            for item in items {
                conforms(item, &schema["items"], place);
            }
        }
        Value::Number(_) => assert!(matches!(expected, "number" | "integer"), "{place}"),
        Value::String(_) => assert_eq!(expected, "string", "{place}"),
        Value::Bool(_) => assert_eq!(expected, "boolean", "{place}"),
        Value::Null => panic!("{place} is null"),
    }
}

#[test]
fn an_arrow_points_where_the_velocity_does() {
    let mut recording = recording(3, 2);
    let limits = vec![[-1.0, 1.0]; 3];
    recording.goals =
        vec![Goal { name: "v".to_owned(), unit: Unit::MeterPerSecond, frame: Reference::Body, limits }];
    for velocity in [[0.0, 0.6, 0.0], [-1.0, 0.0, 0.0], [0.3, -0.4, 0.5]] {
        let update = foxglove::goals(0, &recording, &velocity);
        let entity = &update["entities"][0];
        assert_eq!(entity["frame_id"], "body 1");
        let arrow = &entity["arrows"][0];
        let [w, x, y, z] =
            ["w", "x", "y", "z"].map(|axis| arrow["pose"]["orientation"][axis].as_f64().unwrap());
        let length = arrow["shaft_length"].as_f64().unwrap() + arrow["head_length"].as_f64().unwrap();
        // The x axis, turned.
        let tip = [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z), 2.0 * (x * z - w * y)];
        for (tip, velocity) in tip.iter().zip(velocity) {
            assert!((length * tip - f64::from(velocity)).abs() < 1e-6, "{tip} {velocity}");
        }
    }
    let still = foxglove::goals(0, &recording, &[0.0; 3]);
    assert_eq!(still["entities"][0]["arrows"].as_array().unwrap().len(), 0);
}
