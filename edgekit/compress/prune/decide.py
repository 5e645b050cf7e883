"""From a goal to a plan: what is dead, what each group's channels are worth, how many go where, and the refit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import numpy as np

from edgekit.compress.linear import is_linear
from edgekit.compress.matrices import from_plain, to_plain
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
from edgekit.compress.prune.plan import Bill, GroupCut, Judged, NewWeights, PrunePlan
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
"""So many held out samples judge what is tried; they and their outputs are held in memory."""

TRIES = 4
"""So many changes of the best candidate are refitted too."""

REFIT_MACS = 2 * 10**11
"""About so many multiply-accumulates are spent on refitting candidates, by which fewer are tried of a large model."""


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


@dataclass(frozen=True, slots=True, eq=False)
class _Outcome:
    """What the plan has to bring about, and how it was found; `pace` where time was the goal."""

    model: Model
    gone: Gone
    tried: tuple[Judged, ...] = ()
    refitted: tuple[str, ...] = ()
    pace: Pace | None = None
    note: str = ""


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
    result = without_units(case.dead.folded, case.dead.gone)
    return _plan(case, _Outcome(result, case.dead.gone, note=note))


def _towards_goal(case: _Case) -> PrunePlan:
    options, costs = case.options, Costs(case.model, case.groups)
    free_gone = {name: len(units) for name, units in case.dead.gone.items()}
    if options.latency is None and costs.excess(_limits(case), free_gone) <= 0:
        return _without_dead(case, "channels that do nothing were enough for the goal")
    search = _search(case, costs)
    kinds = [i for i in Importance if i is not Importance.AUTO]
    kinds = kinds if options.importance is Importance.AUTO else [options.importance]
    rankings = [search.ranking(kind) for kind in kinds]
    limits, pace, note, feed = _limits(case), None, "", next(case.samples.all())
    if options.latency is not None:
        limits, pace = limits_for_latency(search, rankings[-1], limits, options.latency, feed)
        if pace.note:
            return _without_dead(case, pace.note)
    candidates = sorted((c for r in rankings for c in search.plain(r, limits)), key=lambda c: c.error)
    if not candidates:
        least = search.least(rankings[-1])
        bill = Bill(costs.macs(least), costs.weight_bytes(least), costs.ram_bytes(least))
        raise UsageError(_unreachable(case, bill))
    thorough = search.thorough(candidates[0].ranking, limits)
    best = _best(case, search, _distinct([*thorough, candidates[0]]), limits)
    candidates = sorted([*thorough, *candidates], key=lambda c: c.error)
    _require_reached(case, best.model)
    if pace is not None:
        pace = timed(case.model, best.model, feed)
        if pace.note:
            return _without_dead(case, pace.note)
        if options.latency is not None and pace.after_us > options.latency * pace.before_us:
            note = f"timed once more it takes {pace.after_us / pace.before_us:.0%}, not {options.latency:.0%}"
    others = [c for c in candidates if c is not best.candidate]
    tried = (Judged(best.candidate.by, best.verdict.error, best.verdict.agreement),
             *(Judged(c.by, c.error, c.agreement) for c in others))  # fmt: skip
    return _plan(case, _Outcome(best.model, best.candidate.gone, tried, best.refitted, pace, note))


def _search(case: _Case, costs: Costs) -> Search:
    liked = liked_multiple(case.setting.target)
    multiples = {g.name: case.options.multiple or multiple_for(g.units, liked) for g in case.free}
    return Search(_trial(case), costs, multiples, case.notes, case.setting.progress)


def _best(case: _Case, search: Search, candidates: list[Candidate], limits: Limits) -> _Result:
    """The best of the candidates, and of what trades make of it, as they are when they are refitted."""
    if not case.options.refit:
        return _made(case, search.trial, candidates[0])
    affordable = max(1, REFIT_MACS // _refit_macs(case))
    results = [_made(case, search.trial, c) for c in candidates[:affordable]]
    best = min(results, key=lambda r: r.verdict.error)

    def error(candidate: Candidate) -> float:
        if candidate is not best.candidate:
            results.append(_made(case, search.trial, candidate))
            return results[-1].verdict.error
        return best.verdict.error

    search.refined(best.candidate, limits, error, min(TRIES, affordable - len(results)))
    return min(results, key=lambda r: r.verdict.error)


def _distinct(candidates: list[Candidate]) -> list[Candidate]:
    """Each choice of counts once, the best first."""
    found = {tuple(sorted(c.counts.items())): c for c in reversed(candidates)}
    return sorted(found.values(), key=lambda c: c.error)


def _refit_macs(case: _Case) -> int:
    """Of one candidate: for each layer about half of both models runs on all samples."""
    layers = sum(is_linear(op) for op in case.model.main.ops)
    return max(1, model_macs(case.model) * layers * case.samples.count)


def _trial(case: _Case) -> Trial:
    found = {g.name: r for g, r in readings(case.dead.folded, case.free, case.samples, case.setting.progress)}
    judge = Judge(case.model, case.samples.held_out(JUDGED))
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
        return [done, [[w.tensor, to_plain(w.values)] for w in new]]

    done, rows = case.notes.get(f"refit {sorted((g, list(u)) for g, u in candidate.gone.items())}", make)
    tensors = {t.name: t for t in model.main.tensors}
    for name, values in rows:
        tensors[name].set_data(from_plain(values))
    return _Result(candidate, model, tuple(done), trial.judge.verdict(model))


def _limits(case: _Case) -> Limits:
    before, o = _bill(case.model), case.options
    return Limits(
        _share(before.macs, o.macs, "multiply-accumulates"),
        _share(before.weight_bytes, o.size, "weights"),
        _share(before.ram_bytes, o.ram, "activations"),
    )


def _share(whole: int, share: float | None, what: str) -> int | None:
    if share is None:
        return None
    if not whole:
        raise UsageError(f"prune-channels cannot save {what}: the model has none")
    return max(1, int(whole * share))


def _unreachable(case: _Case, bill: Bill) -> str:
    before = _bill(case.model)
    return (
        f"prune-channels cannot reach the goal: with the fewest channels {bill.macs / max(before.macs, 1):.0%} of the "
        f"multiply-accumulates, {bill.weight_bytes / max(before.weight_bytes, 1):.0%} of the weights and "
        f"{bill.ram_bytes / max(before.ram_bytes, 1):.0%} of the activations are left"
    )


def _require_reached(case: _Case, result: Model) -> None:
    """Costs were foretold; what is made must keep the goal too."""
    bill, limits = _bill(result), _limits(case)
    pairs = ((bill.macs, limits.macs), (bill.weight_bytes, limits.weight_bytes), (bill.ram_bytes, limits.ram_bytes))
    if any(limit is not None and value > limit for value, limit in pairs):
        raise UsageError(_unreachable(case, bill))


def _plan(case: _Case, outcome: _Outcome) -> PrunePlan:
    result, gone, pace = outcome.model, outcome.gone, outcome.pace
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
    return PrunePlan(case.options, tuple(cuts), weights, before, after, outcome.tried, outcome.refitted, outcome.note)


def _new_weights(plain: Model, result: Model) -> tuple[NewWeights, ...]:
    """The constants whose values are not those of the plain cut."""
    before = {t.name: t for t in plain.main.tensors}
    changed = [t for t in result.main.tensors if t.is_constant and t.buffer.data != before[t.name].buffer.data]
    return tuple(NewWeights(t.name, np.asarray(t.data, np.float32)) for t in changed)


def _bill(model: Model) -> Bill:
    return Bill(model_macs(model), weight_bytes(model), activation_peak_bytes(model.main).bytes)


def _is_excluded(group: Group, options: PruneOptions) -> bool:
    makers = {group.name, *(p.op for p in group.parts if p.op)}
    return any(fnmatchcase(name, pattern) for name in makers for pattern in options.exclude)
