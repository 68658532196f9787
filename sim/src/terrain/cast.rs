//! Rays onto a terrain.
//!
//! rapier's own rays onto a height field test the triangles of one cell after the other, and one that runs along the
//! edge between two can miss both: the scan of a grid that is aligned with the terrain's would have holes. Here the ground
//! is one continuous function of the distance along the ray, linear between the edges that it crosses, so that nothing
//! can slip through.

use super::Terrain;

impl Terrain {
    /// The distance at which a ray meets the ground, m, within `range_m`; 0 where it starts below it.
    ///
    /// `direction` has unit length.
    pub fn cast(&self, origin_m: [f64; 3], direction: [f64; 3], range_m: f64) -> Option<f64> {
        let ray = Ray { terrain: self, origin: origin_m, direction };
        let [low, high] = ray.over(range_m)?;
        if ray.clearance(low) <= 0.0 {
            // It was above everything before.
            return Some(low);
        }
        let mut before = low;
        let mut edges = Edges::new(&ray, low);
        loop {
            let next = edges.next();
            let next = if next < high { next } else { high };
            if let Some(distance) = ray.crossing(before, next) {
                return Some(distance);
            }
            if !(next < high) {
                return None;
            }
            before = next;
        }
    }
}

struct Ray<'a> {
    terrain: &'a Terrain,
    origin: [f64; 3],
    direction: [f64; 3],
}

impl Ray<'_> {
    fn at(&self, distance: f64, axis: usize) -> f64 {
        self.origin[axis] + distance * self.direction[axis]
    }

    /// Height above the ground at a distance.
    fn clearance(&self, distance: f64) -> f64 {
        self.at(distance, 2) - self.terrain.height(self.at(distance, 0), self.at(distance, 1))
    }

    /// Where the ray runs between the terrain's lowest and highest points: before, it is above everything.
    fn over(&self, range: f64) -> Option<[f64; 2]> {
        let [lowest, highest] = self.terrain.bounds_m;
        let (start, climb) = (self.origin[2], self.direction[2]);
        let low = if start > highest { (highest - start) / climb } else { 0.0 };
        let left = if climb < 0.0 { lowest - start } else { highest - start };
        // Rounding must not end a ray above the lowest ground.
        let high = if climb == 0.0 { range } else { left / climb + 1e-6 };
        let high = if high < range { high } else { range };
        // Of a ray that climbs or stays level above everything, `low` is negative or not a number.
        (low >= 0.0 && low <= range).then_some([low, if high > low { high } else { low }])
    }

    /// Where the ray enters the ground between two neighbouring edges.
    fn crossing(&self, before: f64, after: f64) -> Option<f64> {
        let (above, below) = (self.clearance(before), self.clearance(after));
        (below <= 0.0)
            .then(|| if above > 0.0 { before + (after - before) * above / (above - below) } else { before })
    }
}

/// Distances at which a ray crosses edges of the triangles: three families of parallel lines at equal intervals.
struct Edges {
    /// Of each family, the next crossing and the interval.
    families: [(f64, f64); 3],
}

impl Edges {
    fn new(ray: &Ray, from: f64) -> Self {
        let step = ray.terrain.resolution_m;
        let [columns, rows] = ray.terrain.cells.map(|count| count as f64);
        // Along x, along y, and across the diagonals, counted in grid steps.
        let (x, y) = (ray.at(from, 0) / step + 0.5 * columns, ray.at(from, 1) / step + 0.5 * rows);
        let (dx, dy) = (ray.direction[0] / step, ray.direction[1] / step);
        Self {
            families: [(x, dx), (y, dy), (x - y, dx - dy)]
                .map(|(place, rate)| Self::family(from, place, rate)),
        }
    }

    fn family(from: f64, place: f64, rate: f64) -> (f64, f64) {
        if rate == 0.0 {
            return (f64::INFINITY, f64::INFINITY);
        }
        let next = if rate > 0.0 { libm::floor(place) + 1.0 } else { libm::ceil(place) - 1.0 };
        (from + (next - place) / rate, 1.0 / rate.abs())
    }

    /// The next crossing of any family.
    fn next(&mut self) -> f64 {
        let nearest =
            self.families.iter().fold(f64::INFINITY, |least, (at, _)| if *at < least { *at } else { least });
        for (at, interval) in &mut self.families {
            if *at <= nearest {
                *at += *interval;
            }
        }
        nearest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    fn rough() -> Terrain {
        Terrain::new([4.0, 3.0], 0.1, |x, y| 0.2 * libm::sin(3.0 * x) * libm::cos(4.0 * y))
    }

    #[test]
    fn a_ray_straight_down_finds_the_height_even_on_an_edge() {
        let terrain = rough();
        for column in -25..=25 {
            for row in -20..=20 {
                // Every other one of them lies on the grid.
                let (x, y) = (0.1 * f64::from(column), 0.1 * f64::from(row));
                for (x, y) in [(x, y), (x + 0.03, y), (x + 0.05, y + 0.05)] {
                    let found = terrain.cast([x, y, 1.0], [0.0, 0.0, -1.0], 5.0).unwrap();
                    assert!((1.0 - found - terrain.height(x, y)).abs() < 1e-9, "at {x}, {y}: {found}");
                }
            }
        }
    }

    #[test]
    fn a_ray_ends_on_the_ground_and_crosses_none_before() {
        let (terrain, mut stream) = (rough(), Stream::new(5, 0, 0));
        let mut hits = 0;
        for _ in 0..2000 {
            let origin = [stream.uniform(-3.0, 3.0), stream.uniform(-3.0, 3.0), stream.uniform(0.25, 1.0)];
            let direction = stream.direction();
            let ray = Ray { terrain: &terrain, origin, direction };
            let found = terrain.cast(origin, direction, 4.0);
            let end = found.unwrap_or(4.0);
            for step in 0..400 {
                let distance = end * f64::from(step) / 400.0;
                assert!(ray.clearance(distance) > -1e-9, "{origin:?} {direction:?}: {distance} of {end}");
            }
            if let Some(distance) = found {
                assert!(ray.clearance(distance).abs() < 1e-9, "{origin:?} {direction:?}");
                hits += 1;
            }
        }
        assert!(hits > 500, "{hits}");
    }

    #[test]
    fn rays_that_meet_nothing_and_rays_from_below() {
        let flat = Terrain::new([2.0, 2.0], 0.5, |_, _| 0.0);
        assert_eq!(flat.cast([0.0, 0.0, 1.0], [0.0, 0.0, 1.0], 10.0), None);
        assert_eq!(flat.cast([0.0, 0.0, 1.0], [1.0, 0.0, 0.0], 10.0), None);
        assert_eq!(flat.cast([0.0, 0.0, 1.0], [0.0, 0.0, -1.0], 0.9), None);
        assert_eq!(flat.cast([0.0, 0.0, 1.0], [0.0, 0.0, -1.0], 1.5), Some(1.0));
        assert_eq!(flat.cast([0.0, 0.0, -0.1], [0.0, 0.0, -1.0], 1.0), Some(0.0));
        // Far beyond the grid there is level ground.
        let found = flat.cast([-40.0, 0.0, 3.0], [0.8, 0.0, -0.6], 10.0).unwrap();
        assert!((found - 5.0).abs() < 1e-9, "{found}");
    }
}
