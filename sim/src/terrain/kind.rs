//! How high each kind of ground is at a point.

use super::Terrain;
use super::document::{Kind, KindDocument, TerrainDocument};
use crate::random::Stream;
use crate::randomization::Range;

/// So that a wall that stands on the grid stands on the same side everywhere.
const TINY: f64 = 1e-6;

/// Builds one terrain; the random numbers of a variant are the same at every difficulty.
pub(super) fn build(document: &TerrainDocument, index: usize, difficulty: f64, variant: u32) -> Terrain {
    let TerrainDocument { size_m, resolution_m, platform_m, seed, .. } = *document;
    let kind = &document.kinds[index];
    let at =
        |range: Option<Range>| range.map_or(0.0, |range| range.low + difficulty * (range.high - range.low));
    let sizes = Sizes { height: at(kind.height_m), width: at(kind.width_m), gap: at(kind.gap_m) };
    // The platform's distance from the rim, and the distance of a point from the rim and from the platform.
    let inner = 0.5 * (smaller(size_m[0], size_m[1]) - platform_m);
    let rim = |x: f64, y: f64| smaller(0.5 * size_m[0] - x.abs(), 0.5 * size_m[1] - y.abs());
    let sign = if variant.is_multiple_of(2) { -1.0 } else { 1.0 };
    let rise = |x: f64, y: f64| sign * smaller(rim(x, y), inner);
    let mut stream = Stream::new(seed.wrapping_add(SEED_OFFSET), index as u64, variant.into());
    // Nothing random on the platform, and level ground at the rim, one grid step wide at least.
    let open = |x: f64, y: f64| {
        rim(x, y) > resolution_m + TINY && larger(x.abs(), y.abs()) > 0.5 * platform_m + TINY
    };
    match kind.kind {
        Kind::Flat => Terrain::new(size_m, resolution_m, |_, _| 0.0),
        Kind::Slope => Terrain::new(size_m, resolution_m, |x, y| at(kind.slope) * rise(x, y)),
        Kind::Stairs => Terrain::new(size_m, resolution_m, |x, y| {
            let run = rise(x, y);
            sizes.height * libm::copysign(libm::floor(run.abs() / sizes.width + TINY), run)
        }),
        Kind::Stones => {
            let cells = Cells::new(size_m, sizes.width + sizes.gap, &mut stream);
            Terrain::new(size_m, resolution_m, |x, y| {
                if !open(x, y) || cells.distance(x, y, 0.5 * sizes.gap) <= 0.5 * sizes.width + TINY {
                    return 0.0;
                }
                -sizes.height
            })
        }
        Kind::Boxes => {
            let cells = Cells::new(size_m, sizes.width + sizes.gap, &mut stream);
            Terrain::new(size_m, resolution_m, |x, y| {
                let inside = open(x, y) && cells.distance(x, y, 0.5 * sizes.gap) <= 0.5 * sizes.width + TINY;
                if inside { sizes.height * cells.value(x, y) } else { 0.0 }
            })
        }
        Kind::Noise => {
            let cells = Cells::new(size_m, sizes.width, &mut stream);
            Terrain::new(size_m, resolution_m, |x, y| {
                let from_platform = larger(x.abs(), y.abs()) - 0.5 * platform_m;
                let fade = smooth(rim(x, y) / sizes.width) * smooth(from_platform / sizes.width);
                sizes.height * fade * cells.blend(x, y)
            })
        }
    }
}

/// Terrains come from streams of their own.
pub(super) const SEED_OFFSET: u64 = 0x7e22_0000_0000;

impl KindDocument {
    /// Whether difficulty and variant change anything.
    pub(super) fn varies(&self) -> bool {
        self.kind != Kind::Flat
    }
}

struct Sizes {
    height: f64,
    width: f64,
    gap: f64,
}

/// Squares of one pitch that cover a terrain, each with random numbers of its own.
struct Cells {
    pitch: f64,
    origin: [f64; 2],
    columns: usize,
    /// Of each, three numbers in `[-1, 1)`: an offset along x and y, and a value.
    numbers: Vec<[f64; 3]>,
}

impl Cells {
    fn new(size_m: [f64; 2], pitch: f64, stream: &mut Stream) -> Self {
        let [columns, rows] = size_m.map(|size| libm::ceil(size / pitch) as usize + 2);
        let number = || [(); 3].map(|()| stream.uniform(-1.0, 1.0));
        let numbers = std::iter::repeat_with(number).take(columns * rows).collect();
        let origin = [-0.5 * size_m[0] - 0.5 * pitch, -0.5 * size_m[1] - 0.5 * pitch];
        Self { pitch, origin, columns, numbers }
    }

    /// Column and row of the square at a point, and the place in it, from 0 to 1.
    fn locate(&self, x: f64, y: f64) -> [(usize, f64); 2] {
        [(x, self.origin[0]), (y, self.origin[1])].map(|(at, origin)| {
            let steps = (at - origin) / self.pitch;
            let whole = libm::floor(steps);
            (whole as usize, steps - whole)
        })
    }

