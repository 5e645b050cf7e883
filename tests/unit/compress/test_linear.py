"""Operators with weights as matrix products, against LiteRT."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from edgekit.compress.linear import groups_of, is_linear, positions, rows, to_matrix, to_outputs, to_weights
from edgekit.compress.moments import Moments
from edgekit.graph.codec import write
from edgekit.graph.model import Model, Op
from edgekit.graph.ops import bias_of, weights_of
from edgekit.graph.types import DType
from edgekit.runtime.litert import LiteRT
from tests.unit.compress.small import Builder, options

STRIDES = [(s, p, d) for s, p, d in itertools.product((1, 2, 3), (0, 1), (1, 2)) if s == 1 or d == 1]


def _size(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    return -(-size // stride) if padding == 0 else (size - (kernel - 1) * dilation - 1) // stride + 1


def conv(stride: int, padding: int, dilation: int, groups: int = 1) -> Model:
    b = Builder(stride + 10 * padding)
    x = b.input("x", 1, 9, 8, 6)
    o = options("Conv2DOptions", strideW=stride, strideH=stride, padding=padding, dilationWFactor=dilation,
                dilationHFactor=dilation)  # fmt: skip
    shape = (1, _size(9, 3, stride, padding, dilation), _size(8, 2, stride, padding, dilation), 4)
    return b.model(b.op("CONV_2D", [x, b.weights("w", 4, 3, 2, 6 // groups), b.weights("b", 4)], "y", shape, o))


def depthwise(stride: int, padding: int, dilation: int, multiplier: int = 1) -> Model:
    b = Builder(stride + 10 * padding)
    x = b.input("x", 1, 9, 8, 3)
    o = options("DepthwiseConv2DOptions", strideW=stride, strideH=stride, padding=padding, dilationWFactor=dilation,
                dilationHFactor=dilation, depthMultiplier=multiplier)  # fmt: skip
    outs = 3 * multiplier
    shape = (1, _size(9, 3, stride, padding, dilation), _size(8, 2, stride, padding, dilation), outs)
    w = b.weights("w", 1, 3, 2, outs)
    return b.model(b.op("DEPTHWISE_CONV_2D", [x, w, b.weights("b", outs)], "y", shape, o))


def transposed(stride: int, padding: int, kernel: int) -> Model:
    b = Builder(stride + 10 * padding)
    x = b.input("x", 1, 4, 5, 3)
    high, wide = (4 * stride, 5 * stride) if padding == 0 else (3 * stride + kernel, 4 * stride + kernel)
    shape = b.constant("shape", [1, high, wide, 2], DType.INT32)
    o = options("TransposeConvOptions", strideW=stride, strideH=stride, padding=padding)
    inputs = [shape, b.weights("w", 2, kernel, kernel, 3), x, b.weights("b", 2)]
    return b.model(b.op("TRANSPOSE_CONV", inputs, "y", (1, high, wide, 2), o))


def dense() -> Model:
    b = Builder()
    x = b.input("x", 1, 5, 7)
    o = options("FullyConnectedOptions", keepNumDims=True)
    return b.model(b.op("FULLY_CONNECTED", [x, b.weights("w", 4, 7), b.weights("b", 4)], "y", (1, 5, 4), o))


CASES: dict[str, Model] = {
    **{f"conv-{s}-{p}-{d}": conv(s, p, d) for s, p, d in STRIDES},
    "conv-grouped": conv(1, 0, 1, groups=2),
    **{f"depthwise-{s}-{p}-{d}": depthwise(s, p, d) for s, p, d in STRIDES},
    "depthwise-multiplier": depthwise(2, 0, 1, multiplier=2),
    **{f"transposed-{s}-{p}-{k}": transposed(s, p, k) for s in (1, 2, 3) for p in (0, 1) for k in (1, 2, 3, 4)
       if k >= s or p == 0},
    "dense": dense(),
}  # fmt: skip


def _parts(model: Model) -> tuple[Op, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    op = model.main.ops[0]
    weights, bias = weights_of(op), bias_of(op)
    assert weights is not None and weights.data is not None and bias is not None and bias.data is not None
    return op, weights.data, bias.data


@pytest.mark.parametrize("name", CASES)
def test_rows_times_matrix_is_what_the_runtime_computes(name: str) -> None:
    model = CASES[name]
    op, weights, bias = _parts(model)
    x = np.random.default_rng(1).normal(size=model.main.inputs[0].shape).astype(np.float32)
    expected = LiteRT(write(model)).run({"x": x})["y"]
    assert is_linear(op)
    taken = rows(op, x)
    assert taken.shape[:2] == (groups_of(op), positions(op))
    found = taken @ to_matrix(op, weights) + to_outputs(op, bias)[:, None]
    # float32 sums in another order: a few roundings of values around 1
    np.testing.assert_allclose(found.transpose(1, 0, 2).reshape(expected.shape), expected, atol=2e-5)
    keep = np.array([positions(op) - 1, 0])
    np.testing.assert_array_equal(rows(op, x, keep), taken[:, keep])
    np.testing.assert_array_equal(to_weights(op, to_matrix(op, weights)), weights)


def test_a_refit_recovers_weights_that_reproduce_the_outputs() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(1, 1, (2, 400, 5)).astype(np.float32)
    mix = rng.normal(size=(2, 5, 5)).astype(np.float32)
    x = z @ mix + 3
    weights, bias = rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 3))
    moments = Moments(2, 5)
    for part in (slice(0, 150), slice(150, 400)):
        moments.add(x[:, part], z[:, part])
    fit = moments.refit(weights, bias, ridge=0.0)
    # x is an exact linear image of z; float32 samples and a solved system leave about 1e-4
    np.testing.assert_allclose(x @ fit.weights + fit.bias[:, None], z @ weights + bias[:, None], atol=1e-3)


def test_a_bias_takes_the_mean_error() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(2, 1, (1, 100, 4))
    moments = Moments(1, 4)
    moments.add(x.astype(np.float32))
    weights = rng.normal(size=(1, 4, 2))
    changed = np.round(weights)
    bias = moments.bias_for(changed, weights, np.zeros((1, 2)))
    error = x @ changed + bias[:, None] - x @ weights
    np.testing.assert_allclose(error.mean(axis=1), 0, atol=1e-6)  # float32 samples
