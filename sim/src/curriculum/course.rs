//! How a task grows harder, checked: [`Course`], with a part for the ground, for commands and for rewards.

use super::{Lesson, Progress, STAGES};
use crate::random::Stream;

/// Levels come from a stream of their own, so that the same robots and goals meet them.
const SEED_OFFSET: u64 = 0x1e55_0000_0000;
/// An episode in which less was asked for judges nothing, m.
const LEAST_COMMANDED_M: f64 = 0.5;

/// How a task grows harder.
#[derive(Clone, Debug, Default)]
pub(crate) struct Course {
    pub(crate) terrain: Option<TerrainCourse>,
    pub(crate) commands: Vec<CommandCourse>,
    pub(crate) rewards: Vec<RewardCourse>,
    /// What the file says of every component of every command; empty where none grows.
    pub(crate) ranges: Vec<[f32; 2]>,
    /// How many reward terms there are; 0 where none is ramped.
    pub(crate) reward_terms: usize,
}

/// How an environment's ground grows harder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TerrainCourse {
    /// Of the task's terrain, at least 2.
    pub(crate) levels: u32,
    /// The highest level at which an environment begins.
    pub(crate) highest_start: u32,
    /// Shares of the commanded distance.
    pub(crate) raise_above: f64,
    pub(crate) lower_below: f64,
}

/// How a command's range grows.
#[derive(Clone, Debug)]
pub(crate) struct CommandCourse {
    pub(crate) label: String,
    /// The place of its first component among all commands' components.
    pub(crate) first: usize,
    /// The narrowest and the widest range of each component, and how far a bound moves at a time.
    pub(crate) start: Vec<[f32; 2]>,
    pub(crate) widest: Vec<[f32; 2]>,
    pub(crate) step: Vec<f32>,
    /// The place of the reward term that says how well it is tracked.
    pub(crate) reward: usize,
    /// Shares of what that term can earn at most.
    pub(crate) raise_above: f64,
    pub(crate) lower_below: Option<f64>,
    pub(crate) episodes: u32,
}

/// How a reward term comes in, or fades.
#[derive(Clone, Debug)]
pub(crate) struct RewardCourse {
    pub(crate) label: String,
    /// Its place among the reward terms.
    pub(crate) term: usize,
    /// The factor on its weight at the beginning; 1 in the end.
    pub(crate) start: f64,
    pub(crate) span: Span,
}

/// From when to when a factor moves, counted over all environments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Span {
    Steps(u64, u64),
    Episodes(u64, u64),
}

impl Course {
    /// Whether anything is shared by all environments.
    pub(crate) fn is_shared(&self) -> bool {
        !(self.commands.is_empty() && self.rewards.is_empty())
    }

    /// A lesson of the right lengths, as the file says it.
    pub(crate) fn first_lesson(&self) -> Lesson {
        Lesson { commands: self.ranges.clone(), rewards: vec![1.0; self.reward_terms] }
    }
}

impl TerrainCourse {
    /// The level of an environment's first episode, spread evenly.
    pub(crate) fn first(&self, seed: u64, environment: u64) -> u32 {
        draw(seed, environment, 0, self.highest_start)
    }

    /// The level after an episode at `level`. Whoever masters the last one is sent to any: none is to be forgotten.
    pub(crate) fn after(
        &self,
        level: u32,
        progress: &Progress,
        [seed, environment, episode]: [u64; 3],
    ) -> u32 {
        let [walked_m, commanded_m] = progress.distances_m();
        if commanded_m < LEAST_COMMANDED_M {
            level
        } else if walked_m >= self.raise_above * commanded_m {
            let highest = self.levels - 1;
            if level < highest { level + 1 } else { draw(seed, environment, episode + 1, highest) }
        } else if walked_m < self.lower_below * commanded_m {
            level.saturating_sub(1)
        } else {
            level
        }
    }

    /// From 0 to 1.
    pub(crate) fn difficulty(&self, level: u32) -> f64 {
        f64::from(level) / f64::from(self.levels - 1)
    }
}

/// Any of the levels up to the highest.
fn draw(seed: u64, environment: u64, episode: u64, highest: u32) -> u32 {
    let mut stream = Stream::new(seed.wrapping_add(SEED_OFFSET), environment, episode);
    (stream.uniform(0.0, f64::from(highest) + 1.0) as u32).min(highest)
}

impl CommandCourse {
    /// A component's `[low, high]` after some moves: the start and whole steps, never beyond the widest.
    pub(crate) fn range(&self, component: usize, moves: u32) -> [f32; 2] {
        let ([low, high], [lowest, highest]) = (self.start[component], self.widest[component]);
        let moved = self.step[component] * moves as f32;
        let (low, high) = (low - moved, high + moved);
        [if low < lowest { lowest } else { low }, if high > highest { highest } else { high }]
    }

