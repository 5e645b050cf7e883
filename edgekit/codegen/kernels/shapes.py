"""The shapes that operators compute: files state them too, and C that believed a false one would leave its tensors.

Runtimes compute them anew when they prepare a model (the `Prepare` functions of tensorflow/lite/kernels), C cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from edgekit.codegen.kernels.typed import axis_of, integers_of, source_of
from edgekit.codegen.kernels.window import Padding
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op, Tensor
from edgekit.graph.ops import bias_of, weights_of

Shape = tuple[int, ...]
_PADDINGS = frozenset(padding.value for padding in Padding)
_LARGEST = 1 << 15
"""Of windows, strides and dilations: C multiplies them by coordinates in 32 bits."""


def require_shapes(op: Op) -> None:
    """Raises ModelError where an output has not the shape that its operator computes from its inputs' shapes."""
    rule = _RULES.get(op.kind)
    if rule is None:
        return
    wanted = list(rule(op))
    if len(wanted) != len(op.outputs):
        raise ModelError(f"{op.label} '{op.name}' computes {len(wanted)} tensors and has {len(op.outputs)} outputs.")
    for tensor, shape in zip(op.outputs, wanted, strict=True):
        if _bare(tensor.shape) != _bare(shape) or (len(shape) == 4 != len(tensor.shape)):
            computed, stated = list(shape), list(tensor.shape)
            raise ModelError(f"{op.label} '{op.name}' computes {computed}, and its output '{tensor.name}' is {stated}.")


def _bare(shape: Shape) -> Shape:
    """Without ones in front, which change nothing in memory."""
    first = next((i for i, size in enumerate(shape) if size != 1), len(shape))
    return shape[first:]


def _refuse(op: Op, what: str) -> ModelError:
    return ModelError(f"{op.label} '{op.name}' has {what}.")


def _same(op: Op) -> Iterator[Shape]:
    yield source_of(op).shape


def _broadcast(op: Op) -> Iterator[Shape]:
    a, b = source_of(op, 0).shape, source_of(op, 1).shape
    try:
        yield np.broadcast_shapes(a, b)
    except ValueError as error:
        raise _refuse(op, f"operands of {list(a)} and {list(b)}, which do not fit each other") from error


def _same_size(op: Op) -> Iterator[Shape]:
    source, output = source_of(op), op.outputs[0]
    if source.dtype is not output.dtype:
        raise _refuse(op, f"an input of {source.dtype.label} and an output of {output.dtype.label}")
    yield output.shape if output.size == source.size else source.shape


