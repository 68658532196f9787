//! Foxglove's own messages as JSON: transforms between frames, and what there is to see in them.
//!
//! Every body is a frame of its own in the world's, so that shapes are sent once and poses alone move them. Schemas name
//! the fields that are written; see <https://docs.foxglove.dev/docs/visualization/message-schemas/scene-update>.

use super::recording::{Goal, Recording};
use serde_json::{Value, json};
use sinew_policy_runtime::interface::{Frame as Reference, Unit};
use sinew_sim::robot::scene::{Body, Form, Pose, Scene, Shape};

/// Bodies by their distance from the world, as on the page.
const COLORS: [[f64; 3]; 8] = [
    [0.56, 0.55, 0.51],
    [0.25, 0.38, 0.44],
    [0.81, 0.55, 0.24],
    [0.25, 0.56, 0.54],
    [0.54, 0.42, 0.65],
    [0.71, 0.35, 0.31],
    [0.44, 0.56, 0.28],
    [0.31, 0.45, 0.66],
];
const GOAL: [f64; 4] = [0.71, 0.41, 0.05, 0.9];
/// How far a ground without end is drawn, m.
const GROUND_M: f64 = 100.0;
/// Of what is drawn of a goal, m and m for each m/s.
const MARKER_M: f64 = 0.05;

/// Where each body is.
pub(super) fn transforms(time_ns: u64, scene: &Scene, poses: &[Pose]) -> Value {
    let moved = scene.bodies.iter().zip(poses).filter(|(body, _)| body.parent.is_some());
    let transforms = moved.map(|(body, pose)| {
        json!({
            "timestamp": time(time_ns),
            "parent_frame_id": scene.bodies[0].name,
            "child_frame_id": body.name,
            "translation": vector(pose.position_m),
            "rotation": quaternion(pose.orientation),
        })
    });
    json!({ "transforms": transforms.collect::<Vec<_>>() })
}

/// Every body's shapes, until further notice.
pub(super) fn scene(time_ns: u64, scene: &Scene) -> Value {
    let seen = scene.bodies.iter().filter(|body| body.shapes.iter().any(|shape| shape.shown));
    let entities = seen.map(|body| {
        let mut entity = Entity::default();
        let [red, green, blue] = COLORS[depth(scene, body) % COLORS.len()];
        for shape in body.shapes.iter().filter(|shape| shape.shown) {
            entity.add(shape, &color(shape.color.unwrap_or([red, green, blue, 1.0])));
        }
        entity.json(time_ns, &body.name, &body.name)
    });
    json!({ "deletions": [], "entities": entities.collect::<Vec<_>>() })
}

/// The goals that have a place in space: spheres for positions, arrows on the base for velocities.
pub(super) fn goals(time_ns: u64, recording: &Recording, values: &[f32]) -> Value {
    let mut rest = values;
    let mut entities = Vec::new();
    for goal in &recording.goals {
        let (own, others) = rest.split_at(goal.limits.len());
        rest = others;
        let mut entity = Entity::default();
        match (goal.unit, goal.frame, own) {
            (Unit::Meter, Reference::World, [x, y, z]) => {
                let place = Pose { position_m: [*x, *y, *z].map(f64::from), ..Pose::IDENTITY };
                entity.spheres.push(sphere(place, MARKER_M, &color(GOAL)));
            }
            (Unit::MeterPerSecond, Reference::World | Reference::Body, [x, y, ..]) => {
                let up = own.get(2).copied().unwrap_or_default();
                entity.arrows.extend(arrow([*x, *y, up].map(f64::from)));
            }
            _ => continue,
        }
        entities.push(entity.json(time_ns, frame_of(recording, goal), &format!("goal {}", goal.name)));
    }
    json!({ "deletions": [], "entities": entities })
}

/// Places are the world's; velocities, and whatever a robot is told in its own frame, sit on the body that carries the others.
fn frame_of<'a>(recording: &'a Recording, goal: &Goal) -> &'a str {
    let bodies = &recording.scene.bodies;
    let base = bodies.iter().find(|body| body.parent == Some(0));
    let body = if goal.frame == Reference::Body { base } else { bodies.first() };
    body.map_or("", |body| body.name.as_str())
}

