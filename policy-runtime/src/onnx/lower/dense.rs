//! Matrix products.

use super::super::attribute::Attributes;
use super::super::tensor::{Elements, Tensor};
use super::element_wise::floats;
use super::operand::{Flow, Operand, check_count};
use super::view::View;
use super::{Lowering, expect_numbers};
use crate::kernel::Binary;
use crate::onnx::protobuf::NodeProto;

impl Lowering<'_> {
    /// `alpha · A · B + beta · C`.
    pub(super) fn gemm(&mut self, node: &NodeProto) -> Result<Flow, String> {
        let attributes = Attributes::new(node, &["alpha", "beta", "transA", "transB"])?;
        let (alpha, beta) = (attributes.float("alpha", 1.0)?, attributes.float("beta", 1.0)?);
        let first = self.matrix(node, 0, attributes.flag("transA")?)?;
        let second = self.matrix(node, 1, attributes.flag("transB")?)?;
        let addend = self.optional(node, 2)?.filter(|_| beta != 0.0);
        let (rows, columns) = (first.dims()[0], second.dims()[1]);
        if let (Operand::Flow(first), Operand::Constant(second)) = (&first, &second) {
            let weights = scaled(second, alpha)?;
            let bias = match &addend {
                Some(Operand::Constant(addend)) if rows == 1 => Some(bias_of(addend, columns, beta)?),
                _ => None,
            };
            let has_bias = bias.is_some();
            let product = self.layer(first, [rows, columns], weights, bias)?;
            return if has_bias { Ok(product) } else { self.with_addend(product, addend, beta) };
        }
        let product = self.product(first, second)?;
        let product = self.scaled_flow(product, alpha)?;
        self.with_addend(product, addend, beta)
    }

    /// One side of a Gemm, transposed as asked.
    fn matrix(&mut self, node: &NodeProto, position: usize, transposed: bool) -> Result<Operand, String> {
        let operand = self.operand(node, position)?;
        expect_numbers(&operand, &format!("input {position}"))?;
        if operand.dims().len() != 2 {
            return Err(format!("input {position} has shape {:?}, expected two dimensions", operand.dims()));
        }
        if !transposed {
            return Ok(operand);
        }
        let view = View::whole(operand.dims()).permuted(&[1, 0]);
        self.rearranged(&operand, &view)
    }

    fn with_addend(&mut self, product: Flow, addend: Option<Operand>, beta: f32) -> Result<Flow, String> {
        let Some(addend) = addend else { return Ok(product) };
        expect_numbers(&addend, "input 2")?;
        let addend = match addend {
            Operand::Constant(tensor) => {
                let values = Elements::Float(scaled(&tensor, beta)?);
                Operand::constant(tensor.dims.clone(), values)
            }
            Operand::Flow(flow) => Operand::Flow(self.scaled_flow(flow, beta)?),
        };
        let dims = product.dims.clone();
        let sum = self.combined(Binary::Add, &Operand::Flow(product), &addend)?;
        if sum.dims == dims {
            Ok(sum)
        } else {
            Err(format!("its addend has shape {:?}, expected at most {dims:?}", addend.dims()))
        }
    }

    fn scaled_flow(&mut self, flow: Flow, factor: f32) -> Result<Flow, String> {
        if factor == 1.0 {
            return Ok(flow);
        }
        let factor = Operand::constant(vec![], Elements::Float(vec![factor]));
        self.combined(Binary::Multiply, &Operand::Flow(flow), &factor)
    }

    /// `A · B` of matrices, or of stacks of them with one matrix. An addition after it becomes the bias.
    pub(super) fn matrix_product(&mut self, node: &NodeProto) -> Result<Flow, String> {
        Attributes::new(node, &[])?;
        let (first, second) = (self.operand(node, 0)?, self.operand(node, 1)?);
        expect_numbers(&first, "input 0")?;
        expect_numbers(&second, "input 1")?;
        let (own, other) = (first.dims().to_vec(), second.dims().to_vec());
        // A vector is a row on the left and a column on the right, which the result has no axis for.
        let (left, is_row) = if own.len() == 1 { (vec![1, own[0]], true) } else { (own.clone(), false) };
        let (right, is_column) =
            if other.len() == 1 { (vec![other[0], 1], true) } else { (other.clone(), false) };
        let (Some(&inner), Some(&columns)) = (left.last(), right.last()) else {
            return Err("multiplies a single number, expected matrices".to_owned());
        };
        let (stack, rows) = (&left[..left.len() - 2], left[left.len() - 2]);
        let other_stack = &right[..right.len() - 2];
        let mut dims = if other_stack.len() > stack.len() { other_stack.to_vec() } else { stack.to_vec() };
        if !is_row {
            dims.push(rows);
        }
        if !is_column {
            dims.push(columns);
        }
        let product = if other_stack.iter().all(|dim| *dim == 1) {
            let rows = stack.iter().product::<usize>() * rows;
            let first = first.with_dims(vec![rows, inner]);
            let second = second.with_dims(vec![right[right.len() - 2], columns]);
            match (&first, &second) {
                (Operand::Flow(flow), Operand::Constant(weights)) => {
                    if inner != weights.dims[0] {
                        return Err(format!(
                            "the matrix takes {} values, its input has {inner}",
                            weights.dims[0]
                        ));
                    }
                    self.layer(flow, [rows, columns], floats(weights)?.to_vec(), None)?
                }
                _ => self.product(first, second)?,
            }
        } else {
            self.stacked(first.with_dims(left.clone()), second.with_dims(right.clone()))?
        };
        Ok(product.with_dims(dims))
    }

    /// Matrix by matrix of two stacks of the same shape.
    fn stacked(&mut self, first: Operand, second: Operand) -> Result<Flow, String> {
        let (left, right) = (first.dims().to_vec(), second.dims().to_vec());
        let (stack, matrix) = left.split_at(left.len() - 2);
        let (other_stack, other) = right.split_at(right.len() - 2);
        let count: usize = stack.iter().product();
        if stack != other_stack || !(1..=MAX_STACK).contains(&count) {
            return Err(format!(
                "multiplies stacks {left:?} and {right:?}; expected equal ones of at most {MAX_STACK}"
            ));
        }
        let (first, second) = (self.flowing(first)?, self.flowing(second)?);
        let size = matrix[0] * other[1];
        self.check_width(check_count([count, size])?)?;
        let destination = self.program.reserve(count * size);
        for index in 0..count {
            let part = |flow: &Flow, dims: &[usize]| {
                let size = dims[0] * dims[1];
                Operand::Flow(Flow::new(flow.value.part(index * size, size), dims.to_vec()))
            };
            let product = self.product(part(&first, matrix), part(&second, other))?;
            let layout = crate::image::program::contiguous(size);
            let source = crate::image::program::Source::Value(product.value);
            self.program.copy(source, 0, destination.part(index * size, size), layout);
        }
        Ok(Flow::new(destination, vec![count, matrix[0], other[1]]))
    }

    /// `A · B` of two matrices, of which B may be in flow.
    pub(super) fn product(&mut self, first: Operand, second: Operand) -> Result<Flow, String> {
        let ([rows, inner], [other_inner, columns]) = (first.dims(), second.dims()) else {
            return Err(format!("multiplies {:?} and {:?}, expected matrices", first.dims(), second.dims()));
        };
        let (rows, inner, columns) = (*rows, *inner, *columns);
        if inner != *other_inner {
            return Err(format!("the matrix takes {other_inner} values, its input has {inner}"));
        }
        self.check_width(check_count([rows, columns])?)?;
        if let (Operand::Constant(weights), Operand::Flow(flow)) = (&first, &second) {
            // A constant on the left: the layer of its transpose, over the columns.
            let view = View::whole(&flow.dims).permuted(&[1, 0]);
            let input = self.flow_rearranged(flow, &view)?;
            let view = View::whole(&weights.dims).permuted(&[1, 0]);
            let transposed =
                Tensor { dims: view.dims.clone(), elements: weights.elements.pick(&view.positions()) };
            let output = self.layer(&input, [columns, rows], floats(&transposed)?.to_vec(), None)?;
            let view = View::whole(&output.dims).permuted(&[1, 0]);
            return self.flow_rearranged(&output, &view);
        }
        let (first, second) = (self.flowing(first)?, self.flowing(second)?);
        let value = self.program.product(first.value, second.value, [rows, columns]);
        Ok(Flow::new(value, vec![rows, columns]))
    }

    /// A dense layer with `weights [inputs, outputs]` over each of `rows` rows.
    pub(super) fn layer(
        &mut self,
        source: &Flow,
        [rows, outputs]: [usize; 2],
        weights: Vec<f32>,
        bias: Option<Vec<f32>>,
    ) -> Result<Flow, String> {
        let inputs = source.value.size.checked_div(rows).unwrap_or(0);
        if check_count([inputs, outputs])? != weights.len() {
            let takes = weights.len().checked_div(outputs).unwrap_or(0);
            return Err(format!("the matrix takes {takes} values, its input has {inputs}"));
        }
        self.check_width(check_count([rows, outputs])?)?;
        self.spend(weights.len() + outputs)?;
        let value = self.program.dense(source.value, [rows, outputs], weights, bias);
        Ok(Flow::new(value, vec![rows, outputs]))
    }
}

/// Most products of one stacked product.
const MAX_STACK: usize = 256;

/// A constant's numbers times a factor.
fn scaled(tensor: &Tensor, factor: f32) -> Result<Vec<f32>, String> {
    let values: Vec<f32> = floats(tensor)?.iter().map(|value| value * factor).collect();
    if values.iter().all(|value| value.is_finite()) {
        return Ok(values);
    }
    Err(format!("scaling a constant by {factor} leaves the range of f32"))
}

/// One value for each output.
fn bias_of(addend: &Tensor, outputs: usize, beta: f32) -> Result<Vec<f32>, String> {
    let values = scaled(addend, beta)?;
    let (last, leading) = addend.dims.split_last().unwrap_or((&1, &[]));
    match &values[..] {
        [value] if leading.len() < 2 => Ok(vec![*value; outputs]),
        _ if *last == outputs && leading.len() < 2 && leading.iter().all(|dim| *dim == 1) => Ok(values),
        _ => Err(format!("a constant of shape {:?} does not broadcast to [1, {outputs}]", addend.dims)),
    }
}
