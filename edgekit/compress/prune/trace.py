"""Which channels sit where: for every axis of every tensor of a graph the numbers of its channels, and who reads them.

The channels of one operator are numbers from `Units`; operators that join channels unite their numbers. An axis that
has no numbers is fixed: a model's input, pixels, a batch.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekit.compress.prune.units import FIXED, Ids, Units
from edgekit.graph.model import Graph, Op, Tensor


class Role(enum.Enum):
    """What a tensor's axis has to do with the channels on it.

    PRODUCES: weights or bias, the axis that makes them. CONSUMES: the axis that reads them: of weights, or of an
    activation that is summed over them. CARRIES: they pass through: an activation, a constant that meets them.
    """

    PRODUCES = "produces"
    CONSUMES = "consumes"
    CARRIES = "carries"


@dataclass(frozen=True, slots=True)
class Place:
    """An axis of a tensor as one operator sees it (None: as everything does)."""

    tensor: Tensor
    axis: int
    role: Role
    op: Op | None


class Trace:
    """A graph, and what is known of its channels so far.

    Attributes:
        places: where channels sit: the numbers along each place's axis, in the order in which they were found.
    """

    def __init__(self, graph: Graph) -> None:
        self.units = Units()
        self.places: dict[Place, Ids] = {}
        self._axes: dict[Tensor, dict[int, Ids]] = {}
        self._sources = _unpacked(graph)
        self._readers = graph.readers()

    def axes(self, tensor: Tensor | None) -> dict[int, Ids]:
        """The numbers along each axis of an activation that has some."""
        known = self._axes.get(tensor, {}) if tensor is not None else {}
        return {axis: self.units.roots(ids) for axis, ids in known.items()}

    def is_constant(self, tensor: Tensor | None) -> bool:
        """It is a constant, or one that is stored as float16 and widened before it is read."""
        return tensor is not None and (tensor.is_constant or tensor in self._sources)

    def value(self, tensor: Tensor | None) -> npt.NDArray[np.generic] | None:
        """A constant's value, None for everything else."""
        return None if tensor is None or not tensor.is_constant else tensor.data

    def carry(self, tensor: Tensor, axis: int, ids: Ids) -> None:
        """An activation has these channels along an axis."""
        if not np.any(ids != FIXED) or tensor.shape[axis] < 2:
            return
        self._axes.setdefault(tensor, {})[axis] = ids
        self.places[Place(tensor, axis, Role.CARRIES, None)] = ids

    def use(self, op: Op, tensor: Tensor | None, axis: int, ids: Ids, role: Role) -> None:
        """An operator reads its tensor's axis as these channels; matrices that several share have one set."""
        if tensor is None or tensor.shape[axis] < 2:
            return
        source = self._sources.get(tensor)
        if source is not None:
            self.places[Place(tensor, axis, Role.CARRIES, None)] = ids
            tensor = source
        place = Place(tensor, axis, role, op)
        if place in self.places:
            self.units.unite(self.places[place], ids, "")
        for other, theirs in self.places.items():
            if other.tensor is tensor and other.axis == axis and tensor.is_constant and not is_vector(tensor):
                self.units.unite(theirs, ids, "")
        self.places[place] = ids

    def pin(self, tensor: Tensor | None, why: str, axis: int | None = None) -> None:
        """The channels on a tensor, or on one axis of it, stay."""
        for number, ids in self.axes(tensor).items():
            if axis is None or axis == number:
                self.units.pin(ids, why)

    def pin_inputs(self, op: Op, why: str, but: tuple[tuple[Tensor | None, int], ...] = ()) -> None:
        """Everything an operator reads stays, but for these axes."""
        for tensor in op.inputs:
            for axis in self.axes(tensor):
                if (tensor, axis) not in but:
                    self.pin(tensor, why, axis)

    def close(self, outputs: list[Tensor]) -> None:
        """Pins what reaches the outputs, and constants that an operator reads which took no note of their channels."""
        for tensor in outputs:
            self.pin(tensor, "it reaches the model's output")
        claimed = {(place.tensor, place.op) for place in self.places}
        for place, ids in self.places.items():
            if place.tensor.is_constant and not is_vector(place.tensor):
                for reader in self._readers[place.tensor]:
                    if (place.tensor, reader) not in claimed and place.tensor not in self._sources.values():
                        self.units.pin(ids, f"{reader.label} '{reader.name}' reads '{place.tensor.name}' too")


def is_vector(tensor: Tensor) -> bool:
    """At most one axis is longer than one: cheap, so that operators which share it can have one each."""
    return sum(size > 1 for size in tensor.shape) < 2


def _unpacked(graph: Graph) -> dict[Tensor, Tensor]:
    """Constants that DEQUANTIZE widens, by what it makes of them."""
    found = {}
    for op in graph.ops:
        source = op.inputs[0] if op.inputs else None
        if op.kind == "DEQUANTIZE" and source is not None and source.is_constant:
            found[op.outputs[0]] = source
    return found
