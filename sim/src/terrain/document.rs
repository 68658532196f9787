//! A task's `[terrain]` table, and what makes it usable.

use crate::randomization::Range;
use serde::Deserialize;
use std::fmt;

/// Most points of all grids of a task: 100 million bytes of heights.
const MAX_POINTS: usize = 12_500_000;

/// The ground of a task.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TerrainDocument {
    /// Along x and y; level ground of height 0 lies around it.
    pub(crate) size_m: [f64; 2],
    /// Step of the grid. Finer makes walls steeper and takes memory.
    pub(crate) resolution_m: f64,
    #[serde(default = "one")]
    pub(crate) friction: f64,
    /// Width of the level square in the middle, where robots start.
    #[serde(default = "one")]
    pub(crate) platform_m: f64,
    /// A base starts above the highest point within this distance, along x and along y.
    #[serde(default = "reach")]
    pub(crate) start_reach_m: f64,
    /// How many grades of difficulty there are, from 0 to 1.
    #[serde(default = "ten")]
    pub(crate) levels: u32,
    /// How many terrains there are of each kind and level.
    #[serde(default = "two")]
    pub(crate) variants: u32,
    /// Another seed makes other stones, boxes and noise.
    #[serde(default)]
    pub(crate) seed: u64,
    /// Drawn for each episode, unless the trainer sets a difficulty.
    #[serde(default = "any")]
    pub(crate) difficulty: Range,
    pub(crate) kinds: Vec<KindDocument>,
}

/// A kind of ground; each range goes from difficulty 0 to difficulty 1.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KindDocument {
    pub(crate) kind: Kind,
    /// How often it is drawn, beside the other kinds' weights.
    #[serde(default = "one")]
    pub(crate) weight: f64,
    /// Rise over run.
    pub(crate) slope: Option<Range>,
    pub(crate) height_m: Option<Range>,
    pub(crate) width_m: Option<Range>,
    pub(crate) gap_m: Option<Range>,
}

/// What the ground is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Level.
    Flat,
    /// Four slopes from the platform outwards, down in every second variant.
    Slope,
    /// The same with steps of `height_m` on treads of `width_m`.
    Stairs,
    /// Level stones of `width_m` with gaps of about `gap_m` between them, `height_m` deep.
    Stones,
    /// Blocks and pits of `width_m`, `gap_m` apart, at most `height_m` high or deep.
    Boxes,
    /// Smooth hills of at most `height_m`, about `width_m` apart.
    Noise,
}

fn one() -> f64 {
    1.0
}

fn reach() -> f64 {
    0.4
}

fn ten() -> u32 {
    10
}

fn two() -> u32 {
    2
}

fn any() -> Range {
    Range { low: 0.0, high: 1.0 }
}

/// A value that cannot be used: its field, what was found, and what was expected.
pub(crate) struct Refusal {
    pub(crate) field: String,
    pub(crate) found: String,
    pub(crate) expected: String,
}

impl TerrainDocument {
    /// Everything that its types cannot express.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let [x, y] = self.size_m;
        for (field, found, low, high) in [
            ("size_m", x, 0.1, 190.0),
            ("size_m", y, 0.1, 190.0),
            ("resolution_m", self.resolution_m, 0.005, 0.5 * x.min(y)),
            ("friction", self.friction, 0.0, 1e3),
            ("platform_m", self.platform_m, 0.0, x.min(y)),
            ("start_reach_m", self.start_reach_m, 0.0, 10.0),
            ("levels", self.levels.into(), 1.0, 1000.0),
            ("variants", self.variants.into(), 1.0, 1000.0),
            ("difficulty", self.difficulty.low, 0.0, self.difficulty.high),
            ("difficulty", self.difficulty.high, self.difficulty.low, 1.0),
        ] {
            within(field, found, low, high)?;
        }
        if self.kinds.is_empty() {
            return refuse("kinds", "empty", "at least one [[terrain.kinds]]");
        }
        let points = libm::ceil(x / self.resolution_m + 1.0) * libm::ceil(y / self.resolution_m + 1.0);
        let all = points * f64::from(self.levels) * f64::from(self.variants) * self.kinds.len() as f64;
        within("resolution_m: points of all grids", all, 4.0, MAX_POINTS as f64)?;
        self.kinds
            .iter()
            .enumerate()
            .try_for_each(|(index, kind)| kind.check(&format!("kinds {}", index + 1)))
    }
}

impl KindDocument {
    fn check(&self, place: &str) -> Result<(), Refusal> {
        within(&format!("{place}: weight"), self.weight, 1e-9, 1e9)?;
        let (slope, height, width, gap) = match self.kind {
            Kind::Flat => (false, false, false, false),
            Kind::Slope => (true, false, false, false),
            Kind::Stairs | Kind::Noise => (false, true, true, false),
            Kind::Stones | Kind::Boxes => (false, true, true, true),
        };
        for (key, range, needed, low, high) in [
            ("slope", self.slope, slope, 0.0, 10.0),
            ("height_m", self.height_m, height, 0.0, 10.0),
            ("width_m", self.width_m, width, 0.01, 100.0),
            ("gap_m", self.gap_m, gap, 0.0, 100.0),
        ] {
            let field = format!("{place}: {key}");
            match (range, needed) {
                (None, true) => return refuse(&field, "absent", "[at difficulty 0, at difficulty 1]"),
                (Some(_), false) => return refuse(&field, "present", "none for this kind"),
                (Some(range), true) => {
                    within(&field, range.low, low, high)?;
                    within(&field, range.high, low, high)?;
                }
                (None, false) => {}
            }
        }
        Ok(())
    }
}

impl fmt::Display for TerrainDocument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size_m: [x, y], resolution_m, levels, variants, difficulty, .. } = self;
        for (index, kind) in self.kinds.iter().enumerate() {
            write!(formatter, "{}{:?}", if index > 0 { ", " } else { "" }, kind.kind)?;
        }
        write!(
            formatter,
            "; {x} x {y} m in steps of {resolution_m} m, {levels} levels, {variants} variants, difficulty {} to {}",
            difficulty.low, difficulty.high
        )
    }
}

fn refuse(field: &str, found: &str, expected: impl Into<String>) -> Result<(), Refusal> {
    Err(Refusal { field: format!("terrain.{field}"), found: found.to_string(), expected: expected.into() })
}

fn within(field: &str, found: f64, low: f64, high: f64) -> Result<(), Refusal> {
    if found >= low && found <= high {
        return Ok(());
    }
    refuse(field, &found.to_string(), format!("a number from {low} to {high}"))
}
