"""Rows of the lowering table: operators with weights, matrix products, pooling and resizing.

Source of layouts and options: tensorflow/lite/kernels/{conv,depthwise_conv,transpose_conv,fully_connected,pooling,
batch_matmul,resize_bilinear}.cc.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgekit.compress.distill.call import SAME, Call, Row, padding_of


def _padding(call: Call) -> str:
    return "SAME" if call.option("padding") == SAME else "VALID"


def _finished(call: Call, product: Any, bias: int) -> Sequence[Any]:
    """With bias and activation, in the output's shape."""
    added = call.weights(bias)
    return [call.shaped(call.active(product if added is None else product + added), call.shape)]


def conv_2d(call: Call) -> Sequence[Any]:
    tf, data, weights = call.tf, call.images(), call.weights(1)
    kernel = tf.transpose(weights, (1, 2, 3, 0))
    strides = (call.option("strideH", 1), call.option("strideW", 1))
    dilations = (call.option("dilationHFactor", 1) or 1, call.option("dilationWFactor", 1) or 1)
    groups = call.tensor(0).shape[-1] // call.tensor(1).shape[-1]
    parts = zip(tf.split(data, groups, -1), tf.split(kernel, groups, -1), strict=True)
    products = [tf.nn.conv2d(x, k, strides, _padding(call), dilations=dilations) for x, k in parts]
    return _finished(call, products[0] if groups == 1 else tf.concat(products, -1), 2)


def depthwise_conv_2d(call: Call) -> Sequence[Any]:
    tf, data, weights = call.tf, call.images(), call.weights(1)
    _, high, wide, _ = call.tensor(1).shape
    channels = call.tensor(0).shape[-1]
    kernel = tf.reshape(weights, (high, wide, channels, -1))
    strides = (call.option("strideH", 1), call.option("strideW", 1))
    dilations = (call.option("dilationHFactor", 1) or 1, call.option("dilationWFactor", 1) or 1)
    if strides[0] == strides[1] and 1 in (strides[0], max(dilations)):
        steps = (1, *strides, 1)
        return _finished(call, tf.nn.depthwise_conv2d(data, kernel, steps, _padding(call), dilations=dilations), 2)
    if _padding(call) == "SAME":  # what TensorFlow lacks: every place is computed, and the strides pick
        sizes, reach = call.tensor(0).shape[1:3], (high, wide)
        pads = [padding_of(sizes[a], reach[a], strides[a], dilations[a]) for a in (0, 1)]
        data = tf.pad(data, ((0, 0), *pads, (0, 0)))
    everywhere = tf.nn.depthwise_conv2d(data, kernel, (1, 1, 1, 1), "VALID", dilations=dilations)
    return _finished(call, everywhere[:, :: strides[0], :: strides[1]], 2)


def transpose_conv(call: Call) -> Sequence[Any]:
    tf, data, weights = call.tf, call.images(2), call.weights(1)
    kernel = tf.transpose(weights, (1, 2, 0, 3))
    strides = (call.option("strideH", 1), call.option("strideW", 1))
    size = (tf.shape(data)[0], *call.shape[1:])
    return _finished(call, tf.nn.conv2d_transpose(data, kernel, size, strides, _padding(call)), 3)


def fully_connected(call: Call) -> Sequence[Any]:
    tf, weights = call.tf, call.weights(1)
    rows = tf.reshape(call.values[0], (-1, call.tensor(1).shape[-1]))
    return _finished(call, tf.matmul(rows, weights, transpose_b=True), 2)


def batch_matmul(call: Call) -> Sequence[Any]:
    tf = call.tf
    left, right = call.values[0], call.values[1]
    missing = len(left.shape) - len(right.shape)
    left, right = _widened(tf, left, -missing), _widened(tf, right, missing)
    adjoint = {"transpose_a": bool(call.option("adjX", False)), "transpose_b": bool(call.option("adjY", False))}
    return [tf.matmul(left, right, **adjoint)]


def _widened(tf: Any, value: Any, missing: int) -> Any:
    for _ in range(missing):
        value = tf.expand_dims(value, 1)
    return value


def _pool(call: Call) -> tuple[tuple[int, int], tuple[int, int], str]:
    window = (call.option("filterHeight", 1), call.option("filterWidth", 1))
    return window, (call.option("strideH", 1), call.option("strideW", 1)), _padding(call)


def average_pool_2d(call: Call) -> Sequence[Any]:
    pooled = call.tf.nn.avg_pool2d(call.images(), *_pool(call))
    return [call.shaped(call.active(pooled), call.shape)]


def max_pool_2d(call: Call) -> Sequence[Any]:
    pooled = call.tf.nn.max_pool2d(call.images(), *_pool(call))
    return [call.shaped(call.active(pooled), call.shape)]


def resize_bilinear(call: Call) -> Sequence[Any]:
    return _resized(call, call.tf.raw_ops.ResizeBilinear)


def resize_nearest(call: Call) -> Sequence[Any]:
    return _resized(call, call.tf.raw_ops.ResizeNearestNeighbor)


def _resized(call: Call, resize: Any) -> Sequence[Any]:
    corners, half = bool(call.option("alignCorners", False)), bool(call.option("halfPixelCenters", False))
    made = resize(images=call.images(), size=call.shape[1:3], align_corners=corners, half_pixel_centers=half)
    return [call.shaped(made, call.shape)]


LINEAR_ROWS: dict[str, Row] = {
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "TRANSPOSE_CONV": transpose_conv,
    "FULLY_CONNECTED": fully_connected,
    "BATCH_MATMUL": batch_matmul,
    "AVERAGE_POOL_2D": average_pool_2d,
    "MAX_POOL_2D": max_pool_2d,
    "RESIZE_BILINEAR": resize_bilinear,
    "RESIZE_NEAREST_NEIGHBOR": resize_nearest,
}
