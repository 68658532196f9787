//! Exploration of discrete actions by their values: the best one but in a share epsilon of the steps, or each by a softmax.

use super::acting_network::ActingNetwork;
use super::q_network::{QNetwork, spread};
use crate::random::Stream;
use crate::training::{Explorer, Metric, StateError};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::math;

/// How discrete actions are explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiscreteExploration {
    /// A uniformly random action in some steps, the best one in the others.
    EpsilonGreedy,
    /// Each action in proportion to `exp(Q / temperature)`.
    Boltzmann,
}

/// How the share of random actions, or the temperature, falls over a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// At the start of the run.
    pub start: f32,
    /// From the end of its fall on.
    pub end: f32,
    /// Share of the run over which it falls linearly.
    pub share: f32,
}

impl Schedule {
    /// Epsilon or temperature after a share `progress` of the run.
    pub fn at(&self, progress: f32) -> f32 {
        let fallen = (progress / self.share).min(1.0);
        self.start + fallen * (self.end - self.start)
    }
}

/// Chooses by values, one row for each environment.
pub struct ValueExplorer {
    acting: ActingNetwork,
    dueling: bool,
    /// `[environments, actions]`.
    values: Vec<f32>,
    /// One environment's chances, `[actions]`.
    chances: Vec<f32>,
    kind: DiscreteExploration,
    schedule: Schedule,
    /// Epsilon or temperature of the last step; 0 before the first.
    present: f32,
}

/// `softmax(values / temperature)`.
pub fn boltzmann(chances: &mut [f32], values: &[f32], temperature: f32) {
    let best = values[largest(values)];
    for (chance, value) in chances.iter_mut().zip(values) {
        *chance = math::exp((value - best) / temperature);
    }
    let sum: f32 = chances.iter().sum();
    for chance in chances {
        *chance /= sum;
    }
}

/// The place of the largest value, the first among equals.
pub fn largest(values: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}

/// The place at which the running sum of `chances` passes `draw`.
fn pick(chances: &[f32], draw: f32) -> usize {
    let mut sum = 0.0;
    let passes = chances.iter().position(|chance| {
        sum += chance;
        draw < sum
    });
    // Rounding may leave the sum just below 1.
    passes.unwrap_or(chances.len() - 1)
}

impl ValueExplorer {
    /// For `environments` environments, with parameters of its own.
    pub fn new(
        network: &QNetwork,
        environments: usize,
        kind: DiscreteExploration,
        schedule: Schedule,
    ) -> Self {
        let actions = network.actions();
        Self {
            acting: ActingNetwork::new(network.network(), network.parameters(), environments),
            dueling: network.is_dueling(),
            values: vec![0.0; environments * actions],
            chances: vec![0.0; actions],
            kind,
            schedule,
            present: 0.0,
        }
    }
}

impl Explorer for ValueExplorer {
    type State = f32;

    fn follow(&mut self, parameters: &[f32]) {
        self.acting.follow(parameters);
    }

    fn explore(&mut self, observations: &[f32], progress: f32, noise: &mut Stream, choices: &mut [f32]) {
        let exploration = self.schedule.at(progress);
        self.present = exploration;
        let actions = self.chances.len();
        let output = self.acting.forward(observations);
        spread(&mut self.values, output, self.dueling, actions);
        for (choice, values) in choices.iter_mut().zip(self.values.chunks_exact(actions)) {
            let draw = noise.unit();
            let index = match self.kind {
                DiscreteExploration::EpsilonGreedy if draw < exploration => noise.index(actions),
                DiscreteExploration::EpsilonGreedy => largest(values),
                DiscreteExploration::Boltzmann => {
                    boltzmann(&mut self.chances, values, exploration);
                    pick(&self.chances, draw)
                }
            };
            *choice = index as f32;
        }
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![Metric::new("exploration", self.present)]
    }

    fn state(&self) -> f32 {
        self.present
    }

    fn restore(&mut self, state: f32) -> Result<(), StateError> {
        self.present = state;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::q_network::QShape;
    use super::*;
    use crate::network::activation::Activation;

    #[test]
    fn boltzmann_takes_better_actions_more_often() {
        let mut chances = [0.0; 3];
        boltzmann(&mut chances, &[1.0, 1.0 + core::f32::consts::LN_2, 1.0], 1.0);
        for (chance, expected) in chances.iter().zip([0.25, 0.5, 0.25]) {
            assert!((chance - expected).abs() < 1e-6);
        }
        assert_eq!([pick(&chances, 0.1), pick(&chances, 0.3), pick(&chances, 0.9)], [0, 1, 2]);
        assert_eq!(pick(&[0.5, 0.4], 0.99), 1);
    }

    const SCHEDULE: Schedule = Schedule { start: 1.0, end: 0.05, share: 0.1 };

    #[test]
    fn exploration_falls_to_its_end_and_stays_there() {
        for (progress, exploration) in [(0.0, 1.0), (0.05, 0.525), (0.1, 0.05), (0.9, 0.05)] {
            assert!((SCHEDULE.at(progress) - exploration).abs() < 1e-6);
        }
    }

    #[test]
    fn every_action_is_explored_at_first_and_the_best_one_later() {
        let shape = QShape {
            observation: 1,
            actions: 3,
            hidden: &[8],
            activation: Activation::Relu,
            dueling: false,
            batch_size: 2,
        };
        for exploration in [DiscreteExploration::EpsilonGreedy, DiscreteExploration::Boltzmann] {
            let mut network = QNetwork::new(&shape, 1);
            let mut explorer = ValueExplorer::new(&network, 2, exploration, SCHEDULE);
            let (mut noise, observations) = (Stream::new(1, "explore test"), [0.3, -2.0]);
            let best: Vec<f32> =
                network.values(&observations).chunks(3).map(|row| largest(row) as f32).collect();
            let mut counts = |progress: f32| {
                let (mut best_taken, mut seen) = (0, [false; 3]);
                for _ in 0..200 {
                    let mut choices = [9.0; 2];
                    explorer.explore(&observations, progress, &mut noise, &mut choices);
                    best_taken += choices.iter().zip(&best).filter(|(choice, best)| choice == best).count();
                    for choice in choices {
                        seen[choice as usize] = true;
                    }
                }
                (best_taken, seen)
            };
            let (early, seen) = counts(0.0);
            let (late, _) = counts(1.0);
            assert!(seen == [true; 3] && early < 250 && late > 330, "{exploration:?}: {early} {late}");
        }
    }
}
