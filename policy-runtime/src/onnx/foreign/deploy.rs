//! `deploy.yaml`: what `unitree_rl_lab`'s `export_deploy_cfg` writes of an Isaac Lab environment.
//!
//! It holds `joint_ids_map` (for each of the policy's joints the motor), `step_dt`, `stiffness` and `damping` by motor,
//! `default_joint_pos` by the policy's joints, `commands.base_velocity.ranges`, `actions.JointPositionAction` (`scale`, `offset`,
//! `clip`) and `observations`, each with `scale`, `clip`, `history_length` and `params`. A term is clipped, then scaled, then
//! kept; the oldest sample comes first. It says nothing of names, limits, sensors and ages.

use super::ForeignError;
use super::import::{CommandImport, Import, Joint, JointImport, Meaning, TermImport, same_length};
use crate::contract::TermSource;
use yaml_rust2::{Yaml, YamlLoader};

/// Largest file, in bytes; those of 29 joints have 5 KB.
const MAX_BYTES: usize = 64 << 10;
/// Deepest nesting, because the parser follows it on the stack.
const MAX_DEPTH: usize = 32;

struct Reader<'y> {
    origin: &'y str,
    root: &'y Yaml,
}

/// Reads the text of the file `origin`.
pub(super) fn read(text: &str, origin: &str) -> Result<Import, ForeignError> {
    let refuse =
        |reason: String| ForeignError::Import { origin: origin.to_owned(), field: "YAML".to_owned(), reason };
    if text.len() > MAX_BYTES {
        return Err(refuse(format!("has {} bytes, at most {MAX_BYTES} are read", text.len())));
    }
    if depth(text) > MAX_DEPTH {
        return Err(refuse(format!("is nested deeper than {MAX_DEPTH} levels")));
    }
    if text.contains('&') {
        // A few of them can stand for more values than memory holds.
        return Err(refuse("has anchors (&), which are not read".to_owned()));
    }
    let documents = YamlLoader::load_from_str(text).map_err(|error| refuse(error.to_string()))?;
    let [root] = &documents[..] else {
        return Err(refuse(format!("has {} documents, expected 1", documents.len())));
    };
    Reader { origin, root }.import()
}

/// An upper bound of how deep the text nests: brackets, and the indentation of a line with each of its dashes.
fn depth(text: &str) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    let line = |line: &str| {
        let start = line.len() - line.trim_start_matches([' ', '-', '?', ':']).len();
        start.div_ceil(2)
    };
    deepest + text.lines().map(line).max().unwrap_or(0)
}

