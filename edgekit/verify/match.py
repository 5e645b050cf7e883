"""Which tensor of one graph is which of another, after a converter or a step has been at work."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from edgekit.graph.model import Graph, Op, Tensor

_BOUNDARY = frozenset({"QUANTIZE", "DEQUANTIZE"})  # they change how values are stored, not what they are


class MatchedBy(enum.Enum):
    """How two tensors were found to belong together."""

    NAME = "name"
    ORDER = "order"


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """An operator's first output in both graphs."""

    op_a: Op
    op_b: Op
    by: MatchedBy

    @property
    def tensor_a(self) -> Tensor:
        """The tensor in the first graph."""
        return self.op_a.outputs[0]

    @property
    def tensor_b(self) -> Tensor:
        """The tensor in the second graph."""
        return self.op_b.outputs[0]


def computing_ops(graph: Graph) -> list[Op]:
    """The operators that compute, in order: all but those at the borders of quantized regions."""
    return [op for op in graph.ops if op.kind not in _BOUNDARY and op.outputs]


def match_ops(a: Graph, b: Graph) -> list[Match]:
    """Pairs of operators whose outputs mean the same, in the order of `a`.

    An equal tensor name with an equal shape is an anchor, as long as the anchors do not cross. Between two anchors
    the operators are aligned by kind, activation and shape, longest common runs first.
    """
    ops_a, ops_b = computing_ops(a), computing_ops(b)
    matches: list[Match] = []
    at_a = at_b = 0
    for i, j in (*_anchors(ops_a, ops_b), (len(ops_a), len(ops_b))):
        matches += _aligned(ops_a[at_a:i], ops_b[at_b:j])
        if i < len(ops_a):
            matches.append(Match(ops_a[i], ops_b[j], MatchedBy.NAME))
        at_a, at_b = i + 1, j + 1
    return matches


def _anchors(a: Sequence[Op], b: Sequence[Op]) -> Iterator[tuple[int, int]]:
    """Places of operators that share a name and a shape, rising in both."""
    places = {(op.outputs[0].name, op.outputs[0].shape): j for j, op in enumerate(b)}
    last = -1
    for i, op in enumerate(a):
        j = places.get((op.outputs[0].name, op.outputs[0].shape), -1)
        if j > last:
            last = j
            yield i, j


def _aligned(a: Sequence[Op], b: Sequence[Op]) -> list[Match]:
    """Pairs between two anchors."""
    matcher = SequenceMatcher(None, [_look(op) for op in a], [_look(op) for op in b], autojunk=False)
    blocks = matcher.get_matching_blocks()
    return [Match(a[m.a + k], b[m.b + k], MatchedBy.ORDER) for m in blocks for k in range(m.size)]


def _look(op: Op) -> tuple[str, object, tuple[int, ...]]:
    """What two operators must share to be taken for each other."""
    return op.kind, getattr(op.options, "fusedActivationFunction", 0), op.outputs[0].shape
