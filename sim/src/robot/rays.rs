//! Sensors of many rays: [`RayPattern`] measures the ground and everything else that does not move.
//!
//! What such a sensor measures depends on where it was alone, for nothing that it sees moves. So the rays are cast when a
//! sample is asked for, from where the sensor was when it was taken: as exact as casting them in every physics step, at the
//! policy's pace. They are cast at the colliders themselves and not at rapier's tree of them, which is empty before the
//! first step.

use super::world::World;
use crate::randomization::{Parameter, Variation};
use crate::rotation;
use crate::task::{BeamsDocument, CameraDocument, GridDocument, SensorDocument};
use crate::terrain::Terrain;
use crate::truth::BaseState;

/// What rays can meet.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) terrain: Option<&'a Terrain>,
    /// What else stands fast.
    pub(crate) world: &'a World,
    /// Where the task's objects are.
    pub(crate) objects: &'a [BaseState],
}

/// The rays of a sensor in its own axes.
#[derive(Clone, Debug)]
pub(crate) enum RayPattern {
    /// Heights below points in a plane that turns with the heading.
    Grid {
        points_m: Vec<[f64; 2]>,
        /// Smallest and largest value.
        clip_m: [f64; 2],
    },
    /// Distances along unit vectors.
    Beams { directions: Vec<[f64; 3]>, largest_m: f64 },
    /// Distances along a camera's axis.
    Camera(Camera),
}

/// A pinhole camera as it is mounted at present.
#[derive(Clone, Debug)]
pub(crate) struct Camera {
    /// As the file has it.
    document: CameraDocument,
    position_m: [f64; 3],
    /// Unit vectors, and how much of each lies along the camera's axis.
    pixels: Vec<([f64; 3], f64)>,
}

/// Fields of view that a camera can have, rad.
const FIELDS_OF_VIEW_RAD: [f64; 2] = [1e-3, 3.0];

impl Camera {
    fn new(document: &CameraDocument) -> Self {
        let count = usize::from(document.columns) * usize::from(document.rows);
        let mut camera =
            Self { document: document.clone(), position_m: [0.0; 3], pixels: vec![([0.0; 3], 0.0); count] };
        camera.aim([0.0; 3], [0.0; 3], document.field_of_view_rad);
        camera
    }

    /// Mounts it by a shift, m, and a rotation vector, rad, beside where the file has it.
    fn aim(&mut self, shift_m: [f64; 3], turn_rad: [f64; 3], field_of_view_rad: f64) {
        let CameraDocument { columns, rows, position_m, orientation, .. } = self.document;
        let [narrowest, widest] = FIELDS_OF_VIEW_RAD;
        let orientation = rotation::multiply(rotation::from_rotation_vector(turn_rad), orientation);
        // Of an image plane at distance 1.
        let half_angle = 0.5 * clipped(field_of_view_rad, narrowest, widest);
        let pixel = 2.0 * libm::tan(half_angle) / f64::from(columns);
        let offset = |index: u16, count: u16| (0.5 * f64::from(count) - 0.5 - f64::from(index)) * pixel;
        let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (column, row)));
        for (slot, (column, row)) in self.pixels.iter_mut().zip(places) {
            let direction = unit([1.0, offset(column, columns), offset(row, rows)]);
            *slot = (rotation::to_world(orientation, direction), direction[0]);
        }
        self.position_m = [0, 1, 2].map(|axis| position_m[axis] + shift_m[axis]);
    }

    fn measure(&self, scene: Scene, motion: &BaseState, values: &mut [f64]) {
        let (position, orientation) = (motion.position_m, motion.orientation);
        let CameraDocument { near_m, far_m, .. } = self.document;
        let arm = rotation::to_world(orientation, self.position_m);
        let eye = [0, 1, 2].map(|axis| position[axis] + arm[axis]);
        for (value, (direction, along)) in values.iter_mut().zip(&self.pixels) {
            let direction = rotation::to_world(orientation, *direction);
            let depth = scene.cast(eye, direction, far_m / along).map_or(far_m, |distance| distance * along);
            *value = clipped(depth, near_m, far_m);
        }
    }
}

impl RayPattern {
    /// The rays of a sensor that was checked; absent where it casts none.
    pub(crate) fn new(sensor: &SensorDocument) -> Option<Self> {
        let grid = sensor.grid.as_ref().map(Self::grid);
        let beams = sensor.beams.as_ref().map(Self::beams);
        grid.or(beams).or_else(|| Some(Self::Camera(Camera::new(sensor.camera.as_ref()?))))
    }

