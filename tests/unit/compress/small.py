"""Small float models, built on the graph, and samples for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgekit.graph.model import Buffer, Graph, Model, Op, Tensor
from edgekit.graph.types import DType


@dataclass(frozen=True, slots=True)
class Feeds:
    """Calibration samples that are arrays in memory."""

    arrays: tuple[dict[str, Any], ...]

    @property
    def count(self) -> int:
        return len(self.arrays)

    def feeds(self, limit: int | None) -> Iterator[dict[str, Any]]:
        return iter(self.arrays[:limit])


class Builder:
    """A graph that grows operator by operator."""

    def __init__(self, seed: int = 0) -> None:
        self.graph = Graph("main")
        self.rng = np.random.default_rng(seed)

    def input(self, name: str, *shape: int, dtype: DType = DType.FLOAT32) -> Tensor:
        tensor = self.graph.add_tensor(Tensor(name, shape, dtype))
        self.graph.inputs.append(tensor)
        return tensor

    def constant(self, name: str, values: Any, dtype: DType = DType.FLOAT32) -> Tensor:
        array = np.asarray(values, dtype.numpy)
        tensor = self.graph.add_tensor(Tensor(name, array.shape, dtype, Buffer()))
        tensor.set_data(array)
        return tensor

    def weights(self, name: str, *shape: int) -> Tensor:
        return self.constant(name, self.rng.normal(0, 0.3, shape))

    def op(
        self, kind: str, inputs: list[Tensor | None], name: str, shape: tuple[int, ...], options: Any = None
    ) -> Tensor:
        result = self.graph.add_tensor(Tensor(name, shape, DType.FLOAT32))
        self.graph.ops.append(Op(kind, inputs, [result], options))
        return result

    def model(self, *outputs: Tensor) -> Model:
        self.graph.outputs = list(outputs)
        return Model(graphs=[self.graph], buffers=[Buffer()])


def options(name: str, **fields: Any) -> Any:
    """A schema options object with fields set."""
    made = getattr(schema, f"{name}T")()
    for key, value in fields.items():
        setattr(made, key, value)
    return made


def conv_net(seed: int = 0) -> Model:
    """Image 8x8x3 -> conv relu6 -> depthwise -> mean pool -> squeeze -> dense -> softmax."""
    b = Builder(seed)
    x = b.input("image", 1, 8, 8, 3)
    relu6 = options("Conv2DOptions", strideW=1, strideH=1, padding=0, fusedActivationFunction=3,
                    dilationWFactor=1, dilationHFactor=1)  # fmt: skip
    y = b.op("CONV_2D", [x, b.weights("conv/w", 16, 3, 3, 3), b.weights("conv/b", 16)], "conv", (1, 8, 8, 16), relu6)
    depth = options("DepthwiseConv2DOptions", strideW=1, strideH=1, padding=0, depthMultiplier=1,
                    fusedActivationFunction=1, dilationWFactor=1, dilationHFactor=1)  # fmt: skip
    y = b.op("DEPTHWISE_CONV_2D", [y, b.weights("depth/w", 1, 3, 3, 16), b.weights("depth/b", 16)], "depth",
             (1, 8, 8, 16), depth)  # fmt: skip
    pool = options("Pool2DOptions", strideW=8, strideH=8, filterWidth=8, filterHeight=8, padding=1)
    y = b.op("AVERAGE_POOL_2D", [y], "pool", (1, 1, 1, 16), pool)
    y = b.op("SQUEEZE", [y], "flat", (1, 16), options("SqueezeOptions", squeezeDims=[1, 2]))
    y = b.op("FULLY_CONNECTED", [y, b.weights("dense/w", 10, 16), b.weights("dense/b", 10)], "dense", (1, 10),
             options("FullyConnectedOptions"))  # fmt: skip
    return b.model(b.op("SOFTMAX", [y], "probabilities", (1, 10), options("SoftmaxOptions", beta=1.0)))


def two_inputs() -> Model:
    """Two vectors -> concatenation -> dense; a leaky branch joins by addition."""
    b = Builder(1)
    p, q = b.input("left", 1, 6), b.input("right", 1, 10)
    both = b.op("CONCATENATION", [p, q], "both", (1, 16), options("ConcatenationOptions", axis=1))
    dense = b.op("FULLY_CONNECTED", [both, b.weights("w", 16, 16), b.weights("b", 16)], "dense", (1, 16),
                 options("FullyConnectedOptions"))  # fmt: skip
    leaky = b.op("LEAKY_RELU", [dense], "leaky", (1, 16), options("LeakyReluOptions", alpha=0.1))
    return b.model(b.op("ADD", [leaky, both], "sum", (1, 16), options("AddOptions")))


def text_net() -> Model:
    """Token ids -> embedding by GATHER -> mean -> dense."""
    b = Builder(2)
    ids = b.input("ids", 1, 12, dtype=DType.INT32)
    words = b.op("GATHER", [b.weights("table", 50, 16), ids], "words", (1, 12, 16), options("GatherOptions"))
    axis = b.constant("axis", [1], DType.INT32)
    mean = b.op("MEAN", [words, axis], "mean", (1, 16), options("ReducerOptions", keepDims=False))
    dense = b.op("FULLY_CONNECTED", [mean, b.weights("w", 2, 16), b.weights("b", 2)], "scores", (1, 2),
                 options("FullyConnectedOptions"))  # fmt: skip
    return b.model(dense)


def samples(model: Model, count: int = 24, seed: int = 3) -> Feeds:
    """Random feeds that fit a model."""
    rng = np.random.default_rng(seed)

    def one(port: Any) -> Any:
        if port.tensor.dtype is DType.INT32:
            return rng.integers(0, 50, port.tensor.shape).astype(np.int32)
        return rng.normal(0, 1, port.tensor.shape).astype(np.float32)

    return Feeds(tuple({p.name: one(p) for p in model.inputs()} for _ in range(count)))


ZOO = {"conv_net": conv_net, "two_inputs": two_inputs, "text_net": text_net}
