//! Checks of the table of discrete actions.

use super::Check;
use crate::task::TaskError;

/// Most actions among which a policy may choose: beyond, a continuous action is the better description.
const MAX_DISCRETE_ACTIONS: usize = 256;

impl Check<'_> {
    /// Rows are normalized actions, and no two of them are the same.
    pub(super) fn discrete(&self) -> Result<(), TaskError> {
        let Some(discrete) = &self.document.discrete else { return Ok(()) };
        let (rows, size) = (&discrete.actions, self.document.actuators.len());
        self.within("discrete.actions: number of rows", rows.len(), 2, MAX_DISCRETE_ACTIONS)?;
        for (index, row) in rows.iter().enumerate() {
            let field = format!("discrete.actions: row {index}");
            if row.len() != size {
                let expected = format!("{size}, one for each actuator");
                return self.fail(field, format!("{} values", row.len()), expected);
            }
            row.iter().try_for_each(|value| self.within(field.clone(), *value, -1.0, 1.0))?;
            if let Some(first) = rows[..index].iter().position(|other| other == row) {
                let expected = format!("another action than row {first}");
                return self.fail(field, format!("{row:?}"), expected);
            }
        }
        Ok(())
    }
}
