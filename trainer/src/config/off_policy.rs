//! The settings that every algorithm with a replay buffer has, so that a key means the same under each of them.

/// Declares an off-policy algorithm's settings: the shared ones, then its own.
macro_rules! off_policy_settings {
    (
        $(#[$meta:meta])*
        pub struct $config:ident, $document:ident in $section:literal {
            $($own:tt)*
        }
    ) => {
        $crate::config::settings::settings! {
            $(#[$meta])*
            pub struct $config, $document {
                /// Discount per step. Nearer 1 looks farther ahead and learns more slowly.
                gamma: f32 = 0.99,
                /// Steps whose rewards are summed before a value is bootstrapped. More spread rewards faster; those beyond the
                /// first were earned by older policies, which biases the value.
                n_step: usize = 1,
                /// All learning rates fall linearly over the run to this share of themselves. Smaller settles the final policy, but
                /// a longer run is then no continuation of a shorter one.
                final_learning_rate_share: f32 = 1.0,
                /// Environment steps with uniformly random actions before learning starts.
                start_steps: u64 = 1_000,
                /// Transitions in one update.
                batch_size: usize = 256,
                /// Transitions kept. Larger remembers older behaviour.
                replay_capacity: usize = 1_000_000,
                /// How much more often transitions are drawn whose value is far off: each is drawn in proportion to its error to
                /// the power of this (Schaul et al. 2016). 0 draws uniformly, and costs nothing.
                priority_exponent: f32 = 0.0,
                /// How much of the bias of prioritized draws their weights take back at the start of the run; it rises linearly to 1,
                /// all of it. Smaller learns faster at first.
                importance_exponent: f32 = 0.4,
                /// Widths of the hidden layers, of every network.
                hidden: Vec<usize> = vec![256, 256],
                /// Non-linearity between layers.
                activation: $crate::network::activation::Activation = $crate::network::activation::Activation::Relu,
                /// Updates per environment step. More learn more from each step and take longer.
                updates_per_step: f64 = 1.0,
                /// Whether observations are normalized by running statistics, which then ship inside the policy.
                normalize_observations: bool = false,
                $($own)*
            }
        }

        impl $config {
            /// Refuses shared settings that cannot be used.
            fn check_shared(&self) -> Result<(), $crate::config::ConfigError> {
                use $crate::config::settings::{at_least_one, positive, require, share, widths};
                share(concat!($section, ".gamma"), self.gamma)?;
                at_least_one(concat!($section, ".n_step"), self.n_step as u64)?;
                share(concat!($section, ".final_learning_rate_share"), self.final_learning_rate_share)?;
                at_least_one(concat!($section, ".batch_size"), self.batch_size as u64)?;
                at_least_one(concat!($section, ".replay_capacity"), self.replay_capacity as u64)?;
                for (key, exponent) in [
                    (concat!($section, ".priority_exponent"), self.priority_exponent),
                    (concat!($section, ".importance_exponent"), self.importance_exponent),
                ] {
                    require((0.0..=1.0).contains(&exponent), key, exponent, "from 0 to 1")?;
                }
                widths(concat!($section, ".hidden"), &self.hidden)?;
                positive(concat!($section, ".updates_per_step"), self.updates_per_step)
            }

            /// How the algorithm wants its transitions, with what the task reveals to critics alone or without.
            fn off_policy(&self, privileged_critic: bool) -> $crate::training::OffPolicySettings {
                $crate::training::OffPolicySettings {
                    gamma: self.gamma,
                    n_step: self.n_step,
                    batch_size: self.batch_size,
                    replay_capacity: self.replay_capacity,
                    priority_exponent: self.priority_exponent,
                    importance_exponent: self.importance_exponent,
                    start_steps: self.start_steps,
                    updates_per_step: self.updates_per_step,
                    final_learning_rate_share: self.final_learning_rate_share,
                    normalize_observations: self.normalize_observations,
                    privileged_critic,
                    explores_by_progress: false,
                }
            }
        }
    };
}
pub(crate) use off_policy_settings;
