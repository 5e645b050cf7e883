"""Which operators of a model a target runs, runs slowly, or cannot run: `rulebook.py` applied."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.core.errors import UnsupportedError
from edgekit.core.units import format_bytes
from edgekit.graph.model import Model
from edgekit.graph.types import DType
from edgekit.targets.case import Case, Level, cases
from edgekit.targets.kernels import Types
from edgekit.targets.rulebook import RULES, rule_name
from edgekit.targets.target import Target

__all__ = ["RULES", "Finding", "Level", "Support", "Verdict", "check_support", "judge", "require_support", "supports"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of an operator: the worst broken rule, or none of them (`rule` is then empty)."""

    level: Level
    rule: str = ""
    message: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one operator of a model."""

    op_name: str
    kind: str
    level: Level
    rule: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Support:
    """A finding for each operator, in order, and notes on the model as a whole."""

    target: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    def at(self, level: Level) -> tuple[Finding, ...]:
        """The findings of one level."""
        return tuple(finding for finding in self.findings if finding.level is level)


def check_support(model: Model, target: Target) -> Support:
    """What `target` does with each operator of `model`."""
    findings = []
    for case in cases(model, target):
        verdict = judge(case)
        name = case.op.name if case.op is not None else ""
        label = case.custom_name or case.kind
        findings.append(Finding(name, label, verdict.level, verdict.rule, verdict.message, verdict.hint))
    return Support(target.name, tuple(findings), _notes(model, target))


def require_support(model: Model, target: Target) -> None:
    """Raises UnsupportedError for the first operator that `target` has no kernel for, with the rule and what helps."""
    cannot = check_support(model, target).at(Level.CANNOT)
    if not cannot:
        return
    first, more = cannot[0], len(cannot) - 1
    rest = f" (and {more} more)" if more else ""
    message = f"{target.name} cannot run operator {first.op_name!r}: {first.message}{rest} [rule: {first.rule}]"
    raise UnsupportedError(message, first.hint)


def supports(
    target: Target, kind: str, activation: DType, weights: DType | None = None, *, per_channel: bool | None = None
) -> Verdict:
    """What `target` would do with an operator that does not exist yet, so that a step can ask before it makes one.

    Args:
        kind: the built-in operator, such as `"CONV_2D"`.
        weights: the type of its weights; None for an operator without any.
        per_channel: whether the weights would have a scale for each channel; None leaves that out of the question.
    """
    types = Types(activation, weights if weights is not None else activation)
    return judge(Case(target, kind, types, per_channel=per_channel))


def judge(case: Case) -> Verdict:
    """The worst breach of all rules; of several equally bad ones the first in the order of `RULES`."""
    worst = Verdict(Level.RUNS)
    for rule in RULES:
        breach = rule(case)
        if breach is not None and breach.level.severity > worst.level.severity:
            worst = Verdict(breach.level, rule_name(rule), breach.message, breach.hint)
    return worst


def _notes(model: Model, target: Target) -> tuple[str, ...]:
    """Warnings on the whole model: what no choice of kernel can mend."""
    room, weights = target.weights_room_bytes, _constant_bytes(model)
    if room is None or weights <= room:
        return ()
    return (f"the weights alone take {format_bytes(weights)}, and {target.title} has {format_bytes(room)} of flash",)


def _constant_bytes(model: Model) -> int:
    buffers = {id(t.buffer): t.nbytes for graph in model.graphs for t in graph.tensors if t.is_constant}
    return sum(buffers.values())
