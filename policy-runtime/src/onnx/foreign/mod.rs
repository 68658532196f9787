//! Contracts for policies of other tools: a TOML beside the model, and what Isaac Lab's and mjlab's own files say already.
//!
//! [`load`] reads the document, completes it from `deploy.yaml` or the model's metadata, puts offsets, clips and scales into the
//! graph, and lowers the result as any other. What neither file says is refused with the name of what is missing;
//! nothing is guessed, least of all a limit.

mod adapter;
mod assemble;
mod deploy;
mod document;
mod import;
mod mjlab;
mod terms;

use super::golden;
use super::{OnnxError, check_sizes, decode, external, lower, prove};
use crate::document::{self as toml_document, DocumentError};
use crate::image::AlignedImage;
use document::Document;
use import::Import;
use std::path::{Component, Path};

/// Why a foreign policy's contract cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForeignError {
    /// The TOML cannot be read.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A tool's own file cannot be used.
    #[error("{origin}: {field} {reason}")]
    Import {
        /// The file, or the metadata.
        origin: String,
        /// Where in it.
        field: String,
        /// What is wrong.
        reason: String,
    },
    /// Neither the TOML nor a tool's file says it.
    #[error("{file}: {what} is missing: {hint}")]
    Missing {
        /// The TOML.
        file: String,
        /// What must be supplied.
        what: String,
        /// Why, and where it usually stands.
        hint: &'static str,
    },
    /// Two statements that contradict each other.
    #[error("{file}: {what} is {found}, expected {expected}")]
    Contradiction {
        /// The TOML.
        file: String,
        /// The field.
        what: String,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// The contract that comes of both cannot be used.
    #[error("{file}: {reason}")]
    Contract {
        /// The TOML.
        file: String,
        /// The field, what was expected and what was found.
        reason: String,
    },
    /// The model has nothing to attach to.
    #[error("the model has no {what}")]
    Model {
        /// What.
        what: &'static str,
    },
}

/// Loads a foreign model with the contract that the TOML `document` gives it; other files are looked for in the model's folder.
///
/// # Errors
/// See [`OnnxError`] and [`ForeignError`].
pub fn load(bytes: &[u8], folder: &Path, document: &Path) -> Result<AlignedImage, OnnxError> {
    let file = document.display().to_string();
    let text = toml_document::read(document).map_err(ForeignError::from)?;
    let document: Document = toml_document::parse(&text, &file).map_err(ForeignError::from)?;
    let mut model = decode(bytes)?;
    external::inline(&mut model, folder)?;
    let import = match (&document.deploy, document.mjlab) {
        (Some(_), true) => {
            return Err(ForeignError::Contradiction {
                file,
                what: "mjlab".to_owned(),
                expected: "false beside deploy: one tool made the policy".to_owned(),
                found: "true".to_owned(),
            }
            .into());
        }
        (Some(name), false) => read_deploy(&file, folder, name)?,
        (None, true) => mjlab::read(&model)?,
        (None, false) => Import::default(),
    };
    let parts = assemble::Parts::new(&file, &document, &import)?;
    let contract = parts.contract()?;
    let (observation, action) = (&parts.observation_steps, &parts.action_steps);
    adapter::adapt(&mut model, observation, action, contract.uses_previous_action())?;
    let program = lower::lower(&model, false)?;
    check_sizes(&contract, &program)?;
    let observations = golden::spread(program.observation_size(), None);
    let golden = golden::foreign_pairs(&program, &observations)?;
    prove(super::assemble(&program, &contract, &golden)?)
}

/// A file in the model's folder or below it.
fn read_deploy(file: &str, folder: &Path, name: &str) -> Result<Import, ForeignError> {
    if !Path::new(name).components().all(|component| matches!(component, Component::Normal(_))) {
        return Err(ForeignError::Contradiction {
            file: file.to_owned(),
            what: "deploy".to_owned(),
            expected: "a path below the model's folder".to_owned(),
            found: format!("{name:?}"),
        });
    }
    let path = folder.join(name);
    deploy::read(&toml_document::read(&path)?, &path.display().to_string())
}
