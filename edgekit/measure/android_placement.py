"""Which operators a delegate took on the phone and which fell back to the CPU's builtin kernels: always said.

Two witnesses. The log: `Replacing N out of M node(s) with delegate (…)` and what the tool says of a delegate that a
flag asked for. The profile: a node whose number is one of the model's own operators ran on a builtin kernel, because a
delegate's nodes are numbered after them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.measure.android_arguments import Engine
from edgekit.measure.android_log import Extent, ToolLog
from edgekit.measure.android_profile import Place, Row
from edgekit.measure.measurement import OperatorTime, Placement, Profile
from edgekit.measure.options import Accelerator
from edgekit.runtime.litert import Kernels

_XNNPACK = "TfLiteXNNPackDelegate"
_NAMES = {_XNNPACK: "XNNPACK", "TfLiteGpuDelegateV2": "GPU", "TfLiteNnapiDelegate": "NNAPI"}
_FLAGS = {
    Accelerator.CPU: ("XNNPACK",),
    Accelerator.GPU: ("GPU",),
    Accelerator.NPU: ("EXTERNAL", "NNAPI", "STABLE_DELEGATE"),
}
_NOTE = "In a start of its own, with the tool's own profiler, which slows the run."


@dataclass(frozen=True, slots=True)
class ModelOp:
    """An operator of the model: what the model calls it, and its kind."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class _Word:
    """What the log says of the delegate that was asked for: nothing ran on it where `delegate` is empty.

    `taken` is None where the log does not say how many operators it took.
    """

    delegate: str
    taken: int | None
    note: str = ""


def place(log: ToolLog, rows: Sequence[Row], ops: Sequence[ModelOp], engine: Engine) -> Placement:
    """Where the operators ran. `rows` is empty where there is no profile: then the log alone tells."""
    word = _word(log, engine, len(ops))
    builtin = _on_builtin(rows, ops)
    notes = [word.note]
    if engine.accelerator is not Accelerator.CPU:
        others = [r for r in log.replaced if r.delegate == _XNNPACK]
        notes += [f"XNNPACK took {r.taken} operators on the CPU" for r in others]
    notes += [f"{r.kind}: {r.reason or 'not supported'}" for r in log.rejected[:8]]
    if rows:
        notes.append("seen in the profile and the log")
    elif word.delegate:
        notes.append("from the log alone, which does not name the operators that fell back")
    taken = _taken(word, len(ops) - len(builtin) if rows else None, engine)
    fallback = tuple(f"{op.name} ({op.kind})" if op.name else op.kind for op in builtin)
    return Placement(word.delegate, taken, len(ops), fallback, "; ".join(note for note in notes if note))


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


def _word(log: ToolLog, engine: Engine, total: int) -> _Word:
    """What the tool says, and what the runtime says, of the delegate that was asked for.

    The runtime prints `Replacing …` before a delegate has proved that it can run: without the tool's own word, which
    comes after that, it is no proof.
    """
    asked = engine.accelerator.value.upper() if engine.accelerator is not Accelerator.CPU else "XNNPACK"
    nothing = f"{'' if asked == 'XNNPACK' else 'the '}{asked} was asked for and took nothing"
    if engine.accelerator is Accelerator.CPU and engine.kernels is not Kernels.XNNPACK:
        return _Word("", 0, "no delegate was asked for")
    said = next((a for a in log.applied if a.delegate in _FLAGS[engine.accelerator]), None)
    replaced = next((r for r in log.replaced if (r.delegate == _XNNPACK) == (asked == "XNNPACK")), None)
    if (said is None and replaced is None) or (said is not None and said.extent is Extent.NONE):
        rest = any(r.delegate == _XNNPACK for r in log.replaced) and asked != "XNNPACK"
        return _Word("", 0, f"{nothing}; XNNPACK ran it" if rest else nothing)
    name = asked if replaced is None else _named(replaced.delegate)
    if said is None and asked != "XNNPACK":
        return _Word(name, None, f"the tool does not say that the {asked} ran what it was given")
    if said is not None and said.extent is Extent.COMPLETE:
        return _Word(name, total)
    return _Word(name, replaced.taken if replaced is not None else None)


def _on_builtin(rows: Sequence[Row], ops: Sequence[ModelOp]) -> list[ModelOp]:
    main = [row for row in rows if row.place is Place.MAIN and row.index is not None]
    return [ops[row.index] for row in main if row.index is not None and row.index < len(ops)]


def _taken(word: _Word, profiled: int | None, engine: Engine) -> int | None:
    """How many operators the delegate took; None where the witnesses do not agree or neither tells.

    On a CPU the profile counts what is not XNNPACK's; beside a GPU it counts XNNPACK's too, and is no witness.
    """
    if not word.delegate or engine.accelerator is not Accelerator.CPU or profiled is None:
        return word.taken
    return profiled if word.taken in (None, profiled) else None


def _kernel(row: Row) -> str:
    return row.name.removeprefix("Delegate/")


def _named(delegate: str) -> str:
    return _NAMES.get(delegate, delegate)
