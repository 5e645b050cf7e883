"""The step "equalize": cross-layer equalization, which gives the channels between two layers like ranges.

One scale stands for all channels of an activation, so that channels much smaller than the largest drown in its steps.
Between two layers, through what scales with its input (ReLU, pooling, …), a channel may be divided by any s > 0 in the
first and multiplied by it in the second. Here s is a power of two, so that the float results keep every bit.

    Given   A(w, b) ─ relu ─ B(v)
    Result  A(w/s, b/s) ─ relu ─ B(v*s)

Source: Nagel et al., "Data-free quantization through weight equalization and bias correction" (2019), section 4.1.
Their absorption of high biases is left out: it changes the function at the borders of padded convolutions, and the bias
that the step repair fits does its work.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from edgekit.compress.finite import require_finite
from edgekit.compress.linear import groups_of, is_linear
from edgekit.compress.options import read_options
from edgekit.compress.probe import Probe
from edgekit.compress.quantize.prepare import with_unique_names
from edgekit.compress.step import Aim, Change, Setting
from edgekit.core.errors import ModelError, UsageError
from edgekit.core.progress import tracked
from edgekit.graph.check import check
from edgekit.graph.model import Graph, Model, Op, Tensor
from edgekit.graph.ops import activation_of, bias_of, spec_of, weights_of
from edgekit.graph.types import DType

Exponents = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SCALING = frozenset({"RELU", "LEAKY_RELU", "MAX_POOL_2D", "AVERAGE_POOL_2D", "RESHAPE", "SQUEEZE", "PAD", "MEAN"})
"""What gives s times its output for s times its input, channel by channel, where the channels are last."""
_MOST = 10  # the largest exponent: 2**10 beyond the median channel is a dead channel, not a small one
_NONE, _RELU = 0, 1  # ActivationFunctionType of the schema


class By(enum.Enum):
    """What a channel's range is taken from."""

    ACTIVATIONS = "activations"
    WEIGHTS = "weights"


@dataclass(frozen=True, slots=True)
class EqualizeOptions:
    """How channels are equalized."""

    by: Annotated[By, "ranges of the activations on the samples, or of the first layer's weights alone"] = (
        By.ACTIVATIONS
    )
    samples: Annotated[int, "how many samples to look at; 0 means all"] = 64

    def __post_init__(self) -> None:
        if self.samples < 0:
            raise ValueError(f"samples is {self.samples}, and must not be negative")


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """The channels between the layers `first` and `second` are divided by 2**exponents."""

    first: str
    second: str
    kind: str
    exponents: Exponents


@dataclass(frozen=True, slots=True, eq=False)
class EqualizePlan:
    """The scalings in graph order, and the layers that have none with the reasons."""

    scalings: tuple[Scaling, ...]
    left: tuple[Change, ...]
    predicted_bytes: int

    @property
    def changes(self) -> tuple[Change, ...]:
        """One for each layer with weights."""
        return tuple(Change(s.first, s.kind, _said(s)) for s in self.scalings) + self.left

    def explain(self) -> tuple[str, ...]:
        """What is done and why, a sentence a line."""
        first = f"channels of {len(self.scalings)} layers equalized, the float function is the same to the bit"
        return (first, *(f"{c.kind} {c.op} is left: {c.why}" for c in self.left))

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "scalings": [[s.first, s.second, s.kind, s.exponents.tolist()] for s in self.scalings],
            "left": [[c.op, c.kind, c.what, c.why] for c in self.left],
            "predicted_bytes": self.predicted_bytes,
        }

    @staticmethod
    def from_json(plain: Mapping[str, Any]) -> EqualizePlan:
        """What `to_json` wrote."""
        scalings = tuple(Scaling(f, s, k, np.asarray(e, np.int64)) for f, s, k, e in plain["scalings"])
        return EqualizePlan(scalings, tuple(Change(*row) for row in plain["left"]), int(plain["predicted_bytes"]))


