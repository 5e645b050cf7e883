"""One pass over a model from front to back, with the tensors that are alive held for some samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.compress.calibrate import threads_for
from edgekit.graph.codec import write
from edgekit.graph.cost import model_macs
from edgekit.graph.cut import cut
from edgekit.graph.model import Graph, Model, Tensor
from edgekit.runtime.litert import LiteRT

Array = npt.NDArray[Any]
Held = dict[str, Array]


def frontier(graph: Graph, position: int) -> tuple[Tensor, ...]:
    """The tensors that are there before the operator at `position` and that it, or one behind it, reads."""
    there = dict.fromkeys(graph.inputs) | dict.fromkeys(t for op in graph.ops[:position] for t in op.outputs)
    read = {t for op in graph.ops[position:] for t in op.inputs}
    return tuple(t for t in there if t in read)


def reached(graph: Graph, position: int) -> tuple[Tensor, ...]:
    """The model's outputs that the operator at `position`, or one behind it, computes."""
    made = {t for op in graph.ops[position:] for t in op.outputs}
    return tuple(dict.fromkeys(t for t in graph.outputs if t in made))


def frontier_bytes(graph: Graph) -> int:
    """The most that a sample's live tensors take at any operator."""
    return max(sum(t.nbytes for t in frontier(graph, place)) for place in range(len(graph.ops)))


class Walk:
    """Where a pass stands, and what some samples hold there.

    Only the operators between two stops are run: a whole walk is one forward pass.
    """

    def __init__(self, model: Model, feeds: Iterable[Mapping[str, Array]]) -> None:
        self._model = model
        self.position = 0
        self.macs = 0
        ports = [(p.name, p.tensor.name) for p in model.inputs()]
        self.held: list[Held] = [{tensor: np.asarray(feed[name]) for name, tensor in ports} for feed in feeds]

    def advance(self, position: int) -> None:
        """Go on to the operator at `position`, which is not behind."""
        graph = self._model.main
        before, after = frontier(graph, self.position), frontier(graph, position)
        known = {t.name for t in before}
        new = [t for t in after if t not in before]
        if new:
            part = cut(self._model, before, new)
            made = Runner(part, self._stateful)
            self.macs += model_macs(part) * len(self.held)
            for held in self.held:
                held.update(made.run({name: held[name] for name in known}))
        wanted = {t.name for t in after}
        for held in self.held:
            for name in set(held) - wanted:
                del held[name]
        self.position = position

    @property
    def _stateful(self) -> bool:
        return any(t.is_variable for t in self._model.main.tensors)

    def rest(self) -> Model:
        """What lies between here and the outputs, as a model."""
        graph = self._model.main
        return cut(self._model, frontier(graph, self.position), reached(graph, self.position))


class Runner:
    """A part of a model, ready to run; samples are independent of one another."""

    def __init__(self, part: Model, stateful: bool) -> None:
        self._runtime = LiteRT(write(part), threads=threads_for(part))
        self._stateful = stateful

    def run(self, feed: Mapping[str, Array]) -> Held:
        """The outputs by their tensors' names."""
        if self._stateful:
            self._runtime.reset_variables()
        return self._runtime.run(feed)
