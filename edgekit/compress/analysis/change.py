"""A part of a model in which one layer has fewer bits or fewer channels, simulated in float."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.compress.analysis.choice import Choice
from edgekit.compress.analysis.layers import Weighted, data_of
from edgekit.compress.quantize.edits import new_op, new_quantized
from edgekit.compress.quantize.islands import grid_of
from edgekit.compress.ranges import TensorRange
from edgekit.graph.model import Graph, Model, Op, Tensor
from edgekit.graph.ops import bias_of
from edgekit.graph.types import DType
from edgekit.runtime.affine import dequantize, quantize

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What is done to a layer: a choice, the ranges of its activations by tensor name, and its channels from the
    least important to the most."""

    choice: Choice
    ranges: dict[str, TensorRange]
    order: npt.NDArray[np.intp]
    count: int = 0


def changed(part: Model, layer: Weighted, change: Change) -> Model:
    """A clone of `part` with `change` done to `layer`, whose operators and tensors are found by name.

    Given   x ─ OP(w) ─ y
    Result  x ─ QUANTIZE ─ DEQUANTIZE ─ OP(w on its grid) ─ y' ─ QUANTIZE ─ DEQUANTIZE ─ y     fewer bits
            x ─ OP(w without channels) ─ y                                                     fewer channels
    """
    clone = part.clone()
    graph = clone.main
    names = {op.name for op in layer.ops}
    ops = [op for op in graph.ops if op.name in names]
    _set_weights(graph, layer, change)
    if change.choice.cut:
        _silence_biases(ops, change)
    if change.choice.activation_bits < 32:
        _put_on_grids(graph, ops, change)
    return clone


def on_grid(weights: Array, bits: int, axis: int | None) -> Floats:
    """Weights rounded to a symmetric grid that reaches their extremes, with a scale for each index of `axis`."""
    if bits == 16:
        limit = float(np.finfo(np.float16).max)
        return np.clip(weights, -limit, limit).astype(np.float16).astype(np.float32)
    most = 2 ** (bits - 1) - 1
    others = None if axis is None else tuple(a for a in range(weights.ndim) if a != axis)
    peak = np.abs(weights).max(axis=others)
    scale = np.where(peak > 0, peak, 1.0).astype(np.float64) / most
    place = axis or 0
    stored = quantize(weights, scale, 0, np.int8, axis=place, bits=bits)
    return dequantize(stored, scale, 0, axis=place)


def without(values: Array, axis: int, gone: npt.NDArray[np.intp]) -> Array:
    """A copy with zeros at the indices `gone` of `axis`."""
    result = values.copy()
    result[(slice(None),) * axis + (gone,)] = 0
    return result


def _set_weights(graph: Graph, layer: Weighted, change: Change) -> None:
    named = {t.name: t for t in graph.tensors}
    for original in layer.weights:
        tensor, values = named[original.name], original.data
        assert values is not None
        if change.choice.cut:
            assert layer.channel_axis is not None
            tensor.set_data(without(values, layer.channel_axis, change.order[: change.count]))
        else:
            tensor.set_data(on_grid(values, change.choice.weight_bits, layer.scale_axis))


def _silence_biases(ops: list[Op], change: Change) -> None:
    for op in ops:
        bias = bias_of(op)
        if bias is not None and bias.data is not None:
            bias.set_data(without(bias.data, bias.data.ndim - 1, change.order[: change.count]))


def _put_on_grids(graph: Graph, ops: list[Op], change: Change) -> None:
    for op in ops:
        source, result = data_of(op), op.outputs[0]
        if source is not None and (grid := _range(source, change)) is not None:
            rounded = _through_integers(graph, source, grid, change.choice.activation_type, graph.ops.index(op))
            op.inputs = [rounded if t is source else t for t in op.inputs]
        if (grid := _range(result, change)) is not None:
            inner = graph.add_tensor(Tensor(graph.unique_name(f"{result.name}/exact"), result.shape, DType.FLOAT32,
                                            shape_signature=result.shape_signature))  # fmt: skip
            op.outputs[0] = inner
            place = graph.ops.index(op) + 1
            _through_integers(graph, inner, grid, change.choice.activation_type, place, result)


def _range(tensor: Tensor, change: Change) -> TensorRange | None:
    """The calibrated range; at 16 bits the extremes, for nothing need be cut off there."""
    found = change.ranges.get(tensor.name)
    if found is None or tensor.is_constant or tensor.dtype is not DType.FLOAT32:
        return None
    if change.choice.activation_bits == 16:
        found = TensorRange(found.seen_min, found.seen_max, found.seen_min, found.seen_max)
    return found if found.max > found.min else None


def _through_integers(
    graph: Graph, source: Tensor, grid: TensorRange, dtype: DType, place: int, result: Tensor | None = None
) -> Tensor:
    """`source` rounded to a grid, by two operators at `place`; into `result`, or into a new tensor."""
    stored = new_quantized(graph.unique_name(f"{source.name}/stored"), source, dtype, grid_of(grid, dtype))
    back = result or Tensor(graph.unique_name(f"{source.name}/rounded"), source.shape, DType.FLOAT32,
                            shape_signature=source.shape_signature)  # fmt: skip
    graph.add_tensor(stored)
    graph.add_tensor(back)
    graph.ops[place:place] = [new_op("QUANTIZE", [source], [stored]), new_op("DEQUANTIZE", [stored], [back])]
    return back
