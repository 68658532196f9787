//! The joints of a task's robot, or of what moves by equations.

use crate::equations::Equations;
use crate::robot::{JointKind, RobotModel};

/// Names and kinds of joints, in the order of [`crate::Truth::joints`].
#[derive(Debug)]
pub(super) struct Joints {
    pub(super) names: Vec<String>,
    pub(super) kinds: Vec<JointKind>,
}

impl Joints {
    /// Those of a model, or else of equations.
    pub(super) fn new(model: Option<&RobotModel>, equations: Option<Equations>) -> Self {
        if let Some(model) = model {
            let names = model.joint_names().to_vec();
            return Self { kinds: (0..names.len()).map(|joint| model.joint_kind(joint)).collect(), names };
        }
        let joints = equations.map_or(&[][..], |equations| equations.mechanism().joints);
        let (names, kinds) = joints.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).unzip();
        Self { names, kinds }
    }

    /// A joint's position among them.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|joint| joint == name)
    }
}