    /// How many moves there are after as many episodes as count, which earned `mean` of what can be earned.
    pub(crate) fn moves_after(&self, moves: u32, mean: f64) -> u32 {
        let widest =
            (0..self.start.len()).all(|component| self.range(component, moves) == self.widest[component]);
        if mean >= self.raise_above && !widest {
            moves + 1
        } else if self.lower_below.is_some_and(|least| mean <= least) {
            moves.saturating_sub(1)
        } else {
            moves
        }
    }
}

impl RewardCourse {
    /// The factor on the weight, after steps and episodes of all environments.
    pub(crate) fn factor(&self, steps: u64, episodes: u64) -> f64 {
        let (begin, end, now) = match self.span {
            Span::Steps(begin, end) => (begin, end, steps),
            Span::Episodes(begin, end) => (begin, end, episodes),
        };
        if now >= end {
            return 1.0;
        }
        let share = now.saturating_sub(begin) as f64 / (end - begin) as f64;
        self.start + (1.0 - self.start) * libm::floor(share * STAGES) / STAGES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERRAIN: TerrainCourse =
        TerrainCourse { levels: 5, highest_start: 2, raise_above: 0.75, lower_below: 0.5 };

    #[test]
    fn a_level_rises_falls_and_stays_with_the_distance_walked() {
        let after = |level, walked_m, commanded_m| {
            TERRAIN.after(level, &Progress::of(walked_m, commanded_m, &[]), [1, 2, 3])
        };
        assert_eq!(
            [after(1, 3.0, 4.0), after(1, 2.9, 4.0), after(1, 2.0, 4.0), after(1, 1.9, 4.0)],
            [2, 1, 1, 0]
        );
        assert_eq!([after(0, -1.0, 4.0), after(2, 0.0, 0.1)], [0, 2]);
        assert_eq!([0, 1, 4].map(|level| TERRAIN.difficulty(level)), [0.0, 0.25, 1.0]);
    }

    #[test]
    fn whoever_masters_the_last_level_is_sent_to_any_and_beginners_are_spread() {
        let progress = Progress::of(4.0, 4.0, &[]);
        let sent = |episode| TERRAIN.after(4, &progress, [1, 2, episode]);
        let count = |level| (0..5000).filter(|episode| sent(*episode) == level).count();
        // Five standard errors of 1000 in 5000.
        assert!((0..5).all(|level| count(level).abs_diff(1000) < 142));
        let beginners =
            |level| (0..3000).filter(|environment| TERRAIN.first(7, *environment) == level).count();
        assert!((0..3).all(|level| beginners(level).abs_diff(1000) < 130) && beginners(3) == 0);
    }

    #[test]
    fn a_range_grows_in_steps_up_to_its_widest() {
        let course = CommandCourse {
            label: "velocity".to_owned(),
            first: 0,
            start: vec![[-0.25, 0.5], [0.0, 0.0]],
            widest: vec![[-0.5, 1.75], [0.0, 0.0]],
            step: vec![0.5, 0.0],
            reward: 0,
            raise_above: 0.75,
            lower_below: Some(0.25),
            episodes: 4,
        };
        let ranges = [0, 1, 2, 3].map(|moves| course.range(0, moves));
        assert_eq!(ranges, [[-0.25, 0.5], [-0.5, 1.0], [-0.5, 1.5], [-0.5, 1.75]]);
        assert_eq!(course.range(1, 3), [0.0, 0.0]);
        assert_eq!(
            [course.moves_after(0, 0.75), course.moves_after(0, 0.74), course.moves_after(2, 0.25)],
            [1, 0, 1]
        );
        assert_eq!([course.moves_after(3, 1.0), course.moves_after(0, 0.0)], [3, 0]);
        assert_eq!(CommandCourse { lower_below: None, ..course }.moves_after(2, 0.0), 2);
    }

    #[test]
    fn a_factor_moves_in_hundredths_from_its_start_to_one() {
        let course = |span| RewardCourse { label: String::new(), term: 0, start: 0.5, span };
        let steps = course(Span::Steps(1000, 2000));
        let factors = [0, 1000, 1009, 1010, 1500, 1999, 2000, 9999].map(|count| steps.factor(count, 0));
        assert_eq!(factors, [0.5, 0.5, 0.5, 0.505, 0.75, 0.995, 1.0, 1.0]);
        assert_eq!(course(Span::Episodes(0, 4)).factor(1_000_000, 1), 0.625);
    }
}
