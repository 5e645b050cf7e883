"""Random chains of int8 layers with residual sums, as whole models."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgekit.graph.codec import write
from edgekit.graph.model import Graph, Model, Op
from edgekit.graph.tensor import Tensor
from edgekit.graph.types import DType
from tests.unit.codegen.one_op import Spec, tensor


class Chain:
    """A model that grows layer by layer; `last` is what the next one reads."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.graph = Graph("main")
        self.last = self._tensor((1, *(int(n) for n in self.rng.integers((6, 2, 1), (17, 7, 6)))))
        self.graph.inputs.append(self.last)

    def _tensor(self, shape: tuple[int, ...]) -> Tensor:
        zero_point = int(self.rng.integers(-20, 20))
        made = tensor(f"t{len(self.graph.tensors)}", Spec(shape, scale=0.05, zero_point=zero_point))
        return self.graph.add_tensor(made)

    def _constant(self, spec: Spec) -> Tensor:
        return self.graph.add_tensor(tensor(f"c{len(self.graph.tensors)}", spec))

    def window(self, kind: str, size: int, stride: int, same: bool, channels: int) -> None:
        """A convolution, depthwise convolution or pool."""
        source = self.last
        height, width = (n if same else n - size + 1 for n in source.shape[1:3])
        if min(height, width) < 1:
            return
        if kind != "CONV_2D":
            channels = source.shape[3]
        output = self._tensor((1, -(-height // stride), -(-width // stride), channels))
        inputs: list[Tensor | None] = [source]
        if kind == "CONV_2D":
            inputs += self._weights((channels, size, size, source.shape[3]), 0)
        elif kind == "DEPTHWISE_CONV_2D":
            inputs += self._weights((1, size, size, channels), 3)
        else:
            output.quantization = source.quantization
        options = _options(kind, size, stride, same)
        self.graph.ops.append(Op(kind, inputs, [output], options, 3 if "CONV" in kind else 2))
        self.last = output

    def _weights(self, shape: tuple[int, ...], axis: int) -> list[Tensor]:
        scales = tuple(self.rng.uniform(0.002, 0.02, shape[axis]))
        values = self.rng.integers(-127, 128, shape, np.int8)
        bias = self.rng.integers(-500, 500, shape[axis], np.int32)
        return [
            self._constant(Spec(shape, scale=scales, axis=axis, data=values)),
            self._constant(Spec((shape[axis],), DType.INT32, scale=0.001, data=bias)),
        ]

    def add(self, other: Tensor) -> None:
        """A residual sum, where shapes allow it."""
        if other.shape != self.last.shape or other is self.last:
            return
        output = self._tensor(other.shape)
        options = schema.AddOptionsT()
        self.graph.ops.append(Op("ADD", [other, self.last], [output], options, 2))
        self.last = output

    def model(self) -> bytes:
        """The bytes of the model."""
        self.graph.outputs = [self.last]
        return write(Model([self.graph]))


def _options(kind: str, size: int, stride: int, same: bool) -> object:
    table = {"CONV_2D": "Conv2DOptionsT", "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptionsT"}.get(kind, "Pool2DOptionsT")
    options = getattr(schema, table)()
    options.strideH = options.strideW = stride
    options.padding = 0 if same else 1
    if table == "Pool2DOptionsT":
        options.filterHeight = options.filterWidth = size
    else:
        options.dilationHFactor = options.dilationWFactor = 1
    if kind == "DEPTHWISE_CONV_2D":
        options.depthMultiplier = 1
    return options


def random_chain(seed: int) -> bytes:
    """Some layers of all kinds, with sums over one to three of them."""
    chain = Chain(seed)
    rng = chain.rng
    earlier = [chain.last]
    kinds = ("CONV_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D", "AVERAGE_POOL_2D")
    for _ in range(int(rng.integers(3, 8))):
        stride = int(rng.choice([1, 1, 1, 2]))
        channels = int(rng.choice([chain.last.shape[3], int(rng.integers(1, 9))]))
        chain.window(str(rng.choice(kinds)), int(rng.integers(1, 5)), stride, bool(rng.random() < 0.8), channels)
        chain.add(earlier[int(rng.integers(0, len(earlier)))])
        earlier = [*earlier[-2:], chain.last]
    return chain.model()
