"""Small ONNX models, for the tests of the ONNX importers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def weight(name: str, *shape: int) -> Any:
    values = np.random.default_rng(len(name)).standard_normal(shape) * 0.2
    return numpy_helper.from_array(values.astype(np.float32), name)


def integers(name: str, *values: int) -> Any:
    return numpy_helper.from_array(np.array(values, np.int64), name)


def port(name: str, *shape: int | str) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def node(kind: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    return helper.make_node(kind, inputs.split(), outputs.split(), **attributes)


def model(nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: list[Any]) -> Any:
    domains = {each.domain for each in nodes}
    opsets = [helper.make_opsetid(domain, 1 if domain else 17) for domain in domains | {""}]
    return helper.make_model(
        helper.make_graph(nodes, "g", inputs, outputs, constants), opset_imports=opsets, ir_version=8
    )


CONV = node("Conv", "x w", "c", pads=[1, 1, 1, 1])
CONV_WEIGHT = weight("w", 4, 3, 3, 3)

MODELS = {
    "conv": model(
        [CONV, node("Relu", "c", "y")], [port("x", "N", 3, 8, 10)], [port("y", "N", 4, 8, 10)], [CONV_WEIGHT]
    ),
    "pad": model(
        [node("Pad", "x p", "q"), node("Conv", "q w", "y")],
        [port("x", 1, 3, 8, 8)],
        [port("y", 1, 4, 8, 8)],
        [CONV_WEIGHT, integers("p", 0, 0, 1, 1, 0, 0, 1, 1)],
    ),
    "gemm": model(
        [node("Gemm", "x w b", "y", transB=1)],
        [port("x", "N", 7)],
        [port("y", "N", 5)],
        [weight("w", 5, 7), weight("b", 5)],
    ),
    "conv1d": model(
        [node("Conv", "x w", "y", pads=[1, 1])], [port("x", 1, 20, 16)], [port("y", 1, 6, 16)], [weight("w", 6, 20, 3)]
    ),
    "lstm": model(
        [
            node("Transpose", "x", "t", perm=[1, 0, 2]),
            node("LSTM", "t w r b", "s h", hidden_size=6),
            node("Squeeze", "h axis", "y"),
        ],
        [port("x", "N", 12, 5)],
        [port("y", "N", 6)],
        [weight("w", 1, 24, 5), weight("r", 1, 24, 6), weight("b", 1, 48), integers("axis", 0)],
    ),
    "two": model(
        [
            node("Conv", "image w", "c", pads=[1, 1, 1, 1]),
            node("GlobalAveragePool", "c", "g"),
            node("Flatten", "g", "f"),
            node("Gemm", "numbers v", "m"),
            node("Add", "f m", "sum"),
            node("Sigmoid", "c", "mask"),
        ],
        [port("image", "N", 3, 8, 8), port("numbers", "N", 5)],
        [port("sum", "N", 4), port("mask", "N", 4, 8, 8)],
        [CONV_WEIGHT, weight("v", 5, 4)],
    ),
    "nhwc": model(
        [
            node("Transpose", "x", "t", perm=[0, 3, 1, 2]),
            node("Conv", "t w", "c", pads=[1, 1, 1, 1]),
            node("Transpose", "c", "y", perm=[0, 2, 3, 1]),
        ],
        [port("x", "N", 8, 8, 3)],
        [port("y", "N", 8, 8, 4)],
        [CONV_WEIGHT],
    ),
    "custom": model([helper.make_node("Frob", ["x"], ["y"], domain="acme")], [port("x", 1, 3)], [port("y", 1, 3)], []),
    "unknown": model([node("Frobnicate", "x", "y")], [port("x", 1, 3)], [port("y", 1, 3)], []),
    "open": model(
        [CONV, node("Relu", "c", "y")], [port("x", "N", 3, "H", "W")], [port("y", "N", 4, "H", "W")], [CONV_WEIGHT]
    ),
}


def save(name: str, folder: Path) -> Path:
    path = folder / f"{name}.onnx"
    path.write_bytes(MODELS[name].SerializeToString())
    return path


def save_with_external_data(folder: Path, location: str) -> Path:
    """The convolution with its weight said to be in the file `location`, which is not written."""
    copy = onnx.ModelProto()
    copy.CopyFrom(MODELS["conv"])
    tensor = copy.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    path = folder / "external.onnx"
    path.write_bytes(copy.SerializeToString())
    return path
