"""How near a changed model's outputs are to the original's."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekit.compress.probe import Feed, Probe
from edgekit.graph.model import Model, Tensor

BEST_DB = 120.0
"""What equal outputs count as."""

_SQUASHED = ("SOFTMAX", "LOGISTIC")


def output_sqnr_db(original: Model, changed: Model, feeds: Iterable[Feed]) -> float:
    """Signal over error of all outputs together, in dB, `BEST_DB` at most.

    What a SOFTMAX or LOGISTIC makes is compared before it, where a model that is sure of itself (as any is on what it
    was trained on) does not hide its errors; of a SOFTMAX's inputs a common shift does not count.
    """
    mine, theirs = ends(original), ends(changed)
    first, second = Probe(original, [e.tensor for e in mine]), Probe(changed, [e.tensor for e in theirs])
    signal = error = 0.0
    for feed in feeds:
        for end, right, found in zip(mine, first.see(feed), second.see(feed), strict=True):
            reference = centred(end, right)
            signal += float(np.square(reference).sum())
            error += float(np.square(centred(end, found) - reference).sum())
    return decibels(signal, error)


def decibels(signal: float, error: float) -> float:
    """10 log10 of their ratio, at most `BEST_DB`."""
    if error <= signal * 10 ** (-BEST_DB / 10):
        return BEST_DB
    return 10 * math.log10(max(signal, 1e-300) / error)


@dataclass(frozen=True, slots=True, eq=False)
class End:
    """What is compared for one output; `shift_free` where a common shift of it means nothing."""

    tensor: Tensor
    shift_free: bool


def ends(model: Model) -> list[End]:
    """What is compared of a model, in the order of its outputs."""
    makers = model.main.producers()
    found = []
    for tensor in model.main.outputs:
        op = makers.get(tensor)
        source = op.inputs[0] if op is not None and op.kind in _SQUASHED else None
        if op is not None and source is not None and source in makers:
            found.append(End(source, op.kind == "SOFTMAX"))
        elif op is not None:
            found.append(End(tensor, False))
    return found


def centred(end: End, values: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    """Values as they are compared."""
    numbers = values.astype(np.float64)
    return numbers - numbers.mean(axis=-1, keepdims=True) if end.shift_free else numbers
