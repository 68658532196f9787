//! What an environment looks like, whether a robot moves in it or equations.

use super::Env;
use crate::equations;
use crate::robot::scene::{Pose, Scene};

impl Env {
    /// What there is to see in the present episode.
    pub fn scene(&self) -> Scene {
        self.robot()
            .map_or_else(|| equations::scene::scene(self.task.joint_names()), crate::SimulatedRobot::scene)
    }

    /// Replaces `poses` with every body's, body to world, in the order of the scene.
    pub fn poses(&self, poses: &mut Vec<Pose>) {
        match self.robot() {
            Some(robot) => robot.poses(poses),
            None => equations::scene::poses(self.task.joint_names(), &self.truth().joints, poses),
        }
    }
}
