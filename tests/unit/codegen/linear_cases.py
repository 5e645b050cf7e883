"""Models of many random layers side by side, each with an input and an output of its own: one compilation tries all."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgekit.graph.codec import write
from edgekit.graph.model import Graph, Model, Op
from edgekit.graph.ops import OPS
from edgekit.graph.tensor import Tensor
from edgekit.graph.types import DType
from tests.unit.codegen.one_op import Spec, tensor

Array = NDArray[Any]


class Layers:
    """A model that grows layer by layer."""

    def __init__(self, seed: int, bits: int = 8, batches: int = 1) -> None:
        self.bits, self.batches = bits, batches
        self.rng = np.random.default_rng(seed)
        self.ops: list[Op] = []
        self.tensors: list[Tensor] = []

    def bytes(self) -> bytes:
        feeds = [op.inputs[0] for op in self.ops if op.inputs[0] is not None]
        outputs = [op.outputs[0] for op in self.ops]
        return write(Model([Graph("main", self.tensors, feeds, outputs, self.ops)]))

    def between(self, low: int, high: int) -> int:
        """A random integer, both ends included."""
        return int(self.rng.integers(low, high + 1))

    def values(self, shape: tuple[int, ...]) -> Array:
        """Weights: anything, mostly extremes, or all alike."""
        if self.bits == 4:
            return self.rng.integers(-8, 8, shape, np.int8)
        style = self.between(0, 5)
        if style == 0:
            return self.rng.choice(np.array([-127, 127], np.int8), shape)
        if style == 1:
            return np.full(shape, self.rng.choice([-127, 127]), np.int8)
        if style == 2:
            return self.rng.choice(np.array([-128, 127], np.int8), shape)
        return self.rng.integers(-127, 128, shape, np.int8)

    def biases(self, channels: int) -> Array:
        return self.rng.integers(-30000, 30000, channels, np.int32)

    def add(self, kind: str, shapes: tuple[tuple[int, ...], ...], depth: int, axis: int, **options: Any) -> None:
        """shapes: of the input, the weights and the output; depth: products in a sum."""
        source, weights, result = shapes
        if kind != "FULLY_CONNECTED":
            source, result = (self.batches, *source[1:]), (self.batches, *result[1:])
        channels = weights[axis]
        depth *= 1 if self.bits == 8 else 1 / 256
        spread = np.exp(self.rng.uniform(np.log(0.3), np.log(30), channels))
        scales = tuple(float(s) for s in spread / (40 * np.sqrt(depth)))
        if self.between(0, 3) == 0:
            scales = scales[:1]
        specs = [
            Spec(source, scale=0.5, zero_point=self.between(-128, 127)),
            Spec(
                weights,
                DType.INT4 if self.bits == 4 else DType.INT8,
                scale=scales,
                axis=axis,
                data=self.values(weights),
            ),
            Spec((channels,), DType.INT32, scale=tuple(0.5 * s for s in scales), data=self.biases(channels)),
        ]
        if kind == "FULLY_CONNECTED" and self.between(0, 4) == 0:
            specs.pop()
        number = len(self.ops)
        made = [tensor(f"{number}_{i}", spec) for i, spec in enumerate(specs)]
        output = tensor(f"{number}_out", Spec(result, scale=1.0, zero_point=self.between(-128, 127)))
        table = getattr(schema, f"{OPS[kind].options}T")()
        for name, value in {"fusedActivationFunction": self.between(0, 3), **options}.items():
            setattr(table, name, value)
        self.ops.append(Op(kind, list(made), [output], table, 1))
        self.tensors += [*made, output]

    def window(self) -> tuple[dict[str, int], tuple[int, int], tuple[int, int], tuple[int, int]]:
        """Options of a window, its kernel, and the sizes of its input and output."""
        same = bool(self.between(0, 1))
        one = [self._axis(same) for _ in range(2)]
        options = {"padding": int(not same)}
        for letter, (_, _, stride, dilation, _) in zip("HW", one, strict=True):
            options |= {f"stride{letter}": stride, f"dilation{letter}Factor": dilation}
        kernel, size, result = (tuple(axis[i] for axis in one) for i in (0, 1, 4))
        return options, (kernel[0], kernel[1]), (size[0], size[1]), (result[0], result[1])

    def _axis(self, same: bool) -> tuple[int, int, int, int, int]:
        kernel = self.between(1, 4)
        dilation = self.between(1, 3) if self.between(0, 4) == 0 else 1
        stride = self.between(1, 3) if dilation == 1 else 1
        extent = (kernel - 1) * dilation + 1
        size = self.between(1 if same else extent, extent + 6)
        return kernel, size, stride, dilation, -(-size // stride) if same else (size - extent) // stride + 1

    def conv(self) -> None:
        options, kernel, size, result = self.window()
        groups = self.between(2, 3) if self.between(0, 6) == 0 else 1
        depth = self.between(1, 12)
        channels = groups * self.between(1, 11 // groups)
        shapes = ((1, *size, depth * groups), (channels, *kernel, depth), (1, *result, channels))
        self.add("CONV_2D", shapes, depth * kernel[0] * kernel[1], 0, **options)

    def depthwise(self) -> None:
        options, kernel, size, result = self.window()
        multiplier = self.between(2, 3) if self.between(0, 4) == 0 else 1
        depth = self.between(1, 3) * 4 if self.between(0, 3) else self.between(1, 9)
        channels = depth * multiplier
        shapes = ((1, *size, depth), (1, *kernel, channels), (1, *result, channels))
        self.add("DEPTHWISE_CONV_2D", shapes, kernel[0] * kernel[1], 3, depthMultiplier=multiplier, **options)

    def depthwise_3x3(self) -> None:
        same, channels = self.between(0, 1), self.between(1, 3) * 4
        size = (self.between(3 - 2 * same, 7), self.between(3 - 2 * same, 30))
        result = size if same else (size[0] - 2, size[1] - 2)
        options = {"padding": 1 - same, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
        shapes = ((1, *size, channels), (1, 3, 3, channels), (1, *result, channels))
        self.add("DEPTHWISE_CONV_2D", shapes, 9, 3, depthMultiplier=1, **options)

    def fully_connected(self) -> None:
        batches, depth, outputs = self.between(1, 3), self.between(1, 40), self.between(1, 13)
        self.add("FULLY_CONNECTED", ((batches, depth), (outputs, depth), (batches, outputs)), depth, 0)
