"""Choices of channels that reach a goal: in several orders, shared out over the groups in several ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from edgekit.compress.prune.allocation import Curve, allocate, descend, even, polish
from edgekit.compress.prune.costs import Costs, Limits
from edgekit.compress.prune.coupling import Group, Role
from edgekit.compress.prune.importance import Importance
from edgekit.compress.prune.notes import Notes
from edgekit.compress.prune.trial import Gone, Trial
from edgekit.core.progress import Progress, tracked

TRADES = 32
"""So many changes of an allocation are tried."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """The units of every group in the order in which they go, and what is lost as they do."""

    importance: Importance
    orders: Mapping[str, Sequence[int]]
    curves: Mapping[str, Curve]


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A choice of units, how it was found, and how far the outputs are then from the original's.

    Attributes:
        counts: how many of each group go; `gone` says which, by the ranking they come from.
    """

    by: str
    ranking: Ranking
    counts: Mapping[str, int]
    gone: Gone
    error: float
    agreement: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """What finding candidates needs.

    Attributes:
        multiples: by group, what is left is a multiple of this.
        notes: where what was found is kept.
    """

    trial: Trial
    costs: Costs
    multiples: Mapping[str, int]
    notes: Notes
    progress: Progress

    def ranking(self, importance: Importance) -> Ranking:
        """Every group's units ranked, and measured."""
        orders, curves = {}, {}
        groups, label = self.trial.groups, f"sensitivity, {importance.value}"
        for group in tracked(groups, label, len(groups), self.progress):

            def make(group: Group = group) -> list[Sequence[float]]:
                order = self.trial.order(group, importance)
                curve = self.trial.curve(group, order, self.multiples[group.name])
                return [order, curve.levels, curve.losses]

            order, levels, losses = self.notes.get(f"{importance.value} {group.name}", make)
            orders[group.name], curves[group.name] = tuple(order), Curve(tuple(levels), tuple(losses))
        return Ranking(importance, orders, curves)

    def plain(self, ranking: Ranking, limits: Limits) -> list[Candidate]:
        """Two quick choices, the one closer to the original first; none where the limits are out of reach."""
        excess = partial(self.costs.excess, limits)
        ways = {"each group for itself": allocate(ranking.curves, excess), "even shares": even(ranking.curves, excess)}
        found = [self._candidate(ranking, name, way.gone) for name, way in ways.items() if way.excess <= 0]
        return sorted(found, key=lambda c: c.error)

    def thorough(self, ranking: Ranking, limits: Limits) -> list[Candidate]:
        """The best choice within all groups, and within parts of them whose loss a refit makes up for best.

        A cut between two layers has one reader, whose refit sees all of it. A reader that has few rows for its taps,
        such as a classifier behind a mean over the image, is fitted to the samples and to little else.
        """
        excess = partial(self.costs.excess, limits)
        inner = {g.name for g in self.trial.groups if _makers(g) == 1}
        certain = {g.name for g in self.trial.groups if self.trial.is_certain(g)}
        scopes = {"all groups": set(ranking.curves), "groups between two layers": inner,
                  "groups whose readers are certain": certain}  # fmt: skip

        def error(counts: Mapping[str, int]) -> float:
            return self.trial.judge.verdict(self.trial.outcome(_chosen(ranking, counts))).error

        found: dict[frozenset[tuple[str, int]], Candidate] = {}
        for name, scope in tracked(scopes.items(), "allocation", len(scopes), self.progress):
            curves = {n: c if n in scope else Curve(c.levels[:1], c.losses[:1]) for n, c in ranking.curves.items()}
            ways = [w.gone for w in (allocate(curves, excess), descend(curves, excess, error)) if w.excess <= 0]
            if ways:
                counts = polish(min(ways, key=error), curves, excess, error, TRADES)
                found.setdefault(frozenset(counts.items()), self._candidate(ranking, name, counts))
        return sorted(found.values(), key=lambda c: c.error)

    def least(self, ranking: Ranking) -> dict[str, int]:
        """The most units that can go."""
        return {name: curve.levels[-1] for name, curve in ranking.curves.items()}

    def refined(
        self, candidate: Candidate, limits: Limits, error: Callable[[Candidate], float], tries: int
    ) -> Candidate:
        """What trades make of a candidate, judged by `error`, which may be dear."""
        ranking = candidate.ranking
        made = {tuple(candidate.counts.items()): candidate}

        def judged(counts: Mapping[str, int]) -> float:
            found = made.setdefault(tuple(counts.items()), self._candidate(ranking, "trades between groups", counts))
            return error(found)

        excess = partial(self.costs.excess, limits)
        best = polish(candidate.counts, ranking.curves, excess, judged, tries)
        return made[tuple(best.items())]

    def _candidate(self, ranking: Ranking, name: str, counts: Mapping[str, int]) -> Candidate:
        dead = {g: list(units) for g, units in self.trial.dead.items()}
        gone = {**dead, **_chosen(ranking, counts)}
        verdict = self.trial.judge.verdict(self.trial.outcome(gone))
        by = f"{ranking.importance.value}, {name}"
        return Candidate(by, ranking, counts, gone, verdict.error, verdict.agreement)


def _chosen(ranking: Ranking, counts: Mapping[str, int]) -> dict[str, Sequence[int]]:
    return {name: ranking.orders[name][:count] for name, count in counts.items() if count}


def _makers(group: Group) -> int:
    """How many operators make a group's channels: more than one where a sum joins them."""
    return len({p.op for p in group.parts if p.role is Role.PRODUCES})
