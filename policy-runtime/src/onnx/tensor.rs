//! Constants of a graph: dense, in the file itself, finite.

use super::OnnxError;
use crate::image::Element;
use crate::onnx::protobuf::TensorProto;
use crate::onnx::protobuf::tensor_proto::{DataLocation, DataType};

/// A constant's elements.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Elements {
    /// Weights and the like.
    Float(Vec<f32>),
    /// Shapes and axes.
    Integer(Vec<i64>),
    /// Masks.
    Truth(Vec<bool>),
}

impl Elements {
    /// What they stand for.
    pub(super) fn element(&self) -> Element {
        match self {
            Self::Float(_) => Element::Number,
            Self::Integer(_) => Element::Integer,
            Self::Truth(_) => Element::Truth,
        }
    }

    /// Those at the positions, in order.
    pub(super) fn pick(&self, positions: &[usize]) -> Self {
        match self {
            Self::Float(values) => Self::Float(positions.iter().map(|place| values[*place]).collect()),
            Self::Integer(values) => Self::Integer(positions.iter().map(|place| values[*place]).collect()),
            Self::Truth(values) => Self::Truth(positions.iter().map(|place| values[*place]).collect()),
        }
    }

    /// As the executor holds them.
    pub(super) fn to_floats(&self) -> Result<Vec<f32>, String> {
        match self {
            Self::Float(values) => Ok(values.clone()),
            Self::Truth(values) => Ok(values.iter().map(|value| f32::from(u8::from(*value))).collect()),
            Self::Integer(values) => match values.iter().find(|value| value.unsigned_abs() > EXACT) {
                None => Ok(values.iter().map(|value| *value as f32).collect()),
                Some(value) => Err(format!("computes with {value}; whole numbers are exact up to {EXACT}")),
            },
        }
    }

    /// What the executor gave.
    pub(super) fn from_floats(values: &[f32], element: Element) -> Self {
        match element {
            Element::Number => Self::Float(values.to_vec()),
            Element::Integer => Self::Integer(values.iter().map(|value| *value as i64).collect()),
            Element::Truth => Self::Truth(values.iter().map(|value| *value != 0.0).collect()),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Truth(values) => values.len(),
        }
    }
}

/// Whole numbers up to it, and no others beyond, are exact as f32.
const EXACT: u64 = 1 << 24;

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
        let elements = elements(proto).map_err(fail)?;
        let tensor = Self { dims, elements };
        if tensor.len() != count {
            let found = tensor.len();
            return Err(fail(format!("has {found} elements, its dimensions {:?} need {count}", tensor.dims)));
        }
        Ok(tensor)
    }

    /// How many elements it has.
    pub(super) fn len(&self) -> usize {
        self.elements.len()
    }

    /// The elements as little-endian bytes.
    pub(super) fn to_le_bytes(&self) -> Vec<u8> {
        match &self.elements {
            Elements::Float(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Elements::Integer(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Elements::Truth(values) => values.iter().map(|value| u8::from(*value)).collect(),
        }
    }
}

/// A tensor's elements. Numbers of other widths become f32, as a cast in the graph would make them.
fn elements(proto: &TensorProto) -> Result<Elements, String> {
    let raw = &proto.raw_data[..];
    let kind = DataType::try_from(proto.data_type).ok();
    let elements = match kind {
        Some(DataType::Float) => Elements::Float(numbers(raw, &proto.float_data, f32::from_le_bytes)?),
        Some(DataType::Double) => {
            let values = numbers(raw, &proto.double_data, f64::from_le_bytes)?;
            Elements::Float(values.into_iter().map(|value| value as f32).collect())
        }
        Some(DataType::Int64) => Elements::Integer(numbers(raw, &proto.int64_data, i64::from_le_bytes)?),
        Some(DataType::Int32) => {
            let values = numbers(raw, &proto.int32_data, i32::from_le_bytes)?;
            Elements::Integer(values.into_iter().map(i64::from).collect())
        }
        Some(DataType::Bool) if raw.is_empty() => {
            Elements::Truth(proto.int32_data.iter().map(|value| *value != 0).collect())
        }
        Some(DataType::Bool) => Elements::Truth(raw.iter().map(|byte| *byte != 0).collect()),
        Some(kind @ (DataType::Int8 | DataType::Uint8 | DataType::Int4 | DataType::Uint4)) => {
            return Err(format!(
                "has data type {kind}: quantized weights are not run; export the model in FLOAT"
            ));
        }
        _ => {
            let name = kind.map_or("unknown".to_owned(), |kind| kind.to_string());
            return Err(format!("has data type {name}, expected FLOAT, DOUBLE, INT64, INT32 or BOOL"));
        }
    };
    if let Elements::Float(values) = &elements
        && let Some(index) = values.iter().position(|value| !value.is_finite())
    {
        return Err(format!("element {index} is {}, expected a finite number", values[index]));
    }
    Ok(elements)
}

/// The raw bytes as numbers, or the typed field where there are none.
fn numbers<T: Copy, const BYTES: usize>(
    raw: &[u8],
    typed: &[T],
    read: fn([u8; BYTES]) -> T,
) -> Result<Vec<T>, String> {
    let (chunks, rest) = raw.as_chunks();
    if !rest.is_empty() {
        return Err(format!("has {} bytes of data, expected a multiple of {BYTES}", raw.len()));
    }
    Ok(if raw.is_empty() { typed.to_vec() } else { chunks.iter().map(|bytes| read(*bytes)).collect() })
}
