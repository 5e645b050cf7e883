"""Which tensors of the student are to become what which tensors of the teacher are. Pure but for the graphs."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from edgekit.core.errors import ModelError
from edgekit.graph.model import Graph, Model, Tensor

FEATURES = 4
"""At most so many inner tensors are compared, evenly spread over the depth."""

_HANDING_ON = ("DEQUANTIZE", "QUANTIZE", "RESHAPE", "SQUEEZE")
_FEATURE_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "TRANSPOSE_CONV", "RELU", "MEAN",
                  "AVERAGE_POOL_2D", "MAX_POOL_2D")  # fmt: skip


class Kind(enum.Enum):
    """How two tensors are compared: as scores before a softmax or a sigmoid, or by their squared difference."""

    CLASSES = "classes"
    CHANCES = "chances"
    VALUES = "values"


@dataclass(frozen=True, slots=True)
class Match:
    """A tensor of the student's main graph and one of the teacher's, by number."""

    student: int
    teacher: int
    kind: Kind


def outputs_of(student: Model, teacher: Model) -> tuple[Match, ...]:
    """A match for each output; the scores behind a final softmax or sigmoid stand for it.

    Raises ModelError where outputs differ in number or size.
    """
    mine, theirs = student.main.outputs, teacher.main.outputs
    if [t.size for t in mine] != [t.size for t in theirs]:
        raise ModelError("the model and the original have different outputs: one cannot learn from the other")
    return tuple(_output(student.main, a, teacher.main, b) for a, b in zip(mine, theirs, strict=True))


def _output(student: Graph, mine: Tensor, teacher: Graph, theirs: Tensor) -> Match:
    for kind, name in ((Kind.CLASSES, "SOFTMAX"), (Kind.CHANCES, "LOGISTIC")):
        scores = _behind(student, mine, name), _behind(teacher, theirs, name)
        if scores[0] is not None and scores[1] is not None:
            return Match(student.tensors.index(scores[0]), teacher.tensors.index(scores[1]), kind)
    return Match(student.tensors.index(mine), teacher.tensors.index(theirs), Kind.VALUES)


def _behind(graph: Graph, tensor: Tensor, kind: str) -> Tensor | None:
    """What goes into the `kind` whose result `tensor` is, perhaps in another form."""
    op = graph.producer(tensor)
    while op is not None and op.kind in _HANDING_ON and op.inputs[0] is not None:
        op = graph.producer(op.inputs[0])
    return op.inputs[0] if op is not None and op.kind == kind else None


def features_of(student: Model, teacher: Model, without: tuple[Match, ...]) -> tuple[Match, ...]:
    """Inner tensors that both have, by name, with one shape: at most `FEATURES`, the last of them always."""
    taken = {match.student for match in without}
    theirs = {t.name: n for n, t in enumerate(teacher.main.tensors) if not t.is_constant}
    makers = student.main.producers()
    found = []
    for number, tensor in enumerate(student.main.tensors):
        op, twin = makers.get(tensor), theirs.get(tensor.name)
        if op is None or twin is None or number in taken or op.kind not in _FEATURE_KINDS:
            continue
        if teacher.main.tensors[twin].shape == tensor.shape and tensor not in student.main.outputs:
            found.append(Match(number, twin, Kind.VALUES))
    order = {tensor: place for place, op in enumerate(student.main.ops) for tensor in op.outputs}
    found.sort(key=lambda match: order[student.main.tensors[match.student]])
    picked = range(len(found) - 1, -1, -max(1, -(-len(found) // FEATURES))) if found else ()
    return tuple(found[n] for n in sorted(picked))
