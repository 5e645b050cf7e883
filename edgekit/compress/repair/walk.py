"""A model that runs piece by piece over all samples: what lies before a place is computed once, and kept on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgekit.compress.probe import Feed
from edgekit.core.errors import DatasetError
from edgekit.graph.codec import write
from edgekit.graph.cut import cut
from edgekit.graph.model import Graph, Model, Tensor
from edgekit.runtime.affine import dequantize, quantize
from edgekit.runtime.litert import LiteRT

Array = npt.NDArray[np.generic]
Floats = npt.NDArray[np.float32]
Change = Callable[[Floats], Floats]

_MOST_VALUES = 1 << 14  # of an output that are compared, for each sample


class Walk:
    """Stands before one operator of the main graph, with the values of all tensors that are still needed there.

    The operators that are ahead may be changed while it stands; those behind have run. Memory holds one sample; the
    values of all samples lie in files of `folder`.

    Args:
        model: its tensors' names must differ.
        folder: where, made if it is not there.
        count: how many samples there will be, all of one shape.
    """

    def __init__(self, model: Model, folder: Path, count: int) -> None:
        self._model, self._folder, self.count = model, folder, count
        self._place = self._files = 0
        self._held: dict[Tensor, Array] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def begin(self, feeds: Iterable[Feed], names: list[str]) -> None:
        """Take the samples: `names` are the feeds' names of the model's inputs, in their order.

        Raises DatasetError where there are none; with fewer than expected, these are all.
        """
        seen = 0
        for sample, feed in enumerate(feeds):
            seen += 1
            for name, tensor in zip(names, self._model.main.inputs, strict=True):
                self._keep(tensor, sample, _stored(feed[name], tensor))
        if not seen:
            raise DatasetError("calibration has no samples", "give a dataset with at least one")
        self.count = seen

    def advance(self, place: int) -> None:
        """Run the operators up to the one at `place`, which does not run."""
        graph = self._model.main
        wanted = needed(graph, place)
        ahead = [t for t in wanted if t not in self._held]
        if ahead:
            self._run(ahead)
        for tensor in [t for t in self._held if t not in wanted]:
            del self._held[tensor]
        self._place = place

    def batches(self, tensor: Tensor, size: int) -> Iterator[npt.NDArray[np.float32]]:
        """The tensor's real values, `size` samples at a time: (samples * batch, …)."""
        held = self._held[tensor]
        for start in range(0, self.count, size):
            part = np.asarray(held[start : start + size])
            yield _real(part.reshape(-1, *part.shape[2:]), tensor)

    def outputs(
        self,
        runtime: LiteRT,
        sources: list[Tensor],
        wanted: list[Tensor],
        change: Mapping[Tensor, Change] | None = None,
    ) -> list[Floats]:
        """What another model gives that reads `sources` of this place: (samples, values) for each of `wanted`.

        Of maps of many values some are taken, evenly spread. `change` is what becomes of a source before it is read.
        """
        rows: list[list[Floats]] = [[] for _ in wanted]
        for sample in range(self.count):
            feed = {t: np.asarray(self._held[t][sample]) for t in sources}
            for tensor, changed in (change or {}).items():
                feed[tensor] = changed(feed[tensor].astype(np.float32))
            found = runtime.run({tensor.name: values for tensor, values in feed.items()})
            for row, tensor in zip(rows, wanted, strict=True):
                flat = _real(found[tensor.name].reshape(-1), tensor)
                row.append(flat[:: -(-flat.size // _MOST_VALUES)])
        return [np.stack(row) for row in rows]

    def _run(self, wanted: list[Tensor]) -> None:
        graph = self._model.main
        made = {t for op in graph.ops[: self._place] for t in op.outputs} | set(graph.inputs)
        read = {t for op in graph.ops[self._place :] for t in op.inputs if t in made}
        sources = [t for t in self._held if t in read]
        runtime = LiteRT(write(cut(self._model, sources, wanted)))
        stateful = any(t.is_variable for t in graph.tensors)
        for sample in range(self.count):
            if stateful:
                runtime.reset_variables()
            found = runtime.run({t.name: np.asarray(self._held[t][sample]) for t in sources})
            for tensor in wanted:
                self._keep(tensor, sample, found[tensor.name])

    def _keep(self, tensor: Tensor, sample: int, value: Array) -> None:
        if sample == 0:
            self._held[tensor] = self._file(value)
        self._held[tensor][sample] = value

    def _file(self, like: Array) -> Array:
        self._files += 1
        path = self._folder / f"{self._files}.npy"
        made: Array = np.lib.format.open_memmap(path, "w+", like.dtype, (self.count, *like.shape))
        path.unlink()  # the mapping keeps it until it is let go
        return made


def needed(graph: Graph, place: int) -> list[Tensor]:
    """The tensors that are there before the operator at `place`, and that it or a later one reads."""
    there = set(graph.inputs) | {t for op in graph.ops[:place] for t in op.outputs}
    ahead = dict.fromkeys(t for op in graph.ops[place:] for t in op.inputs if t is not None)
    return [t for t in ahead if t in there]


def held_bytes(graph: Graph, places: Iterable[int]) -> int:
    """The most bytes of one sample's values that are held at one of `places`."""
    return max((sum(t.nbytes for t in needed(graph, p)) for p in places), default=0)


def _stored(value: Array, tensor: Tensor) -> Array:
    grid = tensor.quantization
    array = np.asarray(value)
    if array.dtype.kind != "f" or tensor.dtype.numpy.kind == "f" or grid is None:
        return np.ascontiguousarray(array, tensor.dtype.numpy)
    return quantize(array, grid.scale, grid.zero_point, tensor.dtype.numpy)


def _real(stored: Array, tensor: Tensor) -> npt.NDArray[np.float32]:
    grid = tensor.quantization
    if grid is None or not grid.scale.size or stored.dtype.kind not in "iu":
        return stored.astype(np.float32)
    return dequantize(stored, grid.scale, grid.zero_point, axis=grid.axis)
