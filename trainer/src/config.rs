//! What to train and how: TOML with every default documented, overridable key by key.
//!
//! What was written (`ConfigDocument`, every key optional) and what is used ([`TrainingConfig`], checked, nothing
//! optional) are two types. Layers are merged from the bottom up: the built-in file of the task and algorithm, the
//! user's file, `--set` overrides, command-line flags. The result is written to the run directory, and reading it back
//! gives the same configuration.

use crate::network::activation::Activation;
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::document::{self, DocumentError};

/// A training run, checked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrainingConfig {
    /// The run.
    pub training: RunConfig,
    /// Soft actor-critic.
    pub sac: SacConfig,
}

/// The run's length, seed and rhythm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunConfig {
    /// Environment steps in all.
    pub steps: u64,
    /// The seed of everything random. The same seed, configuration and instruction set give the same policy.
    pub seed: u64,
    /// Environments stepped together. More give more varied data per update and fewer, larger network passes.
    pub environments: usize,
    /// Threads for learning and evaluation. Changes the time alone, never the result.
    pub threads: usize,
    /// Environment steps with uniformly random actions before learning starts.
    pub start_steps: u64,
    /// Environment steps between evaluations; 0 for none. The actor of the best one is exported, so more of them find a better one.
    pub evaluation_interval: u64,
    /// Episodes of one evaluation. More make the learning curve smoother and training slower.
    pub evaluation_episodes: usize,
    /// Environment steps between checkpoints; 0 for the last alone.
    pub checkpoint_interval: u64,
}

/// Soft actor-critic's settings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SacConfig {
    /// Discount per step. Nearer 1 looks farther ahead and learns more slowly.
    pub gamma: f32,
    /// Share of the online critic that flows into its target at each update. Smaller is steadier and slower.
    pub tau: f32,
    /// Adam's step size for the actor.
    pub actor_learning_rate: f32,
    /// Adam's step size for the critics.
    pub critic_learning_rate: f32,
    /// Adam's step size for the logarithm of the temperature.
    pub alpha_learning_rate: f32,
    /// All learning rates fall linearly over the run to this share of themselves. Smaller settles the final policy, but a
    /// longer run is then no continuation of a shorter one.
    pub final_learning_rate_share: f32,
    /// Transitions in one update.
    pub batch_size: usize,
    /// Transitions kept. Larger remembers older behaviour.
    pub replay_capacity: usize,
    /// Widths of the hidden layers, actor and critics alike.
    pub hidden: Vec<usize>,
    /// Non-linearity between layers.
    pub activation: Activation,
    /// Updates per environment step. More learn more from each step and take longer.
    pub updates_per_step: f64,
    /// Entropy that the temperature aims at, in nats; minus the number of actions where absent (`"auto"`).
    #[serde(serialize_with = "write_target_entropy")]
    pub target_entropy: Option<f32>,
    /// Temperature at the start. Larger explores more at first.
    pub initial_alpha: f32,
    /// Whether observations are normalized by running statistics, which then ship inside the policy.
    pub normalize_observations: bool,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            training: RunConfig {
                steps: 100_000,
                seed: 0,
                environments: 1,
                threads: 1,
                start_steps: 1_000,
                evaluation_interval: 10_000,
                evaluation_episodes: 20,
                checkpoint_interval: 50_000,
            },
            sac: SacConfig {
                gamma: 0.99,
                tau: 0.005,
                actor_learning_rate: 3e-4,
                critic_learning_rate: 3e-4,
                alpha_learning_rate: 3e-4,
                final_learning_rate_share: 1.0,
                batch_size: 256,
                replay_capacity: 1_000_000,
                hidden: vec![256, 256],
                activation: Activation::Relu,
                updates_per_step: 1.0,
                target_entropy: None,
                initial_alpha: 1.0,
                normalize_observations: false,
            },
        }
    }
}

