//! Matrix products with a constant.

use super::super::attribute::Attributes;
use super::super::tensor::Tensor;
use super::{Lowering, Vector, broadcast, check_width, floats};
use tract_onnx::pb::NodeProto;

impl Lowering<'_> {
    /// `alpha · A · B + beta · C`, with the observation in A.
    pub(super) fn gemm(&mut self, node: &NodeProto) -> Result<Vector, String> {
        let attributes = Attributes::new(node, &["alpha", "beta", "transA", "transB"])?;
        let (alpha, beta) = (attributes.float("alpha", 1.0)?, attributes.float("beta", 1.0)?);
        if attributes.flag("transA")? {
            return Err("transA = 1 mixes the batch; expected 0".to_owned());
        }
        let source = self.vector(node, 0)?;
        if source.rank != 2 {
            return Err("input 0 has rank 1, expected [batch, n]".to_owned());
        }
        let matrix = self.constant(node, 1)?.ok_or("input 1 is missing")?;
        let (inputs, outputs, mut weights) = matrix_of(&matrix, attributes.flag("transB")?)?;
        scale(&mut weights, alpha)?;
        let bias = match self.constant(node, 2)? {
            None => None,
            Some(bias) => {
                let mut bias = broadcast(&bias, outputs)?;
                scale(&mut bias, beta)?;
                Some(bias)
            }
        };
        self.layer(source, inputs, outputs, weights, bias)
    }

    /// `A · B`, with the observation in A. An addition after it becomes the bias.
    pub(super) fn matrix_product(&mut self, node: &NodeProto) -> Result<Vector, String> {
        Attributes::new(node, &[])?;
        let source = self.vector(node, 0)?;
        let matrix = self.constant(node, 1)?.ok_or("input 1 is missing")?;
        let (inputs, outputs, weights) = matrix_of(&matrix, false)?;
        self.layer(source, inputs, outputs, weights, None)
    }

    fn layer(
        &mut self,
        source: Vector,
        inputs: usize,
        outputs: usize,
        weights: Vec<f32>,
        bias: Option<Vec<f32>>,
    ) -> Result<Vector, String> {
        if inputs != source.value.size {
            return Err(format!("the matrix takes {inputs} values, its input has {}", source.value.size));
        }
        check_width(outputs)?;
        self.spend(weights.len() + outputs)?;
        let value = self.program.dense(source.value, outputs, weights, bias);
        Ok(Vector { value, rank: source.rank })
    }
}

/// Inputs, outputs and row-major `[inputs, outputs]` weights of a constant.
fn matrix_of(tensor: &Tensor, transposed: bool) -> Result<(usize, usize, Vec<f32>), String> {
    let values = floats(tensor)?;
    let [rows, columns] = tensor.dims[..] else {
        return Err(format!("the matrix has shape {:?}, expected two dimensions", tensor.dims));
    };
    if !transposed {
        return Ok((rows, columns, values.to_vec()));
    }
    let weights = (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column]));
    Ok((columns, rows, weights.collect()))
}

fn scale(values: &mut [f32], factor: f32) -> Result<(), String> {
    for value in &mut *values {
        *value *= factor;
    }
    if values.iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    Err(format!("scaling a constant by {factor} leaves the range of f32"))
}
