"""Tiny models as bytes, written with the schema's own objects: chains of fully connected layers."""

from __future__ import annotations

from dataclasses import dataclass

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


@dataclass(frozen=True, slots=True)
class Sample:
    """A feed."""

    inputs: dict[str, np.ndarray]
    label: object = None


def float_chain(*weights: np.ndarray) -> bytes:
    """x -> w0·x -> w1·(w0·x) …; weights of shape (out, in); tensors are called x, layer0, layer1 …"""
    model, graph = _empty()
    current = _tensor(model, graph, "x", (1, weights[0].shape[1]), schema.TensorType.FLOAT32)
    graph.inputs = [current]
    for i, weight in enumerate(weights):
        constant = _constant(model, graph, f"w{i}", weight.astype(np.float32), schema.TensorType.FLOAT32)
        result = _tensor(model, graph, f"layer{i}", (1, weight.shape[0]), schema.TensorType.FLOAT32)
        graph.operators.append(_dense(current, constant, result))
        current = result
    graph.outputs = [current]
    return _bytes(model)


def int8_chain(scales: tuple[float, ...], *weights: np.ndarray) -> bytes:
    """As `float_chain` in int8: `scales` of x and of each layer, weights with a scale of max/127, no zero points."""
    model, graph = _empty()
    current = _tensor(model, graph, "x", (1, weights[0].shape[1]), schema.TensorType.INT8, scales[0])
    graph.inputs = [current]
    for i, weight in enumerate(weights):
        scale = float(np.abs(weight).max()) / 127
        stored = np.rint(weight / scale).astype(np.int8)
        constant = _constant(model, graph, f"w{i}", stored, schema.TensorType.INT8, scale)
        result = _tensor(model, graph, f"layer{i}", (1, weight.shape[0]), schema.TensorType.INT8, scales[i + 1])
        graph.operators.append(_dense(current, constant, result))
        current = result
    graph.outputs = [current]
    return _bytes(model)


def _empty() -> tuple[schema.ModelT, schema.SubGraphT]:
    model, graph, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = 4
    graph.tensors, graph.operators, graph.name = [], [], "main"
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers = [schema.BufferT()]
    return model, graph


def _tensor(
    model: schema.ModelT, graph: schema.SubGraphT, name: str, shape: tuple[int, ...], kind: int, scale: float = 0
) -> int:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), kind, 0
    if scale:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [0]
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _constant(
    model: schema.ModelT, graph: schema.SubGraphT, name: str, values: np.ndarray, kind: int, scale: float = 0
) -> int:
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    model.buffers.append(buffer)
    index = _tensor(model, graph, name, values.shape, kind, scale)
    graph.tensors[index].buffer = len(model.buffers) - 1
    return index


def _dense(source: int, weight: int, result: int) -> schema.OperatorT:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [source, weight, -1], [result]
    operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    operator.builtinOptions = schema.FullyConnectedOptionsT()
    return operator


def _bytes(model: schema.ModelT) -> bytes:
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
