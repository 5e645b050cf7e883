"""Layers of int16 activations and int8 weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.codegen.call import Settings
from edgekit.codegen.generate import generate
from edgekit.core.errors import ModelError
from edgekit.graph.codec import read
from edgekit.graph.types import DType
from tests.unit.codegen.host import assert_exact
from tests.unit.codegen.many_ops import side_by_side
from tests.unit.codegen.one_op import Spec, one_op

_INT32_SUMS = 2
"""The schema's number for the option quantized_bias_type."""


def _weights(rng: np.random.Generator, shape: tuple[int, ...], axis: int, per_channel: bool = True) -> Spec:
    scales = tuple(rng.uniform(0.0005, 0.02, shape[axis])) if per_channel else float(rng.uniform(0.0005, 0.02))
    return Spec(shape, scale=scales, axis=axis, data=rng.integers(-127, 128, shape, np.int8))


def _bias(rng: np.random.Generator, channels: int, dtype: DType) -> Spec:
    limit = 1 << (20 if dtype is DType.INT32 else 34)
    return Spec((channels,), dtype, scale=1e-6, data=rng.integers(-limit, limit, channels, dtype.numpy))


def _out_size(size: int, kernel: int, stride: int, dilation: int, same: bool) -> int:
    return -(-size // stride) if same else (size - (kernel - 1) * dilation - 1) // stride + 1


def _windowed(rng: np.random.Generator, kind: str, number: int) -> bytes:
    """A convolution of any geometry."""
    height, width, depth = (int(n) for n in rng.integers(5, 9, 3))
    kernel, stride, dilation = rng.integers(1, 4, 2), rng.integers(1, 3, 2), rng.integers(1, 3, 2)
    same, bits = bool(number % 2), DType.INT32 if number % 3 == 0 else DType.INT64
    multiplier = int(rng.integers(1, 3)) if kind == "DEPTHWISE_CONV_2D" else 0
    channels = depth * multiplier or int(rng.integers(1, 6))
    shape = (1, *kernel, channels) if multiplier else (channels, *kernel, depth)
    out = [_out_size((height, width)[i], kernel[i], stride[i], dilation[i], same) for i in (0, 1)]
    options: dict[str, Any] = {"strideH": stride[0], "strideW": stride[1], "padding": 0 if same else 1}
    options |= {"dilationHFactor": dilation[0], "dilationWFactor": dilation[1], "fusedActivationFunction": number % 4}
    options |= {"depthMultiplier": multiplier} if multiplier else {}
    options |= {"quantizedBiasType": _INT32_SUMS} if bits is DType.INT32 and not multiplier else {}
    inputs = [Spec((1, height, width, depth), DType.INT16, 0.0003), _weights(rng, shape, 3 if multiplier else 0)]
    if not (multiplier and number % 5 == 0):  # CONV_2D must have one
        inputs.append(_bias(rng, channels, bits if not multiplier else DType.INT64))
    outputs = [Spec((1, *(int(n) for n in out), channels), DType.INT16, float(rng.uniform(0.0001, 0.001)))]
    return one_op(kind, inputs, outputs, version=4 if multiplier else 5, **options)


def _fully_connected(rng: np.random.Generator, number: int) -> bytes:
    batches, depth, outputs = (int(n) for n in rng.integers(1, 20, 3))
    bits = DType.INT32 if number % 3 == 0 else DType.INT64
    options = {"quantizedBiasType": _INT32_SUMS} if bits is DType.INT32 else {}
    inputs = [Spec((batches, depth), DType.INT16, 0.0003), _weights(rng, (outputs, depth), 0, number % 2 == 0)]
    if number % 5:
        inputs.append(_bias(rng, outputs, bits))
    output = Spec((batches, outputs), DType.INT16, float(rng.uniform(0.0001, 0.001)))
    return one_op("FULLY_CONNECTED", inputs, [output], 11, fusedActivationFunction=number % 4, **options)


@pytest.mark.parametrize(("seed", "compiler"), [(1, "gcc"), (2, "clang")])
@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"])
def test_layers_are_exact(tmp_path: Path, kind: str, seed: int, compiler: str) -> None:
    rng = np.random.default_rng(seed)
    makes = [_fully_connected(rng, n) if kind == "FULLY_CONNECTED" else _windowed(rng, kind, n) for n in range(24)]
    assert_exact(side_by_side(makes), Settings(), tmp_path, compiler=compiler)


def test_a_zero_point_is_refused() -> None:
    rng = np.random.default_rng(0)
    inputs = [Spec((1, 4), DType.INT16, 0.1, zero_point=3), _weights(rng, (2, 4), 0)]
    model = one_op("FULLY_CONNECTED", inputs, [Spec((1, 2), DType.INT16, 0.1)], 11)
    with pytest.raises(ModelError, match="FULLY_CONNECTED 'out0' is int16 with a zero point"):
        generate(read(model), Settings())
