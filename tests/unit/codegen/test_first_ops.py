from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.codegen.call import Settings
from edgekit.graph.types import DType
from tests.unit.codegen.host import assert_exact
from tests.unit.codegen.one_op import Spec, one_op

RNG = np.random.default_rng(5)


def weights(shape: tuple[int, ...], axis: int) -> Spec:
    scales = tuple(RNG.uniform(0.001, 0.02, shape[axis]))
    return Spec(shape, scale=scales, axis=axis, data=RNG.integers(-127, 128, shape, np.int8))


def bias(channels: int) -> Spec:
    return Spec((channels,), DType.INT32, scale=0.001, data=RNG.integers(-3000, 3000, channels, np.int32))


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("padding", [0, 1])
def test_conv(tmp_path: Path, padding: int, compiler: str) -> None:
    out = (1, 4, 3, 8) if padding == 0 else (1, 3, 2, 8)
    inputs = [Spec((1, 7, 5, 3), scale=0.05, zero_point=3), weights((8, 3, 3, 3), 0), bias(8)]
    options = {"strideH": 2, "strideW": 2, "padding": padding, "fusedActivationFunction": 1}
    options |= {"dilationHFactor": 1, "dilationWFactor": 1}
    model = one_op("CONV_2D", inputs, [Spec(out, scale=0.1, zero_point=-4)], **options)
    assert_exact(model, Settings(), tmp_path, compiler=compiler)


def test_depthwise(tmp_path: Path) -> None:
    inputs = [Spec((1, 7, 5, 4), scale=0.05, zero_point=3), weights((1, 3, 3, 8), 3), bias(8)]
    options = {"strideH": 1, "strideW": 1, "padding": 0, "depthMultiplier": 2}
    options |= {"dilationHFactor": 1, "dilationWFactor": 1}
    model = one_op("DEPTHWISE_CONV_2D", inputs, [Spec((1, 7, 5, 8), scale=0.1, zero_point=-4)], **options)
    assert_exact(model, Settings(), tmp_path)
