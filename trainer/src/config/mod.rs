//! What to train and how: defaults, laid over by a task's tuned file, laid over by the user's file, laid over by `--set`.
//!
//! Every layer has the same form and goes through the same parser, so an unknown key is an error that names the nearest
//! known one wherever it was written. The resolved configuration is stored with the run and reproduces it. A run uses one
//! algorithm: another's section is refused rather than ignored.

mod algorithms;
mod builtin;
pub(crate) mod natural;
pub(crate) mod off_policy;
pub(crate) mod on_policy;
mod run;
pub(crate) mod settings;

pub use algorithms::{Algorithm, AlgorithmConfig};
pub use builtin::tuned;
pub use on_policy::Recurrence;
pub use run::RunConfig;
pub use settings::{Auto, NumberOrAuto};

use algorithms::ConfigDocument;
use serde::Serialize;
use serde::ser::SerializeStruct;
use sinew_policy_runtime::document::{self, DocumentError};

/// The whole configuration of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingConfig {
    /// How long, on what, and how often to look.
    pub training: RunConfig,
    /// The algorithm and its settings.
    pub algorithm: AlgorithmConfig,
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
    /// A file for another algorithm.
    #[error("{file} is for algorithm {found}, this run trains with {algorithm}")]
    Algorithm {
        /// The file.
        file: String,
        /// The file's.
        found: &'static str,
        /// The run's.
        algorithm: &'static str,
    },
    /// Settings of another algorithm.
    #[error("[{found}] is set, but this run trains with {algorithm}")]
    Section {
        /// The section.
        found: &'static str,
        /// The run's algorithm.
        algorithm: &'static str,
    },
}

impl TrainingConfig {
    /// An algorithm's own defaults.
    pub fn new(algorithm: Algorithm) -> Self {
        Self { training: RunConfig::default(), algorithm: AlgorithmConfig::new(algorithm) }
    }

    /// The defaults for a task: the tuned file where there is one, else [`TrainingConfig::new`].
    ///
    /// # Errors
    /// None for the files that come with Sinew; the signature is that of the other layers.
    pub fn for_task(task: &str, algorithm: Algorithm) -> Result<Self, ConfigError> {
        let mut config = Self::new(algorithm);
        if let Some(text) = builtin::file(task, algorithm) {
            config.merge(text, &format!("configs/{task}-{}.toml", algorithm.name()))?;
        }
        Ok(config)
    }

    /// The algorithm that a file names, if it names one.
    ///
    /// # Errors
    /// The file cannot be read, or is no configuration.
    pub fn algorithm_of(path: &str) -> Result<Option<Algorithm>, ConfigError> {
        let text = document::read(path)?;
        Ok(document::parse::<ConfigDocument>(&text, path)?.algorithm)
    }

    /// Lays the keys of a TOML text over this configuration; `file` stands in errors.
    ///
    /// # Errors
    /// An unknown or mistyped key, a value that cannot be used, or settings of another algorithm.
    pub fn merge(&mut self, text: &str, file: &str) -> Result<(), ConfigError> {
        let (algorithm, training, sections) = document::parse::<ConfigDocument>(text, file)?.split();
        let own = self.algorithm.algorithm();
        if let Some(found) = algorithm.filter(|found| *found != own) {
            let (file, found, algorithm) = (file.to_owned(), found.name(), own.name());
            return Err(ConfigError::Algorithm { file, found, algorithm });
        }
        self.training.merge(training);
        self.algorithm.merge(sections)?;
        self.training.check()?;
        self.algorithm.check()?;
        self.algorithm.check_lag(self.training.lag)
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
}

impl Serialize for TrainingConfig {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let algorithm = self.algorithm.algorithm();
        let mut document = serializer.serialize_struct("TrainingConfig", 3)?;
        document.serialize_field("algorithm", &algorithm)?;
        document.serialize_field("training", &self.training)?;
        document.serialize_field(algorithm.name(), &self.algorithm)?;
        document.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::sac::SacConfig;
    use crate::network::activation::Activation;

    #[allow(clippy::match_wildcard_for_single_variants, reason = "any other algorithm is as wrong")]
    fn sac_with(text: &str) -> Result<SacConfig, ConfigError> {
        let mut config = TrainingConfig::new(Algorithm::Sac);
        config.set(text)?;
        match config.algorithm {
            AlgorithmConfig::Sac(sac) => Ok(sac),
            _ => panic!("sac was asked for"),
        }
    }