def _moved_window(op: Op, kernel: Sequence[int], channels: int) -> Iterator[Shape]:
    source = _image(op, source_of(op))
    o = op.options
    strides = int(o.strideH), int(o.strideW)
    dilations = int(getattr(o, "dilationHFactor", 1)), int(getattr(o, "dilationWFactor", 1))
    numbers = (*kernel, *strides, *dilations)
    if min(numbers) < 1 or max(numbers) > _LARGEST or int(o.padding) not in _PADDINGS:
        raise _refuse(op, f"a window of {list(kernel)}, strides of {list(strides)} and dilations of {list(dilations)}")
    sizes = [
        -(-(size if int(o.padding) == Padding.SAME.value else size - (k - 1) * d) // s)
        for size, k, s, d in zip(source[1:3], kernel, strides, dilations, strict=True)
    ]
    yield (source[0], *sizes, channels)


def _image(op: Op, tensor: Tensor) -> Shape:
    if len(tensor.shape) != 4:
        raise _refuse(op, f"'{tensor.name}' of {len(tensor.shape)} axes instead of 4")
    return tensor.shape


def _pool(op: Op) -> Iterator[Shape]:
    kernel = int(op.options.filterHeight), int(op.options.filterWidth)
    yield from _moved_window(op, kernel, _image(op, source_of(op))[3])


def _weights(op: Op, rank: int, channel_axis: int) -> Shape:
    """Shape of the weights; a bias must have one element a channel."""
    weights, bias = weights_of(op), bias_of(op)
    if weights is None or len(weights.shape) != rank:
        raise _refuse(op, f"no weights of {rank} axes")
    channels = weights.shape[channel_axis]
    if bias is not None and bias.size != channels:
        raise _refuse(op, f"{channels} output channels and {bias.size} biases")
    return weights.shape


def _conv(op: Op) -> Iterator[Shape]:
    channels, height, width, depth = _weights(op, 4, 0)
    inputs = _image(op, source_of(op))[3]
    if inputs % depth or channels % (inputs // depth):
        raise _refuse(op, f"an input of {inputs} channels and weights for {depth}")
    yield from _moved_window(op, (height, width), channels)


def _depthwise(op: Op) -> Iterator[Shape]:
    _, height, width, channels = _weights(op, 4, 3)
    inputs = _image(op, source_of(op))[3]
    if channels % inputs:
        raise _refuse(op, f"an input of {inputs} channels and weights for {channels}")
    yield from _moved_window(op, (height, width), channels)


def _transpose_conv(op: Op) -> Iterator[Shape]:
    channels, height, width, depth = _weights(op, 4, 0)
    source, output = _image(op, source_of(op, 2)), tuple(integers_of(op, 0))
    o = op.options
    strides, same = (int(o.strideH), int(o.strideW)), int(o.padding) == Padding.SAME.value
    if (
        len(output) != 4
        or min(strides) < 1
        or max(strides) > _LARGEST
        or source[3] != depth
        or int(o.padding) not in _PADDINGS
    ):
        raise _refuse(op, f"an output of {list(output)}, weights for {depth} channels and strides of {list(strides)}")
    for axis, (kernel, stride) in enumerate(zip((height, width), strides, strict=True), 1):
        if -(-(output[axis] - (0 if same else kernel - 1)) // stride) != source[axis]:
            raise _refuse(op, f"an input of {list(source)}, which does not become {list(output)}")
    yield (source[0], *output[1:3], channels)


def _fully_connected(op: Op) -> Iterator[Shape]:
    channels, depth = _weights(op, 2, 0)
    source, output = source_of(op), op.outputs[0]
    if source.size % depth:
        raise _refuse(op, f"an input of {list(source.shape)} and weights for {depth}")
    is_right = output.shape[-1:] == (channels,) and output.size == source.size // depth * channels
    yield output.shape if is_right else (source.size // depth, channels)


def _matmul(op: Op) -> Iterator[Shape]:
    a, b = list(source_of(op, 0).shape), list(source_of(op, 1).shape)
    if min(len(a), len(b)) < 2:
        raise _refuse(op, "a matrix of one axis")
    for shape, is_swapped in ((a, op.options.adjX), (b, op.options.adjY)):
        shape[-2:] = shape[:-3:-1] if is_swapped else shape[-2:]
    if a[-1] != b[-2]:
        raise _refuse(op, f"matrices of {a[-2:]} and {b[-2:]}, which do not fit each other")
    yield (*np.broadcast_shapes(tuple(a[:-2]), tuple(b[:-2])), a[-2], b[-1])


def _concatenation(op: Op) -> Iterator[Shape]:
    shapes = [tensor.shape for tensor in op.inputs if tensor is not None]
    axis = axis_of(op, int(op.options.axis), len(shapes[0]))
    if len({(*shape[:axis], 0, *shape[axis + 1 :]) for shape in shapes}) != 1:
        raise _refuse(op, "inputs of different shapes beside its axis")
    yield (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])


def _split(op: Op) -> Iterator[Shape]:
    source, count = source_of(op, 1).shape, int(op.options.numSplits)
    axis = axis_of(op, integers_of(op, 0)[0], len(source))
    if count < 1 or source[axis] % count:
        raise _refuse(op, f"{count} parts of {source[axis]}")
    yield from [(*source[:axis], source[axis] // count, *source[axis + 1 :])] * count


def _pad(op: Op) -> Iterator[Shape]:
    source, amounts = source_of(op).shape, integers_of(op, 1)
    if len(amounts) != 2 * len(source) or min(amounts, default=0) < 0:
        raise _refuse(op, f"paddings of {amounts} for a tensor of {len(source)} axes")
    yield tuple(size + amounts[2 * i] + amounts[2 * i + 1] for i, size in enumerate(source))


def _transpose(op: Op) -> Iterator[Shape]:
    source, order = source_of(op).shape, integers_of(op, 1)
    axes = [axis_of(op, axis, len(source)) for axis in order]
    if sorted(axes) != list(range(len(source))):
        raise _refuse(op, f"an order of {order} for {len(source)} axes")
    yield tuple(source[axis] for axis in axes)


def _reduced(op: Op) -> Iterator[Shape]:
    source = source_of(op).shape
    gone = {axis_of(op, axis, len(source)) for axis in integers_of(op, 1)}
    kept = [1 if axis in gone else size for axis, size in enumerate(source)]
    keeps = bool(getattr(op.options, "keepDims", False))
    yield tuple(size for axis, size in enumerate(kept) if keeps or axis not in gone)


def _gathered(op: Op) -> Iterator[Shape]:
    source, places = source_of(op, 0).shape, source_of(op, 1).shape
    axis, batches = axis_of(op, int(getattr(op.options, "axis", 0)), len(source)), int(op.options.batchDims)
    if not 0 <= batches <= min(axis, len(places)) or source[:batches] != places[:batches]:
        raise _refuse(op, f"{batches} batch axes for tensors of {list(source)} and {list(places)}")
    yield (*source[:axis], *places[batches:], *source[axis + 1 :])


def _sliced(op: Op) -> Iterator[Shape]:
    source, begin, size = source_of(op).shape, integers_of(op, 1), integers_of(op, 2)
    if not len(source) == len(begin) == len(size):
        raise _refuse(op, f"a box from {begin} of {size} in a tensor of {len(source)} axes")
    shape = tuple(n - b if s == -1 else s for n, b, s in zip(source, begin, size, strict=True))
    if any(b < 0 or s < 0 or b + s > n for n, b, s in zip(source, begin, shape, strict=True)):
        raise _refuse(op, f"a box from {begin} of {size} that leaves its tensor of {list(source)}")
    yield shape


def _unpacked(op: Op) -> Iterator[Shape]:
    source = source_of(op).shape
    axis = axis_of(op, int(op.options.axis), len(source))
    if int(op.options.num) != source[axis]:
        raise _refuse(op, f"{int(op.options.num)} parts of {source[axis]}")
    yield from [(*source[:axis], *source[axis + 1 :])] * source[axis]


def _found(op: Op) -> Iterator[Shape]:
    source = source_of(op).shape
    axis = axis_of(op, integers_of(op, 1)[0], len(source))
    yield (*source[:axis], *source[axis + 1 :])


def _resized(op: Op) -> Iterator[Shape]:
    source, sizes = _image(op, source_of(op)), integers_of(op, 1)
    if len(sizes) != 2 or min(sizes) < 1:
        raise _refuse(op, f"the new size {sizes}")
    yield (source[0], *sizes, source[3])


def _svdf(op: Op) -> Iterator[Shape]:
    source, feature, time, state = (source_of(op, i).shape for i in (0, 1, 2, 4))
    rank = int(op.options.rank)
    if len(source) != 2 or len(feature) != 2 or len(time) != 2 or rank < 1 or feature[0] % rank:
        raise _refuse(op, f"weights of {list(feature)} and {list(time)} and rank {rank}")
    filters, (batch, inputs) = feature[0], source
    if feature[1] != inputs or time[0] != filters or state != (batch, filters * time[1]):
        raise _refuse(op, f"weights of {list(feature)} and {list(time)} and a state of {list(state)}")
    bias = op.inputs[3]
    if bias is not None and bias.size != filters // rank:
        raise _refuse(op, f"{filters // rank} units and {bias.size} biases")
    yield (batch, filters // rank)


_KINDS: dict[Callable[[Op], Iterator[Shape]], tuple[str, ...]] = {
    _same: (
        "ABS", "DEQUANTIZE", "ELU", "EXP", "GELU", "HARD_SWISH", "LEAKY_RELU", "LOG", "LOGICAL_NOT", "LOGISTIC", "NEG",
        "QUANTIZE", "RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1", "RSQRT", "SOFTMAX", "TANH",
    ),
    _broadcast: (
        "ADD", "DIV", "EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "LOGICAL_AND", "LOGICAL_OR", "MAXIMUM",
        "MINIMUM", "MUL", "NOT_EQUAL", "PRELU", "SQUARED_DIFFERENCE", "SUB",
    ),
    _same_size: ("EXPAND_DIMS", "RESHAPE", "SQUEEZE"),
    _pool: ("AVERAGE_POOL_2D", "MAX_POOL_2D"),
    _conv: ("CONV_2D",),
    _depthwise: ("DEPTHWISE_CONV_2D",),
    _transpose_conv: ("TRANSPOSE_CONV",),
    _fully_connected: ("FULLY_CONNECTED",),
    _matmul: ("BATCH_MATMUL",),
    _concatenation: ("CONCATENATION",),
    _split: ("SPLIT",),
    _pad: ("MIRROR_PAD", "PAD", "PADV2"),
    _transpose: ("TRANSPOSE",),
    _reduced: ("MEAN", "REDUCE_ALL", "REDUCE_ANY", "REDUCE_MAX", "REDUCE_MIN", "SUM"),
    _gathered: ("GATHER",),
    _sliced: ("SLICE",),
    _unpacked: ("UNPACK",),
    _found: ("ARG_MAX", "ARG_MIN"),
    _resized: ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"),
    _svdf: ("SVDF",),
}  # fmt: skip
_RULES = {kind: rule for rule, kinds in _KINDS.items() for kind in kinds}