@dataclass(frozen=True, slots=True)
class Equalize:
    """Channels of like ranges between layers, and the same float function. See `EqualizeOptions`."""

    name: str = "equalize"
    aim: Aim = Aim.PREPARES

    def options(self, mapping: Mapping[str, object]) -> EqualizeOptions:
        """Options from plain values. Raises UsageError."""
        return read_options(EqualizeOptions, mapping, "equalize")

    def default_options(self) -> EqualizeOptions:
        """By the activations of 64 samples."""
        return EqualizeOptions()

    def requires(self, model: Model, options: EqualizeOptions, setting: Setting) -> None:
        """Float layers of finite numbers, and samples to take activations' ranges from."""
        require_finite(model)
        if not any(_is_float_layer(op) for op in model.main.ops):
            raise ModelError("equalize: the model has no float layer with constant weights")
        if options.by is By.ACTIVATIONS and setting.samples is None:
            hint = "give --calibration, or set equalize.by=weights"
            raise UsageError("equalize by activations needs calibration samples, and there are none", hint)

    def plan(self, model: Model, options: EqualizeOptions, setting: Setting) -> EqualizePlan:
        """Find the pairs of layers and choose their powers of two."""
        self.requires(model, options, setting)
        work = with_unique_names(model)
        pairs, left = find_pairs(work.main)
        ranges = _ranges(work, [a.outputs[0] for a, _ in pairs], options, setting)
        scalings = tuple(_scaling(a, b, r) for (a, b), r in zip(pairs, ranges, strict=True))
        size = sum(t.nbytes for t in model.main.tensors if t.is_constant)
        return EqualizePlan(scalings, tuple(left), size)

    def apply(self, model: Model, plan: EqualizePlan) -> Model:
        """The clone with scaled weights. Raises ModelError where it lacks a layer that the plan names."""
        places = {op.name: n for n, op in enumerate(with_unique_names(model).main.ops)}
        clone = model.clone()
        for scaling in plan.scalings:
            if scaling.first not in places or scaling.second not in places:
                raise ModelError(f"equalize: the model has no layers {scaling.first} and {scaling.second}")
            first, second = (clone.main.ops[places[n]] for n in (scaling.first, scaling.second))
            _divide_outputs(first, scaling.exponents)
            _multiply_inputs(second, scaling.exponents)
        check(clone)
        return clone

    def read_plan(self, plain: Mapping[str, object]) -> EqualizePlan:
        """The plan that `plain` stands for."""
        return EqualizePlan.from_json(plain)


EQUALIZE = Equalize()


def find_pairs(graph: Graph) -> tuple[list[tuple[Op, Op]], list[Change]]:
    """Layers with the one layer that reads all they give, and those that have none with the reasons."""
    readers = graph.readers()
    pairs, left = [], []
    for op in graph.ops:
        if not _is_float_layer(op):
            continue
        found = _follow(graph, op, readers)
        if isinstance(found, str):
            left.append(Change(op.name, op.kind, "left", found))
        else:
            pairs.append((op, found))
    return pairs, left


def _follow(graph: Graph, first: Op, readers: Mapping[Tensor, list[Op]]) -> Op | str:
    """The layer behind `first`, or why its channels cannot be scaled."""
    channels = first.outputs[0].shape[-1]
    if any(len(readers[t]) > 1 for t in (weights_of(first), bias_of(first)) if t is not None):
        return "another operator reads the same weights"
    op, tensor = first, first.outputs[0]
    while True:
        why = _why_not_scaling(op)
        if why:
            return why
        if tensor in graph.outputs:
            return "its output is the model's"
        behind = readers.get(tensor, [])
        if len(behind) != 1:
            return f"{len(behind)} operators read its output"
        op = behind[0]
        if _is_float_layer(op) and activation_of(op) is tensor:
            return op if _takes(op, channels, readers) else f"{op.kind} {op.name} does not take its channels one by one"
        if op.kind not in SCALING or not _keeps_channels(op, channels):
            return f"{op.kind} {op.name} does not scale with its input"
        tensor = op.outputs[0]


def _why_not_scaling(op: Op) -> str:
    fused = getattr(op.options, "fusedActivationFunction", _NONE) or _NONE
    if fused in (_NONE, _RELU):
        return ""
    return "it is clipped at a fixed value (ReLU6 or the like), which would have to be scaled for each channel"


def _keeps_channels(op: Op, channels: int) -> bool:
    """Whether the last axis still counts the channels, or ends in them where positions were laid side by side."""
    last, source = op.outputs[0].shape[-1:], op.inputs[0]
    if op.kind in ("RESHAPE", "SQUEEZE"):
        flat = op.outputs[0].size == last[0] if last else False
        return bool(last) and (last[0] == channels or flat)
    if op.kind == "MEAN":
        axes = op.inputs[1].data if op.inputs[1] is not None else None
        rank = len(source.shape) if source is not None else 0
        return axes is not None and all(int(a) % rank != rank - 1 for a in np.atleast_1d(axes))
    if op.kind == "PAD":
        pads = op.inputs[1].data if op.inputs[1] is not None else None
        return pads is not None and not np.any(pads[-1])
    return last == (channels,) or bool(last and last[0] % channels == 0)


