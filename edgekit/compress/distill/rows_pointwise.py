"""Rows of the lowering table: operators that work value by value, and those that reduce axes.

Source: tensorflow/lite/kernels/{add,mul,activations,reduce,elementwise,comparisons,select}.cc.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from edgekit.compress.distill.call import Call, Row

Binary = Callable[[Any, Any, Any], Any]
Unary = Callable[[Any, Any], Any]


def _aligned(call: Call, count: int) -> list[Any]:
    """The first inputs, all of the output's rank: axes of length 1 come behind the samples' axis."""
    rank = len(call.shape)
    shapes = [call.tensor(position).shape for position in range(count)]
    return [
        value if len(shape) == rank else call.shaped(value, (*(1,) * (rank - len(shape)), *shape))
        for value, shape in zip(call.values, shapes, strict=False)
    ]


def _binary(compute: Binary) -> Row:
    def row(call: Call) -> Sequence[Any]:
        left, right = _aligned(call, 2)
        return [call.active(compute(call.tf, left, right))]

    return row


def _unary(compute: Unary) -> Row:
    return lambda call: [compute(call.tf, call.values[0])]


def _reduce(name: str) -> Row:
    def row(call: Call) -> Sequence[Any]:
        rank = len(call.tensor().shape)
        axes = sorted({int(axis) % rank + 1 for axis in call.numbers(1)})
        value = getattr(call.tf, name)(call.values[0], axis=axes, keepdims=bool(call.option("keepDims", False)))
        return [call.shaped(value, call.shape)]

    return row


def softmax(call: Call) -> Sequence[Any]:
    return [call.tf.nn.softmax(call.values[0] * call.option("beta", 1.0))]


def gelu(call: Call) -> Sequence[Any]:
    return [call.tf.nn.gelu(call.values[0], approximate=bool(call.option("approximate", False)))]


def leaky_relu(call: Call) -> Sequence[Any]:
    return [call.tf.nn.leaky_relu(call.values[0], alpha=call.option("alpha", 0.0))]


def prelu(call: Call) -> Sequence[Any]:
    value, alpha = _aligned(call, 2)
    return [call.tf.nn.relu(value) - alpha * call.tf.nn.relu(-value)]


def select(call: Call) -> Sequence[Any]:
    condition, left, right = _aligned(call, 3)
    return [call.tf.where(condition, left, right)]


def cast(call: Call) -> Sequence[Any]:
    return [call.tf.cast(call.values[0], call.op.outputs[0].dtype.numpy)]


def l2_normalization(call: Call) -> Sequence[Any]:
    return [call.active(call.tf.math.l2_normalize(call.values[0], -1, epsilon=1e-12))]


def argument(name: str) -> Row:
    def row(call: Call) -> Sequence[Any]:
        axis = int(call.numbers(1)[0]) % len(call.tensor().shape) + 1
        return [getattr(call.tf, name)(call.values[0], axis, call.op.outputs[0].dtype.numpy)]

    return row


def as_it_is(call: Call) -> Sequence[Any]:
    """QUANTIZE and DEQUANTIZE: values are real numbers throughout; the output's grid is applied behind the row."""
    return [call.tf.cast(call.values[0], call.tf.float32)]


POINTWISE_ROWS: dict[str, Row] = {
    "ADD": _binary(lambda tf, a, b: a + b),
    "SUB": _binary(lambda tf, a, b: a - b),
    "MUL": _binary(lambda tf, a, b: a * b),
    "DIV": _binary(lambda tf, a, b: a / b),
    "POW": _binary(lambda tf, a, b: tf.pow(a, b)),
    "MAXIMUM": _binary(lambda tf, a, b: tf.maximum(a, b)),
    "MINIMUM": _binary(lambda tf, a, b: tf.minimum(a, b)),
    "SQUARED_DIFFERENCE": _binary(lambda tf, a, b: tf.math.squared_difference(a, b)),
    "FLOOR_DIV": _binary(lambda tf, a, b: a // b),
    "LESS": _binary(lambda tf, a, b: a < b),
    "LESS_EQUAL": _binary(lambda tf, a, b: a <= b),
    "GREATER": _binary(lambda tf, a, b: a > b),
    "GREATER_EQUAL": _binary(lambda tf, a, b: a >= b),
    "EQUAL": _binary(lambda tf, a, b: tf.equal(a, b)),
    "NOT_EQUAL": _binary(lambda tf, a, b: tf.not_equal(a, b)),
    "LOGICAL_AND": _binary(lambda tf, a, b: tf.logical_and(a, b)),
    "LOGICAL_OR": _binary(lambda tf, a, b: tf.logical_or(a, b)),
    "LOGICAL_NOT": _unary(lambda tf, x: tf.logical_not(x)),
    "NEG": _unary(lambda tf, x: -x),
    "ABS": _unary(lambda tf, x: tf.abs(x)),
    "EXP": _unary(lambda tf, x: tf.exp(x)),
    "LOG": _unary(lambda tf, x: tf.math.log(x)),
    "SQRT": _unary(lambda tf, x: tf.sqrt(x)),
    "RSQRT": _unary(lambda tf, x: tf.math.rsqrt(x)),
    "SQUARE": _unary(lambda tf, x: x * x),
    "SIN": _unary(lambda tf, x: tf.sin(x)),
    "COS": _unary(lambda tf, x: tf.cos(x)),
    "FLOOR": _unary(lambda tf, x: tf.floor(x)),
    "RELU": _unary(lambda tf, x: tf.nn.relu(x)),
    "RELU6": _unary(lambda tf, x: tf.nn.relu6(x)),
    "RELU_N1_TO_1": _unary(lambda tf, x: tf.clip_by_value(x, -1.0, 1.0)),
    "RELU_0_TO_1": _unary(lambda tf, x: tf.clip_by_value(x, 0.0, 1.0)),
    "ELU": _unary(lambda tf, x: tf.nn.elu(x)),
    "TANH": _unary(lambda tf, x: tf.tanh(x)),
    "LOGISTIC": _unary(lambda tf, x: tf.sigmoid(x)),
    "HARD_SWISH": _unary(lambda tf, x: x * tf.nn.relu6(x + 3.0) / 6.0),
    "LOG_SOFTMAX": _unary(lambda tf, x: tf.nn.log_softmax(x)),
    "SOFTMAX": softmax,
    "GELU": gelu,
    "LEAKY_RELU": leaky_relu,
    "PRELU": prelu,
    "SELECT": select,
    "SELECT_V2": select,
    "CAST": cast,
    "L2_NORMALIZATION": l2_normalization,
    "ARG_MAX": argument("argmax"),
    "ARG_MIN": argument("argmin"),
    "QUANTIZE": as_it_is,
    "DEQUANTIZE": as_it_is,
    "MEAN": _reduce("reduce_mean"),
    "SUM": _reduce("reduce_sum"),
    "REDUCE_MAX": _reduce("reduce_max"),
    "REDUCE_MIN": _reduce("reduce_min"),
    "REDUCE_PROD": _reduce("reduce_prod"),
}
