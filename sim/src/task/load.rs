//! From a task's name or file to a [`Task`]: read, resolved and checked.

use super::check::{self, Checked};
use super::contract::{nobody, observation_floor, training_ranges};
use super::document::{DynamicsDocument, TaskDocument};
use super::joints::Joints;
use super::watched::Watched;
use super::{Inner, Task, TaskError, builtin, effort, objects, pin, servo};
use crate::robot::{ModelFile, RobotModel, read_text};
use crate::terrain::TerrainSet;
use sinew_policy_runtime::document::{nearest, read};
use std::path::Path;
use std::sync::Arc;

impl Task {
    /// Loads a built-in task by name, or any from a path that ends in `.toml`.
    ///
    /// # Errors
    /// See [`TaskError`]: each names the file, the line or field, what was found and what was expected.
    pub fn load(name_or_path: &str) -> Result<Self, TaskError> {
        Self::load_pinned(name_or_path, &[])
    }

    /// As [`Self::load`], with some of its numbers held.
    pub(super) fn load_held(name_or_path: &str, pins: &[(&str, f64)]) -> Result<Self, TaskError> {
        if let Some(text) = builtin::task(name_or_path) {
            return Self::parse_held(text, name_or_path, None, pins);
        }
        let path = Path::new(name_or_path);
        if path.extension().is_none_or(|extension| extension != "toml") {
            return Err(TaskError::Unknown {
                name: name_or_path.to_owned(),
                builtin: builtin::NAMES.map(str::to_owned).to_vec(),
                nearest: nearest(name_or_path, builtin::NAMES),
            });
        }
        let text = read(path)?;
        Self::parse_held(&text, name_or_path, path.parent(), pins)
    }

    /// Validates a task's text. `file` stands in errors; models lie in `folder` or are built in.
    #[cfg(test)]
    pub(crate) fn parse(text: &str, file: &str, folder: Option<&Path>) -> Result<Self, TaskError> {
        Self::parse_held(text, file, folder, &[])
    }

    fn parse_held(
        text: &str,
        file: &str,
        folder: Option<&Path>,
        pins: &[(&str, f64)],
    ) -> Result<Self, TaskError> {
        let mut document = TaskDocument::parse(text, file)?;
        pins.iter().try_for_each(|(name, value)| pin::hold(&mut document, name, *value, file))?;
        let formulation = document.dynamics.training_formulation;
        let in_training = formulation.filter(|formulation| *formulation != document.dynamics.formulation);
        let in_training = in_training
            .map(|formulation| {
                let mut document = document.clone();
                document.dynamics.formulation = formulation;
                Self::complete(document, file, folder)
            })
            .transpose()?;
        Ok(Self { in_training: in_training.map(Arc::new), ..Self::complete(document, file, folder)? })
    }

    /// Resolves and checks a document, in its own formulation alone.
    fn complete(mut document: TaskDocument, file: &str, folder: Option<&Path>) -> Result<Self, TaskError> {
        let mut model = match &document.dynamics.model {
            None => None,
            Some(name) => {
                let name = name.clone();
                let mut model = load_model(&document, &name, folder)?;
                effort::resolve(&mut document.actuators, &model, file)?;
                if document.dynamics.floor {
                    model.add_floor();
                }
                objects::place(&document.objects, &mut model, file)?;
                Some(model)
            }
        };
        let joints = Joints::new(model.as_ref(), document.dynamics.equations);
        let Checked { objective, terms, course } = check::check(&document, model.as_ref(), &joints, file)?;
        if let Some(model) = &model {
            servo::check(&document, model, &joints, &terms, file)?;
        }
        let watched = Watched::new(&document);
        if let Some(model) = &mut model {
            model.watch(&watched.sites, &watched.contacts);
        }
        let terrains = document.terrain.as_ref().map(TerrainSet::new);
        if let (Some(model), Some(terrains)) = (&mut model, &terrains) {
            model.add_terrain(terrains);
        }
        let inner = Inner {
            objective,
            course: Arc::new(course),
            training_ranges: training_ranges(&terms, &document.sensors),
            terms,
            head_scale: document.actuators.iter().map(|actuator| actuator.head_scale).collect(),
            head_offset: document.actuators.iter().map(|actuator| actuator.head_offset).collect(),
            goal: document.commands.iter().flat_map(|command| command.value.iter().copied()).collect(),
            observation_floor: Vec::new(),
            watched,
            terrains,
            document,
            model,
            joints,
        };
        let mut task = Self { inner: Arc::new(inner), in_training: None, custom: None };
        let contract = task.contract(nobody());
        contract
            .validate()
            .map_err(|reason| TaskError::Contract { file: file.to_owned(), reason: reason.to_string() })?;
        let floor = observation_floor(&contract, &task.inner.document.observation);
        drop(contract);
        if let Some(inner) = Arc::get_mut(&mut task.inner) {
            inner.observation_floor = floor;
        }
        Ok(task)
    }
}

fn load_model(document: &TaskDocument, name: &str, folder: Option<&Path>) -> Result<RobotModel, TaskError> {
    let DynamicsDocument { formulation, base, .. } = document.dynamics;
    let beside = folder.map(|folder| folder.join(name)).filter(|path| path.exists());
    let parse = |name: &str, text: &str, folder: &Path| {
        RobotModel::parse(ModelFile { name, text, folder }, formulation, base, &document.actuators)
    };
    match (beside, builtin::model(name)) {
        (Some(path), _) => {
            let name = path.display().to_string();
            let text = read_text(&path).map_err(|reason| TaskError::Model { model: name.clone(), reason })?;
            parse(&name, &text, path.parent().unwrap_or(Path::new(".")))
        }
        (None, Some(text)) => parse(name, text, Path::new(".")),
        (None, None) => Err(TaskError::Model {
            model: name.to_owned(),
            reason: "neither a built-in model nor a file beside the task's".to_owned(),
        }),
    }
}
