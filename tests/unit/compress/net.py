"""A builder with a word for each operator: it works out shapes and options, and names results by kind and number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgekit.graph.model import Op, Tensor
from edgekit.graph.types import DType
from tests.unit.compress.small import Builder, options

NONE, RELU, RELU6 = 0, 1, 3


class Net(Builder):
    """A graph that grows by words."""

    def fresh(self, kind: str) -> str:
        return f"{kind.lower()}_{len(self.graph.ops)}"

    def numbers(self, name: str, values: Any) -> Tensor:
        return self.constant(self.graph.unique_name(name), np.asarray(values), DType.INT32)

    def plain(
        self, kind: str, inputs: Sequence[Tensor | None], shape: Sequence[int], opts: Any = None, dtype: Any = None
    ) -> Tensor:
        """Any operator with one output."""
        made = self.op(kind, list(inputs), self.fresh(kind), tuple(int(n) for n in shape), opts)
        made.dtype = dtype or DType.FLOAT32
        return made

    def several(self, kind: str, inputs: list[Tensor], shapes: Sequence[Sequence[int]], opts: Any) -> list[Tensor]:
        """An operator with several outputs."""
        name = self.fresh(kind)
        made = [Tensor(f"{name}:{n}", tuple(shape), DType.FLOAT32) for n, shape in enumerate(shapes)]
        for tensor in made:
            self.graph.add_tensor(tensor)
        self.graph.ops.append(Op(kind, list(inputs), made, opts))
        return made

    def conv(
        self, x: Tensor, out: int, size: int = 3, stride: int = 1, dilation: int = 1, groups: int = 1, act: int = RELU
    ) -> Tensor:
        name = self.fresh("conv_2d")
        weights = self.weights(f"{name}/w", out, size, size, x.shape[3] // groups)
        opts = options("Conv2DOptions", strideW=stride, strideH=stride, padding=0, fusedActivationFunction=act,
                       dilationWFactor=dilation, dilationHFactor=dilation)  # fmt: skip
        return self.plain("CONV_2D", [x, weights, self.weights(f"{name}/b", out)], _strided(x, stride, out), opts)

    def depthwise(self, x: Tensor, multiplier: int = 1, size: int = 3, stride: int = 1, dilation: int = 1) -> Tensor:
        name, out = self.fresh("depthwise"), x.shape[3] * multiplier
        opts = options("DepthwiseConv2DOptions", strideW=stride, strideH=stride, padding=0, depthMultiplier=multiplier,
                       fusedActivationFunction=RELU6, dilationWFactor=dilation, dilationHFactor=dilation)  # fmt: skip
        inputs = [x, self.weights(f"{name}/w", 1, size, size, out), self.weights(f"{name}/b", out)]
        return self.plain("DEPTHWISE_CONV_2D", inputs, _strided(x, stride, out), opts)

    def transposed(self, x: Tensor, out: int, size: int = 3, stride: int = 2) -> Tensor:
        name = self.fresh("transpose_conv")
        shape = (x.shape[0], x.shape[1] * stride, x.shape[2] * stride, out)
        inputs = [self.numbers(f"{name}/shape", shape), self.weights(f"{name}/w", out, size, size, x.shape[3]), x,
                  self.weights(f"{name}/b", out)]  # fmt: skip
        opts = options("TransposeConvOptions", strideW=stride, strideH=stride, padding=0)
        return self.plain("TRANSPOSE_CONV", inputs, shape, opts)

    def dense(self, x: Tensor, out: int, act: int = NONE, keep: bool = False) -> Tensor:
        """Over the last axis with `keep`, else over all but the first."""
        name = self.fresh("dense")
        width = x.shape[-1] if keep else int(np.prod(x.shape[1:]))
        inputs = [x, self.weights(f"{name}/w", out, width), self.weights(f"{name}/b", out)]
        opts = options("FullyConnectedOptions", keepNumDims=keep, fusedActivationFunction=act)
        return self.plain("FULLY_CONNECTED", inputs, (*x.shape[:-1], out) if keep else (x.shape[0], out), opts)

    def unary(self, kind: str, x: Tensor, opts: Any = None) -> Tensor:
        return self.plain(kind, [x], x.shape, opts)

    def binary(self, kind: str, a: Tensor, b: Tensor) -> Tensor:
        named = {"MAXIMUM": "MaximumMinimum", "MINIMUM": "MaximumMinimum",
                 "SQUARED_DIFFERENCE": "SquaredDifference"}.get(kind, kind.capitalize())  # fmt: skip
        return self.plain(kind, [a, b], np.broadcast_shapes(a.shape, b.shape), options(f"{named}Options"))

    def concat(self, axis: int, *parts: Tensor) -> Tensor:
        shape = list(parts[0].shape)
        shape[axis] = sum(p.shape[axis] for p in parts)
        return self.plain("CONCATENATION", parts, shape, options("ConcatenationOptions", axis=axis))

    def split(self, x: Tensor, count: int, axis: int) -> list[Tensor]:
        shape = _with(x.shape, axis, x.shape[axis] // count)
        inputs = [self.numbers("axis", axis), x]
        return self.several("SPLIT", inputs, [shape] * count, options("SplitOptions", numSplits=count))

    def split_v(self, x: Tensor, sizes: Sequence[int], axis: int) -> list[Tensor]:
        inputs = [x, self.numbers("sizes", sizes), self.numbers("axis", axis)]
        shapes = [_with(x.shape, axis, n) for n in sizes]
        return self.several("SPLIT_V", inputs, shapes, options("SplitVOptions", numSplits=len(sizes)))

    def slice(self, x: Tensor, begin: Sequence[int], size: Sequence[int]) -> Tensor:
        shape = [x.shape[a] - begin[a] if n < 0 else n for a, n in enumerate(size)]
        return self.plain("SLICE", [x, self.numbers("begin", begin), self.numbers("size", size)], shape,
                          options("SliceOptions"))  # fmt: skip

    def strided(
        self, x: Tensor, begin: Sequence[int], end: Sequence[int], shape: Sequence[int], **fields: int
    ) -> Tensor:
        steps = self.numbers("steps", [1] * len(begin))
        inputs = [x, self.numbers("begin", begin), self.numbers("end", end), steps]
        return self.plain("STRIDED_SLICE", inputs, shape, options("StridedSliceOptions", **fields))

    def pad(self, x: Tensor, amounts: Sequence[Sequence[int]], kind: str = "PAD") -> Tensor:
        shape = [n + sum(a) for n, a in zip(x.shape, amounts, strict=True)]
        inputs: list[Tensor] = [x, self.numbers("amounts", amounts)]
        named = {"PAD": "PadOptions", "PADV2": "PadV2Options", "MIRROR_PAD": "MirrorPadOptions"}[kind]
        if kind == "PADV2":
            inputs.append(self.constant(self.graph.unique_name("filling"), [0.5]))
        return self.plain(kind, inputs, shape, options(named))

    def pool(self, x: Tensor, kind: str = "AVERAGE_POOL_2D", size: int = 2) -> Tensor:
        opts = options("Pool2DOptions", strideW=size, strideH=size, filterWidth=size, filterHeight=size, padding=0)
        return self.plain(kind, [x], _strided(x, size, x.shape[3]), opts)

    def reduce(self, x: Tensor, axes: Sequence[int], kind: str = "MEAN", keep: bool = False) -> Tensor:
        kept = [(1 if a in axes else n) for a, n in enumerate(x.shape) if keep or a not in axes]
        inputs = [x, self.numbers("axes", list(axes))]
        return self.plain(kind, inputs, kept, options("ReducerOptions", keepDims=keep))

    def resize(self, x: Tensor, kind: str = "RESIZE_BILINEAR") -> Tensor:
        named = {"RESIZE_BILINEAR": "ResizeBilinear", "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighbor"}[kind]
        shape = (x.shape[0], x.shape[1] * 2, x.shape[2] * 2, x.shape[3])
        return self.plain(kind, [x, self.numbers("size", shape[1:3])], shape, options(f"{named}Options"))

    def reshape(self, x: Tensor, *shape: int) -> Tensor:
        """-1 stays open in the operand."""
        sizes = [x.size // -int(np.prod(shape)) if n < 0 else n for n in shape]
        return self.plain("RESHAPE", [x, self.numbers("shape", shape)], sizes, options("ReshapeOptions"))

    def transpose(self, x: Tensor, *order: int) -> Tensor:
        return self.plain("TRANSPOSE", [x, self.numbers("order", order)], [x.shape[a] for a in order],
                          options("TransposeOptions"))  # fmt: skip

    def matmul(self, a: Tensor, b: Tensor, adj_x: bool = False, adj_y: bool = False) -> Tensor:
        rows = a.shape[-1 if adj_x else -2]
        columns = b.shape[-2 if adj_y else -1]
        shape = (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), rows, columns)
        return self.plain("BATCH_MATMUL", [a, b], shape, options("BatchMatMulOptions", adjX=adj_x, adjY=adj_y))

    def softmax(self, x: Tensor) -> Tensor:
        return self.unary("SOFTMAX", x, options("SoftmaxOptions", beta=1.0))


def _strided(x: Tensor, stride: int, channels: int) -> tuple[int, ...]:
    return (x.shape[0], -(-x.shape[1] // stride), -(-x.shape[2] // stride), channels)


def _with(shape: Sequence[int], axis: int, size: int) -> tuple[int, ...]:
    return tuple(size if a == axis % len(shape) else n for a, n in enumerate(shape))
