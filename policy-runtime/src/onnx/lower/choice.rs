//! Where: one of two values by a truth value.

use super::super::attribute::Attributes;
use super::Lowering;
use super::operand::{Flow, check_count, common_dims};
use crate::image::Element;
use crate::image::program::Source;
use crate::onnx::protobuf::NodeProto;

impl Lowering<'_> {
    /// `first` where the condition holds, else `second`, all three broadcast.
    pub(super) fn choose(&mut self, node: &NodeProto) -> Result<Flow, String> {
        Attributes::new(node, &[])?;
        let condition = self.operand(node, 0)?;
        let (first, second) = (self.operand(node, 1)?, self.operand(node, 2)?);
        if condition.element() != Element::Truth || first.element() != second.element() {
            let found = [condition.element(), first.element(), second.element()];
            return Err(format!("takes {found:?}, expected a truth value and two of one type"));
        }
        let dims = common_dims(condition.dims(), &common_dims(first.dims(), second.dims())?)?;
        let size = check_count(dims.iter().copied())?;
        self.check_width(size)?;
        let condition = match self.broadcast(&condition, &dims)? {
            Source::Value(value) if value.size == size => value,
            // One value for all elements, or a constant: laid out.
            Source::Value(value) => self.program.gather(value, &vec![0; size]),
            Source::Constant(values) if values.len() == size => {
                self.program.copy_of(Source::Constant(values), size)
            }
            Source::Constant(values) => {
                let truth = values.first().copied().unwrap_or(0.0);
                self.program.copy_of(Source::Constant(vec![truth; size]), size)
            }
        };
        self.spend(size)?;
        let element = first.element();
        let (first, second) = (self.broadcast(&first, &dims)?, self.broadcast(&second, &dims)?);
        Ok(Flow { value: self.program.select(condition, first, second), dims, element })
    }
}