    fn numbers(&self, column: usize, row: usize) -> [f64; 3] {
        // Rounding may lead past the last square.
        self.numbers.get(row * self.columns + column).copied().unwrap_or_default()
    }

    /// Distance of a point from the middle of its square, moved by up to half of `play`, along the farther axis.
    fn distance(&self, x: f64, y: f64, play: f64) -> f64 {
        let [(column, u), (row, v)] = self.locate(x, y);
        let [dx, dy, _] = self.numbers(column, row);
        let offset = |place: f64, shift: f64| ((place - 0.5) * self.pitch - 0.5 * play * shift).abs();
        larger(offset(u, dx), offset(v, dy))
    }

    fn value(&self, x: f64, y: f64) -> f64 {
        let [(column, _), (row, _)] = self.locate(x, y);
        self.numbers(column, row)[2]
    }

    /// The values at the squares' corners, smoothly blended.
    fn blend(&self, x: f64, y: f64) -> f64 {
        let [(column, u), (row, v)] = self.locate(x, y);
        let (u, v) = (smooth(u), smooth(v));
        let value = |right: usize, up: usize| self.numbers(column + right, row + up)[2];
        let [near, far] = [0, 1].map(|up| value(0, up) + u * (value(1, up) - value(0, up)));
        near + v * (far - near)
    }
}

/// From 0 at 0 to 1 at 1 without a kink.
fn smooth(x: f64) -> f64 {
    let x = smaller(larger(x, 0.0), 1.0);
    x * x * (3.0 - 2.0 * x)
}

fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(kind: &str) -> TerrainDocument {
        let text = format!("size_m = [8.0, 6.0]\nresolution_m = 0.05\nplatform_m = 1.0\n[[kinds]]\n{kind}\n");
        let document: TerrainDocument = sinew_policy_runtime::document::parse(&text, "test").unwrap();
        assert!(document.check().is_ok());
        document
    }

    #[test]
    fn slopes_and_stairs_go_from_the_platform_to_the_rim() {
        let slope = build(&document("kind = \"slope\"\nslope = [0.1, 0.5]"), 0, 0.5, 1);
        // Down from the platform, whose edge lies 2.5 m from the rim.
        for (x, y, expected) in
            [(0.0, 0.3, 0.75), (0.5, 0.0, 0.75), (3.0, 0.0, 0.3), (0.0, -2.0, 0.3), (3.9, 0.0, 0.03)]
        {
            assert!((slope.height(x, y) - expected).abs() < 1e-6, "{x}, {y}: {}", slope.height(x, y));
        }
        let stairs =
            build(&document("kind = \"stairs\"\nheight_m = [0.05, 0.15]\nwidth_m = [0.4, 0.4]"), 0, 1.0, 0);
        // Up from the platform: at 2.5 m from the rim there are 6 steps.
        for (rim, steps) in [(0.2, 0.0), (0.34, 0.0), (0.5, 1.0), (1.0, 2.0), (2.42, 6.0), (2.9, 6.0)] {
            let found = stairs.height(0.0, 3.0 - rim);
            assert!((found + 0.15 * steps).abs() < 1e-6, "{rim} m from the rim: {found}");
        }
    }

    #[test]
    fn stones_boxes_and_noise_keep_to_their_heights_and_leave_the_platform_level() {
        for (kind, low, high, least) in [
            (
                "kind = \"stones\"\nheight_m = [0.3, 0.3]\nwidth_m = [0.5, 0.3]\ngap_m = [0.1, 0.2]",
                -0.3,
                0.0,
                0.2,
            ),
            (
                "kind = \"boxes\"\nheight_m = [0.05, 0.2]\nwidth_m = [0.5, 0.5]\ngap_m = [0.3, 0.1]",
                -0.2,
                0.2,
                0.3,
            ),
            ("kind = \"noise\"\nheight_m = [0.0, 0.1]\nwidth_m = [1.0, 0.6]", -0.1, 0.1, 0.3),
        ] {
            let terrain = build(&document(kind), 0, 1.0, 0);
            let mut uneven = 0;
            for column in 0..=160 {
                for row in 0..=120 {
                    let height = f64::from(terrain.grid_height(column, row));
                    assert!((low - 1e-6..=high + 1e-6).contains(&height), "{kind}: {height}");
                    uneven += u32::from(height.abs() > 0.01);
                }
            }
            let share = f64::from(uneven) / (161.0 * 121.0);
            assert!(share > least && share < 0.9, "{kind}: {share}");
            assert_eq!(terrain.highest(0.0, 0.0, 0.5), 0.0, "{kind}");
            assert_ne!(terrain, build(&document(kind), 0, 1.0, 1), "{kind}");
            assert_eq!(terrain, build(&document(kind), 0, 1.0, 0), "{kind}");
        }
    }
}
