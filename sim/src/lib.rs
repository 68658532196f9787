//! Simulates robots to train policies on: rapier worlds, robots, domain randomization, tasks, vectorized environments.
//!
//! Data flows top-down through these layers:
//!
//! - [`task`]: what is to be learned, read from TOML: robot, observation, reward, randomization;
//! - [`randomization`] and [`random`]: what an episode draws, from one stream for each (seed, environment, episode);
//! - [`robot`]: one robot in one rapier world behind delays, motors and sensors;
//! - [`terrain`]: the uneven ground that it stands on;
//! - [`equations`]: Gymnasium's classics without a physics engine, for comparing algorithms;
//! - [`objective`] and [`quantity`]: rewards, terminations and success, from the true state;
//! - [`curriculum`]: how a task grows harder as its robots cope;
//! - [`mod@env`]: one robot, one policy period at a time, through the control path that robots run;
//! - [`vec_env`]: many of them, with the same results on any number of threads.
//!
//! ```
//! use sinew_sim::{Randomization, Task, VecEnv};
//!
//! let task = Task::load("pendulum-v1")?;
//! let mut environments = VecEnv::new(&task, Randomization::Training, 2, 1, 1)?;
//! environments.reset();
//! environments.step(&[0.5, -0.5])?;
//! assert_eq!(environments.observations().len(), 2 * task.observation_size());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod command;
pub mod curriculum;
pub mod env;
pub mod equations;
mod error;
pub mod fault;
pub mod objective;
pub mod quantity;
pub mod random;
pub mod randomization;
pub mod robot;
mod rotation;
mod start;
pub mod task;
pub mod terrain;
mod truth;
pub mod vec_env;

pub use curriculum::{Curriculum, Lesson};
pub use env::{Env, EnvState, EpisodeSummary, Outcome};
pub use error::SimError;
pub use fault::Fault;
pub use objective::CustomObjective;
pub use quantity::Situation;
pub use randomization::Randomization;
pub use robot::SimulatedRobot;
pub use task::{SafeActionSpec, Task, TaskError};
pub use truth::{BaseState, ContactState, JointState, SiteState, Truth};
pub use vec_env::{VecEnv, VecEnvState};
