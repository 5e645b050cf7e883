"""Which channels sit where: for every axis of every tensor of a graph the numbers of its channels, and who reads them.

The channels of one operator are numbers from `Units`; operators that join channels unite their numbers. An axis that
has no numbers is fixed: a model's input, pixels, a batch.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekit.compress.prune.shape_chains import chains
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
        ambiguous: the operators behind which channels can be cut along one axis or another.
        turned: those of them for which the other axis is to be taken.
    """

    def __init__(self, graph: Graph, turned: frozenset[Op] = frozenset()) -> None:
        self.units = Units()
        self.turned = turned
        self.ambiguous: list[Op] = []
        self.places: dict[Place, Ids] = {}
        self._axes: dict[Tensor, dict[int, Ids]] = {}
        self._shared: dict[tuple[Tensor, int], Ids] = {}
        self._sources = _unpacked(graph)
        self._readers = graph.readers()
        self._chains = chains(graph)
        self._chained = {t for op in self._chains for t in op.outputs}

    def axes(self, tensor: Tensor | None) -> dict[int, Ids]:
        """The numbers along each axis of an activation that has some."""
        known = self._axes.get(tensor, {}) if tensor is not None else {}
        return {axis: self.units.roots(ids) for axis, ids in known.items()}

    def last(self, tensor: Tensor | None) -> Ids | None:
        """The numbers along an activation's last axis."""
        return None if tensor is None else self.axes(tensor).get(len(tensor.shape) - 1)

    def is_constant(self, tensor: Tensor | None) -> bool:
        """It is a constant, or one that is stored as float16 and widened before it is read."""
        return tensor is not None and (tensor.is_constant or tensor in self._sources)

    def is_known_shape(self, tensor: Tensor | None) -> bool:
        """It is a constant, or can be stated as one."""
        return self.is_constant(tensor) or tensor in self._chained

    def is_shape_only(self, op: Op) -> bool:
        """What it computes can be stated as a constant."""
        return op in self._chains

    def value(self, tensor: Tensor | None) -> npt.NDArray[np.generic] | None:
        """A constant's value, None for everything else."""
        return None if tensor is None or _odd(tensor) else tensor.data

    def carry(self, tensor: Tensor, axis: int, ids: Ids) -> None:
        """An activation has these channels along an axis. One alone stays: there are no empty tensors."""
        if tensor.shape[axis] < 2:
            return self.units.pin(ids, f"it is all of '{tensor.name}'")
        if not np.any(ids != FIXED):
            return None
        if tensor.shape_signature and tensor.shape_signature[axis] < 0:
            return self.units.pin(ids, f"the size of '{tensor.name}' is open")
        self._axes.setdefault(tensor, {})[axis] = ids
        self.places[Place(tensor, axis, Role.CARRIES, None)] = ids
        return None

    def use(self, op: Op, tensor: Tensor | None, axis: int, ids: Ids, role: Role) -> None:
        """An operator reads its tensor's axis as these channels; matrices that several share have one set."""
        if tensor is None or tensor.shape[axis] < 2:
            return
        source = self._sources.get(tensor)
        if source is not None:
            self.places[Place(tensor, axis, Role.CARRIES, None)] = ids
            tensor = source
        if _odd(tensor):
            self.units.pin(ids, f"'{tensor.name}' is stored in a way that cannot be cut")
        if source is not None or not (tensor.is_constant and is_vector(tensor)):
            self.units.unite(self._shared.setdefault((tensor, axis), ids), ids, "another operator needs its weights")
        place = Place(tensor, axis, role, op)
        self.units.unite(self.places.setdefault(place, ids), ids, "the same operator needs it")

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

    def leads_to(self, tensor: Tensor, kind: str, through: tuple[str, ...]) -> bool:
        """Whether an operator of a kind reads it, or what others of the kinds `through` make of it."""
        seen = [tensor]
        for one in seen:
            for op in self._readers.get(one, []):
                if op.kind == kind:
                    return True
                seen += [t for t in op.outputs if op.kind in through and t not in seen]
        return False

    def close(self, outputs: list[Tensor]) -> None:
        """Pins what reaches the outputs, and what an operator reads that took no note of its channels."""
        for tensor in outputs:
            self.pin(tensor, "it reaches the model's output")
        claimed = {(place.tensor, place.axis, place.op) for place in self.places}
        for (tensor, axis), ids in self._shared.items():
            if tensor.is_constant or tensor.is_variable:
                for reader in self._readers_of(tensor):
                    if (tensor, axis, reader) not in claimed:
                        self.units.pin(ids, f"{reader.label} '{reader.name}' reads '{tensor.name}' too")

    def _readers_of(self, tensor: Tensor) -> list[Op]:
        """What reads a constant, or the float32 that is made of it."""
        wide = [made for made, source in self._sources.items() if source is tensor]
        found = [op for one in (tensor, *wide) for op in self._readers.get(one, [])]
        return [op for op in found if not (op.kind == "DEQUANTIZE" and op.outputs[0] in wide)]


def is_vector(tensor: Tensor) -> bool:
    """At most one axis is longer than one: cheap, so that operators which share it can have one each."""
    return sum(size > 1 for size in tensor.shape) < 2


def _odd(tensor: Tensor) -> bool:
    """A constant whose value is not there as plain numbers with plain scales."""
    blocks = tensor.quantization is not None and tensor.quantization.details is not None
    return tensor.sparsity is not None or tensor.external_buffer is not None or blocks


def _unpacked(graph: Graph) -> dict[Tensor, Tensor]:
    """Constants that DEQUANTIZE widens, by what it makes of them."""
    found = {}
    for op in graph.ops:
        source = op.inputs[0] if op.inputs else None
        if op.kind == "DEQUANTIZE" and source is not None and source.is_constant:
            found[op.outputs[0]] = source
    return found
