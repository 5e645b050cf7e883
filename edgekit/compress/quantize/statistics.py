"""What the library is told of each tensor: our ranges, and bounds for weights whose own would break the arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from edgekit.compress.quantize.library import Statistics
from edgekit.compress.quantize.options import LOOKING
from edgekit.compress.quantize.plan import Assignment, Precision
from edgekit.compress.quantize.select import weights
from edgekit.compress.quantize.shifts import power_above, weight_scales, widen
from edgekit.compress.ranges import Ranges, TensorRange
from edgekit.compress.watching import INPUT_SCALE, SAME_VALUES, data_input
from edgekit.graph.model import Graph, Op, Tensor
from edgekit.graph.ops import spec_of
from edgekit.graph.types import DType

_BIAS_MAX = 2.0**30  # a bias in int32, with as much room again for the sum of products
_LEAST_SHARE = 2.0**-20  # of the largest channel's scale: below it a channel's weights are zero for all purposes
_UNKNOWN = TensorRange(0.0, 1.0, 0.0, 0.0)  # of a tensor that was zero in all samples


def gather(
    graph: Graph, original: Mapping[str, str], ranges: Ranges, plan: tuple[Assignment, ...], shifts: bool = False
) -> dict[str, Statistics]:
    """Statistics by the short names of `graph`'s tensors; `original` maps these to the names of `ranges` and `plan`.

    `shifts` gives constants scales that are powers of two, as `ranges` have them then.
    """
    found: dict[str, Statistics] = {}
    by_name = {a.op: a for a in plan}
    for tensor in graph.tensors:
        if known := ranges.by_tensor.get(original[tensor.name]):
            usable = known if known.max > known.min else _UNKNOWN
            found[tensor.name] = _bounds(usable.min, usable.max)
    for op in graph.ops:
        assignment = by_name.get(original[op.name]) if op.outputs else None
        if assignment is None:
            continue
        if assignment.precision.activation_bits < 32:
            _bound_weights(op, assignment, found, shifts)
            if shifts:
                _shift_constants(op, assignment, found)
        if assignment.algorithm in LOOKING:
            _tell_hessian(graph, op, ranges.hessians.get(original[_data(op).name]), found)
    return found


def hessian_inputs(graph: Graph, plan: tuple[Assignment, ...]) -> frozenset[str]:
    """The tensors whose X'X the plan's algorithms need."""
    wanted = {a.op for a in plan if a.algorithm in LOOKING}
    return frozenset(_data(op).name for op in graph.ops if op.name in wanted)


def _bounds(low: float, high: float) -> Statistics:
    return Statistics(np.asarray(low, np.float32), np.asarray(high, np.float32))


def _bound_weights(op: Op, assignment: Assignment, found: dict[str, Statistics], shifts: bool) -> None:
    """Raise the scales of channels so small that their bias would not fit, or that a kernel could not rescale; with
    `shifts`, make each a power of two.

    The library scales a dead channel by 1e-9/127; its bias, stored in steps of that times the input's scale, is then
    cut off at int32, and the channel's constant output is lost.
    """
    held, data = weights(op), _data(op)
    values = held.data if held is not None else None
    if held is None or values is None or held.name in found or op.kind == "BATCH_MATMUL":
        return
    axis = 3 if op.kind == "DEPTHWISE_CONV_2D" else 0
    others = tuple(a for a in range(values.ndim) if a != axis)
    most = 2 ** (assignment.precision.weight_bits - 1) - 1
    plain = np.abs(values).max(axis=others, keepdims=True).astype(np.float64) / most
    scale = weight_scales(values, axis, most) if shifts else plain
    floor = np.full_like(scale, scale.max() * _LEAST_SHARE)
    bias = _bias(op)
    if bias is not None and assignment.precision is not Precision.W8_A16 and data.name in found:
        step = (float(found[data.name].high) - float(found[data.name].low)) / 255
        floor = np.maximum(floor, np.abs(bias).reshape(scale.shape) / (step * _BIAS_MAX))
    if shifts or (scale < floor).any():
        bound = (np.maximum(scale, power_above(floor) if shifts else floor) * most).astype(np.float32)
        found[held.name] = Statistics(-bound, bound)


def _shift_constants(op: Op, assignment: Assignment, found: dict[str, Statistics]) -> None:
    """Powers of two for constants that an operator takes as it takes activations."""
    apart = (weights(op) if op.kind != "BATCH_MATMUL" else None, _bias_tensor(op))
    for tensor in op.inputs:
        if tensor is None or tensor.dtype is not DType.FLOAT32 or tensor in apart or tensor.name in found:
            continue
        values = tensor.data
        if values is not None:
            wide = TensorRange(min(float(values.min()), 0.0), max(float(values.max()), 0.0), 0.0, 0.0)
            covered = widen(wide, assignment.precision.activation_bits)
            found[tensor.name] = _bounds(covered.min, covered.max)


def _tell_hessian(graph: Graph, op: Op, hessian: npt.NDArray[np.float32] | None, found: dict[str, Statistics]) -> None:
    """Put X'X where the library looks for it.

    It copies a tensor's statistics over those of the outputs of operators that keep the scale (RESHAPE before
    FULLY_CONNECTED), so X'X has to stand at the first tensor of such a chain as well, or it is lost on the way.
    """
    if hessian is None:
        return
    for tensor in _upstream(graph, _data(op)):
        known = found.get(tensor.name)
        if known is not None:
            found[tensor.name] = Statistics(known.low, known.high, hessian)


def _upstream(graph: Graph, tensor: Tensor) -> Iterator[Tensor]:
    """A tensor, and those before it whose statistics the library copies along."""
    yield tensor
    maker = graph.producer(tensor)
    while maker is not None and maker.kind in SAME_VALUES | INPUT_SCALE:
        source = data_input(maker)
        if source is None:
            return
        yield source
        maker = graph.producer(source)


def _data(op: Op) -> Tensor:
    """The input that is multiplied with the weights."""
    tensor = op.inputs[2 if op.kind == "TRANSPOSE_CONV" else 0]
    assert tensor is not None
    return tensor


def _bias_tensor(op: Op) -> Tensor | None:
    place = 3 if op.kind == "TRANSPOSE_CONV" else 2
    return op.inputs[place] if spec_of(op).is_compute and len(op.inputs) > place else None


def _bias(op: Op) -> npt.NDArray[np.float32] | None:
    tensor = _bias_tensor(op)
    return tensor.data if tensor is not None and tensor.is_constant else None
