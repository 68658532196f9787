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

    /// Starts an episode.
    pub(crate) fn reset(
        &mut self,
        commands: &[CommandDocument],
        seed: u64,
        environment: u64,
        episode: u64,
        period_s: f64,
    ) {
        self.stream = Stream::new(seed.wrapping_add(SEED_OFFSET), environment, episode);
        self.due.fill(0);
        self.advance(commands, 0, period_s);
    }

    /// Draws the goals that are due at the beginning of policy period `period`.
    pub(crate) fn advance(&mut self, commands: &[CommandDocument], period: u64, period_s: f64) {
        let mut values = &mut self.values[..];
        for (command, due) in commands.iter().zip(&mut self.due) {
            let (own, rest) = values.split_at_mut(command.value.len());
            values = rest;
            let Some(sampled) = &command.sampled else { continue };
            if period < *due {
                continue;
            }
            for (value, (low, high)) in own.iter_mut().zip(sampled.low.iter().zip(&sampled.high)) {
                *value = self.stream.uniform(f64::from(*low), f64::from(*high)) as f32;
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
