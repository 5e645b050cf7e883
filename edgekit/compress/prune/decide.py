"""From a goal to a plan: what is dead, what each group's channels are worth, how many go where, and the refit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from edgekit.compress.prune.allocation import Curve, allocate, even
from edgekit.compress.prune.costs import Costs, Limits
from edgekit.compress.prune.coupling import Group, couple
from edgekit.compress.prune.dead import Dead, find_dead
from edgekit.compress.prune.importance import Importance
from edgekit.compress.prune.judge import Judge
from edgekit.compress.prune.multiples import liked_multiple, multiple_for
from edgekit.compress.prune.options import PruneOptions
from edgekit.compress.prune.plan import Bill, GroupCut, Judged, NewWeights, PrunePlan
from edgekit.compress.prune.readers import readings
from edgekit.compress.prune.remove import without_units
from edgekit.compress.prune.repair import Cut, repair
from edgekit.compress.prune.sampling import SampleSplit
from edgekit.compress.prune.trial import Gone, Trial, curves, orders
from edgekit.compress.quantize.prepare import with_unique_names
from edgekit.compress.step import Setting
from edgekit.core.errors import UsageError
from edgekit.graph.cost import activation_peak_bytes, model_macs, weight_bytes
from edgekit.graph.model import Model

JUDGED = 64
"""So many held out samples judge; they and their outputs are held in memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A choice of units, how it was found, and how far the outputs are then from the original's."""

    by: str
    gone: Gone
    judged: Judged


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """A model with its groups, and what is known before anything is chosen."""

    model: Model
    options: PruneOptions
    setting: Setting
    groups: tuple[Group, ...]
    free: tuple[Group, ...]
    samples: SampleSplit
    dead: Dead


def decide(model: Model, options: PruneOptions, setting: Setting) -> PrunePlan:
    """Raises UsageError where the goal is out of reach."""
    assert setting.samples is not None
    named = with_unique_names(model)
    groups = couple(named)
    free = tuple(g for g in groups if not g.pinned and not _is_excluded(g, options))
    samples = SampleSplit(setting.samples, options.samples)
    dead = find_dead(named, free, samples, setting.progress) if options.dead else Dead({}, named)
    case = _Case(named, options, setting, groups, free, samples, dead)
    if not options.has_goal:
        return _plan(case, without_units(dead.folded, dead.gone), dead.gone, (), ())
    trial = _trial(case)
    tried = _candidates(case, trial)
    best = tried[0]
    result = without_units(trial.taken_over(best.gone) if options.refit else dead.folded, best.gone)
    refitted: tuple[str, ...] = ()
    if options.refit:
        refitted = repair(named, result, Cut(groups, best.gone), samples, setting.progress)
    verdict = trial.judge.verdict(result)
    judged = Judged(best.by, verdict.error, verdict.agreement)
    return _plan(case, result, best.gone, (judged, *(c.judged for c in tried[1:])), refitted)


def _trial(case: _Case) -> Trial:
    found = {g.name: r for g, r in readings(case.model, case.free, case.samples, case.setting.progress)}
    judge = Judge(case.model, case.samples.held_out(JUDGED))
    return Trial(case.dead.folded, case.free, found, case.dead.gone, judge)


def _candidates(case: _Case, trial: Trial) -> list[Candidate]:
    """Every way of choosing, the best first."""
    wanted = case.options.importance
    kinds = [i for i in Importance if i is not Importance.AUTO] if wanted is Importance.AUTO else [wanted]
    found = []
    costs = Costs(case.model, case.groups)
    for kind in kinds:
        order = orders(trial, kind, case.setting.progress)
        multiples = {g.name: _multiple(case, g) for g in case.free}
        curve = curves(trial, order, multiples, case.setting.progress)
        found += _allocated(case, trial, costs, kind, order, curve)
    return sorted(found, key=lambda c: c.judged.error)


def _allocated(
    case: _Case,
    trial: Trial,
    costs: Costs,
    kind: Importance,
    order: Mapping[str, Sequence[int]],
    curve: Mapping[str, Curve],
) -> list[Candidate]:
    limits = _limits(case)

    def excess(counts: Mapping[str, int]) -> float:
        return costs.excess(limits, counts)

    found = []
    for name, allocation in (("sensitivity", allocate(curve, excess)), ("even shares", even(curve, excess))):
        if allocation.excess > 0:
            raise UsageError(_unreachable(case, costs, allocation.gone))
        gone = {g: order[g][:count] for g, count in allocation.gone.items() if count}
        verdict = trial.judge.verdict(trial.outcome(gone))
        by = f"{kind.value}, {name}"
        found.append(Candidate(by, gone, Judged(by, verdict.error, verdict.agreement)))
    return found


def _limits(case: _Case) -> Limits:
    before, o = _bill(case.model), case.options
    return Limits(
        None if o.macs is None else int(before.macs * o.macs),
        None if o.size is None else int(before.weight_bytes * o.size),
        None if o.ram is None else int(before.ram_bytes * o.ram),
    )


def _unreachable(case: _Case, costs: Costs, gone: Mapping[str, int]) -> str:
    before = _bill(case.model)
    return (
        f"prune-channels cannot reach the goal: with the fewest channels {costs.macs(gone) / max(before.macs, 1):.0%} "
        f"of the multiply-accumulates, {costs.weight_bytes(gone) / before.weight_bytes:.0%} of the weights and "
        f"{costs.ram_bytes(gone) / before.ram_bytes:.0%} of the activations are left"
    )


def _plan(case: _Case, result: Model, gone: Gone, tried: tuple[Judged, ...], refitted: tuple[str, ...]) -> PrunePlan:
    kinds = {op.name: op.kind for op in case.model.main.ops}
    cuts = []
    for group in case.groups:
        units = tuple(sorted(gone.get(group.name, ())))
        dead = len(case.dead.gone.get(group.name, ()))
        why = group.pinned or ("it is excluded" if _is_excluded(group, case.options) else "")
        cuts.append(GroupCut(group.name, kinds.get(group.name, "channels"), group.units, units, dead, why))
    weights = _new_weights(without_units(case.model, gone) if gone else case.model, result)
    return PrunePlan(case.options, tuple(cuts), weights, _bill(case.model), _bill(result), tried, refitted)


def _new_weights(plain: Model, result: Model) -> tuple[NewWeights, ...]:
    """The constants whose values are not those of the plain cut."""
    found = []
    for tensor, mine in zip(plain.main.tensors, result.main.tensors, strict=True):
        if mine.is_constant and mine.buffer.data != tensor.buffer.data and mine.data is not None:
            found.append(NewWeights(mine.name, np.asarray(mine.data, np.float32)))
    return tuple(found)


def _bill(model: Model) -> Bill:
    return Bill(model_macs(model), weight_bytes(model), activation_peak_bytes(model.main).bytes)


def _multiple(case: _Case, group: Group) -> int:
    return case.options.multiple or multiple_for(group.units, liked_multiple(case.setting.target))


def _is_excluded(group: Group, options: PruneOptions) -> bool:
    makers = {group.name, *(p.op for p in group.parts if p.op)}
    return any(fnmatchcase(name, pattern) for name in makers for pattern in options.exclude)
