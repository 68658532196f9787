//! The settings that both algorithms have which follow the natural gradient.

/// Declares the settings of an algorithm that follows the natural gradient: what every on-policy one has, the shared ones,
/// then its own.
macro_rules! natural_settings {
    (
        $(#[$meta:meta])*
        pub struct $config:ident, $document:ident in $section:literal {
            $($own:tt)*
        }
    ) => {
        $crate::config::on_policy::on_policy_settings! {
            $(#[$meta])*
            pub struct $config, $document in $section with 2048 steps {
                /// How far advantages look before they trust the critic. 1 trusts rewards alone: less bias, more noise.
                lambda: f32 = 0.95,
                /// Divergence in nats that an update may come to. Larger moves farther.
                largest_kl: f32 = 0.01,
                /// Products with the Fisher information in each update. More find a better direction.
                conjugate_gradient_iterations: usize = 15,
                /// Added to the Fisher information's diagonal. Larger turns the direction towards the plain gradient.
                damping: f32 = 0.1,
                /// Adam's step size for the critic.
                critic_learning_rate: f32 = 1e-3,
                /// Passes of the critic over each rollout.
                critic_epochs: usize = 10,
                /// Steps of the critic in each pass.
                critic_minibatches: usize = 16,
                /// Whether the critic learns values with mean 0 and deviation 1 over all so far.
                normalize_values: bool = true,
                $($own)*
            }
        }

        impl $config {
            /// Refuses shared settings that cannot be used.
            fn check_natural(&self) -> Result<(), $crate::config::ConfigError> {
                use $crate::config::settings::{at_least_one, positive, require};
                self.check_shared()?;
                require((0.0..=1.0).contains(&self.lambda), concat!($section, ".lambda"), self.lambda, "from 0 to 1")?;
                positive(concat!($section, ".largest_kl"), f64::from(self.largest_kl))?;
                let iterations = self.conjugate_gradient_iterations as u64;
                at_least_one(concat!($section, ".conjugate_gradient_iterations"), iterations)?;
                positive(concat!($section, ".damping"), f64::from(self.damping))?;
                positive(concat!($section, ".critic_learning_rate"), f64::from(self.critic_learning_rate))?;
                at_least_one(concat!($section, ".critic_epochs"), self.critic_epochs as u64)?;
                at_least_one(concat!($section, ".critic_minibatches"), self.critic_minibatches as u64)
            }

            /// The parts that the algorithm is made of.
            fn natural(&self) -> $crate::algorithm::natural::NaturalSettings {
                $crate::algorithm::natural::NaturalSettings {
                    estimation: $crate::actor_critic::Estimation {
                        gamma: self.gamma,
                        lambda: self.lambda,
                        normalize_advantages: true,
                        normalize_values: self.normalize_values,
                    },
                    descent: $crate::natural_gradient::Descent {
                        iterations: self.conjugate_gradient_iterations,
                        damping: self.damping,
                        largest_kl: self.largest_kl,
                    },
                    regression: $crate::value_regression::Regression {
                        epochs: self.critic_epochs,
                        minibatches: self.critic_minibatches,
                        learning_rate: self.critic_learning_rate,
                    },
                }
            }
        }
    };
}
pub(crate) use natural_settings;
