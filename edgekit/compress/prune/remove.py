"""Takes channels out of a model: the tensors that they sit in become smaller, and nothing else changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from edgekit.compress.prune.chosen import Kept, choose
from edgekit.compress.prune.operands import Axes, rewrite
from edgekit.compress.prune.shape_chains import restate
from edgekit.compress.prune.trace import Place, is_vector
from edgekit.graph.check import check
from edgekit.graph.model import Graph, Model, Op, Tensor


def without_units(model: Model, gone: Mapping[str, Sequence[int]]) -> Model:
    """A clone of the model without these units: constants cut, shapes and sizes in operands and options adjusted.

    Given   conv A 8 ─ a ─ conv B, and {"a": [2, 5]}
    Result  conv A 6 ─ a ─ conv B: rows 2 and 5 of A's weights and bias are gone, and those columns of B's weights

    Args:
        gone: unit numbers by the name of their group, as `couple` gives them.

    Names, order and shapes of inputs and outputs stay. Raises ModelError for a group that the model has not
    or that is pinned, for a unit that the group has not, and where nothing of a tensor would stay.
    """
    chosen = choose(model, gone)
    graph = chosen.model.main
    kept = _by_axis(chosen.kept)
    _give_each_its_own(graph, chosen.kept, kept)
    for tensor, axes in kept.items():
        for axis, mask in axes.items():
            shrink(tensor, axis, mask)
    for op in graph.ops:
        rewrite(graph, op, kept)
    restate(graph)
    graph.sweep()
    check(chosen.model)
    return chosen.model


def shrink(tensor: Tensor, axis: int, kept: Kept) -> None:
    """Leaves only what is kept along an axis: of the value and its scales, or of the shape alone."""
    signature = tensor.shape_signature
    grid = tensor.quantization
    data = tensor.data
    if data is not None:
        tensor.set_data(np.compress(kept, data, axis=axis))
    shape = list(tensor.shape)
    shape[axis] = int(kept.sum())
    tensor.shape = tuple(shape)
    if signature is not None:
        tensor.shape_signature = tuple(n if a != axis or n < 0 else shape[axis] for a, n in enumerate(signature))
    if grid is not None and grid.is_per_channel and grid.axis == axis:
        points = grid.zero_point if grid.zero_point.size < 2 else grid.zero_point[kept]
        low, high = (x if x is None or x.size < 2 else x[kept] for x in (grid.min, grid.max))
        tensor.quantization = replace(grid, scale=grid.scale[kept], zero_point=points, min=low, max=high)


def _by_axis(kept: Mapping[Place, Kept]) -> Axes:
    """What is left of each tensor; operators that share one matrix agree on it."""
    found: Axes = {}
    for place, mask in kept.items():
        found.setdefault(place.tensor, {})[place.axis] = mask
    return found


def _give_each_its_own(graph: Graph, places: Mapping[Place, Kept], kept: Axes) -> None:
    """A vector that several operators read is cut for each alone: its channels need not be the same ones.

    Given   v ─ A, v ─ B, to be cut for A
    Result  v' cut ─ A, v ─ B
    """
    readers = graph.readers()
    shared = {p.tensor for p in places if p.tensor.is_constant and is_vector(p.tensor) and len(readers[p.tensor]) > 1}
    for tensor in shared:
        kept.pop(tensor)
    for place, mask in places.items():
        if place.tensor in shared and place.op is not None:
            own = own_copy(graph, place.tensor, place.op)
            kept[own] = {place.axis: mask}


def own_copy(graph: Graph, tensor: Tensor, op: Op) -> Tensor:
    """Lets an operator read a copy of a tensor that others read too."""
    name = graph.unique_name(tensor.name)
    own = replace(tensor, name=name)
    op.inputs = [own if t is tensor else t for t in op.inputs]
    return graph.add_tensor(own)
