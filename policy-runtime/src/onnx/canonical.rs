//! The canonical form that `sinew.sha256` is taken over.
//!
//! A file may be saved again by another tool, which reorders fields and renames nodes; what the policy computes and what it
//! is for must still be bound together. The form is a sequence of fields. A *text* is its length in bytes as u64, then
//! its bytes; a *number* is i64; both little-endian. In order:
//!
//! 1. text `sinew.canonical.1`;
//! 2. text: the value of `sinew.contract`;
//! 3. number of operator sets, then each, by domain: text domain, number version;
//! 4. number of graph inputs, then each in order: text name, number element type, number of dimensions, then each
//!    dimension as text: digits, or the name of a free one, or nothing;
//! 5. the graph's outputs in the same way;
//! 6. number of nodes, then each in order: text operator, text domain, number of inputs and each as text, number of
//!    outputs and each as text, number of attributes and each, by name: text name, number type, text value;
//! 7. number of initializers, then each, by name: text name, then the tensor;
//! 8. text: the golden pairs' bytes.
//!
//! A tensor is: number data type, number of dimensions, each as number, text of the elements' little-endian bytes. An
//! attribute's value is the 4 or 8 little-endian bytes of its number or numbers, or a string's bytes, or a tensor.
//! Only types that can be lowered have a form.

use super::OnnxError;
use super::metadata::Metadata;
use super::tensor::{Elements, Tensor};
use crate::hexadecimal;
use crate::onnx::protobuf::attribute_proto::AttributeType;
use crate::onnx::protobuf::tensor_proto::DataType;
use crate::onnx::protobuf::tensor_shape_proto::dimension;
use crate::onnx::protobuf::type_proto;
use crate::onnx::protobuf::{AttributeProto, ModelProto, NodeProto, ValueInfoProto};
use sha2::{Digest, Sha256};

/// Compares the file's hash with its content.
pub(super) fn verify(model: &ModelProto, metadata: &Metadata) -> Result<(), OnnxError> {
    let found = hash(model, metadata)?;
    if found == metadata.hash {
        return Ok(());
    }
    Err(OnnxError::Hash { expected: metadata.hash.clone(), found })
}

/// SHA-256 of the canonical form, as hexadecimal digits. `metadata.hash` does not enter.
pub(super) fn hash(model: &ModelProto, metadata: &Metadata) -> Result<String, OnnxError> {
    let mut form = Form(Vec::new());
    form.text("sinew.canonical.1");
    form.text(metadata.contract_text());
    let mut imports: Vec<_> = model.opset_import.iter().collect();
    imports.sort_by_key(|import| &import.domain);
    form.count(imports.len());
    for import in imports {
        form.text(&import.domain);
        form.number(import.version);
    }
    if let Some(graph) = &model.graph {
        form.values(&graph.input);
        form.values(&graph.output);
        form.count(graph.node.len());
        for node in &graph.node {
            form.node(node)?;
        }
        let mut initializers: Vec<_> = graph.initializer.iter().collect();
        initializers.sort_by_key(|tensor| &tensor.name);
        form.count(initializers.len());
        for proto in initializers {
            form.text(&proto.name);
            form.tensor(&Tensor::read(proto)?);
        }
    }
    form.text(metadata.golden_bytes());
    Ok(hexadecimal::digits(&Sha256::digest(&form.0).into()).as_str().to_owned())
}

struct Form(Vec<u8>);

impl Form {
    fn text(&mut self, text: impl AsRef<[u8]>) {
        let bytes = text.as_ref();
        self.count(bytes.len());
        self.0.extend(bytes);
    }

    fn number(&mut self, number: i64) {
        self.0.extend(number.to_le_bytes());
    }

    fn count(&mut self, count: usize) {
        self.number(count as i64);
    }

    fn texts(&mut self, texts: &[String]) {
        self.count(texts.len());
        for text in texts {
            self.text(text);
        }
    }

    fn values(&mut self, values: &[ValueInfoProto]) {
        self.count(values.len());
        for value in values {
            self.text(&value.name);
            let tensor = value.r#type.as_ref().and_then(|kind| kind.value.as_ref());
            let Some(type_proto::Value::TensorType(tensor)) = tensor else {
                self.number(DataType::Undefined as i64);
                self.count(0);
                continue;
            };
            self.number(tensor.elem_type.into());
            let dims = tensor.shape.as_ref().map_or(&[][..], |shape| &shape.dim);
            self.count(dims.len());
            for dim in dims {
                self.text(match &dim.value {
                    Some(dimension::Value::DimValue(number)) => number.to_string(),
                    Some(dimension::Value::DimParam(name)) => name.clone(),
                    None => String::new(),
                });
            }
        }
    }

    fn node(&mut self, node: &NodeProto) -> Result<(), OnnxError> {
        self.text(&node.op_type);
        self.text(&node.domain);
        self.texts(&node.input);
        self.texts(&node.output);
        let mut attributes: Vec<_> = node.attribute.iter().collect();
        attributes.sort_by_key(|attribute| &attribute.name);
        self.count(attributes.len());
        for attribute in attributes {
            self.text(&attribute.name);
            self.number(attribute.r#type.into());
            let mut value = Self(Vec::new());
            value.attribute(attribute).ok_or_else(|| OnnxError::Node {
                node: node.name.clone(),
                operator: node.op_type.clone(),
                reason: format!("attribute {:?} has a type without a canonical form", attribute.name),
            })??;
            self.text(value.0);
        }
        Ok(())
    }

    /// `None` for a type without a form.
    fn attribute(&mut self, attribute: &AttributeProto) -> Option<Result<(), OnnxError>> {
        match AttributeType::try_from(attribute.r#type).ok()? {
            AttributeType::Float => self.0.extend(attribute.f.to_le_bytes()),
            AttributeType::Int => self.number(attribute.i),
            AttributeType::String => self.0.extend(&attribute.s),
            AttributeType::Floats => {
                attribute.floats.iter().for_each(|value| self.0.extend(value.to_le_bytes()));
            }
            AttributeType::Ints => attribute.ints.iter().for_each(|value| self.number(*value)),
            AttributeType::Tensor => match Tensor::read(attribute.t.as_ref()?) {
                Ok(tensor) => self.tensor(&tensor),
                Err(error) => return Some(Err(error)),
            },
            _ => return None,
        }
        Some(Ok(()))
    }

    fn tensor(&mut self, tensor: &Tensor) {
        self.number(match tensor.elements {
            Elements::Float(_) => DataType::Float as i64,
            Elements::Integer(_) => DataType::Int64 as i64,
            Elements::Truth(_) => DataType::Bool as i64,
        });
        self.count(tensor.dims.len());
        tensor.dims.iter().for_each(|dim| self.count(*dim));
        self.text(tensor.to_le_bytes());
    }
}
