//! Uneven ground: [`Terrain`], a square grid of heights around the origin with level ground of height 0 around it.
//!
//! A task's terrains are built once, when it is loaded: a few variants of every kind at every level of difficulty. An
//! episode picks one of them, so a reset generates nothing. Heights lie on a grid because that is what rapier's height
//! fields are; a wall is as wide as the grid's step.
//!
//! ```
//! use sinew_sim::terrain::Terrain;
//!
//! // A ridge along y, half a meter wide to either side and 0.2 m high.
//! let ridge = Terrain::new([4.0, 4.0], 0.5, |x, _| if x == 0.0 { 0.2 } else { 0.0 });
//! assert_eq!(ridge.height(0.25, 1.0) as f32, 0.1);
//! let down = ridge.cast([0.25, 1.0, 2.0], [0.0, 0.0, -1.0], 5.0);
//! assert_eq!(down.map(|distance| distance as f32), Some(1.9));
//! ```

mod cast;
mod document;
mod kind;
mod set;

pub(crate) use document::{Refusal, TerrainDocument};
pub(crate) use set::TerrainSet;

/// Heights on a grid around the origin, triangle by triangle; level ground of height 0 around it.
#[derive(Clone, Debug, PartialEq)]
pub struct Terrain {
    /// Row by row along y, each along x, from the lowest coordinates.
    heights_m: Vec<f32>,
    /// Grid steps along x and y.
    cells: [usize; 2],
    resolution_m: f64,
    /// Smallest and largest height.
    bounds_m: [f64; 2],
}

impl Terrain {
    /// A terrain of at least the given size along x and y, whose heights a function of x and y tells, m.
    ///
    /// Heights at the rim are 0, whatever the function says: the ground goes on there.
    pub fn new(size_m: [f64; 2], resolution_m: f64, height: impl Fn(f64, f64) -> f64) -> Self {
        let cells = size_m.map(|size| (libm::ceil(size / resolution_m - 1e-9) as usize).max(1));
        let [columns, rows] = cells;
        let at = |index: usize, count: usize| (index as f64 - 0.5 * count as f64) * resolution_m;
        let mut heights_m = Vec::with_capacity((columns + 1) * (rows + 1));
        for row in 0..=rows {
            for column in 0..=columns {
                let rim = row == 0 || column == 0 || row == rows || column == columns;
                heights_m.push(if rim { 0.0 } else { height(at(column, columns), at(row, rows)) as f32 });
            }
        }
        let bounds_m = heights_m.iter().fold([0.0_f64; 2], |[low, high], height| {
            let height = f64::from(*height);
            [if height < low { height } else { low }, if height > high { height } else { high }]
        });
        Self { heights_m, cells, resolution_m, bounds_m }
    }

    /// The ground's height at a point, m.
    pub fn height(&self, x_m: f64, y_m: f64) -> f64 {
        let [columns, rows] = self.cells.map(|count| count as f64);
        let (u, v) = (x_m / self.resolution_m + 0.5 * columns, y_m / self.resolution_m + 0.5 * rows);
        if !(u > 0.0 && u < columns && v > 0.0 && v < rows) {
            return 0.0;
        }
        let (column, row) = (u as usize, v as usize);
        let (u, v) = (u - column as f64, v - row as f64);
        let [near_left, near_right] = [self.point(column, row), self.point(column + 1, row)];
        let [far_left, far_right] = [self.point(column, row + 1), self.point(column + 1, row + 1)];
        // Each cell's diagonal runs from its lowest to its highest coordinates.
        if v >= u {
            near_left + v * (far_left - near_left) + u * (far_right - far_left)
        } else {
            near_left + u * (near_right - near_left) + v * (far_right - near_right)
        }
    }

    /// The largest height within a square about a point, m.
    pub fn highest(&self, x_m: f64, y_m: f64, half_width_m: f64) -> f64 {
        let mut highest = self.height(x_m, y_m);
        let steps = (libm::ceil(half_width_m / self.resolution_m) as i64).max(1);
        for row in -steps..=steps {
            for column in -steps..=steps {
                let offset = |step: i64| half_width_m * step as f64 / steps as f64;
                let height = self.height(x_m + offset(column), y_m + offset(row));
                highest = if height > highest { height } else { highest };
            }
        }
        highest
    }

    /// Grid steps along x and y.
    pub(crate) fn cells(&self) -> [usize; 2] {
        self.cells
    }

    /// Size along x and y, m.
    pub(crate) fn size_m(&self) -> [f64; 2] {
        self.cells.map(|count| count as f64 * self.resolution_m)
    }

    /// Height of a point of the grid, m.
    pub(crate) fn grid_height(&self, column: usize, row: usize) -> f32 {
        self.heights_m[row * (self.cells[0] + 1) + column]
    }

    fn point(&self, column: usize, row: usize) -> f64 {
        self.grid_height(column, row).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_are_exact_at_the_grid_and_linear_between() {
        let slope = Terrain::new([6.0, 4.0], 0.25, |x, y| 0.3 * x - 0.1 * y);
        for (x, y) in [(0.0, 0.0), (1.25, -0.5), (0.37, 0.81), (-2.2, 1.49), (2.5, -1.5)] {
            let expected = 0.3 * x - 0.1 * y;
            assert!((slope.height(x, y) - expected).abs() < 1e-7, "at {x}, {y}: {}", slope.height(x, y));
        }
        for (x, y) in [(3.0, 0.0), (-3.0, 1.0), (0.0, 2.0), (50.0, -70.0), (f64::NAN, 0.0)] {
            assert_eq!(slope.height(x, y), 0.0);
        }
        assert!((slope.highest(0.0, 0.0, 0.5) - 0.2).abs() < 1e-7);
        assert_eq!(slope.size_m(), [6.0, 4.0]);
    }
}