    fn grid(document: &GridDocument) -> Self {
        let GridDocument { x_m, y_m, columns, rows, clip_m } = document;
        let place = |low: f64, high: f64, index: u16, count: u16| match count {
            1 => 0.5 * (low + high),
            _ => low + (high - low) * f64::from(index) / f64::from(count - 1),
        };
        let row = |row| (0..*columns).map(move |column| (column, row));
        let points = (0..*rows).flat_map(row).map(|(column, row)| {
            [place(x_m.low, x_m.high, column, *columns), place(y_m.low, y_m.high, row, *rows)]
        });
        Self::Grid { points_m: points.collect(), clip_m: [clip_m.low, clip_m.high] }
    }

    fn beams(document: &BeamsDocument) -> Self {
        let directions = document.directions.iter().map(|direction| unit(*direction)).collect();
        Self::Beams { directions, largest_m: document.largest_m }
    }

    /// Mounts a camera as this moment has it; `index` is the sensor's place.
    pub(crate) fn vary(&mut self, variation: &Variation, index: usize) {
        let Self::Camera(camera) = self else { return };
        let covers = |parameter: &Parameter| variation.covers(*parameter, index);
        if [Parameter::CameraPosition, Parameter::CameraRotation, Parameter::CameraFieldOfView]
            .iter()
            .any(covers)
        {
            let shift = variation.apply_vector(Parameter::CameraPosition, index, [0.0; 3]);
            let turn = variation.apply_vector(Parameter::CameraRotation, index, [0.0; 3]);
            let nominal = camera.document.field_of_view_rad;
            camera.aim(shift, turn, variation.apply(Parameter::CameraFieldOfView, index, nominal));
        }
    }

    /// Measures from where a sensor is.
    pub(crate) fn measure(&self, scene: Scene, motion: &BaseState, values: &mut [f64]) {
        let (position, orientation) = (motion.position_m, motion.orientation);
        match self {
            Self::Grid { points_m, clip_m } => {
                let heading = heading(orientation);
                for (value, point) in values.iter_mut().zip(points_m) {
                    *value = scene.depth_below(position, turned(heading, *point), *clip_m);
                }
            }
            Self::Beams { directions, largest_m } => {
                for (value, direction) in values.iter_mut().zip(directions) {
                    let direction = rotation::to_world(orientation, *direction);
                    *value = scene.cast(position, direction, *largest_m).unwrap_or(*largest_m);
                }
            }
            Self::Camera(camera) => camera.measure(scene, motion, values),
        }
    }
}

impl Scene<'_> {
    /// The distance at which a ray first meets anything, m.
    fn cast(&self, origin: [f64; 3], direction: [f64; 3], range_m: f64) -> Option<f64> {
        let ground = self.terrain.and_then(|terrain| terrain.cast(origin, direction, range_m));
        let things = self.world.cast(origin, direction, ground.unwrap_or(range_m), self.objects);
        things.or(ground)
    }

    /// How far below a position the highest surface lies at an offset from it, within limits.
    fn depth_below(&self, position: [f64; 3], offset: [f64; 2], clip_m: [f64; 2]) -> f64 {
        let (x, y) = (position[0] + offset[0], position[1] + offset[1]);
        let ground = self.terrain.map_or(clip_m[1], |terrain| position[2] - terrain.height(x, y));
        let ground = clipped(ground, clip_m[0], clip_m[1]);
        // Whatever is higher than the smallest value can tell is as high.
        let top = [x, y, position[2] - clip_m[0]];
        let things = self.world.cast(top, [0.0, 0.0, -1.0], ground - clip_m[0], self.objects);
        things.map_or(ground, |distance| clipped(clip_m[0] + distance, clip_m[0], clip_m[1]))
    }
}

/// The horizontal direction of the x axis; that of the world where it points straight up or down.
fn heading(orientation: [f64; 4]) -> [f64; 2] {
    let [x, y, _] = rotation::to_world(orientation, [1.0, 0.0, 0.0]);
    let length = libm::sqrt(x * x + y * y);
    if length > 1e-6 { [x / length, y / length] } else { [1.0, 0.0] }
}

fn turned([cosine, sine]: [f64; 2], [x, y]: [f64; 2]) -> [f64; 2] {
    [cosine * x - sine * y, sine * x + cosine * y]
}

fn unit(v: [f64; 3]) -> [f64; 3] {
    let length = rotation::length(v);
    v.map(|value| value / length)
}

fn clipped(value: f64, low: f64, high: f64) -> f64 {
    let raised = if value < low { low } else { value };
    if raised > high { high } else { raised }
}
