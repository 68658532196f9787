//! Constants of a graph: dense, in the file itself, finite.

use super::OnnxError;
use tract_onnx::pb::TensorProto;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};

/// A constant's elements.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Elements {
    /// Weights and the like.
    Float(Vec<f32>),
    /// Shapes and axes.
    Integer(Vec<i64>),
}

/// A constant in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor {
    pub(super) dims: Vec<usize>,
    pub(super) elements: Elements,
}

impl Tensor {
    /// Reads a tensor and checks that its data is all there and finite.
    pub(super) fn read(proto: &TensorProto) -> Result<Self, OnnxError> {
        let fail = |reason: String| OnnxError::Tensor { tensor: proto.name.clone(), reason };
        if proto.data_location == Some(DataLocation::External as i32) || !proto.external_data.is_empty() {
            return Err(fail("its data lies in another file; save the model with its weights inside".into()));
        }
        if proto.segment.is_some() {
            return Err(fail("is stored in segments, which is not read".into()));
        }
        let dims = proto.dims.iter().map(|dim| usize::try_from(*dim).ok()).collect::<Option<Vec<_>>>();
        let count = |dims: &Vec<usize>| dims.iter().try_fold(1_usize, |count, dim| count.checked_mul(*dim));
        let Some((dims, count)) = dims.and_then(|dims| count(&dims).map(|count| (dims, count))) else {
            return Err(fail(format!("has impossible dimensions {:?}", proto.dims)));
        };
        let elements = if proto.data_type == DataType::Float as i32 {
            let values = numbers(&proto.raw_data, &proto.float_data, f32::from_le_bytes);
            if let Some(index) = values.iter().position(|value| !value.is_finite()) {
                return Err(fail(format!("element {index} is {}, expected a finite number", values[index])));
            }
            Elements::Float(values)
        } else if proto.data_type == DataType::Int64 as i32 {
            Elements::Integer(numbers(&proto.raw_data, &proto.int64_data, i64::from_le_bytes))
        } else {
            let name = DataType::try_from(proto.data_type).map_or("unknown", |kind| kind.as_str_name());
            return Err(fail(format!("has data type {name}, expected FLOAT or INT64")));
        };
        let tensor = Self { dims, elements };
        let whole = proto.raw_data.len().is_multiple_of(tensor.element_bytes());
        if !whole || tensor.len() != count {
            let found = tensor.len();
            return Err(fail(format!("has {found} elements, its dimensions {:?} need {count}", tensor.dims)));
        }
        Ok(tensor)
    }

    /// How many elements it has.
    pub(super) fn len(&self) -> usize {
        match &self.elements {
            Elements::Float(values) => values.len(),
            Elements::Integer(values) => values.len(),
        }
    }

    fn element_bytes(&self) -> usize {
        match self.elements {
            Elements::Float(_) => size_of::<f32>(),
            Elements::Integer(_) => size_of::<i64>(),
        }
    }

    /// The elements as little-endian bytes.
    pub(super) fn to_le_bytes(&self) -> Vec<u8> {
        match &self.elements {
            Elements::Float(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Elements::Integer(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        }
    }
}

/// The raw bytes as numbers, or the typed field where there are none.
fn numbers<T: Copy, const BYTES: usize>(raw: &[u8], typed: &[T], read: fn([u8; BYTES]) -> T) -> Vec<T> {
    if raw.is_empty() { typed.to_vec() } else { raw.as_chunks().0.iter().map(|bytes| read(*bytes)).collect() }
}
