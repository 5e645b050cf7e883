"""What rounding one layer's weights alone does to the float model's output: only what lies behind the layer runs."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgekit.compress.linear import groups_of, is_linear, positions, rows, to_matrix, to_weights
from edgekit.compress.moments import Moments
from edgekit.compress.repair.layer import rounding_ridge
from edgekit.compress.repair.pairs import MOST_TAPS, taps_of
from edgekit.compress.repair.rounding import Bounds, round_weights
from edgekit.compress.repair.walk import Walk, needed
from edgekit.compress.step import Setting
from edgekit.core.progress import tracked
from edgekit.graph.codec import write
from edgekit.graph.cut import cut
from edgekit.graph.model import Model, Op, Tensor
from edgekit.graph.ops import activation_of, bias_of, weights_of
from edgekit.graph.types import DType
from edgekit.runtime.litert import LiteRT

Floats = npt.NDArray[np.float32]

_ROWS = 1 << 15  # positions that a layer's moments rest on
_NORMALIZING = ("SOFTMAX", "LOGISTIC", "LOG_SOFTMAX")


@dataclass(frozen=True, slots=True, eq=False)
class Rounded:
    """Weights as real values, and the bias that gives the mean outputs back; None where the layer has none."""

    weights: Floats
    bias: Floats | None

    def put_into(self, op: Op) -> None:
        """Make them the operator's, each in a buffer of its own."""
        _weights(op).set_data(self.weights)
        bias = bias_of(op)
        if bias is not None and self.bias is not None:
            bias.set_data(self.bias)


@dataclass(frozen=True, slots=True, eq=False)
class Sensitivity:
    """One layer's.

    Attributes:
        op, kind: its name and operator. size: how many weights it has.
        errors: by bits, the mean squared error of the model's outputs over their variance (before a last softmax).
        rounded: by bits, the weights and the bias that gave it.
    """

    op: str
    kind: str
    size: int
    errors: Mapping[int, float]
    rounded: Mapping[int, Rounded]


def measurable(model: Model) -> tuple[Op, ...]:
    """The layers whose weights can be rounded by their inputs' moments."""
    found = (op for op in model.main.ops if is_linear(op) and taps_of(op) <= MOST_TAPS)
    return tuple(op for op in found if _weights(op).dtype is DType.FLOAT32)


def sensitivities(
    model: Model, layers: Sequence[Op], bits: Sequence[int], setting: Setting, count: int
) -> tuple[Sensitivity, ...]:
    """Of each of `layers`, operators of `model` in graph order, on `count` samples.

    Memory holds one sample and one layer's moments; the values between layers lie on disk. Tensor names must differ.
    """
    assert setting.samples is not None
    names = [port.name for port in model.inputs()]
    found = []
    with tempfile.TemporaryDirectory(prefix="sensitivity-") as folder:
        walk = Walk(model, Path(folder), count)
        walk.begin(setting.samples.feeds(count), names)
        wanted: list[Floats] | None = None
        for op in tracked(layers, "measuring layers", len(layers), setting.progress):
            walk.advance(model.main.ops.index(op))
            wanted = wanted or _outputs(model, op, walk, None)
            moments = _moments(op, walk)
            rounded = {n: _rounded(op, moments, n) for n in bits}
            errors = {n: relative_error(_outputs(model, op, walk, r), wanted) for n, r in rounded.items()}
            found.append(Sensitivity(op.name, op.kind, _weights(op).size, errors, rounded))
    return tuple(found)


def scores(model: Model) -> list[Tensor]:
    """The outputs, each before a softmax or sigmoid that makes it."""
    makers = model.main.producers()
    found = []
    for tensor in model.main.outputs:
        op = makers.get(tensor)
        source = op.inputs[0] if op is not None and op.kind in _NORMALIZING else None
        found.append(tensor if source is None or source.is_constant else source)
    return [t for t in dict.fromkeys(found) if t in makers and t.dtype is DType.FLOAT32]


def relative_error(found: Sequence[Floats], wanted: Sequence[Floats]) -> float:
    """Mean squared error over variance, the mean of all outputs; arrays are (samples, values)."""
    shares = [np.square(f - w).mean() / max(float(w.var()), 1e-30) for f, w in zip(found, wanted, strict=True)]
    return float(np.mean(shares)) if shares else 0.0


def _moments(op: Op, walk: Walk) -> Moments:
    data = activation_of(op)
    assert data is not None
    moments = Moments(groups_of(op), taps_of(op))
    each = max(32, _ROWS // walk.count)
    for x in walk.batches(data, 1):
        total = x[..., 0].size if op.kind == "FULLY_CONNECTED" else positions(op, x.shape[0])
        keep = None if total <= each else np.linspace(0, total - 1, each).astype(np.intp)
        moments.add(rows(op, x, keep))
    return moments


def _rounded(op: Op, moments: Moments, bits: int) -> Rounded:
    weights, bias = _weights(op).data, bias_of(op)
    assert weights is not None
    matrix = to_matrix(op, weights.astype(np.float64))
    most = 2 ** (bits - 1) - 1
    bounds = Bounds(most, np.full((matrix.shape[0], matrix.shape[2]), np.abs(matrix).max() / most * 2.0**-20 + 1e-12))
    real = round_weights(matrix, moments.damped(rounding_ridge(moments)), bounds, 1).real
    stored = np.asarray(to_weights(op, real), np.float32)
    if bias is None or bias.data is None:
        return Rounded(stored, None)
    fitted = moments.bias_for(real, matrix, bias.data.reshape(matrix.shape[0], matrix.shape[2]).astype(np.float64))
    return Rounded(stored, fitted.reshape(-1).astype(np.float32))


def _outputs(model: Model, op: Op, walk: Walk, rounded: Rounded | None) -> list[Floats]:
    """What the model gives on each sample, from the layer on, with these weights in it."""
    outputs = scores(model)
    sources = needed(model.main, model.main.ops.index(op))
    part = cut(model, sources, outputs)
    if rounded is not None:
        rounded.put_into(next(o for o in part.main.ops if o.name == op.name))
    return walk.outputs(LiteRT(write(part)), sources, outputs)


def _weights(op: Op) -> Tensor:
    tensor = weights_of(op)
    assert tensor is not None
    return tensor
