//! Sensors of many rays as a task's file writes them: height scans, range finders, depth cameras.

use super::document::{SensorDocument, SensorQuantity};
use crate::randomization::Range;
use serde::Deserialize;

/// Most rays of a sensor.
const MAX_RAYS: usize = 16_384;

/// Points below and around the base, turned with its heading and level in any attitude.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GridDocument {
    /// First and last point forward of the sensor.
    pub(crate) x_m: Range,
    /// First and last point to its left.
    pub(crate) y_m: Range,
    /// Points along x.
    pub(crate) columns: u16,
    /// Points along y.
    pub(crate) rows: u16,
    /// Smallest and largest value.
    pub(crate) clip_m: Range,
}

/// Single rays.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BeamsDocument {
    /// In the sensor's axes, of any length.
    pub(crate) directions: Vec<[f64; 3]>,
    /// What a ray that meets nothing measures.
    pub(crate) largest_m: f64,
}

/// A pinhole camera with square pixels.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CameraDocument {
    /// In the axes of the base or the site.
    #[serde(default)]
    pub(crate) position_m: [f64; 3],
    /// w, x, y, z, from the camera's axes to those of the base or the site; the camera looks along x, its images' upper edge is at z.
    #[serde(default = "forward")]
    pub(crate) orientation: [f64; 4],
    pub(crate) columns: u16,
    pub(crate) rows: u16,
    /// From the left to the right edge of the image.
    pub(crate) field_of_view_rad: f64,
    pub(crate) near_m: f64,
    pub(crate) far_m: f64,
}

fn forward() -> [f64; 4] {
    [1.0, 0.0, 0.0, 0.0]
}

impl SensorDocument {
    /// How many rays it casts; absent where it casts none.
    pub(crate) fn rays(&self) -> Option<usize> {
        let product = |columns: u16, rows: u16| usize::from(columns) * usize::from(rows);
        let grid = self.grid.as_ref().map(|grid| product(grid.columns, grid.rows));
        let beams = self.beams.as_ref().map(|beams| beams.directions.len());
        let camera = self.camera.as_ref().map(|camera| product(camera.columns, camera.rows));
        grid.or(beams).or(camera)
    }

    /// The first table that is missing, superfluous or unusable: its key, what was found and what was expected.
    pub(super) fn check_rays(&self) -> Result<(), (&'static str, String, String)> {
        for (key, present, quantity) in [
            ("grid", self.grid.is_some(), SensorQuantity::HeightScan),
            ("beams", self.beams.is_some(), SensorQuantity::Range),
            ("camera", self.camera.is_some(), SensorQuantity::DepthCamera),
        ] {
            match (present, self.quantity == quantity) {
                (true, false) => {
                    return Err((key, "present".to_owned(), "none for this quantity".to_owned()));
                }
                (false, true) => return Err((key, "absent".to_owned(), format!("[sensors.{key}]"))),
                _ => {}
            }
        }
        let mut numbers: Vec<(&'static str, f64, f64, f64)> = Vec::new();
        if let Some(rays) = self.rays() {
            numbers.push(("number of rays", rays as f64, 1.0, MAX_RAYS as f64));
        }
        if let Some(GridDocument { x_m, y_m, clip_m, .. }) = &self.grid {
            for (key, range) in [("grid.x_m", x_m), ("grid.y_m", y_m), ("grid.clip_m", clip_m)] {
                numbers.push((key, range.low, -100.0, range.high));
                numbers.push((key, range.high, range.low, 100.0));
            }
        }
        if let Some(BeamsDocument { directions, largest_m }) = &self.beams {
            numbers.push(("beams.largest_m", *largest_m, 1e-3, 1e3));
            let squares = |v: &[f64; 3]| v.iter().map(|value| value * value).sum::<f64>();
            numbers.extend(
                directions.iter().map(|v| ("beams.directions: squared length", squares(v), 1e-6, 1e6)),
            );
        }
        if let Some(camera) = &self.camera {
            let squares: f64 = camera.orientation.iter().map(|value| value * value).sum();
            numbers.push(("camera.orientation: squared length", squares, 0.999, 1.001));
            numbers.push(("camera.field_of_view_rad", camera.field_of_view_rad, 1e-3, 3.0));
            numbers.push(("camera.near_m", camera.near_m, 0.0, camera.far_m));
            numbers.push(("camera.far_m", camera.far_m, 1e-3, 1e3));
            numbers.extend(camera.position_m.map(|value| ("camera.position_m", value, -1e3, 1e3)));
        }
        match numbers.into_iter().find(|(_, found, low, high)| !(found >= low && found <= high)) {
            Some((key, found, low, high)) => {
                Err((key, found.to_string(), format!("a number from {low} to {high}")))
            }
            None => Ok(()),
        }
    }
}
