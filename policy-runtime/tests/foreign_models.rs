//! Models of other tools: what lowers, what is refused, and with which words.
#![cfg(feature = "onnx")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are not tests by themselves")]

mod graphs;

use graphs::{float, floats, integer, integers, model, node, value};
use prost::Message;
use sinew_policy_runtime::executor::Executor;
use sinew_policy_runtime::onnx;
use sinew_policy_runtime::onnx::protobuf::attribute_proto::AttributeType;
use sinew_policy_runtime::onnx::protobuf::tensor_proto::DataType;
use sinew_policy_runtime::onnx::protobuf::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};

fn run(model: &ModelProto, observation: &[f32]) -> Vec<f32> {
    let aligned = onnx::load(&model.encode_to_vec()).unwrap();
    let image = aligned.image().unwrap();
    assert_eq!(image.contract().unwrap(), None);
    let mut executor = Executor::new(image, vec![0.0; image.scratch_len()]).unwrap();
    executor.verify_golden().unwrap();
    executor.infer(observation).unwrap().action.to_vec()
}

fn refusal(model: &ModelProto) -> String {
    onnx::load(&model.encode_to_vec()).unwrap_err().to_string()
}

#[test]
fn a_linear_layer_as_pytorch_writes_it() {
    // Weights [outputs, inputs].
    let gemm = integer(node("Gemm", &["obs", "w", "b"], "hidden"), "transB", 1);
    let weights = floats("w", &[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let bias = floats("b", &[3], &[0.5, -0.5, -40.0]);
    let initializers = vec![weights, bias];
    let mut model = model(13, vec![gemm, node("Relu", &["hidden"], "out")], initializers);
    assert_eq!(run(&model, &[1.0, 2.0]), [5.5, 10.5, 0.0]);
    // Files of old tools list initializers among the inputs.
    let graph = model.graph.as_mut().unwrap();
    graph.input.push(value("w", &[3, 2]));
    graph.input.push(value("b", &[3]));
    assert_eq!(run(&model, &[1.0, 2.0]), [5.5, 10.5, 0.0]);
}

#[test]
fn gemm_scales_its_product_and_its_addend() {
    let gemm = node("Gemm", &["obs", "w", "b"], "out");
    let gemm = float(float(gemm, "alpha", 0.5), "beta", 2.0);
    for bias in [floats("b", &[1, 2], &[1.0, 3.0]), floats("b", &[2], &[1.0, 3.0])] {
        let weights = floats("w", &[2, 2], &[2.0, 4.0, 6.0, 8.0]);
        assert_eq!(run(&model(17, vec![gemm.clone()], vec![weights, bias]), &[1.0, 1.0]), [6.0, 12.0]);
    }
    let scalar = floats("b", &[], &[1.0]);
    let weights = floats("w", &[2, 2], &[2.0, 4.0, 6.0, 8.0]);
    assert_eq!(run(&model(17, vec![gemm], vec![weights, scalar]), &[1.0, 1.0]), [6.0, 8.0]);
}

#[test]
fn a_product_and_an_addition_are_one_dense_layer() {
    let nodes = vec![
        node("MatMul", &["obs", "w"], "product"),
        node("Add", &["b", "product"], "hidden"),
        node("Tanh", &["hidden"], "out"),
    ];
    let initializers = vec![floats("w", &[2, 2], &[1.0, 2.0, 3.0, 4.0]), floats("b", &[2], &[-4.0, -6.0])];
    let model = model(9, nodes, initializers);
    assert_eq!(run(&model, &[1.0, 1.0]), [0.0, 0.0]);
    let aligned = onnx::load(&model.encode_to_vec()).unwrap();
    // 16 values of one packed layer of four weights and two biases, and none for the addition.
    assert_eq!(aligned.image().unwrap().cost().weight_bytes, 64);
}

#[test]
fn constants_stand_on_either_side() {
    let nodes = vec![
        node("Sub", &["c", "obs"], "a"),
        node("Div", &["c", "a"], "b"),
        node("Mul", &["b", "two"], "d"),
        node("Sub", &["d", "c"], "out"),
    ];
    let initializers = vec![floats("c", &[1, 2], &[8.0, 16.0]), floats("two", &[], &[2.0])];
    assert_eq!(run(&model(14, nodes, initializers), &[4.0, 12.0]), [-4.0, -8.0]);
}

#[test]
fn a_value_that_two_nodes_read_is_not_overwritten() {
    let mut model = model(
        14,
        vec![node("Mul", &["obs", "two"], "raw_action"), node("Add", &["raw_action", "two"], "action")],
        vec![floats("two", &[1], &[2.0])],
    );
    model.graph.as_mut().unwrap().output = vec![value("action", &[-1, 2]), value("raw_action", &[-1, 2])];
    let aligned = onnx::load(&model.encode_to_vec()).unwrap();
    let image = aligned.image().unwrap();
    let mut executor = Executor::new(image, vec![0.0; image.scratch_len()]).unwrap();
    let inference = executor.infer(&[1.0, -1.0]).unwrap();
    assert_eq!((inference.raw_action, inference.action), (&[2.0, -2.0][..], &[4.0, 0.0][..]));
}

#[test]
fn shapes_that_stay_what_they_are_cost_nothing() {
    let constant = NodeProto {
        attribute: vec![AttributeProto {
            name: "value".into(),
            r#type: AttributeType::Tensor as i32,
            t: Some(integers("", &[-1, 2])),
            ..AttributeProto::default()
        }],
        ..node("Constant", &[], "shape")
    };
    let nodes = vec![
        constant,
        node("Identity", &["obs"], "a"),
        integer(node("Flatten", &["a"], "b"), "axis", 1),
        node("Reshape", &["b", "shape"], "c"),
        node("Squeeze", &["c", "axes"], "d"),
        node("Relu", &["d"], "out"),
    ];
    let model = model(13, nodes, vec![integers("axes", &[0])]);
    assert_eq!(run(&model, &[-1.0, 3.0]), [0.0, 3.0]);
    assert_eq!(onnx::load(&model.encode_to_vec()).unwrap().image().unwrap().scratch_len(), 16);
}

#[test]
fn clip_takes_its_limits_as_attributes_or_inputs() {
    let attributes = float(float(node("Clip", &["obs"], "out"), "min", -1.0), "max", 2.0);
    assert_eq!(run(&model(10, vec![attributes], vec![]), &[-3.0, 3.0]), [-1.0, 2.0]);
    let limits = vec![floats("low", &[], &[-1.0])];
    let inputs = node("Clip", &["obs", "low"], "out");
    assert_eq!(run(&model(11, vec![inputs], limits), &[-3.0, 3.0]), [-1.0, 3.0]);
    let limits = vec![floats("high", &[], &[2.0])];
    let inputs = node("Clip", &["obs", "", "high"], "out");
    assert_eq!(run(&model(17, vec![inputs], limits), &[-3.0, 3.0]), [-3.0, 2.0]);
}

#[test]
fn a_choice_takes_a_row_of_a_table() {
    let table = || vec![floats("table", &[2, 3], &[1.0, 2.0, 3.0, 4.0, -0.0, 6.0])];
    let arg_max = |keeps| integer(integer(node("ArgMax", &["obs"], "place"), "axis", -1), "keepdims", keeps);
    let nodes = |keeps| vec![arg_max(keeps), node("Gather", &["table", "place"], "out")];
    for keeps in [0, 1] {
        let chosen = run(&model(17, nodes(keeps), table()), &[0.0, 0.5]);
        assert_eq!(
            chosen.iter().map(|value| value.to_bits()).collect::<Vec<_>>(),
            [4.0_f32, -0.0, 6.0].map(f32::to_bits)
        );
        assert_eq!(run(&model(17, nodes(keeps), table()), &[0.5, 0.5]), [1.0, 2.0, 3.0]);
    }
}

#[test]
fn what_the_output_does_not_depend_on_is_not_lowered() {
    let nodes = vec![node("Tanh", &["obs"], "out"), node("Einsum", &["obs"], "value")];
    assert_eq!(run(&model(17, nodes, vec![]), &[0.0, 0.0]), [0.0, 0.0]);
}

#[test]
fn a_refusal_names_the_node_and_what_would_be_needed() {
    let base = |nodes: Vec<NodeProto>| model(17, nodes, vec![floats("w", &[3, 2], &[0.0; 6])]);
    let named = NodeProto { name: "/einsum".into(), ..node("Einsum", &["obs"], "out") };
    assert!(refusal(&base(vec![named])).starts_with("ONNX node \"/einsum\" (Einsum): is not lowered; these"));
    let cases = [
        (
            node("MatMul", &["obs", "w"], "out"),
            "ONNX node \"out\" (MatMul): the matrix takes 3 values, its input has 2",
        ),
        (
            node("Tanh", &["out"], "out"),
            "ONNX node \"out\" (Tanh): reads \"out\", which no input, initializer or earlier node gives: missing, or a cycle",
        ),
        (
            integer(node("Gemm", &["obs", "w"], "out"), "transA", 1),
            "ONNX node \"out\" (Gemm): the matrix takes 3 values, its input has 1",
        ),
        (
            node("DequantizeLinear", &["obs", "w"], "out"),
            "ONNX node \"out\" (DequantizeLinear): is of a quantized graph, which is not run; export the model in FLOAT",
        ),
        (
            integer(node("Flatten", &["obs"], "out"), "axis", 3),
            "ONNX node \"out\" (Flatten): axis 3 does not exist in rank 2",
        ),
        (
            node("Reshape", &["obs", "w"], "out"),
            "ONNX node \"out\" (Reshape): input 1 holds no whole numbers, expected INT64",
        ),
        (
            integer(node("Relu", &["obs"], "out"), "consumed_inputs", 1),
            "ONNX node \"out\" (Relu): attribute \"consumed_inputs\" is not known; known: []",
        ),
        (
            NodeProto { domain: "com.microsoft".into(), ..node("Gelu", &["obs"], "out") },
            "ONNX node \"out\" (Gelu): domain \"com.microsoft\" is not lowered, only ONNX's own operators are",
        ),
    ];
    for (node, expected) in cases {
        assert_eq!(refusal(&base(vec![node])), expected);
    }
}

#[test]
fn a_graph_that_is_not_one_policy_is_refused() {
    let base = model(17, vec![node("Tanh", &["obs"], "out")], vec![]);
    let changed = |change: fn(&mut ModelProto, &mut GraphProto)| {
        let mut model = base.clone();
        let mut graph = model.graph.take().unwrap();
        change(&mut model, &mut graph);
        model.graph = Some(graph);
        refusal(&model)
    };
    assert_eq!(
        changed(|model, _| model.opset_import[0].version = 8),
        "ONNX operator set is 8, expected within 9..=24"
    );
    assert!(
        changed(|_, graph| graph.input = vec![value("obs", &[-1, i64::MAX])])
            .starts_with("ONNX shape of the input is")
    );
    assert_eq!(
        changed(|_, graph| graph.output = vec![value("elsewhere", &[1])]),
        "ONNX output is no node that gives \"elsewhere\", expected computed by a node"
    );
}

#[test]
fn a_tensor_that_is_not_all_there_is_refused() {
    let product =
        |tensor: TensorProto| refusal(&model(17, vec![node("MatMul", &["obs", "w"], "out")], vec![tensor]));
    assert_eq!(
        product(floats("w", &[2, 2], &[0.0; 3])),
        "ONNX tensor \"w\": has 3 elements, its dimensions [2, 2] need 4"
    );
    assert_eq!(
        product(floats("w", &[2, 2], &[0.0, 0.0, f32::NAN, 0.0])),
        "ONNX tensor \"w\": element 2 is NaN, expected a finite number"
    );
    assert!(product(floats("w", &[i64::MAX, i64::MAX], &[])).contains("impossible dimensions"));
    assert!(product(floats("w", &[-2, 2], &[])).contains("impossible dimensions"));
    let external = TensorProto { data_location: Some(1), ..floats("w", &[2, 2], &[]) };
    assert!(product(external).contains("its data lies in another file"));
    let half = TensorProto { data_type: DataType::Float16 as i32, ..floats("w", &[2, 2], &[]) };
    assert_eq!(
        product(half),
        "ONNX tensor \"w\": has data type FLOAT16, expected FLOAT, DOUBLE, INT64, INT32 or BOOL"
    );
    let quantized = TensorProto { data_type: DataType::Int8 as i32, ..floats("w", &[2, 2], &[]) };
    assert!(product(quantized).contains("quantized weights are not run"));
}