    #[test]
    fn every_tuned_configuration_is_usable_and_reads_back() {
        for (task, algorithm) in tuned() {
            let config = TrainingConfig::for_task(task, algorithm).unwrap();
            let mut read_back = TrainingConfig::new(algorithm);
            read_back.merge(&config.to_toml(), "config.toml").unwrap();
            assert_eq!(read_back, config, "{task}");
        }
    }

    #[test]
    fn a_mistyped_key_names_the_nearest_known_one() {
        let error = sac_with("sac.gama=0.98").unwrap_err().to_string();
        assert!(error.contains("unknown key \"gama\", did you mean \"gamma\"?"), "{error}");
        let mut config = TrainingConfig::new(Algorithm::Sac);
        let error = config.merge("[training]\nstpes = 5\n", "run.toml").unwrap_err().to_string();
        assert!(error.starts_with("run.toml:2: unknown key \"stpes\", did you mean \"steps\"?"), "{error}");
    }

    #[test]
    fn overrides_take_numbers_lists_and_bare_words() {
        assert_eq!(sac_with("sac.gamma=0.5").unwrap().gamma, 0.5);
        assert_eq!(sac_with("sac.hidden=[32, 16]").unwrap().hidden, [32, 16]);
        assert_eq!(sac_with("sac.activation=tanh").unwrap().activation, Activation::Tanh);
        assert_eq!(sac_with("sac.target_entropy=-2.5").unwrap().target_entropy, NumberOrAuto::Number(-2.5));
        assert_eq!(sac_with("sac.target_entropy=auto").unwrap().target_entropy, NumberOrAuto::AUTO);
        assert!(matches!(sac_with("gamma"), Err(ConfigError::Override { .. })));
    }

    #[test]
    fn a_value_that_cannot_be_used_names_its_key() {
        let error = |text| sac_with(text).unwrap_err().to_string();
        assert_eq!(error("sac.gamma=1.5"), "sac.gamma is 1.5, expected above 0 and at most 1");
        assert_eq!(error("sac.hidden=[]"), "sac.hidden is [], expected at least one width, each at least 1");
        let expected = "sac.target_entropy is -inf, expected \"auto\" or a finite number";
        assert_eq!(error("sac.target_entropy=-inf"), expected);
        let text = error("sac.target_entropy=aut");
        assert!(text.contains("expected \"auto\" or a number"), "{text}");
    }

    #[test]
    fn a_lag_is_refused_where_a_step_is_measured_from_the_policy_that_collected() {
        let set = |algorithm, lag: u64| {
            let mut config = TrainingConfig::new(algorithm);
            config.set(&format!("training.lag={lag}")).map_err(|error| error.to_string())
        };
        for algorithm in [Algorithm::Sac, Algorithm::Td3, Algorithm::Ddpg, Algorithm::Dqn] {
            assert_eq!([0, 1, 1_000].map(|lag| set(algorithm, lag)), [Ok(()), Ok(()), Ok(())]);
        }
        assert_eq!(set(Algorithm::Ppo, 1), Ok(()));
        let expected =
            "training.lag is 2, expected 0 or 1 with ppo, whose ratios reach from one policy to the next";
        assert_eq!(set(Algorithm::Ppo, 2).unwrap_err(), expected);
        for algorithm in [Algorithm::A2c, Algorithm::Trpo, Algorithm::Npg, Algorithm::Reinforce] {
            assert_eq!(set(algorithm, 0), Ok(()));
            let error = set(algorithm, 1).unwrap_err();
            assert!(
                error.starts_with("training.lag is 1, expected 0 with a2c, trpo, npg and reinforce"),
                "{error}"
            );
        }
    }

    #[test]
    fn every_seed_is_refused_or_reads_back() {
        for seed in [0, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
            let mut config = TrainingConfig::new(Algorithm::Sac);
            if config.set(&format!("training.seed={seed}")).is_ok() {
                let mut read_back = TrainingConfig::new(Algorithm::Sac);
                read_back.merge(&config.to_toml(), "config.toml").unwrap();
                assert_eq!(read_back.training.seed, seed, "{}", config.to_toml());
            }
        }
    }
}