/// What a file may say; every key is optional.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigDocument {
    #[serde(default)]
    training: RunDocument,
    #[serde(default)]
    sac: SacDocument,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunDocument {
    steps: Option<u64>,
    seed: Option<u64>,
    environments: Option<usize>,
    threads: Option<usize>,
    start_steps: Option<u64>,
    evaluation_interval: Option<u64>,
    evaluation_episodes: Option<usize>,
    checkpoint_interval: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct SacDocument {
    gamma: Option<f32>,
    tau: Option<f32>,
    actor_learning_rate: Option<f32>,
    critic_learning_rate: Option<f32>,
    alpha_learning_rate: Option<f32>,
    final_learning_rate_share: Option<f32>,
    batch_size: Option<usize>,
    replay_capacity: Option<usize>,
    hidden: Option<Vec<usize>>,
    activation: Option<Activation>,
    updates_per_step: Option<f64>,
    target_entropy: Option<TargetEntropy>,
    initial_alpha: Option<f32>,
    normalize_observations: Option<bool>,
}

/// `"auto"` or a number.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected \"auto\" or a number of nats")]
enum TargetEntropy {
    Nats(f32),
    Named(Auto),
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Auto {
    Auto,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file that cannot be read, not TOML, an unknown key, or a value of the wrong type.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// An override that is not `KEY=VALUE`.
    #[error("--set {found:?}: expected SECTION.KEY=VALUE, such as sac.gamma=0.98")]
    Override {
        /// What was given.
        found: String,
    },
    /// A value that cannot be used.
    #[error("{key} is {found}, expected {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// Its value.
        found: String,
        /// What it must be.
        expected: &'static str,
    },
}

/// The tuned configurations that come with Sinew, by task.
const BUILT_IN: [(&str, &str); 5] = [
    ("pendulum-v1", include_str!("../configs/pendulum-v1-sac.toml")),
    ("pendulum", include_str!("../configs/pendulum-sac.toml")),
    ("cart-pole", include_str!("../configs/cart_pole-sac.toml")),
    ("quadrotor", include_str!("../configs/quadrotor-sac.toml")),
    ("quadrotor-waypoints", include_str!("../configs/quadrotor_waypoints-sac.toml")),
];

impl TrainingConfig {
    /// The defaults for a task: the tuned file where there is one, else [`TrainingConfig::default`].
    ///
    /// # Errors
    /// None for the files that come with Sinew; the signature is that of the other layers.
    pub fn for_task(task: &str) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        if let Some((_, text)) = BUILT_IN.iter().find(|(name, _)| *name == task) {
            config.merge(text, &format!("configs/{task}-sac.toml"))?;
        }
        Ok(config)
    }

    /// Lays the keys of a TOML text over this configuration; `file` stands in errors.
    ///
    /// # Errors
    /// An unknown or mistyped key, or a value that cannot be used.
    pub fn merge(&mut self, text: &str, file: &str) -> Result<(), ConfigError> {
        let ConfigDocument { training, sac } = document::parse(text, file)?;
        self.training.merge(&training);
        self.sac.merge(sac);
        self.check()
    }

    /// Lays a file over this configuration.
    ///
    /// # Errors
    /// As [`Self::merge`], or the file cannot be read.
    pub fn merge_file(&mut self, path: &str) -> Result<(), ConfigError> {
        let text = document::read(path)?;
        self.merge(&text, path)
    }

    /// Lays `section.key=value` over this configuration; the value is TOML, or a bare word for a string.
    ///
    /// # Errors
    /// As [`Self::merge`], or the text has another form.
    pub fn set(&mut self, text: &str) -> Result<(), ConfigError> {
        let malformed = || ConfigError::Override { found: text.to_owned() };
        let (path, value) = text.split_once('=').ok_or_else(malformed)?;
        let (section, key) = path.trim().split_once('.').ok_or_else(malformed)?;
        let value = value.trim();
        let bare =
            value.chars().all(|c| c.is_ascii_alphabetic() || c == '_') && value != "true" && value != "false";
        let value = if bare { format!("\"{value}\"") } else { value.to_owned() };
        self.merge(&format!("[{section}]\n{key} = {value}\n"), &format!("--set {text}"))
    }

    /// The configuration as a file that reads back to it.
    pub fn to_toml(&self) -> String {
        // Numbers, strings, booleans and lists of numbers always have a TOML form.
        toml::to_string(self).unwrap_or_default()
    }

    fn check(&self) -> Result<(), ConfigError> {
        let (run, sac) = (&self.training, &self.sac);
        let counts = [
            ("training.steps", run.steps),
            ("training.environments", run.environments as u64),
            ("training.threads", run.threads as u64),
            ("training.evaluation_episodes", run.evaluation_episodes as u64),
            ("sac.batch_size", sac.batch_size as u64),
            ("sac.replay_capacity", sac.replay_capacity as u64),
            ("sac.hidden (its smallest width)", sac.hidden.iter().copied().min().unwrap_or(0) as u64),
        ];
        if let Some((key, found)) = counts.into_iter().find(|(_, value)| *value == 0) {
            return Err(ConfigError::Value { key, found: found.to_string(), expected: "at least 1" });
        }
        let shares = [
            ("sac.gamma", sac.gamma),
            ("sac.tau", sac.tau),
            ("sac.final_learning_rate_share", sac.final_learning_rate_share),
        ];
        if let Some((key, found)) = shares.into_iter().find(|(_, value)| !(*value > 0.0 && *value <= 1.0)) {
            return Err(ConfigError::Value {
                key,
                found: found.to_string(),
                expected: "above 0 and at most 1",
            });
        }
        let positive = [
            ("sac.actor_learning_rate", f64::from(sac.actor_learning_rate)),
            ("sac.critic_learning_rate", f64::from(sac.critic_learning_rate)),
            ("sac.alpha_learning_rate", f64::from(sac.alpha_learning_rate)),
            ("sac.updates_per_step", sac.updates_per_step),
            ("sac.initial_alpha", f64::from(sac.initial_alpha)),
        ];
        if let Some((key, found)) =
            positive.into_iter().find(|(_, value)| !(*value > 0.0 && value.is_finite()))
        {
            return Err(ConfigError::Value {
                key,
                found: found.to_string(),
                expected: "positive and finite",
            });
        }
        match sac.target_entropy {
            Some(nats) if !nats.is_finite() => Err(ConfigError::Value {
                key: "sac.target_entropy",
                found: nats.to_string(),
                expected: "\"auto\" or a finite number",
            }),
            _ => Ok(()),
        }
    }
}

