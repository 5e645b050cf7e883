"""Tiny models that LiteRT runs, made of graph objects alone: for tests of every room."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgekit.graph.model import Graph, Metadata, Model, Op, Signature, Tensor
from edgekit.graph.tensor import Buffer
from edgekit.graph.types import DType

F32 = DType.FLOAT32
CLASSES = 4


def constant(name: str, values: Any) -> Tensor:
    """A constant tensor with these values, of the array's own type."""
    array = np.asarray(values)
    tensor = Tensor(name, array.shape, DType.of(array.dtype))
    tensor.set_data(array)
    return tensor


def activation(name: str, *shape: int, dtype: DType = F32) -> Tensor:
    """A tensor without a value."""
    return Tensor(name, shape, dtype)


def options(table: str, **fields: Any) -> Any:
    """An options object of the schema with some fields set."""
    made = getattr(schema, f"{table}T")()
    for name, value in fields.items():
        assert hasattr(made, name), name
        setattr(made, name, value)
    return made


def assemble(ops: list[Op], inputs: list[Tensor], outputs: list[Tensor], name: str = "main") -> Graph:
    """A graph of these operators; its tensors are all that they reference, in that order."""
    used = [*inputs, *(t for op in ops for t in (*op.inputs, *op.outputs) if t is not None), *outputs]
    return Graph(name=name, tensors=list(dict.fromkeys(used)), inputs=inputs, outputs=outputs, ops=ops)


def signed(graph: Graph, *others: Graph, names: dict[str, str] | None = None) -> Model:
    """A model of graphs; the signature of the first gives each tensor its name, or the one in `names`."""
    called = names or {}
    inputs = {called.get(t.name, t.name): t for t in graph.inputs}
    outputs = {called.get(t.name, t.name): t for t in graph.outputs}
    signature = Signature("serving_default", graph, inputs, outputs)
    return Model(graphs=[graph, *others], signatures=[signature], description="small model for tests")


def conv_model(seed: int = 0) -> Model:
    """float32 x 1x8x8x3 -> CONV_2D 3x3 to 8 channels, ReLU -> FULLY_CONNECTED to 4 classes -> SOFTMAX y 1x4."""
    rng = np.random.default_rng(seed)
    x = activation("x", 1, 8, 8, 3)
    weights = constant("conv/weights", rng.normal(0, 0.3, (8, 3, 3, 3)).astype(np.float32))
    bias = constant("conv/bias", rng.normal(0, 0.1, 8).astype(np.float32))
    conv = activation("conv", 1, 8, 8, 8)
    flat = activation("flat", 1, 512)
    dense = constant("dense/weights", rng.normal(0, 0.05, (CLASSES, 512)).astype(np.float32))
    dense_bias = constant("dense/bias", rng.normal(0, 0.1, CLASSES).astype(np.float32))
    logits, y = activation("logits", 1, CLASSES), activation("y", 1, CLASSES)
    relu = schema.ActivationFunctionType.RELU
    conv_options = options("Conv2DOptions", strideW=1, strideH=1, fusedActivationFunction=relu)
    ops = [
        Op("CONV_2D", [x, weights, bias], [conv], conv_options),
        Op("RESHAPE", [conv, constant("flat/shape", np.array([1, 512], np.int32))], [flat]),
        Op("FULLY_CONNECTED", [flat, dense, dense_bias], [logits], options("FullyConnectedOptions")),
        Op("SOFTMAX", [logits], [y], options("SoftmaxOptions", beta=1.0)),
    ]
    return signed(assemble(ops, [x], [y]))


def two_inputs_model() -> Model:
    """float32 left 1x4, right 1x4 -> sum 1x4, product 1x4 (as the signature calls them; the tensors are a, b, c, d)."""
    a, b, c, d = (activation(name, 1, 4) for name in "abcd")
    ops = [Op("ADD", [a, b], [c], options("AddOptions")), Op("MUL", [a, b], [d], options("MulOptions"))]
    return signed(assemble(ops, [a, b], [c, d]), names={"a": "left", "b": "right", "c": "sum", "d": "product"})


def custom_op_model() -> Model:
    """float32 x 1x4 -> an operator "Mystery" that no runtime knows -> y 1x4. It reads and writes; it does not run."""
    x, y = activation("x", 1, 4), activation("y", 1, 4)
    return signed(assemble([Op("CUSTOM", [x], [y], custom_name="Mystery", custom_options=b"\x01\x02\x03")], [x], [y]))


def control_flow_model(limit: float = 100.0) -> Model:
    """float32 x of one element -> WHILE it is below `limit`, double it -> y."""
    x, y = activation("x", 1), activation("y", 1)
    asked, below = activation("asked", 1), activation("below", 1, dtype=DType.BOOL)
    less = Op("LESS", [asked, constant("limit", np.array([limit], np.float32))], [below], options("LessOptions"))
    value, twice = activation("value", 1), activation("twice", 1)
    double = Op("ADD", [value, value], [twice], options("AddOptions"))
    condition = assemble([less], [asked], [below], "condition")
    body = assemble([double], [value], [twice], "body")
    loop = Op("WHILE", [x], [y], options("WhileOptions"), subgraphs=[condition, body])
    return signed(assemble([loop], [x], [y]), condition, body)


def depthwise_model(seed: int = 0) -> Model:
    """float32 x 1x8x8x4 -> DEPTHWISE_CONV_2D 3x3, CONV_2D 1x1 to 8, AVERAGE_POOL_2D 8x8 -> y 1x1x1x8."""
    rng = np.random.default_rng(seed)
    x, deep = activation("x", 1, 8, 8, 4), activation("deep", 1, 8, 8, 4)
    wide, y = activation("wide", 1, 8, 8, 8), activation("y", 1, 1, 1, 8)
    filters = constant("deep/weights", rng.normal(0, 0.3, (1, 3, 3, 4)).astype(np.float32))
    point = constant("wide/weights", rng.normal(0, 0.3, (8, 1, 1, 4)).astype(np.float32))
    zeros4, zeros8 = constant("deep/bias", np.zeros(4, np.float32)), constant("wide/bias", np.zeros(8, np.float32))
    valid = schema.Padding.VALID
    ops = [
        Op("DEPTHWISE_CONV_2D", [x, filters, zeros4], [deep],
           options("DepthwiseConv2DOptions", strideW=1, strideH=1, depthMultiplier=1)),
        Op("CONV_2D", [deep, point, zeros8], [wide], options("Conv2DOptions", strideW=1, strideH=1)),
        Op("AVERAGE_POOL_2D", [wide], [y],
           options("Pool2DOptions", padding=valid, strideW=8, strideH=8, filterWidth=8, filterHeight=8)),
    ]  # fmt: skip
    return signed(assemble(ops, [x], [y]))


def model_with_everything() -> Model:
    """A model that does not run, with a value in every field that a file can hold."""
    model = custom_op_model()
    main = model.main
    model.metadata = [Metadata("min_runtime_version", Buffer(b"1.5.0\0"))]
    model.metadata_buffers = [model.metadata[0].buffer]
    op = main.ops[0]
    op.version, op.debug_metadata_index, op.mutating_variable_inputs = 7, 3, (True,)
    inner = main.add_tensor(activation("inner", 2))
    op.intermediates = [inner]
    main.debug_metadata_index = 2
    state = main.add_tensor(activation("state", 1, 4))
    state.is_variable, state.has_rank, state.shape_signature = True, True, (-1, 4)
    return model
