//! A node's attributes: read by name and type, and none left over.

use crate::onnx::protobuf::attribute_proto::AttributeType;
use crate::onnx::protobuf::{AttributeProto, NodeProto};

/// Most attributes of a node; the operator that has most has nine.
const MAX_ATTRIBUTES: usize = 32;

/// A node's attributes. Every failure is a reason for [`super::OnnxError::Node`].
pub(super) struct Attributes<'m>(&'m [AttributeProto]);

impl<'m> Attributes<'m> {
    /// Takes the attributes of a node whose operator has only the `known` ones.
    pub(super) fn new(node: &'m NodeProto, known: &[&str]) -> Result<Self, String> {
        if node.attribute.len() > MAX_ATTRIBUTES {
            return Err(format!(
                "has {} attributes, at most {MAX_ATTRIBUTES} are read",
                node.attribute.len()
            ));
        }
        for (index, attribute) in node.attribute.iter().enumerate() {
            if !known.contains(&attribute.name.as_str()) {
                return Err(format!("attribute {:?} is not known; known: {known:?}", attribute.name));
            }
            if node.attribute[..index].iter().any(|other| other.name == attribute.name) {
                return Err(format!("attribute {:?} is given twice", attribute.name));
            }
        }
        Ok(Self(&node.attribute))
    }

    /// The attribute, which must have the type, or none where it is absent.
    pub(super) fn get(&self, name: &str, kind: AttributeType) -> Result<Option<&'m AttributeProto>, String> {
        let Some(attribute) = self.0.iter().find(|attribute| attribute.name == name) else {
            return Ok(None);
        };
        // The oldest files leave the type out.
        if attribute.r#type != kind as i32 && attribute.r#type != AttributeType::Undefined as i32 {
            return Err(format!("attribute {name:?} has type {}, expected {kind:?}", attribute.r#type));
        }
        Ok(Some(attribute))
    }

    /// A finite number.
    pub(super) fn float(&self, name: &str, default: f32) -> Result<f32, String> {
        let value = self.get(name, AttributeType::Float)?.map_or(default, |attribute| attribute.f);
        if value.is_finite() { Ok(value) } else { Err(format!("attribute {name:?} is {value}, not finite")) }
    }

    /// A whole number.
    pub(super) fn integer(&self, name: &str, default: i64) -> Result<i64, String> {
        Ok(self.get(name, AttributeType::Int)?.map_or(default, |attribute| attribute.i))
    }

    /// A flag: 0 or 1.
    pub(super) fn flag(&self, name: &str) -> Result<bool, String> {
        match self.integer(name, 0)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(format!("attribute {name:?} is {other}, expected 0 or 1")),
        }
    }

    /// A list of whole numbers, or none where it is absent.
    pub(super) fn integers(&self, name: &str) -> Result<Option<Vec<i64>>, String> {
        Ok(self.get(name, AttributeType::Ints)?.map(|attribute| attribute.ints.clone()))
    }

    /// A text.
    pub(super) fn text(&self, name: &str, default: &'m str) -> Result<&'m str, String> {
        match self.get(name, AttributeType::String)? {
            None => Ok(default),
            Some(attribute) => {
                std::str::from_utf8(&attribute.s).map_err(|_| format!("attribute {name:?} is not text"))
            }
        }
    }

    /// Refuses an attribute unless it has the one value that is understood.
    pub(super) fn expect(&self, name: &str, default: i64, expected: i64) -> Result<(), String> {
        match self.integer(name, default)? {
            found if found == expected => Ok(()),
            found => Err(format!("attribute {name:?} is {found}, expected {expected}")),
        }
    }
}
