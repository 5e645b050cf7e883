"""The second moments of layers' inputs, in a changed model and in the original, while samples stream by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekit.compress.linear import positions, rows, to_matrix
from edgekit.compress.moments import Moments
from edgekit.compress.probe import Feed, Probe
from edgekit.core.errors import ModelError
from edgekit.graph.model import Model, Op, Tensor
from edgekit.graph.ops import activation_of, weights_of

POSITIONS = 256
"""Of one sample at most so many places of a layer's output are looked at, drawn at random."""

_SEED = 7


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """An operator of the changed model and the one of the original that it stands for."""

    changed: Op
    original: Op


def layer_moments(
    changed: Model, original: Model | None, layers: Sequence[Layer], feeds: Iterable[Feed]
) -> list[Moments]:
    """Moments of each layer's rows, in the order of `layers`.

    Args:
        changed, original: the models of the layers' operators; without an original the changed model's inputs count.
        feeds: samples, each run once by each model.
    """
    here = Probe(changed, _inputs([layer.changed for layer in layers]))
    there = Probe(original, _inputs([layer.original for layer in layers])) if original is not None else None
    found = [_empty(layer) for layer in layers]
    rng = np.random.default_rng(_SEED)
    for feed in feeds:
        mine, theirs = _seen(here, layers, feed), None
        if there is not None:
            theirs = dict(zip(_inputs([layer.original for layer in layers]), there.see(feed), strict=True))
        for layer, moments in zip(layers, found, strict=True):
            data = mine[_input(layer.changed)]
            keep = _kept(layer.changed, data.shape[0], rng)
            z = None if theirs is None else rows(layer.original, theirs[_input(layer.original)], keep)
            moments.add(rows(layer.changed, data, keep), z)
    return found


def _seen(probe: Probe, layers: Sequence[Layer], feed: Feed) -> dict[Tensor, npt.NDArray[np.generic]]:
    return dict(zip(_inputs([layer.changed for layer in layers]), probe.see(feed), strict=True))


def _kept(op: Op, batch: int, rng: np.random.Generator) -> npt.NDArray[np.intp] | None:
    count = positions(op, batch)
    return None if count <= POSITIONS else np.sort(rng.choice(count, POSITIONS, replace=False))


def _empty(layer: Layer) -> Moments:
    mine, theirs = _matrix_shape(layer.changed), _matrix_shape(layer.original)
    return Moments(mine[0], mine[1], theirs[1])


def _matrix_shape(op: Op) -> tuple[int, ...]:
    held = weights_of(op)
    values = held.data if held is not None else None
    if values is None:
        raise ModelError(f"Operator {op.label} '{op.name}' has no constant weights.")
    return to_matrix(op, values).shape


def _input(op: Op) -> Tensor:
    data = activation_of(op)
    assert data is not None  # `is_linear` says so
    return data


def _inputs(ops: Sequence[Op]) -> list[Tensor]:
    return list(dict.fromkeys(_input(op) for op in ops))
