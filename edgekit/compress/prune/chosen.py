"""What a choice of units means for a clone of the model: the trace, and which positions of each place are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekit.compress.prune.coupling import Member, members, traced
from edgekit.compress.prune.trace import Place
from edgekit.compress.quantize.prepare import with_unique_names
from edgekit.core.errors import ModelError
from edgekit.graph.model import Model

Kept = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """A clone to be edited, and which positions of each place are kept; places that keep all are left out."""

    model: Model
    kept: dict[Place, Kept]


def choose(model: Model, gone: Mapping[str, Sequence[int]]) -> Chosen:
    """Raises ModelError for a group that is not there or is pinned, a unit that it has not, or a tensor left empty."""
    clone = with_unique_names(model).clone()
    trace = traced(clone.main)
    known = {member.group.name: member for member in members(trace)}
    roots: list[int] = []
    for name, numbers in gone.items():
        if name not in known:
            raise ModelError(f"The model has no group of channels '{name}'.")
        roots += _roots(known[name], numbers)
    kept = {place: ~np.isin(trace.units.roots(ids), roots) for place, ids in trace.places.items()}
    empty = next((place for place, mask in kept.items() if not mask.any()), None)
    if empty is not None:
        raise ModelError(f"Nothing would be left of tensor '{empty.tensor.name}' along axis {empty.axis}.")
    return Chosen(clone, {place: mask for place, mask in kept.items() if not mask.all()})


def _roots(member: Member, numbers: Sequence[int]) -> list[int]:
    group, wanted = member.group, sorted(set(numbers))
    if wanted and group.pinned:
        raise ModelError(f"Nothing of the channels '{group.name}' can go: {group.pinned}.")
    if wanted and not 0 <= wanted[0] <= wanted[-1] < group.units:
        raise ModelError(f"The channels '{group.name}' have the units 0 to {group.units - 1}, not {wanted}.")
    return [member.roots[n] for n in wanted]
