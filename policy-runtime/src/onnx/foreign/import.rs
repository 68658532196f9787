//! What a training tool's own files say of a policy, in one form for all tools.

use super::ForeignError;
use crate::contract::TermSource;

/// How to find an action of the robot.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Joint {
    /// By name.
    Named(String),
    /// By its position among the robot's actions.
    Motor(usize),
}

/// One output of the policy.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct JointImport {
    pub(super) joint: Joint,
    pub(super) stiffness: f32,
    pub(super) damping: f32,
    /// rad.
    pub(super) default: f32,
    pub(super) scale: f32,
    pub(super) offset: f32,
    pub(super) clip: Option<[f32; 2]>,
}

/// What a term's name means in a tool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Meaning {
    /// A source with nothing special about it.
    Source(TermSource),
    /// Joint positions, in the policy's order, less the default pose.
    RelativePosition,
    /// Joint velocities, in the policy's order.
    JointVelocity,
    /// The tool's user has written it: the document says what it is.
    Unknown,
}

/// One term of the policy's input.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TermImport {
    pub(super) name: String,
    pub(super) meaning: Meaning,
    /// One for each value; empty for 1.
    pub(super) scale: Vec<f32>,
    pub(super) clip: Option<[f32; 2]>,
    pub(super) history_length: u16,
}

/// A command's limits.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CommandImport {
    pub(super) name: String,
    pub(super) minimum: Vec<f32>,
    pub(super) maximum: Vec<f32>,
}

/// Everything that a tool's files say. Empty where there are none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Import {
    /// What the files are, for messages.
    pub(super) origin: String,
    pub(super) policy_period_s: Option<f64>,
    pub(super) joints: Vec<JointImport>,
    pub(super) terms: Vec<TermImport>,
    pub(super) commands: Vec<CommandImport>,
}

/// A list that must be as long as the joints.
pub(super) fn same_length<T>(
    origin: &str,
    field: &str,
    list: &[T],
    expected: usize,
) -> Result<(), ForeignError> {
    if list.len() == expected {
        return Ok(());
    }
    Err(ForeignError::Import {
        origin: origin.to_owned(),
        field: field.to_owned(),
        reason: format!("has {} values, expected {expected}, one for each joint", list.len()),
    })
}