def _takes(op: Op, channels: int, readers: Mapping[Tensor, list[Op]]) -> bool:
    weights = weights_of(op)
    if weights is None or len(readers[weights]) > 1:
        return False
    if op.kind == "DEPTHWISE_CONV_2D":
        return weights.shape[-1] % channels == 0 and groups_of(op) == channels
    if op.kind == "FULLY_CONNECTED":
        return weights.shape[-1] % channels == 0
    return weights.shape[-1] == channels  # a grouped convolution's weights have fewer


def _is_float_layer(op: Op) -> bool:
    weights, bias = weights_of(op), bias_of(op)
    plain = is_linear(op) and weights is not None and weights.dtype is DType.FLOAT32 and weights.data is not None
    return plain and (bias is None or bias.dtype is DType.FLOAT32)


def _ranges(model: Model, tensors: list[Tensor], options: EqualizeOptions, setting: Setting) -> list[Floats]:
    """The largest absolute value of each channel of each tensor; from the weights where they are to say."""
    if options.by is By.WEIGHTS or setting.samples is None:
        makers = model.main.producers()
        return [_output_ranges(makers[t]) for t in tensors]
    found: list[Floats] = [np.zeros(t.shape[-1]) for t in tensors]
    if not tensors:
        return found
    probe = Probe(model, tensors)
    count = min(options.samples or setting.samples.count, setting.samples.count)
    for feed in tracked(setting.samples.feeds(count), "ranges of channels", count, setting.progress):
        for place, values in enumerate(probe.see(feed)):
            reach = np.abs(values).reshape(-1, values.shape[-1]).max(axis=0)
            found[place] = np.maximum(found[place], reach)
    return found


def _output_ranges(op: Op) -> Floats:
    weights = _data(op)
    axis = spec_of(op).channel_axis or 0
    return np.asarray(np.abs(weights).max(axis=tuple(a for a in range(weights.ndim) if a != axis)), np.float64)


def _input_ranges(op: Op, channels: int) -> Floats:
    """The largest absolute weight on each of the channels that come in."""
    largest = np.abs(_data(op)).reshape(-1, _data(op).shape[-1]).max(axis=0)
    if op.kind == "DEPTHWISE_CONV_2D":
        return np.asarray(largest.reshape(channels, -1).max(axis=1), np.float64)
    return np.asarray(largest.reshape(-1, channels).max(axis=0), np.float64)


def _scaling(first: Op, second: Op, ranges: Floats) -> Scaling:
    """Powers of two that make the channel's range alike; between it and the next weights the difference is shared.

    A depthwise convolution has a scale for each channel, so that its weights cost nothing and it takes all of it.
    """
    behind = _input_ranges(second, ranges.size)
    alive = (ranges > 0) & (behind > 0)
    exponents: Exponents = np.zeros(ranges.size, np.int64)
    if alive.any():
        wide = np.log2(ranges[alive])
        shared = wide if second.kind == "DEPTHWISE_CONV_2D" else (wide - np.log2(behind[alive])) / 2
        exponents[alive] = np.clip(np.rint(shared - np.median(shared)), -_MOST, _MOST).astype(np.int64)
    return Scaling(first.name, second.name, first.kind, exponents)


def _divide_outputs(op: Op, exponents: Exponents) -> None:
    weights, bias = weights_of(op), bias_of(op)
    shape = [1] * _data(op).ndim
    shape[spec_of(op).channel_axis or 0] = exponents.size
    if weights is not None:
        weights.set_data(np.ldexp(_data(op), -exponents.reshape(shape)).astype(np.float32))
    if bias is not None and bias.data is not None:
        bias.set_data(np.ldexp(bias.data, -exponents).astype(np.float32))


def _multiply_inputs(op: Op, exponents: Exponents) -> None:
    weights = weights_of(op)
    assert weights is not None
    last = weights.shape[-1]
    if op.kind == "DEPTHWISE_CONV_2D":
        each = np.repeat(exponents, last // exponents.size)
    else:
        each = np.tile(exponents, last // exponents.size)
    weights.set_data(np.ldexp(_data(op), each).astype(np.float32))


def _data(op: Op) -> npt.NDArray[np.float32]:
    weights = weights_of(op)
    assert weights is not None and weights.data is not None
    return np.asarray(weights.data, np.float32)


def _said(scaling: Scaling) -> str:
    moved = int(np.count_nonzero(scaling.exponents))
    return f"{moved} of {scaling.exponents.size} channels scaled by powers of two, undone in {scaling.second}"
