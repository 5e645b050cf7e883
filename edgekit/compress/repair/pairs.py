"""Which layers of a quantized graph can be repaired, and the float layer that each was made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgekit.compress.linear import LINEAR, groups_of, is_linear
from edgekit.compress.quantize.islands import INTEGER
from edgekit.compress.step import Change
from edgekit.graph.model import Graph, Op, Tensor
from edgekit.graph.ops import activation_of, bias_of, weights_of
from edgekit.graph.types import DType

MOST_TAPS = 4096
"""Inputs of one output: their second moments take 8 bytes times the square, twice, and several times that to solve."""

_WEIGHTS = (DType.INT8, DType.INT4)
_DATA = (DType.INT8, DType.INT16, DType.FLOAT32)


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A layer in both graphs, with its places in their order of operators.

    Attributes:
        beside: what the layer's output is added to, if that is computed before the layer.
        float_beside: the same in the float graph.
    """

    place: int
    op: Op
    float_place: int
    floating: Op
    beside: Tensor | None = None
    float_beside: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """The layers to repair in graph order, and those that are left with the reasons."""

    layers: tuple[Pair, ...]
    left: tuple[Change, ...]


def pair_layers(quantized: Graph, floating: Graph) -> Pairs:
    """Every operator with weights of `quantized`: paired, or left with a reason."""
    known = {op.name: place for place, op in enumerate(floating.ops)}
    readers = quantized.readers()
    layers: list[Pair] = []
    left: list[Change] = []
    for place, op in enumerate(quantized.ops):
        if op.kind not in LINEAR:
            continue
        other = _place_of(op.name, known)
        why = _why_not(op, readers) or _why_no_pair(op, None if other is None else floating.ops[other])
        if not why and layers and other is not None and other < layers[-1].float_place:
            why = "the float graph computes it in another order"
        if why or other is None:
            left.append(Change(op.name, op.kind, "left", why))
        else:
            layers.append(_paired(quantized, place, floating, other))
    return Pairs(tuple(layers), tuple(left))


def _paired(quantized: Graph, place: int, floating: Graph, other: int) -> Pair:
    beside, float_beside = _beside(quantized, place), _beside(floating, other)
    if beside is None or float_beside is None or beside.shape != float_beside.shape:
        beside = float_beside = None
    return Pair(place, quantized.ops[place], other, floating.ops[other], beside, float_beside)


def _beside(graph: Graph, place: int) -> Tensor | None:
    """The other summand, where the output goes into one ADD alone, unclipped, and the other one is there before it."""
    op = graph.ops[place]
    output, readers = op.outputs[0], graph.consumers(op.outputs[0])
    if len(readers) != 1 or readers[0].kind != "ADD" or output in graph.outputs or groups_of(op) > 1:
        return None
    others = [t for t in readers[0].inputs if t is not output]
    clipped = getattr(op.options, "fusedActivationFunction", 0) != 0
    if clipped or len(others) != 1 or others[0] is None or others[0].shape != output.shape:
        return None
    made = graph.producer(others[0])
    return others[0] if made is not None and graph.ops.index(made) < place else None


def _place_of(name: str, known: Mapping[str, int]) -> int | None:
    """The float operator behind a quantized one: its output has the same name, or one with something behind it."""
    names = (name, name.removesuffix(INTEGER), name.removesuffix("_quantized"))
    return next((known[n] for n in names if n in known), None)


def _why_not(op: Op, readers: Mapping[Tensor, list[Op]]) -> str:
    """Why the quantized operator cannot be repaired; empty if it can."""
    weights, data = weights_of(op), activation_of(op)
    if not is_linear(op) or weights is None or data is None:
        return "its weights are no constant"
    grid = weights.quantization
    if weights.dtype not in _WEIGHTS or grid is None or not grid.scale.size or data.dtype not in _DATA:
        return "its weights are no integers"
    if len(readers[weights]) > 1:
        return "another operator reads the same weights"
    if grid.details is not None or np.any(grid.zero_point):
        return "its weights' grid has other than one scale for each channel"
    return ""


def _why_no_pair(op: Op, floating: Op | None) -> str:
    weights = weights_of(op)
    if floating is None or floating.kind != op.kind or not is_linear(floating):
        return "the float model has no layer of that name"
    other = weights_of(floating)
    if weights is None or other is None or other.shape != weights.shape or other.dtype is not DType.FLOAT32:
        return "the float model's layer of that name has other weights"
    if weights.size // max(groups_of(op), 1) > 0 and taps_of(op) > MOST_TAPS:
        return f"each output has {taps_of(op)} inputs, more than the {MOST_TAPS} whose moments are held"
    return ""


def taps_of(op: Op) -> int:
    """How many inputs each output multiplies."""
    weights = weights_of(op)
    assert weights is not None
    return int(np.prod(weights.shape[1:3] if op.kind == "DEPTHWISE_CONV_2D" else weights.shape[1:]))


def has_bias(op: Op) -> bool:
    """Whether the layer can take up a mean difference."""
    return bias_of(op) is not None
