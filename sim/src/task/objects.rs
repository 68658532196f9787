//! The objects of a task: checked, and placed in its model.

use super::document::ObjectDocument;
use super::error::TaskError;
use crate::robot::RobotModel;

/// Adds the objects to a model.
pub(super) fn place(objects: &[ObjectDocument], model: &mut RobotModel, file: &str) -> Result<(), TaskError> {
    let refuse =
        |(field, found, expected)| TaskError::Value { file: file.to_owned(), field, found, expected };
    ObjectDocument::check(objects).map_err(refuse)?;
    model.add_objects(objects).map_err(|name| {
        let expected = "a name that the model has not".to_owned();
        refuse(("objects: name".to_owned(), format!("{name:?}"), expected))
    })
}