impl Reader<'_> {
    fn import(&self) -> Result<Import, ForeignError> {
        Ok(Import {
            origin: self.origin.to_owned(),
            policy_period_s: Some(self.period()?),
            joints: self.joints()?,
            terms: self.terms()?,
            commands: self.commands()?,
        })
    }

    fn period(&self) -> Result<f64, ForeignError> {
        let period = self.root["step_dt"].as_f64().filter(|period| period.is_finite() && *period > 0.0);
        period.ok_or_else(|| self.refuse("step_dt", "is missing or no positive number"))
    }

    fn joints(&self) -> Result<Vec<JointImport>, ForeignError> {
        let map = self.list(&self.root["joint_ids_map"], "joint_ids_map", |value| {
            value.as_i64().and_then(|id| usize::try_from(id).ok())
        })?;
        let action = &self.root["actions"]["JointPositionAction"];
        if action.is_badvalue() {
            return Err(self.refuse("actions", "has no JointPositionAction, the one kind that is read"));
        }
        if !action["joint_ids"].is_null() {
            return Err(
                self.refuse("actions.JointPositionAction.joint_ids", "is given, expected null: all joints")
            );
        }
        let by_motor = |field: &str| self.numbers(&self.root[field], field);
        let (stiffness, damping) = (by_motor("stiffness")?, by_motor("damping")?);
        let default = self.numbers(&self.root["default_joint_pos"], "default_joint_pos")?;
        let scale = self.numbers(&action["scale"], "actions.JointPositionAction.scale")?;
        let offset = self.numbers(&action["offset"], "actions.JointPositionAction.offset")?;
        for (field, list) in [("default_joint_pos", &default), ("scale", &scale), ("offset", &offset)] {
            same_length(self.origin, field, list, map.len())?;
        }
        let clips = self.clips(&action["clip"], map.len())?;
        let mut joints = Vec::new();
        for (index, motor) in map.iter().enumerate() {
            let gain = |list: &[f32], field: &str| {
                list.get(*motor).copied().ok_or_else(|| {
                    let reason = format!("has {} values, joint_ids_map names motor {motor}", list.len());
                    self.refuse(field, &reason)
                })
            };
            joints.push(JointImport {
                joint: Joint::Motor(*motor),
                stiffness: gain(&stiffness, "stiffness")?,
                damping: gain(&damping, "damping")?,
                default: default[index],
                scale: scale[index],
                offset: offset[index],
                clip: clips.get(index).copied(),
            });
        }
        Ok(joints)
    }

    /// A pair for each joint; none where the file has null.
    fn clips(&self, value: &Yaml, joints: usize) -> Result<Vec<[f32; 2]>, ForeignError> {
        const FIELD: &str = "actions.JointPositionAction.clip";
        if value.is_null() || value.is_badvalue() {
            return Ok(Vec::new());
        }
        let rows = value.as_vec().ok_or_else(|| self.refuse(FIELD, "is no list of pairs"))?;
        same_length(self.origin, FIELD, rows, joints)?;
        rows.iter().map(|row| self.pair(row, FIELD)).collect()
    }

    fn terms(&self) -> Result<Vec<TermImport>, ForeignError> {
        let Some(terms) = self.root["observations"].as_hash() else {
            return Err(self.refuse("observations", "is missing"));
        };
        let mut imported = Vec::new();
        for (name, term) in terms {
            let name =
                name.as_str().ok_or_else(|| self.refuse("observations", "has a name that is no text"))?;
            let field = |field: &str| format!("observations.{name}.{field}");
            let clip = match &term["clip"] {
                Yaml::Null | Yaml::BadValue => None,
                value => Some(self.pair(value, &field("clip"))?),
            };
            let length = match &term["history_length"] {
                Yaml::Null | Yaml::BadValue => 1,
                value => value
                    .as_i64()
                    .and_then(|length| u16::try_from(length.max(1)).ok())
                    .ok_or_else(|| self.refuse(&field("history_length"), "is no whole number up to 65535"))?,
            };
            imported.push(TermImport {
                meaning: self.meaning(name, &term["params"])?,
                name: name.to_owned(),
                scale: self.numbers(&term["scale"], &field("scale"))?,
                clip,
                history_length: length,
            });
        }
        Ok(imported)
    }

    fn meaning(&self, name: &str, params: &Yaml) -> Result<Meaning, ForeignError> {
        Ok(match name {
            "base_lin_vel" | "base_ang_vel" => Meaning::Source(TermSource::Sensor),
            "projected_gravity" => Meaning::Source(TermSource::ProjectedGravity),
            "velocity_commands" => Meaning::Source(TermSource::Command),
            "joint_pos_rel" => Meaning::RelativePosition,
            "joint_vel_rel" => Meaning::JointVelocity,
            "last_action" => Meaning::Source(TermSource::PreviousAction),
            "gait_phase" => {
                let period_s = self.number(&params["period"], "observations.gait_phase.params.period")?;
                Meaning::Source(TermSource::Phase { period_s })
            }
            _ => Meaning::Unknown,
        })
    }

    fn commands(&self) -> Result<Vec<CommandImport>, ForeignError> {
        const NAME: &str = "base_velocity";
        let ranges = &self.root["commands"][NAME]["ranges"];
        if ranges.is_badvalue() {
            return Ok(Vec::new());
        }
        let mut command = CommandImport { name: NAME.to_owned(), minimum: Vec::new(), maximum: Vec::new() };
        for axis in ["lin_vel_x", "lin_vel_y", "ang_vel_z"] {
            let [low, high] = self.pair(&ranges[axis], &format!("commands.{NAME}.ranges.{axis}"))?;
            command.minimum.push(low);
            command.maximum.push(high);
        }
        Ok(vec![command])
    }

    fn pair(&self, value: &Yaml, field: &str) -> Result<[f32; 2], ForeignError> {
        let values = self.numbers(value, field)?;
        <[f32; 2]>::try_from(&values[..]).map_err(|_| self.refuse(field, "is no pair of numbers"))
    }

    fn numbers(&self, value: &Yaml, field: &str) -> Result<Vec<f32>, ForeignError> {
        self.list(value, field, number)
    }

    fn number(&self, value: &Yaml, field: &str) -> Result<f32, ForeignError> {
        number(value).ok_or_else(|| self.refuse(field, "is missing or no finite number"))
    }

    fn list<T>(
        &self,
        value: &Yaml,
        field: &str,
        element: impl Fn(&Yaml) -> Option<T>,
    ) -> Result<Vec<T>, ForeignError> {
        let values = value.as_vec().and_then(|values| values.iter().map(element).collect());
        values.ok_or_else(|| self.refuse(field, "is missing or no list of finite numbers"))
    }

    fn refuse(&self, field: &str, reason: &str) -> ForeignError {
        ForeignError::Import {
            origin: self.origin.to_owned(),
            field: field.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

fn number(value: &Yaml) -> Option<f32> {
    let number = value.as_f64().or_else(|| value.as_i64().map(|whole| whole as f64))? as f32;
    number.is_finite().then_some(number)
}
