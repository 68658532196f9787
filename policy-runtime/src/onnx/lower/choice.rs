//! Discrete actions: the place of the largest value, and the row of a table that it stands for.

use super::super::attribute::Attributes;
use super::{CHOICE, Choice, Lowering, Operand, Vector, check_width, floats};
use tract_onnx::pb::NodeProto;

impl Lowering<'_> {
    /// The place of the largest value along the last axis, the first among equals.
    pub(super) fn arg_max(&self, node: &NodeProto) -> Result<Choice, String> {
        let attributes = Attributes::new(node, &["axis", "keepdims", "select_last_index"])?;
        let Vector { value, rank } = self.vector(node, 0)?;
        let (axis, last) = (attributes.integer("axis", 0)?, rank as i64 - 1);
        if axis != last && axis != -1 {
            return Err(format!("axis = {axis} mixes the batch; expected {last}"));
        }
        if attributes.flag("select_last_index")? {
            return Err("select_last_index = 1 is not lowered; expected 0".to_owned());
        }
        let keeps_axis = attributes.integer("keepdims", 1)? != 0;
        Ok(Choice { values: value, rank: if keeps_axis { rank } else { rank - 1 } })
    }

    /// A constant table's row at the place of a largest value.
    pub(super) fn gather(&mut self, node: &NodeProto) -> Result<Vector, String> {
        let axis = Attributes::new(node, &["axis"])?.integer("axis", 0)?;
        let table = self.constant(node, 0)?.ok_or("input 0 is missing")?;
        let Some(Operand::Choice(Choice { values, rank })) = self.operand(node, 1)? else {
            return Err(format!("input 1 is not the place of a largest value, {CHOICE}"));
        };
        let [rows, width] = table.dims[..] else {
            return Err(format!("the table has shape {:?}, expected two dimensions", table.dims));
        };
        if axis != 0 || rows != values.size {
            return Err(format!(
                "takes a row of {rows} along axis {axis}; expected {} along axis 0",
                values.size
            ));
        }
        if rank > 1 {
            return Err(
                "its rows would have a dimension too many; expected ArgMax with keepdims = 0".to_owned()
            );
        }
        check_width(width)?;
        self.spend(table.len())?;
        let value = self.program.choose(values, floats(&table)?.to_vec());
        Ok(Vector { value, rank: rank + 1 })
    }
}
