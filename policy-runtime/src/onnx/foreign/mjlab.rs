//! mjlab's metadata: what `attach_metadata_to_onnx` writes beside the graph, lists as numbers with commas and three decimals.
//!
//! It holds `joint_names`, `joint_stiffness`, `joint_damping`, `default_joint_pos`, `action_scale`, `command_names` and
//! `observation_names`. It says nothing of periods, limits, scales or histories of observations, or ranges of commands. Its
//! action is a joint position, `default_joint_pos + action_scale · output`; its term `joint_pos` is less the default.

use super::ForeignError;
use super::import::{Import, Joint, JointImport, Meaning, TermImport, same_length};
use crate::contract::TermSource;
use crate::onnx::protobuf::ModelProto;

const ORIGIN: &str = "mjlab's metadata";

/// Reads the metadata.
pub(super) fn read(model: &ModelProto) -> Result<Import, ForeignError> {
    let names = texts(model, "joint_names")?;
    let [stiffness, damping, default] = [
        numbers(model, "joint_stiffness")?,
        numbers(model, "joint_damping")?,
        numbers(model, "default_joint_pos")?,
    ];
    let mut scale = numbers(model, "action_scale")?;
    if let [one] = scale[..] {
        scale = vec![one; names.len()];
    }
    let lists = [
        ("joint_stiffness", &stiffness),
        ("joint_damping", &damping),
        ("default_joint_pos", &default),
        ("action_scale", &scale),
    ];
    for (field, list) in lists {
        same_length(ORIGIN, field, list, names.len())?;
    }
    let joint = |(index, name): (usize, String)| JointImport {
        joint: Joint::Named(name),
        stiffness: stiffness[index],
        damping: damping[index],
        default: default[index],
        scale: scale[index],
        offset: default[index],
        clip: None,
    };
    let term = |name: String| TermImport {
        meaning: meaning(&name),
        name,
        scale: Vec::new(),
        clip: None,
        history_length: 1,
    };
    Ok(Import {
        origin: ORIGIN.to_owned(),
        policy_period_s: None,
        joints: names.into_iter().enumerate().map(joint).collect(),
        terms: texts(model, "observation_names")?.into_iter().map(term).collect(),
        commands: Vec::new(),
    })
}

fn meaning(name: &str) -> Meaning {
    match name {
        "base_lin_vel" | "base_ang_vel" => Meaning::Source(TermSource::Sensor),
        "projected_gravity" => Meaning::Source(TermSource::ProjectedGravity),
        "joint_pos" => Meaning::RelativePosition,
        "joint_vel" => Meaning::JointVelocity,
        "actions" => Meaning::Source(TermSource::PreviousAction),
        "command" => Meaning::Source(TermSource::Command),
        _ => Meaning::Unknown,
    }
}

fn texts(model: &ModelProto, key: &str) -> Result<Vec<String>, ForeignError> {
    let entry = model.metadata_props.iter().find(|entry| entry.key == key);
    let entry = entry.ok_or_else(|| refuse(key, "is missing; is this mjlab's export?"))?;
    Ok(entry.value.split(',').map(|text| text.trim().to_owned()).collect())
}

fn numbers(model: &ModelProto, key: &str) -> Result<Vec<f32>, ForeignError> {
    let number = |text: String| match text.parse::<f32>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(refuse(key, &format!("holds {text:?}, expected numbers with commas between them"))),
    };
    texts(model, key)?.into_iter().map(number).collect()
}

fn refuse(key: &str, reason: &str) -> ForeignError {
    ForeignError::Import { origin: ORIGIN.to_owned(), field: key.to_owned(), reason: reason.to_owned() }
}
