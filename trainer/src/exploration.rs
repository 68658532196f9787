//! Exploration by noise added to a deterministic actor's actions: [`ActionNoise`].
//!
//! Gaussian noise is drawn anew each step. Ornstein-Uhlenbeck noise (Lillicrap et al. 2016) drifts,
//! `x += -reversion · x + deviation · normal` each step, so that neighbouring steps push the same way; it starts from 0 with
//! each episode. Noisy actions are held within the normalized action space.

use crate::random::Stream;
use crate::training::StateError;
use serde::{Deserialize, Serialize};

/// How exploring actions differ from the actor's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseKind {
    /// Independent from step to step.
    Gaussian,
    /// Correlated from step to step.
    OrnsteinUhlenbeck,
}

/// The noise of several environments.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ActionNoise {
    /// Of each step's normal draw, in normalized actions.
    deviation: f32,
    /// Share of the present noise that is taken back each step: 1 forgets it.
    reversion: f32,
    action_size: usize,
    /// The present noise, `[environments, action]`.
    noise: Vec<f32>,
    draws: Vec<f32>,
}

impl ActionNoise {
    /// No noise yet; `reversion` is that of the Ornstein-Uhlenbeck kind.
    pub fn new(
        kind: NoiseKind,
        deviation: f32,
        reversion: f32,
        environments: usize,
        action_size: usize,
    ) -> Self {
        let reversion = if kind == NoiseKind::Gaussian { 1.0 } else { reversion };
        let values = vec![0.0; environments * action_size];
        Self { deviation, reversion, action_size, noise: values.clone(), draws: values }
    }

    /// Goes on from the noise of as many environments.
    ///
    /// # Errors
    /// It is of another number of environments or actions.
    pub fn restore(&mut self, saved: Self) -> Result<(), StateError> {
        StateError::check_length("exploration noise", self.noise.len(), saved.noise.len())?;
        *self = saved;
        Ok(())
    }

    /// One environment's episode is over.
    pub fn reset(&mut self, environment: usize) {
        self.noise[environment * self.action_size..][..self.action_size].fill(0.0);
    }

    /// Adds the next step's noise to `actions [environments, action]`.
    pub fn disturb(&mut self, stream: &mut Stream, actions: &mut [f32]) {
        stream.fill_normal(&mut self.draws);
        for ((action, noise), draw) in actions.iter_mut().zip(&mut self.noise).zip(&self.draws) {
            *noise += self.deviation * draw - self.reversion * *noise;
            *action = (*action + *noise).clamp(-1.0, 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Variance and the correlation of neighbours, of 100,000 steps.
    fn moments(kind: NoiseKind) -> (f64, f64) {
        let mut noise = ActionNoise::new(kind, 0.1, 0.2, 1, 1);
        let mut stream = Stream::new(4, "noise test");
        let mut steps = Vec::new();
        for _ in 0..100_000 {
            let mut action = [0.0];
            noise.disturb(&mut stream, &mut action);
            steps.push(f64::from(action[0]));
        }
        let product = |lag: usize| steps.iter().zip(&steps[lag..]).map(|(a, b)| a * b).sum::<f64>() / 1e5;
        (product(0), product(1) / product(0))
    }

    #[test]
    fn gaussian_noise_is_independent_and_the_other_drifts() {
        let (variance, correlation) = moments(NoiseKind::Gaussian);
        assert!((variance - 0.01).abs() < 2e-4 && correlation.abs() < 0.02, "{variance} {correlation}");
        // An autoregressive process of coefficient 1 - 0.2: 0.01 / (1 - 0.64).
        let (variance, correlation) = moments(NoiseKind::OrnsteinUhlenbeck);
        assert!((variance - 0.01 / 0.36).abs() < 1.5e-3 && (correlation - 0.8).abs() < 0.01);
    }

    #[test]
    fn an_episodes_end_forgets_one_environments_noise() {
        let mut noise = ActionNoise::new(NoiseKind::OrnsteinUhlenbeck, 0.1, 0.2, 2, 3);
        noise.disturb(&mut Stream::new(4, "noise test"), &mut [0.0; 6]);
        let first = noise.noise[..3].to_vec();
        noise.reset(1);
        assert_eq!(noise.noise[..3], first);
        assert_eq!(noise.noise[3..], [0.0; 3]);
        assert!(first.iter().all(|value| *value != 0.0));
    }

    #[test]
    fn a_noisy_action_stays_within_the_action_space() {
        let mut actions = [0.9, -0.9];
        let mut noise = ActionNoise::new(NoiseKind::Gaussian, 100.0, 1.0, 1, 2);
        noise.disturb(&mut Stream::new(4, "noise test"), &mut actions);
        assert!(actions.iter().all(|action| action.abs() == 1.0), "{actions:?}");
    }
}