fn arrow(velocity: [f64; 3]) -> Option<Value> {
    let [x, y, z] = velocity;
    let length = (x * x + y * y + z * z).sqrt();
    if length < 1e-6 {
        return None;
    }
    // Arrows point along x: the shortest turn from there, half a turn where they point the other way.
    let turn = [1.0 + x / length, 0.0, -z / length, y / length];
    let norm = turn.iter().map(|value| value * value).sum::<f64>().sqrt();
    let orientation = if norm > 1e-6 { turn.map(|value| value / norm) } else { [0.0, 0.0, 0.0, 1.0] };
    Some(json!({
        "pose": placed(&Pose { position_m: [0.0; 3], orientation }),
        "shaft_length": 0.75 * length, "shaft_diameter": 0.05 * length,
        "head_length": 0.25 * length, "head_diameter": 0.12 * length,
        "color": color(GOAL),
    }))
}

/// Solids that share a frame.
#[derive(Default)]
struct Entity {
    arrows: Vec<Value>,
    cubes: Vec<Value>,
    spheres: Vec<Value>,
    cylinders: Vec<Value>,
    triangles: Vec<Value>,
}

impl Entity {
    fn add(&mut self, shape: &Shape, color: &Value) {
        let Shape { form, pose, .. } = shape;
        match form {
            Form::Box { half_extents_m } => {
                self.cubes.push(cube(*pose, half_extents_m.map(|half| 2.0 * half), color));
            }
            Form::Sphere { radius_m } => self.spheres.push(sphere(*pose, *radius_m, color)),
            Form::Capsule { radius_m, half_length_m } => {
                for side in [-1.0, 1.0] {
                    let end = shifted(pose, side * half_length_m);
                    self.spheres.push(sphere(end, *radius_m, color));
                }
                self.cylinders.push(cylinder(*pose, *radius_m, 2.0 * half_length_m, color));
            }
            Form::Cylinder { radius_m, half_length_m } => {
                self.cylinders.push(cylinder(*pose, *radius_m, 2.0 * half_length_m, color));
            }
            Form::Rotor { radius_m, .. } => {
                self.cylinders.push(cylinder(*pose, *radius_m, 0.05 * radius_m, color));
            }
            Form::Plane => {
                let thickness = 0.01;
                self.cubes.push(cube(
                    shifted(pose, -0.5 * thickness),
                    [GROUND_M, GROUND_M, thickness],
                    color,
                ));
            }
            Form::Triangles { vertices_m, triangles } => self.triangles.push(json!({
                "pose": placed(pose),
                "points": vertices_m.iter().map(|vertex| vector(*vertex)).collect::<Vec<_>>(),
                "color": color,
                "colors": [],
                "indices": triangles.iter().flatten().collect::<Vec<_>>(),
            })),
        }
    }

    fn json(self, time_ns: u64, frame: &str, id: &str) -> Value {
        json!({
            "timestamp": time(time_ns),
            "frame_id": frame,
            "id": id,
            "lifetime": time(0),
            "frame_locked": true,
            "metadata": [],
            "arrows": self.arrows,
            "cubes": self.cubes,
            "spheres": self.spheres,
            "cylinders": self.cylinders,
            "lines": [],
            "triangles": self.triangles,
            "texts": [],
            "models": [],
        })
    }
}

fn depth(scene: &Scene, body: &Body) -> usize {
    let above = |body: &Body| body.parent.and_then(|parent| scene.bodies.get(parent));
    std::iter::successors(above(body), |body| above(body)).count()
}

/// A pose moved along its own z axis.
fn shifted(pose: &Pose, along_m: f64) -> Pose {
    let [w, x, y, z] = pose.orientation;
    let axis = [2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 1.0 - 2.0 * (x * x + y * y)];
    Pose { position_m: [0, 1, 2].map(|i| pose.position_m[i] + along_m * axis[i]), ..*pose }
}

fn cube(pose: Pose, size: [f64; 3], color: &Value) -> Value {
    json!({ "pose": placed(&pose), "size": vector(size), "color": color })
}

fn sphere(pose: Pose, radius_m: f64, color: &Value) -> Value {
    cube(pose, [2.0 * radius_m; 3], color)
}

fn cylinder(pose: Pose, radius_m: f64, length_m: f64, color: &Value) -> Value {
    let mut cylinder = cube(pose, [2.0 * radius_m, 2.0 * radius_m, length_m], color);
    cylinder["bottom_scale"] = json!(1.0);
    cylinder["top_scale"] = json!(1.0);
    cylinder
}

fn time(time_ns: u64) -> Value {
    json!({ "sec": time_ns / 1_000_000_000, "nsec": time_ns % 1_000_000_000 })
}

