//! The table of algorithms: a line here gives one its name on the command line and its section in a file.

use super::ConfigError;
use super::run::RunDocument;
use super::settings::require;
use crate::algorithm::a2c::{A2cConfig, A2cDocument};
use crate::algorithm::ddpg::{DdpgConfig, DdpgDocument};
use crate::algorithm::dqn::{DqnConfig, DqnDocument};
use crate::algorithm::npg::{NpgConfig, NpgDocument};
use crate::algorithm::ppo::{PpoConfig, PpoDocument};
use crate::algorithm::reinforce::{ReinforceConfig, ReinforceDocument};
use crate::algorithm::sac::{SacConfig, SacDocument};
use crate::algorithm::td3::{Td3Config, Td3Document};
use crate::algorithm::trpo::{TrpoConfig, TrpoDocument};
use serde::{Deserialize, Serialize};

macro_rules! algorithms {
    ($($(#[$doc:meta])* $name:ident: $variant:ident($config:ident, $document:ident),)+) => {
        /// An algorithm, as the command line and files name it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
        #[serde(rename_all = "lowercase")]
        #[value(rename_all = "lower")]
        pub enum Algorithm {
            $($(#[$doc])* $variant,)+
        }

        impl Algorithm {
            /// The name, which is that of its section in a file.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($name),)+
                }
            }
        }

        /// The settings of the algorithm that a run uses.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum AlgorithmConfig {
            $($(#[$doc])* $variant($config),)+
        }

        impl AlgorithmConfig {
            /// An algorithm's own defaults.
            pub fn new(algorithm: Algorithm) -> Self {
                match algorithm {
                    $(Algorithm::$variant => Self::$variant($config::default()),)+
                }
            }

            /// Whose settings they are.
            pub fn algorithm(&self) -> Algorithm {
                match self {
                    $(Self::$variant(_) => Algorithm::$variant,)+
                }
            }

            /// Lays a file's sections over these settings; none may be another algorithm's.
            pub(super) fn merge(&mut self, sections: AlgorithmSections) -> Result<(), ConfigError> {
                let algorithm = self.algorithm();
                $(
                    if let Some(section) = sections.$name {
                        match self {
                            Self::$variant(config) => config.merge(section),
                            _ => return Err(ConfigError::Section {
                                found: stringify!($name),
                                algorithm: algorithm.name(),
                            }),
                        }
                    }
                )+
                Ok(())
            }

            pub(super) fn check(&self) -> Result<(), ConfigError> {
                match self {
                    $(Self::$variant(config) => config.check(),)+
                }
            }
        }

        /// What a file may say; every section and key is optional.
        #[derive(Clone, Debug, Default, PartialEq, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct ConfigDocument {
            /// Whose settings the file holds.
            pub(super) algorithm: Option<Algorithm>,
            #[serde(default)]
            pub(super) training: RunDocument,
            $($name: Option<$document>,)+
        }

        /// Of a file, the algorithms' sections.
        pub(super) struct AlgorithmSections {
            $($name: Option<$document>,)+
        }

        impl ConfigDocument {
            pub(super) fn split(self) -> (Option<Algorithm>, RunDocument, AlgorithmSections) {
                (self.algorithm, self.training, AlgorithmSections { $($name: self.$name,)+ })
            }
        }
    };
}

algorithms! {
    /// Soft actor-critic.
    sac: Sac(SacConfig, SacDocument),
    /// Proximal policy optimization.
    ppo: Ppo(PpoConfig, PpoDocument),
    /// Advantage actor-critic.
    a2c: A2c(A2cConfig, A2cDocument),
    /// Trust region policy optimization.
    trpo: Trpo(TrpoConfig, TrpoDocument),
    /// Natural policy gradient.
    npg: Npg(NpgConfig, NpgDocument),
    /// REINFORCE, with a choice of baselines.
    reinforce: Reinforce(ReinforceConfig, ReinforceDocument),
    /// Twin delayed deep deterministic policy gradient.
    td3: Td3(Td3Config, Td3Document),
    /// Deep deterministic policy gradient.
    ddpg: Ddpg(DdpgConfig, DdpgDocument),
    /// Deep Q-network, for discrete actions.
    dqn: Dqn(DqnConfig, DqnDocument),
}

impl AlgorithmConfig {
    /// Refuses a `training.lag` with which the algorithm would not be what it is.
    pub(super) fn check_lag(&self, lag: u64) -> Result<(), ConfigError> {
        let (most, expected) = match self {
            Self::Sac(_) | Self::Td3(_) | Self::Ddpg(_) | Self::Dqn(_) => return Ok(()),
            Self::Ppo(_) => (1, "0 or 1 with ppo, whose ratios reach from one policy to the next"),
            Self::A2c(_) | Self::Trpo(_) | Self::Npg(_) | Self::Reinforce(_) => (
                0,
                "0 with a2c, trpo, npg and reinforce, whose step is measured from the policy that collected",
            ),
        };
        require(lag <= most, "training.lag", lag, expected)
    }
}
