//! ONNX graphs written by hand.
#![allow(dead_code, reason = "every test uses a part")]

use sinew_policy_runtime::onnx::protobuf::attribute_proto::AttributeType;
use sinew_policy_runtime::onnx::protobuf::tensor_proto::DataType;
use sinew_policy_runtime::onnx::protobuf::tensor_shape_proto::{Dimension, dimension};
use sinew_policy_runtime::onnx::protobuf::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TypeProto, ValueInfoProto, type_proto,
};

pub(crate) fn value(name: &str, dims: &[i64]) -> ValueInfoProto {
    let dim = |size: &i64| Dimension {
        value: (*size >= 0).then_some(dimension::Value::DimValue(*size)),
        ..Dimension::default()
    };
    let shape = Some(TensorShapeProto { dim: dims.iter().map(dim).collect() });
    let tensor = type_proto::Tensor { elem_type: DataType::Float as i32, shape };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}

/// In typed data, as PyTorch's exporter does not but others do.
pub(crate) fn floats(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: dims.into(),
        data_type: DataType::Float as i32,
        float_data: values.into(),
        ..TensorProto::default()
    }
}

pub(crate) fn integers(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: vec![values.len() as i64],
        data_type: DataType::Int64 as i32,
        int64_data: values.into(),
        ..TensorProto::default()
    }
}

pub(crate) fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: operator.into(),
        input: inputs.iter().map(|name| (*name).into()).collect(),
        output: vec![output.into()],
        ..NodeProto::default()
    }
}

fn with(mut node: NodeProto, name: &str, kind: AttributeType, i: i64, f: f32) -> NodeProto {
    node.attribute.push(AttributeProto {
        name: name.into(),
        r#type: kind as i32,
        i,
        f,
        ..AttributeProto::default()
    });
    node
}

pub(crate) fn integer(node: NodeProto, name: &str, value: i64) -> NodeProto {
    with(node, name, AttributeType::Int, value, 0.0)
}

pub(crate) fn float(node: NodeProto, name: &str, value: f32) -> NodeProto {
    with(node, name, AttributeType::Float, 0, value)
}

pub(crate) fn model(operator_set: i64, nodes: Vec<NodeProto>, initializers: Vec<TensorProto>) -> ModelProto {
    ModelProto {
        ir_version: 7,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: operator_set }],
        graph: Some(GraphProto {
            name: "main".into(),
            node: nodes,
            initializer: initializers,
            input: vec![value("obs", &[-1, 2])],
            output: vec![value("out", &[-1, 2])],
            ..GraphProto::default()
        }),
        ..ModelProto::default()
    }
}
