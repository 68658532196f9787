//! The goals of one episode: fixed values, or drawn anew from the task's ranges every so often.

use crate::random::Stream;
use crate::task::CommandDocument;
use serde::{Deserialize, Serialize};

/// Goals come from a stream of their own, so that the same robots and start states meet any goals.
const SEED_OFFSET: u64 = 0x60a1_0000_0000;

/// The goals of one environment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Goals {
    values: Vec<f32>,
    /// The policy period from which each command's next value counts.
    due: Vec<u64>,
    stream: Stream,
}

impl Goals {
    pub(crate) fn new(commands: &[CommandDocument]) -> Self {
        Self {
            values: commands.iter().flat_map(|command| command.value.iter().copied()).collect(),
            due: vec![0; commands.len()],
            stream: Stream::new(0, 0, 0),
        }
    }

    /// Starts an episode; `ranges` stand in for the file's, where there are any.
    pub(crate) fn reset(
        &mut self,
        commands: &[CommandDocument],
        ranges: &[[f32; 2]],
        seed: u64,
        environment: u64,
        episode: u64,
        period_s: f64,
    ) {
        self.stream = Stream::new(seed.wrapping_add(SEED_OFFSET), environment, episode);
        self.due.fill(0);
        self.advance(commands, ranges, 0, period_s);
    }

    /// Draws the goals that are due at the beginning of policy period `period`.
    pub(crate) fn advance(
        &mut self,
        commands: &[CommandDocument],
        ranges: &[[f32; 2]],
        period: u64,
        period_s: f64,
    ) {
        let mut values = &mut self.values[..];
        let mut first = 0;
        for (command, due) in commands.iter().zip(&mut self.due) {
            let (own, rest) = values.split_at_mut(command.value.len());
            values = rest;
            let ranges = ranges.get(first..first + own.len());
            first += own.len();
            let Some(sampled) = &command.sampled else { continue };
            if period < *due {
                continue;
            }
            for (component, value) in own.iter_mut().enumerate() {
                let [low, high] = ranges
                    .map_or([sampled.low[component], sampled.high[component]], |ranges| ranges[component]);
                *value = self.stream.uniform(f64::from(low), f64::from(high)) as f32;
            }
            let lasts_s = sampled.every_s.draw(&mut self.stream);
            *due = period + (libm::round(lasts_s / period_s) as u64).max(1);
        }
    }

    /// One command after the other.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }
}