/// Overwrites each named field that the document sets.
macro_rules! overwrite {
    ($config:ident, $document:expr, $($field:ident),+) => {
        $(if let Some(value) = $document.$field { $config.$field = value; })+
    };
}

impl RunConfig {
    fn merge(&mut self, document: &RunDocument) {
        overwrite!(self, document, steps, seed, environments, threads, start_steps);
        overwrite!(self, document, evaluation_interval, evaluation_episodes, checkpoint_interval);
    }
}

impl SacConfig {
    fn merge(&mut self, document: SacDocument) {
        overwrite!(
            self,
            document,
            gamma,
            tau,
            actor_learning_rate,
            critic_learning_rate,
            alpha_learning_rate
        );
        overwrite!(self, document, batch_size, replay_capacity, hidden, activation, updates_per_step);
        overwrite!(self, document, final_learning_rate_share, initial_alpha, normalize_observations);
        match document.target_entropy {
            Some(TargetEntropy::Nats(nats)) => self.target_entropy = Some(nats),
            Some(TargetEntropy::Named(Auto::Auto)) => self.target_entropy = None,
            None => {}
        }
    }
}

#[expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference to the field"
)]
fn write_target_entropy<S: serde::Serializer>(value: &Option<f32>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(nats) => serializer.serialize_f32(*nats),
        None => serializer.serialize_str("auto"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_configuration_is_usable_and_reads_back() {
        for (task, _) in BUILT_IN {
            let config = TrainingConfig::for_task(task).unwrap();
            let mut read_back = TrainingConfig::default();
            read_back.merge(&config.to_toml(), "config.toml").unwrap();
            assert_eq!(read_back, config, "{task}");
        }
    }

    #[test]
    fn a_mistyped_key_names_the_nearest_known_one() {
        let mut config = TrainingConfig::default();
        let error = config.set("sac.gama=0.98").unwrap_err().to_string();
        assert!(error.contains("unknown key \"gama\", did you mean \"gamma\"?"), "{error}");
        let error = config.merge("[training]\nstpes = 5\n", "run.toml").unwrap_err().to_string();
        assert!(error.starts_with("run.toml:2: unknown key \"stpes\", did you mean \"steps\"?"), "{error}");
    }

    #[test]
    fn overrides_take_numbers_lists_and_bare_words() {
        let mut config = TrainingConfig::default();
        config.set("sac.gamma=0.5").unwrap();
        config.set("sac.hidden=[32, 16]").unwrap();
        config.set("sac.activation=tanh").unwrap();
        config.set("sac.target_entropy=-2.5").unwrap();
        assert_eq!((config.sac.gamma, &config.sac.hidden[..]), (0.5, &[32, 16][..]));
        assert_eq!((config.sac.activation, config.sac.target_entropy), (Activation::Tanh, Some(-2.5)));
        config.set("sac.target_entropy=auto").unwrap();
        assert_eq!(config.sac.target_entropy, None);
        assert!(matches!(config.set("gamma"), Err(ConfigError::Override { .. })));
    }

    #[test]
    fn a_value_that_cannot_be_used_names_its_key() {
        let mut config = TrainingConfig::default();
        let error = config.set("sac.gamma=1.5").unwrap_err().to_string();
        assert_eq!(error, "sac.gamma is 1.5, expected above 0 and at most 1");
        let error = TrainingConfig::default().set("sac.hidden=[]").unwrap_err().to_string();
        assert!(error.contains("sac.hidden"), "{error}");
        let error = TrainingConfig::default().set("sac.target_entropy=-inf").unwrap_err().to_string();
        assert_eq!(error, "sac.target_entropy is -inf, expected \"auto\" or a finite number");
        let error = TrainingConfig::default().set("sac.target_entropy=aut").unwrap_err().to_string();
        assert!(error.contains("expected \"auto\" or a number of nats"), "{error}");
    }

    #[test]
    fn every_seed_is_refused_or_reads_back() {
        for seed in [0, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
            let mut config = TrainingConfig::default();
            if config.set(&format!("training.seed={seed}")).is_ok() {
                let mut read_back = TrainingConfig::default();
                read_back.merge(&config.to_toml(), "config.toml").unwrap();
                assert_eq!(read_back.training.seed, seed, "{}", config.to_toml());
            }
        }
    }
}
