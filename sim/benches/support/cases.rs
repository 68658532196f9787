//! The tasks whose step is measured, each with its model in rapier alone.

use crate::{bare, standing};
use rapier3d::math::Vector;
use rapier3d::pipeline::PhysicsWorld;
use sinew_sim::{Randomization, Task, VecEnv};

/// Tasks and their models.
const MODELS: [(&str, &str); 3] = [
    ("pendulum", include_str!("../../robots/pendulum.xml")),
    ("cart-pole", include_str!("../../robots/cart_pole.xml")),
    ("quadrotor", include_str!("../../robots/quadrotor.xml")),
];

/// A task and as much of it as rapier alone can be.
pub(crate) struct Case {
    pub(crate) task: Task,
    xml: &'static str,
    stands: bool,
}

/// All that is measured: what moves freely, and the quadruped on its feet.
pub(crate) fn all() -> Vec<Case> {
    let moving = MODELS.map(|(name, xml)| Case {
        task: Task::load(name).expect("a built-in task"),
        xml,
        stands: false,
    });
    let standing = Case {
        task: standing::task("multibody", 0.002, 1),
        xml: include_str!("../../robots/quadruped.xml"),
        stands: true,
    };
    moving.into_iter().chain([standing]).collect()
}

impl Case {
    /// Physics steps in a policy period.
    pub(crate) fn steps(&self) -> u32 {
        (self.task.policy_period_s() / self.task.physics_period_s()).round() as u32
    }

    /// The model in a world of its own: on its feet in contact with the floor, or under an inclined gravity that sets everything in
    /// motion, because a body at rest costs less.
    pub(crate) fn bare(&self) -> PhysicsWorld {
        let period_s = self.task.physics_period_s();
        if !self.stands {
            return bare::limp(self.xml, Vector::new(2.0, 3.0, -9.0), period_s);
        }
        let [stiffness, damping] = standing::GAINS;
        let mut world =
            bare::standing_multibody(self.xml, period_s, 1, bare::Standing { stiffness, damping });
        bare::advance(&mut world, 100, false);
        world
    }

    /// One environment at the start of its first episode.
    pub(crate) fn environment(&self) -> VecEnv {
        let mut environment = VecEnv::new(&self.task, Randomization::Training, 1, 1, 1)
            .expect("a built-in task has environments");
        environment.reset().expect("a fresh environment resets");
        environment
    }

    /// An action that ends nothing soon.
    pub(crate) fn actions(&self) -> Vec<f32> {
        vec![if self.stands { 0.0 } else { 0.05 }; self.task.action_size()]
    }
}
