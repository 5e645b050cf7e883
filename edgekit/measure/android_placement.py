"""Which operators a delegate took on the phone and which fell back to the CPU's builtin kernels: always said.

Two witnesses. The log: `Replacing N out of M node(s) with delegate (…)` and what the tool says of a delegate that a
flag asked for. The profile: a node whose number is one of the model's own operators ran on a builtin kernel, because a
delegate's nodes are numbered after them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.measure.android_arguments import Engine
from edgekit.measure.android_log import Extent, Replaced, ToolLog
from edgekit.measure.android_profile import Place, Row
from edgekit.measure.measurement import OperatorTime, Placement, Profile
from edgekit.measure.options import Accelerator
from edgekit.runtime.litert import Kernels

_XNNPACK = "TfLiteXNNPackDelegate"
_NAMES = {_XNNPACK: "XNNPACK", "TfLiteGpuDelegateV2": "GPU", "TfLiteNnapiDelegate": "NNAPI"}
_FLAGS = {Accelerator.GPU: ("GPU",), Accelerator.NPU: ("EXTERNAL", "NNAPI", "STABLE_DELEGATE")}
_NOTE = "In a start of its own, with the tool's own profiler, which slows the run."


@dataclass(frozen=True, slots=True)
class ModelOp:
    """An operator of the model: what the model calls it, and its kind."""

    name: str
    kind: str


def place(log: ToolLog, rows: Sequence[Row], ops: Sequence[ModelOp], engine: Engine) -> Placement:
    """Where the operators ran. `rows` is empty where there is no profile: then the log alone tells."""
    wanted = _wanted(log, engine)
    others = [r for r in log.replaced if wanted is None or r.delegate != wanted.delegate]
    builtin = _on_builtin(rows, ops)
    fallback = tuple(_label(op) for op in builtin)
    notes = [_asked(log, engine, wanted)]
    if wanted is not None and engine.accelerator is not Accelerator.CPU:
        notes += [f"{_named(other.delegate)} took {other.taken} of the rest" for other in others]
    notes += [f"{r.kind}: {r.reason or 'not supported'}" for r in log.rejected[:8]]
    if rows:
        notes.append("seen in the profile and the log")
    elif wanted is not None:
        notes.append("from the log alone, which does not name the operators that fell back")
    taken = _taken(wanted, builtin if rows else None, others, len(ops), engine)
    delegate = "" if wanted is None else _named(wanted.delegate)
    return Placement(delegate, taken, len(ops), fallback, "; ".join(note for note in notes if note))


def profile(rows: Sequence[Row], ops: Sequence[ModelOp]) -> Profile:
    """Times by operator in the order of running; a delegate's kernels instead of its node where they are told."""
    inside = [row for row in rows if row.place is Place.INSIDE]
    found = []
    for row in rows:
        if row.place is not Place.MAIN:
            continue
        if row.index is not None and row.index < len(ops):
            op = ops[row.index]
            found.append(OperatorTime(op.name, op.kind, row.time_us, "builtin kernel"))
        elif row.index is not None and not inside:
            found.append(OperatorTime(row.name.strip("[]") or row.kind, row.kind, row.time_us, _named(row.kind)))
    delegates = [_named(r.kind) for r in rows if r.place is Place.MAIN and r.index is not None and r.index >= len(ops)]
    where = " and ".join(dict.fromkeys(delegates)) or "delegate"
    kernels = [OperatorTime(f"kernel {row.index}", _kernel(row), row.time_us, where) for row in inside]
    return Profile((*found, *kernels), _NOTE)


def _wanted(log: ToolLog, engine: Engine) -> Replaced | None:
    """The delegate that was asked for, as far as it took anything; None where it did not."""
    if engine.accelerator is Accelerator.CPU:
        mine = [r for r in log.replaced if r.delegate == _XNNPACK] if engine.kernels is Kernels.XNNPACK else []
    else:
        mine = [r for r in log.replaced if r.delegate != _XNNPACK] if _was_applied(log, engine) else []
    if not mine:
        return None
    # One line for each subgraph; the first is that of the main graph.
    return mine[0]


def _was_applied(log: ToolLog, engine: Engine) -> bool:
    """Whether the tool says that the delegate which the flag asked for runs anything.

    The runtime prints `Replacing …` before the delegate has proved that it can run: that line alone is no proof.
    """
    names = _FLAGS[engine.accelerator]
    return any(a.delegate in names and a.extent is not Extent.NONE for a in log.applied)


def _asked(log: ToolLog, engine: Engine, wanted: Replaced | None) -> str:
    if engine.accelerator is not Accelerator.CPU and wanted is None:
        rest = "; XNNPACK ran it" if any(r.delegate == _XNNPACK for r in log.replaced) else ""
        return f"the {engine.accelerator.value.upper()} was asked for and took nothing{rest}"
    if engine.kernels is not Kernels.XNNPACK:
        return "no delegate was asked for"
    return "XNNPACK was asked for and took nothing" if wanted is None else ""


def _on_builtin(rows: Sequence[Row], ops: Sequence[ModelOp]) -> list[ModelOp]:
    main = [row for row in rows if row.place is Place.MAIN and row.index is not None]
    return [ops[row.index] for row in main if row.index is not None and row.index < len(ops)]


def _taken(
    wanted: Replaced | None,
    builtin: Sequence[ModelOp] | None,
    others: Sequence[Replaced],
    total: int,
    engine: Engine,
) -> int | None:
    """How many operators the delegate took; None where the witnesses do not agree."""
    if wanted is None:
        return 0
    if builtin is None or engine.accelerator is not Accelerator.CPU or others:
        return wanted.taken if wanted.taken <= total else None
    left = total - len(builtin)
    return left if left == wanted.taken else None


def _kernel(row: Row) -> str:
    return row.name.removeprefix("Delegate/")


def _named(delegate: str) -> str:
    return _NAMES.get(delegate, delegate)


def _label(op: ModelOp) -> str:
    return f"{op.name} ({op.kind})" if op.name else op.kind
