//! The settings that every algorithm has which learns from rollouts, so that a key means the same under each of them.

use serde::{Deserialize, Serialize};

/// What actor and critic remember of an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recurrence {
    /// Nothing: what they see is all that matters.
    None,
    /// What a gated recurrent unit learns to keep.
    Gru,
}

/// Declares an on-policy algorithm's settings: the shared ones, then its own. `in` names its section, `with` its default of
/// `steps_per_environment`.
macro_rules! on_policy_settings {
    (
        $(#[$meta:meta])*
        pub struct $config:ident, $document:ident in $section:literal with $steps:literal steps {
            $($own:tt)*
        }
    ) => {
        $crate::config::settings::settings! {
            $(#[$meta])*
            pub struct $config, $document {
                /// Discount per step. Nearer 1 looks farther ahead and learns more slowly.
                gamma: f32 = 0.99,
                /// Steps of each environment between two rounds of learning. More give steadier and rarer updates.
                steps_per_environment: usize = $steps,
                /// All learning rates fall linearly over the run to this share of themselves. Smaller settles the final policy, but
                /// a longer run is then no continuation of a shorter one.
                final_learning_rate_share: f32 = 1.0,
                /// Widths of the hidden layers, actor and critic alike.
                hidden: Vec<usize> = vec![64, 64],
                /// Non-linearity between layers.
                activation: $crate::network::activation::Activation = $crate::network::activation::Activation::Tanh,
                /// `"none"`, or `"gru"`: actor and critic each remember, by a gated recurrent unit in front of the hidden layers, what
                /// one observation does not show, such as velocities, delays or the robot's own properties.
                recurrent: $crate::config::Recurrence = $crate::config::Recurrence::None,
                /// Values that each remembers. More remember more and take longer.
                recurrent_size: usize = 64,
                /// Steps through which derivatives flow back, where something is remembered; `steps_per_environment` is a multiple of
                /// it. More learn to remember for longer, and make fewer and longer sequences to shuffle.
                sequence_length: usize = 16,
                /// Deviation of each normalized action at the start; the actuators' range is 2 wide. Larger explores more at
                /// first.
                initial_deviation: f32 = 1.0,
                /// Smallest and largest deviation.
                deviation_bounds: [f32; 2] = [0.01, 2.0],
                /// Whether observations are normalized by running statistics, which then ship inside the policy.
                normalize_observations: bool = true,
                $($own)*
            }
        }

        impl $config {
            /// Refuses shared settings that cannot be used.
            fn check_shared(&self) -> Result<(), $crate::config::ConfigError> {
                use $crate::config::settings::{at_least_one, require, share, widths};
                share(concat!($section, ".gamma"), self.gamma)?;
                at_least_one(
                    concat!($section, ".steps_per_environment"),
                    self.steps_per_environment as u64,
                )?;
                share(concat!($section, ".final_learning_rate_share"), self.final_learning_rate_share)?;
                widths(concat!($section, ".hidden"), &self.hidden)?;
                at_least_one(concat!($section, ".recurrent_size"), self.recurrent_size as u64)?;
                at_least_one(concat!($section, ".sequence_length"), self.sequence_length as u64)?;
                let whole = self.recurrent == $crate::config::Recurrence::None
                    || self.steps_per_environment.is_multiple_of(self.sequence_length);
                let expected = concat!("a divisor of ", $section, ".steps_per_environment");
                require(whole, concat!($section, ".sequence_length"), self.sequence_length, expected)?;
                let [lowest, highest] = self.deviation_bounds;
                let ordered = lowest > 0.0 && lowest <= highest && highest.is_finite();
                let (key, found) =
                    (concat!($section, ".deviation_bounds"), format!("[{lowest}, {highest}]"));
                require(ordered, key, found, "two finite numbers above 0, the larger second")?;
                let (deviation, key) = (self.initial_deviation, concat!($section, ".initial_deviation"));
                let inside = deviation >= lowest && deviation <= highest;
                require(inside, key, deviation, concat!("within ", $section, ".deviation_bounds"))
            }

            /// How the algorithm wants its rollouts.
            fn on_policy(&self) -> $crate::training::OnPolicySettings {
                $crate::training::OnPolicySettings {
                    final_learning_rate_share: self.final_learning_rate_share,
                    normalize_observations: self.normalize_observations,
                }
            }

            /// What actor and critic remember.
            pub(crate) fn memory(&self) -> Option<$crate::rollout::MemoryShape> {
                let shape = $crate::rollout::MemoryShape {
                    size: self.recurrent_size,
                    sequence_steps: self.sequence_length,
                };
                (self.recurrent == $crate::config::Recurrence::Gru).then_some(shape)
            }

            /// The networks that it asks for.
            fn actor_shape(&self) -> $crate::stochastic_actor::ActorShape<'_> {
                $crate::stochastic_actor::ActorShape {
                    hidden: &self.hidden,
                    activation: self.activation,
                    initial_deviation: self.initial_deviation,
                    deviation_bounds: self.deviation_bounds,
                }
            }
        }
    };
}
pub(crate) use on_policy_settings;
