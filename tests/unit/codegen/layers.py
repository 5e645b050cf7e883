"""Layers of any geometry on int16 activations with int8 weights, and on float32."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from edgekit.graph.types import DType
from tests.unit.codegen.one_op import Spec, one_op

INT32_SUMS = 2
"""The schema's number for the option quantized_bias_type."""


def weights(
    rng: np.random.Generator, shape: tuple[int, ...], axis: int, dtype: DType, per_channel: bool = True
) -> Spec:
    """float32 for float32 activations, else int8."""
    if dtype is DType.FLOAT32:
        return Spec(shape, dtype, data=rng.normal(0, 1, shape).astype(np.float32))
    scales = tuple(rng.uniform(0.0005, 0.02, shape[axis])) if per_channel else float(rng.uniform(0.0005, 0.02))
    return Spec(shape, scale=scales, axis=axis, data=rng.integers(-127, 128, shape, np.int8))


def bias(rng: np.random.Generator, channels: int, dtype: DType) -> Spec:
    """int32, int64 or float32."""
    if dtype is DType.FLOAT32:
        return Spec((channels,), dtype, data=rng.normal(0, 1, channels).astype(np.float32))
    limit = 1 << 20
    return Spec((channels,), dtype, scale=1e-6, data=rng.integers(-limit, limit, channels, dtype.numpy))


def activation(rng: np.random.Generator, shape: tuple[int, ...], dtype: DType) -> Spec:
    """An input or output; int16 ones have a scale, small enough that some sums saturate."""
    return Spec(shape, dtype, float(rng.uniform(0.0001, 0.001)) if dtype is DType.INT16 else None)


def bias_type(dtype: DType, number: int) -> DType:
    """int16 layers have sums of 64 bits, every third one of 32."""
    if dtype is DType.FLOAT32:
        return dtype
    return DType.INT32 if number % 3 == 0 else DType.INT64


def windowed(rng: np.random.Generator, kind: str, number: int, dtype: DType) -> bytes:
    """A CONV_2D or DEPTHWISE_CONV_2D of any geometry."""
    height, width, depth = (int(n) for n in rng.integers(5, 9, 3))
    kernel, stride, dilation = rng.integers(1, 4, 2), rng.integers(1, 3, 2), rng.integers(1, 3, 2)
    if number % 4 == 1:
        kernel, depth = np.array([1, 1]), 8
    multiplier = int(rng.integers(1, 3)) if kind == "DEPTHWISE_CONV_2D" else 0
    channels = depth * multiplier or int(rng.integers(1, 6))
    groups = 2 if number % 5 == 2 and not multiplier else 1
    depth, channels = depth - depth % groups, channels * groups
    same, bits = bool(number % 2), bias_type(dtype, number)
    options: dict[str, Any] = {"strideH": stride[0], "strideW": stride[1], "padding": 0 if same else 1}
    options |= {"dilationHFactor": dilation[0], "dilationWFactor": dilation[1], "fusedActivationFunction": number % 4}
    if multiplier:
        options, bits = options | {"depthMultiplier": multiplier}, DType.INT64 if bits is DType.INT32 else bits
    elif bits is DType.INT32:
        options["quantizedBiasType"] = INT32_SUMS
    shape = (1, *kernel, channels) if multiplier else (channels, *kernel, depth // groups)
    batches = 2 if number % 6 == 4 else 1
    source = (batches, height, width, depth)
    inputs = [activation(rng, source, dtype), weights(rng, shape, 3 if multiplier else 0, dtype)]
    if not (multiplier and number % 5 == 0):  # CONV_2D must have one
        inputs.append(bias(rng, channels, bits))
    out = [_out_size((height, width)[i], kernel[i], stride[i], dilation[i], same) for i in (0, 1)]
    return one_op(kind, inputs, [activation(rng, (batches, *out, channels), dtype)], 4 if multiplier else 5, **options)


def _out_size(size: int, kernel: int, stride: int, dilation: int, same: bool) -> int:
    return int(-(-size // stride) if same else (size - (kernel - 1) * dilation - 1) // stride + 1)


def fully_connected(rng: np.random.Generator, number: int, dtype: DType) -> bytes:
    """A FULLY_CONNECTED of any size, with one scale or one an output; of powers of two every fourth time, so that
    sums fall on halves."""
    batches, depth, outputs = (int(n) for n in rng.integers(1, 20, 3))
    bits = bias_type(dtype, number)
    options = {"quantizedBiasType": INT32_SUMS} if bits is DType.INT32 else {}
    inputs = [activation(rng, (batches, depth), dtype), weights(rng, (outputs, depth), 0, dtype, number % 2 == 0)]
    if number % 5:
        source, kernel = (spec.scale for spec in inputs)
        exact = source * kernel if isinstance(source, float) and isinstance(kernel, float) else 1e-6
        inputs.append(replace(bias(rng, outputs, bits), scale=exact if bits is not DType.FLOAT32 else None))
    output = activation(rng, (batches, outputs), dtype)
    if dtype is DType.INT16 and number % 4 == 3:
        scales = (2.0**-11, 2.0**-7, 2.0**-18, 2.0**-8)
        *inputs, output = (replace(spec, scale=s) for spec, s in zip([*inputs, output], scales, strict=False))
        output = replace(output, scale=scales[-1])
    return one_op("FULLY_CONNECTED", inputs, [output], 11, fusedActivationFunction=number % 4, **options)


def transpose_conv(rng: np.random.Generator, number: int, dtype: DType) -> bytes:
    """A TRANSPOSE_CONV of any geometry; int8 too."""
    height, width, depth, channels = (int(n) for n in rng.integers(1, 6, 4))
    kernel, stride, same = rng.integers(1, 5, 2), [int(n) for n in rng.integers(1, 4, 2)], bool(number % 2)
    sizes = zip((height, width), kernel, stride, strict=True)
    out = tuple(int(size * s if same else (size - 1) * s + k) for size, k, s in sizes)
    shape = (1, *out, channels)
    source, output = (activation(rng, s, dtype) for s in ((1, height, width, depth), shape))
    if dtype is DType.INT8:
        source = Spec(source.shape, dtype, 0.05, int(rng.integers(-9, 9)))
        output = Spec(shape, dtype, float(rng.uniform(0.02, 0.2)), -4)
    bits = {DType.INT8: DType.INT32, DType.INT16: DType.INT64}.get(dtype, dtype)
    inputs = [
        Spec((4,), DType.INT32, data=np.array(shape, np.int32)),
        weights(rng, (channels, *(int(k) for k in kernel), depth), 0, dtype),
        source,
        *([bias(rng, channels, bits)] if number % 3 else []),
    ]
    options: dict[str, Any] = {"strideH": stride[0], "strideW": stride[1], "padding": 0 if same else 1}
    return one_op("TRANSPOSE_CONV", inputs, [output], 4, fusedActivationFunction=number % 4, **options)


def layer(rng: np.random.Generator, kind: str, number: int, dtype: DType) -> bytes:
    """Any of the four."""
    if kind == "FULLY_CONNECTED":
        return fully_connected(rng, number, dtype)
    if kind == "TRANSPOSE_CONV":
        return transpose_conv(rng, number, dtype)
    return windowed(rng, kind, number, dtype)
