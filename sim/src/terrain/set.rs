//! All terrains of a task, and which of them an episode gets.

use super::Terrain;
use super::document::TerrainDocument;
use super::kind::{SEED_OFFSET, build};
use crate::random::Stream;
use std::sync::Arc;

/// All terrains of a task.
#[derive(Clone, Debug)]
pub(crate) struct TerrainSet {
    document: TerrainDocument,
    /// By kind, then level, then variant.
    terrains: Vec<Arc<Terrain>>,
}

impl TerrainSet {
    /// Builds them; the document was checked.
    pub(crate) fn new(document: &TerrainDocument) -> Self {
        let mut terrains: Vec<Arc<Terrain>> = Vec::new();
        for (index, kind) in document.kinds.iter().enumerate() {
            let first = terrains.len();
            for level in 0..document.levels {
                let steps = if document.levels > 1 { document.levels - 1 } else { 1 };
                let difficulty = f64::from(level) / f64::from(steps);
                for variant in 0..document.variants {
                    let same = terrains.get(first).filter(|_| !kind.varies()).cloned();
                    terrains
                        .push(same.unwrap_or_else(|| Arc::new(build(document, index, difficulty, variant))));
                }
            }
        }
        Self { document: document.clone(), terrains }
    }

    /// Every terrain; those that are equal may be one.
    pub(crate) fn terrains(&self) -> &[Arc<Terrain>] {
        &self.terrains
    }

    pub(crate) fn friction(&self) -> f64 {
        self.document.friction
    }

    /// Height above which a base that stands at a point clears the ground.
    pub(crate) fn start_height_m(&self, terrain: &Terrain, x_m: f64, y_m: f64) -> f64 {
        terrain.highest(x_m, y_m, self.document.start_reach_m)
    }

    /// The place of an episode's terrain among all; `difficulty` stands in for the task's range.
    ///
    /// Draws come from a stream of their own, so that the same robots and start states meet any ground.
    pub(crate) fn draw(&self, seed: u64, environment: u64, episode: u64, difficulty: Option<f64>) -> usize {
        let document = &self.document;
        let mut stream = Stream::new(seed.wrapping_add(SEED_OFFSET), environment, episode);
        let total: f64 = document.kinds.iter().map(|kind| kind.weight).sum();
        let mut rest = stream.uniform(0.0, total);
        let mut kind = 0;
        while kind + 1 < document.kinds.len() && rest >= document.kinds[kind].weight {
            rest -= document.kinds[kind].weight;
            kind += 1;
        }
        let drawn = document.difficulty.draw(&mut stream);
        let variant = stream.uniform(0.0, document.variants.into()) as usize;
        let (levels, variants) = (document.levels as usize, document.variants as usize);
        let level = libm::round(difficulty.unwrap_or(drawn) * (levels - 1) as f64) as usize;
        (kind * levels + level.min(levels - 1)) * variants + variant.min(variants - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> TerrainSet {
        let text = "size_m = [4.0, 4.0]\nresolution_m = 0.2\nlevels = 5\nvariants = 3\ndifficulty = [0.0, 0.5]\n\
            [[kinds]]\nkind = \"flat\"\n[[kinds]]\nkind = \"slope\"\nweight = 3.0\nslope = [0.0, 0.4]\n";
        let document: TerrainDocument = sinew_policy_runtime::document::parse(text, "test").unwrap();
        TerrainSet::new(&document)
    }

    #[test]
    fn episodes_draw_kinds_by_weight_and_levels_from_their_range() {
        let set = set();
        assert_eq!(set.terrains().len(), 30);
        assert!(set.terrains()[..15].iter().all(|terrain| Arc::ptr_eq(terrain, &set.terrains()[0])));
        let drawn: Vec<usize> = (0..4000).map(|episode| set.draw(1, 2, episode, None)).collect();
        let slopes = drawn.iter().filter(|index| **index >= 15).count();
        assert!((slopes as f64 / 4000.0 - 0.75).abs() < 0.03, "{slopes}");
        // Levels 0 to 2 of 5 are difficulties up to a half.
        assert!(drawn.iter().all(|index| index % 15 < 9));
        assert!((0..9).all(|place| drawn.contains(&(15 + place))));
        assert!((0..100).all(|episode| set.draw(1, 2, episode, Some(1.0)) % 15 >= 12));
        assert_eq!(set.draw(1, 2, 3, None), set.draw(1, 2, 3, None));
    }
}