fn vector([x, y, z]: [f64; 3]) -> Value {
    json!({ "x": x, "y": y, "z": z })
}

fn quaternion([w, x, y, z]: [f64; 4]) -> Value {
    json!({ "x": x, "y": y, "z": z, "w": w })
}

fn placed(pose: &Pose) -> Value {
    json!({ "position": vector(pose.position_m), "orientation": quaternion(pose.orientation) })
}

fn color([r, g, b, a]: [f64; 4]) -> Value {
    json!({ "r": r, "g": g, "b": b, "a": a })
}

/// Of [`transforms`].
pub(super) fn transforms_schema() -> Value {
    let transform = object(
        "foxglove.FrameTransform",
        json!({
            "timestamp": moment("time"),
            "parent_frame_id": { "type": "string" },
            "child_frame_id": { "type": "string" },
            "translation": numbers("foxglove.Vector3", &["x", "y", "z"]),
            "rotation": numbers("foxglove.Quaternion", &["x", "y", "z", "w"]),
        }),
    );
    object("foxglove.FrameTransforms", json!({ "transforms": list(transform) }))
}

/// Of [`scene`] and [`goals`].
pub(super) fn scene_schema() -> Value {
    let deletion = json!({
        "timestamp": moment("time"), "type": { "type": "integer" }, "id": { "type": "string" },
    });
    let entity = json!({
        "timestamp": moment("time"),
        "frame_id": { "type": "string" },
        "id": { "type": "string" },
        "lifetime": moment("duration"),
        "frame_locked": { "type": "boolean" },
        "metadata": list(object("foxglove.KeyValuePair", json!({ "key": { "type": "string" }, "value": { "type": "string" } }))),
        "arrows": list(solid("foxglove.ArrowPrimitive", &["shaft_length", "shaft_diameter", "head_length", "head_diameter"], &[])),
        "cubes": list(solid("foxglove.CubePrimitive", &[], &["size"])),
        "spheres": list(solid("foxglove.SpherePrimitive", &[], &["size"])),
        "cylinders": list(solid("foxglove.CylinderPrimitive", &["bottom_scale", "top_scale"], &["size"])),
        "lines": list(json!({ "type": "object" })),
        "triangles": list(triangle_list()),
        "texts": list(json!({ "type": "object" })),
        "models": list(json!({ "type": "object" })),
    });
    object(
        "foxglove.SceneUpdate",
        json!({
            "deletions": list(object("foxglove.SceneEntityDeletion", deletion)),
            "entities": list(object("foxglove.SceneEntity", entity)),
        }),
    )
}

fn solid(title: &str, plain: &[&str], vectors: &[&str]) -> Value {
    let mut schema = object(
        title,
        json!({ "pose": pose_schema(), "color": numbers("foxglove.Color", &["r", "g", "b", "a"]) }),
    );
    for name in plain {
        schema["properties"][*name] = json!({ "type": "number" });
    }
    for name in vectors {
        schema["properties"][*name] = numbers("foxglove.Vector3", &["x", "y", "z"]);
    }
    schema
}

fn triangle_list() -> Value {
    let mut schema = solid("foxglove.TriangleListPrimitive", &[], &[]);
    schema["properties"]["points"] = list(numbers("foxglove.Point3", &["x", "y", "z"]));
    schema["properties"]["colors"] = list(numbers("foxglove.Color", &["r", "g", "b", "a"]));
    schema["properties"]["indices"] = list(json!({ "type": "integer", "minimum": 0 }));
    schema
}

fn pose_schema() -> Value {
    object(
        "foxglove.Pose",
        json!({
            "position": numbers("foxglove.Vector3", &["x", "y", "z"]),
            "orientation": numbers("foxglove.Quaternion", &["x", "y", "z", "w"]),
        }),
    )
}

fn moment(title: &str) -> Value {
    object(
        title,
        json!({ "sec": { "type": "integer" }, "nsec": { "type": "integer", "minimum": 0, "maximum": 999_999_999 } }),
    )
}

fn numbers(title: &str, names: &[&str]) -> Value {
    let properties: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!({ "type": "number" }))).collect();
    object(title, Value::Object(properties))
}

#[expect(clippy::needless_pass_by_value, reason = "becomes part of the schema")]
fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

#[expect(clippy::needless_pass_by_value, reason = "becomes part of the schema")]
fn object(title: &str, properties: Value) -> Value {
    json!({ "title": title, "type": "object", "properties": properties })
}
