"""From a goal to a plan: what is dead, what each group's channels are worth, how many go where, and the refit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import numpy as np

from edgekit.compress.prune.candidates import Candidate, Search
from edgekit.compress.prune.costs import Costs, Limits
from edgekit.compress.prune.coupling import Group, couple
from edgekit.compress.prune.dead import Dead, find_dead
from edgekit.compress.prune.importance import Importance
from edgekit.compress.prune.judge import Judge, Verdict
from edgekit.compress.prune.multiples import liked_multiple, multiple_for
from edgekit.compress.prune.notes import Notes
from edgekit.compress.prune.options import PruneOptions
from edgekit.compress.prune.pace import Pace, limits_for_latency, timed
from edgekit.compress.prune.plan import Bill, GroupCut, Judged, NewWeights, PrunePlan, decode, encode
from edgekit.compress.prune.readers import readings
from edgekit.compress.prune.remove import without_units
from edgekit.compress.prune.repair import Cut, repair
from edgekit.compress.prune.sampling import SampleSplit
from edgekit.compress.prune.trial import Gone, Trial
from edgekit.compress.quantize.prepare import with_unique_names
from edgekit.compress.step import Setting
from edgekit.core.errors import UsageError
from edgekit.graph.cost import activation_peak_bytes, model_macs, weight_bytes
from edgekit.graph.model import Model

JUDGED = 128
"""So many samples judge what is tried; they and their outputs are held in memory."""

FINALISTS = 2
"""So many candidates are refitted; what comes out closest to the original is taken."""


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
    notes: Notes


@dataclass(frozen=True, slots=True, eq=False)
class _Result:
    """A candidate, made: its model, and which of its layers were refitted."""

    candidate: Candidate
    model: Model
    refitted: tuple[str, ...]
    verdict: Verdict


def decide(model: Model, options: PruneOptions, setting: Setting) -> PrunePlan:
    """Raises UsageError where the goal is out of reach."""
    assert setting.samples is not None
    named = with_unique_names(model)
    groups = couple(named)
    free = tuple(g for g in groups if not g.pinned and not _is_excluded(g, options))
    samples = SampleSplit(setting.samples, options.samples)
    dead = find_dead(named, free, samples, setting.progress) if options.dead else Dead({}, named)
    case = _Case(named, options, setting, groups, free, samples, dead, Notes(setting.workspace))
    return _towards_goal(case) if options.has_goal else _without_dead(case)


def _without_dead(case: _Case, note: str = "") -> PrunePlan:
    """Only what does nothing goes."""
    return _plan(case, without_units(case.dead.folded, case.dead.gone), case.dead.gone, note=note)


def _towards_goal(case: _Case) -> PrunePlan:
    options, costs = case.options, Costs(case.model, case.groups)
    free_gone = {name: len(units) for name, units in case.dead.gone.items()}
    if options.latency is None and costs.excess(_limits(case), free_gone) <= 0:
        return _without_dead(case, "the goal is reached without loss: channels that do nothing were enough")
    trial = _trial(case)
    liked = liked_multiple(case.setting.target)
    multiples = {g.name: options.multiple or multiple_for(g.units, liked) for g in case.free}
    search = Search(trial, costs, multiples, case.notes, case.setting.progress)
    kinds = [i for i in Importance if i is not Importance.AUTO]
    kinds = kinds if options.importance is Importance.AUTO else [options.importance]
    rankings = [search.ranking(kind) for kind in kinds]
    limits, pace, feed = _limits(case), None, next(case.samples.all())
    if options.latency is not None:
        limits, pace = limits_for_latency(search, rankings[-1], limits, options.latency, feed)
        if pace.note:
            return _without_dead(case, pace.note)
    candidates = [c for ranking in rankings for c in search.candidates(ranking, limits)]
    if not candidates:
        raise UsageError(_unreachable(case, search.costs, search.least(rankings[-1])))
    candidates.sort(key=lambda c: c.error)
    results = [_made(case, trial, c) for c in candidates[: FINALISTS if options.refit else 1]]
    best = min(results, key=lambda r: r.verdict.error)
    if pace is not None:
        pace = timed(case.model, best.model, feed)
        if pace.note:
            return _without_dead(case, pace.note)
    others = [c for c in candidates if c is not best.candidate]
    tried = (Judged(best.candidate.by, best.verdict.error, best.verdict.agreement),
             *(Judged(c.by, c.error, c.agreement) for c in others))  # fmt: skip
    return _plan(case, best.model, best.candidate.gone, tried, best.refitted, pace)


def _trial(case: _Case) -> Trial:
    found = {g.name: r for g, r in readings(case.dead.folded, case.free, case.samples, case.setting.progress)}
    judge = Judge(case.model, case.samples.few(JUDGED))
    return Trial(case.dead.folded, case.free, found, case.dead.gone, judge)


def _made(case: _Case, trial: Trial, candidate: Candidate) -> _Result:
    """The candidate as a model, the layers behind its cuts refitted where that is asked for."""
    if not case.options.refit:
        model = without_units(case.dead.folded, candidate.gone)
        return _Result(candidate, model, (), trial.judge.verdict(model))
    model = without_units(trial.taken_over(candidate.gone), candidate.gone)

    def make() -> list[object]:
        done = repair(case.model, model, Cut(case.groups, candidate.gone), case.samples, case.setting.progress)
        new = _new_weights(without_units(case.model, candidate.gone), model)
        return [done, [[w.tensor, list(w.values.shape), encode(w.values)] for w in new]]

    done, rows = case.notes.get(f"refit {sorted((g, list(u)) for g, u in candidate.gone.items())}", make)
    tensors = {t.name: t for t in model.main.tensors}
    for name, shape, text in rows:
        tensors[name].set_data(decode(text, shape))
    return _Result(candidate, model, tuple(done), trial.judge.verdict(model))


def _limits(case: _Case) -> Limits:
    before, o = _bill(case.model), case.options
    return Limits(
        None if o.macs is None else int(before.macs * o.macs),
        None if o.size is None else int(before.weight_bytes * o.size),
        None if o.ram is None else int(before.ram_bytes * o.ram),
    )


def _unreachable(case: _Case, costs: Costs, gone: dict[str, int]) -> str:
    before = _bill(case.model)
    return (
        f"prune-channels cannot reach the goal: with the fewest channels {costs.macs(gone) / max(before.macs, 1):.0%} "
        f"of the multiply-accumulates, {costs.weight_bytes(gone) / max(before.weight_bytes, 1):.0%} of the weights "
        f"and {costs.ram_bytes(gone) / max(before.ram_bytes, 1):.0%} of the activations are left"
    )


def _plan(
    case: _Case,
    result: Model,
    gone: Gone,
    tried: tuple[Judged, ...] = (),
    refitted: tuple[str, ...] = (),
    pace: Pace | None = None,
    note: str = "",
) -> PrunePlan:
    kinds = {op.name: op.kind for op in case.model.main.ops}
    cuts = []
    for group in case.groups:
        units = tuple(sorted(gone.get(group.name, ())))
        dead = len(case.dead.gone.get(group.name, ()))
        why = group.pinned or ("it is excluded" if _is_excluded(group, case.options) else "")
        cuts.append(GroupCut(group.name, kinds.get(group.name, "channels"), group.units, units, dead, why))
    weights = _new_weights(without_units(case.model, gone), result)
    before, after = _bill(case.model), _bill(result)
    if pace is not None:
        before, after = replace(before, latency_us=pace.before_us), replace(after, latency_us=pace.after_us)
    return PrunePlan(case.options, tuple(cuts), weights, before, after, tried, refitted, note)


def _new_weights(plain: Model, result: Model) -> tuple[NewWeights, ...]:
    """The constants whose values are not those of the plain cut."""
    found = []
    for tensor, mine in zip(plain.main.tensors, result.main.tensors, strict=True):
        if mine.is_constant and mine.buffer.data != tensor.buffer.data and mine.data is not None:
            found.append(NewWeights(mine.name, np.asarray(mine.data, np.float32)))
    return tuple(found)


def _bill(model: Model) -> Bill:
    return Bill(model_macs(model), weight_bytes(model), activation_peak_bytes(model.main).bytes)


def _is_excluded(group: Group, options: PruneOptions) -> bool:
    makers = {group.name, *(p.op for p in group.parts if p.op)}
    return any(fnmatchcase(name, pattern) for name in makers for pattern in options.exclude)
