#!/usr/bin/env python3
"""Checks a policy.onnx with tools that share no code with Sinew.

Validates the model with onnx.checker, recomputes sinew.sha256 from the canonical form's specification
(policy-runtime/src/onnx/canonical.rs), and compares the golden pairs with ONNX Runtime within
|a - b| <= 1e-5 (1 + |b|). Needs: pip install onnx onnxruntime numpy.
"""

import argparse
import base64
import hashlib
import json
import struct
import sys

import numpy as np
import onnx
import onnxruntime

TOLERANCE = 1e-5


def number(value):
    return struct.pack("<q", value)


def text(value):
    encoded = value.encode() if isinstance(value, str) else bytes(value)
    return number(len(encoded)) + encoded


def texts(values):
    return number(len(values)) + b"".join(text(value) for value in values)


def tensor(proto):
    elements = onnx.numpy_helper.to_array(proto)
    elements = elements.astype(elements.dtype.newbyteorder("<"))
    dims = b"".join(number(dim) for dim in proto.dims)
    return number(proto.data_type) + number(len(proto.dims)) + dims + text(elements.tobytes())


def attribute(proto):
    kinds = onnx.AttributeProto
    if proto.type == kinds.FLOAT:
        return struct.pack("<f", proto.f)
    if proto.type == kinds.INT:
        return number(proto.i)
    if proto.type == kinds.STRING:
        return proto.s
    if proto.type == kinds.FLOATS:
        return struct.pack(f"<{len(proto.floats)}f", *proto.floats)
    if proto.type == kinds.INTS:
        return b"".join(number(value) for value in proto.ints)
    if proto.type == kinds.TENSOR:
        return tensor(proto.t)
    raise ValueError(f"attribute {proto.name} has a type without a canonical form")


def dimension(dim):
    kind = dim.WhichOneof("value")
    return str(dim.dim_value) if kind == "dim_value" else dim.dim_param


def values(infos):
    form = number(len(infos))
    for info in infos:
        shape = info.type.tensor_type.shape.dim
        form += text(info.name) + number(info.type.tensor_type.elem_type)
        form += texts([dimension(dim) for dim in shape])
    return form


def canonical_hash(model, contract, golden):
    graph = model.graph
    form = text("sinew.canonical.1") + text(contract)
    imports = sorted(model.opset_import, key=lambda entry: entry.domain.encode())
    form += number(len(imports))
    form += b"".join(text(entry.domain) + number(entry.version) for entry in imports)
    form += values(graph.input) + values(graph.output)
    form += number(len(graph.node))
    for node in graph.node:
        form += text(node.op_type) + text(node.domain) + texts(node.input) + texts(node.output)
        attributes = sorted(node.attribute, key=lambda entry: entry.name.encode())
        form += number(len(attributes))
        for entry in attributes:
            form += text(entry.name) + number(entry.type) + text(attribute(entry))
    initializers = sorted(graph.initializer, key=lambda entry: entry.name.encode())
    form += number(len(initializers))
    form += b"".join(text(entry.name) + tensor(entry) for entry in initializers)
    return hashlib.sha256(form + text(golden)).hexdigest()


def check(path, count):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    contract = metadata["sinew.contract"]
    golden = base64.b64decode(metadata["sinew.golden"], validate=True)
    found = canonical_hash(model, contract, golden)
    if found != metadata["sinew.sha256"]:
        raise ValueError(f"sinew.sha256 is {metadata['sinew.sha256']}, the content gives {found}")

    input_size, output_size = (
        info.type.tensor_type.shape.dim[1].dim_value for info in (model.graph.input[0], model.graph.output[0])
    )
    pairs = np.frombuffer(golden, "<f4").reshape(-1, input_size + output_size)[:count]
    observations, expected = pairs[:, :input_size], pairs[:, input_size:]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    actions = session.run(["action"], {model.graph.input[0].name: observations})[0]
    errors = np.abs(actions.astype(np.float64) - expected) / (1 + np.abs(expected))
    task = json.loads(contract)["task"]
    print(f"{path}: task {task}, {len(pairs)} golden pairs, largest error {errors.max():.3g} (limit {TOLERANCE:g})")
    if not errors.max() <= TOLERANCE:
        raise ValueError(f"golden pair {errors.max(axis=1).argmax()} differs from ONNX Runtime's result")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a policy.onnx that Sinew has written")
    parser.add_argument("--count", type=int, help="how many golden pairs to compare; all by default")
    arguments = parser.parse_args()
    try:
        check(arguments.model, arguments.count)
    except (KeyError, ValueError, OSError, onnx.checker.ValidationError) as error:
        print(f"{arguments.model}: {error!r}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
