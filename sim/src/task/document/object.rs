//! A thing beside the robot as written in a task's file: what it is, where it lies, whether it can be moved.

use serde::Deserialize;

/// Most objects of a task.
const MAX_OBJECTS: usize = 64;

/// `[[objects]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ObjectDocument {
    /// What randomization, contact sensors and ends call it.
    pub(crate) name: String,
    pub(crate) shape: ObjectShape,
    /// Lengths of a box along its axes.
    size_m: Option<[f64; 3]>,
    /// Of all others.
    radius_m: Option<f64>,
    /// Along z: a cylinder's height, or the distance between the centres of a capsule's half balls.
    length_m: Option<f64>,
    /// Of its centre, in the world; above the ground where there is a terrain.
    pub(crate) position_m: [f64; 3],
    /// w, x, y, z, from its axes to the world's.
    #[serde(default = "upright")]
    pub(crate) orientation: [f64; 4],
    /// It stands fast where absent, and otherwise moves freely.
    pub(crate) mass_kg: Option<f64>,
    #[serde(default = "one")]
    pub(crate) friction: f64,
    #[serde(default)]
    pub(crate) restitution: f64,
    /// Red, green, blue and opacity, 0 to 1, for pictures alone.
    pub(crate) color: Option<[f64; 4]>,
}

/// What an object is; whatever has an axis has it along z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ObjectShape {
    Box,
    Sphere,
    Capsule,
    Cylinder,
}

/// A shape with its numbers: half lengths and radii, m.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Solid {
    Box([f64; 3]),
    Sphere(f64),
    Capsule { radius: f64, half_length: f64 },
    Cylinder { radius: f64, half_length: f64 },
}

/// Why an object cannot be used: field, found, expected.
pub(crate) type ObjectRefusal = (String, String, String);

fn upright() -> [f64; 4] {
    [1.0, 0.0, 0.0, 0.0]
}

fn one() -> f64 {
    1.0
}

impl ObjectDocument {
    /// Refuses numbers that no object has, or too many of them.
    pub(crate) fn check(objects: &[Self]) -> Result<(), ObjectRefusal> {
        if objects.len() > MAX_OBJECTS {
            let expected = format!("at most {MAX_OBJECTS}");
            return Err(("number of objects".to_owned(), objects.len().to_string(), expected));
        }
        for (index, object) in objects.iter().enumerate() {
            if objects[..index].iter().any(|other| other.name == object.name) {
                let found = format!("{:?} again", object.name);
                return Err(("objects: name".to_owned(), found, "names that differ".to_owned()));
            }
            object.check_numbers()?;
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<(), ObjectRefusal> {
        let field = |key: &str| format!("object {:?}: {key}", self.name);
        let (is_box, is_round) = (self.shape == ObjectShape::Box, self.shape == ObjectShape::Sphere);
        for (key, present, needed) in [
            ("size_m", self.size_m.is_some(), is_box),
            ("radius_m", self.radius_m.is_some(), !is_box),
            ("length_m", self.length_m.is_some(), !is_box && !is_round),
        ] {
            if present != needed {
                let [found, expected] =
                    if needed { ["absent", "present"] } else { ["present", "none for this shape"] };
                return Err((field(key), found.to_owned(), expected.to_owned()));
            }
        }
        let squares: f64 = self.orientation.iter().map(|value| value * value).sum();
        let sizes = self.size_m.into_iter().flatten().map(|size| ("size_m", size, 1e-3, 1e3));
        let lengths = [("radius_m", self.radius_m), ("length_m", self.length_m)];
        let lengths = lengths.into_iter().filter_map(|(key, size)| Some((key, size?, 1e-3, 1e3)));
        let places = self.position_m.map(|along| ("position_m", along, -1e3, 1e3));
        let others = [
            ("orientation: squared length", squares, 0.999, 1.001),
            ("mass_kg", self.mass_kg.unwrap_or(1.0), 1e-6, 1e6),
            ("friction", self.friction, 0.0, 1e3),
            ("restitution", self.restitution, 0.0, 1.0),
        ];
        let colors = self.color.into_iter().flatten().map(|part| ("color", part, 0.0, 1.0));
        let mut numbers = sizes.chain(lengths).chain(places).chain(others).chain(colors);
        match numbers.find(|(_, found, low, high)| !(found >= low && found <= high)) {
            Some((key, found, low, high)) => {
                Err((field(key), found.to_string(), format!("a number from {low} to {high}")))
            }
            None => Ok(()),
        }
    }

    /// Its shape with its numbers; those that the check found absent are 0.
    pub(crate) fn solid(&self) -> Solid {
        let (radius, half_length) = (self.radius_m.unwrap_or(0.0), 0.5 * self.length_m.unwrap_or(0.0));
        match self.shape {
            ObjectShape::Box => Solid::Box(self.size_m.unwrap_or([0.0; 3]).map(|size| 0.5 * size)),
            ObjectShape::Sphere => Solid::Sphere(radius),
            ObjectShape::Capsule => Solid::Capsule { radius, half_length },
            ObjectShape::Cylinder => Solid::Cylinder { radius, half_length },
        }
    }
}
